//! One kernel for each channel: no product, but loops over channels that lie side by side.

use super::{Convolution, Onto};
use crate::scalar::Scalar;
use crate::simd::{self, LANES};

/// Positions whose sums stay in registers, so that a row of W is read once for all of them.
const ABREAST: usize = 4;

impl Convolution {
    /// One output row, from where its first window begins.
    pub(super) fn depthwise_row<A: Scalar>(&self, picture: &[A], w: &[A], onto: Onto<'_, A>, y: &mut [A]) {
        let (channels, step) = (self.inputs, self.width.stride * self.inputs);
        simd::dispatch(
            #[inline(always)]
            || {
                let mut at = 0;
                while at < self.width.outputs {
                    let count = ABREAST.min(self.width.outputs - at);
                    let (picture, y) = (&picture[at * step..], &mut y[at * channels..]);
                    let mut c = 0;
                    while c < channels {
                        let lanes = LANES.min(channels - c);
                        if lanes == LANES && count == ABREAST {
                            self.block::<A, ABREAST, LANES>(picture, w, onto, (c, step), y);
                            c += LANES;
                        } else {
                            for i in 0..count {
                                for c in c..c + lanes {
                                    self.block::<A, 1, 1>(
                                        &picture[i * step..],
                                        w,
                                        onto,
                                        (c, step),
                                        &mut y[i * channels..],
                                    );
                                }
                            }
                            c += lanes;
                        }
                    }
                    at += count;
                }
            },
        );
    }

    /// `N` positions by `L` channels from channel c on.
    #[inline(always)]
    fn block<A: Scalar, const N: usize, const L: usize>(
        &self,
        picture: &[A],
        w: &[A],
        onto: Onto<'_, A>,
        (c, step): (usize, usize),
        y: &mut [A],
    ) {
        let channels = self.inputs;
        let mut sums = [[A::zero(); L]; N];
        for (i, sums) in sums.iter_mut().enumerate() {
            match onto {
                Onto::Nothing => {}
                Onto::Bias(bias) => sums.copy_from_slice(&bias[c..c + L]),
                Onto::Itself => sums.copy_from_slice(&y[i * channels + c..][..L]),
            }
        }
        for (&offset, w) in self.pieces.iter().zip(w.chunks_exact(channels)) {
            let w = &w[c..c + L];
            for (i, sums) in sums.iter_mut().enumerate() {
                let x = &picture[i * step + offset + c..][..L];
                for l in 0..L {
                    sums[l] += x[l] * w[l];
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            y[i * channels + c..][..L].copy_from_slice(sums);
        }
    }

    /// Adds δ·w of an output row to where its windows came from.
    pub(super) fn depthwise_scatter<A: Scalar>(&self, delta: &[A], w: &[A], picture: &mut [A]) {
        let (channels, step) = (self.inputs, self.width.stride * self.inputs);
        simd::dispatch(
            #[inline(always)]
            || {
                for (i, delta) in delta.chunks_exact(channels).enumerate() {
                    for (&offset, w) in self.pieces.iter().zip(w.chunks_exact(channels)) {
                        let x = &mut picture[i * step + offset..][..channels];
                        x.iter_mut().zip(delta).zip(w).for_each(|((x, &delta), &w)| *x += delta * w);
                    }
                }
            },
        );
    }

    /// Adds what an output row says of ∂C/∂W.
    pub(super) fn depthwise_weight<A: Scalar>(&self, picture: &[A], delta: &[A], grad: &mut [A]) {
        let (channels, step) = (self.inputs, self.width.stride * self.inputs);
        simd::dispatch(
            #[inline(always)]
            || {
                for (&offset, grad) in self.pieces.iter().zip(grad.chunks_exact_mut(channels)) {
                    for (i, delta) in delta.chunks_exact(channels).enumerate() {
                        let x = &picture[i * step + offset..][..channels];
                        grad.iter_mut().zip(x).zip(delta).for_each(|((grad, &x), &delta)| *grad += x * delta);
                    }
                }
            },
        );
    }
}
