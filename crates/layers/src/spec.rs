//! What a layer says of itself besides its derivatives, and networks of such descriptions.

use std::fmt::{Debug, Display};

use chainrule_tensor::{Init, Scalar, Shape};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::layer::Layer;
use crate::onnx::OnnxWriter;
use crate::sequential::Sequential;
use crate::words::{Arguments, Item, WordsError, items};

/// What a layer's file says of it besides its derivatives: how it is written, stored, built, exported and explained.
///
/// It is the layer without its input: the number of outputs of a dense layer, the rate of a dropout. The table of
/// `registry.rs` lists all of them; everything that has to know every layer goes through this trait.
///
/// # Serialised form
/// By serde, as a map; the table adds its name under `kind`. Unknown keys should be refused.
pub trait LayerSpec: Debug + Clone + PartialEq + Serialize + DeserializeOwned {
    /// The description of a layer that was built, if it is one of these: the inverse of [`build`](Self::build).
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self>;

    /// The shape of the output.
    ///
    /// # Errors
    /// If a layer of this description does not take that input, or its numbers make no sense: it may come from a file.
    fn output(&self, input: Shape) -> Result<Shape, SpecError>;

    /// How many parameters it has, for an input that [`output`](Self::output) takes; `None` beyond `usize`.
    fn parameters(&self, input: Shape) -> Option<usize> {
        let _ = input;
        Some(0)
    }

    /// How many layers one forward pass applies: more than 1 for a container, which counts what is inside it.
    fn applications(&self) -> usize {
        1
    }

    /// The layer for an input that [`output`](Self::output) takes; weights begin as `init` says.
    fn build<A: Scalar>(&self, input: Shape, init: Init) -> Box<dyn Layer<A>>;

    /// The same inside a network: weights begin as `chosen` says or, with `None`, as suits the layer above them, which
    /// asks for `usual` at the top. A container hands both on to its layers.
    fn build_inside<A: Scalar>(&self, input: Shape, chosen: Option<Init>, usual: Init) -> Box<dyn Layer<A>> {
        self.build(input, chosen.unwrap_or(usual))
    }

    /// Reads what follows the name in words, such as `128` of `dense 128`.
    ///
    /// # Errors
    /// If a word is missing or means nothing here.
    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError>;

    /// What follows the name in words: with the name, the form that [`from_words`](Self::from_words) reads.
    fn to_words(&self) -> String {
        String::new()
    }

    /// Writes the operators from `x` to the value whose name is returned; each example is one flat row.
    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String;

    /// g(z) and g'(z) of a layer that works unit by unit, in the small part of TeX that `explain` typesets.
    fn formula(&self) -> Option<UnitFormula> {
        None
    }

    /// Whether each output belongs to the place of one input, as after an activation, a normalisation or dropout: pictures of
    /// both look alike.
    fn keeps_places(&self) -> bool {
        self.formula().is_some()
    }

    /// Descriptions with inputs to check the derivatives on, small enough to go coordinate by coordinate.
    fn specimens() -> Vec<(Shape, Self)>;
}

/// A description of any layer, with the layer's name: what the networks inside a container are made of.
///
/// `Display` writes the layer in words, name first.
pub trait NamedSpec: LayerSpec + Display {
    /// Reads a layer with its arguments from `text`.
    ///
    /// # Errors
    /// If no layer has this name, or its arguments mean nothing to it.
    fn from_item(text: &str, item: &Item<'_>) -> Result<Self, WordsError>;
}

/// The formula of a pointwise function and of its derivative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitFormula {
    /// g(z).
    pub value: String,
    /// g'(z), where it may speak of g.
    pub slope: String,
}

impl UnitFormula {
    /// From g(z) and g'(z).
    pub fn new(value: impl Into<String>, slope: impl Into<String>) -> Self {
        Self { value: value.into(), slope: slope.into() }
    }
}

/// Why a network cannot be built as it is described.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("layer {path}: {fault}")]
pub struct SpecError {
    /// The layer, by its path.
    pub path: String,
    /// What is wrong.
    pub fault: String,
}

impl SpecError {
    /// At a layer that knows nothing of where it stands.
    pub fn here(fault: impl Into<String>) -> Self {
        Self { path: String::new(), fault: fault.into() }
    }

    /// The same seen from a container that holds the layer under `name`.
    #[must_use]
    pub fn inside(self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{name}.{}", self.path) };
        Self { path, ..self }
    }
}

/// The shape after each of `layers`, the last of which is the output.
///
/// # Errors
/// If there is none, one does not take what the one below gives, or a pass would apply more than 10,000 layers.
pub fn shapes<S: LayerSpec>(layers: &[S], input: Shape) -> Result<Vec<Shape>, SpecError> {
    const MOST: usize = 10_000;
    if layers.is_empty() {
        return Err(SpecError::here("a network needs a layer"));
    }
    if applications(layers) > MOST {
        return Err(SpecError::here(format!("a pass through the network applies more than {MOST} layers")));
    }
    let mut shape = input;
    let outputs = layers.iter().enumerate().map(|(place, layer)| {
        shape = layer.output(shape).map_err(|error| error.inside(&place.to_string()))?;
        checked(shape).map_err(|error| error.inside(&place.to_string()))
    });
    outputs.collect()
}

