//! `chainrule explain`.

mod chosen;
mod example;
mod formula;
mod grid;
mod input_words;
mod layer_pictures;
mod outline;
mod page;
mod pass;
mod steepest;
mod tables;
mod target;
mod text;
mod trace;
mod trace_json;

use std::path::{Path, PathBuf};

use chainrule::datasets::{Encoding, Features, Input, Pipeline, is_image_file, read_images, write_atomic};
use chainrule::layers::{Architecture, Layer, Stage, activation, spec::parameters};
use chainrule::loss::LossKind;
use chainrule::model::{Checkpoint, ModelCard, predict};
use chainrule::ndarray::{Array2, ArrayRef2};
use chainrule::tensor::{Rng, Scalar, Shape};
use chainrule::train::{Weights, class_of};
use chainrule_report::explain_page::InputWords;
use chainrule_report::verdict::Verdict;
use chainrule_report::{explain_page, layers_page};
use clap::Args;
use clap_complete::ArgValueCompleter;

use super::data::{DataArgs, PartArgs, PlaceArgs, Source};
use super::model::{Description, ModelArgs, OF_A_FILE, loss_spec, loss_unit, model_parser, predicts_numbers};
use super::options::{ANY, OutputName, whole, with_dtype};
use super::overwrite::Overwrite;
use super::{complete, loss, network};
use crate::failure::{Failure, errln, print_json};
use crate::headings::{DATA, NETWORK, OUTPUT};
use example::{Example, Kind, Names, output_names};
use outline::{Outline, outline};
use pass::wide;
use target::{Typed, numbers, one_hot, target};
use trace::{Trace, is_stack, trace};

/// Beyond this a network has to come from a file: nobody looks at so many random numbers.
const MOST_PARAMETERS: usize = 1 << 22;

const EXAMPLES: &str = "\
Examples:
  chainrule explain --layers 2-3-2
  chainrule train --epochs 2 --out runs/digits
  chainrule explain runs/digits --example 3 --html digit.html";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(mut_arg("layers", |arg| arg.help(
    "Layer widths of a new network or, with MODEL, of a model from another program [default: 2-3-2]"
)))]
#[command(mut_arg("activation", |arg| arg.help(
    "Activation function of its hidden layers [default: sigmoid, or relu with MODEL]"
)))]
#[command(mut_arg("output", |arg| arg.help("Activation function of its output layer [default: the one that suits the loss]")))]
#[command(mut_arg("loss", |arg| arg.help("Loss function [default: squared-error or, with MODEL, the one it was trained with]")))]
pub(crate) struct Explain {
    /// Model file, .safetensors, .onnx, .pt or .safetensors.index.json, or the folder of a run [default: a new network with weights of
    /// two decimals]
    #[arg(value_parser = model_parser())]
    model: Option<PathBuf>,
    #[command(flatten)]
    description: Description,
    #[command(flatten)]
    data: PlaceArgs,
    #[command(flatten)]
    part: PartArgs,
    /// Number of the example in the data, from 0
    #[arg(long, default_value_t = 0, value_name = "N", help_heading = DATA, value_parser = whole::<usize>(ANY))]
    example: usize,
    /// Input to use instead of an example: the cells of a row as the file of the data has them, numbers separated by commas, or an
    /// image file
    #[arg(long, help_heading = DATA, value_name = "CELLS|FILE", allow_hyphen_values = true, conflicts_with_all = ["example", "data"])]
    input: Option<String>,
    /// Target to use instead of the example's: a class, or a number or a word of a label for each output, separated by commas [default
    /// for an image file: the predicted class]
    #[arg(long, help_heading = DATA, value_name = "CLASS|NUMBERS", allow_hyphen_values = true)]
    target: Option<String>,
    /// The file that the targets of the run are in
    #[arg(long, hide = true, value_name = "FILE", help_heading = DATA)]
    target_file: Option<String>,
    /// Layers of a new network in words, or a .toml file of layers
    #[arg(long, add = ArgValueCompleter::new(complete::network), value_name = "LAYERS", help_heading = NETWORK, conflicts_with_all = ["model", "layers", "activation"])]
    network: Option<String>,
    /// Input shape of --network, such as 8x8x1 [default: the length of --input, or 2]
    #[arg(long, value_name = "SHAPE", help_heading = NETWORK, requires = "network")]
    input_shape: Option<Shape>,
    /// Seed of a new network and its example
    #[arg(long, default_value_t = 0, value_name = "N", help_heading = NETWORK, value_parser = whole::<u64>(ANY))]
    seed: u64,
    /// Write a page that shows the computation step by step in a browser
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    html: Option<PathBuf>,
    #[command(flatten)]
    overwrite: Overwrite,
    /// Print one JSON object on stdout and nothing else there
    #[arg(long, help_heading = OUTPUT)]
    json: bool,
}

