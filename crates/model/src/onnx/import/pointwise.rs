//! Functions of single numbers: whatever way an exporter writes an activation, it is known by its values.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use chainrule_layers::activation::{self, Activation};
use chainrule_layers::{BatchNormSpec, PReluSpec, Stage};
use chainrule_tensor::{Scalar, Shape, math};

use super::bends::{conditions, points};
use super::fold::real_function;
use super::steps::{Argument, Function, Kind, Layer, Steps, converted};

/// The value of an operator.
fn value(operator: &str, [a, b]: [f64; 2], x: &[f64]) -> f64 {
    let z = x[0];
    match operator {
        "Relu" => activation::Relu.value(z),
        "LeakyRelu" => {
            if z < 0.0 {
                a * z
            } else {
                z
            }
        }
        "PRelu" => {
            if z < 0.0 {
                x[1] * z
            } else {
                z
            }
        }
        "Elu" => {
            if z < 0.0 {
                a * z.exp_m1()
            } else {
                z
            }
        }
        "Celu" => {
            if z < 0.0 {
                a * (z / a).exp_m1()
            } else {
                z
            }
        }
        "Selu" => b * if z < 0.0 { a * z.exp_m1() } else { z },
        "Gelu" => activation::Gelu.value(z),
        "GeluTanh" => activation::GeluTanh.value(z),
        "Sigmoid" => math::sigmoid(z),
        "Tanh" => z.tanh(),
        "Softplus" => math::softplus(z),
        "Softsign" => activation::Softsign.value(z),
        "HardSwish" => activation::Hardswish.value(z),
        "Swish" => z * math::sigmoid(a * z),
        "Mish" => activation::Mish.value(z),
        "Clip" => z.max(a).min(b),
        "Erf" => 2.0 * math::normal_distribution(z * std::f64::consts::SQRT_2) - 1.0,
        "Abs" => z.abs(),
        "Neg" => -z,
        "Exp" => z.exp(),
        "Log" => z.ln(),
        "Sqrt" => z.sqrt(),
        "Reciprocal" => z.recip(),
        "Sum" => x.iter().sum(),
        // Truth is 1.
        "Greater" => f64::from(z > x[1]),
        "GreaterOrEqual" => f64::from(z >= x[1]),
        "Less" => f64::from(z < x[1]),
        "LessOrEqual" => f64::from(z <= x[1]),
        "Where" if z == 0.0 => x[2],
        "Where" => x[1],
        other => match (real_function(other), x) {
            (Some(function), [x, y]) => function(*x, *y),
            _ => f64::NAN,
        },
    }
}

/// Steps that one function may be made of.
const MOST_STEPS: usize = 40;

/// A part of the graph that works number by number, seen backwards from one of its values.
struct Region<'s, A> {
    steps: &'s Steps<A>,
    top: usize,
    /// The values between the ends and the top, and the ends, in the order of the graph.
    members: BTreeSet<usize>,
    ends: BTreeSet<usize>,
}

impl<'s, A: Scalar> Region<'s, A> {
    /// Backwards from `top`, no further than `stop`.
    fn of(steps: &'s Steps<A>, top: usize, stop: usize) -> Self {
        let mut region = Self { steps, top, members: BTreeSet::new(), ends: BTreeSet::new() };
        let mut open = BTreeSet::from([top]);
        while let Some(step) = open.pop_last() {
            let known = steps.get(step);
            if step == stop || !matches!(known.kind, Kind::Pointwise(_)) || region.members.len() >= MOST_STEPS
            {
                region.ends.insert(step);
                continue;
            }
            region.members.insert(step);
            open.extend(known.inputs.iter().copied());
        }
        region
    }

    /// The values of the top where `from` has the values `x`, for the feature `at`; `None` if it depends on anything else. `visit` sees
    /// each operator on the way, with its arguments.
    fn visited(
        &self,
        (from, at): (usize, usize),
        x: &[f64],
        visit: &mut dyn FnMut(&Function, &[Vec<f64>]),
    ) -> Option<Vec<f64>> {
        let mut known = BTreeMap::from([(from, x.to_vec())]);
        for &step in self.members.range(from + 1..=self.top) {
            let Kind::Pointwise(function) = &self.steps.get(step).kind else { return None };
            let of = |argument: &Argument| match argument {
                Argument::Input(place) => known.get(&self.steps.get(step).inputs[*place]).cloned(),
                Argument::Constant(values) => {
                    Some(vec![if values.len() == 1 { values[0] } else { *values.get(at)? }; x.len()])
                }
            };
            // A member that depends on something else may be of no use to the top.
            let Some(arguments) = function.arguments.iter().map(of).collect::<Option<Vec<_>>>() else {
                continue;
            };
            let Function { operator, settings, .. } = function;
            let mut row = Vec::with_capacity(arguments.len());
            let of_place = |place: usize| {
                row.clear();
                row.extend(arguments.iter().map(|argument: &Vec<f64>| argument[place]));
                value(operator, *settings, &row)
            };
            known.insert(step, (0..x.len()).map(of_place).collect());
            visit(function, &arguments);
        }
        known.remove(&self.top)
    }

