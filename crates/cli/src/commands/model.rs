//! The model that a command line names: a checkpoint of ours, or parameters that another program wrote.

use std::path::{Path, PathBuf};

use chainrule::datasets::{Dataset, ImageShape, Input, Label, Pipeline, Transform};
use chainrule::layers::{Architecture, Stage, activation};
use chainrule::loss::{LossKind, LossSpec};
use chainrule::model::{Checkpoint, CheckpointError, Header, ModelCard, NameMap, Output, ParameterMap};
use chainrule::tensor::{Layout, Scalar, Shape};
use chainrule_report::run::{CONFIG, LAST_MODEL};
use clap::Args;
use clap::builder::{PathBufValueParser, TypedValueParser};
use clap_complete::ArgValueCompleter;

use super::complete;
use super::foreign_file::{is_onnx, model_bytes, number_type};
use super::loss;
use super::network;
use super::options::{Dtype, OutputName, Widths, activation_parser, name_parser, parse_fraction};
use crate::failure::{Failure, errln};
use crate::headings::NETWORK;

#[derive(Debug, Clone, Args)]
pub(crate) struct ModelArgs {
    /// Model file, .safetensors, .onnx, .pt or .safetensors.index.json, or the folder of a run
    #[arg(value_parser = model_parser())]
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) description: Description,
    /// Network of a model from another program in words, or a .toml file of layers, instead of --layers and --activation
    #[arg(long, add = ArgValueCompleter::new(complete::network), value_name = "WORDS|FILE", conflicts_with_all = ["layers", "activation", "dropout"], help_heading = NETWORK)]
    pub(crate) network: Option<String>,
    /// Input shape of --network if it is an image or a sequence, such as 32x32x3 [default: a flat vector, whose length follows from
    /// the weights]
    #[arg(long, value_name = "SHAPE", requires = "network", help_heading = NETWORK, hide_short_help = true)]
    pub(crate) input_shape: Option<Shape>,
}

/// Full brightness of the pixels of image files.
pub(crate) const OF_A_FILE: f64 = 255.0;

/// Parses the path of a model; of the folder of a run it is the last one.
pub(crate) fn model_parser() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| {
        if !path.is_dir() {
            return Ok(path);
        }
        let model = path.join(LAST_MODEL);
        if model.exists() {
            return Ok(model);
        }
        let why = if path.join(CONFIG).is_file() {
            "the run goes on, diverged or was killed: `chainrule train --resume` continues it"
        } else {
            "it is no run, or one that ended before it saved a model: name another"
        };
        Err(format!("no {LAST_MODEL} in it: {why}"))
    })
}

/// A network in words, where no file describes it.
#[derive(Debug, Clone, Args)]
pub(crate) struct Description {
    /// Layer widths of a model from another program, such as 784-256-10
    #[arg(long, value_name = "WIDTHS", help_heading = NETWORK)]
    pub(crate) layers: Option<Widths>,
    /// Activation function of its hidden layers [default: relu]
    #[arg(long, value_name = "NAME", value_parser = activation_parser(), help_heading = NETWORK)]
    pub(crate) activation: Option<Stage>,
    /// Activation function of its output layer [default: softmax or sigmoid if the loss includes it, else identity]
    #[arg(long, value_enum, value_name = "NAME", help_heading = NETWORK)]
    pub(crate) output: Option<OutputName>,
    /// Loss function [default: the one the model was trained with, or the one that suits the output]
    #[arg(long, value_parser = name_parser::<LossKind>(LossKind::NAMES), value_name = "NAME", help_heading = NETWORK)]
    pub(crate) loss: Option<LossKind>,
    /// Its dropout probability; if above 0, its parameters are numbered with dropout layers between the others
    #[arg(long, default_value = "0", value_name = "P", value_parser = parse_fraction, help_heading = NETWORK, hide_short_help = true)]
    dropout: f64,
    /// Which array of a model from another program is which parameter: a file of lines `their.name = our.name`, and `their.name = -` to
    /// leave an array out [default: by name, or by shape and order]
    #[arg(long, value_name = "FILE", help_heading = NETWORK, hide_short_help = true)]
    map: Option<PathBuf>,
}

impl ModelArgs {
    /// The number type of the file.
    pub(crate) fn dtype(&self) -> Result<Dtype, Failure> {
        if is_onnx(&self.model) {
            return number_type(&self.model);
        }
        self.header().map(|header| dtype_of(&header))
    }

