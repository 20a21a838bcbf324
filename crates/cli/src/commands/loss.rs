//! The loss that a command line asks for, and what goes with it.

use chainrule::datasets::Encoding;
use chainrule::layers::{SoftmaxSpec, Stage, activation};
use chainrule::loss::{CrossEntropyConfig, FusedOutput, LossKind, LossSpec, TargetKind};
use chainrule::model::Output;

use super::options::OutputName;
use crate::failure::Failure;

/// The loss of a run if none is named.
pub(crate) fn usual(classes: bool) -> LossKind {
    if classes { LossKind::CrossEntropy } else { LossKind::MeanSquaredError }
}

/// The loss with its usual parameters, and with this label smoothing if it has one.
pub(crate) fn smoothed(loss: LossKind, label_smoothing: f64) -> LossSpec {
    match loss.spec() {
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
/// If it is a loss of classes, and the targets are numbers.
pub(crate) fn encoding(loss: LossKind, classes: bool) -> Result<Encoding, Failure> {
    match loss.spec().target() {
        TargetKind::Real if !classes => Ok(Encoding::Real),
        _ if !classes => Err(Failure::Input(format!(
            "--loss {loss} is for classes, and the targets of this data are numbers: use --loss mean-squared-error"
        ))),
        TargetKind::Class => Ok(Encoding::Index),
        _ => Ok(Encoding::OneHot),
    }
}
