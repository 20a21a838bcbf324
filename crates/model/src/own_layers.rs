//! Files of models with layers that are not of the library: the numbers by name and shape, and what else a prediction needs.

use std::path::Path;

use chainrule_datasets::{Input, Label, Pipeline, write_atomic};
use chainrule_layers::{Layer, Sequential};
use chainrule_loss::LossSpec;
use chainrule_tensor::Scalar;
use chainrule_train::tensors::{self, TensorFile, TensorFileError};
use serde::{Deserialize, Serialize};

use crate::checkpoint::{CHANNELS_FIRST, OWN_LAYERS, card_of, decode, encoded, stored};
use crate::checkpoint_error::{CheckpointError, VERSION};
use crate::model::Model;
use crate::model_card::{ModelCard, Untrained};
use crate::output::Output;

/// What a file says of such a model.
#[derive(Serialize, Deserialize)]
struct Description {
    checksum: String,
    /// That of the form of the arrays, as a model card has it; the first files had none.
    #[serde(default = "unversioned")]
    version: u32,
    /// The layers as they describe themselves, for the reader of the file.
    layers: Vec<String>,
    output: Output,
    loss: Option<LossSpec>,
    transform: Option<Pipeline>,
    classes: Vec<String>,
    labels: Vec<Label>,
    targets: Vec<String>,
    input: Option<Input>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    untrained: Option<Untrained>,
}

fn unversioned() -> u32 {
    CHANNELS_FIRST
}

impl<A: Scalar> Model<A> {
    pub(crate) fn save_own(&self, path: &Path) -> Result<(), CheckpointError> {
        let description = Description {
            checksum: String::new(),
            version: VERSION,
            layers: layers(self.network()),
            output: self.output,
            loss: self.loss.clone(),
            transform: self.transform.clone(),
            classes: self.classes.clone(),
            labels: self.labels.clone(),
            targets: self.targets.clone(),
            input: self.input.clone(),
            untrained: self.untrained(),
        };
        let mut arrays = stored(self.network().layout(), &self.theta);
        arrays.extend(stored(self.network().statistics(), &self.statistics));
        let arrays = encoded(arrays);
        let text = |description: &Description| {
            serde_json::to_string(description).expect("a description has string keys only")
        };
        let checksum = tensors::checksum_with(&text(&description), &arrays);
        let json = text(&Description { checksum, ..description });
        let bytes = tensors::to_bytes(&arrays, [(OWN_LAYERS.to_owned(), json)].into());
        write_atomic(path, |file| file.write_all(&bytes))?;
        Ok(())
    }

    /// Reads a file that [`save`](Self::save) wrote of a network like `network`, which may have layers of your own.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or is one of another network.
    pub fn load_into(network: impl Layer<A>, path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        let path = path.as_ref();
        let bytes = tensors::read(path)?;
        let file = TensorFile::parse(path, &bytes)?;
        let mut model = Self { is_trained: true, ..Self::new(network, 0) };
        let mut theta: Vec<A> =
            decode(path, &file, &[model.network().layout(), model.network().statistics()])?;
        model.statistics = theta.split_off(model.theta.len());
        model.theta.copy_from_slice(&theta);
        let Some(json) = file.metadata(OWN_LAYERS) else {
            // A file of a network of the library's layers alone, or of another program.
            let Some(card) = card_of(path, &file)? else { return Ok(model) };
            let (transform, is_output_chosen) = (card.chosen_transform(), card.is_output_chosen());
            model = Self { transform, is_output_chosen, is_trained: card.untrained.is_none(), ..model };
            let ModelCard { output, loss, classes, labels, targets, input, .. } = card;
            return Ok(Self { output, loss, classes, labels, targets, input, ..model });
        };
        let broken = |fault: &str| TensorFileError::format(path, format!("its description: {fault}"));
        let description: Description =
            serde_json::from_str(json).map_err(|error| broken(&error.to_string()))?;
        let unsummed = json.replacen(&description.checksum, "", 1);
        if file.checksum_with(&unsummed) != description.checksum {
            return Err(
                broken("its checksum does not match: the weights or the description have changed").into()
            );
        }
        let is_trained = description.untrained.is_none();
        let is_output_chosen = description.untrained.is_some_and(|chosen| chosen.output);
        model = Self { is_output_chosen, is_trained, ..model };
        let Description { output, loss, transform, classes, labels, targets, input, .. } = description;
        Ok(Self { transform, output, loss, classes, labels, targets, input, ..model })
    }
}

/// The layers of a network as they describe themselves.
fn layers<A: Scalar>(network: &dyn Layer<A>) -> Vec<String> {
    match network.downcast::<Sequential<A>>() {
        Some(network) => network.layers().map(|layer| format!("{layer:?}")).collect(),
        None => vec![format!("{network:?}")],
    }
}
