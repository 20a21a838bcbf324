//! Pools of pictures and sequences.

use chainrule_layers::{AvgPoolSpec, GlobalAvgPoolSpec, MaxPoolSpec};
use chainrule_tensor::Scalar;

use super::operator::Operator;
use super::window::{Windows, extent, push_windowed};
use crate::onnx::import::error::ImportError;
use crate::onnx::import::steps::{Activation, Layer, Steps};

/// The windows of a pool and its input.
fn pool<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<(Activation, Windows), ImportError> {
    if operator.node.outputs.iter().skip(1).any(|output| !output.is_empty()) {
        return Err(operator.form("it gives the places of the maxima, too"));
    }
    let x = operator.picture(0, steps)?;
    let kernel = operator.ints("kernel_shape")?.unwrap_or_default();
    let kernel: Option<Vec<usize>> = kernel.into_iter().map(|length| usize::try_from(length).ok()).collect();
    let kernel = kernel.ok_or_else(|| operator.form("its kernel has a negative length"))?;
    let windows = Windows::of(operator, kernel, &x.labels.dims[1..])?;
    Ok((x, windows))
}

pub(super) fn max_pool<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    let (x, windows) = pool(operator, steps)?;
    let lengths = &x.labels.dims[1..];
    let is_ceil = operator.int("ceil_mode", 0)? != 0;
    let wanted: Option<Vec<usize>> =
        (0..lengths.len()).map(|axis| windows.count(axis, lengths[axis], is_ceil)).collect();
    let wanted = wanted.ok_or_else(|| operator.form("its window is larger than its input"))?;
    // The border behind, which is −∞, only decides how many windows there are.
    let even = windows.even();
    let fits = |ceil: bool| {
        (0..lengths.len()).all(|axis| even.count(axis, lengths[axis], ceil) == Some(wanted[axis]))
    };
    let ceil = [false, true].into_iter().find(|&ceil| fits(ceil));
    let ceil = ceil.ok_or_else(|| {
        operator.form(format!("a border of {:?} before and {:?} behind", windows.pads[0], windows.pads[1]))
    })?;
    let spec = MaxPoolSpec {
        stride: Some(extent(&windows.strides)).filter(|&stride| stride != extent(&windows.kernel)),
        padding: extent(&windows.pads[0]),
        dilation: extent(&windows.dilations),
        ceil,
        ..MaxPoolSpec::new(extent(&windows.kernel))
    };
    push_windowed(steps, Layer::plain(spec, Some(x.labels.shape())), &x)
}

pub(super) fn average_pool<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    let (mut x, mut windows) = pool(operator, steps)?;
    if windows.dilations.iter().any(|&dilation| dilation != 1) {
        return Err(operator.form("an average pool with gaps (dilations)"));
    }
    let (ceil, counts) = (operator.int("ceil_mode", 0)? != 0, operator.int("count_include_pad", 0)? != 0);
    let has_border = windows.pads.iter().flatten().any(|&width| width > 0);
    if !ceil && windows.is_even(&x.labels.dims[1..]) {
        windows = windows.even();
    }
    if !windows.is_symmetric() || windows.is_wide() {
        if !counts || ceil {
            return Err(operator
                .form("a border that is wider on one side or than half of a window, and does not count"));
        }
        x = push_windowed(steps, Layer::plain(windows.border(), Some(x.labels.shape())), &x)?;
        windows.pads = [vec![0; windows.kernel.len()], vec![0; windows.kernel.len()]];
    }
    let spec = AvgPoolSpec {
        stride: Some(extent(&windows.strides)).filter(|&stride| stride != extent(&windows.kernel)),
        padding: extent(&windows.pads[0]),
        ceil,
        // Without a border it is the same.
        exclude_padding: !counts && has_border,
        ..AvgPoolSpec::new(extent(&windows.kernel))
    };
    push_windowed(steps, Layer::plain(spec, Some(x.labels.shape())), &x)
}

pub(super) fn global_average_pool<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    let x = operator.picture(0, steps)?;
    push_windowed(steps, Layer::plain(GlobalAvgPoolSpec {}, Some(x.labels.shape())), &x)
}

pub(super) fn global_max_pool<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    let x = operator.picture(0, steps)?;
    if x.labels.dims.len() > 3 {
        return Err(operator.form("positions with more than two axes"));
    }
    let spec = MaxPoolSpec::new(extent(&x.labels.dims[1..]));
    push_windowed(steps, Layer::plain(spec, Some(x.labels.shape())), &x)
}
