//! Inputs and targets as they stand on the command line.

use chainrule::loss::LossKind;
use chainrule::model::ModelCard;
use chainrule::ndarray::{Array2, ArrayRef2};
use chainrule::tensor::Scalar;

use crate::failure::Failure;

/// A row of finite numbers, as many as there are units for them.
pub(super) fn numbers<A: Scalar>(flag: &str, text: &str, count: usize) -> Result<Array2<A>, Failure> {
    let parse = |cell: &str| {
        cell.trim().parse().ok().filter(|x: &f64| x.is_finite()).map(A::of).ok_or_else(|| {
            Failure::Input(format!(
                "{flag} {text}: \"{cell}\" is not a number: separate numbers by commas, such as 0.5,-1"
            ))
        })
    };
    let row: Vec<A> = text.split(',').map(parse).collect::<Result<_, _>>()?;
    if row.len() != count {
        return Err(Failure::Input(format!(
            "{flag} {text}: {} numbers, but the network has {count}",
            row.len()
        )));
    }
    Ok(Array2::from_shape_vec((1, count), row).expect("counted above"))
}

/// A 1 at the class, and 0 elsewhere.
pub(super) fn one_hot<A: Scalar>(outputs: usize, class: usize) -> Array2<A> {
    Array2::from_shape_fn((1, outputs), |(_, i)| if i == class { A::one() } else { A::zero() })
}

/// A target as it stands on the command line: the name of a class, its index, or the numbers.
pub(super) fn target<A: Scalar>(text: &str, card: &ModelCard, loss: LossKind) -> Result<Array2<A>, Failure> {
    let outputs = card.architecture.outputs();
    if let Some(class) = card.classes.iter().position(|name| name == text) {
        return Ok(one_hot(outputs, class));
    }
    if outputs > 1 && !text.contains(',') && card.labels.is_empty() && card.targets.is_empty() {
        let class = text.parse().ok().filter(|&class: &usize| class < outputs).ok_or_else(|| {
            Failure::Input(format!(
                "--target {text}: expected {outputs} numbers separated by commas, or a class from 0 to {}",
                outputs - 1
            ))
        })?;
        return Ok(one_hot(outputs, class));
    }
    let row = numbers("--target", text, outputs)?;
    in_range(&row, loss).map_err(|needs| Failure::Input(format!("--target {text}: {loss} needs {needs}")))?;
    Ok(row)
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
