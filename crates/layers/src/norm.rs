//! Normalisations: of each feature over a batch, of groups of channels over an example, of the features of a position.

mod batch_norm;
mod channels;
mod columns;
mod features;
mod group_norm;
mod layer_norm;

use chainrule_tensor::{Accum, Scalar};

use crate::onnx::OnnxWriter;
use crate::words::{Arguments, WordsError};

pub use batch_norm::{BatchNorm, BatchNormSpec};
pub use group_norm::{GroupNorm, GroupNormSpec, InstanceNormSpec};
pub use layer_norm::{
    Centred, FeatureNorm, FeatureNormKind, LayerNorm, LayerNormSpec, RmsNorm, RmsNormSpec, RootMeanSquare,
};

fn put<A: Scalar>(out: &mut [A], values: &[A], accum: Accum) {
    out.iter_mut().zip(values).for_each(|(out, &value)| accum.put(out, value));
}

/// The number after the word `eps`, or `usual`.
fn eps(arguments: &mut Arguments<'_, '_>, usual: f64) -> Result<f64, WordsError> {
    if arguments.takes("eps") {
        arguments.required("a number after `eps`, such as 0.00001")
    } else {
        Ok(usual)
    }
}

/// `eps 0.001`, or nothing if it is the usual one.
fn eps_in_words(eps: f64, usual: f64) -> Option<String> {
    (eps != usual).then(|| format!("eps {eps}"))
}

/// What is wrong with an ε.
fn epsilon_fault(epsilon: f64) -> Option<String> {
    (!(epsilon > 0.0 && epsilon.is_finite())).then(|| format!("ε = {epsilon} is not a positive number"))
}

/// centred/√(variance + ε)
fn write_quotient(onnx: &mut OnnxWriter, centred: &str, variance: &str, epsilon: f64) -> String {
    let epsilon = onnx.number(epsilon);
    let sum = onnx.apply("Add", &[variance, &epsilon]);
    let deviation = onnx.apply("Sqrt", &[&sum]);
    onnx.apply("Div", &[centred, &deviation])
}

/// γ·x̂ + β
fn write_gain_and_shift(onnx: &mut OnnxWriter, x_hat: &str) -> String {
    let [weight, bias] = ["weight", "bias"].map(|name| onnx.parameter(name));
    let scaled = onnx.apply("Mul", &[x_hat, &weight]);
    onnx.apply("Add", &[&scaled, &bias])
}