/// A network with one example for it, each a row.
struct Case {
    card: ModelCard,
    loss: LossKind,
    /// The type of the numbers of the weights, which are f64 here.
    dtype: &'static str,
    theta: Vec<f64>,
    statistics: Vec<f64>,
    x: Array2<f64>,
    target: Array2<f64>,
    /// The example as the data have it; `None` of a network that is new.
    example: Option<Example>,
}

/// What is shown: the numbers, and what the network says.
struct Shown {
    explained: Explained,
    verdict: Option<Verdict>,
    /// What each input is in the data, and how a number of the network changes with one of them.
    inputs: Vec<InputWords>,
    scale: Vec<f64>,
    /// What each input says of its column, or where a pixel is, where that is known.
    facts: Names,
    /// Name of each output, where it is known.
    outputs: Names,
    /// The unit of C, where it has one.
    unit: Option<String>,
}

/// A stack of dense layers with every number, or any other network layer by layer.
enum Explained {
    Stack(Trace),
    Outline(Outline),
}

impl Explain {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let shown = match &self.model {
            Some(path) => {
                let description = self.description.clone();
                let model = ModelArgs { model: path.clone(), description, network: None, input_shape: None };
                with_dtype!(model.dtype()?, of_file(self, &model))?
            }
            None => follow(&self.fresh()?)?,
        };
        if let Some(path) = &self.html {
            self.overwrite.check(path)?;
            let html = page(&shown);
            write_atomic(path, |file| file.write_all(html.as_bytes())).map_err(Failure::run)?;
        }
        if self.json {
            print_json(&json(&shown))?;
        } else if self.html.is_none() {
            print(&shown)?;
        }
        if let Some(path) = &self.html {
            errln!("{}", path.display());
        }
        Ok(())
    }

    /// A small network in the lecture's manner. Weights, biases and example have two decimals, so that they can be
    /// followed by hand.
    fn fresh(&self) -> Result<Case, Failure> {
        if self.data.data.is_some() {
            return Err(Failure::input("--data needs a trained model: name the model file first"));
        }
        let widths = self.description.layers.clone().unwrap_or_else(|| "2-3-2".parse().expect("widths"));
        let usual = match self.description.output {
            Some(OutputName::Softmax) => LossKind::CrossEntropy,
            _ => LossKind::SquaredError,
        };
        let loss = self.description.loss.unwrap_or(usual);
        let units = self.description.activation.clone().unwrap_or_else(|| activation::Sigmoid.into());
        let mut card = self.description.card(&widths, units, loss, true)?;
        if let Some(words) = &self.network {
            /// The outputs of a published network here.
            const CLASSES: usize = 10;
            let length = self.input.as_ref().map_or(2, |input| input.split(',').count());
            let input = self.input_shape.unwrap_or(Shape::Flat(length));
            let mut layers = network::layers(words, CLASSES)?;
            layers.extend::<Option<Stage>>(loss::top(loss, self.description.output, true)?.0);
            card.architecture = Architecture { input, layers };
            card.architecture.validated().map_err(|error| Failure::Input(format!("--network: {error}")))?;
        }
        let inputs = card.architecture.inputs();
        let parameters = parameters(&card.architecture.layers, card.architecture.input).unwrap_or(usize::MAX);
        if parameters > MOST_PARAMETERS {
            return Err(Failure::Input(format!(
                "{}: a new network of {parameters} parameters is too large to explain: the limit is \
                 {MOST_PARAMETERS}",
                self.network
                    .as_ref()
                    .map_or_else(|| format!("--layers {widths}"), |words| format!("--network {words}"))
            )));
        }
        let hundredths = |x: f64| (100.0 * x).round() / 100.0;
        let (mut weights, mut example) = (Rng::stream(self.seed, 0), Rng::stream(self.seed, 1));
        let model = card.architecture.build::<f64>(None);
        let mut theta = model.layout().init::<f64>(&mut weights).to_vec();
        for bias in model.layout().entries().iter().filter(|entry| !entry.is_weight()) {
            theta[bias.range()].fill_with(|| weights.uniform(-0.5, 0.5));
        }
        for t in &mut theta {
            *t = hundredths(*t);
        }
        let mut draw =
            |n: usize| Array2::from_shape_simple_fn((1, n), || hundredths(example.uniform(-1.0, 1.0)));
        let x = match &self.input {
            Some(text) => numbers("--input", text, inputs)?,
            None => draw(inputs),
        };
        let target = match &self.target {
            Some(text) => target(text, &card, loss)?,
            None if predicts_numbers(&card) => draw(card.architecture.outputs()),
            None => one_hot(card.architecture.outputs(), 0),
        };
        let dtype = f64::NAME;
        Ok(Case { card, loss, dtype, theta, statistics: Vec::new(), x, target, example: None })
    }

    /// The network of a file, with an example of its data or of the user's.
    fn of_file<A: Scalar>(&self, model: &ModelArgs) -> Result<Case, Failure> {
        let checkpoint = model.load::<A>()?;
        let card = &checkpoint.card;
        let loss = loss_spec(card).kind();
        let own_target = self.target.as_deref().map(|text| target(text, card, loss)).transpose()?;
        let chosen = own_target.as_ref().map(wide);
        if let Some(text) = &self.input {
            let inputs = card.architecture.inputs();
            let is_file = is_image_file(Path::new(text));
            card.transform.check(inputs).map_err(Failure::input)?;
            let transform = if is_file { model.transform_of_files(card) } else { card.transform.clone() };
            let typed = match &card.input {
                _ if is_file => {
                    model.say_pixels(card, OF_A_FILE);
                    Typed::of(&image(text, model, card)?, None, &transform)
                }
                Some(Input::Table(schema)) => Typed::row(text, schema, &card.transform)?,
                _ => Typed::numbers(text, inputs, &card.transform)?,
            };
            let target = match own_target {
                Some(target) => target,
                None if is_file && !card.classes.is_empty() => said(&checkpoint, &typed.raw),
                None => return Err(Failure::input("--input needs a target: add --target")),
            };
            let source = if is_file { text.clone() } else { "the example of --input".to_owned() };
            let row = (typed.raw.as_slice().expect("a row lies together"), typed.cells.as_deref());
            let example = Example::of(source, row, &Kind::of_model(card), &transform);
            return Ok(case(checkpoint, loss, typed.x, target, example.with_targets(None, chosen)));
        }
        let place = DataArgs::from(self.data.clone()).with_target_file(self.target_file.clone());
        let data = place.for_model::<A>(model, card, &self.part)?;
        if self.example >= data.len() {
            return Err(Failure::Input(format!(
                "--example {}: {} has examples 0 to {}",
                self.example,
                data.name(),
                data.len().saturating_sub(1)
            )));
        }
        let example = data.select(&[self.example]);
        // One column a class instead of an index: the same to the loss, and there is a y for each output to show.
        let encoding = match loss::encoding(loss, data.target())? {
            Encoding::Index | Encoding::OneHot => Encoding::OneHot,
            other @ (Encoding::Real | Encoding::MultiHot) => other,
        };
        let transform = model.transform(card, &data);
        let raw = example.inputs_through(&Pipeline::new());
        let row = raw.as_slice().expect("a row lies together");
        let brightest = row.iter().map(|x| x.as_f64()).fold(f64::MIN_POSITIVE, f64::max);
        let of_the_model = || card.data.as_ref().and_then(|name| name.parse().ok());
        let is_own =
            self.data.data.clone().or_else(of_the_model).is_some_and(|source: Source| source.is_own());
        let source = format!("example {} of {}, {}", self.example, data.name(), self.part.in_words(is_own));
        let kind = Kind::of_data(&data, brightest);
        let cells = match data.features() {
            Features::Columns(columns) => Some(columns.cells(self.example)),
            _ => None,
        };
        let own = Example::of(source, (row, cells.as_deref()), &kind, &transform);
        let x = example.inputs_through(&transform);
        let truth = example.encode(encoding);
        let own = own.with_targets(Some(wide(&truth)), chosen);
        Ok(case(checkpoint, loss, x, own_target.unwrap_or(truth), own))
    }
}

