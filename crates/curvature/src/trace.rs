//! Traces from products with random vectors.

use chainrule_tensor::{Rng, Scalar, vector};

use crate::lanczos::project_out;
use crate::operator::Operator;

/// An estimate and its error bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean of the samples.
    pub value: f64,
    /// Its standard error: the deviation of the samples over the root of their number; infinite for a single one.
    pub error: f64,
    /// Products spent.
    pub products: usize,
}

/// The mean of `samples` and its standard error.
fn mean(samples: &[f64], products: usize) -> Estimate {
    let n = samples.len() as f64;
    let value = samples.iter().sum::<f64>() / n;
    let square = samples.iter().map(|x| (x - value).powi(2)).sum::<f64>();
    let error = if samples.len() > 1 { (square / (n - 1.0) / n).sqrt() } else { f64::INFINITY };
    Estimate { value, error, products }
}

/// A vector of independent signs.
pub(crate) fn signs<A: Scalar>(dim: usize, rng: &mut Rng) -> Vec<A> {
    (0..dim).map(|_| if rng.below(2) == 0 { A::one() } else { -A::one() }).collect()
}

/// tr M ≈ mean of zᵀ·M·z over `samples` vectors z of random signs: unbiased, with variance 2(‖M‖² − Σᵢ Mᵢᵢ²) each.
///
/// # References
/// Hutchinson, "A stochastic estimator of the trace of the influence matrix", Comm. Statist. Simul. 18(3), 1989.
///
/// # Panics
/// If `samples` is 0.
///
/// ```
/// use chainrule_curvature::hutchinson;
/// use chainrule_tensor::ndarray::array;
///
/// // On a diagonal matrix every sample is the trace.
/// let trace = hutchinson::<f64>(&mut array![[3.0, 0.0], [0.0, -1.0]], 4, 1);
/// assert_eq!((trace.value, trace.error), (2.0, 0.0));
/// ```
pub fn hutchinson<A: Scalar>(operator: &mut dyn Operator<A>, samples: usize, seed: u64) -> Estimate {
    assert!(samples > 0, "hutchinson: a mean of 0 samples");
    let (dim, rng) = (operator.dim(), &mut Rng::new(seed));
    let mut out = vec![A::zero(); dim];
    let samples: Vec<f64> = (0..samples)
        .map(|_| {
            let z = signs(dim, rng);
            operator.apply(&z, &mut out);
            vector::dot(&z, &out).as_f64()
        })
        .collect();
    mean(&samples, samples.len())
}

/// tr M = tr QᵀMQ + tr (I − QQᵀ)M(I − QQᵀ), the first exactly on the space Q of M·S for a random S, the second by
/// Hutchinson's samples: a third of the `products` for each of M·S, M·Q and the samples.
///
/// A spectrum with a few large eigenvalues, such as a network's, leaves little to sample. The error bar is that of
/// the samples.
///
/// # References
/// Meyer, Musco, Musco and Woodruff, "Hutch++: optimal stochastic trace estimation", SOSA 2021, algorithm 1.
///
/// # Panics
/// If `products` is below 3.
///
/// ```
/// use chainrule_curvature::hutch_pp;
/// use chainrule_tensor::ndarray::{Array2, array};
///
/// // A matrix of rank one has all of its trace in Q.
/// let mut m = array![[1.0, 2.0, 4.0], [2.0, 4.0, 8.0], [4.0, 8.0, 16.0]];
/// let trace = hutch_pp::<f64>(&mut m, 6, 1);
/// assert!((trace.value - 21.0).abs() < 1e-9 && trace.error < 1e-9);
/// ```
pub fn hutch_pp<A: Scalar>(operator: &mut dyn Operator<A>, products: usize, seed: u64) -> Estimate {
    assert!(products >= 3, "hutch++: a third of {products} products is none");
    let (dim, rng) = (operator.dim(), &mut Rng::new(seed));
    let third = (products / 3).min(dim);
    let mut out = vec![A::zero(); dim];
    let mut q: Vec<Vec<A>> = Vec::with_capacity(third);
    for _ in 0..third {
        operator.apply(&signs(dim, rng), &mut out);
        let before = vector::norm(&out);
        project_out(&q, &mut out);
        let length = vector::norm(&out);
        // What is left of a product that lies in the space already is round-off.
        if length > A::of(64.0) * A::epsilon() * before {
            vector::scale(length.recip(), &mut out);
            q.push(out.clone());
        }
    }
    let mut inside = 0.0;
    for v in &q {
        operator.apply(v, &mut out);
        inside += vector::dot(v, &out).as_f64();
    }
    let samples: Vec<f64> = (0..third)
        .map(|_| {
            let mut z = signs(dim, rng);
            project_out(&q, &mut z);
            operator.apply(&z, &mut out);
            vector::dot(&z, &out).as_f64()
        })
        .collect();
    let outside = mean(&samples, third + q.len() + third);
    Estimate { value: inside + outside.value, ..outside }
}
