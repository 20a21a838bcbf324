//! Inputs and targets as they stand on the command line.

use std::path::Path;

use chainrule::datasets::{ColumnKind, Feature, Features, Label, Pipeline, Schema, csv};
use chainrule::loss::LossKind;
use chainrule::model::ModelCard;
use chainrule::ndarray::{Array2, ArrayRef2};
use chainrule::tensor::registry::nearest;
use chainrule::tensor::{Scalar, rows};

use crate::commands::model::label_names;
use crate::failure::Failure;

/// A row of finite numbers.
fn row(flag: &str, text: &str) -> Result<Vec<f64>, Failure> {
    let parse = |cell: &str| {
        cell.trim().parse().ok().filter(|x: &f64| x.is_finite()).ok_or_else(|| {
            Failure::Input(format!(
                "{flag} {text}: \"{cell}\" is not a number: separate numbers by commas, such as 0.5,-1"
            ))
        })
    };
    text.split(',').map(parse).collect()
}

/// A row of finite numbers, as many as there are units for them.
pub(super) fn numbers<A: Scalar>(flag: &str, text: &str, count: usize) -> Result<Array2<A>, Failure> {
    let row = row(flag, text)?;
    if row.len() != count {
        return Err(Failure::Input(format!(
            "{flag} {text}: {} numbers, but the network has {count}",
            row.len()
        )));
    }
    Ok(matrix(&row))
}

/// An example that somebody types.
pub(super) struct Typed<A> {
    /// The inputs of the network before they are transformed, and behind the transform.
    pub(super) raw: Array2<A>,
    pub(super) x: Array2<A>,
    /// The cells of a row of a table; `None` of numbers.
    pub(super) cells: Option<Vec<f64>>,
}

impl<A: Scalar> Typed<A> {
    /// The first row of some features.
    pub(super) fn of(features: &Features<A>, cells: Option<Vec<f64>>, transform: &Pipeline) -> Self {
        let [raw, x] = [&Pipeline::new(), transform].map(|transform| features.transformed(transform, 0..1));
        Self { raw, x, cells }
    }

    /// A number for each input of the network.
    pub(super) fn numbers(text: &str, count: usize, transform: &Pipeline) -> Result<Self, Failure> {
        Ok(Self::of(&Features::Wide(numbers("--input", text, count)?), None, transform))
    }

    /// A row of a table as its file has it; or a number for each input, which a category has several of.
    pub(super) fn row(text: &str, schema: &Schema, transform: &Pipeline) -> Result<Self, Failure> {
        match csv::decode_row::<A>(text, Path::new("--input"), schema) {
            Ok(columns) => {
                let cells = Some(columns.cells(0));
                Ok(Self::of(&Features::Columns(columns), cells, transform))
            }
            Err(error) => match row("--input", text) {
                Ok(numbers) if numbers.len() == schema.inputs() => {
                    let cells = Some(cells_of(schema, &numbers));
                    Ok(Self::of(&Features::Wide(matrix(&numbers)), cells, transform))
                }
                _ => Err(Failure::input(error)),
            },
        }
    }
}

/// The cells that numbers of a network come from: of a category the code of its word, of a date its days.
fn cells_of(schema: &Schema, raw: &[f64]) -> Vec<f64> {
    let mut at = 0;
    let cell = |feature: &Feature| {
        let own = &raw[at..at + feature.kind.inputs()];
        at += own.len();
        match feature.kind {
            ColumnKind::Category(_) => rows::argmax(own) as f64,
            ColumnKind::Number | ColumnKind::Date { .. } => own[0],
        }
    };
    schema.features.iter().map(cell).collect()
}

/// Numbers as one row.
fn matrix<A: Scalar>(row: &[f64]) -> Array2<A> {
    Array2::from_shape_fn((1, row.len()), |(_, i)| A::of(row[i]))
}

/// A 1 at the class, and 0 elsewhere; for a lone output, which says how likely the second of two classes is, the class.
pub(super) fn one_hot<A: Scalar>(outputs: usize, class: usize) -> Array2<A> {
    Array2::from_shape_fn((1, outputs), |(_, i)| {
        let is_on = if outputs == 1 { class == 1 } else { i == class };
        if is_on { A::one() } else { A::zero() }
    })
}

