//! Newton's method and the saddle-free Newton method, on all of parameter space or on a Krylov space of it.

use chainrule_optim::{Objective, Optimizer, OptimizerConfig, visit_double};
use chainrule_tensor::ndarray::{Array2, ArrayView2};
use chainrule_tensor::registry::{InvalidParameter, Parameters};
use chainrule_tensor::rows::slices;
use chainrule_tensor::{Scalar, gemm, vector};
use serde::{Deserialize, Serialize};

use crate::eigen::{Eigen, Factored, eigh};
use crate::lanczos::Krylov;
use crate::operator::Hessian;

/// What becomes of an eigenvalue in the step −(φ(H) + λI)⁻¹·∇C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// φ(H) = H: Newton's step, towards the critical point of the quadratic, whatever its kind.
    Kept,
    /// φ(H) = |H|: the same lengths, but downhill along every eigenvector.
    Dropped,
}

/// How λ is chosen for each update.
///
/// Either way an update that does not lower C is not made: λ is raised tenfold, up to six times, and then θ stays.
#[derive(Debug, Clone, PartialEq)]
pub enum Damping {
    /// All of these are tried, and the one with the lowest C is taken.
    Search(Vec<f64>),
    /// One λ, raised by a half where C falls by less than a quarter of what the quadratic promises, lowered by a
    /// third where by more than three quarters (Martens 2010, §4.1). The number is the first λ.
    LevenbergMarquardt(f64),
}

impl Default for Damping {
    /// {10⁰, 10⁻¹, …, 10⁻⁵}, the paper's.
    fn default() -> Self {
        Damping::Search((0..6).map(|i| 10.0_f64.powi(-i)).collect())
    }
}

/// Newton's method, damped, and the saddle-free Newton method.
///
/// With H = Σᵢ Λᵢ·qᵢ·qᵢᵀ the update is
/// ```text
/// Δθ = −Σᵢ qᵢ·(qᵢᵀ∇C) / (φ(Λᵢ) + λ)        φ(Λ) = Λ for Newton, |Λ| for saddle-free Newton
/// ```
/// Where C curves downwards, Newton's method runs uphill to a saddle; the saddle-free method repels from it with the
/// step of the same trust region. Both are exact, with the whole spectrum of the Hessian, or work on the space of k
/// Lanczos vectors that starts at the gradient, with the last step added to it. No update raises C; where C or the
/// gradient is not finite, θ returns to the best point so far.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | [`krylov`](Self::krylov) | off | Lanczos vectors; without them the method is exact, at the cost of n³ a step |
/// | [`inner`](Self::inner) | 1 | updates with one Hessian |
/// | [`damping`](Self::damping) | search over 1, 0.1, …, 10⁻⁵ | how λ is chosen |
///
/// # References
/// Dauphin, Pascanu, Gulcehre, Cho, Ganguli and Bengio, "Identifying and attacking the saddle point problem in
/// high-dimensional non-convex optimization", NeurIPS 2014, algorithm 1.
///
/// ```
/// use chainrule_curvature::{Damping, Newton};
/// use chainrule_optim::{Optimizer, testing::Saddle};
///
/// // On C = x² − y², from (1, ½):
/// let undamped = || Damping::Search(vec![0.0]);
/// let mut theta = [1.0, 0.5];
/// Newton::damped(2).damping(undamped()).step(&mut Saddle(1.0), &mut theta);
/// assert_eq!(theta, [0.0, 0.0]);
/// let mut theta = [1.0, 0.5];
/// Newton::saddle_free(2).damping(undamped()).step(&mut Saddle(1.0), &mut theta);
/// assert_eq!(theta, [0.0, 1.0]);
/// ```
#[derive(Debug)]
pub struct Newton<A> {
    sign: Sign,
    /// Lanczos vectors; `None` is all of parameter space.
    krylov: Option<usize>,
    inner: usize,
    damping: Damping,
    /// The λ of the last update.
    lambda: f64,
    gradient: Vec<A>,
    /// The last step; zero at first.
    previous: Vec<A>,
    best: Vec<A>,
    best_value: f64,
    /// Of the last Hessian, on the space of the method.
    spectrum: Vec<f64>,
}

