//! Where examples come from: a built-in data set by its name, or a file or folder.

mod fit;
mod part;
mod source;
mod test_part;
mod text;
mod user_files;

use std::path::{Path, PathBuf};

use chainrule::datasets::{
    self, DataDirs, Dataset, ImageOptions, ImageShape, Input, Label, Parts, ReadOptions, Schema, Target,
    TaskKind, digits, fashion_mnist, mnist, split::HoldOut, synthetic,
};
use chainrule::model::ModelCard;
use chainrule::tensor::Scalar;
use chainrule::train::fingerprint_as;
use clap::Args;
use clap_complete::ArgValueCompleter;

use self::fit::check_fit;
pub(crate) use self::fit::{in_columns, size};
pub(crate) use self::part::PartArgs;
pub(crate) use self::source::{Known, Source, sources};
pub(crate) use self::test_part::TestPart;
pub(crate) use self::text::TextArgs;
pub(crate) use self::user_files::Columns;
use self::user_files::{OwnArgs, TaskName};
use super::model::{ModelArgs, is_of_files, picture_shape};
use super::options::{Dtype, absolute};
use crate::failure::{Failure, errln};
use crate::headings::DATA;

/// The fraction of a user's data that is the test part where no flag says otherwise.
pub(crate) const DEFAULT_TEST: f64 = 0.2;

/// Where examples come from.
#[derive(Debug, Clone, Args)]
pub(crate) struct PlaceArgs {
    /// Data set, such as digits or mnist, or a path
    ///
    /// The data sets are digits, mnist, fashion-mnist, spirals, moons, blobs, mnist-1d, xor and teacher (a regression). A path names a table (.csv, .tsv, .txt, also with .gz or .zst, .npy, .npz, .parquet), images in an IDX file, or a folder with a subfolder of
    /// images for each class. [default: the data that the model was trained on, or digits where there is no model]
    #[arg(long, add = ArgValueCompleter::new(sources), value_name = "NAME|PATH", help_heading = DATA)]
    pub(crate) data: Option<Source>,
    /// Folder with the files of MNIST or Fashion-MNIST [default: $CHAINRULE_DATA, then chainrule in the cache folder, such as
    /// ~/.cache/chainrule, then /usr/share/datasets]
    #[arg(long, value_name = "DIR", help_heading = DATA, hide_short_help = true)]
    data_dir: Option<PathBuf>,
}

/// Where examples come from, and how a file of one's own is read.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    own: OwnArgs,
}

impl From<PlaceArgs> for DataArgs {
    fn from(place: PlaceArgs) -> Self {
        Self { place, own: OwnArgs::default() }
    }
}

/// The options under which a file is read as the training data was: its columns, words, fillings, classes, and size of pictures.
fn knowing(
    mut options: ReadOptions,
    input: Option<&Input>,
    classes: &[String],
    labels: &[Label],
) -> ReadOptions {
    options.classes = classes.to_vec();
    options.labels = labels.to_vec();
    match input {
        Some(Input::Table(schema)) => options.table.schema = Some(schema.clone()),
        Some(Input::Image(shape)) => options.image = of_size(*shape),
        None => {}
    }
    options
}

/// How image files become pictures of this shape.
fn of_size(shape: ImageShape) -> ImageOptions {
    ImageOptions { size: Some((shape.height, shape.width)), channels: Some(shape.channels) }
}

impl DataArgs {
    /// With the targets in this file, if it is one; a column the model knows itself.
    pub(crate) fn with_target_file(mut self, target: Option<String>) -> Self {
        self.own.target = target;
        if self.own.target_file().is_none() {
            self.own.target = None;
        }
        self
    }

    /// The value of `--target`, if it is a file, that names it from any folder.
    pub(crate) fn target_setting(&self) -> Option<String> {
        self.own.target_file().map(absolute)
    }

    /// Whether the targets were said to be numbers.
    pub(crate) fn wants_numbers(&self) -> bool {
        self.own.task == TaskName::Regression
    }

    /// The value of `--data-dir` that names the folder of a data set from any folder: the one that was given, or the one that has its
    /// files, which another environment may not name.
    pub(crate) fn folder_setting(&self, source: &Source) -> Option<String> {
        let found = || match source {
            Source::Known(Known::Mnist | Known::FashionMnist) => {
                DataDirs::from_env().holding(&source.to_string())
            }
            _ => None,
        };
        self.place.data_dir.clone().or_else(found).as_deref().map(absolute)
    }

    fn read<A: Scalar>(&self, path: &Path, options: &ReadOptions) -> Result<Parts<A>, Failure> {
        match self.own.target_file() {
            Some(target) => datasets::read_pair(path, target, options).map(Parts::from),
            None => datasets::read(path, options),
        }
        .map_err(Failure::input)
    }

