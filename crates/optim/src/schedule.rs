use std::f64::consts::PI;
use std::num::NonZeroU64;

use chainrule_tensor::Scalar;
use serde::{Deserialize, Serialize};

use crate::state::visit_double;

/// The learning rate ηₜ as a function of the step t = 0, 1, 2, …
///
/// | Constructor | ηₜ |
/// |---|---|
/// | [`constant`](Self::constant) | η |
/// | [`step`](Self::step) | η·γ^⌊t/k⌋ |
/// | [`exponential`](Self::exponential) | η·γᵗ |
/// | [`cosine`](Self::cosine) | ½η(1 + cos(πt/T)), then 0 (Loshchilov and Hutter 2017, eq. 5, without restarts) |
/// | [`one_cycle`](Self::one_cycle) | up from η/25 over 30 % of T, down to η/250000, both by cosine (Smith and Topin 2018) |
/// | [`plateau`](Self::plateau) | η·0.1ᵏ after k times 10 epochs without a loss better by 1e-4 of itself |
/// | [`warm_up`](Self::warm_up) | a linear rise before any of these |
///
/// The numbers are those of PyTorch's schedulers of the same names. All but the plateau are pure functions of t. As a
/// configuration, through serde, a schedule is a rate, and where it is not constant a shape or a warm-up; what a plateau has
/// seen is no part of it, but of the optimizer's state.
///
/// ```
/// use chainrule_optim::Schedule;
///
/// let cosine = Schedule::cosine(0.1, 100);
/// assert_eq!(cosine.rate(0), 0.1);
/// assert!((cosine.rate(50) - 0.05).abs() < 1e-15);
/// assert_eq!(Schedule::constant(0.1).warm_up(4).rate(0), 0.025);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Schedule {
    rate: f64,
    #[serde(default)]
    shape: Shape,
    #[serde(default)]
    warm_up: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Shape {
    #[default]
    Constant,
    Step {
        every: NonZeroU64,
        gamma: f64,
    },
    Exponential {
        gamma: f64,
    },
    Cosine {
        steps: u64,
    },
    OneCycle {
        steps: u64,
    },
    Plateau {
        #[serde(skip)]
        seen: Seen,
    },
}

chainrule_tensor::names! {
    /// A schedule by its name.
    pub enum ScheduleKind: "schedule" {
        /// [`Schedule::constant`].
        Constant = "constant",
        /// [`Schedule::step`].
        Step = "step",
        /// [`Schedule::exponential`].
        Exponential = "exponential",
        /// [`Schedule::cosine`].
        Cosine = "cosine",
        /// [`Schedule::one_cycle`].
        OneCycle = "one-cycle",
        /// [`Schedule::plateau`].
        Plateau = "plateau",
    }
}

impl ScheduleKind {
    /// The schedule with its usual parameters for a run of `steps` steps, with η = `rate`: `step` divides the rate by 10 after
    /// each third of the run, and `exponential` by 100 over all of it.
    ///
    /// ```
    /// use chainrule_optim::{Schedule, ScheduleKind};
    ///
    /// assert_eq!(ScheduleKind::Step.over(0.1, 30), Schedule::step(0.1, 10, 0.1));
    /// ```
    pub fn over(self, rate: f64, steps: u64) -> Schedule {
        match self {
            ScheduleKind::Constant => Schedule::constant(rate),
            ScheduleKind::Step => Schedule::step(rate, steps.div_ceil(3).max(1), 0.1),
            ScheduleKind::Exponential => {
                Schedule::exponential(rate, 0.01_f64.powf(1.0 / steps.max(1) as f64))
            }
            ScheduleKind::Cosine => Schedule::cosine(rate, steps),
            ScheduleKind::OneCycle => Schedule::one_cycle(rate, steps),
            ScheduleKind::Plateau => Schedule::plateau(rate),
        }
    }
}

/// What a plateau remembers.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    factor: f64,
    best: f64,
    waited: f64,
}

impl Default for Seen {
    fn default() -> Self {
        Self { factor: 1.0, best: f64::INFINITY, waited: 0.0 }
    }
}

/// What a plateau multiplies the rate by.
const REDUCTION: f64 = 0.1;
/// The number of losses without improvement that a plateau allows.
const PATIENCE: f64 = 10.0;
/// The relative improvement that counts as one.
const THRESHOLD: f64 = 1e-4;

