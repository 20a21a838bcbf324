//! The statistics that a transform is fitted from.

use chainrule_tensor::ndarray::{Array1, Array2, ArrayRef2, Axis, s};
use chainrule_tensor::{Scalar, simd};

use super::transforms::{Scaling, Transform};
use crate::error::Error;
use crate::features::Features;

/// Mean and standard deviation, with n in the denominator, of each column of `x`, whose rows count as `weights` say, or all alike;
/// a row of weight 0 is not looked at. A constant column has no deviation, also where the rounding of the mean makes it seem to vary.
///
/// # Panics
/// If there are not as many weights as rows, or nothing that counts.
///
/// ```
/// use chainrule_datasets::moments;
/// use chainrule_tensor::ndarray::array;
///
/// let x = array![[1.0, 0.1], [3.0, 0.1], [9.0, 0.1]];
/// assert_eq!(moments(&x, Some(&[1.0_f32, 1.0, 0.0])), [(2.0, Some(1.0)), (0.1, None)]);
/// ```
#[track_caller]
pub fn moments<A: Scalar, W: Scalar>(x: &ArrayRef2<A>, weights: Option<&[W]>) -> Vec<(f64, Option<f64>)> {
    let rows = weights.map_or(x.nrows(), <[W]>::len);
    assert_eq!(rows, x.nrows(), "moments: a weight for each row");
    assert!(
        weights.map_or(rows > 0, |weights| weights.iter().any(|w| *w > W::zero())),
        "moments: nothing counts"
    );
    let visit_all = |visit: &mut dyn FnMut(&[A])| {
        x.outer_iter().for_each(|row| visit(row.as_standard_layout().as_slice().expect("a row of its own")));
        Ok(())
    };
    let found = Statistics::of_rows(rows, x.ncols(), weights, visit_all).expect("an array is at hand");
    let deviations = found.variance.iter().map(|variance| Some(variance.sqrt()).filter(|x| x.is_normal()));
    found.mean.iter().copied().zip(deviations).collect()
}

/// A constant feature, or one that varies less than a normal float, is only shifted.
fn divisor(x: f64) -> f64 {
    if x.is_normal() { x } else { 1.0 }
}

/// What the fits need to know about each feature.
pub(super) struct Statistics {
    pub(super) mean: Array1<f64>,
    /// Σ(x − mean)² / n.
    pub(super) variance: Array1<f64>,
    min: Array1<f64>,
    max: Array1<f64>,
}

impl Statistics {
    /// Those of the rows, of which each counts as its weight says; at least one counts.
    pub(super) fn of<A: Scalar>(features: &Features<A>, weights: Option<&[A]>) -> Result<Self, Error> {
        let (n, inputs) = features.dim();
        let by_rows = "a data set is laid out by rows";
        match features {
            Features::Bytes(x) if weights.is_none() => Ok(Self::of_bytes(x)),
            Features::Real(x) => Self::of_rows(n, inputs, weights, |visit| {
                x.outer_iter().for_each(|row| visit(row.to_slice().expect(by_rows)));
                Ok(())
            }),
            Features::Wide(x) => Self::of_rows(n, inputs, weights, |visit| {
                x.outer_iter().for_each(|row| visit(row.to_slice().expect(by_rows)));
                Ok(())
            }),
            Features::Bytes(_) => {
                let mut row = vec![A::zero(); inputs];
                Self::of_rows(n, inputs, weights, |visit| {
                    (0..n).for_each(|i| {
                        features.row(i, &mut row);
                        visit(&row);
                    });
                    Ok(())
                })
            }
            Features::Columns(columns) => {
                let mut row = vec![0.0; inputs];
                Self::of_rows(n, inputs, weights, |visit| {
                    (0..n).for_each(|i| {
                        columns.row(i, &mut row);
                        visit(&row);
                    });
                    Ok(())
                })
            }
            Features::FileRows(rows) => {
                let mut row = vec![0.0; inputs];
                Self::of_rows(n, inputs, weights, |visit| {
                    rows.each_block(|_, block| {
                        block.chunks_exact(rows.stride()).for_each(|bytes| {
                            rows.decode::<f64>(bytes, &mut row);
                            visit(&row);
                        });
                        Ok(())
                    })
                })
            }
        }
    }

    /// Of bytes, whose sums and sums of squares are exact.
    fn of_bytes(x: &Array2<u8>) -> Self {
        /// This many squares of 255 fit into 32 bits.
        const BLOCK: usize = 1 << 16;
        let (n, features) = (x.nrows() as u128, x.ncols());
        let (mut sum, mut square) = (vec![0_u64; features], vec![0_u64; features]);
        let (mut min, mut max) = (vec![u8::MAX; features], vec![u8::MIN; features]);
        let (mut block_sum, mut block_square) = (vec![0_u32; features], vec![0_u32; features]);
        for block in x.axis_chunks_iter(Axis(0), BLOCK) {
            simd::dispatch(|| {
                for row in block.outer_iter() {
                    let row = row.to_slice().expect("a data set is laid out by rows");
                    let sums = block_sum.iter_mut().zip(&mut block_square);
                    for (((&x, (sum, square)), min), max) in row.iter().zip(sums).zip(&mut min).zip(&mut max)
                    {
                        *sum += u32::from(x);
                        *square += u32::from(x) * u32::from(x);
                        *min = x.min(*min);
                        *max = x.max(*max);
                    }
                }
            });
            for (total, part) in [(&mut sum, &mut block_sum), (&mut square, &mut block_square)] {
                for (total, part) in total.iter_mut().zip(part) {
                    *total += u64::from(std::mem::take(part));
                }
            }
        }
        let variance = |(&sum, &square): (&u64, &u64)| {
            let (sum, square) = (u128::from(sum), u128::from(square));
            (n * square - sum * sum) as f64 / (n * n) as f64
        };
        Self {
            mean: sum.iter().map(|&sum| sum as f64 / n as f64).collect(),
            variance: sum.iter().zip(&square).map(variance).collect(),
            min: min.into_iter().map(f64::from).collect(),
            max: max.into_iter().map(f64::from).collect(),
        }
    }

