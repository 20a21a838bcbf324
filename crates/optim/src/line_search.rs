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
            let is_finite = trial.value.is_finite() && trial.slope.is_finite();
            if !is_finite || !decreases(origin, trial) || trial.value >= low.value {
                high = trial;
                if !is_finite {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A step a → φ(a) and φ'(a).
    type Phi = fn(f64) -> (f64, f64);

    /// φ(a) with its derivative, as an objective of one number that notes where it is asked.
    struct Curve {
        phi: Box<dyn Fn(f64) -> (f64, f64)>,
        asked: Vec<f64>,
    }

    impl Objective<f64> for Curve {
        fn dim(&self) -> usize {
            1
        }
        fn value(&mut self, theta: &[f64]) -> f64 {
            (self.phi)(theta[0]).0
        }
        fn value_and_grad(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
            self.asked.push(theta[0]);
            let (value, slope) = (self.phi)(theta[0]);
            grad[0] = slope;
            value
        }
    }

    /// Searches along φ from 0 with the first trial at `first`: the step, if one was found, and all trials.
    fn search(phi: impl Fn(f64) -> (f64, f64) + Copy + 'static, first: f64) -> (Option<f64>, Vec<f64>) {
        let mut curve = Curve { phi: Box::new(phi), asked: Vec::new() };
        let (value, slope) = phi(0.0);
        let (mut point, mut gradient) = ([f64::NAN], [f64::NAN]);
        let mut line = Line::new(&mut curve, &[0.0], &[1.0], &mut point, &mut gradient);
        let found = line.search(value, slope, first);
        if let Some(found) = found {
            assert_eq!((found, gradient[0]), phi(point[0]), "point, gradient and value belong together");
        }
        (found.map(|_| point[0]), curve.asked)
    }

    /// Works on the line from 0 along φ: what was found, and all trials.
    fn on_the_line(
        phi: Phi,
        work: impl FnOnce(&mut Line<'_, f64>) -> Option<f64>,
    ) -> (Option<f64>, Vec<f64>) {
        let mut curve = Curve { phi: Box::new(phi), asked: Vec::new() };
        let (mut point, mut gradient) = ([0.0], [0.0]);
        let found = work(&mut Line::new(&mut curve, &[0.0], &[1.0], &mut point, &mut gradient));
        (found, curve.asked)
    }

    /// The test functions of Moré and Thuente, "Line search algorithms with guaranteed sufficient decrease", ACM TOMS 20(3),
    /// 1994, eqs. 5.1 to 5.4: the last with the three pairs of parameters of their tables IV to VI.
    /// A name, and the value and slope at a place.
    type NamedCurve = (&'static str, Phi);
    const CURVES: [NamedCurve; 6] = [
        ("1", |a| {
            let b = a * a + 2.0;
            (-a / b, (a * a - 2.0) / (b * b))
        }),
        ("2", |a| {
            let u = a + 0.004;
            (u.powi(5) - 2.0 * u.powi(4), 5.0 * u.powi(4) - 8.0 * u.powi(3))
        }),
        ("3", |a| {
            let (beta, waves) = (0.01, 39.0 * std::f64::consts::FRAC_PI_2);
            let (value, slope) = match a {
                a if a <= 1.0 - beta => (1.0 - a, -1.0),
                a if a >= 1.0 + beta => (a - 1.0, 1.0),
                a => ((a - 1.0).powi(2) / (2.0 * beta) + beta / 2.0, (a - 1.0) / beta),
            };
            let height = 2.0 * (1.0 - beta) / (2.0 * waves);
            (value + height * (waves * a).sin(), slope + height * waves * (waves * a).cos())
        }),
        ("4", |a| yanai(a, 0.001, 0.001)),
        ("5", |a| yanai(a, 0.01, 0.001)),
        ("6", |a| yanai(a, 0.001, 0.01)),
    ];

    fn yanai(a: f64, beta1: f64, beta2: f64) -> (f64, f64) {
        let gamma = |beta: f64| (1.0 + beta * beta).sqrt() - beta;
        let (left, right) = (((1.0 - a).powi(2) + beta2 * beta2).sqrt(), (a * a + beta1 * beta1).sqrt());
        (
            gamma(beta1) * left + gamma(beta2) * right,
            gamma(beta1) * (a - 1.0) / left + gamma(beta2) * a / right,
        )
    }

    #[test]
    fn the_accepted_step_satisfies_the_strong_wolfe_conditions_on_the_functions_of_more_and_thuente() {
        for (name, phi) in CURVES {
            // The first steps of their tables.
            for first in [1e-3, 1e-1, 1e1, 1e3] {
                let (step, asked) = search(phi, first);
                let step = step.unwrap_or_else(|| panic!("function {name} from {first}: nothing found"));
                let ((value_0, slope_0), (value, slope)) = (phi(0.0), phi(step));
                assert!(value <= value_0 + 1e-4 * step * slope_0, "function {name} from {first}: a = {step}");
                assert!(slope.abs() <= 0.9 * slope_0.abs(), "function {name} from {first}: a = {step}");
                assert_eq!((asked[0], asked[asked.len() - 1]), (first, step));
                // Their own algorithm takes up to 16, with a slope condition of 0.1 and less.
                assert!(asked.len() <= 16, "function {name} from {first}: {} trials", asked.len());
                // No trial before the last one was the lowest so far and satisfied them.
                let mut lowest = value_0;
                for &a in &asked[..asked.len() - 1] {
                    let (value, slope) = phi(a);
                    let would_do =
                        value <= value_0 + 1e-4 * a * slope_0 && slope.abs() <= 0.9 * slope_0.abs();
                    assert!(!would_do || value >= lowest, "function {name} from {first}: {a} would do");
                    lowest = lowest.min(value);
                }
            }
        }
    }

    /// ½(a − 4)² − 8, whose least value is at 4.
    fn bowl(a: f64) -> (f64, f64) {
        (0.5 * (a - 4.0).powi(2) - 8.0, a - 4.0)
    }

    #[test]
    fn the_trials_on_a_parabola_are_those_worked_out_by_hand() {
        // φ'(0) = −4, so a step will do from 0.4 on, where φ' ≥ −3.6, and up to 7.6, if C falls enough: up to 7.9992.
        assert_eq!(search(bowl, 0.5), (Some(0.5), vec![0.5]));
        assert_eq!(search(bowl, 7.5), (Some(7.5), vec![7.5]));
        // Too short twice: the step is doubled once, and then goes to the minimum of the cubic through the two, …
        assert_eq!(search(bowl, 0.25), (Some(0.5), vec![0.25, 0.5]));
        let (step, asked) = search(bowl, 0.125);
        assert_eq!(asked, [0.125, 0.25, 2.5]);
        // … which lies at 4, and is no more than ten times as far.
        assert_eq!(step, Some(2.5));
        // Low enough, but the slope is above 3.6: between the two ends, at the minimum.
        assert_eq!(search(bowl, 7.75), (Some(4.0), vec![7.75, 4.0]));
        // Too high: the same, …
        assert_eq!(search(bowl, 10.0), (Some(4.0), vec![10.0, 4.0]));
        // … and never nearer to an end than a tenth of the interval: C(8) = C(0), and then the minimum between 0 and 8.
        assert_eq!(search(bowl, 80.0), (Some(4.0), vec![80.0, 8.0, 4.0]));
        // With the minimum at 3, neither in the middle: C(8) is too high as well.
        assert_eq!(search(|a| (0.5 * (a - 3.0).powi(2), a - 3.0), 80.0), (Some(3.0), vec![80.0, 8.0, 3.0]));
        // A slope of 1 at a tenth of 50 is flat enough.
        assert_eq!(search(bowl, 50.0), (Some(5.0), vec![50.0, 5.0]));
    }

    #[test]
    fn each_turn_of_the_search_is_the_one_worked_out_by_hand() {
        // From φ(0) = 0 with φ'(0) = −1, places with value and slope: all trials in order, the last of which is taken. The
        // minima of the cubics through value and slope at two places are those of NumPy's roots.
        type Places = [(f64, (f64, f64)); 3];
        let (high, steep) = ((1.0, (0.0, 1.0)), (1.0, (-0.025, 0.95)));
        let near_steep = 1.0 / 1.95;
        let cases: [(&str, Places); 7] = [
            // Low enough, but higher than before: between the two.
            (
                "a second trial that rises",
                [(1.0, (-1.0, -1.0)), (2.0, (-0.9, 0.0)), (23.0 / 18.0, (-1.2, 0.0))],
            ),
            // −2·10⁻⁵ is below φ(0), and not below −10⁻⁴·½.
            (
                "a trial that falls too little",
                [high, (0.5, (-2e-5, 0.0)), (0.166_680_001_066_752, (-0.1, 0.0))],
            ),
            // Flat, and low enough, but the better end is lower.
            (
                "a trial above the better end",
                [steep, (near_steep, (-0.02, 0.0)), (0.841_041_400_152_029, (-0.03, 0.1))],
            ),
            // Better and still steep: the side to which it falls is kept.
            (
                "a better trial that rises to the better end",
                [steep, (near_steep, (-0.1, 0.95)), (0.325_216_971_089_118_4, (-0.2, 0.0))],
            ),
            (
                "a better trial that falls to the better end",
                [steep, (near_steep, (-0.1, -0.95)), (0.700_337_263_766_937_4, (-0.2, 0.0))],
            ),
            (
                "a better trial that falls to the other end",
                [high, (0.5, (-0.5, -0.95)), (0.567_790_831_061_435_9, (-0.6, 0.0))],
            ),
            (
                "a better trial that rises to the other end",
                [high, (0.5, (-0.5, 0.95)), (0.432_209_168_938_563_9, (-0.6, 0.0))],
            ),
        ];
        for (name, places) in cases {
            let phi = move |a: f64| {
                let known = places.iter().find(|(place, _)| (place - a).abs() < 1e-9);
                if a == 0.0 { (0.0, -1.0) } else { known.map_or((9.0, 9.0), |(_, trial)| *trial) }
            };
            let (step, asked) = search(phi, places[0].0);
            assert_eq!(asked.len(), places.len(), "{name}: {asked:?}");
            for (asked, (place, _)) in asked.iter().zip(&places) {
                assert!((asked - place).abs() < 1e-9, "{name}: {asked}, not {place}");
            }
            assert_eq!(step, asked.last().copied(), "{name}");
        }
    }

    #[test]
    fn where_rounding_hides_the_descent_the_slope_decides() {
        // Numbers near 10¹⁷ lie 16 apart.
        assert_eq!(search(|a| (1e17, a - 4.0), 1.0), (Some(1.0), vec![1.0]));
    }

    #[test]
    fn a_trial_that_is_not_finite_is_too_far() {
        let (nan, infinity) = (f64::NAN, f64::INFINITY);
        for cliff in [
            (nan, nan),
            (nan, 0.0),
            (infinity, 0.0),
            (-infinity, 0.0),
            (-100.0, nan),
            (-100.0, infinity),
            (-100.0, -infinity),
        ] {
            let beyond_1 = move |a| if a > 1.0 { cliff } else { bowl(a) };
            assert_eq!(search(beyond_1, 3.0), (Some(0.75), vec![3.0, 1.5, 0.75]), "{cliff:?}");
            // Between two ends: half-way to the better one.
            let at_4 = move |a| if a == 4.0 { cliff } else { bowl(a) };
            assert_eq!(search(at_4, 10.0), (Some(2.0), vec![10.0, 4.0, 2.0]), "{cliff:?}");
        }
    }

    #[test]
    fn where_every_trial_goes_up_nothing_is_found() {
        // The slope at 0 is not that of the curve.
        let (found, asked) = on_the_line(|a| (a, 1.0), |line| line.search(0.0, -1.0, 1.0));
        assert_eq!(found, None);
        assert!(asked.len() <= EVALUATIONS);
    }

    #[test]
    fn where_no_point_satisfies_the_conditions_the_best_one_that_was_seen_is_taken() {
        // A straight line down: every trial is low enough, and none is flat enough.
        let (step, asked) = search(|a| (-a, -1.0), 1.0);
        assert_eq!(asked.len(), EVALUATIONS + 1);
        assert_eq!(step, asked.iter().copied().reduce(f64::max));
    }

    fn trial(step: f64, value: f64, slope: f64) -> Trial {
        Trial { step, value, slope }
    }

    #[test]
    fn ends_that_are_neighbours_are_not_divided() {
        let (low, high) = (trial(1.0, -4.0, -3.0), trial(1.0 + f64::EPSILON, 1.0, 1.0));
        let (found, asked) = on_the_line(bowl, |line| line.zoom(trial(0.0, 0.0, -1.0), low, high));
        assert_eq!((found, asked), (Some(-3.5), vec![1.0]), "the better end alone, for its gradient");
    }

    #[test]
    fn a_search_without_a_wolfe_point_takes_nothing_but_what_is_ahead_and_lower() {
        for (step, value, taken) in
            [(1.0, -1.0, true), (1.0, 0.0, false), (1.0, 1.0, false), (0.0, 0.0, false), (0.0, -1.0, false)]
        {
            let best = trial(step, value, -1.0);
            let (found, _) = on_the_line(bowl, |line| line.settle(trial(0.0, 0.0, -1.0), best));
            assert_eq!(found, taken.then_some(-3.5), "{value} at {step}");
        }
    }

    #[test]
    fn a_sufficient_decrease_is_a_ten_thousandth_of_what_the_slope_promises() {
        // From 2 with slope −3: 2 − 10⁻⁴·3·5 = 1.9985 at 5.
        for (value, enough) in
            [(1.998_4, true), (1.998_499_999, true), (1.998_500_001, false), (2.001, false)]
        {
            assert_eq!(decreases(trial(0.0, 2.0, -3.0), trial(5.0, value, 0.0)), enough, "{value}");
        }
    }

    #[test]
    fn the_minimum_of_a_cubic_is_found_from_both_of_its_ends() {
        let straight = |a: f64| (a, 1.0);
        let curves: [(Phi, f64, f64, Option<f64>); 7] = [
            // a³ − 3a, least at 1.
            (|a| (a.powi(3) - 3.0 * a, 3.0 * a * a - 3.0), 0.0, 3.0, Some(1.0)),
            // a³ − 6a² + 9a + 1 with the slope 3(a − 1)(a − 3), least at 3.
            (|a| (a.powi(3) - 6.0 * a * a + 9.0 * a + 1.0, 3.0 * (a - 1.0) * (a - 3.0)), 2.0, 5.0, Some(3.0)),
            (|a| (a.powi(3) - 6.0 * a * a + 9.0 * a + 1.0, 3.0 * (a - 1.0) * (a - 3.0)), 4.0, 5.0, Some(3.0)),
            // A parabola.
            (bowl, 1.0, 3.0, Some(4.0)),
            // The slope −(3a − 1)² is level at one place.
            (
                |a| (1.0 - 3.0 * a * a * a + 3.0 * a * a - a, -(3.0 * a - 1.0).powi(2)),
                0.0,
                1.0,
                Some(1.0 / 3.0),
            ),
            // The slope a² + 1 is level nowhere, …
            (|a| (a.powi(3) / 3.0 + a, a * a + 1.0), 0.0, 3.0, None),
            // … as that of a straight line.
            (straight, 0.0, 1.0, None),
        ];
        for (phi, left, right, expected) in curves {
            let [left, right] = [left, right].map(|a| trial(a, phi(a).0, phi(a).1));
            for (a, b) in [(left, right), (right, left)] {
                let step = cubic_minimum(a, b);
                let close = step.zip(expected).map_or(step == expected, |(a, b)| (a - b).abs() < 1e-12);
                assert!(close, "{step:?}, not {expected:?}, from {a:?} to {b:?}");
            }
        }
        assert_eq!(cubic_minimum(trial(0.0, f64::NAN, -1.0), trial(1.0, 0.0, 1.0)), None);
    }

    #[test]
    fn a_minimum_too_near_or_too_far_gives_way_to_a_bound() {
        let parabola = |least: f64, step: f64| trial(step, 0.5 * (step - least).powi(2), step - least);
        // Between 1 and 3: from 1.2 to 2.8, whichever end is the first.
        for (least, expected) in [(1.1, 1.2), (1.3, 1.3), (2.7, 2.7), (2.9, 2.8), (7.0, 2.8), (-1.0, 1.2)] {
            let [a, b] = [1.0, 3.0].map(|step| parabola(least, step));
            for step in [interpolated(a, b), interpolated(b, a)] {
                assert!((step - expected).abs() < 1e-12, "{step}, not {expected}");
            }
        }
        // Without one, half-way.
        assert_eq!(interpolated(trial(1.0, 0.0, 1.0), trial(3.0, 2.0, 1.0)), 2.0);
        // Beyond 3: no nearer than 3.02, and no further than 30, where what is too near or behind ends as well.
        for (least, expected) in
            [(3.025, 3.025), (3.5, 3.5), (29.0, 29.0), (40.0, 30.0), (3.017, 30.0), (3.01, 30.0), (2.0, 30.0)]
        {
            let step = extrapolated(parabola(least, 1.0), parabola(least, 3.0));
            assert!((step - expected).abs() < 1e-12, "{step}, not {expected}");
        }
        // Not beyond the bound but at it, without rounding: 200 + 0.01·100.
        assert_eq!(extrapolated(parabola(201.0, 100.0), parabola(201.0, 200.0)), 2000.0);
    }
}