impl Schedule {
    fn new(rate: f64, shape: Shape) -> Self {
        Self { rate, shape, warm_up: 0 }
    }

    /// Which one it is.
    pub fn kind(&self) -> ScheduleKind {
        match self.shape {
            Shape::Constant => ScheduleKind::Constant,
            Shape::Step { .. } => ScheduleKind::Step,
            Shape::Exponential { .. } => ScheduleKind::Exponential,
            Shape::Cosine { .. } => ScheduleKind::Cosine,
            Shape::OneCycle { .. } => ScheduleKind::OneCycle,
            Shape::Plateau { .. } => ScheduleKind::Plateau,
        }
    }

    /// η all the time.
    pub fn constant(rate: f64) -> Self {
        Self::new(rate, Shape::Constant)
    }

    /// η, multiplied by γ after every `every` steps.
    ///
    /// # Panics
    /// If `every` is 0.
    pub fn step(rate: f64, every: u64, gamma: f64) -> Self {
        let every = NonZeroU64::new(every).expect("schedule: a step of 0 steps");
        Self::new(rate, Shape::Step { every, gamma })
    }

    /// η, multiplied by γ after every step.
    pub fn exponential(rate: f64, gamma: f64) -> Self {
        Self::new(rate, Shape::Exponential { gamma })
    }

    /// From η to 0 over `steps` steps, along half a cosine.
    pub fn cosine(rate: f64, steps: u64) -> Self {
        Self::new(rate, Shape::Cosine { steps })
    }

    /// One cycle over `steps` steps with its top at η.
    pub fn one_cycle(rate: f64, steps: u64) -> Self {
        Self::new(rate, Shape::OneCycle { steps })
    }

    /// η, reduced whenever the observed loss stops falling.
    pub fn plateau(rate: f64) -> Self {
        Self::new(rate, Shape::Plateau { seen: Seen::default() })
    }

    /// The same schedule after `steps` steps over which the rate rises linearly.
    #[must_use]
    pub fn warm_up(self, steps: u64) -> Self {
        Self { warm_up: steps, ..self }
    }

    /// ηₜ.
    pub fn rate(&self, t: u64) -> f64 {
        if t < self.warm_up {
            return self.factor(0) * self.rate * (t + 1) as f64 / self.warm_up as f64;
        }
        self.rate * self.factor(t - self.warm_up)
    }

    fn factor(&self, t: u64) -> f64 {
        match &self.shape {
            Shape::Constant => 1.0,
            Shape::Step { every, gamma } => gamma.powf((t / *every) as f64),
            Shape::Exponential { gamma } => gamma.powf(t as f64),
            Shape::Cosine { steps } => anneal(1.0, 0.0, share(t as f64, *steps as f64)),
            Shape::OneCycle { steps } => {
                let (bottom, top, end) = (1.0 / 25.0, 1.0, 1.0 / 25.0 / 1e4);
                let peak = 0.3 * *steps as f64 - 1.0;
                let t = t as f64;
                if t <= peak {
                    anneal(bottom, top, share(t, peak))
                } else {
                    anneal(top, end, share(t - peak, *steps as f64 - 1.0 - peak))
                }
            }
            Shape::Plateau { seen } => seen.factor,
        }
    }

    /// Reports a validation loss, which the plateau uses and no other schedule.
    pub fn observe(&mut self, loss: f64) {
        if let Shape::Plateau { seen: Seen { factor, best, waited } } = &mut self.shape {
            if loss < *best * (1.0 - THRESHOLD) {
                (*best, *waited) = (loss, 0.0);
            } else {
                *waited += 1.0;
            }
            if *waited > PATIENCE {
                (*factor, *waited) = (*factor * REDUCTION, 0.0);
            }
        }
    }

    /// Visits what the plateau remembers; see [`Optimizer::state`](crate::Optimizer::state).
    pub(crate) fn state<A: Scalar>(&mut self, visit: &mut dyn FnMut(&str, &mut [A])) {
        if let Shape::Plateau { seen: Seen { factor, best, waited } } = &mut self.shape {
            visit_double("plateau.factor", factor, visit);
            visit_double("plateau.best", best, visit);
            visit_double("plateau.waited", waited, visit);
        }
    }
}

