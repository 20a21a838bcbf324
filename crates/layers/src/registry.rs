//! The table of all layers. A new layer is its file, its `mod` line in `lib.rs`, and its line here.

use std::fmt;

use chainrule_tensor::instantiate::instantiated;
use chainrule_tensor::registry::nearest;
use chainrule_tensor::{Init, Scalar, Shape};
use serde::{Deserialize, Serialize};

use crate::activation;
use crate::adaptive_avg_pool::AdaptiveAvgPoolSpec;
use crate::avg_pool::AvgPoolSpec;
use crate::branches::BranchesSpec;
use crate::conv::ConvSpec;
use crate::conv_transpose::ConvTransposeSpec;
use crate::dense::DenseSpec;
use crate::dropout::{DropoutChannelsSpec, DropoutSpec};
use crate::global_avg_pool::GlobalAvgPoolSpec;
use crate::layer::Layer;
use crate::max_pool::MaxPoolSpec;
use crate::norm::{BatchNormSpec, GroupNormSpec, InstanceNormSpec, LayerNormSpec, RmsNormSpec};
use crate::onnx::OnnxWriter;
use crate::repeat::RepeatSpec;
use crate::residual::ResidualSpec;
use crate::softmax::SoftmaxSpec;
use crate::spec::{LayerSpec, NamedSpec, SpecError, UnitFormula};
use crate::tied::TiedSpec;
use crate::upsample::UpsampleSpec;
use crate::view::{FlattenSpec, ReshapeSpec};
use crate::words::{Arguments, Item, WordsError, items};
use crate::zero_pad::ZeroPadSpec;

macro_rules! layers {
    ($($variant:ident $name:literal $spec:ty,)*) => {
        /// One layer of an [`Architecture`](crate::Architecture): any of the table.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        #[allow(missing_docs, reason = "each is documented where it is defined")]
        pub enum Stage {
            $(#[serde(rename = $name)] $variant($spec),)*
        }

        impl Stage {
            /// The name of every layer.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// The layer's name: on the command line, in words and in files.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Stage::$variant(_) => $name,)*
                }
            }

            /// Every layer at sizes whose derivatives can be checked coordinate by coordinate.
            pub fn specimens() -> Vec<(Shape, Stage)> {
                let mut all = Vec::new();
                $(all.extend(<$spec as LayerSpec>::specimens().into_iter().map(|(shape, spec)| (shape, Stage::$variant(spec))));)*
                all
            }

            /// The description of a layer, if it is one of the table; see [`LayerSpec::of`].
            pub fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
                $(if let Some(spec) = <$spec as LayerSpec>::of(layer) { return Some(Stage::$variant(spec)); })*
                None
            }

            /// The shape of the output.
            ///
            /// # Errors
            /// As [`LayerSpec::output`].
            pub fn output(&self, input: Shape) -> Result<Shape, SpecError> {
                match self { $(Stage::$variant(spec) => spec.output(input),)* }
            }

            /// How many parameters it has; see [`LayerSpec::parameters`].
            pub fn parameters(&self, input: Shape) -> Option<usize> {
                match self { $(Stage::$variant(spec) => spec.parameters(input),)* }
            }

            /// The layer for an input; see [`LayerSpec::build`].
            pub fn build<A: Scalar>(&self, input: Shape, init: Init) -> Box<dyn Layer<A>> {
                self.build_stage(input, Some(init), init)
            }

            /// The layer inside a network; see [`LayerSpec::build_inside`].
            fn build_stage<A: Scalar>(
                &self,
                input: Shape,
                chosen: Option<Init>,
                usual: Init,
            ) -> Box<dyn Layer<A>> {
                let single = |stage: &Self| stage.single(input, chosen, usual);
                let double = |stage: &Self| stage.double(input, chosen, usual);
                instantiated::<A, Box<dyn Layer<A>>, _, _, _>(self, single, double)
            }

            // Neither generic nor inlined: the loops of all layers are compiled here, and not in each program.
            #[inline(never)]
            fn single(&self, input: Shape, chosen: Option<Init>, usual: Init) -> Box<dyn Layer<f32>> {
                match self { $(Stage::$variant(spec) => spec.build_inside(input, chosen, usual),)* }
            }

            #[inline(never)]
            fn double(&self, input: Shape, chosen: Option<Init>, usual: Init) -> Box<dyn Layer<f64>> {
                match self { $(Stage::$variant(spec) => spec.build_inside(input, chosen, usual),)* }
            }

            /// How many layers a forward pass applies; see [`LayerSpec::applications`].
            pub fn applications(&self) -> usize {
                match self { $(Stage::$variant(spec) => spec.applications(),)* }
            }

            /// g(z) and g'(z) of a layer that works unit by unit.
            pub fn formula(&self) -> Option<UnitFormula> {
                match self { $(Stage::$variant(spec) => LayerSpec::formula(spec),)* }
            }

            /// Whether each output belongs to the place of one input; see [`LayerSpec::keeps_places`].
            pub fn keeps_places(&self) -> bool {
                match self { $(Stage::$variant(spec) => LayerSpec::keeps_places(spec),)* }
            }

            fn arguments(&self) -> String {
                match self { $(Stage::$variant(spec) => LayerSpec::to_words(spec),)* }
            }

            pub(crate) fn write(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
                match self { $(Stage::$variant(spec) => LayerSpec::write_onnx(spec, input, x, onnx),)* }
            }
        }

        impl NamedSpec for Stage {
            fn from_item(text: &str, item: &Item<'_>) -> Result<Self, WordsError> {
                let mut arguments = Arguments::of(text, item);
                let stage = match item.name {
                    $($name => Stage::$variant(LayerSpec::from_words(&mut arguments)?),)*
                    name => return Err(arguments.error(Stage::unknown(name))),
                };
                arguments.end()?;
                Ok(stage)
            }
        }

        $(impl From<$spec> for Stage {
            fn from(spec: $spec) -> Self {
                Stage::$variant(spec)
            }
        })*
    };
}

