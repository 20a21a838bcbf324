//! Options that several subcommands share, and the words they take.

use std::fmt;

use chainrule::datasets::Encoding;
use chainrule::layers::{SoftmaxSpec, Stage, activation};
use chainrule::loss::{CrossEntropyConfig, Loss, LossKind, LossSpec};
use chainrule::model::Output;
use chainrule::tensor::{Init, Scalar};
use chainrule::train::Reduction;
use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::failure::Failure;

/// The number type of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dtype {
    F32,
    F64,
}

/// Calls a generic function for the number type that `dtype` names.
macro_rules! with_dtype {
    ($dtype:expr, $function:ident($($argument:expr),*)) => {
        match $dtype {
            $crate::commands::options::Dtype::F32 => $function::<f32>($($argument),*),
            $crate::commands::options::Dtype::F64 => $function::<f64>($($argument),*),
        }
    };
}
pub(crate) use with_dtype;

/// An order of summation over a batch, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReductionName {
    Library,
    Tree,
}

/// Parses the name of an activation function; `--help` lists the names.
pub(crate) fn activation_parser() -> impl TypedValueParser<Value = Stage> {
    PossibleValuesParser::new(Stage::activations().iter().map(Stage::name).collect::<Vec<_>>())
        .map(|name| name.parse().expect("each name is that of an activation"))
}

impl From<ReductionName> for Reduction {
    fn from(name: ReductionName) -> Self {
        match name {
            ReductionName::Library => Reduction::Library,
            ReductionName::Tree => Reduction::Tree,
        }
    }
}

/// A loss by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LossName {
    CrossEntropy,
    SquaredError,
    MeanSquaredError,
    BinaryCrossEntropy,
    Huber,
    MeanAbsolute,
}

/// The function of the topmost layer, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputName {
    Softmax,
    Sigmoid,
    Identity,
}

impl fmt::Display for LossName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().expect("no loss is hidden").get_name())
    }
}

impl LossName {
    /// The loss of a run if none is named.
    pub(crate) fn usual(classes: bool) -> Self {
        if classes { LossName::CrossEntropy } else { LossName::MeanSquaredError }
    }

    /// The loss as a checkpoint keeps it.
    pub(crate) fn spec(self, label_smoothing: f64) -> LossSpec {
        match self {
            LossName::CrossEntropy => LossSpec::CrossEntropy(CrossEntropyConfig {
                label_smoothing,
                ..CrossEntropyConfig::default()
            }),
            LossName::SquaredError => LossKind::SquaredError.spec(),
            LossName::MeanSquaredError => LossKind::MeanSquaredError.spec(),
            LossName::BinaryCrossEntropy => LossKind::BinaryCrossEntropy.spec(),
            LossName::Huber => LossKind::Huber.spec(),
            LossName::MeanAbsolute => LossKind::MeanAbsolute.spec(),
        }
    }

    pub(crate) fn build<A: Scalar>(self, label_smoothing: f64) -> Box<dyn Loss<A>> {
        self.spec(label_smoothing).build()
    }

    /// The output activation of a network trained on this loss, if none is named.
    fn usual_output(self, classes: bool) -> OutputName {
        match self {
            LossName::CrossEntropy => OutputName::Softmax,
            LossName::BinaryCrossEntropy => OutputName::Sigmoid,
            _ if classes => OutputName::Sigmoid,
            _ => OutputName::Identity,
        }
    }

    /// The output activation on top of the last dense layer: a layer, or a function that the loss includes.
    ///
    /// # Errors
    /// If the loss is not one for that output.
    pub(crate) fn top(
        self,
        output: Option<OutputName>,
        classes: bool,
    ) -> Result<(Option<Stage>, Output), Failure> {
        let output = output.unwrap_or_else(|| self.usual_output(classes));
        match (self, output) {
            (LossName::CrossEntropy, OutputName::Softmax) => Ok((None, Output::Softmax)),
            (LossName::BinaryCrossEntropy, OutputName::Sigmoid) => Ok((None, Output::Sigmoid)),
            (LossName::CrossEntropy, _) => {
                Err(Failure::input("--loss cross-entropy includes --output softmax; omit --output"))
            }
            (LossName::BinaryCrossEntropy, _) => {
                Err(Failure::input("--loss binary-cross-entropy includes --output sigmoid; omit --output"))
            }
            (_, OutputName::Softmax) => Ok((Some(Stage::Softmax(SoftmaxSpec)), Output::Identity)),
            (_, OutputName::Sigmoid) => Ok((Some(activation::Sigmoid.into()), Output::Identity)),
            (_, OutputName::Identity) => Ok((None, Output::Identity)),
        }
    }

