//! Normalisations, and the means of those that an exporter takes apart.

use chainrule_layers::{BatchNormSpec, GroupNormSpec, InstanceNormSpec, LayerNormSpec, RmsNormSpec};
use chainrule_tensor::{Scalar, Shape};

use super::operator::Operator;
use crate::onnx::import::error::ImportError;
use crate::onnx::import::fold;
use crate::onnx::import::labels::{Labels, Permutation};
use crate::onnx::import::pointwise::tidy;
use crate::onnx::import::steps::{Activation, Group, Kind, Layer, Steps, converted};

/// The features of an activation whose features are in place.
fn features(x: &Activation) -> usize {
    x.labels.order.last().map_or(1, |&axis| x.labels.dims[axis])
}

/// The ε of an operator.
fn epsilon(operator: &Operator<'_, '_>) -> Result<f64, ImportError> {
    let epsilon = operator.float("epsilon", 1e-5)?;
    if epsilon > 0.0 && epsilon.is_finite() {
        Ok(tidy(epsilon))
    } else {
        Err(operator.form(format!("an ε of {epsilon}")))
    }
}

pub(super) fn batch<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    let trains = operator.int("training_mode", 0)? != 0
        || operator.opset < 7 && operator.int("is_test", 0)? == 0
        || operator.int("spatial", 1)? == 0;
    if trains {
        return Err(operator.form("it normalises by the batch at hand; export the model in evaluation mode"));
    }
    let x = operator.channels_first(0, steps)?;
    let features = features(&x);
    let mut numbers = Vec::new();
    for place in 1..5 {
        numbers.push(operator.parameter(place, &[features])?);
    }
    let [weight, bias, mean, variance]: [Vec<f64>; 4] = numbers.try_into().expect("there are four");
    if variance.iter().any(|&variance| variance < 0.0) {
        return Err(operator.form("a variance is negative"));
    }
    // There, the share of the running statistics that stays.
    let momentum = tidy(1.0 - operator.float("momentum", 0.9)?);
    let momentum = if (0.0..=1.0).contains(&momentum) { momentum } else { 0.1 };
    let spec = BatchNormSpec { momentum: (momentum * 1e6).round() / 1e6, eps: epsilon(operator)? };
    let layer = Layer {
        statistics: vec![converted(mean), converted(variance), converted(vec![0.0])],
        ..Layer::plain(spec, Some(x.labels.shape())).with([weight, bias])
    };
    steps.push(Kind::Layer(layer), vec![x.step], x.labels)
}

/// The activation and the parameters of a normalisation over the last axes, from `axis` on: those of the features or all of them.
fn over_last<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
    has_bias: bool,
) -> Result<(Activation, Shape, Vec<Vec<f64>>), ImportError> {
    let axis = operator.own_axis(operator.int("axis", -1)?, operator.live(0)?)?;
    let x = steps.resolved(operator.live(0)?)?;
    let rank = x.labels.dims.len();
    let is_last = axis + 1 == rank;
    if !is_last && (axis != 0 || x.labels.is_merged) {
        return Err(operator.form("it is over several axes, but not over all"));
    }
    let x = if is_last { operator.channels_last(0, steps)? } else { x };
    let (input, over) = if is_last {
        (x.labels.shape(), vec![x.labels.dims[axis]])
    } else {
        (Shape::Flat(x.labels.size()), x.labels.dims.clone())
    };
    let mut parameters = Vec::new();
    for place in [1, 2].into_iter().take(1 + usize::from(has_bias)) {
        let usual = if place == 1 { 1.0 } else { 0.0 };
        parameters.push(if operator.is_given(place) {
            let numbers = operator.parameter(place, &over)?;
            if is_last {
                numbers
            } else {
                let plain = (0..rank).collect();
                let moved = Permutation { dims: over.clone(), from: plain, to: x.labels.order.clone() };
                moved.sources().into_iter().map(|place| numbers[place]).collect()
            }
        } else {
            vec![usual]
        });
    }
    Ok((x, input, parameters))
}

pub(super) fn layer<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    let (x, input, parameters) = over_last(operator, steps, true)?;
    let layer = Layer::plain(LayerNormSpec { eps: epsilon(operator)? }, Some(input)).with(parameters);
    steps.push(Kind::Layer(layer), vec![x.step], x.labels)
}

pub(super) fn root_mean_square<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    let (x, input, parameters) = over_last(operator, steps, false)?;
    let layer = Layer::plain(RmsNormSpec { eps: Some(epsilon(operator)?) }, Some(input)).with(parameters);
    steps.push(Kind::Layer(layer), vec![x.step], x.labels)
}

/// Each of these numbers as often as one of the groups has channels.
fn stretched(numbers: &[f64], times: usize) -> Vec<f64> {
    numbers.iter().flat_map(|&number| std::iter::repeat_n(number, times)).collect()
}