    /// How a file is read for a model.
    fn options_for(&self, card: &ModelCard) -> Result<ReadOptions, Failure> {
        let mut options = self.own.options()?;
        if let (None, Some(Input::Table(schema))) = (&self.own.target, &card.input) {
            options.target = schema.target_columns();
        }
        let are_numbers = !card.targets.is_empty() || card.input.is_some();
        if card.classes.is_empty() && card.labels.is_empty() && are_numbers && self.own.task == TaskName::Auto
        {
            options.task = TaskKind::Regression;
        }
        options.pictures = picture_shape(card);
        // What else a network takes is no picture in the order of a file.
        if let Some(shape) = picture_shape(card).filter(is_of_files) {
            options.image = of_size(shape);
        }
        Ok(knowing(options, card.input.as_ref(), &card.classes, &card.labels))
    }

    /// All rows of a file as the model knows them: its columns, words, fillings, classes, and size of pictures.
    fn read_for<A: Scalar>(&self, path: &Path, card: &ModelCard) -> Result<Dataset<A>, Failure> {
        let options = self.options_for(card)?;
        let parts = self.read(path, &options)?;
        if parts.test.is_some() {
            errln!("{}: of its parts, the test part", path.display());
        }
        let data = parts.test.unwrap_or(parts.train);
        if let (Some(new), Some(model)) = (data.schema(), &options.table.schema) {
            self.own.text.say_forms(path, new, model);
        }
        Ok(data)
    }

    /// The parts that a data set has of itself; a file is read as the training data of `model` was, if there is one.
    pub(crate) fn own_or_known_parts<A: Scalar>(
        &self,
        source: &Source,
        model: Option<&ModelCard>,
    ) -> Result<Parts<A>, Failure> {
        match source {
            Source::Own(path) => self.own_parts(path, model),
            Source::Known(known) => self.known_parts(*known).map_err(Failure::input),
        }
    }

    /// The parts with a test part: the data set's own, or a fifth of its examples, chosen by `seed`, unless `test` names another.
    pub(crate) fn with_test_part<A: Scalar>(
        &self,
        parts: Parts<A>,
        source: &Source,
        test: Option<&TestPart>,
        seed: u64,
    ) -> Result<Parts<A>, Failure> {
        match (test, &parts.test) {
            (None, Some(_)) => Ok(parts),
            (Some(TestPart::Fraction(0.0)), _) => Ok(Parts { test: None, ..parts }),
            (Some(_), Some(_)) => Err(Failure::Input(format!(
                "{source} has a test part of its own: omit --test, or train without a test part (--test 0)"
            ))),
            (Some(TestPart::File(file)), None) => {
                let test = Some(self.test_file(file, &parts.train)?);
                Ok(Parts { test, ..parts })
            }
            (None, None) => held_out(parts, DEFAULT_TEST, seed, source),
            (Some(TestPart::Fraction(fraction)), None) => held_out(parts, *fraction, seed, source),
        }
    }

    fn known_parts<A: Scalar>(&self, known: Known) -> Result<Parts<A>, datasets::Error> {
        let halves = |make: &dyn Fn(u64) -> Dataset<A>| Parts {
            train: make(1),
            validation: None,
            test: Some(make(2)),
        };
        // Where the parameters of the distribution come from the seed too, both parts are cut from one set.
        let cut = |data: Dataset<A>| Parts::from(data).hold_out_test(HoldOut::Fraction(0.5), 1);
        let dirs = DataDirs::from_env().or_only(self.place.data_dir.clone());
        match known {
            Known::Digits => Ok(digits()),
            Known::Mnist => mnist(&dirs),
            Known::FashionMnist => fashion_mnist(&dirs),
            Known::Spirals => Ok(halves(&|seed| synthetic::spirals(1000, 1.0, 0.02, seed))),
            Known::Moons => Ok(halves(&|seed| synthetic::moons(1000, 0.1, seed))),
            Known::Mnist1d => Ok(Parts {
                train: synthetic::mnist_1d(4000, 1),
                validation: None,
                test: Some(synthetic::mnist_1d(1000, 2)),
            }),
            Known::Xor => Ok(halves(&|seed| synthetic::xor(1000, 0.1, seed))),
            Known::Blobs => cut(synthetic::blobs(2000, 4, 2, 0.2, 1)),
            Known::Teacher => {
                let teacher = synthetic::Teacher { inputs: 8, hidden: 6, outputs: 1, noise: 0.05 };
                cut(teacher.regression(2000, 1))
            }
        }
    }

    fn own_parts<A: Scalar>(&self, path: &Path, model: Option<&ModelCard>) -> Result<Parts<A>, Failure> {
        let options = model.map_or_else(|| self.own.options(), |model| self.options_for(model))?;
        let parts: Parts<A> = self.read(path, &options)?;
        if options.table.date_parts && !parts.train.schema().is_some_and(Schema::has_date_parts) {
            let path = path.display();
            return Err(Failure::Input(format!(
                "{path}: --dates is for columns of dates, and there are none: omit it"
            )));
        }
        parts.train.check_classes().map_err(|error| match error {
            // Known by its path, as in every message of a reader.
            datasets::Error::Data { fault, .. } => Failure::Input(format!("{}: {fault}", path.display())),
            other => Failure::input(other),
        })?;
        Ok(parts)
    }

