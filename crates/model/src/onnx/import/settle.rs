//! What is left between the layers of a chain is taken up by them: orders of features by weights, gains by normalisations, shifts by
//! biases.

use std::rc::Rc;

use chainrule_layers::{GroupNormSpec, Stage};
use chainrule_tensor::{Scalar, Shape};

use super::error::ImportError;
use super::labels::Permutation;
use super::steps::Layer;
use super::structure::Piece;

/// How the numbers of an example lie in a network, where that is not the order of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reordered {
    /// The shape in the network.
    pub(super) shape: Shape,
    pub(super) permutation: Permutation,
}

/// A chain without permutations: those that no layer takes up are errors, but for one before all layers, if `is_lowest`.
pub(super) fn settled<A: Scalar>(
    mut pieces: Vec<Piece<A>>,
    is_lowest: bool,
    fault: &dyn Fn(usize, &str) -> ImportError,
) -> Result<(Vec<Piece<A>>, Option<Reordered>), ImportError> {
    let mut reordered = None;
    while let Some(at) = pieces.iter().position(|piece| matches!(piece, Piece::Permute(..))) {
        let Piece::Permute(permutation, node) = pieces.remove(at) else { continue };
        let sources = permutation.sources();
        if sources.iter().enumerate().all(|(place, &source)| place == source) {
            continue;
        }
        if forwards(&mut pieces[at..], &sources) {
            // A permutation that is undone by the next one goes with it.
            pieces.retain(
                |piece| !matches!(piece, Piece::Permute(permutation, _) if permutation.dims.is_empty()),
            );
            continue;
        }
        let lower = backwards(&mut pieces[..at], &sources, is_lowest && reordered.is_none());
        match lower {
            Taken::Layer => {}
            Taken::Input => {
                let [_, shape] = permutation.shapes();
                reordered = Some(Reordered { shape, permutation });
            }
            Taken::Nobody => {
                // A network here ends in its own order.
                let is_last = is_lowest && pieces.len() == at;
                return Err(fault(
                    node,
                    if is_last {
                        "it puts the numbers of the output into another order, and no layer before it can take that up: leave this last \
                         operator out of the export"
                    } else {
                        "it needs the numbers of an example in another order, and no layer before or behind it can take that up"
                    },
                ));
            }
        }
    }
    Ok((merged(pieces), reordered))
}

/// How a layer gets on with another order of the numbers of an example.
enum Way {
    /// Its weights take it up.
    Takes,
    /// It does the same in any order, or its vectors are put into that order.
    Passes,
    Stops,
}

/// Whether the numbers of a layer are one for each number of an example, or one for all.
fn way<A: Scalar>(layer: &Layer<A>, size: usize) -> Way {
    let is_flat = layer.input == Some(Shape::Flat(size));
    match &layer.stage {
        Stage::Dense(_) if is_flat => Way::Takes,
        Stage::BatchNorm(_) | Stage::PRelu(_)
            if layer.arrays.iter().all(|array| array.len() == 1) && layer.input.is_none() =>
        {
            Way::Passes
        }
        Stage::BatchNorm(_)
        | Stage::PRelu(_)
        | Stage::LayerNorm(_)
        | Stage::RmsNorm(_)
        | Stage::Softmax(_)
            if is_flat =>
        {
            Way::Passes
        }
        stage if stage.formula().is_some() && layer.arrays.is_empty() => Way::Passes,
        _ => Way::Stops,
    }
}

/// `array` with these entries, if it has one for each number.
fn reorder<T: Copy>(array: &mut Rc<Vec<T>>, order: &[usize]) {
    if array.len() == order.len() {
        *array = Rc::new(order.iter().map(|&place| array[place]).collect());
    }
}

fn reorder_layer<A: Scalar>(layer: &mut Layer<A>, order: &[usize]) {
    layer.arrays.iter_mut().chain(&mut layer.statistics).for_each(|array| reorder(array, order));
    layer.scaling.iter_mut().flatten().for_each(|array| reorder(array, order));
}

/// The place of each source.
fn inverse(sources: &[usize]) -> Vec<usize> {
    let mut places = vec![0; sources.len()];
    sources.iter().enumerate().for_each(|(place, &source)| places[source] = place);
    places
}

/// Lets the layers behind a permutation take it up; whether they do.
fn forwards<A: Scalar>(pieces: &mut [Piece<A>], sources: &[usize]) -> bool {
    let size = sources.len();
    let end = pieces.iter().position(|piece| match piece {
        Piece::Layer(layer) => !matches!(way(layer, size), Way::Passes),
        Piece::Permute(..) | Piece::Join { .. } => true,
    });
    let Some(end) = end else { return false };
    let places = inverse(sources);
    match &mut pieces[end] {
        Piece::Layer(layer) if matches!(way(layer, size), Way::Takes) => {
            // Row j of W is for number j of the new order, which is number sources[j] of the old one.
            let outputs = layer.arrays[0].len() / size;
            let rows = places
                .iter()
                .flat_map(|&place| layer.arrays[0][place * outputs..(place + 1) * outputs].iter().copied());
            layer.arrays[0] = Rc::new(rows.collect());
        }
        Piece::Permute(next, _) if next.size() == size => {
            let is_back = next.sources().iter().enumerate().all(|(place, &source)| sources[source] == place);
            if !is_back {
                return false;
            }
            *next = Permutation { dims: Vec::new(), from: Vec::new(), to: Vec::new() };
        }
        _ => return false,
    }
    for piece in &mut pieces[..end] {
        if let Piece::Layer(layer) = piece {
            reorder_layer(layer, &places);
        }
    }
    true
}

