use std::fmt;
#[cfg(feature = "files")]
use std::path::Path;

use chainrule_datasets::{Dataset, Input, Label, Pipeline};
use chainrule_layers::{Architecture, Layer};
use chainrule_loss::LossSpec;
use chainrule_tensor::ndarray::{Array2, ArrayRef2};
use chainrule_tensor::{Aligned, Rng, Scalar, rows};
use chainrule_train::{EvaluateError, Evaluation, Weights, class_of, evaluate};

#[cfg(feature = "files")]
use crate::checkpoint::Checkpoint;
#[cfg(feature = "files")]
use crate::checkpoint_error::CheckpointError;
use crate::model_card::{ModelCard, Untrained};
use crate::output::Output;
use crate::predict::predict;
use crate::summary::Summary;
use crate::task::{encoding, usual_loss};

/// A network with its numbers and all that a prediction needs: θ, the statistics beside it, the transform of the input, the function
/// of the output, and the names of the classes.
///
/// The network is a description, as everywhere; the model owns one θ for it. What works on θ itself, such as a
/// [`Risk`](chainrule_train::Risk), takes [`network`](Self::network) and [`theta`](Self::theta). The methods `save` and `load` need the
/// feature `files`.
///
/// ```
/// use chainrule_datasets::synthetic;
/// use chainrule_layers::{Dense, Relu, Sequential};
/// use chainrule_model::Model;
///
/// let (train, test) = (synthetic::moons::<f32>(400, 0.1, 1), synthetic::moons(100, 0.1, 2));
/// let network = Sequential::input(2).then(|n| Dense::new(n, 32)).then(Relu::new).then(|n| Dense::new(n, 2));
/// let mut model = Model::new(network, 1);
/// model.fit(&train)?;
/// assert!(model.evaluate(&test)?.metrics.accuracy() > Some(0.95));
///
/// let x = test.inputs_through(&Default::default());
/// let classes: Vec<usize> = model.predict_classes(&x);
/// assert_eq!(classes.len(), 100);
/// assert_eq!(model.classes(), ["0", "1"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Model<A: Scalar> {
    pub(crate) network: Box<dyn Layer<A>>,
    pub(crate) theta: Aligned<A>,
    pub(crate) statistics: Vec<A>,
    /// `None` until somebody chooses it, or the first training does.
    pub(crate) transform: Option<Pipeline>,
    pub(crate) output: Output,
    /// Whether somebody chose the function of the output, which else follows the loss of each training.
    pub(crate) is_output_chosen: bool,
    pub(crate) loss: Option<LossSpec>,
    pub(crate) classes: Vec<String>,
    pub(crate) labels: Vec<Label>,
    pub(crate) targets: Vec<String>,
    pub(crate) input: Option<Input>,
    pub(crate) seed: Option<u64>,
    /// Whether θ is that of a trained network, in the units of the targets.
    pub(crate) is_trained: bool,
}

impl<A: Scalar> Model<A> {
    /// A network that is yet to be trained: θ is drawn from `seed`, as the network's initialisers say.
    pub fn new(network: impl Layer<A>, seed: u64) -> Self {
        let (mut rng, layout) = (Rng::new(seed), network.layout());
        let theta = layout.init(&mut rng);
        let statistics = network.statistics().init(&mut Rng::new(0)).to_vec();
        Self {
            network: Box::new(network),
            theta,
            statistics,
            transform: None,
            output: Output::Identity,
            is_output_chosen: false,
            loss: None,
            classes: Vec::new(),
            labels: Vec::new(),
            targets: Vec::new(),
            input: None,
            seed: Some(seed),
            is_trained: false,
        }
    }

    /// The same with this transform of the input, in place of the one that the first training would choose; `Pipeline::new()` takes
    /// inputs as they are.
    #[must_use]
    pub fn transform(self, transform: Pipeline) -> Self {
        Self { transform: Some(transform), ..self }
    }

    /// The same with this function of the output, in place of the one that training takes from its loss.
    #[must_use]
    pub fn output(self, output: Output) -> Self {
        Self { output, is_output_chosen: true, ..self }
    }

    /// The predictions for the rows of x, as they come from a file: the numbers of a regression, in the units of its targets, or a
    /// probability for each class.
    ///
    /// # Panics
    /// If the number of columns of x is not the number of inputs.
    #[track_caller]
    pub fn predict(&self, x: &ArrayRef2<A>) -> Array2<A> {
        self.predict_from(x)
    }

    /// The same for numbers of another type: those with more digits than the network's go through the input transform before they
    /// are rounded.
    ///
    /// # Panics
    /// As [`predict`](Self::predict).
    #[track_caller]
    pub fn predict_from<X: Scalar>(&self, x: &ArrayRef2<X>) -> Array2<A> {
        let (given, takes) = (x.ncols(), self.network.inputs());
        assert_eq!(given, takes, "predict: a row of {given} numbers for a network of {takes} inputs");
        let plain = Pipeline::new();
        let transform = self.transform.as_ref().unwrap_or(&plain);
        predict(self.network(), self.output, transform, self.weights(), x)
    }

    /// The probability of each class for the rows of x.
    ///
    /// # Panics
    /// If the outputs are no probabilities, as those of a regression, or as [`predict`](Self::predict).
    #[track_caller]
    pub fn predict_proba(&self, x: &ArrayRef2<A>) -> Array2<A> {
        assert!(
            self.output != Output::Identity,
            "predict_proba: the outputs of this model are no probabilities"
        );
        self.predict(x)
    }

