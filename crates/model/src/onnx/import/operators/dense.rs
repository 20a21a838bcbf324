//! Dense layers: products with a matrix of weights.

use chainrule_layers::DenseSpec;
use chainrule_tensor::Scalar;

use super::averages;
use super::operator::{Operator, Value};
use crate::onnx::import::array::Array;
use crate::onnx::import::error::ImportError;
use crate::onnx::import::fold;
use crate::onnx::import::steps::{Activation, Kind, Layer, Steps};

/// The dense layer with the weights `weight`, (inputs, outputs), on the last axis of `x`.
fn dense<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
    weight: &Array,
    bias: impl FnOnce(usize) -> Result<Vec<f64>, ImportError>,
) -> Result<Activation, ImportError> {
    let x = operator.channels_last(0, steps)?;
    let &[inputs, outputs] = &weight.dims[..] else {
        return Err(operator.form(format!("a weight of shape {:?}, not of two axes", weight.dims)));
    };
    let last = x.labels.dims.len() - 1;
    if x.labels.dims[last] != inputs || outputs == 0 {
        let features = x.labels.dims[last];
        return Err(operator.form(format!("a weight of shape [{inputs}, {outputs}] for {features} features")));
    }
    let weights = weight.reals().unwrap_or_default();
    if weights.iter().any(|weight| !weight.is_finite()) {
        return Err(operator.form("its weight holds NaN or infinity"));
    }
    let layer = Layer::plain(DenseSpec { outputs }, Some(x.labels.shape())).with([weights, bias(outputs)?]);
    let mut labels = x.labels;
    labels.dims[last] = outputs;
    steps.push(Kind::Layer(layer), vec![x.step], labels)
}

pub(super) fn gemm<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    if operator.int("transA", 0)? != 0 {
        return Err(operator.form("it transposes the examples (transA)"));
    }
    let (visible, is_merged) = operator.live(0)?.labels.visible();
    if visible.len() != 1 + usize::from(is_merged) {
        return Err(operator.form(format!("its input has the shape {visible:?}, and not one axis")));
    }
    let (alpha, beta) = (operator.float("alpha", 1.0)?, operator.float("beta", 1.0)?);
    let mut weight = Array::clone(operator.constant(1)?);
    if operator.int("transB", 0)? != 0 && weight.dims.len() == 2 {
        weight = fold::transpose(&weight, &[1, 0]);
    }
    if alpha != 1.0 {
        let scaled = weight.reals().unwrap_or_default().into_iter().map(|weight| alpha * weight).collect();
        weight = Array::real(weight.dims, scaled);
    }
    dense(operator, steps, &weight, |outputs| {
        let Some(bias) = operator.known(2)? else { return Ok(vec![0.0; outputs]) };
        let numbers = operator.reals(2)?;
        let is_row = [vec![outputs], vec![1, outputs]].contains(&bias.dims);
        match numbers.len() {
            1 => Ok(vec![beta * numbers[0]; outputs]),
            _ if is_row => Ok(numbers.into_iter().map(|bias| beta * bias).collect()),
            _ => Err(operator.form(format!("a bias of shape {:?} for {outputs} outputs", bias.dims))),
        }
    })
}

pub(super) fn mat_mul<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    if let Some(Some(Value::Known(_))) = operator.inputs.first() {
        return averages::down(operator, steps);
    }
    let mut weight = Array::clone(operator.constant(1)?);
    while weight.dims.len() > 2 && weight.dims[0] == 1 {
        weight.dims.remove(0);
    }
    let x = steps.resolved(operator.live(0)?)?;
    if averages::is_across(&x.labels, &weight) {
        return averages::across(operator, steps, x, &weight);
    }
    dense(operator, steps, &weight, |outputs| Ok(vec![0.0; outputs]))
}
