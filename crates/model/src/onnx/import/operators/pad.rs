//! Borders of pictures and sequences.

use chainrule_layers::{Sides, ZeroPadSpec};
use chainrule_tensor::Scalar;

use super::operator::Operator;
use super::window::push_windowed;
use crate::onnx::import::error::ImportError;
use crate::onnx::import::fold;
use crate::onnx::import::steps::{Activation, Layer, Steps};

pub(super) fn pad<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    let mode = operator.text("mode", "constant")?;
    if mode != "constant" {
        let mode: String = mode.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
        return Err(operator.form(format!("mode {mode:?}: there is a layer for borders of zeros only")));
    }
    let value = match operator.known(2)? {
        Some(_) => operator.reals(2)?.first().copied().unwrap_or(0.0),
        None => operator.float("value", 0.0)?,
    };
    let x = steps.resolved(operator.live(0)?)?;
    let rank = x.labels.dims.len() + 1;
    let pads =
        operator.ints_or_input(if operator.opset < 2 { "paddings" } else { "pads" }, 1)?.unwrap_or_default();
    let axes: Vec<i64> = operator.wholes(3)?.unwrap_or_else(|| (0..rank as i64).collect());
    let mut both = vec![[0_i64; 2]; rank];
    if x.labels.is_merged || pads.len() != 2 * axes.len() {
        return Err(operator.form(format!("{} borders for {rank} axes", pads.len())));
    }
    for (at, &axis) in axes.iter().enumerate() {
        let axis = fold::axis(axis, rank).ok_or_else(|| operator.form(format!("there is no axis {axis}")))?;
        both[axis] = [pads[at], pads[at + axes.len()]];
    }
    if both.iter().flatten().all(|&width| width == 0) {
        return Ok(x);
    }
    if value != 0.0 {
        return Err(operator.form(format!("a border of {value}: there is a layer for borders of zeros only")));
    }
    if both.iter().flatten().any(|&width| !(0..1 << 24).contains(&width)) {
        return Err(operator.form("it cuts off a border, or makes one that is too wide"));
    }
    let widths = |axis: usize| both[axis].map(|width| width as usize);
    let is_free = |axis: usize| both[axis] == [0, 0];
    let x = operator.picture(0, steps)?;
    let sides = match rank {
        4 if is_free(0) && is_free(1) => {
            let ([top, bottom], [left, right]) = (widths(2), widths(3));
            Sides::Four([left, right, top, bottom])
        }
        3 if is_free(0) && is_free(1) => Sides::Two(widths(2)),
        _ => return Err(operator.form("a border around examples or channels, or along more than two axes")),
    };
    let sides = match sides {
        Sides::Four([left, others @ ..]) if others == [left; 3] => Sides::All(left),
        Sides::Two([left, right]) if left == right => Sides::All(left),
        other => other,
    };
    push_windowed(steps, Layer::plain(ZeroPadSpec { sides }, Some(x.labels.shape())), &x)
}