impl<A: Scalar> Newton<A> {
    fn new(sign: Sign, dim: usize) -> Self {
        let vector = || vec![A::zero(); dim];
        Self {
            sign,
            krylov: None,
            inner: 1,
            damping: Damping::default(),
            lambda: 1.0,
            gradient: vector(),
            previous: vector(),
            best: vector(),
            best_value: f64::INFINITY,
            spectrum: Vec::new(),
        }
    }

    /// Newton's method, damped, in `dim` dimensions.
    pub fn damped(dim: usize) -> Self {
        Self::new(Sign::Kept, dim)
    }

    /// The saddle-free Newton method in `dim` dimensions.
    pub fn saddle_free(dim: usize) -> Self {
        Self::new(Sign::Dropped, dim)
    }

    /// Works on the space of `vectors` Lanczos vectors and the last step.
    ///
    /// # Panics
    /// If `vectors` is 0.
    #[must_use]
    pub fn krylov(self, vectors: usize) -> Self {
        assert!(vectors > 0, "newton: a Krylov space of 0 vectors");
        Self { krylov: Some(vectors), ..self }
    }

    /// Makes `updates` updates with each Hessian.
    ///
    /// # Panics
    /// If `updates` is 0.
    #[must_use]
    pub fn inner(self, updates: usize) -> Self {
        assert!(updates > 0, "newton: steps of 0 updates");
        Self { inner: updates, ..self }
    }

    /// How λ is chosen.
    ///
    /// # Panics
    /// If a λ is negative or not finite, or there is none.
    #[must_use]
    pub fn damping(self, damping: Damping) -> Self {
        let (lambdas, first) = match &damping {
            Damping::Search(lambdas) => (lambdas.as_slice(), 1.0),
            Damping::LevenbergMarquardt(first) => (std::slice::from_ref(first), *first),
        };
        assert!(
            !lambdas.is_empty() && lambdas.iter().all(|x| x.is_finite() && *x >= 0.0),
            "newton: λ of {lambdas:?}"
        );
        Self { damping, lambda: first, ..self }
    }

    /// The λ of the last update.
    pub fn lambda(&self) -> f64 {
        self.lambda
    }

    /// The eigenvalues of the last step's Hessian, ascending: all of them in the exact method, else the Ritz values
    /// of its space. Empty before the first step.
    pub fn spectrum(&self) -> &[f64] {
        &self.spectrum
    }

    /// C(θ), its gradient taken, at the best point so far if they are not finite here; C as an error where there is
    /// none.
    fn look(&mut self, objective: &mut dyn Objective<A>, theta: &mut [A]) -> Result<f64, A> {
        let mut value = objective.value_and_grad(theta, &mut self.gradient);
        if !(value.is_finite() && vector::is_finite(&self.gradient)) {
            if self.best_value == f64::INFINITY {
                return Err(value);
            }
            theta.copy_from_slice(&self.best);
            value = objective.value_and_grad(theta, &mut self.gradient);
            if !(value.is_finite() && vector::is_finite(&self.gradient)) {
                return Err(value);
            }
        }
        if value.as_f64() < self.best_value {
            self.best_value = value.as_f64();
            self.best.copy_from_slice(theta);
        }
        Ok(value.as_f64())
    }

    fn quadratic(&self, objective: &mut dyn Objective<A>, theta: &[A]) -> Quadratic<A> {
        let Some(vectors) = self.krylov else {
            let mut h = Array2::zeros((theta.len(), theta.len()));
            objective.hessian(theta, &mut h);
            let eigen = Factored::of(&h);
            return Quadratic { values: eigen.values().to_vec(), vectors: Vectors::Whole(eigen) };
        };
        let mut hessian = Hessian::at(objective, theta);
        let mut space = Krylov::from(&mut hessian, &self.gradient, vectors);
        space.append(&mut hessian, &self.previous);
        let Eigen { values, vectors } = eigh(&space.projected);
        let basis: Vec<A> = space.basis.concat();
        let basis = ArrayView2::from_shape((space.basis.len(), theta.len()), &basis)
            .expect("the basis has vectors of one length");
        let mut ritz = Array2::zeros(basis.dim());
        gemm(A::one(), &vectors.mapv(A::of), &basis, A::zero(), &mut ritz);
        Quadratic { values, vectors: Vectors::Ritz(ritz) }
    }

