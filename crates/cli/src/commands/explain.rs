//! `chainrule explain`.

mod formula;
mod outline;
mod page;
mod pass;
mod text;
mod trace;

use std::path::PathBuf;

use chainrule::datasets::{Encoding, write_atomic};
use chainrule::layers::{Architecture, Layer, Stage, activation, spec::parameters};
use chainrule::loss::LossKind;
use chainrule::model::{Checkpoint, ModelCard, Output};
use chainrule::ndarray::{Array2, ArrayRef2};
use chainrule::tensor::{Rng, Scalar, Shape};
use chainrule::train::Weights;
use chainrule_report::explain_page;
use clap::Args;

use super::data::{DataArgs, PartArgs, PlaceArgs};
use super::model::{Description, ModelArgs, loss_spec, model_parser};
use super::options::{OutputName, with_dtype};
use super::overwrite::Overwrite;
use super::{loss, network};
use crate::failure::{Failure, errln, outln};
use crate::headings::{DATA, NETWORK, OUTPUT};
use outline::{Outline, outline};
use trace::{Trace, is_stack, trace};

/// Beyond this a network has to come from a file: nobody looks at so many random numbers.
const MOST_PARAMETERS: usize = 1 << 22;

#[derive(Debug, Args)]
#[command(mut_arg("layers", |arg| arg.help(
    "Layer widths of a new network or, with MODEL, of a model from another program [default: 2-3-2]"
)))]
#[command(mut_arg("activation", |arg| arg.help(
    "Activation function of its hidden layers [default: sigmoid, or relu with MODEL]"
)))]
#[command(mut_arg("output", |arg| arg.help("Activation function of its output layer [default: the one that suits the loss]")))]
#[command(mut_arg("loss", |arg| arg.help("Loss function [default: squared-error or, with MODEL, the one it was trained with]")))]
pub(crate) struct Explain {
    /// Model file, .safetensors, or the folder of a run [default: a new network with weights of two decimals]
    #[arg(value_parser = model_parser())]
    model: Option<PathBuf>,
    #[command(flatten)]
    description: Description,
    #[command(flatten)]
    data: PlaceArgs,
    #[command(flatten)]
    part: PartArgs,
    /// Number of the example in the data, from 0
    #[arg(long, default_value_t = 0, value_name = "N", help_heading = DATA)]
    example: usize,
    /// Input to use instead of an example: numbers separated by commas, in the units of the data
    #[arg(long, help_heading = DATA, value_name = "NUMBERS", allow_hyphen_values = true, conflicts_with_all = ["example", "data"])]
    input: Option<String>,
    /// Target to use instead of the example's: a number for each output, separated by commas, or a class
    #[arg(long, help_heading = DATA, value_name = "NUMBERS|CLASS", allow_hyphen_values = true)]
    target: Option<String>,
    /// Layers of a new network in words, or a .toml file of layers
    #[arg(long, value_name = "LAYERS", help_heading = NETWORK, conflicts_with_all = ["model", "layers", "activation"])]
    network: Option<String>,
    /// Input shape of --network, such as 8x8x1 [default: the length of --input, or 2]
    #[arg(long, value_name = "SHAPE", help_heading = NETWORK, requires = "network")]
    input_shape: Option<Shape>,
    /// Seed of a new network and its example
    #[arg(long, default_value_t = 0, value_name = "N", help_heading = NETWORK)]
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
struct Case<A: Scalar> {
    card: ModelCard,
    loss: LossKind,
    theta: Vec<A>,
    statistics: Vec<A>,
    x: Array2<A>,
    target: Array2<A>,
}

/// A stack of dense layers with every number, or any other network layer by layer.
enum Explained {
    Stack(Trace),
    Outline(Outline),
}

impl Explain {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let explained = match &self.model {
            Some(path) => {
                let description = self.description.clone();
                let model = ModelArgs { model: path.clone(), description, network: None, input_shape: None };
                with_dtype!(model.dtype()?, of_file(self, &model))?
            }
            None => follow(&self.fresh()?)?,
        };
        if let Some(path) = &self.html {
            let Explained::Stack(trace) = &explained else {
                return Err(Failure::input(
                    "--html draws dense layers, each followed by at most one activation: omit it for this network",
                ));
            };
            self.overwrite.check(path)?;
            let html = explain_page(&page::walkthrough(trace));
            write_atomic(path, |file| file.write_all(html.as_bytes())).map_err(Failure::run)?;
        }
        match (&explained, &self.html) {
            (Explained::Stack(trace), _) if self.json => outln!("{}", trace.to_json())?,
            (Explained::Outline(outline), _) if self.json => outln!("{}", outline.to_json())?,
            (_, Some(_)) => {}
            (Explained::Stack(trace), None) => text::print(trace)?,
            (Explained::Outline(outline), None) => outline.print()?,
        }
        if let Some(path) = &self.html {
            errln!("the page is {}: open it in a browser", path.display());
        }
        Ok(())
    }

