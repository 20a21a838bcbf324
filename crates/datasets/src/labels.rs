//! From a column of cells to classes or numbers.

use crate::Target;
use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::Array2;

/// What a target column means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Task {
    /// Classes where the cells are words, or whole numbers with at most 20 different values that occur twice or more
    /// on average; else numbers.
    #[default]
    Auto,
    /// Each different cell is a class.
    Classification,
    /// Each cell is a number.
    Regression,
}

/// What is still a class by itself, and not a count, under [`Task::Auto`].
const MOST_CLASSES: usize = 20;

/// A cell that cannot be what it must be.
pub(crate) struct Fault {
    /// The example, from 0.
    pub(crate) example: usize,
    pub(crate) fault: String,
}

/// Makes a target of one column of cells, none of them empty.
///
/// `classes` are the names that a model knows, in its order; if there are none, the classes are what occurs: in order
/// of their size if all are numbers, else of the alphabet.
pub(crate) fn target<A: Scalar>(
    cells: &[String],
    name: &str,
    task: Task,
    classes: &[String],
) -> Result<Target<A>, Fault> {
    let numbers: Vec<Option<f64>> = cells.iter().map(|cell| cell.parse().ok()).collect();
    let as_classes = match task {
        Task::Classification => true,
        Task::Regression => false,
        Task::Auto => !classes.is_empty() || look_like_classes(&numbers),
    };
    if as_classes { classify(cells, &numbers, classes) } else { measure(cells, &numbers, name) }
}

fn look_like_classes(numbers: &[Option<f64>]) -> bool {
    let mut values = Vec::new();
    for number in numbers {
        match number {
            None => return true,
            Some(x) if x.fract() != 0.0 => return false,
            Some(x) if !values.contains(x) && values.len() <= MOST_CLASSES => values.push(*x),
            Some(_) => {}
        }
    }
    values.len() <= MOST_CLASSES && 2 * values.len() <= numbers.len()
}

fn measure<A: Scalar>(cells: &[String], numbers: &[Option<f64>], name: &str) -> Result<Target<A>, Fault> {
    let mut values = Array2::zeros((cells.len(), 1));
    for (example, (number, value)) in numbers.iter().zip(&mut values).enumerate() {
        *value = number.map(A::of).filter(|x| x.is_finite()).ok_or_else(|| {
            let fault = format!(
                "{:?} is no finite number: correct it, or make this a classification",
                cells[example]
            );
            Fault { example, fault }
        })?;
    }
    Ok(Target::Real { values, names: vec![name.to_owned()] })
}

/// A cell's class name: numbers have one spelling each, so that `1`, `1.0` and `+1` are one class.
fn spelling(cell: &str, number: Option<f64>) -> String {
    number.map_or_else(|| cell.to_owned(), |x| (x + 0.0).to_string())
}

fn classify<A: Scalar>(
    cells: &[String],
    numbers: &[Option<f64>],
    classes: &[String],
) -> Result<Target<A>, Fault> {
    if let Some(example) = numbers.iter().position(|number| number.is_some_and(|x| x.fract() != 0.0)) {
        // NaN and infinities have no whole part either.
        let fault = format!("{:?} is no class: correct it, or make this a regression", cells[example]);
        return Err(Fault { example, fault });
    }
    let spelled: Vec<String> =
        cells.iter().zip(numbers).map(|(cell, &number)| spelling(cell, number)).collect();
    let names = if classes.is_empty() { found(&spelled) } else { classes.to_vec() };
    let known: std::collections::HashMap<String, u32> =
        names.iter().zip(0..).map(|(name, label)| (spelling(name, name.parse().ok()), label)).collect();
    let label = |(example, name): (usize, &String)| {
        known.get(name).copied().ok_or_else(|| {
            let fault = format!("{name:?} is none of the classes {}", names.join(", "));
            Fault { example, fault }
        })
    };
    let labels = spelled.iter().enumerate().map(label).collect::<Result<Vec<u32>, Fault>>()?;
    Ok(Target::Classes { labels, names })
}

/// The names that occur, numbers by size before words by the alphabet.
fn found(spelled: &[String]) -> Vec<String> {
    let mut names = spelled.to_vec();
    names.sort_unstable();
    names.dedup();
    let number = |name: &String| name.parse::<f64>().unwrap_or(f64::INFINITY);
    names.sort_by(|a, b| number(a).total_cmp(&number(b)));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cells: &[&str], task: Task, classes: &[&str]) -> Result<Target<f64>, String> {
        let [cells, classes] =
            [cells, classes].map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>());
        target(&cells, "y", task, &classes).map_err(|fault| format!("{}: {}", fault.example, fault.fault))
    }

    fn classes(labels: &[u32], names: &[&str]) -> Target<f64> {
        let names = names.iter().map(ToString::to_string).collect();
        Target::Classes { labels: labels.to_vec(), names }
    }

    #[test]
    fn words_and_few_whole_numbers_are_classes() {
        assert_eq!(of(&["b", "a", "b"], Task::Auto, &[]), Ok(classes(&[1, 0, 1], &["a", "b"])));
        assert_eq!(
            of(&["10", "2", "2.0", "-0", "10", "0"], Task::Auto, &[]),
            Ok(classes(&[2, 1, 1, 0, 2, 0], &["0", "2", "10"]))
        );
        assert!(!of(&["1", "2", "3"], Task::Auto, &[]).unwrap().is_classes());
        assert!(!of(&["1", "1", "1.5", "1"], Task::Auto, &[]).unwrap().is_classes());
    }

    #[test]
    fn a_task_is_obeyed_or_refused() {
        assert_eq!(
            of(&["1", "2", "3"], Task::Classification, &[]),
            Ok(classes(&[0, 1, 2], &["1", "2", "3"]))
        );
        assert!(!of(&["1", "1"], Task::Regression, &[]).unwrap().is_classes());
        assert!(
            of(&["1", "x"], Task::Regression, &[]).unwrap_err().starts_with("1: \"x\" is no finite number")
        );
        for bad in ["0.5", "nan", "inf"] {
            assert!(of(&["1", bad], Task::Classification, &[]).unwrap_err().contains("is no class"));
        }
    }

    #[test]
    fn the_classes_of_a_model_keep_their_order() {
        assert_eq!(of(&["a", "c"], Task::Auto, &["c", "b", "a"]), Ok(classes(&[2, 0], &["c", "b", "a"])));
        assert_eq!(of(&["7.0"], Task::Auto, &["5", "7"]), Ok(classes(&[1], &["5", "7"])));
        assert!(of(&["d"], Task::Auto, &["c", "b"]).unwrap_err().contains("none of the classes c, b"));
    }
}