/// From `start` to `end` along half a cosine.
fn anneal(start: f64, end: f64, share: f64) -> f64 {
    end + (start - end) / 2.0 * (1.0 + (PI * share).cos())
}

fn share(t: f64, steps: f64) -> f64 {
    if steps <= 0.0 { 1.0 } else { (t / steps).clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(schedule: &Schedule, expected: &[(u64, f64)]) {
        for &(t, rate) in expected {
            assert!((schedule.rate(t) - rate).abs() < 1e-12, "η_{t} = {}, not {rate}", schedule.rate(t));
        }
    }

    #[test]
    fn rates_are_those_of_the_formulas() {
        check(&Schedule::constant(0.5), &[(0, 0.5), (1000, 0.5)]);
        check(&Schedule::step(1.0, 10, 0.5), &[(0, 1.0), (9, 1.0), (10, 0.5), (25, 0.25)]);
        check(&Schedule::exponential(1.0, 0.9), &[(0, 1.0), (2, 0.81)]);
        check(&Schedule::cosine(2.0, 10), &[(0, 2.0), (5, 1.0), (10, 0.0), (99, 0.0)]);
        check(&Schedule::constant(1.0).warm_up(4), &[(0, 0.25), (3, 1.0), (4, 1.0)]);
        check(&Schedule::cosine(1.0, 10).warm_up(2), &[(1, 1.0), (2, 1.0), (7, 0.5)]);
        check(&Schedule::constant(0.5).warm_up(4), &[(0, 0.125), (2, 0.375), (3, 0.5), (4, 0.5)]);
        // The rise ends where the schedule begins: one cycle at η/25.
        check(&Schedule::one_cycle(5.0, 10).warm_up(2), &[(0, 0.1), (1, 0.2), (2, 0.2), (4, 5.0)]);
        // What has no length is over.
        check(&Schedule::cosine(1.0, 0), &[(0, 0.0)]);
        check(&Schedule::one_cycle(1.0, 0), &[(0, 4e-6), (7, 4e-6)]);
    }

    #[test]
    fn one_cycle_has_its_corners() {
        // 10 steps: the peak is at 0.3·10 − 1 = 2, the end at 9.
        let cycle = Schedule::one_cycle(1.0, 10);
        check(&cycle, &[(0, 0.04), (1, 0.52), (2, 1.0), (9, 4e-6), (99, 4e-6)]);
        // 20 steps: the peak is at 5, the end at 19, and half-way down at 12 the mean of both.
        let (top, end) = (2.0, 2.0 * 4e-6);
        check(&Schedule::one_cycle(2.0, 20), &[(0, 0.08), (5, top), (12, 0.5 * (top + end)), (19, end)]);
    }

    #[test]
    fn a_plateau_waits_ten_epochs_and_no_longer() {
        let mut plateau = Schedule::plateau(1.0);
        plateau.observe(1.0);
        for _ in 0..10 {
            plateau.observe(0.99995);
            assert_eq!(plateau.rate(0), 1.0);
        }
        plateau.observe(1.0);
        assert!((plateau.rate(0) - 0.1).abs() < 1e-15);
    }

    #[test]
    fn a_plateau_counts_a_loss_as_better_below_one_ten_thousandth_of_itself_and_not_at_it() {
        let bound: f64 = 2.0 * (1.0 - 1e-4);
        for (loss, reduced) in [(bound, true), (bound.next_down(), false), (f64::NAN, true)] {
            let mut plateau = Schedule::plateau(1.0);
            plateau.observe(2.0);
            (0..11).for_each(|_| plateau.observe(loss));
            assert_eq!(plateau.rate(0) < 1.0, reduced, "after {loss}");
        }
    }

    proptest! {
        #[test]
        fn no_schedule_leaves_its_bounds(t in 0..2000_u64, steps in 1..1000_u64, warm_up in 0..50_u64) {
            let shapes = [
                Schedule::step(0.3, steps, 0.5), Schedule::exponential(0.3, 0.99), Schedule::cosine(0.3, steps),
                Schedule::one_cycle(0.3, steps), Schedule::plateau(0.3),
            ];
            for schedule in shapes {
                let rate = schedule.warm_up(warm_up).rate(t);
                prop_assert!((0.0..=0.3 + 1e-12).contains(&rate));
            }
        }
    }
}