    /// What the file says of itself.
    pub(crate) fn header(&self) -> Result<Header, Failure> {
        Header::from_bytes(&self.model, &model_bytes(&self.model)?).map_err(Failure::input)
    }

    /// The card in the file, or the one that the options describe.
    fn card(&self, header: Header) -> Result<ModelCard, Failure> {
        if let Some(words) = &self.network {
            return self.of_words(words, &header);
        }
        let told = header.widths.clone().map(Widths::from).filter(|_| self.description.activation.is_some());
        if let Some(widths) = self.description.layers.as_ref().or(told.as_ref()) {
            return self.description.of_another_program(widths);
        }
        if header.card.is_some()
            && let Some(flag) = self.description.flag_of_a_network()
        {
            return Err(Failure::Input(format!(
                "{flag} is for a model from another program: describe {} in full with --layers, or omit {flag}",
                self.model.display()
            )));
        }
        let no_card =
            || Failure::input(CheckpointError::NoCard { path: self.model.clone(), widths: header.widths });
        let Some(card) = header.card else { return Err(no_card()) };
        match self.description.loss {
            Some(loss) => self.under(loss, card),
            None => Ok(card),
        }
    }

    /// The card under another loss: a function of the output that the old loss had in it becomes a layer.
    fn under(&self, loss: LossKind, mut card: ModelCard) -> Result<ModelCard, Failure> {
        // The loss says what the outputs of a graph without a function on top of them are.
        if is_unnamed(&card) && card.output == Output::Identity {
            (card.output, card.loss) = (loss.spec().output().into(), Some(loss.spec()));
            return Ok(card);
        }
        let output = match card.output {
            Output::Identity => OutputName::Identity,
            Output::Sigmoid => OutputName::Sigmoid,
            Output::Softmax => OutputName::Softmax,
        };
        let Ok((top, output)) = loss::top(loss, Some(output), true) else {
            return Err(Failure::Input(format!(
                "{}: --loss {loss} includes an output activation, but the network has another: \
                 use squared-error, mean-squared-error, huber or mean-absolute",
                self.model.display()
            )));
        };
        card.architecture.layers.extend::<Option<Stage>>(top);
        (card.output, card.loss) = (output, Some(loss.spec()));
        Ok(card)
    }

    /// ModelCard and parameters.
    pub(crate) fn load<A: Scalar>(&self) -> Result<Checkpoint<A>, Failure> {
        let bytes = model_bytes(&self.model)?;
        let header = Header::from_bytes(&self.model, &bytes).map_err(Failure::input)?;
        let prefix = header.prefix.clone();
        let map = parameter_map(self.description.map.as_deref())?;
        load_as(&self.model, &bytes, &prefix, self.card(header)?, &map)
    }

    /// The card of a network in words for a model of another program, whose number of inputs --input-shape or its parameters tell.
    fn of_words(&self, words: &str, header: &Header) -> Result<ModelCard, Failure> {
        // A published network has as many outputs as the narrowest of the layers, which is the last.
        let outputs = header.shapes.iter().filter(|shape| shape.len() == 2).map(|shape| shape[0]).min();
        let layers = network::layers(words, outputs.unwrap_or(1))?;
        // What the network ends in need not be added.
        let output = self.description.output.or_else(|| match layers.last() {
            Some(Stage::Softmax(_) | Stage::Sigmoid(_)) => Some(OutputName::Identity),
            _ => None,
        });
        let description = Description { output, ..self.description.clone() };
        let loss = description.usual_loss();
        let (top, output) = loss::top(loss, output, false)?;
        let layers: Vec<Stage> = layers.into_iter().chain(top).collect();
        let is_matrix = |shape: &&Vec<usize>| shape.len() >= 2;
        let mut matrices: Vec<_> = header.shapes.iter().filter(is_matrix).collect();
        matrices.sort_unstable();
        let with = |input: Shape| Architecture { input, layers: layers.clone() };
        let fits = |architecture: &Architecture| {
            let layout = architecture.validated().is_ok().then(|| architecture.layout::<f32>());
            let shapes = |layout: &Layout| -> Vec<Vec<usize>> {
                layout.entries().iter().map(|entry| entry.storage.shape().to_vec()).collect()
            };
            layout.as_ref().map(shapes).is_some_and(|shapes| {
                let mut weights: Vec<_> = shapes.iter().filter(is_matrix).collect();
                weights.sort_unstable();
                weights == matrices
            })
        };
        let widths = matrices.iter().filter_map(|shape| shape.last().copied());
        let mut inputs: Vec<Shape> = match self.input_shape {
            Some(shape) => vec![shape],
            None => widths.map(Shape::Flat).collect(),
        };
        inputs.dedup();
        let architecture = inputs.into_iter().map(with).find(fits).ok_or_else(|| {
            Failure::Input(format!(
                "{}: its parameters are not those of the network that --network describes: name its layers in order, and give \
                 the shape of a picture with --input-shape",
                self.model.display()
            ))
        })?;
        Ok(ModelCard::new(architecture, output, Some(loss.spec())))
    }

