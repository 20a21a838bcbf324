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
    /// If `theta` has not the dimension this method was made for.
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
