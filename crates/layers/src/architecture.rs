use std::fmt;

use chainrule_tensor::{Init, Layout, Scalar, Shape};
use serde::{Deserialize, Serialize};

use crate::layer::Layer;
use crate::onnx::OnnxWriter;
use crate::registry::Stage;
use crate::sequential::Sequential;
use crate::spec::{LayerSpec, SpecError, chain, chain_onnx, checked, layers_of, parameters, shapes};
use crate::words::WordsError;

/// The description of a [`Sequential`] network: what a checkpoint stores and a command line says.
///
/// ```
/// use chainrule_layers::{Architecture, Layer, activation};
///
/// let plan = Architecture::perceptron(&[784, 30, 10], activation::Sigmoid, 0.0);
/// assert_eq!(plan.build::<f32>(None).layout().len(), 784 * 30 + 30 + 30 * 10 + 10);
/// assert_eq!(plan.to_string(), "dense 30, sigmoid, dense 10");
///
/// let picture = Architecture::parse("28x28x1".parse()?, "flatten, dense 10")?;
/// assert_eq!(picture.outputs(), 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Architecture {
    /// The shape of the input.
    #[serde(alias = "inputs")]
    pub input: Shape,
    /// The layers, bottom first; their places number the parameters, as in PyTorch's `nn.Sequential`.
    pub layers: Vec<Stage>,
}

impl Architecture {
    /// The network in words: `dense 128, relu, dense 10`.
    ///
    /// # Errors
    /// If the text is no network.
    pub fn parse(input: Shape, words: &str) -> Result<Self, WordsError> {
        Ok(Self { input, layers: Stage::network(words)? })
    }

    /// A multilayer perceptron of the given widths, input and output included: dense layers with `activation` between
    /// them, followed by dropout where `dropout` is above 0, and nothing after the last.
    ///
    /// # Panics
    /// If there are fewer than two widths.
    #[track_caller]
    pub fn perceptron(widths: &[usize], activation: impl Into<Stage>, dropout: f64) -> Self {
        assert!(
            widths.len() >= 2,
            "a perceptron needs the widths of its input and its output, not {widths:?}"
        );
        let (activation, mut layers) = (activation.into(), Vec::new());
        for (l, &outputs) in widths.iter().enumerate().skip(1) {
            layers.push(Stage::dense(outputs));
            if l + 1 < widths.len() {
                layers.push(activation.clone());
                if dropout > 0.0 {
                    layers.push(Stage::dropout(dropout));
                }
            }
        }
        Self { input: Shape::Flat(widths[0]), layers }
    }

    /// The description of a network that was built: `None` where one of its layers is not of the table of layers. How the weights
    /// began and what is frozen is no part of it.
    ///
    /// ```
    /// use chainrule_layers::{Architecture, Dense, Sequential, Tanh};
    ///
    /// let network: Sequential<f32> = Sequential::input(4).then(|n| Dense::new(n, 8)).then(Tanh::new);
    /// assert_eq!(Architecture::of(&network).unwrap().to_string(), "dense 8, tanh");
    /// ```
    pub fn of<A: Scalar>(network: &dyn Layer<A>) -> Option<Self> {
        let layers = match network.downcast::<Sequential<A>>() {
            Some(_) => layers_of(network)?,
            None => vec![LayerSpec::of(network)?],
        };
        Some(Self { input: network.input_shape(), layers })
    }

    /// Whether the network can be built: a description from a file may say anything.
    ///
    /// # Errors
    /// If there is no layer, a layer does not take what is below it, a width is 0 or beyond 2²⁴ (where `f32` stops
    /// counting), or there are more than 2⁴⁰ parameters.
    pub fn validated(&self) -> Result<(), SpecError> {
        const MOST: usize = 1 << 40;
        checked(self.input)?;
        shapes(&self.layers, self.input)?;
        match parameters(&self.layers, self.input) {
            Some(0..=MOST) => Ok(()),
            _ => Err(SpecError::here(format!("the network {self} has more than {MOST} parameters"))),
        }
    }

    /// The names and shapes of the parameters.
    pub fn layout<A: Scalar>(&self) -> Layout {
        self.build::<A>(None).layout().clone()
    }

    /// How many numbers an example has.
    pub fn inputs(&self) -> usize {
        self.input.size()
    }