layers! {
    Dense "dense" DenseSpec,
    Conv "conv" ConvSpec,
    ConvTranspose "conv-transpose" ConvTransposeSpec,
    Identity "identity" activation::Identity,
    Sigmoid "sigmoid" activation::Sigmoid,
    Tanh "tanh" activation::Tanh,
    Relu "relu" activation::Relu,
    LeakyRelu "leaky-relu" activation::LeakyRelu,
    Elu "elu" activation::Elu,
    Gelu "gelu" activation::Gelu,
    GeluTanh "gelu-tanh" activation::GeluTanh,
    Silu "silu" activation::Silu,
    Softplus "softplus" activation::Softplus,
    Hardswish "hardswish" activation::Hardswish,
    Hardtanh "hardtanh" activation::Hardtanh,
    Relu6 "relu6" activation::Relu6,
    Mish "mish" activation::Mish,
    Selu "selu" activation::Selu,
    Softsign "softsign" activation::Softsign,
    PRelu "prelu" crate::prelu::PReluSpec,
    Softmax "softmax" SoftmaxSpec,
    Dropout "dropout" DropoutSpec,
    MaxPool "max-pool" MaxPoolSpec,
    AvgPool "avg-pool" AvgPoolSpec,
    AdaptiveAvgPool "adaptive-avg-pool" AdaptiveAvgPoolSpec,
    GlobalAvgPool "global-avg-pool" GlobalAvgPoolSpec,
    Upsample "upsample" UpsampleSpec,
    ZeroPad "zero-pad" ZeroPadSpec,
    DropoutChannels "dropout-channels" DropoutChannelsSpec,
    BatchNorm "batch-norm" BatchNormSpec,
    LayerNorm "layer-norm" LayerNormSpec,
    RmsNorm "rms-norm" RmsNormSpec,
    GroupNorm "group-norm" GroupNormSpec,
    InstanceNorm "instance-norm" InstanceNormSpec,
    Flatten "flatten" FlattenSpec,
    Reshape "reshape" ReshapeSpec,
    Residual "residual" ResidualSpec<Stage>,
    Branches "branches" BranchesSpec<Stage>,
    Repeat "repeat" RepeatSpec<Stage>,
    Tied "tied" TiedSpec<Stage>,
}

impl Stage {
    /// What to say of a name that no layer has: the one that may have been meant, and where all are.
    pub fn unknown(name: &str) -> String {
        let nearest = nearest(name, Stage::NAMES.iter().copied());
        let hint = nearest.map_or_else(String::new, |nearest| format!("the nearest is `{nearest}`, and "));
        format!("no layer is called `{name}`; {hint}`chainrule train --help` lists all")
    }

    /// The layers of a network in words.
    ///
    /// # Errors
    /// If the text is no network; the message shows the place.
    pub fn network(text: &str) -> Result<Vec<Stage>, WordsError> {
        items(text)?.iter().map(|item| Self::from_item(text, item)).collect()
    }

    /// The activations with their usual parameters: what can stand between the dense layers of a perceptron.
    pub fn activations() -> Vec<Stage> {
        let layers = Stage::NAMES.iter().filter_map(|name| Stage::network(name).ok()?.pop());
        layers.filter(|stage| stage.formula().is_some()).collect()
    }

