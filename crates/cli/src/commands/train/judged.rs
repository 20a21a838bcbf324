//! The test data, or else the validation data, with what the network says of each example, for all that a report shows of it.

use std::borrow::Cow;

use chainrule::datasets::{Dataset, Features, Parts, Pipeline};
use chainrule::layers::Layer;
use chainrule::model::{ModelCard, predict};
use chainrule::ndarray::Array2;
use chainrule::tensor::Scalar;
use chainrule::train::Weights;

/// Examples of a streamed file that are looked at: what stays in a file is more than memory holds, or than anyone looks at.
const STREAMED: usize = 10_000;

/// A trained network.
#[derive(Clone, Copy)]
pub(super) struct Trained<'a, A: Scalar> {
    pub(super) network: &'a dyn Layer<A>,
    pub(super) card: &'a ModelCard,
    pub(super) weights: Weights<'a, A>,
}

impl<A: Scalar> Trained<'_, A> {
    /// The predictions for inputs that have been through the transform.
    pub(super) fn predict(&self, inputs: &Array2<A>) -> Array2<A> {
        predict(self.network, self.card.output, &Pipeline::new(), self.weights, inputs)
    }
}

/// Examples of a part with their predictions.
pub(super) struct Judged<'a, A: Scalar> {
    /// Which part it is: `test` or `validation`.
    pub(super) part: &'static str,
    pub(super) data: Cow<'a, Dataset<A>>,
    /// The inputs through the transform, which rounds after it has centred.
    pub(super) inputs: Array2<A>,
    pub(super) predictions: Array2<A>,
}

impl<'a, A: Scalar> Judged<'a, A> {
    /// The examples of the test part or, without one, of the validation part.
    pub(super) fn of_parts(trained: &Trained<'_, A>, parts: &'a Parts<A>) -> Option<Self> {
        let validation = || Some(("validation", parts.validation.as_ref()?));
        let (name, part) = parts.test.as_ref().map(|test| ("test", test)).or_else(validation)?;
        Some(Self::of(trained, name, part))
    }

    /// The examples of a part, or the first of a file that is streamed.
    pub(super) fn of(trained: &Trained<'_, A>, name: &'static str, part: &'a Dataset<A>) -> Self {
        let data = match part.features() {
            Features::FileRows(_) => {
                Cow::Owned(part.select(&(0..part.len().min(STREAMED)).collect::<Vec<_>>()))
            }
            _ => Cow::Borrowed(part),
        };
        let inputs = data.inputs_through(&trained.card.transform);
        let predictions = trained.predict(&inputs);
        Self { part: name, data, inputs, predictions }
    }
}
