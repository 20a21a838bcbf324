//! The way up: y = x ∗ W.

use std::ops::Range;

use ndarray::aview1;

use super::{Convolution, Onto, finish, has_tiles};
use crate::epilogue::Epilogue;
use crate::gemm::gemm;
#[cfg(target_arch = "x86_64")]
use crate::kernel::Folded;
use crate::pool::sweep;
use crate::scalar::Scalar;

impl Convolution {
    /// y ← x ∗ W + onto, for pictures one after the other; then each part of y goes to the epilogue, as in
    /// [`gemm_then`](crate::gemm_then).
    ///
    /// # Panics
    /// If x, W and y are not of the convolution's sizes.
    #[track_caller]
    pub fn forward<A: Scalar>(
        &self,
        x: &[A],
        w: &[A],
        onto: Onto<'_, A>,
        y: &mut [A],
        epilogue: Option<&Epilogue<'_, A>>,
    ) {
        let pictures = self.pictures(x, w, y);
        let (size, high) = (self.output_row(), self.height.outputs);
        // The bits of a library's products depend on their sizes: there, all of a picture goes to one thread.
        let unit = if has_tiles() { size } else { self.output_size() };
        sweep([y], unit, self.least_shared(pictures), |from, [y]| {
            let mut canvas = self.canvas();
            let (mut row, end) = (from / size, (from + y.len()) / size);
            while row < end {
                let (picture, first) = (row / high, row % high);
                let rows = first..(first + end - row).min(high);
                let part = &mut y[row * size - from..][..rows.len() * size];
                let image = &x[picture * self.input_size()..][..self.input_size()];
                let bordered = self.bordered(image, rows.clone(), &mut canvas);
                self.rows_forward(bordered, rows.clone(), w, onto, (row * size, part), epilogue);
                row += rows.len();
            }
        });
    }

    /// Some output rows of one picture, given what they see of it and the place of the first in y.
    fn rows_forward<A: Scalar>(
        &self,
        bordered: &[A],
        rows: Range<usize>,
        w: &[A],
        onto: Onto<'_, A>,
        (place, y): (usize, &mut [A]),
        epilogue: Option<&Epilogue<'_, A>>,
    ) {
        let size = self.output_row();
        if self.is_depthwise() {
            for (i, y) in y.chunks_exact_mut(size).enumerate() {
                self.depthwise_row(&bordered[self.rows[i]..], w, onto, y);
                finish(epilogue, place + i * size, y);
            }
            return;
        }
        #[cfg(target_arch = "x86_64")]
        if has_tiles() {
            for (i, y) in y.chunks_exact_mut(size).enumerate() {
                self.row_by_tiles(&bordered[self.rows[i]..], w, onto, y);
                finish(epilogue, place + i * size, y);
            }
            return;
        }
        let block = self.rows_at_once();
        self.with_windows(block.min(rows.len()), |windows: &mut [A]| {
            for (i, y) in y.chunks_mut(block * size).enumerate() {
                let windows = &mut windows[..y.len() / self.outputs * self.depth()];
                for group in 0..self.groups {
                    let windows = self.unfold(&bordered[self.rows[i * block]..], group, windows);
                    let mut out = self.columns_mut(y, group);
                    let beta = match onto {
                        Onto::Nothing => A::zero(),
                        Onto::Itself => A::one(),
                        Onto::Bias(bias) => {
                            let n = self.group_outputs();
                            out.assign(&aview1(&bias[group * n..(group + 1) * n]));
                            A::one()
                        }
                    };
                    gemm(A::one(), &windows, &self.columns(w, group), beta, &mut out);
                }
                finish(epilogue, place + i * block * size, y);
            }
        });
    }

    /// One output row, from where its first window begins.
    #[cfg(target_arch = "x86_64")]
    fn row_by_tiles<A: Scalar>(&self, bordered: &[A], w: &[A], onto: Onto<'_, A>, y: &mut [A]) {
        let (inputs, n) = (self.group_inputs(), self.group_outputs());
        for group in 0..self.groups {
            let (beta, base) = match onto {
                Onto::Nothing => (A::zero(), None),
                Onto::Itself => (A::one(), None),
                Onto::Bias(bias) => (A::one(), Some(&bias[group * n..(group + 1) * n])),
            };
            let product = Folded {
                a: &bordered[group * inputs..],
                row: self.width.stride * self.inputs,
                column: 1,
                offsets: &self.pieces,
                segment: self.piece,
                b: &w[group * n..],
                b_row: self.outputs,
                columns: n,
                beta,
                base,
            };
            product.compute(self.width.outputs, &mut y[group * n..], self.outputs);
        }
    }
}