    /// How many numbers the output has.
    ///
    /// # Panics
    /// If the layers do not fit each other.
    pub fn outputs(&self) -> usize {
        let shapes = shapes(&self.layers, self.input).expect("a network whose layers fit each other");
        shapes.last().map_or(self.input, |&shape| shape).size()
    }

    /// The widths of a perceptron, such as `[784, 256, 10]`: those of the input and of each dense layer; `None` where other
    /// layers than dense ones, activations, dropout and softmax are in it.
    pub fn widths(&self) -> Option<Vec<usize>> {
        let Shape::Flat(inputs) = self.input else { return None };
        let mut widths = vec![inputs];
        for stage in &self.layers {
            match stage {
                Stage::Dense(dense) => widths.push(dense.outputs),
                Stage::Softmax(_) | Stage::Dropout(_) => {}
                other if other.formula().is_some() => {}
                _ => return None,
            }
        }
        Some(widths)
    }

    /// The network in short: `784-256-10` for a perceptron, in words otherwise.
    pub fn summary(&self) -> String {
        match self.widths() {
            Some(widths) => widths.iter().map(ToString::to_string).collect::<Vec<_>>().join("-"),
            None => self.to_string(),
        }
    }

    /// The network. Weights begin as `init` says or, with `None`, as suits the layer above them.
    ///
    /// # Panics
    /// If it is not [`validated`](Self::validated).
    pub fn build<A: Scalar>(&self, init: Option<Init>) -> Sequential<A> {
        chain(&self.layers, self.input, init)
    }

    /// Writes the operators of the network from the value `x` to the one whose name is returned.
    pub fn write_onnx(&self, x: &str, onnx: &mut OnnxWriter) -> String {
        chain_onnx(&self.layers, self.input, x, onnx)
    }
}

/// In words, as [`Architecture::parse`] reads them: `dense 256, relu, dense 10`.
impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layers: Vec<_> = self.layers.iter().map(ToString::to_string).collect();
        f.write_str(&layers.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation;

    #[test]
    fn places_count_activations_and_dropout_as_pytorch_does() {
        let plan = Architecture::perceptron(&[4, 3, 3, 2], activation::Relu, 0.5);
        let network = plan.build::<f32>(None);
        let names: Vec<_> = network.layout().entries().iter().map(|entry| entry.name.clone()).collect();
        assert_eq!(names, ["0.weight", "0.bias", "3.weight", "3.bias", "6.weight", "6.bias"]);
        assert_eq!(network.layout().entries()[0].init, Init::HeUniform);
        assert_eq!(network.layout().entries()[4].init, Init::GlorotUniform);
    }

    #[test]
    fn a_plan_that_cannot_be_built_is_refused() {
        let plan = |widths: &[usize]| Architecture::perceptron(widths, activation::Relu, 0.0).validated();
        let fault = |widths: &[usize]| plan(widths).unwrap_err().to_string();
        assert_eq!(plan(&[4, 3, 2]), Ok(()));
        assert!(fault(&[4, 0, 2]).contains("width 0"));
        assert!(fault(&[1 << 24, 1 << 24]).contains("parameters"));
        assert!(plan(&[usize::MAX, 2]).is_err());
        let dropout = Architecture { input: 1.into(), layers: vec![Stage::dropout(f64::NAN)] };
        assert!(dropout.validated().unwrap_err().to_string().contains("layer 0: the rate"));
        assert!(Architecture { input: 1.into(), layers: Vec::new() }.validated().is_err());
    }

    #[test]
    fn json_is_readable_and_reversible() {
        let plan = Architecture::perceptron(&[4, 3, 2], activation::GeluTanh, 0.25);
        let json = serde_json::to_string(&plan).unwrap();
        assert!(json.contains(r#"{"kind":"gelu-tanh"}"#) && json.contains(r#""input":4"#), "{json}");
        assert_eq!(serde_json::from_str::<Architecture>(&json).unwrap(), plan);
    }

    #[test]
    fn only_perceptrons_have_widths() {
        let input = Shape::image(4, 4, 1);
        let plan = |words| Architecture::parse(input, words).unwrap();
        assert_eq!(plan("flatten, dense 3").widths(), None);
        assert_eq!(plan("flatten, dense 3").summary(), "flatten, dense 3");
        assert_eq!(Architecture::perceptron(&[4, 3, 2], activation::Relu, 0.1).summary(), "4-3-2");
    }
}
