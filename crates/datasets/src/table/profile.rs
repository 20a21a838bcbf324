//! The forms of the numbers in the columns of a table, from all of its cells.

use chainrule_tensor::Scalar;

use super::builder::Builder;
use super::cells::is_missing;
use super::date::DateForm;
use super::form::{Decoration, NumberForm, of_any_size, plain};

/// What the cells of a column have in common.
#[derive(Debug, Default)]
struct Profile {
    /// Whether there is a cell that is not missing.
    seen: bool,
    /// Whether one of them is not a plain number.
    not_plain: bool,
    /// A cell with a point.
    point: Option<Box<str>>,
    /// Whether a point is a decimal point for certain: in one of the cells it cannot separate thousands.
    decimal_point: bool,
    /// The forms that all cells have; `None` before the first cell.
    forms: Option<Vec<NumberForm>>,
    /// A cell that separates thousands in one of the forms.
    separated: Option<Box<str>>,
    dates: Dates,
    model: Option<Known>,
}

/// The cells of a column that are dates of one form, and the others.
#[derive(Debug, Default)]
struct Dates {
    /// The forms of all cells that are dates; empty before the first.
    forms: Vec<NumberForm>,
    found: usize,
    others: usize,
    /// Those of the others that are written as dates, such as 0000-00-00.
    impossible: usize,
}

impl Dates {
    fn take(&mut self, text: &str) {
        let is_date = |form: &NumberForm| form.parse(text).is_some();
        let forms: Vec<NumberForm> = if self.forms.is_empty() {
            DateForm::ALL.map(NumberForm::Date).into_iter().filter(is_date).collect()
        } else {
            self.forms.iter().filter(|form| is_date(form)).cloned().collect()
        };
        if forms.is_empty() {
            self.others += 1;
            self.impossible += usize::from(DateForm::is_shape(text));
        } else {
            self.forms = forms;
            self.found += 1;
        }
    }

    /// The form of nearly all cells: a cell in another one then is a mistake, and no word.
    fn of_most(&self) -> Option<&NumberForm> {
        let words = self.others - self.impossible;
        let are_most = self.found > 1 && self.found >= 10 * words + 2 * self.impossible;
        self.forms.first().filter(|_| are_most && self.others > 0)
    }
}

/// The form in a model's training data, and whether a cell is none.
#[derive(Debug)]
struct Known {
    form: NumberForm,
    misfits: bool,
}

/// The form of a column.
#[derive(Debug, PartialEq)]
enum Found {
    Form(NumberForm),
    /// Not all cells are numbers of one form.
    Nothing,
    /// Two forms fit, or none that the options allow: the cell and the cure.
    Refused(String),
}

/// What decides where a comma could be a decimal comma or separate thousands.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Hints {
    pub(super) decimal: Option<char>,
    pub(super) thousands: Option<char>,
    /// The delimiter is a comma, so that the cell is quoted, as programs with a decimal point write thousands.
    pub(super) comma_delimits: bool,
}

impl Hints {
    fn are_given(self) -> bool {
        self.decimal.is_some() || self.thousands.is_some()
    }

    /// Whether a point cannot be a decimal point.
    fn forbid_points(self) -> bool {
        self.decimal == Some(',') || self.thousands == Some('.')
    }
}

/// Points between thousands, commas before decimals.
const POINTS_SEPARATE: Decoration =
    Decoration { decimal: ',', thousands: Some('.'), currency: None, percent: false };

impl Profile {
    /// Takes a cell of the first pass, which asks for plain numbers, or those of a model, alone.
    fn take_plain(&mut self, text: &str, missing: &[String]) {
        let done = self.not_plain && self.model.as_ref().is_none_or(|model| model.misfits);
        if done || is_missing(text, missing) {
            return;
        }
        self.seen = true;
        self.not_plain |= of_any_size(text).is_none();
        self.take_point(text);
        if let Some(model) = &mut self.model {
            model.misfits |= model.form.parse(text).is_none();
        }
    }

    fn take_point(&mut self, text: &str) {
        if text.contains('.') {
            self.decimal_point |= plain(text).is_some() && POINTS_SEPARATE.parse(text).is_none();
            self.point.get_or_insert_with(|| text.into());
        }
    }

    /// Whether the second pass is needed.
    fn is_open(&self, hints: Hints) -> bool {
        if let Some(model) = &self.model {
            return model.misfits || hints.are_given();
        }
        let separated = self.point.is_some() && !self.decimal_point;
        self.not_plain
            || hints.decimal.is_some_and(|mark| mark != '.')
            || hints.thousands.is_some()
            || separated && !hints.are_given()
    }

