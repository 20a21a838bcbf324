use std::array;

use chainrule_tensor::ndarray::Array2;
use chainrule_tensor::{Rng, Scalar};

use super::dataset;
use crate::dataset::Dataset;
use crate::gaussian::gaussian;
use crate::streams;
use crate::target::Target;

/// A digit as a curve of twelve points.
const POINTS: usize = 12;
const DIGITS: [[f64; POINTS]; 10] = [
    [5.0, 6.0, 6.5, 6.75, 7.0, 7.0, 7.0, 7.0, 6.75, 6.5, 6.0, 5.0],
    [5.0, 3.0, 3.0, 3.4, 3.8, 4.2, 4.6, 5.0, 5.4, 5.8, 5.0, 5.0],
    [5.0, 6.0, 6.5, 6.5, 6.0, 5.25, 4.75, 4.0, 3.5, 3.5, 4.0, 5.0],
    [5.0, 6.0, 6.5, 6.5, 6.0, 5.0, 5.0, 6.0, 6.5, 6.5, 6.0, 5.0],
    [5.0, 4.4, 3.8, 3.2, 2.6, 2.6, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0],
    [5.0, 3.0, 3.0, 3.0, 3.0, 5.0, 6.0, 6.5, 6.5, 6.0, 4.5, 5.0],
    [5.0, 4.0, 3.5, 3.25, 3.0, 3.0, 3.0, 3.0, 3.25, 3.5, 4.0, 5.0],
    [5.0, 7.0, 7.0, 6.6, 6.2, 5.8, 5.4, 5.0, 4.6, 4.2, 5.0, 5.0],
    [5.0, 4.0, 3.5, 3.5, 4.0, 5.0, 5.0, 4.0, 3.5, 3.5, 4.0, 5.0],
    [5.0, 4.0, 3.5, 3.5, 4.0, 5.0, 5.0, 5.0, 5.0, 4.7, 4.3, 5.0],
];
/// The fewest and the most zeros after a digit.
const PADDING: (usize, usize) = (36, 60);
/// Points of a series before it is thinned out, and in the end.
const LONG: usize = POINTS + PADDING.1;
const SHORT: usize = 40;

/// MNIST-1D: series of 40 numbers in which a digit of twelve points is hidden. A convolution finds it wherever it lies, a perceptron
/// does not.
///
/// A digit has mean 0, variance 1/36, and begins at 0. Behind it come 36 to 60 zeros, and the series is drawn out to 72 points, scaled
/// by 1 ± 0.2 and rolled by up to 47 points. Where there is no digit stands correlated noise, N(0, ¼²) smoothed by a Gaussian of 2
/// points; white noise of deviation 0.02 and a slope of up to ±0.375 come to all points. Of the 72, 40 are kept, by interpolation.
///
/// # References
/// S. Greydanus and D. Kobak, "Scaling down deep learning with MNIST-1D", ICML 2024 (arXiv 2011.14439), table 1 and appendix A: 68 %
/// for a perceptron, 94 % for a convolutional network, on 4,000 + 1,000 series.
///
/// ```
/// let data = chainrule_datasets::synthetic::mnist_1d::<f32>(100, 1);
/// assert_eq!((data.inputs(), data.class_counts()), (40, Some(vec![10; 10])));
/// ```
pub fn mnist_1d<A: Scalar>(n: usize, seed: u64) -> Dataset<A> {
    let mut rng = streams::examples(seed);
    let (digits, weights) = (DIGITS.map(standardised), gaussian(2.0));
    let mut x = Array2::zeros((n, SHORT));
    for (i, mut row) in x.outer_iter_mut().enumerate() {
        let series = series(&digits[i % 10], &weights, &mut rng);
        row.iter_mut().zip(series).for_each(|(out, x)| *out = A::of(x));
    }
    dataset("mnist-1d", x, Target::numbered((0..n).map(|i| (i % 10) as u32).collect(), 10))
}

