//! Critical points of any index: where ∇C = 0, and what the Hessian says there.

use std::fmt;

use chainrule_optim::Objective;
use chainrule_tensor::ndarray::Array2;
use chainrule_tensor::rows::slices;
use chainrule_tensor::{Scalar, vector};
use serde::{Deserialize, Serialize};

use crate::eigen::{Factored, eigh};
use crate::lanczos::Krylov;
use crate::operator::{Hessian, wide};

/// The sufficient decrease of ‖∇C‖² along a step, as a share of its slope.
const DECREASE: f64 = 1e-4;
/// Below this share of the largest |λ| a residual ‖Hg‖/‖g‖ is that of a gradient-flat point.
const FLAT: f64 = 1e-3;
/// Below this share of the largest |λ| an eigenvalue counts as 0.
pub(crate) const ZERO: f64 = 1e-8;

/// How ‖∇C‖ is brought down. Both are drawn to critical points of any index, not to minima.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CriticalPointMethod {
    /// Damped Newton on the whole spectrum: Δθ = −H(H² + μI)⁻¹∇C, the μ with the lowest ‖∇C‖ of eight.
    Newton,
    /// Newton-MR: Δθ = −H⁺∇C by the minimal residual on a Krylov space, of minimal length where H is singular, which
    /// is what MINRES-QLP computes, shortened until ‖∇C‖ falls enough.
    NewtonMr,
}

/// A search for a critical point.
///
/// | Field | Default | Meaning |
/// |---|---|---|
/// | `method` | Newton-MR | how ‖∇C‖ is brought down |
/// | `tolerance` | 10⁻⁸ | ‖∇C‖ of a critical point |
/// | `steps` | 200 | steps at most |
/// | `krylov` | 200 | dimensions of Newton-MR's space |
///
/// # References
/// Frye et al., "Critical point-finding methods reveal gradient-flat regions of deep network losses", Neural
/// Computation 33(6), 2021, algorithms 2 and 3; Roosta, Liu, Xu and Mahoney, "Newton-MR", 2018, algorithm 1; Choi,
/// Paige and Saunders, "MINRES-QLP", SIAM J. Sci. Comput. 33(4), 2011.
///
/// ```
/// use chainrule_curvature::{CriticalPointSearch, Verdict};
/// use chainrule_optim::testing::Rosenbrock;
///
/// let mut theta = vec![-1.2_f64, 1.0];
/// let steps = CriticalPointSearch::default().run(&mut Rosenbrock, &mut theta);
/// let point = chainrule_curvature::examine(&mut Rosenbrock, &theta);
/// assert_eq!((point.verdict(1e-8), point.index()), (Verdict::Critical, 0.0));
/// assert!(steps < 200);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CriticalPointSearch {
    /// How ‖∇C‖ is brought down.
    pub method: CriticalPointMethod,
    /// ‖∇C‖ of a critical point.
    pub tolerance: f64,
    /// Steps at most.
    pub steps: usize,
    /// Dimensions of Newton-MR's Krylov space.
    pub krylov: usize,
}

impl Default for CriticalPointSearch {
    fn default() -> Self {
        Self { method: CriticalPointMethod::NewtonMr, tolerance: 1e-8, steps: 200, krylov: 200 }
    }
}

impl CriticalPointSearch {
    /// Moves θ until ‖∇C‖ ≤ tolerance, no step lowers ‖∇C‖, or the steps are used up; returns how many were made.
    pub fn run<A: Scalar>(&self, objective: &mut dyn Objective<A>, theta: &mut [A]) -> usize {
        let mut gradient = vec![A::zero(); theta.len()];
        for step in 0..self.steps {
            let value = objective.value_and_grad(theta, &mut gradient);
            let length = vector::norm(&gradient).as_f64();
            if !value.is_finite() || !length.is_finite() || length <= self.tolerance {
                return step;
            }
            let moved = match self.method {
                CriticalPointMethod::Newton => newton(objective, theta, &gradient, length),
                CriticalPointMethod::NewtonMr => newton_mr(objective, theta, &gradient, length, self.krylov),
            };
            if !moved {
                return step;
            }
        }
        self.steps
    }
}

/// ‖∇C(θ + share·step)‖; infinite where it is NaN. `trial` is left there.
fn length_at<A: Scalar>(
    objective: &mut dyn Objective<A>,
    theta: &[A],
    (share, step): (A, &[A]),
    trial: &mut Vec<A>,
) -> f64 {
    theta.clone_into(trial);
    vector::axpy(share, step, trial);
    let mut gradient = vec![A::zero(); theta.len()];
    objective.value_and_grad(trial, &mut gradient);
    let length = vector::norm(&gradient).as_f64();
    if length.is_nan() { f64::INFINITY } else { length }
}