    /// One update where `self.gradient` was taken; whether there was one.
    fn update(
        &mut self,
        objective: &mut dyn Objective<A>,
        theta: &mut [A],
        before: f64,
        quadratic: &Quadratic<A>,
    ) -> bool {
        let slopes = quadratic.vectors.coordinates(&self.gradient);
        let lambdas = match &self.damping {
            Damping::Search(lambdas) => lambdas.clone(),
            Damping::LevenbergMarquardt(_) => vec![self.lambda],
        };
        let mut trial = theta.to_vec();
        let mut attempt = |lambda: f64| {
            let weights = quadratic.weights(self.sign, lambda, &slopes);
            let step = quadratic.vectors.combine(&weights);
            trial.copy_from_slice(theta);
            vector::axpy(A::one(), &step, &mut trial);
            let value = objective.value(&trial).as_f64();
            // A NaN is no decrease.
            let promised = quadratic.promise(self.sign, &slopes, &weights);
            Attempt { lambda, value: if value.is_nan() { f64::INFINITY } else { value }, step, promised }
        };
        let mut best = lambdas.iter().map(|&lambda| attempt(lambda)).reduce(Attempt::lower).expect("a λ");
        let mut lambda = lambdas.iter().copied().fold(quadratic.smallest_damping(), f64::max);
        for _ in 0..6 {
            if best.value < before {
                break;
            }
            lambda *= 10.0;
            best = best.lower(attempt(lambda));
        }
        self.lambda = best.lambda;
        if matches!(self.damping, Damping::LevenbergMarquardt(_)) {
            let ratio = (best.value - before) / best.promised;
            self.lambda = levenberg_marquardt(best.lambda, ratio);
        }
        if best.value >= before {
            return false;
        }
        vector::axpy(A::one(), &best.step, theta);
        self.previous = best.step;
        true
    }
}

/// λ after an update that lowered C by `ratio` of what the quadratic promised.
pub(crate) fn levenberg_marquardt(lambda: f64, ratio: f64) -> f64 {
    match ratio {
        ratio if ratio > 0.75 => lambda * 2.0 / 3.0,
        ratio if ratio >= 0.25 => lambda,
        _ => lambda * 1.5,
    }
}

/// A step that was tried.
struct Attempt<A> {
    lambda: f64,
    /// C there.
    value: f64,
    step: Vec<A>,
    /// The change of C by the quadratic.
    promised: f64,
}

impl<A> Attempt<A> {
    fn lower(self, other: Self) -> Self {
        if other.value < self.value { other } else { self }
    }
}

/// The second-order part of C at a point, on a space: Σᵢ Λᵢ·qᵢ·qᵢᵀ.
struct Quadratic<A> {
    values: Vec<f64>,
    vectors: Vectors<A>,
}

/// The q of a [`Quadratic`].
enum Vectors<A> {
    /// Those of H.
    Whole(Factored),
    /// Those of H as it acts on a Krylov space, one a row.
    Ritz(Array2<A>),
}

impl<A: Scalar> Vectors<A> {
    /// qᵢᵀ·v for each of them.
    fn coordinates(&self, v: &[A]) -> Vec<f64> {
        match self {
            Vectors::Whole(eigen) => eigen.coordinates(&v.iter().map(|x| x.as_f64()).collect::<Vec<_>>()),
            Vectors::Ritz(q) => slices(q).map(|q| vector::dot(q, v).as_f64()).collect(),
        }
    }

    /// Σᵢ wᵢ·qᵢ.
    fn combine(&self, weights: &[f64]) -> Vec<A> {
        match self {
            Vectors::Whole(eigen) => eigen.combine(weights).into_iter().map(A::of).collect(),
            Vectors::Ritz(q) => {
                let row = Array2::from_shape_fn((1, weights.len()), |(_, i)| A::of(weights[i]));
                let mut step = Array2::zeros((1, q.ncols()));
                gemm(A::one(), &row, q, A::zero(), &mut step);
                step.into_raw_vec_and_offset().0
            }
        }
    }
}

impl<A: Scalar> Quadratic<A> {
    /// The coordinates of the step along the eigenvectors.
    fn weights(&self, sign: Sign, lambda: f64, slopes: &[f64]) -> Vec<f64> {
        let weight = |(&value, &slope): (&f64, &f64)| {
            let curvature = if sign == Sign::Kept { value } else { value.abs() } + lambda;
            // Along a direction without slope there is nowhere to go, whatever the curvature.
            if slope == 0.0 { 0.0 } else { -slope / curvature }
        };
        self.values.iter().zip(slopes).map(weight).collect()
    }

