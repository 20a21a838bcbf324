//! Convolutions and transposed convolutions.

use chainrule_layers::{ConvSpec, ConvTransposeSpec, FilterSpec, Padding};
use chainrule_tensor::Scalar;

use super::operator::Operator;
use super::window::{Windows, extent, push_windowed};
use crate::onnx::import::array::Array;
use crate::onnx::import::error::ImportError;
use crate::onnx::import::fold;
use crate::onnx::import::steps::{Activation, Layer, Steps};

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

/// The setting `name` of a transposed convolution, one number for each axis of positions, if it has it.
fn lengths_of(
    operator: &Operator<'_, '_>,
    name: &str,
    rank: usize,
) -> Result<Option<Vec<usize>>, ImportError> {
    let Some(ints) = operator.ints(name)?.filter(|ints| !ints.is_empty()) else { return Ok(None) };
    let numbers: Option<Vec<usize>> = ints.iter().map(|&int| usize::try_from(int).ok()).collect();
    let numbers = numbers.filter(|numbers| numbers.len() == rank && numbers.iter().all(|&n| n < 1 << 32));
    let shown = &ints[..ints.len().min(8)];
    numbers.map(Some).ok_or_else(|| operator.form(format!("{name} of {shown:?}")))
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
    let auto_pad = operator.text("auto_pad", "NOTSET")?;
    let more = lengths_of(operator, "output_padding", rank)?.unwrap_or_else(|| vec![0; rank]);
    let wanted = match lengths_of(operator, "output_shape", rank)? {
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
            let cut = cut.ok_or_else(|| {
                operator.form(format!(
                    "an output of {} along an axis where its windows cover {whole}",
                    wanted[axis]
                ))
            })?;
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
