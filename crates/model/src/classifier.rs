use std::fmt::{self, Debug};
use std::ops::ControlFlow;

use chainrule_datasets::{Dataset, Encoding, Features, Pipeline, Scaling, Target};
use chainrule_layers::{Architecture, Layer, Sequential, SpecError, Stage, activation};
#[cfg(feature = "files")]
use chainrule_loss::LossKind;
use chainrule_loss::SoftmaxCrossEntropy;
use chainrule_optim::{Adam, Descent, Schedule};
use chainrule_tensor::ndarray::{Array2, ArrayRef2};
use chainrule_tensor::{Aligned, Pool, Rng, Scalar, available_threads, rows};
use chainrule_train::{Callback, Epoch, History, Plan, Task, TrainError, TrainState, Trainer, Weights};
use serde::{Deserialize, Serialize};
use thiserror::Error;

#[cfg(feature = "files")]
use crate::checkpoint::Checkpoint;
#[cfg(feature = "files")]
use crate::model_card::ModelCard;
use crate::output::Output;
use crate::predict::predict;

/// A multilayer perceptron that tells classes apart, from arrays in one line.
///
/// It minimises the softmax cross-entropy by Adam over shuffled batches, on inputs brought to mean 0 and variance 1, and
/// ends when the training loss no longer falls. For anything else there is [`Trainer`], which this calls.
///
/// | Field | Default | Meaning |
/// |---|---|---|
/// | `hidden` | `[100]` | the widths of the inner layers, bottom first; none gives softmax regression |
/// | `activation` | ReLU | the function of the inner units |
/// | `learning_rate` | 0.001 | of Adam, above 0 |
/// | `batch` | 200 | examples a step, at least 1; all of them where there are fewer |
/// | `epochs` | 200 | the most passes over the examples |
/// | `tolerance` | 0.0001 | by how much the loss must fall within 10 epochs for the run to go on |
/// | `seed` | 0 | of the initial weights and the shuffling |
///
/// These are the defaults of scikit-learn's `MLPClassifier`, but for its penalty on the weights, which there is none of
/// here, and the standardisation, which there one does oneself. The same arguments give the same bits, whatever the number
/// of threads.
///
/// # References
/// Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015; Pedregosa et al., "Scikit-learn: machine
/// learning in Python", JMLR 12, 2011.
///
/// ```
/// use chainrule_tensor::ndarray::array;
/// use chainrule_model::Classifier;
///
/// # fn main() -> Result<(), chainrule_model::FitError> {
/// let x = array![[0.0, 0.1], [0.2, 0.0], [0.9, 1.0], [1.0, 0.8]];
/// let y = ["low", "low", "high", "high"];
/// let classifier = Classifier::new([100]).fit(&x, &y)?;
/// assert_eq!(classifier.predict(&array![[0.1, 0.1], [0.9, 0.9]]), ["low", "high"]);
/// assert_eq!(classifier.classes(), ["high", "low"]);
/// assert!(classifier.predict_proba(&x)[(0, 1)] > 0.9);
/// assert_eq!(classifier.accuracy(&x, &y), 1.0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Classifier {
    hidden: Vec<usize>,
    #[serde(with = "as_words")]
    activation: Stage,
    learning_rate: f64,
    batch: usize,
    epochs: usize,
    tolerance: f64,
    seed: u64,
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

impl Default for Classifier {
    fn default() -> Self {
        Self {
            hidden: vec![100],
            activation: activation::Relu.into(),
            learning_rate: 1e-3,
            batch: 200,
            epochs: 200,
            tolerance: 1e-4,
            seed: 0,
        }
    }
}

impl Classifier {
    /// One with inner layers of these widths.
    pub fn new(hidden: impl Into<Vec<usize>>) -> Self {
        Self { hidden: hidden.into(), ..Self::default() }
    }

    /// The same with these inner units.
    pub fn activation(self, activation: impl Into<Stage>) -> Self {
        Self { activation: activation.into(), ..self }
    }

    /// The same with another learning rate.
    pub fn learning_rate(self, learning_rate: f64) -> Self {
        Self { learning_rate, ..self }
    }

    /// The same with so many examples a step.
    pub fn batch(self, batch: usize) -> Self {
        Self { batch, ..self }
    }

    /// The same with at most so many passes over the examples.
    pub fn epochs(self, epochs: usize) -> Self {
        Self { epochs, ..self }
    }