    /// slope·step + ½·step·φ(H)·step.
    fn promise(&self, sign: Sign, slopes: &[f64], weights: &[f64]) -> f64 {
        let term = |((&value, &slope), &w): ((&f64, &f64), &f64)| {
            let curvature = if sign == Sign::Kept { value } else { value.abs() };
            slope * w + 0.5 * curvature * w * w
        };
        self.values.iter().zip(slopes).zip(weights).map(term).sum()
    }

    /// A λ from which tenfold steps soon reach the size of the spectrum.
    fn smallest_damping(&self) -> f64 {
        1e-4 * vector::norm_max(&self.values)
    }
}

impl<A: Scalar> Optimizer<A> for Newton<A> {
    /// # Panics
    /// If `theta` does not have the dimension this method was made for.
    fn step(&mut self, objective: &mut dyn Objective<A>, theta: &mut [A]) -> A {
        assert_eq!(theta.len(), self.gradient.len(), "newton: made for another dimension");
        let before = match self.look(objective, theta) {
            Ok(value) => value,
            Err(value) => return value,
        };
        // A length below the normal numbers has no direction any more.
        if !vector::norm(&self.gradient).is_normal() {
            return A::of(before);
        }
        let quadratic = self.quadratic(objective, theta);
        self.spectrum.clone_from(&quadratic.values);
        let mut value = before;
        for inner in 0..self.inner {
            if inner > 0 {
                let Ok(here) = self.look(objective, theta) else { break };
                value = here;
            }
            if !self.update(objective, theta, value, &quadratic) {
                break;
            }
        }
        A::of(before)
    }

    fn state(&mut self, visit: &mut dyn FnMut(&str, &mut [A])) {
        visit_double("lambda", &mut self.lambda, visit);
        visit_double("best value", &mut self.best_value, visit);
        visit("best", &mut self.best);
        visit("previous", &mut self.previous);
    }

    fn wants_curvature(&self) -> bool {
        true
    }
}

/// Parameters up to which a Newton method has the whole spectrum by default …
const WHOLE: usize = 1500;
/// … and the Lanczos vectors by default beyond.
const LANCZOS: usize = 50;

/// The parameters of Newton's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct NewtonConfig {
    /// Lanczos vectors, with 0 for the whole spectrum; by default 0 up to 1500 parameters, else 50.
    pub krylov: Option<usize>,
    /// Updates with one Hessian, at least 1.
    pub inner: usize,
    /// Whether λ is adapted from step to step ([`Damping::LevenbergMarquardt`]), and not searched for.
    pub adaptive_damping: bool,
}

impl Default for NewtonConfig {
    fn default() -> Self {
        Self { krylov: None, inner: 1, adaptive_damping: false }
    }
}

impl NewtonConfig {
    fn apply<A: Scalar>(&self, method: Newton<A>, dim: usize) -> Box<dyn Optimizer<A>> {
        let method = match self.krylov.unwrap_or(if dim > WHOLE { LANCZOS } else { 0 }) {
            0 => method,
            vectors => method.krylov(vectors),
        };
        let method = method.inner(self.inner);
        let adaptive = || Damping::LevenbergMarquardt(1.0);
        Box::new(if self.adaptive_damping { method.damping(adaptive()) } else { method })
    }

    fn check(&self, owner: &'static str) -> Result<(), InvalidParameter> {
        InvalidParameter::check(owner, "inner", self.inner as f64, "above 0", |updates| updates > 0.0)
    }
}

impl Parameters for NewtonConfig {
    fn validate(&self) -> Result<(), InvalidParameter> {
        self.check("newton")
    }
}

impl OptimizerConfig for NewtonConfig {
    fn build<A: Scalar>(&self, dim: usize) -> Box<dyn Optimizer<A>> {
        self.apply(Newton::damped(dim), dim)
    }
}

/// The parameters of the saddle-free Newton method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SaddleFreeNewtonConfig(pub NewtonConfig);

impl Parameters for SaddleFreeNewtonConfig {
    fn validate(&self) -> Result<(), InvalidParameter> {
        self.0.check("saddle-free-newton")
    }
}

impl OptimizerConfig for SaddleFreeNewtonConfig {
    fn build<A: Scalar>(&self, dim: usize) -> Box<dyn Optimizer<A>> {
        self.0.apply(Newton::saddle_free(dim), dim)
    }
}
