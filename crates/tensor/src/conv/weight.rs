//! The gradient of the weights: ∂C/∂W.

use std::cell::Cell;
use std::ops::Range;

use ndarray::{ArrayView2, aview_mut1};

use super::unfold::add;
use super::{Convolution, has_tiles};
use crate::gemm::gemm;
#[cfg(target_arch = "x86_64")]
use crate::kernel::Folded;
use crate::kernel::Scratch;
use crate::pool::{slab, sweep};
use crate::rows::add_rows;
use crate::scalar::{Accum, Scalar};
use crate::simd;

thread_local! {
    static SUMS: Cell<Scratch> = const { Cell::new(Scratch::new()) };
}

/// The pictures are summed in so many groups at most, each of which a thread can take.
const MOST_SUMS: usize = 8;
/// The numbers of all their sums at most; where W is larger, the threads share its rows.
const SUMS_SIZE: usize = 1 << 17;
/// Bytes of δ at a time, which stay in the first cache while the rows of ∂C/∂W pass by.
#[cfg(target_arch = "x86_64")]
const PART: usize = 1 << 14;

impl Convolution {
    /// ∂C/∂W, given δ = ∂C/∂y, put into or added to `grad`.
    ///
    /// # Panics
    /// If x, δ and `grad` are not of the convolution's sizes.
    #[track_caller]
    pub fn backward_weight<A: Scalar>(&self, x: &[A], delta: &[A], grad: &mut [A], accum: Accum) {
        let pictures = self.pictures(x, grad, delta);
        let least = self.least_shared(pictures);
        let size = self.weights();
        if pictures == 0 {
            if accum == Accum::Replace {
                grad.fill(A::zero());
            }
            return;
        }
        let sums = (SUMS_SIZE / size).min(MOST_SUMS).min(pictures);
        if sums <= 1 {
            let unit = 8 * self.outputs;
            let least = if has_tiles() && !self.is_depthwise() { least } else { usize::MAX };
            return sweep([grad], unit, least, |from, [grad]| {
                let rows = from / self.outputs..(from + grad.len()) / self.outputs;
                self.rows_backward(x, delta, 0..pictures, rows, grad, accum);
            });
        }
        let mut scratch = Scratch::borrow(&SUMS);
        let all = scratch.slice::<A>(sums * size);
        sweep([all], size, least, |from, [some]| {
            for (i, sum) in some.chunks_exact_mut(size).enumerate() {
                let pictures = slab(pictures, 1, sums, from / size + i);
                self.rows_backward(x, delta, pictures, 0..self.depth(), sum, Accum::Replace);
            }
        });
        let all = scratch.slice::<A>(sums * size);
        simd::dispatch(
            #[inline(always)]
            || {
                for (i, sum) in all.chunks_exact(size).enumerate() {
                    if i == 0 && accum == Accum::Replace { grad.copy_from_slice(sum) } else { add(sum, grad) }
                }
            },
        );
    }

    /// ∂C/∂b = Σ δ over pictures and positions, put into or added to `grad`; of a transposed convolution, whose δ is like the input
    /// here, with `is_transposed`. The sums run along whole rows of positions first, which fill registers where features are few.
    ///
    /// # Panics
    /// If δ and `grad` are not of the convolution's sizes.
    #[track_caller]
    pub fn backward_bias<A: Scalar>(&self, delta: &[A], is_transposed: bool, grad: &mut [A], accum: Accum) {
        let row = if is_transposed { self.width.inputs * self.inputs } else { self.output_row() };
        let mut scratch = Scratch::borrow(&SUMS);
        let sums = scratch.slice::<A>(row);
        let rows = ArrayView2::from_shape((delta.len() / row, row), delta).expect("rows of positions");
        add_rows(&rows, &mut aview_mut1(sums), Accum::Replace);
        if accum == Accum::Replace {
            grad.fill(A::zero());
        }
        sums.chunks_exact(grad.len()).for_each(|position| add(position, grad));
    }

    /// Some rows of ∂C/∂W, summed over some pictures.
    fn rows_backward<A: Scalar>(
        &self,
        x: &[A],
        delta: &[A],
        pictures: Range<usize>,
        rows: Range<usize>,
        grad: &mut [A],
        mut accum: Accum,
    ) {
        let mut canvas = self.canvas();
        for picture in pictures {
            let image = &x[picture * self.input_size()..][..self.input_size()];
            let delta = &delta[picture * self.output_size()..][..self.output_size()];
            let bordered = self.bordered(image, 0..self.height.outputs, &mut canvas);
            self.picture_backward(bordered, delta, rows.clone(), grad, accum);
            accum = Accum::Add;
        }
    }

    fn picture_backward<A: Scalar>(
        &self,
        bordered: &[A],
        delta: &[A],
        rows: Range<usize>,
        grad: &mut [A],
        mut accum: Accum,
    ) {
        if self.is_depthwise() {
            if accum == Accum::Replace {
                grad.fill(A::zero());
            }
            for (i, delta) in delta.chunks_exact(self.output_row()).enumerate() {
                self.depthwise_weight(&bordered[self.rows[i]..], delta, grad);
            }
            return;
        }
        #[cfg(target_arch = "x86_64")]
        if has_tiles() {
            let part = (PART / (self.output_row() * size_of::<A>())).max(1);
            for (i, delta) in delta.chunks(part * self.output_row()).enumerate() {
                self.weight_by_tiles(&bordered[self.rows[i * part]..], delta, rows.clone(), grad, accum);
                accum = Accum::Add;
            }
            return;
        }
        let block = self.rows_at_once();
        self.with_windows(block.min(self.height.outputs), |windows: &mut [A]| {
            for (i, delta) in delta.chunks(block * self.output_row()).enumerate() {
                let count = delta.len() / self.outputs;
                for group in 0..self.groups {
                    let windows = &mut windows[..count * self.depth()];
                    let windows = self.unfold(&bordered[self.rows[i * block]..], group, windows);
                    let mut grad = self.columns_mut(grad, group);
                    gemm(A::one(), &windows.t(), &self.columns(delta, group), accum.beta(), &mut grad);
                }
                accum = Accum::Add;
            }
        });
    }

    /// Some rows of ∂C/∂W from some output rows: neighbours in a piece of a window are neighbours in the picture, and the
    /// depth of the product goes over the positions of δ.
    #[cfg(target_arch = "x86_64")]
    fn weight_by_tiles<A: Scalar>(
        &self,
        bordered: &[A],
        delta: &[A],
        rows: Range<usize>,
        grad: &mut [A],
        accum: Accum,
    ) {
        let (inputs, n) = (self.group_inputs(), self.group_outputs());
        for group in 0..self.groups {
            for (i, &offset) in self.pieces.iter().enumerate() {
                let piece = i * self.piece..(i + 1) * self.piece;
                let (from, to) = (rows.start.max(piece.start), rows.end.min(piece.end));
                if from >= to {
                    continue;
                }
                let product = Folded {
                    a: &bordered[group * inputs + offset + from - piece.start..],
                    row: 1,
                    column: self.width.stride * self.inputs,
                    offsets: &self.rows[..delta.len() / self.output_row()],
                    segment: self.width.outputs,
                    b: &delta[group * n..],
                    b_row: self.outputs,
                    columns: n,
                    beta: accum.beta(),
                    base: None,
                };
                let place = (from - rows.start) * self.outputs + group * n;
                product.compute(to - from, &mut grad[place..], self.outputs);
            }
        }
    }
}
