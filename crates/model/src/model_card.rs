use chainrule_datasets::{Input, Pipeline};
use serde::{Deserialize, Serialize};

use crate::architecture::Architecture;
use crate::output::Output;

/// The metadata of a [`Checkpoint`](crate::Checkpoint).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// The network.
    pub architecture: Architecture,
    /// What turns the network's output into a prediction.
    pub output: Output,
    /// The loss it was trained on, by its command-line name.
    #[serde(default)]
    pub loss: Option<String>,
    /// What the input is besides numbers, where the data say so.
    #[serde(default)]
    pub input: Option<Input>,
    /// What the input goes through before the first layer.
    #[serde(default)]
    pub transform: Pipeline,
    /// The names of the classes; empty for regression.
    #[serde(default)]
    pub classes: Vec<String>,
    /// The data it was trained on, by name.
    #[serde(default)]
    pub data: Option<String>,
    /// The seed it was trained with.
    #[serde(default)]
    pub seed: Option<u64>,
}

impl ModelCard {
    /// Checks one that comes from outside.
    pub(crate) fn validated(&self) -> Result<(), String> {
        self.architecture.validated()?;
        let inputs = self.architecture.inputs;
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
