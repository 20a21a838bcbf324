use std::fmt;
use std::str::FromStr;

use chainrule_layers::{
    Dense, Dropout, Elu, Gelu, GeluTanh, Identity, Layer, LeakyRelu, Relu, Sequential, Sigmoid, Silu,
    Softmax, Softplus, Tanh,
};
use chainrule_tensor::instantiate::instantiated;
use chainrule_tensor::{Init, Layout, Scalar};
use serde::{Deserialize, Serialize};

/// The plan of a [`Sequential`] network: what a checkpoint stores and a command line says.
///
/// ```
/// use chainrule_layers::Layer;
/// use chainrule_model::{Activation, Architecture};
///
/// let plan = Architecture::perceptron(&[784, 30, 10], Activation::Sigmoid, 0.0);
/// assert_eq!(plan.build::<f32>(None).layout().len(), 784 * 30 + 30 + 30 * 10 + 10);
/// assert_eq!(plan.to_string(), "784-30-10");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Architecture {
    /// The width of the input.
    pub inputs: usize,
    /// The layers, bottom first; their places number the parameters, as in PyTorch's `nn.Sequential`.
    pub layers: Vec<Stage>,
}

/// One layer of an [`Architecture`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Stage {
    /// [`Dense`].
    Dense {
        /// The width of its output.
        outputs: usize,
    },
    /// A layer of pointwise units.
    Activation {
        /// Their function.
        name: Activation,
    },
    /// [`Dropout`].
    Dropout {
        /// The probability of dropping a unit.
        rate: f64,
    },
    /// [`Softmax`].
    Softmax,
}

macro_rules! activations {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)*) => {
        /// A pointwise activation by its name (PyTorch's names and default parameters).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Activation {
            $($(#[$doc])* $variant,)*
        }

        impl Activation {
            /// Every activation.
            pub const ALL: &'static [Activation] = &[$(Activation::$variant),*];

            /// The name on the command line and in checkpoints.
            pub fn name(self) -> &'static str {
                match self {
                    $(Activation::$variant => $name,)*
                }
            }

            fn layer<A: Scalar>(self, width: usize) -> Box<dyn Layer<A>> {
                instantiated::<A, Box<dyn Layer<A>>, _, _>(|| self.single(width), || self.double(width))
            }

            // Neither generic nor inlined: the layers' loops are compiled here and nowhere else.
            #[inline(never)]
            fn single(self, width: usize) -> Box<dyn Layer<f32>> {
                match self {
                    $(Activation::$variant => Box::new($variant::new(width)),)*
                }
            }

            #[inline(never)]
            fn double(self, width: usize) -> Box<dyn Layer<f64>> {
                match self {
                    $(Activation::$variant => Box::new($variant::new(width)),)*
                }
            }
        }
    };
}

activations! {
    /// z.
    Identity "identity",
    /// 1 / (1 + e^(−z)).
    Sigmoid "sigmoid",
    /// tanh z.
    Tanh "tanh",
    /// max(0, z).
    Relu "relu",
    /// max(0.01 z, z).
    LeakyRelu "leaky-relu",
    /// z or e^z − 1.
    Elu "elu",
    /// zΦ(z), exact.
    Gelu "gelu",
    /// The tanh form of it.
    GeluTanh "gelu-tanh",
    /// z·g(z).
    Silu "silu",
    /// ln(1 + e^z).
    Softplus "softplus",
}

impl Activation {
    /// The initialiser that keeps a signal's variance through these units: He's for rectifiers and their kin,
    /// Glorot's for those that saturate.
    pub fn usual_init(self) -> Init {
        match self {
            Activation::Relu
            | Activation::LeakyRelu
            | Activation::Elu
            | Activation::Gelu
            | Activation::GeluTanh
            | Activation::Silu
            | Activation::Softplus => Init::HeUniform,
            Activation::Identity | Activation::Sigmoid | Activation::Tanh => Init::GlorotUniform,
        }
    }
}

