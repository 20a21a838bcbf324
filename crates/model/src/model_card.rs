use chainrule_datasets::{Input, Label, Pipeline};
use chainrule_layers::Architecture;
use chainrule_loss::LossSpec;
use serde::{Deserialize, Serialize};

use crate::output::Output;

/// The metadata of a [`Checkpoint`](crate::Checkpoint).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// The network.
    #[cfg_attr(feature = "files", serde(deserialize_with = "of_any_version"))]
    pub architecture: Architecture,
    /// What turns the network's output into a prediction.
    pub output: Output,
    /// The loss it was trained on, with its parameters. Files of format version 1 have its name alone.
    #[serde(default)]
    pub loss: Option<LossSpec>,
    /// What the input is besides numbers, where the data say so.
    #[serde(default)]
    pub input: Option<Input>,
    /// What the input goes through before the first layer.
    #[serde(default)]
    pub transform: Pipeline,
    /// The names of the classes; empty where the outputs are no classes.
    #[serde(default)]
    pub classes: Vec<String>,
    /// The labels of a multi-label classification, one for each output; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// The names of the target columns of a regression, if they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// The data it was trained on, by name.
    #[serde(default)]
    pub data: Option<String>,
    /// The seed it was trained with.
    #[serde(default)]
    pub seed: Option<u64>,
    /// Fingerprints of the training and the test part, by which a changed file is noticed; files of earlier versions lack them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprints: Option<[u64; 2]>,
    /// Of a network that is yet to be trained: what its first training finds chosen. `None` of a trained one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untrained: Option<Untrained>,
}

/// What somebody chose for a network that is yet to be trained; the first training chooses the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untrained {
    /// The transform of the input.
    pub transform: bool,
    /// The function of the output.
    pub output: bool,
}

/// Files from before the table of layers have `{"kind": "activation", "name": "relu"}` for `{"kind": "relu"}`.
#[cfg(feature = "files")]
fn of_any_version<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Architecture, D::Error> {
    let mut value = serde_json::Value::deserialize(deserializer)?;
    let layers = value.get_mut("layers").and_then(serde_json::Value::as_array_mut);
    for layer in layers.into_iter().flatten().filter_map(serde_json::Value::as_object_mut) {
        if layer.get("kind").is_some_and(|kind| kind == "activation")
            && let Some(name) = layer.remove("name")
        {
            layer.insert("kind".to_owned(), name);
        }
    }
    serde_json::from_value(value).map_err(serde::de::Error::custom)
}

impl ModelCard {
    /// That of a network of whose data nothing is known.
    pub fn new(architecture: Architecture, output: Output, loss: Option<LossSpec>) -> Self {
        Self {
            architecture,
            output,
            loss,
            input: None,
            transform: Pipeline::new(),
            classes: Vec::new(),
            labels: Vec::new(),
            targets: Vec::new(),
            data: None,
            seed: None,
            fingerprints: None,
            untrained: None,
        }
    }

    /// The transform of the input; `None` where the first training is yet to choose it.
    #[cfg(feature = "files")]
    pub(crate) fn chosen_transform(&self) -> Option<Pipeline> {
        self.untrained.is_none_or(|untrained| untrained.transform).then(|| self.transform.clone())
    }

    /// Whether the function of the output is another than the loss would choose.
    #[cfg(feature = "files")]
    pub(crate) fn is_output_chosen(&self) -> bool {
        let usual = || self.loss.as_ref().map(|loss| Output::from(loss.output()));
        self.untrained.map_or_else(|| usual().is_some_and(|usual| usual != self.output), |it| it.output)
    }

    /// Files of earlier versions have the name of a regression's target with the columns alone.
    #[cfg(feature = "files")]
    pub(crate) fn with_targets(mut self) -> Self {
        let is_regression = self.classes.is_empty() && self.labels.is_empty() && self.targets.is_empty();
        if let Some(Input::Table(schema)) = &self.input
            && is_regression
            && schema.targets.len() == self.architecture.outputs()
        {
            self.targets = schema.targets.iter().map(|target| target.name.clone()).collect();
        }
        self
    }

    /// Checks one that comes from outside.
    #[cfg(feature = "files")]
    pub(crate) fn validated(&self) -> Result<(), String> {
        self.architecture.validated().map_err(|error| error.to_string())?;
        let (inputs, outputs) = (self.architecture.inputs(), self.architecture.outputs());
        for (what, named) in [("labels", self.labels.len()), ("targets", self.targets.len())] {
            if named != 0 && named != outputs {
                return Err(format!("its network has {outputs} outputs for {named} {what}"));
            }
        }
        let numbers = match &self.input {
            None => return Ok(()),
            Some(Input::Table(schema)) => {
                schema.check()?;
                Some(schema.inputs())
            }
            Some(Input::Image(shape)) => shape.numbers(),
        };
        if numbers != Some(inputs) {
            return Err(format!("its network has {inputs} inputs, its input has not"));
        }
        Ok(())
    }
}
