use chainrule_tensor::{Scalar, vector};

use crate::objective::Objective;

/// The sufficient decrease c₁ of the Wolfe conditions.
const DECREASE: f64 = 1e-4;
/// The curvature c₂ of the strong Wolfe conditions.
const CURVATURE: f64 = 0.9;
/// Evaluations of the objective before the search gives up.
const EVALUATIONS: usize = 25;

/// A point on the line θ + a·d.
#[derive(Debug, Clone, Copy)]
struct Trial {
    /// The step a.
    step: f64,
    /// φ(a) = C(θ + a·d).
    value: f64,
    /// φ'(a).
    slope: f64,
}

/// The line and the memory for walking on it: `point` and `gradient` belong to the last trial.
pub(crate) struct Line<'a, A: Scalar> {
    pub(crate) objective: &'a mut dyn Objective<A>,
    pub(crate) start: &'a [A],
    pub(crate) direction: &'a [A],
    pub(crate) point: &'a mut [A],
    pub(crate) gradient: &'a mut [A],
    evaluations: usize,
}

impl<'a, A: Scalar> Line<'a, A> {
    pub(crate) fn new(
        objective: &'a mut dyn Objective<A>,
        start: &'a [A],
        direction: &'a [A],
        point: &'a mut [A],
        gradient: &'a mut [A],
    ) -> Self {
        Self { objective, start, direction, point, gradient, evaluations: 0 }
    }

    fn at(&mut self, step: f64) -> Trial {
        self.evaluations += 1;
        self.point.copy_from_slice(self.start);
        vector::axpy(A::of(step), self.direction, self.point);
        let value = self.objective.value_and_grad(self.point, self.gradient).as_f64();
        Trial { step, value, slope: vector::dot(self.gradient, self.direction).as_f64() }
    }

    /// Finds a step that satisfies the strong Wolfe conditions and leaves `point` and `gradient` there; returns the
    /// value, or `None` where no trial went downhill.
    ///
    /// # References
    /// Nocedal and Wright, "Numerical Optimization", 2nd ed., algorithms 3.5 and 3.6, with cubic interpolation, eq. 3.59.
    pub(crate) fn search(&mut self, value: f64, slope: f64, first: f64) -> Option<f64> {
        let origin = Trial { step: 0.0, value, slope };
        let (mut before, mut step) = (origin, first);
        while self.evaluations < EVALUATIONS {
            let trial = self.at(step);
            // A value that is not finite is too far, like one that is too high.
            let too_far = !trial.value.is_finite() || !trial.slope.is_finite();
            if too_far {
                step = f64::midpoint(before.step, step);
                continue;
            }
            if !decreases(origin, trial) || (self.evaluations > 1 && trial.value >= before.value) {
                return self.zoom(origin, before, trial);
            }
            if trial.slope.abs() <= -CURVATURE * slope {
                return Some(trial.value);
            }
            if trial.slope >= 0.0 {
                return self.zoom(origin, trial, before);
            }
            step = if before.step == 0.0 { 2.0 * step } else { extrapolated(before, trial) };
            before = trial;
        }
        self.settle(origin, before)
    }

    /// Narrows the interval between the better end `low` and the other end down to a step that will do.
    fn zoom(&mut self, origin: Trial, mut low: Trial, mut high: Trial) -> Option<f64> {
        while self.evaluations < EVALUATIONS && (high.step - low.step).abs() > f64::EPSILON * low.step.abs() {
            let trial = self.at(interpolated(low, high));
            if !trial.value.is_finite() || !decreases(origin, trial) || trial.value >= low.value {
                high = trial;
                if !trial.value.is_finite() {
                    high.value = f64::INFINITY;
                }
                continue;
            }
            if trial.slope.abs() <= -CURVATURE * origin.slope {
                return Some(trial.value);
            }
            if trial.slope * (high.step - low.step) >= 0.0 {
                high = low;
            }
            low = trial;
        }
        self.settle(origin, low)
    }

    /// The search is over without a Wolfe point: takes the best there is, if it is any good.
    fn settle(&mut self, origin: Trial, best: Trial) -> Option<f64> {
        if best.step > 0.0 && best.value < origin.value {
            // The last trial need not have been the best one.
            return Some(self.at(best.step).value);
        }
        None
    }
}

fn decreases(origin: Trial, trial: Trial) -> bool {
    trial.value <= origin.value + DECREASE * trial.step * origin.slope
}

/// The minimum of the cubic through two trials, kept inside the middle eight tenths of the interval.
fn interpolated(a: Trial, b: Trial) -> f64 {
    let (left, right) = (a.step.min(b.step), a.step.max(b.step));
    let margin = 0.1 * (right - left);
    cubic_minimum(a, b).unwrap_or(f64::midpoint(left, right)).clamp(left + margin, right - margin)
}

/// The minimum of the cubic beyond the second trial, at most ten times as far.
fn extrapolated(a: Trial, b: Trial) -> f64 {
    let (near, far) = (b.step + 0.01 * (b.step - a.step), 10.0 * b.step);
    cubic_minimum(a, b).filter(|&step| step > near).unwrap_or(far).min(far)
}

fn cubic_minimum(a: Trial, b: Trial) -> Option<f64> {
    let d1 = a.slope + b.slope - 3.0 * (a.value - b.value) / (a.step - b.step);
    let square = d1 * d1 - a.slope * b.slope;
    if square.is_nan() || square < 0.0 {
        return None;
    }
    let d2 = square.sqrt() * (b.step - a.step).signum();
    let step = b.step - (b.step - a.step) * (b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2);
    step.is_finite().then_some(step)
}