    /// The most probable class of each row of x, the first of equals: a place in [`classes`](Self::classes). A lone output
    /// is the probability of the second of two.
    ///
    /// # Panics
    /// As [`predict`](Self::predict).
    #[track_caller]
    pub fn predict_classes(&self, x: &ArrayRef2<A>) -> Vec<usize> {
        let predictions = self.predict(x);
        rows::slices(&predictions).map(class_of).collect()
    }

    /// Loss and metrics on data, by the loss that the model was trained on or, where that is no loss of the library or there was none,
    /// by the usual one.
    ///
    /// # Errors
    /// If an output is NaN or infinite, or a streamed file can no longer be read.
    ///
    /// # Panics
    /// If the data are for another network, or their classes are not those of the training, in the same order.
    #[track_caller]
    pub fn evaluate(&self, data: &Dataset<A>) -> Result<Evaluation, EvaluateError> {
        let classes = data.target().classes();
        assert!(
            self.classes.is_empty() || classes.is_empty() || self.classes == classes,
            "evaluate: the classes of the data are {classes:?}, and those of the model {:?}",
            self.classes
        );
        let loss = self.loss.as_ref().map_or_else(|| usual_loss(data.target()), LossSpec::build);
        let encoding =
            encoding(loss.target(), data.target()).expect("evaluate: a loss of classes on numbers");
        let plain = Pipeline::new();
        let transform = self.transform.as_ref().unwrap_or(&plain);
        evaluate(self.network(), &*loss, encoding, transform, self.weights(), data)
    }

    /// The layers with their shapes and the numbers of their parameters.
    ///
    /// ```
    /// use chainrule_layers::{Dense, Sequential, Tanh};
    /// use chainrule_model::Model;
    ///
    /// let network = Sequential::<f32>::input(4).then(|n| Dense::new(n, 8)).then(Tanh::new);
    /// let summary = Model::new(network, 1).summary();
    /// assert_eq!(summary.parameters, 40);
    /// println!("{summary}");
    /// ```
    pub fn summary(&self) -> Summary {
        Summary::of(self.network())
    }

    /// The network.
    pub fn network(&self) -> &dyn Layer<A> {
        &*self.network
    }

    /// The parameters, flat, in the layout of the network.
    pub fn theta(&self) -> &[A] {
        &self.theta
    }

    /// The same, to be moved.
    pub fn theta_mut(&mut self) -> &mut [A] {
        &mut self.theta
    }

    /// The parameters and the statistics beside them.
    pub fn weights(&self) -> Weights<'_, A> {
        Weights { theta: &self.theta, statistics: &self.statistics }
    }

    /// The names of the classes, in the order of the outputs; none where the outputs are no classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// What was chosen, if the first training is yet to come.
    pub(crate) fn untrained(&self) -> Option<Untrained> {
        let chosen = Untrained { transform: self.transform.is_some(), output: self.is_output_chosen };
        (!self.is_trained).then_some(chosen)
    }

    /// The description that a file holds of the model; `None` where one of its layers is not of the library.
    pub fn card(&self) -> Option<ModelCard> {
        Some(ModelCard {
            loss: self.loss.clone(),
            input: self.input.clone(),
            transform: self.transform.clone().unwrap_or_default(),
            classes: self.classes.clone(),
            labels: self.labels.clone(),
            targets: self.targets.clone(),
            seed: self.seed,
            untrained: self.untrained(),
            ..ModelCard::new(Architecture::of(self.network())?, self.output, None)
        })
    }
}

#[cfg(feature = "files")]
impl<A: Scalar> Model<A> {
    /// Writes the model as a file of safetensors, which [`load`](Self::load), `chainrule predict` and PyTorch read. At every moment there
    /// is the old file or the new one, whole.
    ///
    /// A network with a layer of your own is saved by the names and shapes of its parameters, for [`load_into`](Self::load_into).
    ///
    /// # Errors
    /// If the folder cannot be written to.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), CheckpointError> {
        match self.checkpoint() {
            Some(checkpoint) => checkpoint.save(path.as_ref()),
            None => self.save_own(path.as_ref()),
        }
    }

    /// Reads a file that [`save`](Self::save) or `chainrule train` wrote.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or has a layer that is not of the library.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        Ok(Checkpoint::load(path.as_ref())?.into())
    }

    /// The model as a file holds it; `None` where one of its layers is not of the library.
    pub fn checkpoint(&self) -> Option<Checkpoint<A>> {
        let (theta, statistics) = (self.theta.to_vec(), self.statistics.clone());
        Some(Checkpoint { card: self.card()?, theta, statistics })
    }
}

#[cfg(feature = "onnx")]
impl<A: Scalar> Model<A> {
    /// The model in ONNX, as [`Checkpoint::to_onnx`] describes it; `None` where one of its layers is not of the library.
    pub fn to_onnx(&self) -> Option<Vec<u8>> {
        Some(self.checkpoint()?.to_onnx())
    }
}

#[cfg(feature = "files")]
impl<A: Scalar> From<Checkpoint<A>> for Model<A> {
    fn from(checkpoint: Checkpoint<A>) -> Self {
        let Checkpoint { card, theta, statistics } = checkpoint;
        let network = card.architecture.build::<A>(None);
        let mut aligned = Aligned::zeros(theta.len());
        aligned.copy_from_slice(&theta);
        Self {
            network: Box::new(network),
            theta: aligned,
            statistics,
            is_output_chosen: card.is_output_chosen(),
            transform: card.chosen_transform(),
            output: card.output,
            loss: card.loss,
            classes: card.classes,
            labels: card.labels,
            targets: card.targets,
            input: card.input,
            seed: card.seed,
            is_trained: card.untrained.is_none(),
        }
    }
}

impl<A: Scalar> fmt::Debug for Model<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("network", &self.network)
            .field("classes", &self.classes)
            .finish_non_exhaustive()
    }
}
