//! Products with weights: dense layers and convolutions.

use chainrule_layers::{ConvSpec, ConvTransposeSpec, DenseSpec, FilterSpec, Padding};
use chainrule_tensor::Scalar;

use super::averages;
use super::operator::{Operator, Value};
use super::window::{Windows, extent, push_windowed};
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

/// The kernel and the filters of a convolution, in the order of memory.
struct Filters {
    kernel: Vec<usize>,
    dims: Vec<usize>,
    weights: Vec<f64>,
}

impl Filters {
    fn of(operator: &Operator<'_, '_>) -> Result<Self, ImportError> {
        let array = operator.constant(1)?;
        let dims = array.dims.clone();
        if dims.len() < 3 {
            return Err(operator.form(format!("filters of shape {dims:?}")));
        }
        let weights = operator.parameter(1, &dims)?;
        // (outputs, inputs, height, width) → (height, width, inputs, outputs)
        let order: Vec<usize> = (2..dims.len()).chain([1, 0]).collect();
        let turned = fold::transpose(&Array::real(dims.clone(), weights), &order);
        Ok(Self { kernel: dims[2..].to_vec(), dims, weights: turned.reals().unwrap_or_default() })
    }
}

/// The bias of a convolution, if it has one.
fn bias(operator: &Operator<'_, '_>, outputs: usize) -> Result<Option<Vec<f64>>, ImportError> {
    operator.known(2)?.map(|_| operator.parameter(2, &[outputs])).transpose()
}

fn groups(operator: &Operator<'_, '_>) -> Result<usize, ImportError> {
    let group = operator.int("group", 1)?;
    usize::try_from(group)
        .ok()
        .filter(|&group| group > 0)
        .ok_or_else(|| operator.form(format!("{group} groups")))
}

pub(super) fn conv<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    let filters = Filters::of(operator)?;
    let mut x = operator.picture(0, steps)?;
    let windows = Windows::of(operator, filters.kernel, &x.labels.dims[1..])?;
    let (outputs, groups) = (filters.dims[0], groups(operator)?);
    if filters.dims[1].checked_mul(groups) != Some(x.labels.dims[0]) {
        let fault = format!(
            "filters of shape {:?} in {groups} groups for {} channels",
            filters.dims, x.labels.dims[0]
        );
        return Err(operator.form(fault));
    }
    let is_same = (0..windows.kernel.len()).all(|axis| {
        let reach = windows.reach(axis);
        windows.strides[axis] == 1
            && [windows.pads[0][axis], windows.pads[1][axis]] == [reach / 2, reach - reach / 2]
    });
    let padding = if windows.is_even(&x.labels.dims[1..]) {
        Padding::Each(extent(&windows.pads[0]))
    } else if is_same {
        Padding::SAME
    } else {
        x = push_windowed(steps, Layer::plain(windows.border(), Some(x.labels.shape())), &x)?;
        Padding::NONE
    };
    let bias = bias(operator, outputs)?;
    let spec = FilterSpec {
        stride: extent(&windows.strides),
        dilation: extent(&windows.dilations),
        padding,
        groups,
        bias: bias.is_some(),
        ..FilterSpec::new(outputs, extent(&windows.kernel))
    };
    let layer = Layer::plain(ConvSpec(spec), Some(x.labels.shape()));
    push_windowed(steps, layer.with([filters.weights].into_iter().chain(bias)), &x)
}

pub(super) fn conv_transpose<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    let filters = Filters::of(operator)?;
    let x = operator.picture(0, steps)?;
    let lengths = x.labels.dims[1..].to_vec();
    let mut windows = Windows::of(operator, filters.kernel, &lengths)?;
    let (rank, groups) = (lengths.len(), groups(operator)?);
    let outputs = filters.dims[1].checked_mul(groups).filter(|_| filters.dims[0] == x.labels.dims[0]);
    let outputs = outputs.ok_or_else(|| operator.form(format!("filters of shape {:?}", filters.dims)))?;
    let small = |ints: Option<Vec<i64>>| -> Option<Vec<usize>> {
        let ints = ints.filter(|ints| !ints.is_empty())?;
        let numbers: Option<Vec<usize>> = ints.into_iter().map(|int| usize::try_from(int).ok()).collect();
        numbers.filter(|numbers| numbers.len() == rank && numbers.iter().all(|&number| number < 1 << 32))
    };
    let more = small(operator.ints("output_padding")?).unwrap_or_else(|| vec![0; rank]);
    let auto_pad = operator.text("auto_pad", "NOTSET")?;
    let wanted = match small(operator.ints("output_shape")?) {
        None if auto_pad.starts_with("SAME") => {
            Some(lengths.iter().zip(&windows.strides).map(|(length, stride)| length * stride).collect())
        }
        wanted => wanted,
    };
    let (mut border, mut output_padding) = (Vec::new(), Vec::new());
    for axis in 0..rank {
        let whole = windows.strides[axis] * (lengths[axis] - 1) + windows.reach(axis) + 1 + more[axis];
        if let Some(wanted) = &wanted {
            let cut = whole.checked_sub(wanted[axis]);
            let cut = cut.ok_or_else(|| operator.form("its output shape is larger than its output"))?;
            let before = if auto_pad == "SAME_UPPER" { cut / 2 } else { cut.div_ceil(2) };
            (windows.pads[0][axis], windows.pads[1][axis]) = (before, cut - before);
        }
        let (before, behind) = (windows.pads[0][axis], windows.pads[1][axis]);
        let kept = (before + more[axis]).checked_sub(behind);
        output_padding
            .push(kept.ok_or_else(|| operator.form("more is cut off behind the output than before it"))?);
        border.push(before);
    }
    let bias = bias(operator, outputs)?;
    let spec = FilterSpec {
        stride: extent(&windows.strides),
        dilation: extent(&windows.dilations),
        padding: Padding::Each(extent(&border)),
        output_padding: extent(&output_padding),
        groups,
        bias: bias.is_some(),
        ..FilterSpec::new(outputs, extent(&windows.kernel))
    };
    let layer = Layer::plain(ConvTransposeSpec(spec), Some(x.labels.shape()));
    push_windowed(steps, layer.with([filters.weights].into_iter().chain(bias)), &x)
}