impl FromStr for Activation {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|activation| activation.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|activation| activation.name()).collect();
            format!("no activation is called {name:?}; there are {}", names.join(", "))
        })
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Architecture {
    /// A multilayer perceptron of the given widths, input and output included: dense layers with `activation` between
    /// them, followed by dropout where `dropout` is above 0, and nothing after the last.
    ///
    /// # Panics
    /// If there are fewer than two widths.
    #[track_caller]
    pub fn perceptron(widths: &[usize], activation: Activation, dropout: f64) -> Self {
        assert!(
            widths.len() >= 2,
            "a perceptron needs the widths of its input and its output, not {widths:?}"
        );
        let mut layers = Vec::new();
        for (l, &outputs) in widths.iter().enumerate().skip(1) {
            layers.push(Stage::Dense { outputs });
            if l + 1 < widths.len() {
                layers.push(Stage::Activation { name: activation });
                if dropout > 0.0 {
                    layers.push(Stage::Dropout { rate: dropout });
                }
            }
        }
        Self { inputs: widths[0], layers }
    }

    /// Whether the plan can be built: a plan from a file may say anything.
    ///
    /// # Errors
    /// If there is no layer, a width is 0 or beyond 2²⁴ (where `f32` stops counting), a rate is not in `[0, 1)`, or there
    /// are more than 2⁴⁰ parameters.
    pub fn validated(&self) -> Result<(), String> {
        const WIDEST: usize = 1 << 24;
        const MOST: usize = 1 << 40;
        if self.layers.is_empty() {
            return Err("a network needs a layer".to_owned());
        }
        let widths = self.widths();
        if let Some(width) = widths.iter().find(|&&width| width == 0 || width > WIDEST) {
            return Err(format!("a layer of width {width} is not in 1..={WIDEST}"));
        }
        let parameters = widths.windows(2).try_fold(0_usize, |sum, pair| {
            pair[0]
                .checked_add(1)
                .and_then(|inputs| inputs.checked_mul(pair[1]))
                .and_then(|n| sum.checked_add(n))
        });
        if parameters.is_none_or(|parameters| parameters > MOST) {
            return Err(format!("a network of widths {widths:?} has more than {MOST} parameters"));
        }
        let wrong = |stage: &Stage| matches!(stage, Stage::Dropout { rate } if !(0.0..1.0).contains(rate));
        match self.layers.iter().find(|stage| wrong(stage)) {
            Some(stage) => Err(format!("{stage:?}: the rate is not in [0, 1)")),
            None => Ok(()),
        }
    }

    /// The names and shapes of the parameters.
    pub fn layout<A: Scalar>(&self) -> Layout {
        self.build::<A>(None).layout().clone()
    }

    /// The width of the output.
    pub fn outputs(&self) -> usize {
        self.widths().last().copied().unwrap_or(self.inputs)
    }

    /// The widths of the input and of each dense layer.
    pub fn widths(&self) -> Vec<usize> {
        let dense = self.layers.iter().filter_map(|stage| match stage {
            Stage::Dense { outputs } => Some(*outputs),
            _ => None,
        });
        std::iter::once(self.inputs).chain(dense).collect()
    }

    /// The network. Weights begin as `init` says or, with `None`, as suits the units above them.
    pub fn build<A: Scalar>(&self, init: Option<Init>) -> Sequential<A> {
        let (mut network, mut width) = (Sequential::input(self.inputs), self.inputs);
        for (place, stage) in self.layers.iter().enumerate() {
            let layer: Box<dyn Layer<A>> = match *stage {
                Stage::Dense { outputs } => {
                    let usual = match self.layers.get(place + 1) {
                        Some(Stage::Activation { name }) => name.usual_init(),
                        _ => Init::GlorotUniform,
                    };
                    Box::new(Dense::with_init(width, outputs, init.unwrap_or(usual)))
                }
                Stage::Activation { name } => name.layer(width),
                Stage::Dropout { rate } => Box::new(Dropout::new(width, rate)),
                Stage::Softmax => Box::new(Softmax::new(width)),
            };
            width = layer.outputs();
            network.push(layer);
        }
        network
    }
}

/// The widths, as on the command line: `784-256-10`.
impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<_> = self.widths().iter().map(ToString::to_string).collect();
        f.write_str(&widths.join("-"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_activations_and_dropout_as_pytorch_does() {
        let plan = Architecture::perceptron(&[4, 3, 3, 2], Activation::Relu, 0.5);
        let network = plan.build::<f32>(None);
        let names: Vec<_> = network.layout().entries().iter().map(|entry| entry.name.clone()).collect();
        assert_eq!(names, ["0.weight", "0.bias", "3.weight", "3.bias", "6.weight", "6.bias"]);
        assert_eq!(network.layout().entries()[0].init, Init::HeUniform);
        assert_eq!(network.layout().entries()[4].init, Init::GlorotUniform);
    }

    #[test]
    fn a_plan_that_cannot_be_built_is_refused() {
        let plan = |widths: &[usize]| Architecture::perceptron(widths, Activation::Relu, 0.0).validated();
        assert_eq!(plan(&[4, 3, 2]), Ok(()));
        assert!(plan(&[4, 0, 2]).unwrap_err().contains("width 0"));
        assert!(plan(&[1 << 24, 1 << 24]).unwrap_err().contains("parameters"));
        assert!(plan(&[usize::MAX, 2]).is_err());
        let dropout = Architecture { inputs: 1, layers: vec![Stage::Dropout { rate: f64::NAN }] };
        assert!(dropout.validated().is_err());
    }

    #[test]
    fn json_is_readable_and_reversible() {
        let plan = Architecture::perceptron(&[4, 3, 2], Activation::GeluTanh, 0.25);
        let json = serde_json::to_string(&plan).unwrap();
        assert!(json.contains(r#"{"kind":"activation","name":"gelu-tanh"}"#), "{json}");
        assert_eq!(serde_json::from_str::<Architecture>(&json).unwrap(), plan);
    }

    #[test]
    fn every_activation_has_its_name() {
        for &activation in Activation::ALL {
            assert_eq!(activation.name().parse(), Ok(activation));
            assert_eq!(serde_json::to_string(&activation).unwrap(), format!("{:?}", activation.name()));
        }
        assert!("rleu".parse::<Activation>().unwrap_err().contains("relu"));
    }
}
