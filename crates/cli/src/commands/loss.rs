//! The loss that a command line asks for, and what goes with it.

use chainrule::datasets::{Encoding, Target};
use chainrule::layers::{SoftmaxSpec, Stage, activation};
use chainrule::loss::{CrossEntropyConfig, FusedOutput, LossKind, LossSpec};
use chainrule::model::{self, Output, usual_loss};
use chainrule_report::results::{LossUnits, modifiers};

use super::options::OutputName;
use crate::failure::Failure;

/// The loss of a run if none is named.
pub(crate) fn usual(target: &Target) -> LossKind {
    let loss = usual_loss::<f32>(target);
    LossSpec::of(&*loss).expect("the usual loss is one of the library").kind()
}

/// The loss by its name, with the units of its values: of a regression those of the targets or, while a network trains on standardised
/// ones, their standard deviations.
pub(crate) fn units(loss: &LossSpec, target: &Target, is_standardised: bool) -> LossUnits {
    let columns = target.columns().len();
    let unit = unit_of(loss, "units", columns);
    let unit_in_training =
        if is_standardised { unit_of(loss, "standard deviations", columns) } else { unit.clone() };
    LossUnits { name: loss.kind().to_string(), unit, unit_in_training, targets: columns, with: with(loss) }
}

/// The loss by its name, with what makes it another number than the plain one of that name.
pub(crate) fn in_words(loss: &LossSpec) -> String {
    let name = loss.kind().to_string();
    LossUnits { name, unit: None, unit_in_training: None, targets: 0, with: with(loss) }.in_words()
}

/// What makes the loss another number than the plain one of its name.
fn with(loss: &LossSpec) -> Vec<String> {
    let LossSpec::CrossEntropy(config) = loss else { return Vec::new() };
    modifiers(config.label_smoothing, config.class_weights.iter().any(|&weight| weight != 1.0))
}

/// The unit of a loss over this many targets that are measured in `units`; none of a difference to an indicator of classes.
pub(crate) fn unit_of(loss: &LossSpec, units: &str, targets: usize) -> Option<String> {
    let of = if targets == 1 {
        format!("{units} of the target")
    } else {
        format!("{units} of each of {targets} targets")
    };
    let (unit, is_mean) = match loss {
        LossSpec::CrossEntropy(_) | LossSpec::BinaryCrossEntropy(_) => return Some("nats".to_owned()),
        LossSpec::SquaredError(_) => (format!("squared {of}"), false),
        LossSpec::MeanSquaredError(_) => (format!("squared {of}"), true),
        LossSpec::MeanAbsolute(config) => (of, config.mean),
        // ½e² up to an error e of δ, and δ(e − ½δ) beyond.
        LossSpec::Huber(config) => (format!("{of}, squared up to δ = {}", config.delta), config.mean),
    };
    match (targets, is_mean) {
        (0, _) => None,
        (1, _) => Some(unit),
        (_, true) => Some(format!("{unit}, averaged")),
        (_, false) => Some(format!("{unit}, summed")),
    }
}

/// The loss with this label smoothing, if it has one.
pub(crate) fn smoothed(loss: LossSpec, label_smoothing: f64) -> LossSpec {
    match loss {
        LossSpec::CrossEntropy(config) => {
            LossSpec::CrossEntropy(CrossEntropyConfig { label_smoothing, ..config })
        }
        spec => spec,
    }
}

/// The output activation of a network trained on this loss, if none is named.
fn usual_output(loss: LossKind, classes: bool) -> OutputName {
    match loss.spec().output() {
        FusedOutput::Softmax => OutputName::Softmax,
        FusedOutput::Sigmoid => OutputName::Sigmoid,
        FusedOutput::Identity if classes => OutputName::Sigmoid,
        FusedOutput::Identity => OutputName::Identity,
    }
}

