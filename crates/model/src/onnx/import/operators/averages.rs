//! Means of positions as products with one matrix for each axis: how pools are written that no operator computes.

use chainrule_layers::{AdaptiveAvgPoolSpec, AvgPoolSpec, Extent, Mode, Stage, TapeKind};
use chainrule_tensor::ndarray::Array2;
use chainrule_tensor::{Init, Scalar, Shape};

use super::operator::Operator;
use super::window::push_windowed;
use crate::onnx::import::array::Array;
use crate::onnx::import::error::ImportError;
use crate::onnx::import::fold;
use crate::onnx::import::labels::Labels;
use crate::onnx::import::steps::{Activation, Kind, Layer, Steps};

/// The longest axis whose matrix is looked at.
const LONGEST: usize = 512;

/// Whether `x` is a picture with its channels first, whose width a product from the right mixes.
pub(super) fn is_across(x: &Labels, weight: &Array) -> bool {
    x.order == [1, 2, 0] && x.dims[0] > 1 && matches!(weight.dims[..], [width, _] if width == x.dims[2])
}

/// x·M of (C, H, W), the first half of a pool.
pub(super) fn across<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
    x: Activation,
    matrix: &Array,
) -> Result<Activation, ImportError> {
    let numbers = numbers(operator, matrix)?;
    let mut labels = x.labels;
    labels.dims[2] = matrix.dims[1];
    steps.push(Kind::Across(numbers), vec![x.step], labels)
}

fn numbers(operator: &Operator<'_, '_>, matrix: &Array) -> Result<Array2<f64>, ImportError> {
    let &[rows, columns] = &matrix.dims[..] else { return Err(operator.form("a matrix without two axes")) };
    let numbers = matrix.reals().filter(|_| rows <= LONGEST && columns <= LONGEST);
    let numbers = numbers.and_then(|numbers| Array2::from_shape_vec((rows, columns), numbers).ok());
    numbers.ok_or_else(|| {
        operator.form(format!("a product along an axis of positions with a matrix of {rows} × {columns}"))
    })
}

/// M·(x·M'), the second half: the pool that both are together.
pub(super) fn down<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    let x = steps.resolved(operator.live(1)?)?;
    let matrix = operator.constant(0)?;
    let fault = || operator.form("a product from the left that is no pool");
    let across = match &steps.get(x.step).kind {
        Kind::Across(across) => across.clone(),
        // Of one channel, a product from the right may be a dense layer, too.
        Kind::Layer(layer) if matches!(layer.stage, Stage::Dense(_)) => {
            let [weight, bias] = &layer.arrays[..] else { return Err(fault()) };
            let across: Vec<f64> = weight.iter().map(|weight| weight.as_f64()).collect();
            let outputs = bias.len();
            let across = Array2::from_shape_vec((across.len() / outputs, outputs), across);
            across.ok().filter(|_| bias.iter().all(|bias| *bias == A::zero())).ok_or_else(fault)?
        }
        _ => return Err(fault()),
    };
    if x.labels.dims.len() != 3
        || !x.labels.lie_alike(&[1, 2, 0])
        || matrix.dims.len() != 2
        || matrix.dims[1] != x.labels.dims[1]
    {
        return Err(fault());
    }
    let down = numbers(operator, &fold::transpose(matrix, &[1, 0]))?;
    let (height, width) = (down.nrows(), across.nrows());
    let stage = pool(&down, &across).ok_or_else(fault)?;
    let channels = x.labels.dims[0];
    let input = Activation {
        step: steps.get(x.step).inputs[0],
        labels: Labels::channels_first(vec![channels, height, width]),
    };
    push_windowed(steps, Layer::plain(stage, Some(Shape::image(height, width, channels))), &input)
}

/// The pool whose maps along height and width these are, (inputs, outputs).
fn pool(down: &Array2<f64>, across: &Array2<f64>) -> Option<Stage> {
    let size = Extent { height: down.ncols(), width: across.ncols() };
    if [down, across].iter().all(|map| is_map(map, AdaptiveAvgPoolSpec { size: map.ncols().into() })) {
        return Some(AdaptiveAvgPoolSpec { size }.into());
    }
    let ([kernel, stride, padding], [other_kernel, other_stride, other_padding]) =
        (window(down)?, window(across)?);
    let settings = [(false, false), (true, false), (false, true), (true, true)];
    settings.into_iter().find_map(|(ceil, exclude_padding)| {
        let spec = |kernel: Extent, stride: Extent, padding: Extent| AvgPoolSpec {
            stride: Some(stride).filter(|&stride| stride != kernel),
            padding,
            ceil,
            exclude_padding,
            ..AvgPoolSpec::new(kernel)
        };
        let fits = is_map(down, spec(kernel.into(), stride.into(), padding.into()))
            && is_map(across, spec(other_kernel.into(), other_stride.into(), other_padding.into()));
        let both = |height, width| Extent { height, width };
        fits.then(|| {
            spec(both(kernel, other_kernel), both(stride, other_stride), both(padding, other_padding)).into()
        })
    })
}

/// Whether a layer on a sequence of one feature is this map.
fn is_map(map: &Array2<f64>, stage: impl Into<Stage>) -> bool {
    let (stage, inputs) = (stage.into(), map.nrows());
    let input = Shape::sequence(inputs, 1);
    if stage.output(input).ok() != Some(Shape::sequence(map.ncols(), 1)) {
        return false;
    }
    let layer = stage.build::<f64>(input, Init::Zeros);
    let mut found = Array2::zeros(map.raw_dim());
    layer.forward(
        Mode::EVAL,
        &[],
        &Array2::eye(inputs),
        &mut found,
        &mut layer.tape(TapeKind::Complete, inputs),
    );
    found.iter().zip(map).all(|(found, wanted)| (found - wanted).abs() <= 1e-6)
}

/// The kernel, the stride and the border of a pool with this map.
fn window(map: &Array2<f64>) -> Option<[usize; 3]> {
    let seen = |output: usize| -> Vec<usize> {
        (0..map.nrows()).filter(|&input| map[[input, output]] != 0.0).collect()
    };
    let outputs: Vec<Vec<usize>> = (0..map.ncols()).map(seen).collect();
    let kernel = outputs.iter().map(Vec::len).max().filter(|&kernel| kernel > 0)?;
    let first = outputs.first()?;
    // The first window hangs over the beginning where it is shorter than others.
    let padding = if outputs.len() > 1 { kernel - first.len() } else { 0 };
    let begin = |output: usize| Some(outputs.get(output)?.first().copied()? as i64);
    let stride = match begin(1) {
        Some(second) => usize::try_from(second + padding as i64).ok()?,
        None => kernel,
    };
    Some([kernel, stride.max(1), padding])
}
