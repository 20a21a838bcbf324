use chainrule_layers::SpecError;
use chainrule_train::TrainError;
use thiserror::Error;

/// Why a model could not be fitted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FitError {
    /// These are no examples.
    #[error(transparent)]
    Data(#[from] chainrule_datasets::Error),
    /// There is nothing to learn from.
    #[error("x has {rows} rows and {columns} columns: give it examples")]
    Empty {
        /// The rows of x.
        rows: usize,
        /// Its columns.
        columns: usize,
    },
    /// There is no such network.
    #[error("{0}: change the widths of the hidden layers")]
    Network(#[from] SpecError),
    /// The examples do not fit into the network.
    #[error(
        "the network takes {takes} numbers, and an example has {given}: begin it with `Sequential::input({given})`"
    )]
    Inputs {
        /// The inputs of the network.
        takes: usize,
        /// The numbers of an example.
        given: usize,
    },
    /// The network answers another question.
    #[error(
        "the network has {gives} outputs, and the targets need {wanted}: end it with `Dense::new(n, {wanted})`"
    )]
    Outputs {
        /// The outputs of the network.
        gives: usize,
        /// The classes, or the numbers of a target.
        wanted: usize,
    },
    /// The targets are numbers.
    #[error("the loss is one of classes, and the targets are numbers: take SquaredError::mean()")]
    LossOfClasses,
    /// The targets are labels.
    #[error("the targets are labels, any number of which may hold: take BinaryCrossEntropy")]
    LossOfLabels,
    /// The examples of another part are of another kind.
    #[error(
        "the validation examples have {there}, and the training examples {here}: take both from the same data"
    )]
    Validation {
        /// What the training examples have.
        here: String,
        /// What the validation examples have.
        there: String,
    },
    /// Class weights without classes.
    #[error("class weights are for classes, and the targets are numbers: leave them out")]
    ClassWeights,
    /// Not one class weight a class.
    #[error("{weights} class weights for {classes} classes: give one for each, in the order of the classes")]
    ClassWeightCount {
        /// How many were given.
        weights: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// A class cannot count so much.
    #[error("a class weight of {0}: give a finite number above 0")]
    ClassWeight(f64),
    /// A step of that length leads nowhere.
    #[error("a learning rate of {0}: take one above 0, such as 0.001")]
    Rate(f64),
    /// A setting that no training can have.
    #[error("a {what} of {value}: take a finite number above 0, or leave it out")]
    Setting {
        /// Its name.
        what: &'static str,
        /// What it is.
        value: f64,
    },
    /// The targets are so large beside their differences that the network's numbers are too coarse for them.
    #[error(
        "the targets lie too close together for {0}, beside their size: train in f64, or subtract their mean"
    )]
    Resolution(&'static str),
    /// The training ended badly.
    #[error(transparent)]
    Train(#[from] TrainError),
}
