//! `chainrule predict`.

use std::ffi::OsStr;
use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};

use chainrule::datasets::{
    Features, FileFormat, ImageShape, Input, Label, Pipeline, ReadOptions, csv, image_files, is_image_file,
    npy, read_features, read_images, write_atomic,
};
use chainrule::layers::Stage;
use chainrule::model::{ModelCard, Output, predict};
use chainrule::ndarray::{Array2, s};
use chainrule::tensor::{Scalar, rows, vector};
use clap::Args;

use super::data::TextArgs;
use super::model::ModelArgs;
use super::options::with_dtype;
use super::overwrite::Overwrite;
use crate::failure::{Failure, errln, escaped, print};
use crate::headings::OUTPUT;

#[derive(Debug, Args)]
pub(crate) struct Predict {
    #[command(flatten)]
    model: ModelArgs,
    /// Examples: a .csv, .tsv, .npy, .npz, .parquet or IDX file with the columns of the training data, an image, or a folder of images
    input: PathBuf,
    /// File to write the predictions to, .csv or .npy [default: CSV on stdout]
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    out: Option<PathBuf>,
    /// Write the class of each example, or the word of each label, without the probabilities
    #[arg(long, help_heading = OUTPUT)]
    classes: bool,
    #[command(flatten)]
    overwrite: Overwrite,
    #[command(flatten)]
    text: TextArgs,
}

/// The rows of one pass: a table's categories are spread out for so many at a time.
const ROWS: usize = 4096;

/// The examples, and the file of each where each has one of its own.
struct Examples<A> {
    features: Features<A>,
    files: Vec<String>,
}

impl Predict {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        with_dtype!(self.model.dtype()?, answer(self))
    }

    fn read<A: Scalar>(&self, card: &ModelCard) -> Result<Examples<A>, Failure> {
        let image = match card.input {
            Some(Input::Image(shape)) => Some(shape),
            _ => None,
        };
        if is_image_file(&self.input) || self.input.is_dir() {
            return self.pictures(image);
        }
        if FileFormat::of(&self.input).is_none() {
            return Err(Failure::Input(format!(
                "{}: expected a file that ends in .csv, .tsv, .npy, .npz, .parquet or -ubyte, or images",
                self.input.display()
            )));
        }
        let schema = match &card.input {
            Some(Input::Table(schema)) => Some(schema.clone()),
            _ => None,
        };
        let mut options = ReadOptions::default();
        self.text.apply(&mut options);
        options.table.schema = schema;
        let features: Features<A> = read_features(&self.input, &options).map_err(Failure::input)?;
        let (inputs, columns) = (card.architecture.inputs(), features.dim().1);
        if columns == inputs {
            return Ok(Examples { features, files: Vec::new() });
        }
        let is_vector = columns == 1 && features.dim().0 == inputs;
        let hint = match FileFormat::of(&self.input) {
            _ if columns == inputs + 1 => ": remove the column of the target",
            Some(FileFormat::Npy) if is_vector => {
                ": it is a vector, save one example as a matrix of one row, x.reshape(1, -1)"
            }
            _ => ": give it the columns of the training data, without the target",
        };
        Err(Failure::Input(format!(
            "{}: {columns} columns, but the network has {inputs} inputs{hint}",
            self.input.display()
        )))
    }

    fn pictures<A: Scalar>(&self, shape: Option<ImageShape>) -> Result<Examples<A>, Failure> {
        let shape = shape.ok_or_else(|| {
            let path = self.model.model.display();
            Failure::Input(format!("{path}: the network was not trained on images: give a table"))
        })?;
        let files = image_files(&self.input).map_err(Failure::input)?;
        let features = read_images(&files, shape).map_err(Failure::input)?;
        Ok(Examples { features, files: files.iter().map(|file| file.display().to_string()).collect() })
    }
}

