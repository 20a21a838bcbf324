//! Whether examples are what a model takes.

use std::path::Path;

use chainrule::datasets::{Dataset, Schema, counted};
use chainrule::model::ModelCard;
use chainrule::tensor::Scalar;

use crate::commands::model::{is_unnamed, label_names, other_pictures};
use crate::failure::Failure;

/// The number of inputs and outputs of examples.
pub(crate) fn size<A: Scalar>(data: &Dataset<A>) -> String {
    let inputs = in_columns(data.inputs(), data.schema(), "input");
    format!("{inputs} and {}", counted(data.outputs(), "output"))
}

/// Inputs of a network by the columns of the table that they are made of, of which a category gives several; without a table, a number
/// of `what`.
pub(crate) fn in_columns(inputs: usize, schema: Option<&Schema>, what: &str) -> String {
    match schema.map(|schema| schema.features.len()).filter(|columns| *columns != inputs) {
        Some(columns) => format!("{} ({})", counted(columns, "column"), counted(inputs, "input")),
        None => counted(inputs, what),
    }
}

/// Checks that the model of a file takes such examples, and predicts such targets.
///
/// # Errors
/// If it does not.
pub(super) fn check_fit<A: Scalar>(path: &Path, card: &ModelCard, data: &Dataset<A>) -> Result<(), Failure> {
    let path = path.display();
    if let Some(fault) = other_pictures(card, data.image(), data.name()) {
        return Err(Failure::Input(format!("{path}: {fault}")));
    }
    let (inputs, outputs) = (card.architecture.inputs(), card.architecture.outputs());
    if (inputs, outputs) != (data.inputs(), data.outputs()) {
        return Err(Failure::Input(format!(
            "{path}: the network has {} and {}, but {} has {}{}",
            counted(inputs, "input"),
            counted(outputs, "output"),
            data.name(),
            size(data),
            if outputs == 1 && data.class_names().len() == 2 {
                ": take its two classes as a label, --task multi-label"
            } else {
                ""
            }
        )));
    }
    if data.target().is_classes() && card.classes.is_empty() && !card.targets.is_empty() {
        let (name, of_model) = (data.name(), card.targets.join(", "));
        return Err(Failure::Input(format!(
            "{path}: the network predicts numbers ({of_model}), but the target of {name} is of classes: name a target of numbers \
                 with --target"
        )));
    }
    if !card.classes.is_empty() && card.classes != data.class_names() {
        return Err(Failure::Input(format!(
            "{path}: the network has the classes {}, but {} has {}",
            card.classes.join(", "),
            data.name(),
            data.class_names().join(", ")
        )));
    }
    let (labels, columns) = (data.target().labels(), data.target().columns());
    if card.labels != labels && !is_unnamed(card) {
        return Err(Failure::Input(format!(
            "{path}: the network has the labels {}, but {} has {}: name them with --target in the order of the model",
            label_names(&card.labels),
            data.name(),
            label_names(labels)
        )));
    }
    if columns.len() > 1 && !card.targets.is_empty() && card.targets != columns {
        return Err(Failure::Input(format!(
            "{path}: the network predicts {}, but the targets of {} are {}: name them with --target in the order of the model",
            card.targets.join(", "),
            data.name(),
            columns.join(", ")
        )));
    }
    Ok(())
}