/// An image file as an example.
fn image<A: Scalar>(file: &str, model: &ModelArgs, card: &ModelCard) -> Result<Features<A>, Failure> {
    let shape = model.shape_of_files(card)?;
    read_images::<A>(&[PathBuf::from(file)], shape, None).map_err(Failure::input)
}

fn case<A: Scalar>(
    Checkpoint { card, theta, statistics }: Checkpoint<A>,
    loss: LossKind,
    x: Array2<A>,
    target: Array2<A>,
    example: Example,
) -> Case {
    let [x, target] = [x, target].map(|row| row.mapv(Scalar::as_f64));
    let (theta, statistics) = (wide(&theta), wide(&statistics));
    Case { card, loss, dtype: A::NAME, theta, statistics, x, target, example: Some(example) }
}

/// The class that a network says as a target, in place of a true one.
fn said<A: Scalar>(checkpoint: &Checkpoint<A>, raw: &ArrayRef2<A>) -> Array2<A> {
    let card = &checkpoint.card;
    let network = card.architecture.build::<A>(None);
    let prediction = predict(&network, card.output, &card.transform, checkpoint.weights(), raw);
    let row: Vec<A> = prediction.into_iter().collect();
    one_hot(row.len(), class_of(&row))
}

/// The page, in HTML.
fn page(shown: &Shown) -> String {
    match (&shown.explained, &shown.verdict) {
        (Explained::Stack(trace), verdict) => {
            let unit = shown.unit.clone();
            explain_page(&page::walkthrough(
                trace,
                verdict.clone(),
                unit,
                (shown.facts.head, &shown.inputs),
                &shown.outputs.names,
            ))
        }
        (Explained::Outline(outline), verdict) => {
            let unit = shown.unit.clone();
            layers_page(&layer_pictures::layers(
                outline,
                verdict.clone(),
                unit,
                &shown.outputs.names,
                &shown.scale,
            ))
        }
    }
}