/// The output activation on top of the last dense layer: a layer, or a function that the loss includes.
///
/// # Errors
/// If the loss is not one for that output.
pub(crate) fn top(
    loss: LossKind,
    output: Option<OutputName>,
    classes: bool,
) -> Result<(Option<Stage>, Output), Failure> {
    let includes =
        |name| Err(Failure::Input(format!("--loss {loss} includes --output {name}; omit --output")));
    match (loss.spec().output(), output.unwrap_or_else(|| usual_output(loss, classes))) {
        (FusedOutput::Softmax, OutputName::Softmax) => Ok((None, Output::Softmax)),
        (FusedOutput::Sigmoid, OutputName::Sigmoid) => Ok((None, Output::Sigmoid)),
        (FusedOutput::Softmax, _) => includes("softmax"),
        (FusedOutput::Sigmoid, _) => includes("sigmoid"),
        (FusedOutput::Identity, OutputName::Softmax) => {
            Ok((Some(Stage::Softmax(SoftmaxSpec)), Output::Identity))
        }
        (FusedOutput::Identity, OutputName::Sigmoid) => {
            Ok((Some(activation::Sigmoid.into()), Output::Identity))
        }
        (FusedOutput::Identity, OutputName::Identity) => Ok((None, Output::Identity)),
    }
}

/// The form in which this loss takes the targets of a data set.
///
/// # Errors
/// If it is a loss of classes, and the targets are numbers; or one of anything but labels, and the targets are labels.
pub(crate) fn encoding(loss: LossKind, target: &Target) -> Result<Encoding, Failure> {
    let fault = match target {
        Target::MultiLabel { .. } => {
            "is not for several labels: use --loss binary-cross-entropy, or predict the columns as numbers (--task regression)"
        }
        _ => "is for classes, and the targets of this data are numbers: use --loss mean-squared-error",
    };
    model::encoding(loss.spec().target(), target)
        .ok_or_else(|| Failure::Input(format!("--loss {loss} {fault}")))
}

#[cfg(test)]
mod tests {
    use chainrule::ndarray::Array2;

    use super::*;

    #[test]
    fn a_loss_says_the_unit_of_its_values() {
        let numbers = |columns: usize| Target::real(Array2::<f64>::zeros((2, columns)));
        let words = |kind: LossKind, target: &Target, standardised: bool| {
            let units = units(&kind.spec(), target, standardised);
            (units.unit.unwrap_or_default(), units.unit_in_training.unwrap_or_default())
        };
        let classes = Target::numbered(vec![0, 1], 2);
        let both = |unit: &str| (unit.to_owned(), unit.to_owned());
        assert_eq!(words(LossKind::CrossEntropy, &classes, false), both("nats"));
        assert_eq!(words(LossKind::SquaredError, &classes, false), both(""));
        let smoothed = units(&smoothed(LossKind::CrossEntropy.spec(), 0.1), &classes, false);
        assert_eq!(smoothed.in_words(), "cross-entropy with label smoothing 0.1 in nats");
        assert_eq!(words(LossKind::MeanAbsolute, &numbers(1), false), both("units of the target"));
        let (unit, in_training) = words(LossKind::MeanSquaredError, &numbers(1), true);
        assert_eq!(unit, "squared units of the target");
        assert_eq!(in_training, "squared standard deviations of the target");
        // The Huber loss is quadratic near 0 alone.
        let (unit, in_training) = words(LossKind::Huber, &numbers(1), true);
        assert_eq!(unit, "units of the target, squared up to δ = 1");
        assert_eq!(in_training, "standard deviations of the target, squared up to δ = 1");
        // Of several targets, each of which may have a unit of its own.
        let (unit, in_training) = words(LossKind::MeanSquaredError, &numbers(3), true);
        assert_eq!(unit, "squared units of each of 3 targets, averaged");
        assert_eq!(in_training, "squared standard deviations of each of 3 targets, averaged");
        assert_eq!(
            words(LossKind::SquaredError, &numbers(2), false),
            both("squared units of each of 2 targets, summed")
        );
    }
}
