//! The loss that a command line asks for, and what goes with it.

use chainrule::datasets::{Encoding, Target};
use chainrule::layers::{SoftmaxSpec, Stage, activation};
use chainrule::loss::{CrossEntropyConfig, FusedOutput, LossKind, LossSpec};
use chainrule::model::{self, Output, usual_loss};

use super::options::OutputName;
use crate::failure::Failure;

/// The loss of a run if none is named.
pub(crate) fn usual(target: &Target) -> LossKind {
    let loss = usual_loss::<f32>(target);
    LossSpec::of(&*loss).expect("the usual loss is one of the library").kind()
}

/// A loss by its name, and the unit of its mean over the examples.
pub(crate) fn in_words(loss: &LossSpec, target: &Target) -> String {
    let kind = loss.kind();
    let unit = match (kind, target) {
        (LossKind::CrossEntropy | LossKind::BinaryCrossEntropy, _) => "nats",
        (LossKind::MeanAbsolute, Target::Real { .. }) => "units of the target",
        (_, Target::Real { .. }) => "squared units of the target",
        _ => return format!("{kind}, mean over the examples"),
    };
    format!("{kind} in {unit}, mean over the examples")
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