    /// The examples of another file with the columns and classes of `train`.
    fn test_file<A: Scalar>(&self, path: &Path, train: &Dataset<A>) -> Result<Dataset<A>, Failure> {
        if self.own.target_file().is_some() {
            return Err(Failure::Input(format!(
                "--test {}: the target is in a file of its own (--target), and a test file holds both: \
                 save x_train, y_train, x_test and y_test in one .npz file",
                path.display()
            )));
        }
        let (mut options, input) = (self.own.options()?, train.input());
        if let Some(Input::Table(schema)) = &input {
            options.target = schema.target_columns();
        }
        if matches!(train.target(), Target::Real { .. }) {
            options.task = TaskKind::Regression;
        }
        let labels = train.target().labels();
        let parts = self.read::<A>(path, &knowing(options, input.as_ref(), train.class_names(), labels))?;
        let test = parts.test.unwrap_or(parts.train);
        if let (Some(new), Some(Input::Table(model))) = (test.schema(), &input) {
            self.own.text.say_forms(path, new, model);
        }
        if (test.inputs(), test.outputs()) != (train.inputs(), train.outputs()) {
            return Err(Failure::Input(format!(
                "--test {}: it has {}, but the training data has {}: give both files the same columns",
                path.display(),
                size(&test),
                size(train)
            )));
        }
        Ok(test)
    }

    /// A part of the data of the run that trained the model, split as it was; `dtype` is the number type of the run.
    fn part_of_run<A: Scalar>(
        &self,
        source: &Source,
        card: &ModelCard,
        part: &PartArgs,
        (seed, dtype): (u64, Dtype),
    ) -> Result<Dataset<A>, Failure> {
        if let Source::Own(path) = source
            && path.as_os_str() != "-"
            && !path.exists()
        {
            return Err(Failure::Input(format!(
                "{}: the data of the run are not there any more: name them (--data)",
                path.display()
            )));
        }
        let parts = self.own_or_known_parts(source, Some(card))?;
        let mut parts = self.with_test_part(parts, source, part.test.as_ref(), seed)?;
        if let Some(fraction) = part.validation.filter(|&fraction| fraction > 0.0) {
            parts = parts.hold_out_validation(HoldOut::Fraction(fraction), seed).map_err(Failure::input)?;
        }
        // Some commands read in double precision what the run read in single precision.
        let known_by = match dtype {
            Dtype::F32 => fingerprint_as::<f32, A>,
            Dtype::F64 => fingerprint_as::<f64, A>,
        };
        let found = [Some(&parts.train), parts.test.as_ref()].map(|part| part.map_or(0, known_by));
        if card.fingerprints.is_some_and(|of_run| of_run != found) {
            errln!(
                "{source}: not the data of the run any more, or divided in another way: some of these examples may be among those that \
                 the model was trained on"
            );
        }
        part.of(parts, "the run")
    }

    /// Prints which examples those of [`for_model`](Self::for_model) are.
    pub(crate) fn name_part<A: Scalar>(&self, part: &PartArgs, data: &Dataset<A>) {
        let Some(source) = &self.place.data else { return };
        let of_run = if part.split_seed.is_some() { " of the run" } else { "" };
        let rows = data.len();
        match part.name(source.is_own()) {
            Some(part) => errln!("{source}: the {rows} {part} examples{of_run}"),
            None => errln!("{source}: {rows} rows"),
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
        card: &ModelCard,
        part: &PartArgs,
    ) -> Result<Dataset<A>, Failure> {
        let of_the_model = || card.data.as_ref().and_then(|name| name.parse().ok());
        let source =
            self.place.data.clone().or_else(of_the_model).ok_or_else(|| {
                Failure::input("the model file does not name its training data: add --data")
            })?;
        let data = match (&source, part.split_seed) {
            (_, Some(seed)) => self.part_of_run(&source, card, part, (seed, model.dtype()?))?,
            (Source::Own(path), None) => {
                part.refuse_of(&source)?;
                self.read_for(path, card)?
            }
            (Source::Known(known), None) => {
                part.of(self.known_parts(*known).map_err(Failure::input)?, &source.to_string())?
            }
        };
        check_fit(&model.model, card, &data)?;
        if let Some(full) = data.full_scale() {
            model.say_pixels(card, full);
        }
        model.transform(card, &data).check(card.architecture.inputs()).map_err(Failure::input)?;
        Ok(data)
    }
}

/// The parts with a fraction of the training part held out as the test part.
///
/// # Errors
/// If that leaves no example on one side.
fn held_out<A: Scalar>(
    parts: Parts<A>,
    fraction: f64,
    seed: u64,
    source: &Source,
) -> Result<Parts<A>, Failure> {
    parts.hold_out_test(HoldOut::Fraction(fraction), seed).map_err(|error| match error {
        datasets::Error::Split { .. } => Failure::Input(format!(
            "{source}: {error}: hold out another fraction (--test 0.5), or train without a test part (--test 0)"
        )),
        other => Failure::input(other),
    })
}