    /// The form in which this loss takes the targets of a data set.
    ///
    /// # Errors
    /// If it is a loss of classes, and the targets are numbers.
    pub(crate) fn encoding(self, classes: bool) -> Result<Encoding, Failure> {
        match self {
            LossName::CrossEntropy | LossName::BinaryCrossEntropy if !classes => {
                Err(Failure::Input(format!(
                    "--loss {self} is for classes, and the targets of this data are numbers: use --loss mean-squared-error"
                )))
            }
            _ if !classes => Ok(Encoding::Real),
            LossName::CrossEntropy => Ok(Encoding::Index),
            _ => Ok(Encoding::OneHot),
        }
    }
}

/// Layer widths such as `784-256-10`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Widths(Vec<usize>);

impl std::str::FromStr for Widths {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let widths: Result<Vec<usize>, _> = text.split('-').map(str::parse).collect();
        match widths {
            Ok(widths) if widths.iter().all(|&width| width > 0) => Ok(Self(widths)),
            _ => Err("expected widths above 0 joined by hyphens, such as 784-256-10".to_owned()),
        }
    }
}

impl Widths {
    /// All widths of a network for data with these inputs and outputs: given in full, or the hidden ones alone.
    ///
    /// # Errors
    /// If only one end of several widths is the data's: the network is meant for other data, or half written.
    pub(crate) fn complete(&self, inputs: usize, outputs: usize) -> Result<Vec<usize>, Failure> {
        let (first, last) = (self.0[0] == inputs, self.0[self.0.len() - 1] == outputs);
        match (self.0.len(), first, last) {
            (2.., true, true) => Ok(self.0.clone()),
            (1, ..) | (_, false, false) => Ok([&[inputs], self.0.as_slice(), &[outputs]].concat()),
            _ => Err(Failure::input(format!(
                "--layers {self} does not fit the data, which has {inputs} inputs and {outputs} outputs: \
                 write {inputs}-…-{outputs}, or the widths of the hidden layers alone"
            ))),
        }
    }
}

impl Widths {
    /// The widths as they stand, for a network of which nothing else is known.
    ///
    /// # Errors
    /// If there is one width alone.
    pub(crate) fn in_full(&self) -> Result<&[usize], Failure> {
        if self.0.len() >= 2 {
            return Ok(&self.0);
        }
        Err(Failure::Input(format!("--layers {self}: give all widths, from the input to the output")))
    }
}

impl fmt::Display for Widths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&widths.join("-"))
    }
}

/// The value of `--init`; `None` leaves the choice to the activation function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InitArg(pub(crate) Option<Init>);

impl std::str::FromStr for InitArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_init(text).map(Self)
    }
}

/// An initialiser by its name, with its number where it has one: `normal:0.01`.
fn parse_init(text: &str) -> Result<Option<Init>, String> {
    let (name, number) = text.split_once(':').map_or((text, None), |(name, number)| (name, Some(number)));
    let number =
        number.map(|n| n.parse::<f64>().ok().filter(|n| n.is_finite()).ok_or(format!("{n:?} is no number")));
    let number = number.transpose()?;
    let plain = |init| if number.is_none() { Ok(Some(init)) } else { Err(format!("{name} takes no number")) };
    match name {
        "auto" if number.is_none() => Ok(None),
        "zeros" => plain(Init::Zeros),
        "constant" => Ok(Some(Init::Constant(number.unwrap_or(0.0)))),
        "uniform" => Ok(Some(Init::Uniform { limit: number.unwrap_or(0.1) })),
        "normal" => Ok(Some(Init::Normal { deviation: number.unwrap_or(1.0) })),
        "glorot-uniform" => plain(Init::GlorotUniform),
        "glorot-normal" => plain(Init::GlorotNormal),
        "he-uniform" => plain(Init::HeUniform),
        "he-normal" => plain(Init::HeNormal),
        "lecun-uniform" => plain(Init::LecunUniform),
        "lecun-normal" => plain(Init::LecunNormal),
        "orthogonal" => Ok(Some(Init::Orthogonal { gain: number.unwrap_or(1.0) })),
        "sparse" => match Init::SPARSE {
            Init::Sparse { incoming, deviation } => {
                Ok(Some(Init::Sparse { incoming, deviation: number.unwrap_or(deviation) }))
            }
            other => Ok(Some(other)),
        },
        _ => Err("expected one of auto, zeros, constant:X, uniform:LIMIT, normal:DEVIATION, glorot-uniform, glorot-normal, \
                  he-uniform, he-normal, lecun-uniform, lecun-normal, orthogonal:GAIN, sparse:DEVIATION"
            .to_owned()),
    }
}

/// A number in `[0, 1)`.
pub(crate) fn parse_fraction(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(fraction) if (0.0..1.0).contains(&fraction) => Ok(fraction),
        _ => Err("expected a number from 0 up to, but not including, 1".to_owned()),
    }
}

/// A finite number that is not negative.
pub(crate) fn parse_magnitude(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if x.is_finite() && x >= 0.0 => Ok(x),
        _ => Err("expected a number that is not negative".to_owned()),
    }
}
