use chainrule_optim::{Objective, Optimizer, OptimizerConfig, visit_double};
use chainrule_tensor::registry::{InvalidParameter, Parameters};
use chainrule_tensor::{Scalar, vector};
use serde::{Deserialize, Serialize};

use crate::newton::levenberg_marquardt;

/// The first λ where none is given.
const DAMPING: f64 = 1.0;
/// A conjugate-gradient run ends where the last k iterations brought less than k·ε of what all brought, …
const PROGRESS: f64 = 5e-4;
/// … with k at least this, …
const FEWEST: usize = 10;
/// … and at this number of iterations at the latest.
const MOST: usize = 250;
/// The share of the last solution that the next run starts from.
const DECAY: f64 = 0.95;
/// The sufficient decrease of the line search, as a share of the slope.
const DECREASE: f64 = 1e-2;

/// Hessian-free optimisation: Newton's step on the damped Gauss-Newton matrix, by conjugate gradients.
///
/// A step minimises q(d) = ∇Cᵀd + ½dᵀ(G + λI)d by at most 250 iterations, which start at 0.95 of the last solution
/// and end by relative progress. Of the iterates kept on the way, in geometric distances, the step goes back from the
/// last as long as C falls, then shortens by 0.8 until C falls enough; else θ stays. λ follows the quotient of the
/// falls of C and q. There is no preconditioner.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | [`damping`](Self::damping) | 1 | the first λ |
///
/// # References
/// Martens, "Deep learning via Hessian-free optimization", ICML 2010, §4.1 to 4.6.
///
/// ```
/// use chainrule_curvature::HessianFree;
/// use chainrule_optim::{Objective, Optimizer, testing::Quadratic};
///
/// let (mut bowl, mut theta) = (Quadratic::new(vec![1.0, 100.0]), [1.0, 1.0]);
/// let mut method = HessianFree::new(2);
/// for _ in 0..40 {
///     method.step(&mut bowl, &mut theta);
/// }
/// assert!(bowl.value(&theta) < 1e-12);
/// ```
#[derive(Debug)]
pub struct HessianFree<A> {
    lambda: f64,
    gradient: Vec<A>,
    /// The last solution.
    solution: Vec<A>,
    best: Vec<A>,
    best_value: f64,
}

/// An iterate and q(d) without the damping.
struct Iterate<A> {
    step: Vec<A>,
    promised: f64,
}

impl<A: Scalar> HessianFree<A> {
    /// The method in `dim` dimensions.
    pub fn new(dim: usize) -> Self {
        let vector = || vec![A::zero(); dim];
        Self {
            lambda: DAMPING,
            gradient: vector(),
            solution: vector(),
            best: vector(),
            best_value: f64::INFINITY,
        }
    }

    /// The first λ.
    ///
    /// # Panics
    /// If it is not above 0.
    #[must_use]
    pub fn damping(self, lambda: f64) -> Self {
        assert!(lambda > 0.0 && lambda.is_finite(), "hessian-free: λ = {lambda}");
        Self { lambda, ..self }
    }

    /// Conjugate gradients on (G + λI)·d = −∇C; the iterates to choose from, the last one last.
    fn solve(&mut self, objective: &mut dyn Objective<A>, theta: &[A]) -> Vec<Iterate<A>> {
        let lambda = A::of(self.lambda);
        let mut product = |v: &[A], out: &mut [A]| {
            objective.gauss_newton_vector(theta, v, out);
            vector::axpy(lambda, v, out);
        };
        let mut d = std::mem::take(&mut self.solution);
        vector::scale(A::of(DECAY), &mut d);
        let mut b_p = vec![A::zero(); d.len()];
        product(&d, &mut b_p);
        let mut r: Vec<A> = b_p.iter().zip(&self.gradient).map(|(&bd, &g)| -g - bd).collect();
        let mut p = r.clone();
        let (mut q, mut iterates, mut next) = (Vec::new(), Vec::new(), 1.0_f64);
        let mut square = vector::dot(&r, &r);
        // q(d) = −½dᵀ(r − ∇C), and half of λ‖d‖² of it is the damping's.
        let of = |d: &[A], r: &[A], gradient: &[A]| {
            0.5 * (vector::dot(d, gradient).as_f64() - vector::dot(d, r).as_f64())
        };
        let kept = |d: &[A], q: f64| Iterate {
            step: d.to_vec(),
            promised: q - 0.5 * lambda.as_f64() * vector::dot(d, d).as_f64(),
        };
        for i in 1..=MOST {
            product(&p, &mut b_p);
            let curvature = vector::dot(&p, &b_p);
            if curvature.is_nan() || curvature <= A::zero() || square == A::zero() {
                // Only a loss that is not convex in the outputs gets here; without an iterate, the gradient will do.
                if i == 1 && square > A::zero() {
                    iterates.push(Iterate { step: p.clone(), promised: -square.as_f64() });
                }
                break;
            }
            let alpha = square / curvature;
            vector::axpy(alpha, &p, &mut d);
            vector::axpy(-alpha, &b_p, &mut r);
            let before = std::mem::replace(&mut square, vector::dot(&r, &r));
            vector::scale(square / before, &mut p);
            vector::axpy(A::one(), &r, &mut p);

            q.push(of(&d, &r, &self.gradient));
            if i as f64 >= next {
                iterates.push(kept(&d, q[i - 1]));
                next = (next * 1.3).max(next + 1.0);
            }
            let k = FEWEST.max(i / 10);
            let done = i > k && q[i - 1] < 0.0 && (q[i - 1] - q[i - 1 - k]) / q[i - 1] < k as f64 * PROGRESS;
            if done || i == MOST {
                iterates.push(kept(&d, q[i - 1]));
                break;
            }
        }
        self.solution = d;
        iterates
    }
}