    /// Two passes of `each` through all rows: Σx² − n·mean² would cancel where the mean is large beside the deviation.
    fn of_rows<A: Scalar, W: Scalar>(
        n: usize,
        features: usize,
        weights: Option<&[W]>,
        mut each: impl FnMut(&mut dyn FnMut(&[A])) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        // A row that does not count is not looked at: its numbers need not be of the others' size.
        let mut each = |visit: &mut dyn FnMut(f64, &[A])| {
            let mut weights = weights.map(<[W]>::iter);
            each(&mut |row| {
                let weight =
                    weights.as_mut().map_or(1.0, |weights| weights.next().map_or(0.0, |w| w.as_f64()));
                if weight > 0.0 {
                    visit(weight, row);
                }
            })
        };
        let total = weights.map_or(n as f64, |weights| weights.iter().map(|w| w.as_f64()).sum());
        let mut mean = vec![0.0; features];
        let (mut min, mut max) = (vec![f64::INFINITY; features], vec![f64::NEG_INFINITY; features]);
        each(&mut |weight, row| {
            simd::dispatch(
                #[inline(always)]
                || {
                    for (((&x, mean), min), max) in row.iter().zip(&mut mean).zip(&mut min).zip(&mut max) {
                        let x = x.as_f64();
                        *mean += weight * x;
                        *min = min.min(x);
                        *max = max.max(x);
                    }
                },
            );
        })?;
        for mean in &mut mean {
            *mean /= total;
        }
        let mut variance = vec![0.0; features];
        each(&mut |weight, row| {
            simd::dispatch(
                #[inline(always)]
                || {
                    for ((&x, &mean), variance) in row.iter().zip(&mean).zip(&mut variance) {
                        let difference = x.as_f64() - mean;
                        *variance += weight * (difference * difference);
                    }
                },
            );
        })?;
        for variance in &mut variance {
            *variance /= total;
        }
        let n = n as f64;
        // The mean of equal numbers is rounded, so a constant feature can seem to vary by that rounding.
        for ((min, max), (mean, variance)) in min.iter().zip(&max).zip(mean.iter_mut().zip(&mut variance)) {
            if min == max {
                (*mean, *variance) = (*min, 0.0);
            }
        }
        // Nor is a variance that the rounding of the mean explains: the bound of scikit-learn's scalers.
        for (mean, variance) in mean.iter().zip(&mut variance) {
            let rounding = n * f64::EPSILON * *variance + (n * mean * f64::EPSILON).powi(2);
            if *variance <= rounding {
                *variance = 0.0;
            }
        }
        Ok(Self { mean: mean.into(), variance: variance.into(), min: min.into(), max: max.into() })
    }

    /// The statistics of (x − shift) / divisor.
    pub(super) fn mapped(mut self, through: impl Iterator<Item = (f64, f64)>) -> Self {
        for (j, (shift, divisor)) in through.enumerate() {
            let map = |x: f64| (x - shift) / divisor;
            let (a, b) = (map(self.min[j]), map(self.max[j]));
            (self.min[j], self.max[j]) = (a.min(b), a.max(b));
            self.mean[j] = map(self.mean[j]);
            self.variance[j] /= divisor * divisor;
        }
        self
    }

    /// `channels` is the number of channels of an image.
    pub(super) fn into_transform(self, scaling: Scaling, channels: usize) -> Transform {
        match scaling {
            Scaling::MinMax => {
                let range = (&self.max - &self.min).mapv(divisor).to_vec();
                Transform::MinMax { min: self.min.to_vec(), range }
            }
            Scaling::Standardise => {
                let deviation = self.variance.mapv(|variance| divisor(variance.sqrt())).to_vec();
                Transform::Standardise { mean: self.mean.to_vec(), deviation }
            }
            Scaling::GlobalStandardise => {
                let (mean, variance) = self.of_channel(0, 1);
                Transform::GlobalStandardise { mean, deviation: divisor(variance.sqrt()) }
            }
            Scaling::ChannelStandardise => {
                let channels = (0..channels).map(|channel| self.of_channel(channel, channels));
                let scaled = channels.map(|(mean, variance)| (mean, divisor(variance.sqrt())));
                let (mean, deviation) = scaled.unzip();
                Transform::ChannelStandardise { mean, deviation }
            }
        }
    }

    /// Mean and variance over every `channels`-th feature from `channel` on.
    fn of_channel(&self, channel: usize, channels: usize) -> (f64, f64) {
        // Every feature has the same number of examples: the variance of all is the mean variance within features plus the
        // variance between their means.
        let every = s![channel..;channels];
        let (means, variances) = (self.mean.slice(every), self.variance.slice(every));
        let features = means.len() as f64;
        let mean = means.sum() / features;
        let between = means.mapv(|m| (m - mean).powi(2)).sum() / features;
        (mean, variances.sum() / features + between)
    }
}