    /// What the input goes through: the model's own transform or, for a model that never saw one, pixels scaled.
    pub(crate) fn transform<A: Scalar>(&self, card: &ModelCard, data: &Dataset<A>) -> Pipeline {
        if self.is_described() { data.pixel_scaling() } else { card.transform.clone() }
    }

    /// What the pixels of image files go through: as [`transform`](Self::transform).
    pub(crate) fn transform_of_files(&self, card: &ModelCard) -> Pipeline {
        let scaled = || Pipeline::new().then(Transform::Scale { divisor: OF_A_FILE });
        if self.is_described() { scaled() } else { card.transform.clone() }
    }

    /// Whether the command line says what the network is: a model with a description takes none of these alone.
    fn is_described(&self) -> bool {
        self.network.is_some() || self.description.layers.is_some() || self.description.activation.is_some()
    }

    /// Says how a model of another program sees pixels, whose scale its file does not tell; `full` is full brightness.
    pub(crate) fn say_pixels(&self, card: &ModelCard, full: f64) {
        let model = self.model.display();
        if self.is_described() {
            errln!("{model}: pixels are divided by {full}");
            let is_coloured = picture_shape(card).is_some_and(|shape| shape.channels > 1);
            if is_coloured && matches!(card.architecture.layers.first(), Some(Stage::Flatten(_))) {
                errln!(
                    "{model}: the weights behind the first flatten are taken for pixels in the order of height, width, channels: \
                     put those of a network with its channels first into that order"
                );
            }
        } else if is_unnamed(card) && card.transform == Pipeline::new() {
            errln!("{model}: pixels are given as they are, from 0 to {full}: the file has no scale for them");
        }
    }

    /// The shape in which image files are read for the model.
    ///
    /// # Errors
    /// If it takes no pictures, or none that a file can have.
    pub(crate) fn shape_of_files(&self, card: &ModelCard) -> Result<ImageShape, Failure> {
        let model = self.model.display();
        let shape = picture_shape(card).ok_or_else(|| {
            Failure::Input(format!("{model}: the network takes rows of numbers and no images: give a table"))
        })?;
        if !is_of_files(&shape) {
            return Err(Failure::Input(format!(
                "{model}: the network takes pictures of {shape}, and image files have one channel or three: where it takes its channels \
                 first, export it with its channels last"
            )));
        }
        Ok(shape)
    }
}

/// The number type of a file that is not in ONNX.
pub(crate) fn dtype_of(header: &Header) -> Dtype {
    if header.dtype == f64::NAME { Dtype::F64 } else { Dtype::F32 }
}

/// The map that --map names.
pub(crate) fn parameter_map(path: Option<&Path>) -> Result<ParameterMap, Failure> {
    path.map_or(Ok(ParameterMap::default()), ParameterMap::read).map_err(Failure::input)
}

/// Reads the parameters of the network on a card from the bytes of a file, and prints which is which if the names are others.
///
/// # Errors
/// If they are others, or the map does not fit.
pub(crate) fn load_as<A: Scalar>(
    path: &Path,
    bytes: &[u8],
    prefix: &str,
    card: ModelCard,
    map: &ParameterMap,
) -> Result<Checkpoint<A>, Failure> {
    let (checkpoint, names) = Checkpoint::from_bytes_as(path, bytes, card, map).map_err(Failure::input)?;
    if !prefix.is_empty() {
        errln!("{}: the parameters are read without the prefix {prefix:?} of their names", path.display());
    }
    print_names(path, &names);
    Ok(checkpoint)
}

/// Prints which array was read as which parameter.
fn print_names(path: &Path, names: &NameMap) {
    let path = path.display();
    if names.renamed().next().is_some() {
        errln!(
            "{path}: each array and the parameter that it is (--map FILE with such lines decides otherwise):\n{names}"
        );
    } else if !names.is_empty() {
        errln!("{path}: {}", names.notes().join("; "));
    }
}

