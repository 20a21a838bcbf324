//! `chainrule predict`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use chainrule::datasets::{csv, npy};
use chainrule::ndarray::{Array2, Axis};
use chainrule::tensor::{Scalar, rows};
use chainrule::train::{Checkpoint, predict};
use clap::Args;

use super::model::ModelArgs;
use super::options::with_dtype;
use crate::failure::{Failure, tell};

#[derive(Debug, Args)]
pub(crate) struct Predict {
    #[command(flatten)]
    model: ModelArgs,
    /// The examples, one a row: a .npy or .csv file
    input: PathBuf,
    /// Where the predictions go: a .npy or .csv file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Write the class of each example, and not the probabilities of all classes
    #[arg(long)]
    classes: bool,
}

/// The formats of a matrix, by the extension of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Npy,
    Csv,
}

impl Format {
    fn of(path: &Path) -> Result<Self, Failure> {
        match path.extension().map(OsStr::to_ascii_lowercase) {
            Some(extension) if extension == "npy" => Ok(Format::Npy),
            Some(extension) if extension == "csv" => Ok(Format::Csv),
            _ => {
                Err(Failure::Input(format!("{}: expected a file that ends in .npy or .csv", path.display())))
            }
        }
    }
}

impl Predict {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        with_dtype!(self.model.dtype()?, answer(self))
    }

    fn read<A: Scalar>(&self, inputs: usize) -> Result<Array2<A>, Failure> {
        let x = match Format::of(&self.input)? {
            Format::Npy => npy::read(&self.input).map_err(Failure::input)?,
            Format::Csv => {
                csv::read_matrix(&self.input, csv::Header::Auto, b',').map_err(Failure::input)?.values
            }
        };
        if x.ncols() == inputs {
            return Ok(x);
        }
        let hint = if x.ncols() == inputs + 1 { ": leave the column of the target out" } else { "" };
        Err(Failure::Input(format!(
            "{}: {} columns, but the network has {inputs} inputs{hint}",
            self.input.display(),
            x.ncols()
        )))
    }
}

fn answer<A: Scalar>(args: &Predict) -> Result<(), Failure> {
    let format = Format::of(&args.out)?;
    let Checkpoint { card, theta } = args.model.load::<A>()?;
    let x = args.read::<A>(card.architecture.inputs)?;
    card.transform.check(x.ncols()).map_err(Failure::input)?;
    let model = card.architecture.build::<A>(None);
    let predictions = predict(&model, card.output, &card.transform, &theta, &x);
    let names = if card.classes.len() == predictions.ncols() {
        card.classes
    } else {
        (0..predictions.ncols()).map(|i| i.to_string()).collect()
    };
    let labels: Vec<u32> = rows::slices(&predictions).map(|row| rows::argmax(row) as u32).collect();
    match (format, args.classes) {
        (Format::Csv, true) => csv::write_classes(&args.out, "class", &labels, &names),
        (Format::Csv, false) => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            csv::write_matrix(&args.out, &names, &predictions)
        }
        (Format::Npy, true) => {
            let column: Vec<A> = labels.iter().map(|&label| A::of(f64::from(label))).collect();
            let column = Array2::from_shape_vec((column.len(), 1), column).expect("one number a row");
            npy::write(&args.out, &column)
        }
        (Format::Npy, false) => npy::write(&args.out, &predictions),
    }
    .map_err(Failure::run)?;
    tell!("{} predictions in {}", predictions.len_of(Axis(0)), args.out.display());
    Ok(())
}
