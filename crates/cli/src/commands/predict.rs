//! `chainrule predict`.

mod answers;

use std::io::{IsTerminal, stdout};
use std::path::PathBuf;

use chainrule::datasets::{
    Features, FileFormat, Input, KeptColumn, Label, Pipeline, ReadOptions, counted, image_files,
    is_image_file, npy, read_features_and_kept, read_images, write_atomic,
};
use chainrule::model::{ModelCard, predict};
use chainrule::ndarray::{Array2, ArrayView1, s};
use chainrule::tensor::{Pool, Scalar, available_threads, rows, vector};
use chainrule::train::class_of;
use clap::Args;
use clap_complete::ArgValueCompleter;

use self::answers::{Column, Format, check_names, write_csv, write_json};
use super::complete;
use super::data::{Columns, TextArgs, in_columns};
use super::model::{ModelArgs, OF_A_FILE, picture_shape, predicts_numbers};
use super::options::with_dtype;
use super::overwrite::Overwrite;
use crate::failure::{Failure, errln, escaped, print};
use crate::headings::OUTPUT;

const EXAMPLES: &str = "\
Examples:
  chainrule train moons --epochs 2 --out runs/moons
  echo 0.5,-0.25 | chainrule predict runs/moons -
  echo 0.5,-0.25 | chainrule predict runs/moons - --classes --out class.json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Predict {
    #[command(flatten)]
    model: ModelArgs,
    /// Examples: a .csv, .tsv, .npy, .npz, .parquet or IDX file with the columns of the training data, an image, or a folder of images
    input: PathBuf,
    /// File to write the predictions to, .csv, .json, .parquet or .npy [default: CSV on stdout]
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    out: Option<PathBuf>,
    /// Write the class of each example, or the word of each label, without the probabilities
    #[arg(long, help_heading = OUTPUT)]
    classes: bool,
    /// Copy these columns of the table in front of the predictions, separated by commas: the number or the name of each row
    #[arg(long, add = ArgValueCompleter::new(complete::columns), value_name = "COLUMNS", help_heading = OUTPUT)]
    keep: Option<Columns>,
    #[command(flatten)]
    overwrite: Overwrite,
    #[command(flatten)]
    text: TextArgs,
}

/// The rows of one pass: a table's categories are spread out for so many at a time.
const ROWS: usize = 4096;

/// The examples, and what each is called: its file where it has one of its own, its cells in the columns to keep.
struct Examples<A> {
    features: Features<A>,
    names: Vec<KeptColumn>,
    /// What they go through before the network.
    transform: Pipeline,
}

impl Predict {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        with_dtype!(self.model.dtype()?, answer(self))
    }

    fn read<A: Scalar>(&self, card: &ModelCard) -> Result<Examples<A>, Failure> {
        let image = picture_shape(card);
        let mut options = ReadOptions::default();
        self.text.apply(&mut options)?;
        if is_image_file(&self.input) || self.input.is_dir() {
            if self.keep.is_some() {
                return Err(self.keeps_nothing());
            }
            return self.pictures(card, options.max_memory);
        }
        if FileFormat::of(&self.input).is_none() {
            return Err(Failure::Input(format!(
                "{}: expected a file that ends in {}, images, or - for a table on the standard input",
                self.input.display(),
                FileFormat::ENDINGS
            )));
        }
        let schema = match &card.input {
            Some(Input::Table(schema)) => Some(schema.clone()),
            _ => None,
        };
        options.table.schema.clone_from(&schema);
        options.pictures = image;
        options.table.keep = self.keep.clone().map_or_else(Vec::new, |Columns(columns)| columns);
        let (features, names) =
            read_features_and_kept::<A>(&self.input, &options).map_err(|fault| {
                match (image, &card.input) {
                    (Some(shape), Some(_)) => {
                        let path = self.model.model.display();
                        Failure::Input(format!("{fault}; {path} was trained on images of {shape}"))
                    }
                    _ => Failure::input(fault),
                }
            })?;
        if self.keep.is_some() && names.is_empty() {
            return Err(self.keeps_nothing());
        }
        if let (Features::Columns(columns), Some(model)) = (&features, &options.table.schema) {
            self.text.say_forms(&self.input, columns.schema(), model);
        }
        let (inputs, columns) = (card.architecture.inputs(), features.dim().1);
        if columns == inputs {
            return Ok(Examples { features, names, transform: card.transform.clone() });
        }
        let own = match &features {
            Features::Columns(table) => Some(table.schema()),
            _ => None,
        };
        let is_vector = columns == 1 && features.dim().0 == inputs;
        let hint = match FileFormat::of(&self.input) {
            _ if own.is_some_and(|own| own.inputs() != own.features.len()) => {
                ": it has words, and the model knows none: give it the numbers that it was trained on"
            }
            _ if columns == inputs + 1 => ": remove the column of the target",
            Some(FileFormat::Npy) if is_vector => {
                ": it is a vector, save one example as a matrix of one row, x.reshape(1, -1)"
            }
            _ => ": give it the columns of the training data, without the target",
        };
        Err(Failure::Input(format!(
            "{}: it has {}, but the model takes {}{hint}",
            self.input.display(),
            in_columns(columns, own, "column"),
            in_columns(inputs, schema.as_ref(), "input")
        )))
    }

    fn keeps_nothing(&self) -> Failure {
        Failure::Input(format!(
            "{}: --keep is for the columns of a table of text or a .parquet file: omit it",
            self.input.display()
        ))
    }

    fn pictures<A: Scalar>(&self, card: &ModelCard, max_memory: Option<u64>) -> Result<Examples<A>, Failure> {
        let shape = self.model.shape_of_files(card)?;
        self.model.say_pixels(card, OF_A_FILE);
        let files = image_files(&self.input).map_err(Failure::input)?;
        let features = read_images(&files, shape, max_memory).map_err(Failure::input)?;
        let cells = files.iter().map(|file| file.display().to_string()).collect();
        let names = vec![KeptColumn { name: "file".to_owned(), cells }];
        Ok(Examples { features, names, transform: self.model.transform_of_files(card) })
    }
}

