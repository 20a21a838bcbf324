use chainrule_tensor::registry::{InvalidParameter, Parameters};
use chainrule_tensor::{Scalar, vector};
use serde::{Deserialize, Serialize};

use crate::config::{OptimizerCase, OptimizerConfig};
use crate::line_search::Line;
use crate::objective::Objective;
use crate::optimizer::Optimizer;
use crate::state::visit_count;

/// Pairs that are kept where their number is not given.
const HISTORY: usize = 10;

/// Limited-memory BFGS with a line search for the strong Wolfe conditions.
///
/// The direction d = −H·∇C comes from the last m pairs s = θₖ₊₁ − θₖ, y = ∇Cₖ₊₁ − ∇Cₖ by the two-loop recursion, with
/// H₀ = (sᵀy / yᵀy)·I. A pair with sᵀy ≤ 10⁻¹⁰ is not kept. A step never raises C: where the search finds nothing lower,
/// the memory is dropped and θ stays.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | [`history`](Self::history) | 10 | pairs kept, m |
/// | [`full_batch`](Self::full_batch) | false | the objective is the same at each step: reuse C and ∇C where the search ended |
///
/// # References
/// Nocedal and Wright, "Numerical Optimization", 2nd ed., algorithms 7.4 and 7.5; Liu and Nocedal 1989.
///
/// ```
/// use chainrule_optim::{Lbfgs, Objective, Optimizer, testing::Rosenbrock};
///
/// let (mut lbfgs, mut objective, mut theta) = (Lbfgs::new(2), Rosenbrock, [-1.2_f64, 1.0]);
/// for _ in 0..40 {
///     lbfgs.step(&mut objective, &mut theta);
/// }
/// assert!(objective.value(&theta) < 1e-12);
/// ```
#[derive(Debug)]
pub struct Lbfgs<A> {
    full_batch: bool,
    /// The pairs (s, y): rings in which `next` is the place of the next pair and the `kept` ones lie before it.
    s: Vec<Vec<A>>,
    y: Vec<Vec<A>>,
    kept: u64,
    next: u64,
    value: A,
    /// 1 if `value` and `gradient` belong to the current θ.
    known: u64,
    gradient: Vec<A>,
    direction: Vec<A>,
    point: Vec<A>,
    trial: Vec<A>,
    /// The first loop's coefficients, for the second.
    alpha: Vec<A>,
}

impl<A: Scalar> Lbfgs<A> {
    /// The method in `dim` dimensions, with ten pairs, for objectives that may change from step to step.
    pub fn new(dim: usize) -> Self {
        let vector = || vec![A::zero(); dim];
        let empty = Self {
            full_batch: false,
            s: Vec::new(),
            y: Vec::new(),
            alpha: Vec::new(),
            kept: 0,
            next: 0,
            value: A::zero(),
            known: 0,
            gradient: vector(),
            direction: vector(),
            point: vector(),
            trial: vector(),
        };
        empty.history(HISTORY)
    }

    /// Keeps `pairs` pairs.
    ///
    /// # Panics
    /// If `pairs` is 0.
    #[must_use]
    pub fn history(self, pairs: usize) -> Self {
        assert!(pairs > 0, "lbfgs: a memory of 0 pairs");
        let vectors = || (0..pairs).map(|_| vec![A::zero(); self.gradient.len()]).collect();
        Self { s: vectors(), y: vectors(), alpha: vec![A::zero(); pairs], kept: 0, next: 0, ..self }
    }

    /// Whether the objective is the same at each step, as for a full batch without dropout.
    #[must_use]
    pub fn full_batch(self, full_batch: bool) -> Self {
        Self { full_batch, ..self }
    }

    /// The places of the pairs in the ring, newest first.
    fn newest_first(&self) -> impl DoubleEndedIterator<Item = usize> + Clone + use<A> {
        let (next, ring) = (self.next, self.s.len() as u64);
        (1..=self.kept).map(move |age| ((next + ring - age) % ring) as usize)
    }

