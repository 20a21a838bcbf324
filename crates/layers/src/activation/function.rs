use std::fmt::Debug;

use chainrule_tensor::{Init, Scalar};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::onnx::OnnxWriter;
use crate::spec::UnitFormula;
use crate::words::{Arguments, WordsError};

/// A function φ of one number with its first two derivatives.
pub trait Activation: Debug + Clone + Copy + Default + PartialEq + Send + Sync + 'static {
    /// Whether φ' reads y alone: then y can take the place of z.
    const SLOPE_FROM_VALUE: bool = false;

    /// φ(z).
    fn value<A: Scalar>(self, z: A) -> A;

    /// φ'(z), given y = φ(z).
    fn slope<A: Scalar>(self, z: A, y: A) -> A;

    /// φ''(z), given y = φ(z); 0 at a kink.
    fn curvature<A: Scalar>(self, z: A, y: A) -> A;

    /// Where φ, or its first derivative, has a kink. Only the checks ask.
    fn kinks(self) -> Vec<f64> {
        Vec::new()
    }

    /// The initialiser that keeps a signal's variance through these units: He's for rectifiers and their kin, Glorot's for
    /// those that saturate.
    fn usual_init(self) -> Init {
        Init::GlorotUniform
    }
}

/// What the file of an activation says of it besides its derivatives: see [`LayerSpec`](crate::LayerSpec).
pub trait ActivationSpec: Activation + Serialize + DeserializeOwned {
    /// Writes the operators from `z` to the value whose name is returned.
    fn write_onnx(self, z: &str, onnx: &mut OnnxWriter) -> String;

    /// g(z) and g'(z).
    fn formula(self) -> UnitFormula;

    /// What is wrong with its parameters, which may come from a file.
    fn fault(self) -> Option<&'static str> {
        None
    }

    /// Reads the parameters that follow the name in words.
    ///
    /// # Errors
    /// If a word is no parameter.
    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        let _ = arguments;
        Ok(Self::default())
    }

    /// The parameters in words, as far as they are not the usual ones.
    fn to_words(self) -> String {
        String::new()
    }

    /// The parameters that its derivatives are checked with.
    fn specimens() -> Vec<Self> {
        vec![Self::default()]
    }
}