    /// Takes a cell of the second pass.
    fn take(&mut self, text: &str, missing: &[String], hints: Hints) {
        if is_missing(text, missing) {
            return;
        }
        self.take_point(text);
        self.dates.take(text);
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
    fn decimal(&self) -> Option<char> {
        if !self.not_plain {
            return (self.point.is_some() && self.decimal_point).then_some('.');
        }
        let mut marks = self.forms.iter().flatten().filter_map(NumberForm::decimal);
        let first = marks.next()?;
        marks.all(|mark| mark == first).then_some(first)
    }

    /// The form of the column; `elsewhere` is the decimal mark of the other columns.
    fn found(&self, hints: Hints, elsewhere: Option<char>) -> Found {
        if !self.seen {
            return Found::Nothing;
        }
        if let Some(model) = &self.model {
            return self.found_like(model, hints);
        }
        if !self.is_open(hints) {
            return Found::Form(NumberForm::Plain);
        }
        let Some(forms) = &self.forms else { return Found::Nothing };
        let Some(first) = forms.first() else {
            let dates = self.dates.of_most().cloned();
            return dates.map_or_else(|| self.forbidden(hints), Found::Form);
        };
        let ambiguous = |separator: &str| {
            let cell = self.separated.as_deref().unwrap_or_default();
            Found::Refused(format!(
                "{cell:?} could have a decimal {separator} or a {separator} between thousands: say which (--decimal {mark} or \
                 --thousands {mark})",
                mark = if separator == "comma" { ',' } else { '.' }
            ))
        };
        match first {
            NumberForm::Date(DateForm::DayMonthYear)
                if forms.contains(&NumberForm::Date(DateForm::MonthDayYear)) =>
            {
                let fault = "its dates could begin with the day or with the month";
                return Found::Refused(format!(
                    "{fault}: write them as 2024-01-31, or leave the column out (--drop)"
                ));
            }
            NumberForm::Decorated(Decoration { decimal: '.', thousands: Some(','), .. })
                if !hints.comma_delimits && !hints.are_given() && self.separated.is_some() =>
            {
                let comma = forms.iter().find(|form| {
                    matches!(form, NumberForm::Decorated(Decoration { decimal: ',', thousands: None, .. }))
                });
                match (comma, elsewhere) {
                    (Some(comma), Some(',')) => return Found::Form(comma.clone()),
                    (Some(_), None) => return ambiguous("comma"),
                    _ => {}
                }
            }
            NumberForm::Plain | NumberForm::Decorated(Decoration { decimal: '.', thousands: None, .. })
                if self.point.is_some() && !hints.are_given() =>
            {
                let separates = forms.iter().find(|form| {
                    matches!(
                        form,
                        NumberForm::Decorated(Decoration { decimal: ',', thousands: Some('.'), .. })
                    )
                });
                let is_price = matches!(first, NumberForm::Decorated(Decoration { currency: Some(_), .. }));
                match (separates, elsewhere) {
                    (Some(separates), Some(',')) => return Found::Form(separates.clone()),
                    (Some(_), None) if is_price && !hints.comma_delimits => return ambiguous("point"),
                    _ => {}
                }
            }
            _ => {}
        }
        match first {
            // What no cell has is no part of the form.
            NumberForm::Decorated(decoration) if self.separated.is_none() && !hints.are_given() => {
                Found::Form(NumberForm::Decorated(Decoration { thousands: None, ..decoration.clone() }))
            }
            form => Found::Form(form.clone()),
        }
    }

    /// What it means that no form fits.
    fn forbidden(&self, hints: Hints) -> Found {
        match &self.point {
            Some(cell) if !self.not_plain && hints.forbid_points() => Found::Refused(format!(
                "{cell:?} is no number if points are not decimal points (--decimal, --thousands): correct it, or omit these options"
            )),
            _ => Found::Nothing,
        }
    }

    /// The form of a column for a model: its own, or one with the same unit, in which the cells can be read in one way only.
    fn found_like(&self, Known { form: model, misfits }: &Known, hints: Hints) -> Found {
        if !self.is_open(hints) {
            return Found::Nothing;
        }
        let alike: Vec<&NumberForm> =
            self.forms.iter().flatten().filter(|form| form.has_unit_of(model)).collect();
        let Some(first) = alike.first() else {
            return if *misfits { Found::Nothing } else { self.forbidden(hints) };
        };
        let differ = alike.iter().any(|form| form.decimal() != first.decimal());
        if differ && self.has_marks() && !hints.are_given() {
            let cell = self.separated.as_deref().unwrap_or_default();
            return Found::Refused(format!(
                "{cell:?} is no number in the form of the training data ({model}), and can be read in two ways: say which \
                 (--decimal or --thousands)"
            ));
        }
        Found::Form((*first).clone())
    }

    /// Whether a cell has a comma or a point that separates thousands in one of the forms.
    fn has_marks(&self) -> bool {
        self.separated.as_ref().is_some_and(|text| text.contains([',', '.']))
    }
}

/// The columns of a table whose forms are to be found.
pub(super) struct Profiles {
    columns: Vec<Option<Profile>>,
    hints: Hints,
}

impl Profiles {
    /// For a table with this number of columns.
    pub(super) fn new<A: Scalar>(builder: &Builder<A>, width: usize, hints: Hints) -> Self {
        let profile = |place| {
            let model = builder.model_form(place).map(|form| Known { form: form.clone(), misfits: false });
            (model.is_some() || builder.wants_form(place)).then(|| Profile { model, ..Profile::default() })
        };
        Self { columns: (0..width).map(profile).collect(), hints }
    }

