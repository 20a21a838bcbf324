//! Options that several subcommands share, and the words they take.

use std::error::Error;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;

use chainrule::layers::Stage;
use chainrule::tensor::{Init, ParseInitError};
use chainrule::train::Reduction;
use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

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
    name_parser(Stage::activations().iter().map(Stage::name).collect::<Vec<_>>())
}

/// Parses a name of one of the library's tables; `--help` lists the names.
pub(crate) fn name_parser<T>(
    names: impl IntoIterator<Item: Into<PossibleValue>>,
) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err: Error + Send + Sync> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(names).try_map(|name| name.parse::<T>())
}

impl From<ReductionName> for Reduction {
    fn from(name: ReductionName) -> Self {
        match name {
            ReductionName::Library => Reduction::Library,
            ReductionName::Tree => Reduction::Tree,
        }
    }
}

/// The function of the topmost layer, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputName {
    Softmax,
    Sigmoid,
    Identity,
}

/// Layer widths such as `784-256-10`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Widths(Vec<usize>);

impl FromStr for Widths {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let widths: Result<Vec<usize>, _> = text.split('-').map(str::parse).collect();
        match widths {
            Ok(widths) if widths.iter().all(|&width| width > 0) => Ok(Self(widths)),
            _ => Err("expected widths above 0 joined by hyphens, such as 784-256-10".to_owned()),
        }
    }
}

impl From<Vec<usize>> for Widths {
    fn from(widths: Vec<usize>) -> Self {
        Self(widths)
    }
}

impl Widths {
    /// All widths of a network for data with these inputs and outputs, `size` in words: given in full, or the hidden ones alone.
    ///
    /// # Errors
    /// If only one end of several widths is the data's: the network is meant for other data, or half written.
    pub(crate) fn complete(
        &self,
        (inputs, outputs): (usize, usize),
        size: &str,
    ) -> Result<Vec<usize>, Failure> {
        let (first, last) = (self.0[0] == inputs, self.0[self.0.len() - 1] == outputs);
        match (self.0.len(), first, last) {
            (2.., true, true) => Ok(self.0.clone()),
            (1, ..) | (_, false, false) => Ok([&[inputs], self.0.as_slice(), &[outputs]].concat()),
            _ => Err(Failure::input(format!(
                "--layers {self} does not fit the data, which has {size}: \
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

impl FromStr for InitArg {
    type Err = ParseInitError;

    fn from_str(text: &str) -> Result<Self, ParseInitError> {
        if text == "auto" { Ok(Self(None)) } else { text.parse().map(|init| Self(Some(init))) }
    }
}

/// The same path from any folder; one that is no text stays as it is, and the reader will say so.
pub(crate) fn absolute(path: &Path) -> String {
    std::path::absolute(path).as_deref().unwrap_or(path).to_string_lossy().into_owned()
}

/// What brings the inputs to mean 0 and variance 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Standardize {
    /// Nothing, unless they are those of a table.
    False,
    /// Each input has its own mean and variance.
    True,
    /// Each channel of an image has.
    Channels,
}

/// Parses a whole number in a range.
pub(crate) fn whole<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.parse::<u64>().ok();
        let fitting = number.filter(|number| range.contains(number));
        fitting.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if is_digits && number.is_none_or(|number| number > *most) {
                return format!("expected a whole number of at most {most}");
            }
            // A bound that only the number of bits sets is of no interest before.
            if *most >= u64::from(u32::MAX) {
                return format!("expected a whole number of at least {least}");
            }
            format!("expected a whole number from {least} to {most}")
        })
    }
}

/// A number of any size, such as one of epochs or a seed.
pub(crate) const ANY: RangeInclusive<u64> = 0..=u64::MAX;
/// The number of threads of a process.
pub(crate) const THREADS: RangeInclusive<u64> = 1..=1024;

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
        _ => Err("expected a finite number that is not negative".to_owned()),
    }
}