/// A target as it stands on the command line: the name of a class, its index, the words of labels, or the numbers.
pub(super) fn target<A: Scalar>(text: &str, card: &ModelCard, loss: LossKind) -> Result<Array2<A>, Failure> {
    let outputs = card.architecture.outputs();
    if let Some(class) = card.classes.iter().position(|name| name == text) {
        return Ok(one_hot(outputs, class));
    }
    if let Some(row) = words(text, &card.labels) {
        return Ok(matrix(&row));
    }
    let are_numbers = || row("--target", text).is_ok_and(|row| row.len() == outputs);
    if !card.labels.is_empty() && !are_numbers() {
        return Err(Failure::Input(format!(
            "--target {text}: expected a word or a number from 0 to 1 for each label, separated by commas; the labels are {}",
            label_names(&card.labels)
        )));
    }
    if outputs > 1 && !text.contains(',') && card.labels.is_empty() && card.targets.is_empty() {
        let class = text.parse().ok().filter(|&class: &usize| class < outputs);
        return class.map(|class| one_hot(outputs, class)).ok_or_else(|| unknown_class(text, card, outputs));
    }
    let row = numbers("--target", text, outputs)?;
    in_range(&row, loss).map_err(|needs| Failure::Input(format!("--target {text}: {loss} needs {needs}")))?;
    Ok(row)
}

/// A word for each label as numbers; `None` where one is a word of none.
fn words(text: &str, labels: &[Label]) -> Option<Vec<f64>> {
    let cells: Vec<&str> = text.split(',').map(str::trim).collect();
    let number = |(label, cell): (&Label, &&str)| {
        label.words.iter().position(|word| word == cell).map(|place| place as f64)
    };
    let are_words = !labels.is_empty() && cells.len() == labels.len();
    if are_words { labels.iter().zip(&cells).map(number).collect() } else { None }
}

/// What to say of a class that the model does not have: the classes by name, and the one that was likely meant.
fn unknown_class(text: &str, card: &ModelCard, outputs: usize) -> Failure {
    /// Classes that a message names.
    const SHOWN: usize = 12;
    let numbers = format!("or {outputs} numbers separated by commas");
    let last = outputs - 1;
    if card.classes.is_empty() {
        return Failure::Input(format!("--target {text}: expected a class from 0 to {last}, {numbers}"));
    }
    let hint = nearest(text, card.classes.iter().map(String::as_str))
        .map_or_else(String::new, |name| format!("did you mean {name}? "));
    let names = card.classes.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if card.classes.len() > SHOWN { ", …" } else { "" };
    Failure::Input(format!(
        "--target {text}: there is no such class; {hint}the classes are {names}{more}: name one, or give its number from 0 to {last}, {numbers}"
    ))
}

/// Whether a loss over probabilities can have this target.
fn in_range<A: Scalar>(target: &ArrayRef2<A>, loss: LossKind) -> Result<(), &'static str> {
    let shares = target.iter().all(|&t| A::zero() <= t && t <= A::one());
    match loss {
        LossKind::CrossEntropy if !shares || (target.sum().as_f64() - 1.0).abs() > 1e-5 => {
            Err("numbers from 0 to 1 that sum to 1")
        }
        LossKind::BinaryCrossEntropy if !shares => Err("numbers from 0 to 1"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use chainrule::layers::{Architecture, activation};
    use chainrule::model::Output;

    use super::*;

    #[test]
    fn a_class_as_the_target_of_a_lone_output_is_1_for_the_second_class_only() {
        let loss = LossKind::BinaryCrossEntropy;
        let of = |outputs: usize, text: &str| -> Vec<f64> {
            let architecture = Architecture::perceptron(&[2, 3, outputs], activation::Relu, 0.0);
            let mut card = ModelCard::new(architecture, Output::Sigmoid, Some(loss.spec()));
            card.classes = vec!["no".to_owned(), "yes".to_owned()];
            target::<f64>(text, &card, loss).unwrap().into_iter().collect()
        };
        assert_eq!([of(1, "no"), of(1, "yes")], [[0.0], [1.0]]);
        assert_eq!([of(2, "no"), of(2, "yes"), of(2, "1")], [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]);
        // A number is the number itself.
        assert_eq!([of(1, "0"), of(1, "0.25"), of(1, "1")], [[0.0], [0.25], [1.0]]);
    }
}
