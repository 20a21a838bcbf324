//! Convolutions of pictures and sequences, channels last: the products behind a convolutional layer.
//!
//! For pictures x (height, width, channels) and weights W (kernel height, kernel width, channels, outputs),
//! ```text
//! y[o, p, n] = Σ_{i, j, c} x[o·s − b + d·i, p·s − b + d·j, c] · W[i, j, c, n]
//! ```
//! with stride s, dilation d and a border of b zeros. The windows of x are the rows of a matrix whose product with W is y; that
//! matrix is never made. With register tiles its rows are read where they lie in the picture, each of them a few contiguous
//! pieces: see `folded.rs`. With a linked BLAS, some rows of it at a time are copied to where the cache has them: `unfold.rs`.
//!
//! # Threads
//! Within [`Pool::enter`](crate::Pool::enter) the threads share the output rows and the pictures. What each number is a sum
//! of, and in which order, depends on the shape alone, so that the bits are the same for any number of threads.

mod axis;
mod depthwise;
mod input;
mod output;
mod picture;
#[cfg(test)]
mod tests;
mod unfold;
mod weight;

use crate::epilogue::Epilogue;
use crate::kernel::Kernel;

pub use axis::{Axis, Run};

/// Multiply-adds from which threads share a pass.
const WORTH_SHARING: usize = 1 << 16;

/// The geometry of a convolution: axes, channels and groups.
///
/// In a group, each output sees the inputs of its own group alone; W is `(kernel height, kernel width, inputs / groups,
/// outputs)`, row-major.
///
/// ```
/// use chainrule_tensor::conv::{Axis, Convolution, Onto};
///
/// // Sums of neighbours: the kernel (1, 1) over four numbers.
/// let axis = Axis { inputs: 4, outputs: 3, kernel: 2, stride: 1, dilation: 1, before: 0 };
/// let sums = Convolution::new([Axis::LONE, axis], [1, 1], 1);
/// let mut y = [0.0_f32; 3];
/// sums.forward(&[1.0, 2.0, 3.0, 4.0], &[1.0, 1.0], Onto::Nothing, &mut y, None);
/// assert_eq!(y, [3.0, 5.0, 7.0]);
/// ```
#[derive(Debug, Clone)]
pub struct Convolution {
    height: Axis,
    width: Axis,
    inputs: usize,
    outputs: usize,
    groups: usize,
    /// Numbers from one row of the bordered picture to the next.
    row: usize,
    /// Where the pieces of a window begin that are contiguous in the bordered picture: rows of the kernel, or its taps.
    pieces: Vec<usize>,
    /// The length of each.
    piece: usize,
    /// Where the first window of each output row begins.
    rows: Vec<usize>,
    /// The convolution that takes ∂C/∂y to ∂C/∂x, where there is one.
    turned: Option<Box<Convolution>>,
}

/// What a result is added to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Onto<'a, A> {
    /// Nothing: the old contents are not read.
    Nothing,
    /// A bias for each output.
    Bias(&'a [A]),
    /// The old contents.
    Itself,
}

impl Convolution {
    /// Over the axes of height and width, from `inputs` to `outputs` channels, in `groups`.
    ///
    /// # Panics
    /// If the groups do not divide both numbers of channels, or a length is 0.
    #[track_caller]
    pub fn new([height, width]: [Axis; 2], [inputs, outputs]: [usize; 2], groups: usize) -> Self {
        let divides = |n: usize| groups > 0 && n > 0 && n.is_multiple_of(groups);
        assert!(
            divides(inputs) && divides(outputs),
            "convolution: {groups} groups of {inputs} and {outputs}"
        );
        for axis in [height, width] {
            let lengths = [axis.inputs, axis.outputs, axis.kernel, axis.stride, axis.dilation];
            assert!(!lengths.contains(&0), "convolution: {axis:?} has a length of 0");
        }
        let plain = Self::plain([height, width], [inputs, outputs], groups);
        Self { turned: plain.turned().map(Box::new), ..plain }
    }

    /// Without the way down.
    fn plain([height, width]: [Axis; 2], [inputs, outputs]: [usize; 2], groups: usize) -> Self {
        let row = width.bordered() * inputs;
        let taps = |axis: Axis| (0..axis.kernel).map(move |tap| tap * axis.dilation);
        let (pieces, piece) = if groups == 1 && width.dilation == 1 {
            (taps(height).map(|i| i * row).collect(), width.kernel * inputs)
        } else {
            let each = taps(height).flat_map(|i| taps(width).map(move |j| i * row + j * inputs));
            (each.collect(), inputs / groups)
        };
        let rows = (0..height.outputs).map(|o| o * height.stride * row).collect();
        Self { height, width, inputs, outputs, groups, row, pieces, piece, rows, turned: None }
    }

    /// The channels of x and of y.
    pub fn channels(&self) -> [usize; 2] {
        [self.inputs, self.outputs]
    }

    /// The numbers of W.
    pub fn weights(&self) -> usize {
        self.depth() * self.outputs
    }

    /// The numbers of a picture.
    pub fn input_size(&self) -> usize {
        self.height.inputs * self.width.inputs * self.inputs
    }

    /// The numbers of an output.
    pub fn output_size(&self) -> usize {
        self.height.outputs * self.output_row()
    }

    /// The terms of each sum: the rows of W as a matrix.
    fn depth(&self) -> usize {
        self.height.kernel * self.width.kernel * (self.inputs / self.groups)
    }

    /// The numbers of a row of an output.
    fn output_row(&self) -> usize {
        self.width.outputs * self.outputs
    }

    /// The multiply-adds of a picture.
    fn work(&self) -> usize {
        self.output_size() * self.depth()
    }

    /// From how many numbers on the threads share a pass over this number of pictures, for [`sweep`](crate::pool::sweep): all or none.
    fn least_shared(&self, pictures: usize) -> usize {
        if pictures * self.work() < WORTH_SHARING { usize::MAX } else { 0 }
    }

    /// Whether each channel has a kernel of its own.
    fn is_depthwise(&self) -> bool {
        self.groups == self.inputs && self.groups == self.outputs && self.groups > 1
    }

    /// How many pictures `x` and `y` hold.
    #[track_caller]
    fn pictures<A>(&self, x: &[A], w: &[A], y: &[A]) -> usize {
        assert_eq!(w.len(), self.weights(), "convolution: W has another size");
        let n = x.len() / self.input_size();
        assert!(
            x.len() == n * self.input_size() && y.len() == n * self.output_size(),
            "convolution: {} and {} numbers are not as many pictures of {} and {}",
            x.len(),
            y.len(),
            self.input_size(),
            self.output_size()
        );
        n
    }
}

/// Whether the pieces of windows are multiplied where they lie.
fn has_tiles() -> bool {
    #[cfg(test)]
    if tests::UNFOLDED.get() {
        return false;
    }
    Kernel::usual() == Kernel::Tiles
}

/// Hands a finished part of a result to the epilogue.
fn finish<A>(epilogue: Option<&Epilogue<'_, A>>, place: usize, part: &mut [A]) {
    if let Some(epilogue) = epilogue {
        epilogue(place, part);
    }
}
