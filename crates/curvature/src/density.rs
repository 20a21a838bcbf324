//! Spectral densities by stochastic Lanczos quadrature.

use chainrule_tensor::{Rng, Scalar, vector};

use crate::critical::ZERO;
use crate::eigen::eigh;
use crate::lanczos::Krylov;
use crate::operator::Operator;
use crate::trace::signs;

/// A spectrum as a measure: points λ with weights that add up to 1.
///
/// ```
/// use chainrule_curvature::Density;
///
/// let density = Density::of_values(&[-1.0, 0.0, 0.0, 3.0]);
/// assert_eq!(density.below(0.0), 0.25);
/// assert_eq!(density.mean(), 0.5);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Density {
    /// λ, ascending.
    pub nodes: Vec<f64>,
    /// The weight of each.
    pub weights: Vec<f64>,
}

impl Density {
    /// The measure of a spectrum that is known.
    pub fn of_values(values: &[f64]) -> Self {
        let weight = 1.0 / values.len().max(1) as f64;
        Self::sorted(values.iter().map(|&value| (value, weight)).collect())
    }

    fn sorted(mut points: Vec<(f64, f64)>) -> Self {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (nodes, weights) = points.into_iter().unzip();
        Self { nodes, weights }
    }

    /// Estimates the spectrum of `operator`: from each of `probes` random unit vectors v, Lanczos' `steps` nodes θᵢ,
    /// which are those of Gauss's quadrature of vᵀ·f(M)·v, with the squared first components of T's eigenvectors as
    /// weights.
    ///
    /// # References
    /// Ghorbani, Krishnan and Xiao, "An investigation into neural net optimization via Hessian eigenvalue density",
    /// ICML 2019, algorithm 2; Golub and Welsch 1969.
    ///
    /// # Panics
    /// If there are no probes or no steps.
    pub fn estimate<A: Scalar>(
        operator: &mut dyn Operator<A>,
        probes: usize,
        steps: usize,
        seed: u64,
    ) -> Self {
        assert!(probes > 0 && steps > 0, "density: {probes} probes of {steps} steps");
        let dim = operator.dim();
        let mut points = Vec::with_capacity(probes * steps);
        for probe in 0..probes {
            let v: Vec<A> = signs(dim, &mut Rng::stream(seed, probe as u64));
            let eigen = eigh(&Krylov::from(operator, &v, steps).projected);
            let first = eigen.vectors.column(0);
            points.extend(eigen.values.iter().zip(first).map(|(&node, &c)| (node, c * c / probes as f64)));
        }
        Self::sorted(points)
    }

    /// φ(t) = Σᵢ wᵢ·N(t; λᵢ, σ²): the density smoothed by a normal distribution of deviation σ.
    pub fn smoothed(&self, t: f64, sigma: f64) -> f64 {
        let scale = 1.0 / (sigma * (2.0 * std::f64::consts::PI).sqrt());
        let bump = |(&node, &weight): (&f64, &f64)| {
            let z = (t - node) / sigma;
            weight * scale * (-0.5 * z * z).exp()
        };
        self.nodes.iter().zip(&self.weights).map(bump).sum()
    }

    /// The share of the spectrum below t.
    pub fn below(&self, t: f64) -> f64 {
        self.nodes.iter().zip(&self.weights).filter(|(node, _)| **node < t).map(|(_, weight)| weight).sum()
    }

    /// The share of the spectrum that is negative. An eigenvalue within 10⁻⁸ of the largest magnitude counts as zero, as in
    /// [`PointCurvature::index`](crate::PointCurvature::index): rounding puts zeros on either side.
    ///
    /// ```
    /// use chainrule_curvature::Density;
    ///
    /// let density = Density { nodes: vec![-1e-12, 1.0], weights: vec![0.5, 0.5] };
    /// assert_eq!((density.negative(), density.below(0.0)), (0.0, 0.5));
    /// ```
    pub fn negative(&self) -> f64 {
        // 0.0 + x: an empty sum is −0.
        0.0 + self.below(-ZERO * vector::norm_max(&self.nodes))
    }

    /// Σᵢ wᵢ·λᵢ, the trace over the dimension.
    pub fn mean(&self) -> f64 {
        self.nodes.iter().zip(&self.weights).map(|(node, weight)| node * weight).sum()
    }
}