fn newton<A: Scalar>(objective: &mut dyn Objective<A>, theta: &mut [A], gradient: &[A], before: f64) -> bool {
    let mut h = Array2::zeros((theta.len(), theta.len()));
    objective.hessian(theta, &mut h);
    let eigen = Factored::of(&h);
    let gradient: Vec<f64> = gradient.iter().map(|g| g.as_f64()).collect();
    let slopes = eigen.coordinates(&gradient);
    let largest = vector::norm_max(eigen.values());
    let (mut lowest, mut best, mut trial) = (before, None, Vec::new());
    for exponent in 0..8 {
        let mu = (largest * 10.0_f64.powi(-exponent)).powi(2);
        let weight = |(&value, &slope): (&f64, &f64)| -slope * value / (value * value + mu);
        let weights: Vec<f64> = eigen.values().iter().zip(&slopes).map(weight).collect();
        let step: Vec<A> = eigen.combine(&weights).into_iter().map(A::of).collect();
        let length = length_at(objective, theta, (A::one(), &step), &mut trial);
        if length < lowest {
            (lowest, best) = (length, Some(trial.clone()));
        }
    }
    best.is_some_and(|best| {
        theta.copy_from_slice(&best);
        true
    })
}

fn newton_mr<A: Scalar>(
    objective: &mut dyn Objective<A>,
    theta: &mut [A],
    gradient: &[A],
    before: f64,
    krylov: usize,
) -> bool {
    let mut hessian = Hessian::at(objective, theta);
    let space = Krylov::from(&mut hessian, gradient, krylov);
    // min ‖T̲·y + ‖g‖·e₁‖ with T̲ = (T; β·eₘᵀ): the normal equations, cut off where they are singular.
    let t = &space.projected;
    let m = t.nrows();
    let mut normal = t.dot(t);
    normal[(m - 1, m - 1)] += space.beta * space.beta;
    let eigen = eigh(&normal);
    let right: Vec<f64> = t.column(0).iter().map(|t| -before * t).collect();
    let mut y = vec![0.0; m];
    let floor = 1e-14 * vector::norm_max(&eigen.values);
    for (q, &value) in slices(&eigen.vectors).zip(&eigen.values).filter(|(_, value)| **value > floor) {
        vector::axpy(vector::dot(q, &right) / value, q, &mut y);
    }
    let step = space.combine(&y);
    // ⟨H·g, d⟩ = ‖g‖·⟨H·v₁, V·y⟩ = ‖g‖·(T·y)₁, for H·v₁ lies in the space if it has two dimensions.
    let slope = before * t.row(0).iter().zip(&y).map(|(t, y)| t * y).sum::<f64>();
    let (mut share, mut trial) = (1.0, Vec::new());
    for _ in 0..30 {
        let length = length_at(objective, theta, (A::of(share), &step), &mut trial);
        if length < before && length * length <= before * before + 2.0 * DECREASE * share * slope.min(0.0) {
            theta.copy_from_slice(&trial);
            return true;
        }
        share *= 0.5;
    }
    false
}

/// What a point is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// ‖∇C‖ is within the tolerance.
    Critical,
    /// It is not, but the gradient lies in the kernel of the Hessian, where no method that solves Hd = −g can go on:
    /// not to be sold as a critical point.
    GradientFlat,
    /// Neither.
    Neither,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Critical => "critical",
            Verdict::GradientFlat => "gradient-flat",
            Verdict::Neither => "neither",
        })
    }
}

/// A point and its curvature.
#[derive(Debug, Clone, PartialEq)]
pub struct PointCurvature {
    /// C.
    pub value: f64,
    /// ‖∇C‖.
    pub gradient: f64,
    /// ‖H·∇C‖/‖∇C‖; 0 where the gradient vanishes.
    pub flatness: f64,
    /// All eigenvalues of the Hessian, ascending.
    pub spectrum: Vec<f64>,
}

impl PointCurvature {
    /// α, the share of negative eigenvalues: 0 at a minimum, 1 at a maximum. An eigenvalue within 10⁻⁸ of the largest
    /// from 0 counts as 0.
    pub fn index(&self) -> f64 {
        let zero = ZERO * vector::norm_max(&self.spectrum);
        let negative = self.spectrum.iter().filter(|&&value| value < -zero).count();
        negative as f64 / self.spectrum.len().max(1) as f64
    }

    /// What the point is, where a critical point has ‖∇C‖ ≤ `tolerance`.
    pub fn verdict(&self, tolerance: f64) -> Verdict {
        if self.gradient <= tolerance {
            Verdict::Critical
        } else if self.flatness <= FLAT * vector::norm_max(&self.spectrum) {
            Verdict::GradientFlat
        } else {
            Verdict::Neither
        }
    }
}

/// Looks at θ with the whole Hessian.
///
/// # Panics
/// If a derivative there is not finite.
pub fn examine<A: Scalar>(objective: &mut dyn Objective<A>, theta: &[A]) -> PointCurvature {
    let mut gradient = vec![A::zero(); theta.len()];
    let value = objective.value_and_grad(theta, &mut gradient).as_f64();
    let mut product = gradient.clone();
    objective.hessian_vector(theta, &gradient, &mut product);
    let (length, image) = (vector::norm(&gradient).as_f64(), vector::norm(&product).as_f64());
    let mut h = Array2::zeros((theta.len(), theta.len()));
    objective.hessian(theta, &mut h);
    let spectrum = eigh(&wide(&h)).values;
    PointCurvature {
        value,
        gradient: length,
        flatness: if length > 0.0 { image / length } else { 0.0 },
        spectrum,
    }
}