impl<A: Scalar> Optimizer<A> for HessianFree<A> {
    /// # Panics
    /// If `theta` does not have the dimension this method was made for.
    fn step(&mut self, objective: &mut dyn Objective<A>, theta: &mut [A]) -> A {
        assert_eq!(theta.len(), self.gradient.len(), "hessian-free: made for another dimension");
        let mut before = objective.value_and_grad(theta, &mut self.gradient);
        if !(before.is_finite() && vector::is_finite(&self.gradient)) {
            if self.best_value == f64::INFINITY {
                return before;
            }
            theta.copy_from_slice(&self.best);
            before = objective.value_and_grad(theta, &mut self.gradient);
            if !(before.is_finite() && vector::is_finite(&self.gradient)) {
                return before;
            }
        }
        if before.as_f64() < self.best_value {
            self.best_value = before.as_f64();
            self.best.copy_from_slice(theta);
        }
        if vector::norm_max(&self.gradient) == A::zero() {
            return before;
        }
        let mut iterates = self.solve(objective, theta);
        let mut trial = theta.to_vec();
        let mut at = |share: A, step: &[A]| {
            trial.copy_from_slice(theta);
            vector::axpy(share, step, &mut trial);
            let value = objective.value(&trial).as_f64();
            if value.is_nan() { f64::INFINITY } else { value }
        };
        let Some(mut chosen) = iterates.pop() else { return before };
        let mut value = at(A::one(), &chosen.step);
        while let Some(earlier) = iterates.pop() {
            let lower = at(A::one(), &earlier.step);
            if lower >= value {
                break;
            }
            (chosen, value) = (earlier, lower);
        }
        let ratio = (value - before.as_f64()) / chosen.promised;
        self.lambda = levenberg_marquardt(self.lambda, if chosen.promised < 0.0 { ratio } else { 0.0 });
        let slope = vector::dot(&self.gradient, &chosen.step).as_f64();
        let mut share = 1.0;
        for _ in 0..60 {
            // The slope is no promise where the step does not go downhill, but never may C rise.
            if value < before.as_f64() && value <= before.as_f64() + DECREASE * share * slope.min(0.0) {
                vector::axpy(A::of(share), &chosen.step, theta);
                break;
            }
            share *= 0.8;
            value = at(A::of(share), &chosen.step);
        }
        before
    }

    fn state(&mut self, visit: &mut dyn FnMut(&str, &mut [A])) {
        visit_double("lambda", &mut self.lambda, visit);
        visit_double("best value", &mut self.best_value, visit);
        visit("best", &mut self.best);
        visit("solution", &mut self.solution);
    }

    fn wants_curvature(&self) -> bool {
        true
    }
}

/// The parameters of Hessian-free optimisation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HessianFreeConfig {
    /// The first λ, above 0; 1 by default.
    pub damping: f64,
}

impl Default for HessianFreeConfig {
    fn default() -> Self {
        Self { damping: DAMPING }
    }
}

impl Parameters for HessianFreeConfig {
    fn validate(&self) -> Result<(), InvalidParameter> {
        InvalidParameter::check("hessian-free", "damping", self.damping, "above 0", |lambda| lambda > 0.0)
    }
}

impl OptimizerConfig for HessianFreeConfig {
    fn build<A: Scalar>(&self, dim: usize) -> Box<dyn Optimizer<A>> {
        Box::new(HessianFree::new(dim).damping(self.damping))
    }
}
