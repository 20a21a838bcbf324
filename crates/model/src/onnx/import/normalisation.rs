//! Normalisations that an exporter has taken apart: (x − ⟨x⟩)/√(⟨(x − ⟨x⟩)²⟩ + ε), and x/√(⟨x²⟩ + ε).

use chainrule_layers::{GroupNormSpec, InstanceNormSpec, LayerNormSpec, RmsNormSpec, Stage};
use chainrule_tensor::{Scalar, Shape};

use super::pointwise::tidy;
use super::steps::{Argument, Function, Group, Kind, Layer, Steps};

/// The operator of a step and its arguments, if it works number by number.
fn function<A: Scalar>(steps: &Steps<A>, step: usize) -> Option<(&'static str, Vec<Part>)> {
    let known = steps.get(step);
    let Kind::Pointwise(Function { operator, arguments, .. }) = &known.kind else { return None };
    let part = |argument: &Argument| match argument {
        Argument::Input(place) => Some(Part::Step(known.inputs[*place])),
        Argument::Constant(values) => (values.len() == 1).then(|| Part::Number(values[0])),
    };
    Some((operator, arguments.iter().map(part).collect::<Option<_>>()?))
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Step(usize),
    Number(f64),
}

/// The step and the number of an operator whose arguments may be in either order.
fn with_number(parts: &[Part]) -> Option<(usize, f64)> {
    match *parts {
        [Part::Step(step), Part::Number(number)] | [Part::Number(number), Part::Step(step)] => {
            Some((step, number))
        }
        _ => None,
    }
}

/// √(step + ε), or with `inverse` 1/√(step + ε): the step and ε.
fn root<A: Scalar>(steps: &Steps<A>, step: usize, inverse: bool) -> Option<(usize, f64)> {
    let (operator, parts) = function(steps, step)?;
    let inner = match (operator, parts.as_slice(), inverse) {
        ("Sqrt", &[Part::Step(inner)], false) => inner,
        ("Pow", &[Part::Step(inner), Part::Number(power)], _)
            if power == if inverse { -0.5 } else { 0.5 } =>
        {
            inner
        }
        ("Reciprocal", &[Part::Step(inner)], true) => return root(steps, inner, false),
        ("Div", &[Part::Number(1.0), Part::Step(inner)], true) => {
            return root(steps, inner, false);
        }
        _ => return None,
    };
    let ("Add", parts) = function(steps, inner)? else { return None };
    with_number(&parts)
}

/// What a step is the square of.
fn squared<A: Scalar>(steps: &Steps<A>, step: usize) -> Option<usize> {
    match function(steps, step)? {
        ("Mul", parts) => match parts[..] {
            [Part::Step(a), Part::Step(b)] if a == b => Some(a),
            _ => None,
        },
        ("Pow", parts) => match parts[..] {
            [Part::Step(a), Part::Number(2.0)] => Some(a),
            _ => None,
        },
        _ => None,
    }
}

/// What a step is the mean of.
fn mean<A: Scalar>(steps: &Steps<A>, step: usize) -> Option<(usize, Group, Shape)> {
    let known = steps.get(step);
    if let Kind::Mean(group, shape) = known.kind { Some((known.inputs[0], group, shape)) } else { None }
}

/// x of x − ⟨x⟩, and over what the mean is taken.
fn centred<A: Scalar>(steps: &Steps<A>, step: usize) -> Option<(usize, Group)> {
    let ("Sub", parts) = function(steps, step)? else { return None };
    let [Part::Step(x), Part::Step(taken)] = parts[..] else { return None };
    mean(steps, taken).filter(|&(of, ..)| of == x).map(|(x, group, _)| (x, group))
}

/// The normalisation that `step` is of an earlier step, with that step.
pub(super) fn recognised<A: Scalar>(steps: &Steps<A>, step: usize) -> Option<(Layer<A>, usize)> {
    let (operator, parts) = function(steps, step)?;
    let (value, (variance, epsilon)) = match (operator, &parts[..]) {
        ("Div", &[Part::Step(value), Part::Step(deviation)]) => (value, root(steps, deviation, false)?),
        ("Mul", &[Part::Step(a), Part::Step(b)]) => match root(steps, b, true) {
            Some(root) => (a, root),
            None => (b, root(steps, a, true)?),
        },
        _ => return None,
    };
    let (square, group, shape) = mean(steps, variance)?;
    let of_square = squared(steps, square)?;
    let epsilon = tidy(epsilon);
    if !(epsilon > 0.0 && epsilon.is_finite()) {
        return None;
    }
    let is_same =
        |a: usize, b: usize| a == b || centred(steps, a).is_some() && centred(steps, a) == centred(steps, b);
    let units = || [vec![1.0], vec![0.0]];
    match centred(steps, value) {
        Some((x, of)) if of == group && is_same(value, of_square) => {
            let layer = match group {
                Group::Features => Layer::plain(LayerNormSpec { eps: epsilon }, Some(shape)).with(units()),
                Group::Positions => Layer::plain(InstanceNormSpec { eps: epsilon }, Some(shape)),
                Group::Groups(groups) => {
                    // (positions, groups, features of a group)
                    let Shape::Image { height, width, channels } = shape else { return None };
                    let shape = Shape::sequence(height, width * channels);
                    if channels == 1 {
                        Layer::plain(InstanceNormSpec { eps: epsilon }, Some(shape))
                    } else {
                        Layer::plain(GroupNormSpec { groups, eps: epsilon }, Some(shape)).with(units())
                    }
                }
            };
            Some((layer, x))
        }
        None if of_square == value && group == Group::Features => {
            let spec: Stage = RmsNormSpec { eps: Some(epsilon) }.into();
            Some((Layer::plain(spec, Some(shape)).with([vec![1.0]]), value))
        }
        _ => None,
    }
}