/// Who takes a permutation up.
enum Taken {
    Layer,
    Input,
    Nobody,
}

/// Lets the layers before a permutation take it up.
fn backwards<A: Scalar>(pieces: &mut [Piece<A>], sources: &[usize], is_lowest: bool) -> Taken {
    let size = sources.len();
    let gives = |layer: &Layer<A>| match (&layer.stage, layer.input) {
        (Stage::Dense(dense), Some(Shape::Flat(_))) => dense.outputs == size,
        _ => false,
    };
    let begin = pieces.iter().rposition(|piece| match piece {
        Piece::Layer(layer) => !matches!(way(layer, size), Way::Passes),
        Piece::Permute(..) | Piece::Join { .. } => true,
    });
    let taken = match begin.map(|begin| &mut pieces[begin]) {
        None if is_lowest => Taken::Input,
        Some(Piece::Layer(layer)) if gives(layer) => {
            let weight =
                layer.arrays[0].chunks(size).flat_map(|row| sources.iter().map(|&source| row[source]));
            layer.arrays[0] = Rc::new(weight.collect());
            reorder(&mut layer.arrays[1], sources);
            Taken::Layer
        }
        _ => return Taken::Nobody,
    };
    for piece in &mut pieces[begin.map_or(0, |begin| begin + 1)..] {
        if let Piece::Layer(layer) = piece {
            reorder_layer(layer, sources);
        }
    }
    taken
}

/// With y = s·x + t in the parameters of the layer before it, where that has its own gain and shift.
fn merged<A: Scalar>(pieces: Vec<Piece<A>>) -> Vec<Piece<A>> {
    let mut settled: Vec<Piece<A>> = Vec::new();
    for piece in pieces {
        if let (Some(Piece::Layer(before)), Piece::Layer(layer)) = (settled.last_mut(), &piece)
            && let Some(scaling) = &layer.scaling
            && takes_scaling(before, scaling)
        {
            continue;
        }
        settled.push(piece);
    }
    settled
}

/// Each number of an array, or the one for all.
fn at<T: Copy>(array: &[T], place: usize) -> T {
    if array.len() == 1 { array[0] } else { array[place] }
}

/// f of the entries of two arrays, of which one may have one number for all.
fn zipped<A: Scalar>(a: &[A], b: &[f64], f: impl Fn(f64, f64) -> f64) -> Rc<Vec<A>> {
    let each = |place| A::of(f(at(a, place).as_f64(), at(b, place)));
    Rc::new((0..a.len().max(b.len())).map(each).collect())
}

fn takes_scaling<A: Scalar>(layer: &mut Layer<A>, [scales, shifts]: &[Rc<Vec<f64>>; 2]) -> bool {
    if layer.scaling.is_some() {
        return false;
    }
    let width = scales.len();
    let features = layer.input.map_or(0, Shape::features);
    let is_shift = scales.iter().all(|&scale| scale == 1.0);
    match &mut layer.stage {
        Stage::LayerNorm(_) | Stage::GroupNorm(_) | Stage::BatchNorm(_)
            if width == 1 || width == features =>
        {
            let bias = zipped(&layer.arrays[1], scales, |bias, scale| bias * scale);
            layer.arrays[0] = zipped(&layer.arrays[0], scales, |weight, scale| weight * scale);
            layer.arrays[1] = zipped(&bias, shifts, |bias, shift| bias + shift);
            true
        }
        Stage::RmsNorm(_)
            if (width == 1 || width == features) && shifts.iter().all(|&shift| shift == 0.0) =>
        {
            layer.arrays[0] = zipped(&layer.arrays[0], scales, |weight, scale| weight * scale);
            true
        }
        Stage::InstanceNorm(spec) if width == features => {
            layer.stage = GroupNormSpec { groups: features, eps: spec.eps }.into();
            layer.arrays =
                [scales, shifts].map(|numbers| zipped(&[A::of(1.0)], numbers, |_, number| number)).to_vec();
            true
        }
        Stage::Dense(dense) if is_shift && (width == 1 || width == dense.outputs) => {
            layer.arrays[1] = zipped(&layer.arrays[1], shifts, |bias, shift| bias + shift);
            true
        }
        Stage::Conv(spec) if is_shift && (width == 1 || width == spec.0.outputs) => {
            takes_shift(&mut spec.0.bias, spec.0.outputs, &mut layer.arrays, shifts);
            true
        }
        Stage::ConvTranspose(spec) if is_shift && (width == 1 || width == spec.0.outputs) => {
            takes_shift(&mut spec.0.bias, spec.0.outputs, &mut layer.arrays, shifts);
            true
        }
        _ => false,
    }
}

/// Adds to the bias of a convolution, which may have none.
fn takes_shift<A: Scalar>(has_bias: &mut bool, outputs: usize, arrays: &mut Vec<Rc<Vec<A>>>, shifts: &[f64]) {
    if !*has_bias {
        *has_bias = true;
        arrays.push(Rc::new(vec![A::zero(); outputs]));
    }
    arrays[1] = zipped(&arrays[1], shifts, |bias, shift| bias + shift);
}