pub(super) fn instance<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    let eps = epsilon(operator)?;
    let given = operator.live(0)?;
    // As PyTorch writes a group normalisation: (C, H, W) as (groups, all numbers of a group).
    let (visible, is_merged) = given.labels.visible();
    let own = Labels { seen: None, ..given.labels.clone() };
    let is_grouped = given.labels.seen.is_some()
        && !is_merged
        && own.dims.len() > 1
        && own.dims[0] > visible[0]
        && own.dims[0].is_multiple_of(visible[0]);
    let groups = visible.first().copied().unwrap_or(1);
    let x = if is_grouped {
        steps.ordered(
            &Activation { step: given.step, labels: own },
            Labels::channels_first(given.labels.dims.clone()).order,
        )?
    } else {
        operator.channels_first(0, steps)?
    };
    if x.labels.is_merged {
        return Err(operator.form("examples and positions are one axis"));
    }
    let channels = features(&x);
    let [scale, shift] = [operator.parameter(1, &[groups])?, operator.parameter(2, &[groups])?];
    let is_plain = scale.iter().all(|&scale| scale == 1.0) && shift.iter().all(|&shift| shift == 0.0);
    let input = x.labels.shape();
    let layer = if is_plain && groups == channels {
        Layer::plain(InstanceNormSpec { eps }, Some(input))
    } else {
        let times = channels / groups;
        let parameters = [stretched(&scale, times), stretched(&shift, times)];
        Layer::plain(GroupNormSpec { groups, eps }, Some(input)).with(parameters)
    };
    let labels = if is_grouped {
        Labels { seen: given.labels.seen.clone(), ..x.labels.clone() }
    } else {
        x.labels.clone()
    };
    let made = steps.push(Kind::Layer(layer), vec![x.step], x.labels)?;
    Ok(Activation { step: made.step, labels })
}

pub(super) fn group<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    let x = operator.channels_first(0, steps)?;
    let channels = features(&x);
    let groups = operator.int("num_groups", 0)?;
    let groups = usize::try_from(groups).ok().filter(|&groups| groups > 0 && channels.is_multiple_of(groups));
    let groups =
        groups.ok_or_else(|| operator.form(format!("its groups do not divide {channels} channels")))?;
    // Before version 21, one number for each group.
    let count = if operator.opset < 21 { groups } else { channels };
    let [scale, shift] = [operator.parameter(1, &[count])?, operator.parameter(2, &[count])?];
    let parameters = [stretched(&scale, channels / count), stretched(&shift, channels / count)];
    let spec = GroupNormSpec { groups, eps: epsilon(operator)? };
    let layer = Layer::plain(spec, Some(x.labels.shape())).with(parameters);
    steps.push(Kind::Layer(layer), vec![x.step], x.labels)
}

pub(super) fn mean<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    let axes = operator.ints_or_input("axes", 1)?.unwrap_or_default();
    let mut own = Vec::new();
    for axis in axes {
        own.push(operator.own_axis(axis, operator.live(0)?)?);
    }
    own.sort_unstable();
    let x = steps.resolved(operator.live(0)?)?;
    let rank = x.labels.dims.len();
    let kept: Vec<usize> = (0..rank).filter(|axis| !own.contains(axis)).collect();
    let (group, x) = match (kept.as_slice(), own.as_slice()) {
        (_, [axis]) if x.labels.order.last() == Some(axis) => (Group::Features, x),
        (_, [axis]) if axis + 1 == rank && rank != 2 => (Group::Features, operator.channels_last(0, steps)?),
        // (positions, groups, features of a group)
        (&[1], [0, 2]) if x.labels.lie_alike(&[0, 1, 2]) => {
            (Group::Groups(x.labels.dims[1]), steps.ordered(&x, vec![0, 1, 2])?)
        }
        (&[features], _) if rank > 1 => {
            let order = Labels::plain(x.labels.dims.clone()).order;
            let order: Vec<usize> =
                order.into_iter().filter(|axis| *axis != features).chain([features]).collect();
            (Group::Positions, steps.ordered(&x, order)?)
        }
        _ => return Err(operator.form("the mean over these axes is no layer and no part of one")),
    };
    let mut labels = x.labels.clone();
    for &axis in &own {
        labels.dims[axis] = 1;
    }
    let made = steps.push(Kind::Mean(group, x.labels.shape()), vec![x.step], labels)?;
    if operator.int("keepdims", 1)? != 0 {
        return Ok(made);
    }
    let all: Vec<i64> = own.iter().map(|&axis| axis as i64).collect();
    let dims = fold::squeeze(&made.labels.dims, Some(&all)).unwrap_or_default();
    let is_merged = made.labels.is_merged;
    Ok(Activation { step: made.step, labels: made.labels.reshaped(dims, is_merged) })
}