/// The shape that the network `name` inside a container gives.
///
/// # Errors
/// As [`shapes`], with the path of the layer from the container on.
pub fn output<S: LayerSpec>(name: &str, layers: &[S], input: Shape) -> Result<Shape, SpecError> {
    let shapes = shapes(layers, input).map_err(|error| error.inside(name))?;
    Ok(shapes.last().map_or(input, |&shape| shape))
}

/// How many layers one forward pass through `layers` applies.
pub fn applications<S: LayerSpec>(layers: &[S]) -> usize {
    layers.iter().map(LayerSpec::applications).fold(0, usize::saturating_add)
}

/// A shape whose numbers can be counted.
///
/// # Errors
/// If a length is 0, or there are more features than 2²⁴, where `f32` stops counting, or more numbers than 2³².
pub fn checked(shape: Shape) -> Result<Shape, SpecError> {
    const WIDEST: usize = 1 << 24;
    const LARGEST: usize = 1 << 32;
    if shape.features() == 0 || shape.features() > WIDEST {
        return Err(SpecError::here(format!("a layer of width {} is not in 1..={WIDEST}", shape.features())));
    }
    match shape.checked_size() {
        Some(1..=LARGEST) => Ok(shape),
        _ => Err(SpecError::here(format!(
            "an example of shape {shape} has not between 1 and {LARGEST} numbers"
        ))),
    }
}

/// How many parameters all of `layers` have; `None` beyond `usize`, or where they do not fit each other.
pub fn parameters<S: LayerSpec>(layers: &[S], input: Shape) -> Option<usize> {
    let mut shape = input;
    layers.iter().try_fold(0_usize, |sum, layer| {
        let own = layer.parameters(shape)?;
        shape = layer.output(shape).ok()?;
        sum.checked_add(own)
    })
}

/// The network of `layers`. Weights begin as `init` says or, with `None`, as suits the layer above them: see
/// [`Layer::usual_init`].
pub fn chain<A: Scalar, S: LayerSpec>(layers: &[S], input: Shape, init: Option<Init>) -> Sequential<A> {
    chain_below(layers, input, init, Init::GlorotUniform)
}

/// The same inside a container; `usual` suits what is above the network.
pub fn chain_below<A: Scalar, S: LayerSpec>(
    layers: &[S],
    input: Shape,
    chosen: Option<Init>,
    usual: Init,
) -> Sequential<A> {
    let mut shapes = vec![input];
    for layer in layers {
        let below = shapes[shapes.len() - 1];
        shapes.push(layer.output(below).expect("a network that is built fits together"));
    }
    // From the top down, because a layer says what suits the weights below it.
    let (mut suits, mut built) = (usual, Vec::new());
    for (layer, &shape) in layers.iter().zip(&shapes).rev() {
        let layer = layer.build_inside::<A>(shape, chosen, suits);
        suits = layer.usual_init().unwrap_or(Init::GlorotUniform);
        built.push(layer);
    }
    let mut network = Sequential::input(input);
    built.into_iter().rev().for_each(|layer| network.push(layer));
    network
}

/// The descriptions of the layers of a network, if it is a [`Sequential`] one whose layers all have one.
pub fn layers_of<A: Scalar, S: LayerSpec>(network: &dyn Layer<A>) -> Option<Vec<S>> {
    network.downcast::<Sequential<A>>()?.layers().map(S::of).collect()
}

/// Writes the operators of `layers`, one after the other.
pub fn chain_onnx<S: LayerSpec>(layers: &[S], input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
    let (mut value, mut shape) = (x.to_owned(), input);
    for (place, layer) in layers.iter().enumerate() {
        value = onnx.inside(&place.to_string(), |onnx| layer.write_onnx(shape, &value, onnx));
        shape = layer.output(shape).expect("a network that was built fits together");
    }
    value
}

/// The network in brackets that comes next in words; `what` says what is missing otherwise.
///
/// # Errors
/// If there is none, or one of its layers cannot be read.
pub fn in_brackets<S: NamedSpec>(
    arguments: &mut Arguments<'_, '_>,
    what: &str,
) -> Result<Vec<S>, WordsError> {
    let Some(items) = arguments.network() else { return Err(arguments.error(format!("it needs {what}"))) };
    items.iter().map(|item| S::from_item(arguments.text(), item)).collect()
}

/// A network in words, in brackets.
pub fn brackets<S: Display>(layers: &[S]) -> String {
    let layers: Vec<_> = layers.iter().map(ToString::to_string).collect();
    format!("({})", layers.join(", "))
}

/// The network that a specimen names in words.
pub(crate) fn network<S: NamedSpec>(words: &str) -> Vec<S> {
    let items = items(words).expect("a specimen is a network");
    items
        .iter()
        .map(|item| S::from_item(words, item).expect("a specimen's layers are in the table"))
        .collect()
}
