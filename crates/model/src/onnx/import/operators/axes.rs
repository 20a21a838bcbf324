//! Operators that name axes anew, join features, or work along an axis.

use chainrule_layers::{SoftmaxSpec, Stage};
use chainrule_tensor::{Scalar, Shape};

use super::operator::Operator;
use crate::onnx::import::array::BATCH;
use crate::onnx::import::error::ImportError;
use crate::onnx::import::fold;
use crate::onnx::import::labels::{Labels, features_at};
use crate::onnx::import::steps::{Activation, Kind, Layer, Steps};

/// An order of axes; `None` if it does not name each once.
pub(super) fn order(order: &[i64], rank: usize) -> Option<Vec<usize>> {
    let axes: Vec<usize> = order.iter().map(|&at| fold::axis(at, rank)).collect::<Option<_>>()?;
    let mut sorted = axes.clone();
    sorted.sort_unstable();
    sorted.into_iter().eq(0..rank).then_some(axes)
}

pub(super) fn reshape(operator: &Operator<'_, '_>) -> Result<Activation, ImportError> {
    let target = operator.ints_or_input("shape", 1)?;
    let target = target.ok_or_else(|| operator.form("the new shape is missing"))?;
    let x = operator.live(0)?;
    let allow_zero = operator.int("allowzero", 0)? != 0;
    let fault = || {
        let shown: Vec<String> = target
            .iter()
            .map(|&length| if length == BATCH { "N".to_owned() } else { length.to_string() })
            .collect();
        operator.form(format!(
            "a reshape of {:?} to [{}] mixes examples, or does not fit",
            x.labels.visible().0,
            shown.join(", ")
        ))
    };
    let (visible, is_merged) = x.labels.visible();
    let (Some((&first, rest)), size) = (target.split_first(), x.labels.size()) else { return Err(fault()) };
    if target.len() > 8 {
        return Err(fault());
    }
    // Of the axes after the examples', 0 takes that of the input, and −1 what is left.
    let mut dims = Vec::new();
    for (at, &length) in rest.iter().enumerate() {
        let kept = if is_merged { visible.get(at + 1) } else { visible.get(at) };
        dims.push(match length {
            0 if !allow_zero => *kept.ok_or_else(fault)?,
            -1 => 1,
            length => usize::try_from(length).ok().filter(|&length| length > 0).ok_or_else(fault)?,
        });
    }
    let product = |dims: &[usize]| dims.iter().try_fold(1_usize, |size, &length| size.checked_mul(length));
    let known = product(&dims).ok_or_else(fault)?;
    let is_batch = |length: i64| {
        length == BATCH || length == 0 || operator.batch.map(|batch| batch as i64) == Some(length)
    };
    if let Some(open) = rest.iter().position(|&length| length == -1) {
        if !is_batch(first) || !size.is_multiple_of(known) {
            return Err(fault());
        }
        dims[open] = size / known;
        return Ok(Activation { step: x.step, labels: x.labels.clone().reshaped(dims, false) });
    }
    if known == size && (is_batch(first) || first == -1) {
        return Ok(Activation { step: x.step, labels: x.labels.clone().reshaped(dims, false) });
    }
    // Positions are counted with the examples: (N·T, F).
    let is_multiple = size.is_multiple_of(known) && known < size;
    let counts = first == -1
        || operator.batch.and_then(|batch| batch.checked_mul(size / known)).map(|rows| rows as i64)
            == Some(first);
    if is_multiple && counts {
        dims.insert(0, size / known);
        return Ok(Activation { step: x.step, labels: x.labels.clone().reshaped(dims, true) });
    }
    Err(fault())
}

pub(super) fn flatten(operator: &Operator<'_, '_>) -> Result<Activation, ImportError> {
    let x = operator.live(0)?;
    let (visible, is_merged) = x.labels.visible();
    let axis = operator.int("axis", 1)?;
    let axis = if axis < 0 { axis + visible.len() as i64 + i64::from(!is_merged) } else { axis };
    if axis != 1 {
        return Err(
            operator.form(format!("it flattens from axis {axis}; from axis 1 each example stays a row"))
        );
    }
    let dims =
        if is_merged { vec![visible[0], visible[1..].iter().product()] } else { vec![x.labels.size()] };
    Ok(Activation { step: x.step, labels: x.labels.clone().reshaped(dims, is_merged) })
}