    /// The same that ends when the loss has not fallen by so much in 10 epochs; −∞ never ends it early.
    pub fn tolerance(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    /// The same from another seed.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Learns to tell the classes y of the rows of x. A class may be anything with an order: a number, a word, an enum.
    ///
    /// # Errors
    /// If x and y differ in length, are empty, or hold a number that is not finite; if a width is 0, the learning rate is not
    /// above 0, or the loss becomes NaN or infinite.
    pub fn fit<A: Scalar, C: Ord + Clone>(
        &self,
        x: &ArrayRef2<A>,
        y: &[C],
    ) -> Result<FittedClassifier<A, C>, FitError> {
        if self.learning_rate.is_nan() || self.learning_rate <= 0.0 || self.learning_rate.is_infinite() {
            return Err(FitError::Rate(self.learning_rate));
        }
        let mut classes = y.to_vec();
        classes.sort();
        classes.dedup();
        let label = |class| classes.binary_search(class).expect("every class is among the classes") as u32;
        let target = Target::numbered(y.iter().map(label).collect(), classes.len());
        let train = Dataset::new("x", Features::Real(x.to_owned()), target)?;
        let transform = Pipeline::new().then_fit(Scaling::Standardise, &train)?;

        let widths = [&[x.ncols()], self.hidden.as_slice(), &[classes.len()]].concat();
        let architecture = Architecture::perceptron(&widths, self.activation.clone(), 0.0);
        architecture.validated()?;
        let model = architecture.build::<A>(None);
        let mut theta = model.layout().init(&mut Rng::new(self.seed));
        let schedule = Schedule::constant(self.learning_rate);
        let mut adam = Descent::new(Adam::default(), theta.len(), schedule).along(model.layout());
        let task = Task {
            model: &model,
            loss: &SoftmaxCrossEntropy::default(),
            encoding: Encoding::Index,
            transform: &transform,
            train: &train,
            validation: None,
        };
        let plan = Plan { epochs: self.epochs, batch: self.batch, seed: self.seed, ..Plan::default() };
        let mut level = Level { tolerance: self.tolerance, best: f64::INFINITY, waited: 0 };
        let pool = Pool::new(available_threads());
        let mut state = TrainState::start(&model, &theta);
        let trainer = Trainer::new(&task, &plan, &pool).callback(&mut level);
        let history = trainer.run(&mut adam, &mut theta, &mut state)?;
        Ok(FittedClassifier {
            architecture,
            model,
            transform,
            theta,
            statistics: state.statistics,
            classes,
            history,
            #[cfg(feature = "files")]
            seed: self.seed,
        })
    }
}

/// Why a classifier could not be fitted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FitError {
    /// x and y are no examples.
    #[error(transparent)]
    Data(#[from] chainrule_datasets::Error),
    /// There is no such network.
    #[error("{0}: change the widths of the hidden layers")]
    Network(#[from] SpecError),
    /// A step of that length leads nowhere.
    #[error("a learning rate of {0}: take one above 0, such as 0.001")]
    Rate(f64),
    /// The training ended badly.
    #[error(transparent)]
    Train(#[from] TrainError),
}

/// How many epochs without a better loss a run may have.
const PATIENCE: usize = 10;

/// Ends a run whose loss has come to a level.
struct Level {
    tolerance: f64,
    best: f64,
    waited: usize,
}

impl<A: Scalar> Callback<A> for Level {
    fn on_epoch(&mut self, epoch: &Epoch, _: &[A]) -> ControlFlow<()> {
        self.waited = if epoch.train_loss > self.best - self.tolerance { self.waited + 1 } else { 0 };
        self.best = self.best.min(epoch.train_loss);
        if self.waited >= PATIENCE { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// What [`Classifier::fit`] learned.
pub struct FittedClassifier<A: Scalar, C> {
    architecture: Architecture,
    model: Sequential<A>,
    transform: Pipeline,
    theta: Aligned<A>,
    statistics: Vec<A>,
    classes: Vec<C>,
    history: History,
    #[cfg(feature = "files")]
    seed: u64,
}

impl<A: Scalar, C: Ord + Clone> FittedClassifier<A, C> {
    /// The class of each row of x: the most probable one, the first of equals.
    ///
    /// # Panics
    /// If x has not as many columns as the examples had.
    pub fn predict(&self, x: &ArrayRef2<A>) -> Vec<C> {
        rows::slices(&self.predict_proba(x)).map(|row| self.classes[rows::argmax(row)].clone()).collect()
    }

    /// The probability of each class, in the order of [`classes`](Self::classes), for each row of x.
    ///
    /// # Panics
    /// If x has not as many columns as the examples had.
    pub fn predict_proba(&self, x: &ArrayRef2<A>) -> Array2<A> {
        let weights = Weights { theta: &self.theta, statistics: &self.statistics };
        predict(&self.model, Output::Softmax, &self.transform, weights, x)
    }

    /// The accuracy: the share of rows of x whose class is that of y, 0 where there are none.
    ///
    /// # Panics
    /// If x and y differ in length, or x has not as many columns as the examples had.
    #[track_caller]
    pub fn accuracy(&self, x: &ArrayRef2<A>, y: &[C]) -> f64 {
        assert_eq!(x.nrows(), y.len(), "accuracy: {} rows of x but {} classes", x.nrows(), y.len());
        let hits = self.predict(x).iter().zip(y).filter(|(guess, truth)| guess == truth).count();
        hits as f64 / y.len().max(1) as f64
    }

    /// The classes, sorted: the columns of [`predict_proba`](Self::predict_proba).
    pub fn classes(&self) -> &[C] {
        &self.classes
    }

    /// How the training went.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The parameters, flat.
    pub fn theta(&self) -> &[A] {
        &self.theta
    }

    /// The model as a file holds it, with the names of the classes and the standardisation: what `chainrule predict` reads.
    #[cfg(feature = "files")]
    pub fn checkpoint(&self) -> Checkpoint<A>
    where
        C: ToString,
    {
        let card = ModelCard {
            architecture: self.architecture.clone(),
            output: Output::Softmax,
            loss: Some(LossKind::CrossEntropy.spec()),
            input: None,
            transform: self.transform.clone(),
            classes: self.classes.iter().map(ToString::to_string).collect(),
            labels: Vec::new(),
            targets: Vec::new(),
            data: None,
            seed: Some(self.seed),
        };
        Checkpoint { card, theta: self.theta.to_vec(), statistics: self.statistics.clone() }
    }
}

impl<A: Scalar, C: Debug> Debug for FittedClassifier<A, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FittedClassifier({}, {:?})", self.architecture, self.classes)
    }
}