/// Every number, for machines.
fn json(shown: &Shown) -> serde_json::Value {
    let mut value = match &shown.explained {
        Explained::Stack(trace) => trace.to_json(),
        Explained::Outline(outline) => outline.to_json(),
    };
    if let Some(Verdict { source, answer, .. }) = &shown.verdict {
        value["verdict"] =
            serde_json::json!({ "source": source, "right": answer.is_right(), "answer": answer });
    }
    value
}

/// The verdict, then the numbers.
fn print(shown: &Shown) -> Result<(), Failure> {
    if let Some(verdict) = &shown.verdict {
        text::verdict(verdict)?;
    }
    match &shown.explained {
        Explained::Stack(trace) => text::print(trace, &shown.facts, &shown.outputs, shown.unit.as_deref()),
        Explained::Outline(outline) => outline.print(&shown.facts, &shown.outputs, shown.unit.as_deref()),
    }
}

fn of_file<A: Scalar>(args: &Explain, model: &ModelArgs) -> Result<Shown, Failure> {
    follow(&args.of_file::<A>(model)?)
}

fn follow(case: &Case) -> Result<Shown, Failure> {
    let weights = (Weights { theta: &case.theta[..], statistics: &case.statistics }, case.dtype);
    let network = (&case.card, case.loss);
    let explained = if is_stack(&case.card.architecture) {
        Explained::Stack(trace(network, weights, &case.x, &case.target)?)
    } else {
        Explained::Outline(outline(network, weights, &case.x, &case.target))
    };
    let (prediction, influence) = match &explained {
        Explained::Stack(trace) => (&trace.prediction, trace.influence()),
        Explained::Outline(outline) => (&outline.prediction, outline.influence()),
    };
    let example = case.example.as_ref();
    Ok(Shown {
        verdict: example.map(|example| example.verdict(&case.card, prediction, &influence)),
        inputs: example.map_or_else(Vec::new, |example| example.inputs.clone()),
        scale: example.map_or_else(Vec::new, |example| example.scale.clone()),
        facts: example.map_or_else(Names::default, |example| example.facts.clone()),
        outputs: output_names(&case.card),
        unit: example.and_then(|_| loss_unit(&case.card)),
        explained,
    })
}
