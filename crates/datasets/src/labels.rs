//! From a column of cells to classes or numbers.

use std::borrow::Cow;
use std::collections::HashMap;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::Array2;

use crate::table::cells::{is_marker, shortened};
use crate::table::form::{NumberForm, plain, spelling, too_large};
use crate::target::Target;
use crate::task::TaskKind;

/// Distinct whole numbers that are classes at most under [`TaskKind::Auto`].
const MOST_NUMBERS: usize = 20;
/// Classes at most: a column with more holds names or prose.
const MOST_CLASSES: usize = 1 << 16;

/// Collects a target column, cell by cell, into a [`Target`].
///
/// The class names of a model keep its order. Without them the classes are the values that occur, sorted by size if all are
/// numbers, else by the alphabet.
pub(crate) struct Labels {
    task: TaskKind,
    /// Whether the classes are those of a model.
    known: bool,
    /// Whether one of the cells was a word, or a number.
    words: bool,
    numbers: bool,
    expected: Expected,
    form: NumberForm,
    /// The names of the classes, in order of appearance.
    names: Vec<String>,
    codes: HashMap<String, u32>,
    classes: Vec<u32>,
    /// The numbers, once the target is known to be a regression.
    values: Option<Vec<f64>>,
}

/// What the cells to come are known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Anything,
    Numbers,
}

impl Labels {
    pub(crate) fn new(task: TaskKind, classes: &[String]) -> Self {
        let spelled = classes.iter().map(|name| spelling(name).to_owned());
        Self {
            task,
            known: !classes.is_empty(),
            words: false,
            numbers: false,
            expected: Expected::Anything,
            form: NumberForm::Plain,
            names: classes.to_vec(),
            codes: spelled.zip(0..).collect(),
            classes: Vec::new(),
            values: (task == TaskKind::Regression).then(Vec::new),
        }
    }

    /// Whether it matters how numbers are spelled.
    #[cfg(any(feature = "csv", feature = "parquet"))]
    pub(crate) fn wants_form(&self) -> bool {
        self.task != TaskKind::Classification && !self.known
    }

    /// Declares how the cells spell numbers.
    pub(crate) fn set_form(&mut self, form: NumberForm) {
        self.form = form;
    }

    pub(crate) fn form(&self) -> &NumberForm {
        &self.form
    }

    /// Declares that all cells are numbers in this form.
    #[cfg(any(feature = "csv", feature = "parquet"))]
    pub(crate) fn set_numbers(&mut self, form: NumberForm) {
        self.form = form;
        self.expected = Expected::Numbers;
    }

    /// Takes the next cell, which is not empty, for examples in the number type `A`.
    ///
    /// # Errors
    /// What is wrong with it, and the cure.
    pub(crate) fn push<A: Scalar>(&mut self, cell: &str) -> Result<(), String> {
        let number = self.form.parse(cell);
        let is_measured = self.expected == Expected::Numbers || self.values.is_some();
        if let Some(x) = number.filter(|&x| is_measured && !A::of(x).is_finite()) {
            return Err(too_large::<A>(cell, x));
        }
        // The name of a class has no marks between thousands and a decimal point.
        let digits = number.and_then(|_| self.form.digits(cell)).map(Cow::into_owned);
        self.take(digits.as_deref().unwrap_or(cell), number.filter(|x| x.is_finite()))
    }