    fn values(&self, place: (usize, usize), x: &[f64]) -> Option<Vec<f64>> {
        self.visited(place, x, &mut |_, _| {})
    }

    /// Where the functions are to be compared besides, as [`points`] says.
    fn bends(&self, place: (usize, usize)) -> Option<Vec<f64>> {
        let may_bend = |&step: &usize| match &self.steps.get(step).kind {
            Kind::Pointwise(function) => {
                !conditions(function, &vec![vec![0.0]; function.arguments.len()]).is_empty()
            }
            _ => false,
        };
        if !self.members.range(place.0 + 1..=self.top).any(may_bend) {
            return Some(Vec::new());
        }
        points(|x: &[f64]| {
            let mut all = Vec::new();
            self.visited(place, x, &mut |function, arguments| all.extend(conditions(function, arguments)))?;
            Some(all)
        })
    }

    /// How many numbers the longest constant between `from` and the top has; `None` where two have several but not as many.
    fn width(&self, from: usize) -> Option<usize> {
        let mut width = 1;
        for &step in self.members.range(from + 1..) {
            let Kind::Pointwise(function) = &self.steps.get(step).kind else { continue };
            for argument in &function.arguments {
                if let Argument::Constant(values) = argument
                    && values.len() > 1
                {
                    if width > 1 && width != values.len() {
                        return None;
                    }
                    width = values.len();
                }
            }
        }
        Some(width)
    }
}

/// The layer that computes the step `top` from an earlier one, which is returned too: the earliest for which there is one, and no
/// earlier than `stop`. Without a layer, the value is that of the earlier step.
pub(super) fn recognised<A: Scalar>(
    steps: &Steps<A>,
    top: usize,
    stop: usize,
) -> Option<(Option<Layer<A>>, usize)> {
    let region = Region::of(steps, top, stop);
    let candidates: BTreeSet<usize> =
        region.ends.iter().chain(&region.members).copied().filter(|&step| step < top).collect();
    let shape = steps.get(top).shape;
    candidates.into_iter().find_map(|from| {
        let layer = match region.width(from)? {
            1 => scalar(&|x| region.values((from, 0), x), &region.bends((from, 0))?),
            width => by_feature(width, shape, &|at, x| region.values((from, at), x), &|at| {
                region.bends((from, at))
            }),
        };
        layer.map(|layer| (if let Known::Layer(layer) = layer { Some(*layer) } else { None }, from))
    })
}

/// Where functions are compared.
const POINTS: [f64; 44] = [
    -80.0, -20.0, -12.0, -8.0, -6.5, -6.0, -5.0, -4.0, -3.5, -3.0, -2.5, -2.0, -1.75, -1.5, -1.25, -1.0,
    -0.75, -0.5, -0.25, -0.1, -0.01, 0.0, 0.01, 0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0,
    3.5, 4.0, 5.0, 6.0, 6.5, 8.0, 12.0, 20.0, 80.0, 300.0,
];

/// The values of a function at some points, if it is one of a single number.
type Values<'f> = &'f dyn Fn(&[f64]) -> Option<Vec<f64>>;

/// The same of a feature.
type FeatureValues<'f> = &'f dyn Fn(usize, &[f64]) -> Option<Vec<f64>>;

/// Where that of a feature may bend.
type FeatureBends<'f> = &'f dyn Fn(usize) -> Option<Vec<f64>>;

/// Constants of a file are f32.
const TOLERANCE: f64 = 2e-6;

