use chainrule_tensor::math::exp;

/// Weights proportional to exp(−k²/2σ²) for k from 0 to 4σ, of which all but the first count twice.
pub(crate) fn gaussian(sigma: f64) -> Vec<f32> {
    let radius = (4.0 * sigma + 0.5) as usize;
    let weights: Vec<f64> =
        (0..=radius).map(|k| exp(-0.5 * (k as f64 / sigma) * (k as f64 / sigma))).collect();
    let sum = 2.0 * weights.iter().sum::<f64>() - weights[0];
    weights.iter().map(|weight| (weight / sum) as f32).collect()
}