fn answer<A: Scalar>(args: &Predict) -> Result<(), Failure> {
    let format = args.out.as_deref().map_or(Ok(Format::Csv), Format::of)?;
    if format == Format::Npy && args.keep.is_some() {
        return Err(Failure::input("--keep: a .npy file holds numbers alone: write .csv, .json or .parquet"));
    }
    if let Some(out) = &args.out {
        args.overwrite.check(out)?;
    }
    let checkpoint = args.model.load::<A>()?;
    let card = &checkpoint.card;
    if args.classes && predicts_numbers(card) {
        let path = args.model.model.display();
        let fault = format!("{path}: the model predicts numbers and no classes: omit --classes");
        return Err(Failure::Input(fault));
    }
    let Examples { features, names, transform } = args.read::<A>(card)?;
    let (examples, inputs) = features.dim();
    transform.check(inputs).map_err(Failure::input)?;
    let model = card.architecture.build::<A>(None);
    let pool = Pool::new(available_threads());
    let mut predictions = Array2::zeros((examples, card.architecture.outputs()));
    for start in (0..examples).step_by(ROWS) {
        let end = examples.min(start + ROWS);
        let x = features.transformed(&transform, start..end);
        let part = pool.enter(|| predict(&model, card.output, &Pipeline::new(), checkpoint.weights(), &x));
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
    let columns = columns(args, card, &predictions, &labels, &names);
    let Some(out) = &args.out else {
        let mut text = Vec::new();
        write_csv(&mut text, &columns, examples).map_err(Failure::run)?;
        let text = String::from_utf8_lossy(&text);
        // To a file it is data, on a terminal it is shown.
        return if stdout().is_terminal() { print(&escaped(&text)) } else { print(&text) };
    };
    check_names(format, &columns)?;
    let written = match format {
        Format::Csv => write_atomic(out, |file| write_csv(file, &columns, examples)),
        Format::Json => write_atomic(out, |file| write_json(file, &columns, examples)),
        #[cfg(feature = "parquet")]
        Format::Parquet => write_atomic(out, |file| answers::write_parquet(file, &columns)),
        Format::Npy if args.classes && !card.labels.is_empty() => {
            npy::write(out, &predictions.mapv(|p| if p > A::of(0.5) { A::one() } else { A::zero() }))
        }
        Format::Npy if args.classes => {
            let column = labels.iter().map(|&label| A::of(label as f64)).collect();
            npy::write(out, &Array2::from_shape_vec((examples, 1), column).expect("one number a row"))
        }
        Format::Npy => npy::write(out, &predictions),
    };
    written.map_err(Failure::run)?;
    errln!("{} in {}", counted(examples, "prediction"), out.display());
    Ok(())
}

/// What each example is called, its class, and a number for each output; of a regression or of labels the numbers alone, or the word
/// of each label.
fn columns<'a, A: Scalar>(
    args: &Predict,
    card: &ModelCard,
    predictions: &'a Array2<A>,
    labels: &[usize],
    names: &[KeptColumn],
) -> Vec<Column<'a, A>> {
    let kept = names.iter().map(|kept| Column::kept(&kept.name, &kept.cells));
    let mut columns: Vec<Column<'a, A>> = kept.collect();
    if args.classes && !card.labels.is_empty() {
        let of_label = |(label, outputs): (&Label, ArrayView1<'a, A>)| {
            let word = |p: &A| label.words[usize::from(*p > A::of(0.5))].clone();
            Column::words(&label.name, outputs.iter().map(word).collect())
        };
        columns.extend(card.labels.iter().zip(predictions.columns()).map(of_label));
        return columns;
    }
    if args.classes || !card.classes.is_empty() {
        let class = |&label: &usize| card.classes.get(label).cloned().unwrap_or_else(|| label.to_string());
        columns.push(Column::words("class", labels.iter().map(class).collect()));
    }
    if !args.classes {
        let outputs: Vec<String> = match predictions.ncols() {
            n if n == card.classes.len() => card.classes.clone(),
            n if n == card.labels.len() => card.labels.iter().map(|label| label.name.clone()).collect(),
            n if n == card.targets.len() => card.targets.clone(),
            n => (0..n).map(|i| i.to_string()).collect(),
        };
        let numbers = outputs.into_iter().zip(predictions.columns());
        columns.extend(numbers.map(Column::numbers));
    }
    columns
}