/// Whether two numbers are alike in a function whose values are of the order of `size`, or of 1 if that is less.
fn is_near(a: f64, b: f64, size: f64) -> bool {
    (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(size.min(1.0))
}

/// Whether a function has the values of an activation at some points.
fn is(values: &[f64], points: &[f64], phi: impl Fn(f64) -> f64) -> bool {
    let size = values.iter().fold(0.0_f64, |size, y| size.max(y.abs()));
    values.iter().zip(points).all(|(&y, &z)| is_near(y, phi(z), size))
}

/// A function that there is a layer for.
enum Known<A> {
    /// y = x.
    Same,
    Layer(Box<Layer<A>>),
}

/// The layer of a function that is the same for all features.
fn scalar<A: Scalar>(values: Values<'_>, bends: &[f64]) -> Option<Known<A>> {
    let points = [&POINTS, bends].concat();
    let y = values(&points)?;
    if is(&y, &points, |z| z) {
        return Some(Known::Same);
    }
    let plain = |stage: Stage| Some(Known::Layer(Box::new(Layer::plain(stage, None))));
    macro_rules! known {
        ($($phi:expr),* $(,)?) => {
            $(if is(&y, &points, |z| $phi.value(z)) { return plain($phi.into()); })*
        };
    }
    known!(
        activation::Relu,
        activation::Sigmoid,
        activation::Tanh,
        activation::Gelu,
        activation::GeluTanh,
        activation::Silu,
        activation::Softplus,
        activation::Hardswish,
        activation::Relu6,
        activation::Mish,
        activation::Selu,
        activation::Softsign,
    );
    // By their values at one point, the parameters of those that have some.
    let at = |z: f64| values(&[z]).map_or(f64::NAN, |y| y[0]);
    let (low, minus_one) = (at(-20.0), at(-1.0));
    known!(activation::Elu { alpha: tidy(-low) }, activation::LeakyRelu { negative_slope: tidy(-minus_one) });
    let [min, max] = [-1e30, 1e30].map(|far| tidy(at(far)));
    let hardtanh = activation::Hardtanh { min, max };
    let is_interval = min.is_finite() && max.is_finite() && min < max;
    if is_interval && is(&y, &points, |z| z.max(min).min(max)) {
        return plain(hardtanh.into());
    }
    affine(1, None, &|_, x| values(x), &|_| Some(bends.to_vec()))
}

/// The layer of a function that is another one for each feature, of `width`; if these are not those of a position, of all numbers.
fn by_feature<A: Scalar>(
    width: usize,
    shape: Shape,
    values: FeatureValues<'_>,
    bends: FeatureBends<'_>,
) -> Option<Known<A>> {
    let input = if width == shape.features() { shape } else { Shape::Flat(shape.size()) };
    if input.features() != width {
        return None;
    }
    if let Some(layer) = affine(width, Some(input), values, bends) {
        return Some(layer);
    }
    let mut slopes = Vec::new();
    for at in 0..width {
        let points = [&[-1.0, -10.0, -2.0, 0.0, 1.0, 2.0, 10.0], &bends(at)?[..]].concat();
        let y = values(at, &points)?;
        let slope = -y[0];
        if !is(&y, &points, |z| if z < 0.0 { slope * z } else { z }) {
            return None;
        }
        slopes.push(slope);
    }
    Some(Known::Layer(Box::new(Layer::plain(PReluSpec, Some(input)).with([slopes]))))
}

/// y = s·x + t as the batch normalisation of mean 0 and variance 1.
fn affine<A: Scalar>(
    width: usize,
    input: Option<Shape>,
    values: FeatureValues<'_>,
    bends: FeatureBends<'_>,
) -> Option<Known<A>> {
    let (mut scales, mut shifts) = (Vec::new(), Vec::new());
    for at in 0..width {
        let [x, y] = [-7.0, 5.0];
        let points = [&[0.0, x, y, -1000.0, 0.5], &bends(at)?[..]].concat();
        let found = values(at, &points)?;
        let shift = found[0];
        let scale = (found[2] - found[1]) / (y - x);
        // A sum with a constant is no product.
        let scale = if (scale - 1.0).abs() < 1e-12 { 1.0 } else { scale };
        let is_line = |(&found, &x): (&f64, &f64)| {
            (found - (scale * x + shift)).abs() <= 1e-9 * ((scale * x).abs() + shift.abs()).max(1e-300)
        };
        if !found.iter().zip(&points).all(is_line) {
            return None;
        }
        scales.push(scale);
        shifts.push(shift);
    }
    Some(Known::Layer(Box::new(scaling(scales, shifts, input))))
}

/// The layer y = s·x + t: a batch normalisation whose statistics change nothing.
pub(super) fn scaling<A: Scalar>(scales: Vec<f64>, shifts: Vec<f64>, input: Option<Shape>) -> Layer<A> {
    let spec = BatchNormSpec::default();
    let statistics = vec![converted(vec![0.0]), converted(vec![1.0 - spec.eps]), converted(vec![0.0])];
    let scaling = Some([Rc::new(scales.clone()), Rc::new(shifts.clone())]);
    Layer { statistics, scaling, ..Layer::plain(spec, input).with([scales, shifts]) }
}

/// A setting without the digits that `f32` has beyond its own: 0.01 for 0.009999999776482582.
pub(super) fn tidy(x: f64) -> f64 {
    let short = x as f32;
    let is_single = is_near(f64::from(short), x, 1.0)
        && (f64::from(short) - x).abs() <= f64::from(f32::EPSILON) * x.abs();
    if is_single { short.to_string().parse().unwrap_or(x) } else { x }
}

/// An argument that is one number.
pub(super) fn one(x: f64) -> Argument {
    Argument::Constant(Rc::new(vec![x]))
}
