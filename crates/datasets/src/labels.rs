//! From a column of cells to classes or numbers.

use std::collections::HashMap;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::Array2;

use crate::target::Target;

/// The kind of task: what a target column means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TaskKind {
    /// Classification if the cells are words, or whole numbers with at most 20 distinct values that occur at least twice on
    /// average; else regression.
    #[default]
    Auto,
    /// Each distinct value is a class.
    Classification,
    /// Each cell is a number.
    Regression,
}

/// Distinct whole numbers that are classes at most under [`TaskKind::Auto`].
const MOST_NUMBERS: usize = 20;
/// Classes at most: a column with more holds names or prose.
const MOST_CLASSES: usize = 1 << 16;

/// Collects a target column, cell by cell, into a [`Target`].
///
/// The class names of a model keep its order. Without them the classes are the values that occur, sorted by size if all are
/// numbers, else by the alphabet.
pub(crate) struct Labels<A> {
    task: TaskKind,
    /// Whether the classes are those of a model.
    known: bool,
    /// Whether one of the cells was a word.
    words: bool,
    /// The names of the classes, in order of appearance.
    names: Vec<String>,
    codes: HashMap<String, u32>,
    classes: Vec<u32>,
    /// The numbers, once the target is known to be a regression.
    values: Option<Vec<A>>,
}

impl<A: Scalar> Labels<A> {
    pub(crate) fn new(task: TaskKind, classes: &[String]) -> Self {
        let spelled = classes.iter().map(|name| spelling(name, name.parse().ok()));
        Self {
            task,
            known: !classes.is_empty(),
            words: false,
            names: classes.to_vec(),
            codes: spelled.zip(0..).collect(),
            classes: Vec::new(),
            values: (task == TaskKind::Regression).then(Vec::new),
        }
    }

    /// Takes the next cell, which is not empty.
    ///
    /// # Errors
    /// What is wrong with it, and the cure.
    pub(crate) fn push(&mut self, cell: &str) -> Result<(), String> {
        self.take(cell, cell.parse().ok())
    }

    /// Takes the next cell of a format that has numbers.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub(crate) fn push_number(&mut self, x: f64) -> Result<(), String> {
        self.take(&x.to_string(), Some(x))
    }

    fn take(&mut self, cell: &str, number: Option<f64>) -> Result<(), String> {
        let is_whole = number.is_none_or(|x| x.fract() == 0.0);
        if !is_whole && self.task == TaskKind::Auto && !self.known && !self.words {
            self.give_up_classes();
        }
        if let Some(values) = &mut self.values {
            values.push(number.map(A::of).filter(|x| x.is_finite()).ok_or_else(|| {
                format!("{cell:?} is no finite number: correct it, or make this a classification")
            })?);
            return Ok(());
        }
        if !is_whole {
            // NaN and infinities have no whole part either.
            return Err(format!("{cell:?} is no class: correct it, or make this a regression"));
        }
        let name = spelling(cell, number);
        self.words |= number.is_none();
        if let Some(&code) = self.codes.get(&name) {
            self.classes.push(code);
            return Ok(());
        }
        if self.known {
            return Err(format!("{name:?} is not one of the classes {}", self.names.join(", ")));
        }
        if self.task == TaskKind::Auto && !self.words && self.names.len() == MOST_NUMBERS {
            self.give_up_classes();
            return self.take(cell, number);
        }
        if self.names.len() == MOST_CLASSES {
            return Err(format!("{name:?} is one class more than {MOST_CLASSES}: name another target"));
        }
        let code = self.names.len() as u32;
        self.names.push(name.clone());
        self.codes.insert(name, code);
        self.classes.push(code);
        Ok(())
    }

    /// Turns the whole numbers so far, which are no classes, into values.
    fn give_up_classes(&mut self) {
        if self.values.is_none() {
            let numbers: Vec<A> =
                self.names.iter().map(|name| A::of(name.parse().unwrap_or_default())).collect();
            let labels = std::mem::take(&mut self.classes);
            self.values = Some(labels.into_iter().map(|label| numbers[label as usize]).collect());
        }
    }

    /// The target; `name` is that of the column.
    pub(crate) fn finish(mut self, name: &str) -> Target<A> {
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

/// A cell's class name: numbers have one spelling each, so that `1`, `1.0` and `+1` are one class.
fn spelling(cell: &str, number: Option<f64>) -> String {
    number.map_or_else(|| cell.to_owned(), |x| (x + 0.0).to_string())
}

/// Numbers by size before words by the alphabet.
fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort_unstable();
    let number = |name: &String| name.parse::<f64>().unwrap_or(f64::INFINITY);
    names.sort_by(|a, b| number(a).total_cmp(&number(b)));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cells: &[&str], task: TaskKind, classes: &[&str]) -> Result<Target<f64>, String> {
        let classes: Vec<String> = classes.iter().map(ToString::to_string).collect();
        let mut labels = Labels::new(task, &classes);
        for (example, cell) in cells.iter().enumerate() {
            labels.push(cell).map_err(|fault| format!("{example}: {fault}"))?;
        }
        Ok(labels.finish("y"))
    }

    fn classes(labels: &[u32], names: &[&str]) -> Target<f64> {
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
    fn the_classes_of_a_model_keep_their_order() {
        assert_eq!(of(&["a", "c"], TaskKind::Auto, &["c", "b", "a"]), Ok(classes(&[2, 0], &["c", "b", "a"])));
        assert_eq!(of(&["7.0"], TaskKind::Auto, &["5", "7"]), Ok(classes(&[1], &["5", "7"])));
        assert!(of(&["d"], TaskKind::Auto, &["c", "b"]).unwrap_err().contains("not one of the classes c, b"));
    }
}