    /// Takes a cell of the first pass.
    pub(super) fn take_plain(&mut self, place: usize, text: &str, missing: &[String]) {
        if let Some(profile) = &mut self.columns[place] {
            profile.take_plain(text, missing);
        }
    }

    /// Whether a second pass is needed.
    pub(super) fn are_open(&self) -> bool {
        self.columns.iter().flatten().any(|profile| profile.seen && profile.is_open(self.hints))
    }

    /// Takes a cell of the second pass.
    pub(super) fn take(&mut self, place: usize, text: &str, missing: &[String]) {
        if let Some(profile) = self.columns[place].as_mut().filter(|profile| profile.is_open(self.hints)) {
            profile.take(text, missing, self.hints);
        }
    }

    /// Declares the forms.
    ///
    /// # Errors
    /// The place of a column whose numbers can be read in two ways, and the cure.
    pub(super) fn decide<A: Scalar>(&self, builder: &mut Builder<A>) -> Result<(), (usize, String)> {
        let marks: Vec<char> = self.columns.iter().flatten().filter_map(Profile::decimal).collect();
        let elsewhere = marks.first().copied().filter(|first| marks.iter().all(|mark| mark == first));
        for (place, profile) in self.columns.iter().enumerate() {
            match profile.as_ref().map(|profile| profile.found(self.hints, elsewhere)) {
                Some(Found::Form(form)) => builder.set_form(place, form),
                Some(Found::Refused(fault)) => return Err((place, fault)),
                Some(Found::Nothing) | None => {}
            }
        }
        Ok(())
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
        assert!(matches!(found(&cells, free, None), Found::Refused(text) if text.contains("--decimal")));
        assert_eq!(read(&cells, free, Some(',')), Some(vec![5.01, 6.25]));
        assert_eq!(read(&cells, free, Some('.')), Some(vec![5010.0, 6250.0]));
        assert_eq!(read(&cells, Hints { comma_delimits: true, ..free }, None), Some(vec![5010.0, 6250.0]));
        assert_eq!(read(&cells, Hints { decimal: Some(','), ..free }, None), Some(vec![5.01, 6.25]));
        assert_eq!(read(&cells, Hints { thousands: Some(','), ..free }, None), Some(vec![5010.0, 6250.0]));
        assert!(matches!(found(&["1/2/2024", "3/4/2024"], free, None), Found::Refused(_)));
    }
    #[test]
    fn a_point_before_three_digits_is_what_the_other_columns_say() {
        let free = Hints::default();
        let cells = ["902", "1.101"];
        assert_eq!(read(&cells, free, None), Some(vec![902.0, 1.101]));
        assert_eq!(read(&cells, free, Some(',')), Some(vec![902.0, 1101.0]));
        assert_eq!(read(&["1.5", "1.101"], free, Some(',')), Some(vec![1.5, 1.101]));
        let comma = Hints { decimal: Some(','), ..free };
        assert_eq!(read(&cells, comma, None), Some(vec![902.0, 1101.0]));
        assert!(
            matches!(found(&["1.5", "2"], comma, None), Found::Refused(text) if text.contains("\"1.5\""))
        );
        assert!(
            matches!(found(&["$1.101"], free, None), Found::Refused(text) if text.contains("--thousands ."))
        );
        // No thousand begins with 0.
        assert_eq!(
            read(&["0,020", "5,010"], Hints { comma_delimits: true, ..free }, None),
            Some(vec![0.02, 5.01])
        );
    }

    #[test]
    fn a_model_takes_the_same_unit_in_another_form_that_is_certain() {
        let like = |model: &str, cells: &[&str], hints: Hints| {
            let model = NumberForm::all(model, None, None).remove(0);
            let model = Some(Known { form: model, misfits: false });
            let mut profile = Profile { model, ..Profile::default() };
            for cell in cells {
                profile.take_plain(cell, &[]);
            }
            for cell in cells {
                profile.take(cell, &[], hints);
            }
            match profile.found(hints, None) {
                Found::Form(form) => cells.iter().map(|cell| form.parse(cell)).collect(),
                found => Err(found).ok(),
            }
        };
        let free = Hints::default();
        assert_eq!(like("$150.50", &["$1,234.50", "$3.00"], free), Some(vec![1234.5, 3.0]));
        assert_eq!(like("3,5", &["1.234,5"], free), Some(vec![1234.5]));
        assert_eq!(like("3.5", &["1,5"], free), Some(vec![1.5]));
        for (model, cell) in [("3.5", "1,234"), ("3,5", "1.234"), ("3.5", "45%"), ("$3", "€3"), ("3", "x")]
        {
            assert_eq!(like(model, &[cell], free), None, "{model} {cell}");
        }
        assert_eq!(like("3.5", &["30.500"], Hints { thousands: Some('.'), ..free }), Some(vec![30_500.0]));
        assert_eq!(like("3.5", &["1,234"], Hints { decimal: Some(','), ..free }), Some(vec![1.234]));
    }
}