/// With other axes of length 1.
fn renamed(
    operator: &Operator<'_, '_>,
    change: impl Fn(&[usize]) -> Option<Vec<usize>>,
) -> Result<Activation, ImportError> {
    let x = operator.live(0)?;
    let (visible, is_merged) = x.labels.visible();
    // A length of more than 1 for the examples, which so are never taken for an axis of length 1.
    let all = if is_merged { visible.to_vec() } else { [&[usize::MAX], visible].concat() };
    let dims = change(&all).filter(|dims| is_merged || dims.first() == Some(&usize::MAX));
    let dims = dims.ok_or_else(|| operator.form("its axes do not fit, or are that of the examples"))?;
    let dims = if is_merged { dims } else { dims[1..].to_vec() };
    Ok(Activation { step: x.step, labels: x.labels.clone().reshaped(dims, is_merged) })
}

pub(super) fn squeeze(operator: &Operator<'_, '_>) -> Result<Activation, ImportError> {
    let axes = operator.ints_or_input("axes", 1)?;
    renamed(operator, |dims| fold::squeeze(dims, axes.as_deref()))
}

pub(super) fn unsqueeze(operator: &Operator<'_, '_>) -> Result<Activation, ImportError> {
    let axes = operator.ints_or_input("axes", 1)?.unwrap_or_default();
    renamed(operator, |dims| fold::unsqueeze(dims, &axes))
}

pub(super) fn transpose<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    let x = steps.resolved(operator.live(0)?)?;
    let rank = x.labels.dims.len() + 1;
    let perm = operator.ints("perm")?.unwrap_or_else(|| (0..rank as i64).rev().collect());
    let perm = order(&perm, rank).filter(|perm| perm[0] == 0 && !x.labels.is_merged);
    let Some(perm) = perm else {
        return Err(operator.form("it moves the axis of the examples, or does not fit"));
    };
    let moved: Vec<usize> = perm[1..].iter().map(|axis| axis - 1).collect();
    let dims = moved.iter().map(|&axis| x.labels.dims[axis]).collect();
    let now = |axis: &usize| moved.iter().position(|moved| moved == axis).expect("each axis is named once");
    let labels = Labels::ordered(dims, x.labels.order.iter().map(now).collect());
    Ok(Activation { step: x.step, labels })
}

pub(super) fn concat<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    let count = operator.inputs.len();
    let first = steps.resolved(operator.live(0)?)?;
    let axis = operator.own_axis(operator.int("axis", 1)?, &first)?;
    let rank = first.labels.dims.len();
    let is_last = first.labels.order.last() == Some(&axis);
    let order = if is_last { first.labels.order.clone() } else { features_at(axis, rank) };
    let (mut inputs, mut dims) = (Vec::new(), Vec::new());
    for place in 0..count {
        let x = steps.resolved(operator.live(place)?)?;
        if x.labels.dims.len() != rank || x.labels.is_merged != first.labels.is_merged {
            return Err(operator.form("its inputs have different axes"));
        }
        let x = steps.ordered(&x, order.clone())?;
        if dims.is_empty() {
            dims.clone_from(&x.labels.dims);
        } else {
            dims[axis] += x.labels.dims[axis];
        }
        if (0..rank).any(|other| other != axis && dims[other] != x.labels.dims[other]) {
            return Err(operator.form("its inputs differ in more than the axis that it joins"));
        }
        inputs.push(x.step);
    }
    let labels = Labels { is_merged: first.labels.is_merged, ..Labels::ordered(dims, order) };
    if count == 1 {
        return Ok(Activation { step: inputs[0], labels });
    }
    steps.push(Kind::Concat, inputs, labels)
}

pub(super) fn softmax<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    let newer = operator.opset >= 13;
    let axis = operator.own_axis(operator.int("axis", if newer { -1 } else { 1 })?, operator.live(0)?)?;
    let x = steps.resolved(operator.live(0)?)?;
    let rank = x.labels.dims.len();
    // Before version 13, over all axes from this one on.
    let (x, input) = if newer || axis + 1 == rank {
        let is_last = x.labels.order.last() == Some(&axis);
        let x = if is_last { x } else { steps.ordered(&x, features_at(axis, rank))? };
        let shape = x.labels.shape();
        (x, shape)
    } else if axis == 0 {
        let size = x.labels.size();
        (x, Shape::Flat(size))
    } else {
        return Err(operator.form("it is over several axes, but not over all"));
    };
    let stage: Stage = SoftmaxSpec.into();
    steps.push(Kind::Layer(Layer::plain(stage, Some(input))), vec![x.step], x.labels)
}