    /// direction ← −H·gradient, by the two-loop recursion.
    fn two_loops(&mut self) {
        let places = self.newest_first();
        let d = &mut self.direction;
        d.copy_from_slice(&self.gradient);
        for i in places.clone() {
            self.alpha[i] = vector::dot(&self.s[i], d) / vector::dot(&self.s[i], &self.y[i]);
            vector::axpy(-self.alpha[i], &self.y[i], d);
        }
        if let Some(i) = places.clone().next() {
            vector::scale(vector::dot(&self.s[i], &self.y[i]) / vector::dot(&self.y[i], &self.y[i]), d);
        }
        for i in places.rev() {
            let beta = vector::dot(&self.y[i], d) / vector::dot(&self.s[i], &self.y[i]);
            vector::axpy(self.alpha[i] - beta, &self.s[i], d);
        }
        vector::scale(-A::one(), d);
    }

    fn forget(&mut self) {
        self.kept = 0;
    }
}

impl<A: Scalar> Optimizer<A> for Lbfgs<A> {
    /// # Panics
    /// If `theta` does not have the dimension this method was made for.
    fn step(&mut self, objective: &mut dyn Objective<A>, theta: &mut [A]) -> A {
        if !self.full_batch || self.known == 0 {
            self.value = objective.value_and_grad(theta, &mut self.gradient);
        }
        let before = self.value;
        if !before.is_finite() || vector::norm_max(&self.gradient) == A::zero() {
            return before;
        }
        self.two_loops();
        let mut slope = vector::dot(&self.direction, &self.gradient);
        if slope.is_nan() || slope >= A::zero() {
            // Not downhill: the pairs belong to another place.
            self.forget();
            self.two_loops();
            slope = vector::dot(&self.direction, &self.gradient);
        }
        let first =
            if self.kept == 0 { (1.0 / vector::norm_1(&self.gradient).as_f64()).min(1.0) } else { 1.0 };
        let mut line = Line::new(objective, theta, &self.direction, &mut self.point, &mut self.trial);
        let Some(value) = line.search(before.as_f64(), slope.as_f64(), first) else {
            self.forget();
            return before;
        };
        let ring = self.s.len() as u64;
        let (s, y) = (&mut self.s[self.next as usize], &mut self.y[self.next as usize]);
        s.copy_from_slice(&self.point);
        vector::axpy(-A::one(), theta, s);
        y.copy_from_slice(&self.trial);
        vector::axpy(-A::one(), &self.gradient, y);
        if vector::dot(s, y) > A::of(1e-10) {
            self.next = (self.next + 1) % ring;
            self.kept = (self.kept + 1).min(ring);
        } else {
            // The place it was written to held the oldest pair of a full ring.
            self.kept = self.kept.min(ring - 1);
        }
        theta.copy_from_slice(&self.point);
        self.gradient.copy_from_slice(&self.trial);
        (self.value, self.known) = (A::of(value), 1);
        before
    }

    fn state(&mut self, visit: &mut dyn FnMut(&str, &mut [A])) {
        visit_count("pairs", &mut self.kept, visit);
        visit_count("next", &mut self.next, visit);
        visit_count("known", &mut self.known, visit);
        // What comes from a file may be any number.
        let ring = self.s.len() as u64;
        (self.kept, self.next, self.known) = (self.kept.min(ring), self.next % ring, self.known.min(1));
        visit("value", std::slice::from_mut(&mut self.value));
        visit("gradient", &mut self.gradient);
        for (i, (s, y)) in self.s.iter_mut().zip(&mut self.y).enumerate() {
            visit(&format!("s.{i}"), s);
            visit(&format!("y.{i}"), y);
        }
    }
}

/// The parameters of L-BFGS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct LbfgsConfig {
    /// Pairs kept, m > 0; 10 by default.
    pub history: usize,
    /// Whether the objective is the same at each step.
    pub full_batch: bool,
}

impl Default for LbfgsConfig {
    fn default() -> Self {
        Self { history: HISTORY, full_batch: false }
    }
}