    /// A layer in the words of a network, such as `dense 6`; one that is not of the table as it describes itself.
    pub fn words<A: Scalar>(layer: &dyn Layer<A>) -> String {
        Self::of(layer).map_or_else(|| format!("{layer:?}"), |stage| stage.to_string())
    }

    /// The dense layer with so many outputs.
    pub fn dense(outputs: usize) -> Self {
        DenseSpec { outputs }.into()
    }

    /// Dropout at this rate.
    pub fn dropout(rate: f64) -> Self {
        DropoutSpec { rate }.into()
    }
}

/// A stage describes what its entry in the table does: networks inside of layers are made of stages.
impl LayerSpec for Stage {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        Stage::of(layer)
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        Stage::output(self, input)
    }

    fn parameters(&self, input: Shape) -> Option<usize> {
        Stage::parameters(self, input)
    }

    fn build<A: Scalar>(&self, input: Shape, init: Init) -> Box<dyn Layer<A>> {
        Stage::build(self, input, init)
    }

    fn applications(&self) -> usize {
        Stage::applications(self)
    }

    fn build_inside<A: Scalar>(&self, input: Shape, chosen: Option<Init>, usual: Init) -> Box<dyn Layer<A>> {
        self.build_stage(input, chosen, usual)
    }

    /// As one layer in brackets.
    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        match arguments.network() {
            Some([item]) => Self::from_item(arguments.text(), item),
            _ => Err(arguments.error("one layer in brackets is missing")),
        }
    }

    fn to_words(&self) -> String {
        format!("({self})")
    }

    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        self.write(input, x, onnx)
    }

    fn formula(&self) -> Option<UnitFormula> {
        Stage::formula(self)
    }

    fn keeps_places(&self) -> bool {
        Stage::keeps_places(self)
    }

    fn specimens() -> Vec<(Shape, Self)> {
        Stage::specimens()
    }
}

/// In words: `dense 128`.
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments = self.arguments();
        write!(f, "{}{}{arguments}", self.name(), if arguments.is_empty() { "" } else { " " })
    }
}

impl std::str::FromStr for Stage {
    type Err = WordsError;

    fn from_str(text: &str) -> Result<Self, WordsError> {
        let mut layers = Stage::network(text)?;
        match (layers.pop(), layers.is_empty()) {
            (Some(layer), true) => Ok(layer),
            _ => Err(WordsError {
                text: text.to_owned(),
                at: 0..text.len(),
                fault: "one layer is wanted".to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layer_comes_back_from_its_words_and_from_its_file() {
        for (_, stage) in Stage::specimens() {
            assert_eq!(stage.to_string().parse(), Ok(stage.clone()));
            let json = serde_json::to_string(&stage).unwrap();
            assert!(json.starts_with(&format!("{{\"kind\":\"{}\"", stage.name())), "{json}");
            assert_eq!(serde_json::from_str::<Stage>(&json).unwrap(), stage, "{json}");
        }
    }

    #[test]
    fn every_name_has_a_specimen() {
        for name in Stage::NAMES {
            assert!(Stage::specimens().iter().any(|(_, stage)| stage.name() == *name), "{name}");
        }
        assert!(Stage::activations().len() >= 10);
    }

    #[test]
    fn a_typo_is_shown_with_its_place_and_the_nearest_name() {
        let error = Stage::network("dense 30, rleu, dense 10").unwrap_err();
        assert_eq!(error.at, 10..14);
        let message = "no layer is called `rleu`; the nearest is `relu`, and `chainrule train --help` lists all, at character 11";
        assert!(error.to_string().starts_with(message), "{error}");
        let strange = Stage::network("qqq").unwrap_err().to_string();
        assert!(
            strange.starts_with("no layer is called `qqq`; `chainrule train --help` lists all"),
            "{strange}"
        );
        assert!(Stage::network("dense").unwrap_err().to_string().contains("the number of its outputs"));
        assert!(Stage::network("dense ten").unwrap_err().to_string().contains("`ten` is not"));
        assert!(Stage::network("relu 3").unwrap_err().to_string().contains("takes no more"));
    }

    #[test]
    fn unknown_keys_of_a_file_are_refused() {
        for json in [
            r#"{"kind":"relu","slope":1}"#,
            r#"{"kind":"dense","outputs":3,"bias":false}"#,
            r#"{"kind":"rleu"}"#,
        ] {
            assert!(serde_json::from_str::<Stage>(json).is_err(), "{json}");
        }
    }
}
