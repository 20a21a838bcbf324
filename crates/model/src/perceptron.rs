use chainrule_datasets::split::{self, HoldOut};
use chainrule_datasets::{Augmentation, Dataset, ImageShape};
use chainrule_layers::{Architecture, Stage, activation};
use chainrule_loss::Loss;
use chainrule_tensor::Scalar;
use chainrule_train::{History, Tolerance};
use serde::{Deserialize, Serialize};

use crate::class_weights::ClassWeights;
use crate::fit_error::FitError;
use crate::model::Model;
use crate::task::Task;
use crate::trainer::Trainer;

/// The settings of a multilayer perceptron that is fitted to arrays: what [`Classifier`](crate::Classifier) and
/// [`Regressor`](crate::Regressor) have in common.
///
/// | Field | Default | Meaning |
/// |---|---|---|
/// | `hidden` | `[128]` | the widths of the inner layers, bottom first; none gives a linear model |
/// | `activation` | ReLU | the function of the inner units |
/// | `dropout` | 0 | the share of inner units that training leaves out |
/// | `learning_rate` | 0.01 | of Adam at the top of one cycle, above 0 |
/// | `weight_decay` | 1.5 / examples | λ |
/// | `batch` | 32 | examples a step, at least 1; all of them where there are fewer |
/// | `epochs` | as [`Trainer`] has it | the most passes over the examples |
/// | `tolerance` | none | by how much the loss must fall within 10 epochs for the run to go on |
/// | `patience` | none | early stopping: holds out a tenth of the examples, and ends after this number of epochs without a lower loss on them |
/// | `seed` | 0 | of the initial weights, the shuffling and the examples held out |
/// | `augment` | none | how the rows of x are varied in training, as images of the shape `image` |
/// | `image` | none | the height, width and channels of a row of x, if it is an image |
/// | `class_weights` | `equal` | how much the examples of each class count: `equal` or `balanced` |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Perceptron {
    /// The widths of the inner layers.
    pub hidden: Vec<usize>,
    /// The function of the inner units.
    #[serde(with = "as_words")]
    pub activation: Stage,
    /// The share of inner units that training leaves out.
    pub dropout: f64,
    /// Of Adam at the top of one cycle.
    pub learning_rate: Option<f64>,
    /// λ.
    pub weight_decay: Option<f64>,
    /// Examples a step.
    pub batch: usize,
    /// The most passes over the examples.
    pub epochs: Option<usize>,
    /// By how much the loss must fall within 10 epochs.
    pub tolerance: Option<f64>,
    /// Epochs without a better loss on examples that are held out.
    pub patience: Option<usize>,
    /// Of all that is random.
    pub seed: u64,
    /// How images are varied in training.
    pub augment: Augmentation,
    /// The shape of a row of x, if it is an image.
    pub image: Option<ImageShape>,
    /// How much the examples of each class count, of a classifier.
    pub class_weights: ClassWeights,
    /// How much each example counts.
    #[serde(skip)]
    pub sample_weights: Option<Vec<f64>>,
}

/// The share of the examples that early stopping holds out.
const HELD_OUT: f64 = 0.1;

impl Default for Perceptron {
    fn default() -> Self {
        Self {
            hidden: vec![128],
            activation: activation::Relu.into(),
            dropout: 0.0,
            learning_rate: None,
            weight_decay: None,
            batch: 32,
            epochs: None,
            tolerance: None,
            patience: None,
            seed: 0,
            augment: Augmentation::default(),
            image: None,
            class_weights: ClassWeights::Equal,
            sample_weights: None,
        }
    }
}

impl Perceptron {
    /// Trains it on examples, all of them or those that are not held out.
    pub(crate) fn fit<A: Scalar>(
        &self,
        data: &Dataset<A>,
        loss: Box<dyn Loss<A>>,
    ) -> Result<(Model<A>, History), FitError> {
        if data.is_empty() || data.inputs() == 0 {
            return Err(FitError::Empty { rows: data.len(), columns: data.inputs() });
        }
        let widths = [&[data.inputs()], self.hidden.as_slice(), &[data.outputs()]].concat();
        let architecture = Architecture::perceptron(&widths, self.activation.clone(), self.dropout);
        architecture.validated()?;
        let mut model = Model::new(architecture.build::<A>(None), self.seed);
        let Some(patience) = self.patience else {
            let history = self.trainer(&Task::new(data).boxed_loss(loss)).fit(&mut model)?;
            return Ok((model, history));
        };
        let hold_out = HoldOut::Fraction(HELD_OUT);
        let split = match data.labels() {
            Some(labels) => split::stratified(labels, hold_out, self.seed)?,
            None => split::plain(data.len(), hold_out, self.seed)?,
        };
        let (train, held_out) = (data.select(&split.rest), data.select(&split.held_out));
        let task = Task::new(&train).boxed_loss(loss).validation(&held_out);
        let history = self.trainer(&task).patience(patience).fit(&mut model)?;
        Ok((model, history))
    }

