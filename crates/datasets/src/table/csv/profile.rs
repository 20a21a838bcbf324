//! The forms of the numbers in the columns of a text, from all of its cells.

use crate::table::cells::is_missing;
use crate::table::date::DateForm;
use crate::table::form::{Decoration, NumberForm, of_any_size};

/// What the cells of a column have in common.
#[derive(Debug, Default)]
pub(super) struct Profile {
    /// Whether there is a cell that is not missing.
    seen: bool,
    /// Whether one of them is not a plain number.
    not_plain: bool,
    /// Whether one of them has a decimal point.
    point: bool,
    /// The forms that all cells have; `None` before the first cell.
    forms: Option<Vec<NumberForm>>,
    /// A cell that separates thousands in one of the forms.
    separated: Option<Box<str>>,
}

/// The form of a column.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    Form(NumberForm),
    /// Not all cells are numbers of one form.
    Nothing,
    /// Two forms fit: the cell and the cure.
    Ambiguous(String),
}

/// What decides where a comma could be a decimal comma or separate thousands.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Hints {
    pub(super) decimal: Option<char>,
    pub(super) thousands: Option<char>,
    /// The delimiter is a comma, so that the cell is quoted, as programs with a decimal point write thousands.
    pub(super) comma_delimits: bool,
}

impl Profile {
    /// Takes a cell of the first pass, which asks for plain numbers alone.
    pub(super) fn take_plain(&mut self, text: &str, missing: &[String]) {
        if !self.not_plain && !is_missing(text, missing) {
            self.seen = true;
            self.not_plain = of_any_size(text).is_none();
            self.point |= text.contains('.');
        }
    }

    /// Whether the second pass is needed.
    pub(super) fn is_open(&self, hints: Hints) -> bool {
        self.not_plain || hints.decimal.is_some_and(|mark| mark != '.') || hints.thousands.is_some()
    }

    /// Takes a cell of the second pass.
    pub(super) fn take(&mut self, text: &str, missing: &[String], hints: Hints) {
        if is_missing(text, missing) {
            return;
        }
        match &mut self.forms {
            None => self.forms = Some(NumberForm::all(text, hints.decimal, hints.thousands)),
            Some(forms) => forms.retain(|form| form.parse(text).is_some()),
        }
        let separates = |form: &NumberForm| matches!(form, NumberForm::Decorated(decoration) if decoration.separates(text));
        if self.separated.is_none() && self.forms.as_ref().is_some_and(|forms| forms.iter().any(separates)) {
            self.separated = Some(text.into());
        }
    }

    /// Whether the column has decimal commas for certain, or decimal points.
    pub(super) fn decimal(&self) -> Option<char> {
        if !self.not_plain {
            return self.point.then_some('.');
        }
        let marks: Vec<char> = self
            .forms
            .iter()
            .flatten()
            .filter_map(|form| match form {
                NumberForm::Decorated(decoration) => Some(decoration.decimal),
                _ => None,
            })
            .collect();
        marks
            .first()
            .copied()
            .filter(|first| marks.iter().all(|mark| mark == first) && self.separated.is_none())
    }

    /// The form of the column; `elsewhere` is the decimal mark of the other columns.
    pub(super) fn found(&self, hints: Hints, elsewhere: Option<char>) -> Found {
        if !self.seen {
            return Found::Nothing;
        }
        if !self.is_open(hints) {
            return Found::Form(NumberForm::Plain);
        }
        let Some(forms) = &self.forms else { return Found::Nothing };
        let Some(first) = forms.first() else { return Found::Nothing };
        match first {
            NumberForm::Date(DateForm::DayMonthYear)
                if forms.contains(&NumberForm::Date(DateForm::MonthDayYear)) =>
            {
                let fault = "its dates could begin with the day or with the month";
                return Found::Ambiguous(format!(
                    "{fault}: write them as 2024-01-31, or leave the column out (--drop)"
                ));
            }
            NumberForm::Decorated(Decoration { decimal: '.', thousands: Some(','), .. })
                if !hints.comma_delimits && hints.thousands.is_none() && hints.decimal.is_none() =>
            {
                let comma = forms.iter().find(|form| {
                    matches!(form, NumberForm::Decorated(Decoration { decimal: ',', thousands: None, .. }))
                });
                match (comma, elsewhere) {
                    (Some(comma), Some(',')) => return Found::Form(comma.clone()),
                    (Some(_), None) => {
                        let cell = self.separated.as_deref().unwrap_or_default();
                        return Found::Ambiguous(format!(
                            "{cell:?} could have a decimal comma or a comma between thousands: say which (--decimal , or --thousands ,)"
                        ));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        Found::Form(first.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(cells: &[&str], hints: Hints, elsewhere: Option<char>) -> Found {
        let mut profile = Profile::default();
        for cell in cells {
            profile.take_plain(cell, &[]);
        }
        for cell in cells {
            profile.take(cell, &[], hints);
        }
        profile.found(hints, elsewhere)
    }

    fn read(cells: &[&str], hints: Hints, elsewhere: Option<char>) -> Option<Vec<f64>> {
        match found(cells, hints, elsewhere) {
            Found::Form(form) => cells.iter().map(|cell| form.parse(cell)).collect(),
            _ => None,
        }
    }

    #[test]
    fn the_form_of_a_column_is_one_that_all_its_cells_have() {
        let free = Hints::default();
        assert_eq!(read(&["1", "2.5", "-3e2"], free, None), Some(vec![1.0, 2.5, -300.0]));
        assert_eq!(read(&["0,5", "12,25", "7"], free, None), Some(vec![0.5, 12.25, 7.0]));
        assert_eq!(read(&["1.234,5", "7"], free, None), Some(vec![1234.5, 7.0]));
        assert_eq!(read(&["$5,010", "$7.25"], free, None), Some(vec![5010.0, 7.25]));
        assert_eq!(read(&["45.2%", "3%"], free, None), Some(vec![45.2, 3.0]));
        assert_eq!(read(&["2024-01-01", "2024-01-03"], free, None), Some(vec![19_723.0, 19_725.0]));
        assert_eq!(read(&["31/01/2024", "01/02/2024"], free, None), Some(vec![19_753.0, 19_754.0]));
        for words in [&["a", "b"][..], &["$5", "€5"], &["45%", "45"], &["0,5", "x"], &["infinity", "1"]] {
            assert_eq!(found(words, free, None), Found::Nothing, "{words:?}");
        }
        assert_eq!(found(&["1.5", "?"], free, None), Found::Form(NumberForm::Plain));
    }

    #[test]
    fn a_comma_before_three_digits_needs_a_hint() {
        let cells = ["5,010", "6,250"];
        let free = Hints::default();
        assert!(matches!(found(&cells, free, None), Found::Ambiguous(text) if text.contains("--decimal")));
        assert_eq!(read(&cells, free, Some(',')), Some(vec![5.01, 6.25]));
        assert_eq!(read(&cells, free, Some('.')), Some(vec![5010.0, 6250.0]));
        assert_eq!(read(&cells, Hints { comma_delimits: true, ..free }, None), Some(vec![5010.0, 6250.0]));
        assert_eq!(read(&cells, Hints { decimal: Some(','), ..free }, None), Some(vec![5.01, 6.25]));
        assert_eq!(read(&cells, Hints { thousands: Some(','), ..free }, None), Some(vec![5010.0, 6250.0]));
        assert!(matches!(found(&["1/2/2024", "3/4/2024"], free, None), Found::Ambiguous(_)));
    }
}