    /// Takes the next cell of a format that has numbers.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub(crate) fn push_number<A: Scalar>(&mut self, x: f64) -> Result<(), String> {
        if !x.is_finite() {
            return Err(format!("{x} is no finite number: correct it or drop the row"));
        }
        if !A::of(x).is_finite() {
            return Err(too_large::<A>(&format!("{x:e}"), x));
        }
        self.take(&x.to_string(), Some(x))
    }

    /// Takes the next cell of a format that has whole numbers.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub(crate) fn push_integer(&mut self, n: i128) -> Result<(), String> {
        self.take(&n.to_string(), Some(n as f64))
    }

    fn take(&mut self, cell: &str, number: Option<f64>) -> Result<(), String> {
        // Dates and numbers with a unit are measured, not counted.
        let is_whole = number.is_none_or(|x| x.fract() == 0.0 && self.form.has_unit_of(&NumberForm::Plain));
        if !is_whole && self.task == TaskKind::Auto && !self.known && !self.words {
            self.give_up_classes();
        }
        if let Some(values) = &mut self.values {
            values.push(number.ok_or_else(|| {
                format!("{cell:?} is no finite number: correct it, or make this a classification (--task classification)")
            })?);
            return Ok(());
        }
        // Among numbers, what Rust reads as infinite or as no number is no name.
        let is_infinite = number.is_none() && self.numbers && cell.parse::<f64>().is_ok();
        if is_infinite {
            return Err(format!("{cell:?} is no class among numbers: correct it or drop the row"));
        }
        let marker = match number {
            None => Some(cell).filter(|cell| self.numbers && is_marker(cell)),
            Some(_) if self.numbers => None,
            Some(_) => self.names.iter().map(String::as_str).find(|name| is_marker(name)),
        };
        if let Some(marker) = marker.filter(|_| self.task == TaskKind::Auto && !self.known) {
            return Err(format!(
                "{marker:?} among numbers could be a class or a missing value: drop the row, or make this a classification (--task \
                 classification)"
            ));
        }
        if !is_whole {
            return Err(format!(
                "{cell:?} is no class: correct it, or make this a regression (--task regression)"
            ));
        }
        let name = spelling(cell);
        self.words |= number.is_none();
        self.numbers |= number.is_some();
        if let Some(&code) = self.codes.get(name) {
            self.classes.push(code);
            return Ok(());
        }
        if self.known {
            let equal = number.and_then(|x| {
                let mut equal = self.names.iter().filter(|name| plain(name) == Some(x));
                equal.next().filter(|_| equal.next().is_none())
            });
            if let Some(equal) = equal {
                let code = self.codes[spelling(equal)];
                self.classes.push(code);
                return Ok(());
            }
            return Err(format!("{name:?} is not one of the classes {}", shortened(&self.names)));
        }
        if self.task == TaskKind::Auto && !self.words && self.names.len() == MOST_NUMBERS {
            self.give_up_classes();
            return self.take(cell, number);
        }
        if self.names.len() == MOST_CLASSES {
            return Err(format!(
                "{name:?} is one class more than {MOST_CLASSES}: name another target (--target)"
            ));
        }
        let code = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.codes.insert(name.to_owned(), code);
        self.classes.push(code);
        Ok(())
    }

    /// Turns the whole numbers so far, which are no classes, into values.
    fn give_up_classes(&mut self) {
        if self.values.is_none() {
            let numbers: Vec<f64> = self.names.iter().map(|name| name.parse().unwrap_or_default()).collect();
            let labels = std::mem::take(&mut self.classes);
            self.values = Some(labels.into_iter().map(|label| numbers[label as usize]).collect());
        }
    }

    /// The target; `name` is that of the column.
    pub(crate) fn finish(mut self, name: &str) -> Target {
        let few = 2 * self.names.len() > self.classes.len();
        if self.task == TaskKind::Auto && !self.known && !self.words && few {
            self.give_up_classes();
        }
        if let Some(values) = self.values {
            let values =
                Array2::from_shape_vec((values.len(), 1), values).expect("a column has one number a row");
            return Target::Real { values, names: vec![name.to_owned()] };
        }
        if !self.known {
            let old = std::mem::take(&mut self.names);
            self.names = sorted(&old);
            let place: HashMap<&String, u32> = self.names.iter().zip(0..).collect();
            let new: Vec<u32> = old.iter().map(|name| place[name]).collect();
            self.classes.iter_mut().for_each(|label| *label = new[*label as usize]);
        }
        Target::Classes { labels: self.classes, names: self.names }
    }
}