/// The points with mean 0 and variance 1/36, moved so that the first is 0.
fn standardised(points: [f64; POINTS]) -> [f64; POINTS] {
    let mean = points.iter().sum::<f64>() / POINTS as f64;
    let variance = points.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / POINTS as f64;
    points.map(|x| (x - points[0]) / variance.sqrt() / 6.0)
}

/// A series with the digit in it.
fn series(digit: &[f64; POINTS], weights: &[f32], rng: &mut Rng) -> [f64; SHORT] {
    let zeros = PADDING.0 + rng.below(PADDING.1 - PADDING.0 + 1);
    let scale: f64 = rng.uniform(0.8, 1.2);
    let shift = rng.below(48);
    let slope: f64 = rng.uniform(-0.375, 0.375);
    let drawn: [f64; LONG] = array::from_fn(|i| {
        // 1e-8 above 0, so that no point of the digit is taken for padding.
        let at = |i: usize| digit.get(i).map_or(0.0, |x| x + 1e-8);
        scale * between(at, place(i, LONG, POINTS + zeros))
    });
    let smooth = correlated(weights, rng);
    let noisy: [f64; LONG] = array::from_fn(|i| {
        let x = drawn[(i + LONG - shift) % LONG];
        let x = if x == 0.0 { smooth[i] } else { x };
        x + rng.normal::<f64>(0.02) - slope * (i as f64 / (LONG - 1) as f64 - 0.5)
    });
    array::from_fn(|i| between(|i| noisy[i], place(i, SHORT, LONG)))
}

/// Where point `i` of `n` evenly spaced ones lies among `m` others over the same length.
fn place(i: usize, n: usize, m: usize) -> f64 {
    i as f64 * (m - 1) as f64 / (n - 1) as f64
}

/// Linear interpolation between points.
fn between(point: impl Fn(usize) -> f64, place: f64) -> f64 {
    let (first, part) = (place.floor() as usize, place.fract());
    if part == 0.0 { point(first) } else { (1.0 - part) * point(first) + part * point(first + 1) }
}

/// Normal noise of deviation ¼, smoothed.
fn correlated(weights: &[f32], rng: &mut Rng) -> [f64; LONG] {
    let radius = weights.len() - 1;
    let white: Vec<f64> = (0..LONG + 2 * radius).map(|_| rng.normal(0.25)).collect();
    array::from_fn(|i| {
        let window = white[i..].iter().take(2 * radius + 1).enumerate();
        window.map(|(j, x)| f64::from(weights[j.abs_diff(radius)]) * x).sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pipeline;

    // mnist1d 0.0.2: get_templates()["x"][3], and the mean and the deviation of the raw series of 30,000 calls of transform.
    const THREE: [f64; POINTS] = [
        0.0,
        0.267_261_241_912,
        0.400_891_862_869,
        0.400_891_862_869,
        0.267_261_241_912,
        0.0,
        0.0,
        0.267_261_241_912,
        0.400_891_862_869,
        0.400_891_862_869,
        0.267_261_241_912,
        0.0,
    ];
    const MEAN: f64 = -0.0061;
    const DEVIATION: f64 = 0.1543;

    #[test]
    fn its_digits_and_moments_are_those_of_the_papers_program() {
        let three = DIGITS.map(standardised)[3];
        for (ours, theirs) in three.iter().zip(THREE) {
            assert!((ours - theirs).abs() < 1e-11, "{ours} for {theirs}");
        }
        let x = mnist_1d::<f64>(5_000, 1).inputs_through(&Pipeline::new());
        let mean = x.mean().unwrap();
        let deviation = (x.mapv(|x| (x - mean) * (x - mean)).mean().unwrap()).sqrt();
        assert!((mean - MEAN).abs() < 0.005 && (deviation - DEVIATION).abs() < 0.005, "{mean} ± {deviation}");
    }
}