impl Parameters for LbfgsConfig {
    fn validate(&self) -> Result<(), InvalidParameter> {
        InvalidParameter::check("lbfgs", "history", self.history as f64, "above 0", |pairs| pairs > 0.0)
    }
}

impl OptimizerConfig for LbfgsConfig {
    fn build<A: Scalar>(&self, dim: usize) -> Box<dyn Optimizer<A>> {
        Box::new(Lbfgs::new(dim).history(self.history).full_batch(self.full_batch))
    }

    fn cases<A: Scalar>(&self) -> Vec<OptimizerCase<A>> {
        let (plain, full_batch) = (*self, Self { full_batch: true, ..*self });
        vec![
            OptimizerCase::new("", move |dim| plain.build(dim)),
            OptimizerCase::new("full batch", move |dim| full_batch.build(dim)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Quadratic, Rosenbrock};

    /// Notes every point where C and ∇C are asked, with both.
    struct Noting<'a> {
        objective: &'a mut dyn Objective<f64>,
        asked: Vec<(Vec<f64>, f64, Vec<f64>)>,
    }

    impl<'a> Noting<'a> {
        fn new(objective: &'a mut dyn Objective<f64>) -> Self {
            Self { objective, asked: Vec::new() }
        }
    }

    impl Objective<f64> for Noting<'_> {
        fn dim(&self) -> usize {
            self.objective.dim()
        }
        fn value(&mut self, theta: &[f64]) -> f64 {
            self.objective.value(theta)
        }
        fn value_and_grad(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
            let value = self.objective.value_and_grad(theta, grad);
            self.asked.push((theta.to_vec(), value, grad.to_vec()));
            value
        }
    }

    fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
        a.iter().zip(b).map(|(a, b)| a - b).collect()
    }

    #[track_caller]
    fn close(a: &[f64], b: &[f64], relative: f64) {
        let error = vector::norm(&minus(a, b));
        assert!(error <= relative * vector::norm(b), "{a:?} and {b:?}");
    }

    #[test]
    fn on_a_quadratic_the_pairs_satisfy_the_secant_equation() {
        let curvatures = [1.0, 3.0, 10.0, 0.5];
        let mut bowl = Quadratic::new(curvatures.to_vec());
        let (mut lbfgs, mut theta) = (Lbfgs::new(4).history(3), vec![1.0, -2.0, 0.5, 4.0]);
        for step in 1..=5 {
            let before = theta.clone();
            let mut gradient = vec![0.0; 4];
            bowl.value_and_grad(&before, &mut gradient);
            assert_eq!(lbfgs.step(&mut bowl, &mut theta), bowl.value(&before));
            assert_eq!(lbfgs.kept, step.min(3));
            // The newest pair is where the step went, and what the gradient did: y = ∇²C·s.
            let newest = lbfgs.newest_first().next().unwrap();
            assert_eq!(lbfgs.s[newest], minus(&theta, &before), "s of step {step}");
            let mut after = vec![0.0; 4];
            bowl.value_and_grad(&theta, &mut after);
            assert_eq!(lbfgs.y[newest], minus(&after, &gradient), "y of step {step}");
            let product: Vec<f64> = lbfgs.s[newest].iter().zip(curvatures).map(|(s, c)| s * c).collect();
            close(&lbfgs.y[newest], &product, 1e-12);
        }
    }

    #[test]
    fn the_direction_is_that_of_the_dense_bfgs_formula() {
        // Nocedal and Wright, eqs. 7.16 and 7.20: H ← VᵀHV + ρssᵀ with V = I − ρysᵀ, from (sᵀy/yᵀy)·I of the newest pair.
        let n = 5;
        let mut bowl = Quadratic::new(vec![1.0, 3.0, 10.0, 0.5, 2.0]);
        let (mut lbfgs, mut theta) = (Lbfgs::<f64>::new(n).history(3), vec![1.0, -2.0, 0.5, 4.0, 0.25]);
        for _ in 0..6 {
            lbfgs.step(&mut bowl, &mut theta);
            let newest: Vec<usize> = lbfgs.newest_first().collect();
            let (s, y) = (&lbfgs.s[newest[0]], &lbfgs.y[newest[0]]);
            let gamma = vector::dot(s, y) / vector::dot(y, y);
            let mut h: Vec<Vec<f64>> =
                (0..n).map(|i| (0..n).map(|j| if i == j { gamma } else { 0.0 }).collect()).collect();
            for &pair in newest.iter().rev() {
                let (s, y) = (&lbfgs.s[pair], &lbfgs.y[pair]);
                let rho = 1.0 / vector::dot(s, y);
                let hy: Vec<f64> = h.iter().map(|row| vector::dot(row, y)).collect();
                let yhy = vector::dot(y, &hy);
                for i in 0..n {
                    for j in 0..n {
                        h[i][j] +=
                            (rho + rho * rho * yhy) * s[i] * s[j] - rho * (s[i] * hy[j] + hy[i] * s[j]);
                    }
                }
            }
            bowl.value_and_grad(&theta, &mut lbfgs.gradient);
            let expected: Vec<f64> = h.iter().map(|row| -vector::dot(row, &lbfgs.gradient)).collect();
            lbfgs.two_loops();
            close(&lbfgs.direction, &expected, 1e-9);
        }
    }

    #[test]
    fn the_first_trial_is_a_step_of_length_one_at_most_against_the_gradient() {
        // ‖∇C‖₁ = 2 + 9 = 11, and 0.2 + 0.3 = 0.5, where the whole gradient is taken.
        for (start, factor) in [([2.0, 3.0], 1.0 / 11.0), ([0.2, 0.1], 1.0)] {
            let mut bowl = Quadratic::new(vec![1.0, 3.0]);
            let mut noting = Noting::new(&mut bowl);
            let (mut lbfgs, mut theta) = (Lbfgs::new(2), start);
            lbfgs.step(&mut noting, &mut theta);
            let (at, _, gradient) = &noting.asked[0];
            assert_eq!(*at, start);
            let expected: Vec<f64> = start.iter().zip(gradient).map(|(t, g)| t - factor * g).collect();
            close(&noting.asked[1].0, &expected, 1e-15);
        }
        // Later ones begin with the whole direction.
        let mut valley = Rosenbrock;
        let mut noting = Noting::new(&mut valley);
        let (mut lbfgs, mut theta) = (Lbfgs::new(2).full_batch(true), vec![-1.2, 1.0]);
        lbfgs.step(&mut noting, &mut theta);
        lbfgs.two_loops();
        let expected: Vec<f64> = theta.iter().zip(&lbfgs.direction).map(|(t, d)| t + d).collect();
        let before = noting.asked.len();
        lbfgs.step(&mut noting, &mut theta);
        assert_eq!(noting.asked[before].0, expected);
    }

    #[test]
    fn each_step_along_rosenbrocks_valley_satisfies_the_strong_wolfe_conditions() {
        for start in [[-1.2, 1.0], [3.0, -4.0], [0.0, 10.0], [-30.0, 5.0]] {
            let mut valley = Rosenbrock;
            let mut noting = Noting::new(&mut valley);
            let (mut lbfgs, mut theta) = (Lbfgs::new(2).full_batch(true), start.to_vec());
            let (mut steps, mut evaluations) = (0, 0);
            loop {
                let first = noting.asked.len();
                let before = if first == 0 { None } else { noting.asked.last().cloned() };
                let value = lbfgs.step(&mut noting, &mut theta);
                if value < 1e-20 || noting.asked.len() == first {
                    break;
                }
                let (from, value_0, gradient_0) = before.unwrap_or_else(|| noting.asked[0].clone());
                let (to, value, gradient) = noting.asked.last().unwrap();
                assert_eq!((value_0, &theta), (lbfgs_value(&from), to));
                let d = minus(to, &from);
                let (slope_0, slope) = (vector::dot(&gradient_0, &d), vector::dot(gradient, &d));
                assert!(slope_0 < 0.0, "not downhill from {from:?}");
                assert!(*value <= value_0 + 1e-4 * slope_0, "from {from:?} to {to:?}: {value}");
                assert!(slope.abs() <= 0.9 * slope_0.abs(), "from {from:?} to {to:?}: {slope} of {slope_0}");
                (steps, evaluations) = (steps + 1, noting.asked.len());
                assert!(steps < 200);
            }
            assert!(lbfgs_value(&theta) < 1e-16, "from {start:?}: {theta:?}");
            // To a gradient of 10⁻¹⁰, SciPy 1.17 takes 34 steps and 41 evaluations by BFGS, and 39 and 47 by L-BFGS-B.
            assert!(
                start[0] != -1.2 || (steps <= 45 && evaluations <= 60),
                "{steps} steps, {evaluations} evaluations"
            );
        }
    }

    fn lbfgs_value(theta: &[f64]) -> f64 {
        Objective::<f64>::value(&mut Rosenbrock, theta)
    }

    #[test]
    fn a_pair_without_curvature_is_not_kept_and_takes_the_oldest_place() {
        /// A straight slope: ∇C never changes, so y = 0.
        struct Slope;
        impl Objective<f64> for Slope {
            fn dim(&self) -> usize {
                2
            }
            fn value(&mut self, theta: &[f64]) -> f64 {
                -theta[0]
            }
            fn value_and_grad(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
                grad.copy_from_slice(&[-1.0, 0.0]);
                -theta[0]
            }
        }
        let (mut lbfgs, mut theta) = (Lbfgs::new(2).history(2), vec![1.0, 2.0]);
        lbfgs.step(&mut Slope, &mut theta);
        assert_eq!((lbfgs.kept, lbfgs.next), (0, 0));
        assert!(theta[0] > 1.0 && theta[1] == 2.0);
        // A ring that is full loses its oldest pair, which lay there, and no other.
        let mut theta = vec![1.0, 2.0];
        let mut bowl = Quadratic::new(vec![1.0, 3.0]);
        for _ in 0..2 {
            lbfgs.step(&mut bowl, &mut theta);
        }
        assert_eq!((lbfgs.kept, lbfgs.next), (2, 0));
        lbfgs.step(&mut Slope, &mut theta);
        assert_eq!((lbfgs.kept, lbfgs.next), (1, 0));
        assert_eq!(lbfgs.newest_first().collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn where_the_pairs_point_uphill_they_are_forgotten() {
        let (mut lbfgs, mut theta) = (Lbfgs::new(2), vec![1.0, 1.0]);
        lbfgs.step(&mut Quadratic::new(vec![1.0, 3.0]), &mut theta);
        assert_eq!(lbfgs.kept, 1);
        // A pair of negative curvature turns the direction round.
        let newest = lbfgs.newest_first().next().unwrap();
        vector::scale(-1.0, &mut lbfgs.y[newest]);
        let before = Quadratic::new(vec![1.0, 3.0]).value(&theta);
        lbfgs.step(&mut Quadratic::new(vec![1.0, 3.0]), &mut theta);
        assert_eq!(lbfgs.kept, 1, "the new pair alone");
        assert!(Quadratic::new(vec![1.0, 3.0]).value(&theta) < before);
        let newest = lbfgs.newest_first().next().unwrap();
        assert!(vector::dot(&lbfgs.s[newest], &lbfgs.y[newest]) > 0.0);
    }

    #[test]
    fn on_a_full_batch_nothing_is_asked_twice() {
        let mut valley = Rosenbrock;
        let mut noting = Noting::new(&mut valley);
        let (mut lbfgs, mut theta) = (Lbfgs::new(2).full_batch(true), vec![-1.2, 1.0]);
        for _ in 0..10 {
            lbfgs.step(&mut noting, &mut theta);
        }
        for (i, (at, ..)) in noting.asked.iter().enumerate() {
            assert!(noting.asked[..i].iter().all(|(earlier, ..)| earlier != at), "{at:?} was asked twice");
        }
    }
}
