//! Where examples come from: a known data set by its name, or a table of one's own.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use chainrule::datasets::{
    Dataset, Parts, Search, csv, digits, fashion_mnist, mnist, split::Share, synthetic,
};
use chainrule::tensor::Scalar;
use chainrule::train::Card;
use clap::{Args, ValueEnum};

use super::model::ModelArgs;
use crate::failure::Failure;

/// A data set by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Known {
    Digits,
    Mnist,
    FashionMnist,
    Spirals,
    Moons,
    Blobs,
    Xor,
    Teacher,
}

/// What `--data` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Known(Known),
    /// A CSV file whose last column is the target.
    Table(PathBuf),
}

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    Train,
    Test,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DataArgs {
    /// digits, mnist, fashion-mnist, spirals, moons, blobs, xor, teacher (a regression), or the path of a .csv table
    /// whose last column is the target [default: digits to train, the model's own to evaluate]
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) data: Option<Source>,
    /// The folder with the files of MNIST or Fashion-MNIST [default: the usual places]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(known) = <Known as ValueEnum>::from_str(text, false) {
            return Ok(Source::Known(known));
        }
        let path = PathBuf::from(text);
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
            return Ok(Source::Table(path));
        }
        let names: Vec<_> =
            Known::value_variants().iter().map(|&known| Source::Known(known).to_string()).collect();
        Err(format!("expected one of {}, or the path of a .csv table", names.join(", ")))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Known(known) => {
                f.write_str(known.to_possible_value().expect("no data set is hidden").get_name())
            }
            Source::Table(path) => f.write_str(&path.file_stem().unwrap_or_default().to_string_lossy()),
        }
    }
}

impl Source {
    /// The value of `--data` that names it from any folder.
    pub(crate) fn setting(&self) -> String {
        match self {
            Source::Known(_) => self.to_string(),
            Source::Table(path) => absolute(path),
        }
    }

    /// Whether its columns have scales of their own, which only a fitted transform brings together.
    pub(crate) fn is_table(&self) -> bool {
        matches!(self, Source::Table(_))
    }
}

/// The same path from any folder; one that is no text stays as it is, and the reader will say so.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).as_deref().unwrap_or(path).to_string_lossy().into_owned()
}

impl DataArgs {
    /// The value of `--data-dir`, if any, that names it from any folder.
    pub(crate) fn folder_setting(&self) -> Option<String> {
        self.data_dir.as_deref().map(absolute)
    }

    /// Training and test parts. Of a table, a fifth of the rows is held out, chosen by `seed`.
    pub(crate) fn parts<A: Scalar>(&self, source: &Source, seed: u64) -> Result<Parts<A>, Failure> {
        let halves = |make: &dyn Fn(u64) -> Dataset<A>| Parts {
            train: make(1),
            validation: None,
            test: Some(make(2)),
        };
        // Where the parameters of the distribution come from the seed too, both parts are cut from one set.
        let cut = |data: Dataset<A>| Parts::from(data).hold_out_test(Share::Fraction(0.5), 1);
        let search = Search::from_env().or_only(self.data_dir.clone());
        match source {
            Source::Table(path) => Parts::from(read_table(path, &[])?)
                .hold_out_test(Share::Fraction(0.2), seed)
                .map_err(|error| Failure::Input(format!("{}: {error}", path.display()))),
            Source::Known(known) => match known {
                Known::Digits => Ok(digits()),
                Known::Mnist => mnist(&search),
                Known::FashionMnist => fashion_mnist(&search),
                Known::Spirals => Ok(halves(&|seed| synthetic::spirals(1000, 1.0, 0.02, seed))),
                Known::Moons => Ok(halves(&|seed| synthetic::moons(1000, 0.1, seed))),
                Known::Xor => Ok(halves(&|seed| synthetic::xor(1000, 0.1, seed))),
                Known::Blobs => cut(synthetic::blobs(2000, 4, 2, 0.2, 1)),
                Known::Teacher => {
                    let teacher = synthetic::Teacher { inputs: 8, hidden: 6, outputs: 1, noise: 0.05 };
                    cut(teacher.regression(2000, 1))
                }
            }
            .map_err(Failure::input),
        }
    }

    /// The examples on which a model is judged: a part of a known set, or all rows of a table, whose classes are those
    /// of the model. Without `--data` they are of the kind it was trained on.
    ///
    /// # Errors
    /// If they cannot be read, or are not what the model takes.
    pub(crate) fn for_model<A: Scalar>(
        &self,
        model: &ModelArgs,
        card: &Card,
        part: Part,
    ) -> Result<Dataset<A>, Failure> {
        let of_the_model = || card.data.as_ref().and_then(|name| name.parse().ok());
        let source = self.data.clone().or_else(of_the_model).ok_or_else(|| {
            Failure::input("the model does not say what it was trained on: name the data with --data")
        })?;
        let data = match (&source, part) {
            (Source::Table(path), _) => read_table(path, &card.classes)?,
            (_, Part::Train) => self.parts(&source, 0)?.train,
            (_, Part::Test) => self.parts(&source, 0)?.test.expect("every known data set has a test part"),
        };
        let (inputs, outputs) = (card.architecture.inputs, card.architecture.outputs());
        let path = model.model.display();
        if (inputs, outputs) != (data.inputs(), data.outputs()) {
            return Err(Failure::Input(format!(
                "{path}: the network has {inputs} inputs and {outputs} outputs, but {} has {} and {}",
                data.name(),
                data.inputs(),
                data.outputs()
            )));
        }
        if !card.classes.is_empty() && card.classes != data.class_names() {
            return Err(Failure::Input(format!(
                "{path}: the network tells the classes {} apart, but {} has {}",
                card.classes.join(", "),
                data.name(),
                data.class_names().join(", ")
            )));
        }
        model.transform(card, &data).check(inputs).map_err(Failure::input)?;
        Ok(data)
    }
}

fn read_table<A: Scalar>(path: &Path, classes: &[String]) -> Result<Dataset<A>, Failure> {
    let options = csv::Options { classes: classes.to_vec(), ..csv::Options::default() };
    csv::read(path, &options).map_err(Failure::input)
}
