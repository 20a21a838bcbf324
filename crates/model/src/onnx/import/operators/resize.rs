//! Pictures and sequences of a multiple of the size.

use chainrule_layers::{Interpolation, Stage, UpsampleSpec};
use chainrule_tensor::{Scalar, Shape};

use super::operator::Operator;
use super::window::{extent, push_windowed};
use crate::onnx::import::array::Numbers;
use crate::onnx::import::error::ImportError;
use crate::onnx::import::fold;
use crate::onnx::import::steps::{Activation, Layer, Steps};

pub(super) fn resize<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    let x = operator.picture(0, steps)?;
    let lengths = &x.labels.dims;
    let rank = lengths.len() + 1;
    let is_resize = operator.node.operator == "Resize" && operator.opset >= 11;
    let place = if is_resize { 2 } else { 1 };
    let scales = match operator.known(place)? {
        Some(array) if array.len() > 0 => Some(operator.reals(place)?),
        _ => operator.node.attribute("scales")?.map(|attribute| attribute.floats()).transpose()?,
    };
    let scales = match (scales, if is_resize { operator.known(3)? } else { None }) {
        (Some(scales), _) => scales,
        (None, Some(sizes)) => {
            let Numbers::Whole(sizes) = &sizes.numbers else {
                return Err(operator.form("its sizes are not whole"));
            };
            let old = [1].iter().chain(lengths);
            let skipped = sizes.len().checked_sub(lengths.len()).filter(|&more| more <= 1);
            let skipped = 1 - skipped.ok_or_else(|| operator.form("its sizes do not fit"))?;
            let ratio = |(at, (&old, &new)): (usize, (&usize, &i64))| {
                if at == 0 && skipped == 0 { 1.0 } else { new as f64 / old as f64 }
            };
            let missing = std::iter::repeat_n(1.0, skipped);
            missing.chain(old.skip(skipped).zip(sizes).enumerate().map(ratio)).collect()
        }
        (None, None) => return Err(operator.form("it has neither scales nor sizes")),
    };
    let policy = operator.text("keep_aspect_ratio_policy", "stretch")?;
    if policy != "stretch" {
        return Err(
            operator.form("it keeps the ratio of the sides: give the sizes that come of it, or scales")
        );
    }
    let axes = operator.ints("axes")?;
    let scales = match axes {
        Some(axes) if axes.len() == scales.len() => {
            let mut all = vec![1.0; rank];
            for (&axis, &scale) in axes.iter().zip(&scales) {
                let axis = fold::axis(axis, rank)
                    .ok_or_else(|| operator.form(format!("there is no axis {axis}")))?;
                all[axis] = scale;
            }
            all
        }
        _ => scales,
    };
    let whole: Vec<usize> = scales.iter().map(|&scale| scale as usize).collect();
    let are_whole = whole.iter().zip(&scales).all(|(&whole, &scale)| whole > 0 && whole as f64 == scale);
    if whole.len() != rank || !are_whole || whole[..2] != [1, 1] || rank > 4 {
        let shown: Vec<String> = scales.iter().take(8).map(ToString::to_string).collect();
        return Err(operator.form(format!(
            "scales of {}: there is a layer for whole multiples of positions",
            shown.join(", ")
        )));
    }
    let mode = operator.text("mode", "nearest")?;
    let usual = if is_resize { "half_pixel" } else { "asymmetric" };
    let places = operator.text("coordinate_transformation_mode", usual)?;
    let is_half_pixel = ["half_pixel", "pytorch_half_pixel"].contains(&places.as_str());
    let nearest = operator.text("nearest_mode", if is_resize { "round_prefer_floor" } else { "floor" })?;
    let rounds = nearest.starts_with("round_prefer");
    let is_double = whole.iter().all(|&scale| scale <= 2);
    let input = x.labels.shape();
    let mode = match mode.as_str() {
        "nearest"
            if places == "asymmetric"
                && (nearest == "floor" || nearest == "round_prefer_floor" && is_double)
                || is_half_pixel && rounds =>
        {
            Interpolation::Nearest
        }
        "linear" if is_half_pixel && operator.int("antialias", 0)? == 0 => match input {
            Shape::Image { .. } => Interpolation::Bilinear,
            _ => Interpolation::Linear,
        },
        _ => {
            let word = |text: &str| {
                text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(30).collect::<String>()
            };
            let fault = format!(
                "mode {} at {} places, {}: no layer interpolates so",
                word(&mode),
                word(&places),
                word(&nearest)
            );
            return Err(operator.form(fault));
        }
    };
    let spec: Stage = UpsampleSpec { scale: extent(&whole[2..]), mode }.into();
    spec.output(input)?;
    push_windowed(steps, Layer::plain(spec, Some(input)), &x)
}