fn answer<A: Scalar>(args: &Predict) -> Result<(), Failure> {
    if let Some(out) = &args.out {
        extension(out)?;
        args.overwrite.check(out)?;
    }
    let checkpoint = args.model.load::<A>()?;
    let card = &checkpoint.card;
    if args.classes && predicts_numbers(card) {
        let path = args.model.model.display();
        let fault = format!("{path}: the model predicts numbers and no classes: omit --classes");
        return Err(Failure::Input(fault));
    }
    let Examples { features, files } = args.read::<A>(card)?;
    let (examples, inputs) = features.dim();
    card.transform.check(inputs).map_err(Failure::input)?;
    let model = card.architecture.build::<A>(None);
    let mut predictions = Array2::zeros((examples, card.architecture.outputs()));
    for start in (0..examples).step_by(ROWS) {
        let end = examples.min(start + ROWS);
        let x = features.transformed(&card.transform, start..end);
        let part = predict(&model, card.output, &Pipeline::new(), checkpoint.weights(), &x);
        if let Some(row) = rows::slices(&part).position(|row| !vector::is_finite(row)) {
            return Err(Failure::Run(format!(
                "{}, row {} from 1: the prediction is not finite: the network overflows for this input; check that its columns \
                 have the units of the training data",
                args.input.display(),
                start + row + 1
            )));
        }
        predictions.slice_mut(s![start..end, ..]).assign(&part);
    }
    let labels: Vec<usize> = rows::slices(&predictions).map(class_of).collect();
    let written = match &args.out {
        None => {
            let mut text = Vec::new();
            table(&mut text, args, card, &predictions, &labels, &files).map_err(Failure::run)?;
            let text = String::from_utf8_lossy(&text);
            // To a file it is data, on a terminal it is shown.
            return if stdout().is_terminal() { print(&escaped(&text)) } else { print(&text) };
        }
        Some(out) if extension(out)? == "csv" => {
            write_atomic(out, |file| table(file, args, card, &predictions, &labels, &files))
        }
        Some(out) if args.classes && !card.labels.is_empty() => {
            npy::write(out, &predictions.mapv(|p| if p > A::of(0.5) { A::one() } else { A::zero() }))
        }
        Some(out) if args.classes => {
            let column = labels.iter().map(|&label| A::of(label as f64)).collect();
            npy::write(out, &Array2::from_shape_vec((examples, 1), column).expect("one number a row"))
        }
        Some(out) => npy::write(out, &predictions),
    };
    written.map_err(Failure::run)?;
    if let Some(out) = &args.out {
        errln!("{examples} predictions in {}", out.display());
    }
    Ok(())
}

/// Whether a model is one of a regression.
fn predicts_numbers(card: &ModelCard) -> bool {
    let ends_in_dense = matches!(card.architecture.layers.last(), Some(Stage::Dense(_)));
    card.classes.is_empty() && card.output == Output::Identity && ends_in_dense
}

/// The likeliest class; a lone number is the probability of the second of two.
fn class_of<A: Scalar>(prediction: &[A]) -> usize {
    match prediction {
        [p] => usize::from(*p > A::of(0.5)),
        _ => rows::argmax(prediction),
    }
}

/// Writes a row an example: its file, its class, and a number for each output; of a regression or of labels the numbers alone, or
/// the word of each label.
fn table<A: Scalar>(
    writer: &mut dyn std::io::Write,
    args: &Predict,
    card: &ModelCard,
    predictions: &Array2<A>,
    labels: &[usize],
    files: &[String],
) -> std::io::Result<()> {
    let labels_of = |card: &ModelCard| card.labels.iter().map(|label| label.name.clone()).collect::<Vec<_>>();
    let outputs: Vec<String> = match predictions.ncols() {
        n if n == card.classes.len() => card.classes.clone(),
        n if n == card.labels.len() => labels_of(card),
        n if n == card.targets.len() => card.targets.clone(),
        n => (0..n).map(|i| i.to_string()).collect(),
    };
    if args.classes && !card.labels.is_empty() {
        let names: Vec<&str> = outputs.iter().map(String::as_str).collect();
        let word = |(p, label): (&A, &Label)| label.words[usize::from(*p > A::of(0.5))].clone();
        let rows = rows::slices(predictions).map(|row| row.iter().zip(&card.labels).map(word).collect());
        return csv::write_to(writer, &names, rows);
    }
    let classes = args.classes || !card.classes.is_empty();
    let mut names: Vec<&str> = Vec::new();
    names.extend((!files.is_empty()).then_some("file"));
    names.extend(classes.then_some("class"));
    if !args.classes {
        names.extend(outputs.iter().map(String::as_str));
    }
    let rows = rows::slices(predictions).zip(labels).enumerate().map(|(i, (numbers, &label))| {
        let mut row: Vec<String> = files.get(i).cloned().into_iter().collect();
        if classes {
            row.push(card.classes.get(label).cloned().unwrap_or_else(|| label.to_string()));
        }
        if !args.classes {
            row.extend(numbers.iter().map(ToString::to_string));
        }
        row
    });
    csv::write_to(writer, &names, rows)
}

/// The format of the predictions.
fn extension(path: &Path) -> Result<&'static str, Failure> {
    match path.extension().map(OsStr::to_ascii_lowercase) {
        Some(extension) if extension == "npy" => Ok("npy"),
        Some(extension) if extension == "csv" => Ok("csv"),
        _ => Err(Failure::Input(format!("{}: expected a file that ends in .npy or .csv", path.display()))),
    }
}
