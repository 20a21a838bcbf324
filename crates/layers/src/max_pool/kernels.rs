//! The largest number of a window, channel by channel, and which one it is.

use chainrule_tensor::Scalar;

use crate::blocks::{self, Block};

/// Where in an example the inputs of a window begin, in the order of the window.
pub(super) trait Taps: Copy {
    fn each(self, f: impl FnMut(usize));
    /// The last first.
    fn each_back(self, f: impl FnMut(usize));
}

impl<const N: usize> Taps for [usize; N] {
    #[inline(always)]
    fn each(self, mut f: impl FnMut(usize)) {
        for tap in self {
            f(tap);
        }
    }

    #[inline(always)]
    fn each_back(self, mut f: impl FnMut(usize)) {
        for i in (0..N).rev() {
            f(self[i]);
        }
    }
}

/// Those of any number of lines and columns.
#[derive(Clone, Copy)]
pub(super) struct AllTaps<F> {
    pub(super) size: [usize; 2],
    pub(super) tap: F,
}

impl<F: Fn(usize, usize) -> usize + Copy> Taps for AllTaps<F> {
    #[inline(always)]
    fn each(self, mut f: impl FnMut(usize)) {
        for i in 0..self.size[0] {
            for j in 0..self.size[1] {
                f((self.tap)(i, j));
            }
        }
    }

    #[inline(always)]
    fn each_back(self, mut f: impl FnMut(usize)) {
        for i in (0..self.size[0]).rev() {
            for j in (0..self.size[1]).rev() {
                f((self.tap)(i, j));
            }
        }
    }
}

/// What is done at each position of a line.
pub(super) trait Visit {
    fn position(&mut self, across: usize, taps: impl Taps);
}

/// A kernel over blocks of channels with the taps of its window.
struct At<P, T> {
    pass: P,
    taps: T,
}

/// y ← max x.
pub(super) struct Largest<'a, A> {
    pub(super) x: &'a [A],
    pub(super) y: &'a mut [A],
    pub(super) channels: usize,
}

impl<A: Scalar> Visit for Largest<'_, A> {
    #[inline(always)]
    fn position(&mut self, across: usize, taps: impl Taps) {
        let y = &mut self.y[across * self.channels..(across + 1) * self.channels];
        let pass = Largest { x: self.x, y, channels: self.channels };
        blocks::over(self.channels, &mut At { pass, taps });
    }
}

impl<A: Scalar, T: Taps> Block for At<Largest<'_, A>, T> {
    #[inline(always)]
    fn block<const L: usize>(&mut self, at: usize) {
        let mut best = [A::neg_infinity(); L];
        self.taps.each(
            #[inline(always)]
            |tap| {
                for (best, x) in best.iter_mut().zip(blocks::load::<_, L>(self.pass.x, tap + at)) {
                    // Written so that a NaN stays, and the first of equals.
                    *best = if x > *best || x.is_nan() { x } else { *best };
                }
            },
        );
        *blocks::place(self.pass.y, at) = best;
    }
}

/// R{y} ← R{x} at the maximum.
pub(super) struct Selected<'a, A> {
    pub(super) x: &'a [A],
    pub(super) y: &'a [A],
    pub(super) r_x: &'a [A],
    pub(super) r_y: &'a mut [A],
    pub(super) channels: usize,
}

impl<A: Scalar> Visit for Selected<'_, A> {
    #[inline(always)]
    fn position(&mut self, across: usize, taps: impl Taps) {
        let range = across * self.channels..(across + 1) * self.channels;
        let Self { x, r_x, channels, .. } = *self;
        let pass = Selected { x, y: &self.y[range.clone()], r_x, r_y: &mut self.r_y[range], channels };
        blocks::over(channels, &mut At { pass, taps });
    }
}

impl<A: Scalar, T: Taps> Block for At<Selected<'_, A>, T> {
    #[inline(always)]
    fn block<const L: usize>(&mut self, at: usize) {
        let Selected { x, y, r_x, .. } = self.pass;
        let (mut selected, y) = ([A::zero(); L], blocks::load::<_, L>(y, at));
        // Backwards, so that the first of equals is the one that stays.
        self.taps.each_back(
            #[inline(always)]
            |tap| {
                let (x, r_x) = (blocks::load::<_, L>(x, tap + at), blocks::load::<_, L>(r_x, tap + at));
                for i in 0..L {
                    selected[i] = if is_maximum(x[i], y[i]) { r_x[i] } else { selected[i] };
                }
            },
        );
        *blocks::place(self.pass.r_y, at) = selected;
    }
}

/// ∂C/∂x at the maximum ← δ; added where windows overlap.
pub(super) struct Scatter<'a, A, const ADD: bool> {
    pub(super) x: &'a [A],
    pub(super) y: &'a [A],
    pub(super) delta: &'a [A],
    /// The example's.
    pub(super) out: &'a mut [A],
    pub(super) channels: usize,
}

impl<A: Scalar, const ADD: bool> Visit for Scatter<'_, A, ADD> {
    #[inline(always)]
    fn position(&mut self, across: usize, taps: impl Taps) {
        let range = across * self.channels..(across + 1) * self.channels;
        let (y, delta, channels) = (&self.y[range.clone()], &self.delta[range], self.channels);
        let pass = Scatter::<A, ADD> { x: self.x, y, delta, out: self.out, channels };
        let mut at = At { pass, taps };
        if ADD { blocks::once(channels, &mut at) } else { blocks::over(channels, &mut at) }
    }
}

impl<A: Scalar, T: Taps, const ADD: bool> Block for At<Scatter<'_, A, ADD>, T> {
    #[inline(always)]
    fn block<const L: usize>(&mut self, at: usize) {
        let Scatter { x, y, delta, out, .. } = &mut self.pass;
        let (y, mut left) = (blocks::load::<_, L>(y, at), blocks::load::<_, L>(delta, at));
        self.taps.each(
            #[inline(always)]
            |tap| {
                let x = blocks::load::<_, L>(x, tap + at);
                let out = blocks::place::<_, L>(out, tap + at);
                for i in 0..L {
                    let is_maximum = is_maximum(x[i], y[i]);
                    let share = if is_maximum { left[i] } else { A::zero() };
                    // δ goes to one input.
                    left[i] = if is_maximum { A::zero() } else { left[i] };
                    out[i] = if ADD { out[i] + share } else { share };
                }
            },
        );
    }
}

/// Whether x may be the input that y was taken from.
#[inline(always)]
fn is_maximum<A: Scalar>(x: A, y: A) -> bool {
    x == y || x.is_nan()
}
