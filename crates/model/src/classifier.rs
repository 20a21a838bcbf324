use std::fmt::{self, Debug};
#[cfg(feature = "files")]
use std::path::Path;

use chainrule_datasets::{Dataset, Features, Target};
use chainrule_loss::SoftmaxCrossEntropy;
use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, ArrayRef2};
use chainrule_train::History;
#[cfg(feature = "files")]
use chainrule_train::Stop;
use serde::{Deserialize, Serialize};

#[cfg(feature = "files")]
use crate::checkpoint_error::CheckpointError;
use crate::class_weights::ClassWeights;
use crate::fit_error::FitError;
use crate::model::Model;
use crate::perceptron::{Perceptron, settings};

/// A multilayer perceptron that tells classes apart, from arrays in one line.
///
/// It minimises the softmax cross-entropy by Adam over shuffled batches, on inputs brought to mean 0 and variance 1, with a learning
/// rate that goes through one cycle. The settings and their defaults are those of [`Perceptron`]; the same arguments
/// give the same bits, whatever the number of threads. For anything else there are [`Model`] and [`Trainer`](crate::Trainer), which
/// this calls.
///
/// # References
/// Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
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
///
/// Rows of x that are images can be varied in training:
///
/// ```
/// use chainrule_datasets::{ImageShape, Pipeline, digits};
/// use chainrule_model::Classifier;
///
/// let train = digits::<f32>().train;
/// let (x, y) = (train.inputs_through(&Pipeline::new()), train.labels().unwrap());
/// let shape = ImageShape { height: 8, width: 8, channels: 1 };
/// let classifier = Classifier::new([32]).epochs(3).augment("rotate 10, scale 10".parse()?, shape);
/// assert!(classifier.fit(&x, y)?.accuracy(&x, y) > 0.8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Classifier {
    perceptron: Perceptron,
}

impl Classifier {
    settings!();

    /// The same whose classes count by these weights.
    #[must_use]
    pub fn class_weights(mut self, class_weights: ClassWeights) -> Self {
        self.perceptron.class_weights = class_weights;
        self
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
        let mut classes = y.to_vec();
        classes.sort();
        classes.dedup();
        let label = |class| classes.binary_search(class).expect("every class is among the classes") as u32;
        let target = Target::numbered(y.iter().map(label).collect(), classes.len());
        let data = self.perceptron.described(Dataset::new("x", Features::Real(x.to_owned()), target)?)?;
        let class_weights = self.perceptron.class_weights.of(&data.class_counts().unwrap_or_default())?;
        let loss = SoftmaxCrossEntropy::default().class_weights(class_weights);
        let (model, history) = self.perceptron.fit(&data, Box::new(loss))?;
        Ok(FittedClassifier { model, classes, history })
    }
}

/// What [`Classifier::fit`] learned.
pub struct FittedClassifier<A: Scalar, C> {
    model: Model<A>,
    classes: Vec<C>,
    history: History,
}

impl<A: Scalar, C: Ord + Clone> FittedClassifier<A, C> {
    /// The class of each row of x: the most probable one, the first of equals.
    ///
    /// # Panics
    /// If x has not as many columns as the examples had.
    #[track_caller]
    pub fn predict(&self, x: &ArrayRef2<A>) -> Vec<C> {
        self.model.predict_classes(x).into_iter().map(|class| self.classes[class].clone()).collect()
    }

    /// The probability of each class, in the order of [`classes`](Self::classes), for each row of x.
    ///
    /// # Panics
    /// If x has not as many columns as the examples had.
    #[track_caller]
    pub fn predict_proba(&self, x: &ArrayRef2<A>) -> Array2<A> {
        self.model.predict_proba(x)
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

    /// How the training went; without epochs for one that was loaded.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The model, whose classes have the names that `ToString` gives them.
    pub fn into_model(self) -> Model<A>
    where
        C: ToString,
    {
        let classes = self.classes.iter().map(ToString::to_string).collect();
        Model { classes, ..self.model }
    }
}

#[cfg(feature = "files")]
impl<A: Scalar> FittedClassifier<A, String> {
    /// Reads a classifier that a file holds, with the names of its classes: one of [`Model::save`] or of `chainrule train`. (Feature
    /// `files`.)
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        let model = Model::load(path)?;
        let history = History { epochs: Vec::new(), best: None, stop: Stop::Finished };
        Ok(Self { classes: model.classes.clone(), model, history })
    }
}

impl<A: Scalar, C: Debug> Debug for FittedClassifier<A, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FittedClassifier({:?}, {:?})", self.model.network(), self.classes)
    }
}
