//! A picture with its border of zeros.

use std::cell::Cell;
use std::ops::Range;

use super::Convolution;
use super::unfold::add;
use crate::kernel::{Borrowed, Scratch};
use crate::scalar::Scalar;
use crate::simd;

thread_local! {
    static BORDERED: Cell<Scratch> = const { Cell::new(Scratch::new()) };
}

/// The thread's memory for a picture with its border.
pub(super) struct Canvas(Option<Borrowed>);

impl Convolution {
    /// Memory for bordered pictures, until it is dropped.
    pub(super) fn canvas(&self) -> Canvas {
        let is_inside = self.height.is_inside() && self.width.is_inside();
        Canvas((!is_inside).then(|| Scratch::borrow(&BORDERED)))
    }

    /// The rows of the bordered picture that the output rows `rows` see: `image` itself where there is no border.
    pub(super) fn bordered<'c, A: Scalar>(
        &self,
        image: &'c [A],
        rows: Range<usize>,
        canvas: &'c mut Canvas,
    ) -> &'c [A] {
        let (height, width) = (self.height, self.width);
        let first = rows.start * height.stride;
        let seen = first..(rows.end - 1) * height.stride + height.reach() + 1;
        let Some(canvas) = &mut canvas.0 else {
            return &image[seen.start * self.row..seen.end * self.row];
        };
        let canvas = canvas.slice::<A>(seen.len() * self.row);
        let from = width.before.min(width.bordered()) * self.inputs;
        let length = (width.inputs * self.inputs).min(self.row - from);
        for (place, to) in seen.zip(canvas.chunks_exact_mut(self.row)) {
            let Some(inside) = place.checked_sub(height.before).filter(|&inside| inside < height.inputs)
            else {
                to.fill(A::zero());
                continue;
            };
            let row = &image[inside * width.inputs * self.inputs..];
            to[..from].fill(A::zero());
            to[from..from + length].copy_from_slice(&row[..length]);
            to[from + length..].fill(A::zero());
        }
        canvas
    }
    /// Gives `body` a bordered picture of zeros, or `image` itself where there is no border; then adds what is inside to `image`.
    pub(super) fn on_bordered<A: Scalar>(&self, image: &mut [A], body: impl FnOnce(&mut [A])) {
        let (height, width) = (self.height, self.width);
        let Some(mut canvas) = self.canvas().0 else { return body(image) };
        let canvas = canvas.slice::<A>(height.bordered() * self.row);
        canvas.fill(A::zero());
        body(canvas);
        let from = width.before.min(width.bordered()) * self.inputs;
        let rows = canvas.chunks_exact(self.row).skip(height.before);
        simd::dispatch(
            #[inline(always)]
            || {
                for (to, row) in image.chunks_exact_mut(width.inputs * self.inputs).zip(rows) {
                    add(&row[from..], to);
                }
            },
        );
    }
}