    /// Examples that are what the settings say, and count as they say.
    pub(crate) fn described<A: Scalar>(&self, data: Dataset<A>) -> Result<Dataset<A>, FitError> {
        let data = match self.image {
            Some(shape) => data.with_image(shape)?,
            None => data,
        };
        match &self.sample_weights {
            Some(weights) => Ok(data.with_weights(weights)?),
            None => Ok(data),
        }
    }

    fn trainer<'a, A: Scalar>(&self, task: &'a Task<'a, A>) -> Trainer<'a, A> {
        let mut trainer = Trainer::new(task).batch(self.batch).seed(self.seed).augment(self.augment);
        if let Some(epochs) = self.epochs {
            trainer = trainer.epochs(epochs);
        }
        if let Some(rate) = self.learning_rate {
            trainer = trainer.learning_rate(rate);
        }
        if let Some(decay) = self.weight_decay {
            trainer = trainer.weight_decay(decay);
        }
        if let Some(by) = self.tolerance {
            trainer = trainer.tolerance(Tolerance { by, ..Tolerance::default() });
        }
        trainer
    }
}

/// A layer as it is written in a network.
mod as_words {
    use chainrule_layers::Stage;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(stage: &Stage, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(stage)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Stage, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The methods that set the fields of the [`Perceptron`] inside.
macro_rules! settings {
    () => {
        /// One with inner layers of these widths.
        pub fn new(hidden: impl Into<Vec<usize>>) -> Self {
            let mut new = Self::default();
            new.perceptron.hidden = hidden.into();
            new
        }

        /// The same with these inner units: one of [`activation`](chainrule_layers::activation), as `activation::Tanh` or
        /// `activation::LeakyRelu { negative_slope: 0.1 }`.
        #[must_use]
        pub fn activation(mut self, activation: impl Into<chainrule_layers::Stage>) -> Self {
            self.perceptron.activation = activation.into();
            self
        }

        /// The same with this share of inner units left out in training.
        #[must_use]
        pub fn dropout(mut self, dropout: f64) -> Self {
            self.perceptron.dropout = dropout;
            self
        }

        /// The same with another learning rate.
        #[must_use]
        pub fn learning_rate(mut self, learning_rate: f64) -> Self {
            self.perceptron.learning_rate = Some(learning_rate);
            self
        }

        /// The same with a decay of the weights.
        #[must_use]
        pub fn weight_decay(mut self, weight_decay: f64) -> Self {
            self.perceptron.weight_decay = Some(weight_decay);
            self
        }

        /// The same with this batch size.
        #[must_use]
        pub fn batch(mut self, batch: usize) -> Self {
            self.perceptron.batch = batch;
            self
        }

        /// The same with at most this number of epochs.
        #[must_use]
        pub fn epochs(mut self, epochs: usize) -> Self {
            self.perceptron.epochs = Some(epochs);
            self
        }

        /// The same that ends when the loss has not fallen by so much in 10 epochs.
        #[must_use]
        pub fn tolerance(mut self, tolerance: f64) -> Self {
            self.perceptron.tolerance = Some(tolerance);
            self
        }

        /// The same with early stopping: a tenth of the examples is held out, and training ends after this number of epochs without a
        /// lower loss on them.
        #[must_use]
        pub fn patience(mut self, epochs: usize) -> Self {
            self.perceptron.patience = Some(epochs);
            self
        }

        /// The same from another seed.
        #[must_use]
        pub fn seed(mut self, seed: u64) -> Self {
            self.perceptron.seed = seed;
            self
        }

        /// The same whose rows of x are images of this shape, channels last, which are varied in training.
        ///
        /// The background of a shifted image is 0 in the numbers of x.
        #[must_use]
        pub fn augment(
            mut self,
            augmentation: chainrule_datasets::Augmentation,
            image: chainrule_datasets::ImageShape,
        ) -> Self {
            self.perceptron.augment = augmentation;
            self.perceptron.image = Some(image);
            self
        }

        /// The same whose examples count by these weights, one each.
        #[must_use]
        pub fn sample_weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
            self.perceptron.sample_weights = Some(weights.into());
            self
        }
    };
}

pub(crate) use settings;