/// Numbers by size before words by the alphabet.
fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort_unstable();
    let number = |name: &String| plain(name).unwrap_or(f64::INFINITY);
    names.sort_by(|a, b| number(a).total_cmp(&number(b)));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cells: &[&str], task: TaskKind, classes: &[&str]) -> Result<Target, String> {
        let classes: Vec<String> = classes.iter().map(ToString::to_string).collect();
        let mut labels = Labels::new(task, &classes);
        for (example, cell) in cells.iter().enumerate() {
            labels.push::<f64>(cell).map_err(|fault| format!("{example}: {fault}"))?;
        }
        Ok(labels.finish("y"))
    }

    fn classes(labels: &[u32], names: &[&str]) -> Target {
        let names = names.iter().map(ToString::to_string).collect();
        Target::Classes { labels: labels.to_vec(), names }
    }

    #[test]
    fn words_and_few_whole_numbers_are_classes() {
        assert_eq!(of(&["b", "a", "b"], TaskKind::Auto, &[]), Ok(classes(&[1, 0, 1], &["a", "b"])));
        assert_eq!(
            of(&["10", "2", "2.0", "-0", "10", "0"], TaskKind::Auto, &[]),
            Ok(classes(&[2, 1, 1, 0, 2, 0], &["0", "2", "10"]))
        );
        assert!(!of(&["1", "2", "3"], TaskKind::Auto, &[]).unwrap().is_classes());
        assert!(!of(&["1", "1", "1.5", "1"], TaskKind::Auto, &[]).unwrap().is_classes());
        let many: Vec<String> = (0..42).map(|i| (i % 21).to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let Target::Real { values, .. } = of(&many, TaskKind::Auto, &[]).unwrap() else {
            panic!("21 numbers")
        };
        assert!(values.iter().map(|&x| x as usize).eq((0..42).map(|i| i % 21)));
        assert!(of(&[&many[..20], &many[..20]].concat(), TaskKind::Auto, &[]).unwrap().is_classes());
    }

    #[test]
    fn a_mark_of_missing_values_among_numbers_is_no_class_by_itself() {
        for cells in [["0", "1", "-", "1"], ["-", "0", "1", "1"], ["#N/A", "-", "0", "1"]] {
            assert!(
                of(&cells, TaskKind::Auto, &[]).unwrap_err().contains("--task classification"),
                "{cells:?}"
            );
            assert!(of(&cells, TaskKind::Classification, &[]).is_ok());
        }
        assert!(of(&["none", "some", "none", "some"], TaskKind::Auto, &[]).unwrap().is_classes());
    }

    #[test]
    fn a_task_is_obeyed_or_refused() {
        assert_eq!(
            of(&["1", "2", "3"], TaskKind::Classification, &[]),
            Ok(classes(&[0, 1, 2], &["1", "2", "3"]))
        );
        assert!(!of(&["1", "1"], TaskKind::Regression, &[]).unwrap().is_classes());
        assert!(
            of(&["1", "x"], TaskKind::Regression, &[])
                .unwrap_err()
                .starts_with("1: \"x\" is no finite number")
        );
        for bad in ["0.5", "nan", "inf"] {
            assert!(of(&["1", bad], TaskKind::Classification, &[]).unwrap_err().contains("is no class"));
        }
    }

    #[test]
    fn class_names_are_the_text_of_the_file() {
        let names = ["0107", "107", "1e2", "100", "01", "9007199254740992", "9007199254740993", "1e3"];
        let cells: Vec<&str> = names.iter().chain(&names).copied().collect();
        let Target::Classes { names: found, labels } = of(&cells, TaskKind::Classification, &[]).unwrap()
        else {
            panic!("classes")
        };
        assert_eq!(labels[..8], labels[8..]);
        let text: Vec<&str> = labels[..8].iter().map(|&label| found[label as usize].as_str()).collect();
        assert_eq!(text, names);
        let words = ["finite", "infinity", "finite", "infinity"];
        assert_eq!(of(&words, TaskKind::Auto, &[]), Ok(classes(&[0, 1, 0, 1], &["finite", "infinity"])));
        assert!(of(&words, TaskKind::Regression, &[]).unwrap_err().contains("--task classification"));
    }

    #[test]
    fn the_classes_of_a_model_keep_their_order() {
        assert_eq!(of(&["a", "c"], TaskKind::Auto, &["c", "b", "a"]), Ok(classes(&[2, 0], &["c", "b", "a"])));
        assert_eq!(of(&["7.0"], TaskKind::Auto, &["5", "7"]), Ok(classes(&[1], &["5", "7"])));
        let zeros = of(&["07", "7"], TaskKind::Auto, &["007", "7"]);
        assert!(zeros.unwrap_err().starts_with("0: \"07\" is not one of the classes"));
        assert!(of(&["d"], TaskKind::Auto, &["c", "b"]).unwrap_err().contains("not one of the classes c, b"));
    }
}