impl Description {
    /// A flag that says what the units or the output of a network are.
    fn flag_of_a_network(&self) -> Option<&'static str> {
        let flags = [
            ("--activation", self.activation.is_some()),
            ("--output", self.output.is_some()),
            ("--dropout", self.dropout > 0.0),
        ];
        flags.into_iter().find_map(|(flag, given)| given.then_some(flag))
    }

    /// The loss that suits the output of a model of another program.
    fn usual_loss(&self) -> LossKind {
        self.loss.unwrap_or(match self.output {
            None | Some(OutputName::Softmax) => LossKind::CrossEntropy,
            Some(OutputName::Sigmoid) => LossKind::BinaryCrossEntropy,
            Some(OutputName::Identity) => LossKind::MeanSquaredError,
        })
    }

    fn of_another_program(&self, widths: &Widths) -> Result<ModelCard, Failure> {
        let loss = self.usual_loss();
        // What another program's network ends in is its own affair: nothing is added that was not asked for.
        self.card(widths, self.activation.clone().unwrap_or_else(|| activation::Relu.into()), loss, false)
    }

    /// A network of these widths and units, for classes or numbers; nothing is known of its data.
    ///
    /// # Errors
    /// If it cannot be built.
    pub(crate) fn card(
        &self,
        widths: &Widths,
        activation: Stage,
        loss: LossKind,
        classes: bool,
    ) -> Result<ModelCard, Failure> {
        let mut architecture = Architecture::perceptron(widths.in_full()?, activation, self.dropout);
        let (top, output) = loss::top(loss, self.output, classes)?;
        architecture.layers.extend::<Option<Stage>>(top);
        architecture.validated().map_err(Failure::input)?;
        Ok(ModelCard::new(architecture, output, Some(loss.spec())))
    }
}

/// The pictures that a model takes: those of its training data, or those of the input of a network of another program.
pub(crate) fn picture_shape(card: &ModelCard) -> Option<ImageShape> {
    match (&card.input, card.architecture.input) {
        (Some(Input::Image(shape)), _) => Some(*shape),
        (None, Shape::Image { height, width, channels }) => Some(ImageShape { height, width, channels }),
        _ => None,
    }
}

/// Whether image files can have this shape: they have one channel, or three.
pub(crate) fn is_of_files(shape: &ImageShape) -> bool {
    matches!(shape.channels, 1 | 3)
}

/// What is wrong with pictures of another shape than a model takes; so are those of a network whose channels come first.
pub(crate) fn other_pictures(card: &ModelCard, image: Option<ImageShape>, name: &str) -> Option<String> {
    let (wanted, own) = picture_shape(card).zip(image).filter(|(wanted, own)| wanted != own)?;
    Some(format!(
        "the network takes pictures of {wanted}, and those of {name} are {own}: resize them (--image-size), and where the network \
         takes its channels first, export it with its channels last"
    ))
}

/// Whether the file says nothing of what the outputs are, as those of other programs.
pub(crate) fn is_unnamed(card: &ModelCard) -> bool {
    card.classes.is_empty() && card.labels.is_empty() && card.targets.is_empty() && card.data.is_none()
}

/// The labels of a model with their words, for a message.
pub(crate) fn label_names(labels: &[Label]) -> String {
    let name = |label: &Label| format!("{} ({})", label.name, label.words.join("/"));
    if labels.is_empty() { "none".to_owned() } else { labels.iter().map(name).collect::<Vec<_>>().join(", ") }
}

/// The loss of a model: the one it was trained on, or the one that its output suggests.
pub(crate) fn loss_spec(card: &ModelCard) -> LossSpec {
    card.loss.clone().unwrap_or_else(|| match card.output {
        Output::Softmax => LossKind::CrossEntropy.spec(),
        Output::Sigmoid => LossKind::BinaryCrossEntropy.spec(),
        Output::Identity => LossKind::MeanSquaredError.spec(),
    })
}

/// The unit of the loss of a trained model, whose outputs are in the units of the data.
pub(crate) fn loss_unit(card: &ModelCard) -> Option<String> {
    let targets = if predicts_numbers(card) { card.architecture.outputs() } else { 0 };
    loss::unit_of(&loss_spec(card), "units", targets)
}

/// Whether a model is one of a regression.
pub(crate) fn predicts_numbers(card: &ModelCard) -> bool {
    let ends_in_dense = matches!(card.architecture.layers.last(), Some(Stage::Dense(_)));
    card.classes.is_empty() && card.output == Output::Identity && ends_in_dense
}
