//! Convolution by a matrix of windows, some output rows at a time: for any kernel of products, and what the tiles are checked
//! against.
//!
//! # References
//! Chellapilla, Puri and Simard, "High performance convolutional neural networks for document processing", IWFHR 2006.

use std::cell::Cell;

use ndarray::{ArrayView2, ArrayViewMut2, s};

use super::Convolution;
use crate::kernel::Scratch;
use crate::scalar::Scalar;
use crate::simd;

thread_local! {
    static WINDOWS: Cell<Scratch> = const { Cell::new(Scratch::new()) };
}

/// Windows that are made at a time, about.
const WINDOWS_AT_ONCE: usize = 128;

impl Convolution {
    /// The output rows whose windows are made at a time.
    pub(super) fn rows_at_once(&self) -> usize {
        (WINDOWS_AT_ONCE / self.width.outputs).max(1)
    }

    /// Gives `body` a matrix `(rows·width, depth)`, one for each group and uninitialised.
    pub(super) fn with_windows<A: Scalar>(&self, rows: usize, body: impl FnOnce(&mut [A])) {
        let mut scratch = Scratch::borrow(&WINDOWS);
        body(scratch.slice::<A>(rows * self.width.outputs * self.depth()));
    }

    /// The windows of `group` in `rows` output rows, one a row, from the bordered picture whose first row the first of them sees.
    pub(super) fn unfold<'w, A: Scalar>(
        &self,
        picture: &[A],
        group: usize,
        windows: &'w mut [A],
    ) -> ArrayView2<'w, A> {
        for (i, window) in windows.chunks_exact_mut(self.depth()).enumerate() {
            let (row, column) = (i / self.width.outputs, i % self.width.outputs);
            let at = self.rows[row] + column * self.width.stride * self.inputs + group * self.group_inputs();
            for (piece, &offset) in window.chunks_exact_mut(self.piece).zip(&self.pieces) {
                piece.copy_from_slice(&picture[at + offset..at + offset + self.piece]);
            }
        }
        let shape = (windows.len() / self.depth(), self.depth());
        ArrayView2::from_shape(shape, windows).expect("one window a row")
    }

    /// The reverse: adds each number of the windows to where it came from, window by window.
    pub(super) fn fold<A: Scalar>(&self, windows: &[A], group: usize, picture: &mut [A]) {
        simd::dispatch(
            #[inline(always)]
            || {
                for (i, window) in windows.chunks_exact(self.depth()).enumerate() {
                    let (row, column) = (i / self.width.outputs, i % self.width.outputs);
                    let at = self.rows[row] + column * self.width.stride * self.inputs;
                    for (piece, &offset) in window.chunks_exact(self.piece).zip(&self.pieces) {
                        let at = at + offset + group * self.group_inputs();
                        add(piece, &mut picture[at..at + self.piece]);
                    }
                }
            },
        );
    }

    /// The channels of a group.
    pub(super) fn group_inputs(&self) -> usize {
        self.inputs / self.groups
    }

    /// The outputs of a group.
    pub(super) fn group_outputs(&self) -> usize {
        self.outputs / self.groups
    }

    /// The columns of `group` in a matrix of all outputs.
    pub(super) fn columns<'a, A>(&self, matrix: &'a [A], group: usize) -> ArrayView2<'a, A> {
        let (rows, n) = (matrix.len() / self.outputs, self.group_outputs());
        let all = ArrayView2::from_shape((rows, self.outputs), matrix).expect("rows of outputs");
        all.slice_move(s![.., group * n..(group + 1) * n])
    }

    /// The same, to write to.
    pub(super) fn columns_mut<'a, A>(&self, matrix: &'a mut [A], group: usize) -> ArrayViewMut2<'a, A> {
        let (rows, n) = (matrix.len() / self.outputs, self.group_outputs());
        let all = ArrayViewMut2::from_shape((rows, self.outputs), matrix).expect("rows of outputs");
        all.slice_move(s![.., group * n..(group + 1) * n])
    }
}

/// to ← to + from.
#[inline(always)]
pub(super) fn add<A: Scalar>(from: &[A], to: &mut [A]) {
    to.iter_mut().zip(from).for_each(|(to, &from)| *to += from);
}
