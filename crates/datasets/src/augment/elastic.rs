use chainrule_tensor::simd::{self, LANES};

use super::augmentation::Elastic;
use super::draws::Draws;
use crate::gaussian::gaussian;

/// The displacement of each pixel across and down: noise from U(−1, 1), smoothed by a separable Gaussian, times α.
///
/// The Gaussian is cut off at 4σ, and its weights add up to 1, as in `scipy.ndimage.gaussian_filter` with `mode="constant"`: the
/// field is 0 outside the image.
#[derive(Debug, Clone)]
pub(super) struct Field {
    height: usize,
    width: usize,
    alpha: f32,
    /// Of the pixel itself, of those beside it, and so on.
    weights: Vec<f32>,
    /// Rows padded to whole vector registers.
    across: Vec<f32>,
    down: Vec<f32>,
    /// Smoothed down the columns, and transposed.
    between: Vec<f32>,
}

impl Field {
    pub(super) fn new(Elastic { alpha, sigma }: Elastic, height: usize, width: usize) -> Self {
        let numbers = height * width.next_multiple_of(LANES);
        Self {
            height,
            width,
            alpha: alpha as f32,
            weights: gaussian(sigma),
            across: vec![0.0; numbers],
            down: vec![0.0; numbers],
            between: vec![0.0; width * height.next_multiple_of(LANES)],
        }
    }

    /// Draws the field of an example.
    pub(super) fn draw(&mut self, draws: Draws) {
        let Self { height, width, alpha, weights, across, down, between } = self;
        let (size, stride, alpha) = ((*height, *width), width.next_multiple_of(LANES), *alpha);
        simd::dispatch(
            #[inline(always)]
            || {
                let rows = across.chunks_exact_mut(stride).zip(down.chunks_exact_mut(stride));
                for (y, (across, down)) in rows.enumerate() {
                    for (x, (across, down)) in across.iter_mut().zip(down).take(size.1).enumerate() {
                        let [a, b] = draws.displacement(y * size.1 + x);
                        (*across, *down) = (alpha * a, alpha * b);
                    }
                }
                for field in [across, down] {
                    smooth(weights, field, size, between);
                    smooth(weights, between, (size.1, size.0), field);
                }
            },
        );
    }

    /// The displacements of a row of pixels, across and down.
    #[inline(always)]
    pub(super) fn row(&self, y: usize) -> (&[f32], &[f32]) {
        let start = y * self.width.next_multiple_of(LANES);
        let row = start..start + self.width;
        (&self.across[row.clone()], &self.down[row])
    }
}

/// Writes the field, smoothed down its columns, with rows and columns exchanged.
#[inline(always)]
fn smooth(weights: &[f32], field: &[f32], (rows, columns): (usize, usize), out: &mut [f32]) {
    let (stride, out_stride) = (columns.next_multiple_of(LANES), rows.next_multiple_of(LANES));
    let radius = weights.len() - 1;
    for y in 0..rows {
        let (first, last) = (y.saturating_sub(radius), (y + radius).min(rows - 1));
        for x in (0..columns).step_by(LANES) {
            let mut sum = [0.0; LANES];
            for from in first..=last {
                let weight = weights[from.abs_diff(y)];
                let block = &field[from * stride + x..][..LANES];
                for (sum, &number) in sum.iter_mut().zip(block) {
                    *sum += weight * number;
                }
            }
            for (column, sum) in (x..columns).zip(sum) {
                out[column * out_stride + y] = sum;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_is_that_of_scipy() {
        // scipy.ndimage.gaussian_filter(f, sigma, mode="constant", truncate=4.0), some rows of it.
        let (rows, columns) = (5, 7);
        for (sigma, row, expected) in [
            (
                0.8,
                0,
                [
                    -0.663_315_3,
                    -0.134_366_1,
                    0.019_054_1,
                    -0.525_812_2,
                    -0.373_756_5,
                    0.158_134_4,
                    -0.074_931_2,
                ],
            ),
            (
                0.8,
                3,
                [-0.340_027_1, -0.365_417_1, 0.293_160_1, 0.233_534, -0.153_530_8, 0.160_206_9, 0.493_557_4],
            ),
            (
                4.0,
                2,
                [
                    -0.024_086,
                    -0.021_019_1,
                    -0.016_456_3,
                    -0.011_039_6,
                    -0.005_512_5,
                    -0.000_562_3,
                    0.003_304_8,
                ],
            ),
        ] {
            let mut field = vec![0.0; rows * LANES];
            for i in 0..rows * columns {
                field[i / columns * LANES + i % columns] = 3.0 * (((i * 37) % 101) as f32 / 50.0 - 1.0);
            }
            let (weights, mut between) = (gaussian(sigma), vec![0.0; columns * LANES]);
            smooth(&weights, &field, (rows, columns), &mut between);
            smooth(&weights, &between, (columns, rows), &mut field);
            for (x, expected) in expected.into_iter().enumerate() {
                let found = field[row * LANES + x];
                assert!((found - expected).abs() < 2e-6, "σ = {sigma}, ({row}, {x}): {found} {expected}");
            }
        }
    }

    #[test]
    fn a_field_has_the_deviation_of_smoothed_noise() {
        // √(α² · ⅓ · Σ w²), and Σ w² of two dimensions is 1/(4πσ²): 1.385 pixels for α = 34 and σ = 4, far from the edge.
        let size = 200;
        let mut field = Field::new(Elastic { alpha: 34.0, sigma: 4.0 }, size, size);
        let (mut sum, mut count) = ([0.0; 2], 0.0);
        for example in 0..4 {
            field.draw(Draws::new(5, example));
            for y in 20..size - 20 {
                let (across, down) = field.row(y);
                for x in 20..size - 20 {
                    sum[0] += f64::from(across[x]).powi(2);
                    sum[1] += f64::from(down[x]).powi(2);
                    count += 1.0;
                }
            }
        }
        let expected = 34.0 / (12.0 * std::f64::consts::PI).sqrt() / 4.0;
        for sum in sum {
            assert!(
                ((sum / count).sqrt() / expected - 1.0).abs() < 0.05,
                "{} {expected}",
                (sum / count).sqrt()
            );
        }
    }
}
