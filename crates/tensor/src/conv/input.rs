//! The way down to the input: ∂C/∂x.

use std::cell::Cell;

use ndarray::{ArrayView2, ArrayViewMut2};

use super::axis::Axis;
use super::{Convolution, Onto, finish};
use crate::epilogue::Epilogue;
use crate::gemm::gemm;
use crate::kernel::Scratch;
use crate::pool::sweep;
use crate::scalar::Scalar;

thread_local! {
    static TURNED: Cell<Scratch> = const { Cell::new(Scratch::new()) };
}

/// From this number of channels in a group on, ∂C/∂x is gathered by a convolution, whose columns they are; with fewer of them
/// most of a register would be empty.
const WORTH_GATHERING: usize = 8;

impl Convolution {
    /// The convolution of ∂C/∂y whose result is ∂C/∂x: x\[o − b + d·t\] was seen by y\[o\] at tap t, so with turned taps it
    /// sees y with a border of what the kernel reaches beyond b. A stride has no such convolution.
    pub(super) fn turned(&self) -> Option<Self> {
        let turned = |axis: Axis| {
            let before = axis.reach().checked_sub(axis.before)?;
            let (inputs, outputs) = (axis.outputs, axis.inputs);
            (axis.stride == 1).then_some(Axis { inputs, outputs, before, ..axis })
        };
        let is_wide = self.group_inputs() >= WORTH_GATHERING || self.is_depthwise();
        let axes = [turned(self.height)?, turned(self.width)?];
        is_wide.then(|| Self::plain(axes, [self.outputs, self.inputs], self.groups))
    }

    /// ∂x ← ∂C/∂x + onto, given δ = ∂C/∂y; then each part of it goes to the epilogue.
    ///
    /// # Panics
    /// If δ, W and ∂x are not of the convolution's sizes, or `onto` is a bias without a number for each channel of x.
    #[track_caller]
    pub fn backward_input<A: Scalar>(
        &self,
        delta: &[A],
        w: &[A],
        onto: Onto<'_, A>,
        delta_x: &mut [A],
        epilogue: Option<&Epilogue<'_, A>>,
    ) {
        let pictures = self.pictures(delta_x, w, delta);
        let mut scratch = Scratch::borrow(&TURNED);
        let turned_w = scratch.slice::<A>(self.weights());
        if let Some(turned) = &self.turned {
            self.turn(w, turned_w);
            return turned.forward(delta, turned_w, onto, delta_x, epilogue);
        }
        self.transpose(w, turned_w);
        let w = &*turned_w;
        let size = self.input_size();
        sweep([delta_x], size, self.least_shared(pictures), |from, [delta_x]| {
            for (i, delta_x) in delta_x.chunks_exact_mut(size).enumerate() {
                let delta = &delta[(from / size + i) * self.output_size()..][..self.output_size()];
                match onto {
                    Onto::Nothing => delta_x.fill(A::zero()),
                    Onto::Bias(bias) => {
                        delta_x.chunks_exact_mut(self.inputs).for_each(|x| x.copy_from_slice(bias));
                    }
                    Onto::Itself => {}
                }
                self.scatter(delta, w, delta_x);
                finish(epilogue, from + i * size, delta_x);
            }
        });
    }

    /// Adds ∂C/∂x of one picture: each window of it is δ·Wᵀ, which goes to where the window came from.
    fn scatter<A: Scalar>(&self, delta: &[A], transposed: &[A], delta_x: &mut [A]) {
        let (rows, high) = (self.rows_at_once(), self.height.outputs);
        self.on_bordered(delta_x, |picture| {
            if self.is_depthwise() {
                for (i, delta) in delta.chunks_exact(self.output_row()).enumerate() {
                    self.depthwise_scatter(delta, transposed, &mut picture[self.rows[i]..]);
                }
                return;
            }
            self.with_windows(rows.min(high), |windows: &mut [A]| {
                for (i, delta) in delta.chunks(rows * self.output_row()).enumerate() {
                    let count = delta.len() / self.outputs;
                    for (group, w) in transposed.chunks_exact(transposed.len() / self.groups).enumerate() {
                        let shape = (self.group_outputs(), self.depth());
                        let w = ArrayView2::from_shape(shape, w).expect("a row for each output");
                        let windows = &mut windows[..count * self.depth()];
                        let mut products = ArrayViewMut2::from_shape((count, self.depth()), &mut *windows)
                            .expect("a window for each position");
                        gemm(A::one(), &self.columns(delta, group), &w, A::zero(), &mut products);
                        self.fold(windows, group, &mut picture[self.rows[i * rows]..]);
                    }
                }
            });
        });
    }

    /// W with its taps in the reverse order, and inputs and outputs exchanged in each group.
    fn turn<A: Scalar>(&self, w: &[A], to: &mut [A]) {
        let (inputs, outputs) = (self.group_inputs(), self.group_outputs());
        let taps = w.chunks_exact(inputs * self.outputs).rev();
        for (from, to) in taps.zip(to.chunks_exact_mut(outputs * self.inputs)) {
            for group in 0..self.groups {
                for c in 0..inputs {
                    for n in 0..outputs {
                        to[n * self.inputs + group * inputs + c] =
                            from[c * self.outputs + group * outputs + n];
                    }
                }
            }
        }
    }

    /// Wᵀ of one group after the other; of a depthwise convolution W itself.
    fn transpose<A: Scalar>(&self, w: &[A], to: &mut [A]) {
        if self.is_depthwise() {
            return to.copy_from_slice(w);
        }
        for (group, to) in to.chunks_exact_mut(w.len() / self.groups).enumerate() {
            let mut to = ArrayViewMut2::from_shape((self.group_outputs(), self.depth()), to)
                .expect("a row for each output");
            to.assign(&self.columns(w, group).t());
        }
    }
}