    /// A small network in the lecture's manner. Weights, biases and example have two decimals, so that they can be
    /// followed by hand.
    fn fresh(&self) -> Result<Case<f64>, Failure> {
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
            None if is_unbounded(&card) => draw(card.architecture.outputs()),
            None => one_hot(card.architecture.outputs(), 0),
        };
        Ok(Case { card, loss, theta, statistics: Vec::new(), x, target })
    }

    /// The network of a file, with an example of its data or of the user's.
    fn of_file<A: Scalar>(&self, model: &ModelArgs) -> Result<Case<A>, Failure> {
        let Checkpoint { card, theta, statistics } = model.load::<A>()?;
        let loss = loss_spec(&card).kind();
        let own_target = self.target.as_deref().map(|text| target(text, &card, loss)).transpose()?;
        if let Some(text) = &self.input {
            let inputs = card.architecture.inputs();
            let mut x = numbers("--input", text, inputs)?;
            card.transform.check(inputs).map_err(Failure::input)?;
            card.transform.apply_in_place(&mut x);
            let target = own_target.ok_or_else(|| Failure::input("--input needs a target: add --target"))?;
            return Ok(Case { card, loss, theta, statistics, x, target });
        }
        let data = DataArgs::from(self.data.clone()).for_model::<A>(model, &card, &self.part)?;
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
        let x = example.inputs_through(&model.transform(&card, &data));
        let target = own_target.unwrap_or_else(|| example.encode(encoding));
        Ok(Case { card, loss, theta, statistics, x, target })
    }
}

fn of_file<A: Scalar>(args: &Explain, model: &ModelArgs) -> Result<Explained, Failure> {
    follow(&args.of_file::<A>(model)?)
}

fn follow<A: Scalar>(case: &Case<A>) -> Result<Explained, Failure> {
    let weights = Weights { theta: &case.theta, statistics: &case.statistics };
    let network = (&case.card, case.loss);
    if is_stack(&case.card.architecture) {
        return trace(network, weights, &case.x, &case.target).map(Explained::Stack);
    }
    Ok(Explained::Outline(outline(network, weights, &case.x, &case.target)))
}

/// Whether the outputs are numbers of any size, and not shares of 1.
fn is_unbounded(card: &ModelCard) -> bool {
    card.output == Output::Identity && matches!(card.architecture.layers.last(), Some(Stage::Dense(_)))
}

/// A row of finite numbers, as many as there are units for them.
fn numbers<A: Scalar>(flag: &str, text: &str, count: usize) -> Result<Array2<A>, Failure> {
    let parse = |cell: &str| {
        cell.trim().parse().ok().filter(|x: &f64| x.is_finite()).map(A::of).ok_or_else(|| {
            Failure::Input(format!(
                "{flag} {text}: \"{cell}\" is not a number: separate numbers by commas, such as 0.5,-1"
            ))
        })
    };
    let row: Vec<A> = text.split(',').map(parse).collect::<Result<_, _>>()?;
    if row.len() != count {
        return Err(Failure::Input(format!(
            "{flag} {text}: {} numbers, but the network has {count}",
            row.len()
        )));
    }
    Ok(Array2::from_shape_vec((1, count), row).expect("counted above"))
}

fn one_hot<A: Scalar>(outputs: usize, class: usize) -> Array2<A> {
    Array2::from_shape_fn((1, outputs), |(_, i)| if i == class { A::one() } else { A::zero() })
}

/// A target as it stands on the command line: the name of a class, its index, or the numbers.
fn target<A: Scalar>(text: &str, card: &ModelCard, loss: LossKind) -> Result<Array2<A>, Failure> {
    let outputs = card.architecture.outputs();
    if let Some(class) = card.classes.iter().position(|name| name == text) {
        return Ok(one_hot(outputs, class));
    }
    if outputs > 1 && !text.contains(',') && card.labels.is_empty() && card.targets.is_empty() {
        let class = text.parse().ok().filter(|&class: &usize| class < outputs).ok_or_else(|| {
            Failure::Input(format!(
                "--target {text}: expected {outputs} numbers separated by commas, or a class from 0 to {}",
                outputs - 1
            ))
        })?;
        return Ok(one_hot(outputs, class));
    }
    let row = numbers("--target", text, outputs)?;
    in_range(&row, loss).map_err(|needs| Failure::Input(format!("--target {text}: {loss} needs {needs}")))?;
    Ok(row)
}

/// Whether a loss over probabilities can have this target.
fn in_range<A: Scalar>(target: &ArrayRef2<A>, loss: LossKind) -> Result<(), &'static str> {
    let shares = target.iter().all(|&t| A::zero() <= t && t <= A::one());
    match loss {
        LossKind::CrossEntropy if !shares || (target.sum().as_f64() - 1.0).abs() > 1e-5 => {
            Err("numbers from 0 to 1 that sum to 1")
        }
        LossKind::BinaryCrossEntropy if !shares => Err("numbers from 0 to 1"),
        _ => Ok(()),
    }
}
