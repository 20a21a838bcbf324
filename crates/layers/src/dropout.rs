use std::fmt;

use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::{Init, Layout, Scalar, Shape, hash, rows, simd};
use serde::{Deserialize, Serialize};

use crate::layer::Layer;
use crate::mode::Mode;
use crate::onnx::OnnxWriter;
use crate::point::{Grad, Point};
use crate::second_order::{Dual, SecondOrder, Tangent};
use crate::spec::{LayerSpec, SpecError};
use crate::tape::{Tape, TapeKind};
use crate::words::{Arguments, WordsError};

/// Sets each unit to zero with probability p in training, and scales the rest by 1/(1 − p); passes all on otherwise.
///
/// The mask is a hash of (seed, row, column): a pure function of the step, the same at every point of a line search
/// and for every way to split the batch. [`Dropout::of_channels`] drops whole channels: where neighbouring positions are alike, single
/// units would be known from their neighbours.
///
/// # Shapes
/// x and y are of one shape, any. No parameters.
///
/// # Gradient
/// ```text
/// ∂C/∂x = m·δ      with the mask m ∈ {0, 1/(1 − p)}
/// ```
///
/// # References
/// Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014, §4 (there the
/// weights are scaled at test time, which is the same in the mean); Tompson et al., "Efficient object localization using convolutional
/// networks", CVPR 2015, §3.2 (whole channels).
///
/// ```
/// use chainrule_layers::{Dropout, Layer, Mode, TapeKind};
/// use chainrule_tensor::ndarray::Array2;
///
/// let (layer, x) = (Dropout::new(1000, 0.5), Array2::<f32>::ones((1, 1000)));
/// let (mut y, mut tape) = (x.clone(), layer.tape(TapeKind::Complete, 1));
/// layer.forward(Mode::Train { seed: 1, row: 0 }, &[], &x, &mut y, &mut tape);
/// assert!(y.iter().all(|&y| y == 0.0 || y == 2.0) && (y.sum() - 1000.0).abs() < 200.0);
/// ```
#[derive(Clone)]
pub struct Dropout {
    shape: Shape,
    rate: f64,
    /// Whether all positions of an example share a mask.
    is_by_channel: bool,
    layout: Layout,
}

impl Dropout {
    /// Drops each unit with probability `rate`.
    ///
    /// # Panics
    /// If `rate` is not in `[0, 1)`.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>, rate: f64) -> Self {
        assert!((0.0..1.0).contains(&rate), "dropout: the rate {rate} is not in [0, 1)");
        Self { shape: shape.into(), rate, is_by_channel: false, layout: Layout::new() }
    }

    /// Drops each channel of an example with probability `rate`, at all positions: PyTorch's `nn.Dropout2d`.
    ///
    /// # Panics
    /// If `rate` is not in `[0, 1)`.
    #[track_caller]
    pub fn of_channels(shape: impl Into<Shape>, rate: f64) -> Self {
        Self { is_by_channel: true, ..Self::new(shape, rate) }
    }

    /// How many numbers of an example are dropped or kept one by one.
    fn units(&self) -> usize {
        if self.is_by_channel { self.shape.features() } else { self.shape.size() }
    }

    /// out ← m·signal.
    fn masked<A: Scalar>(&self, mask: &ArrayRef2<A>, signal: &ArrayRef2<A>, out: &mut ArrayRef2<A>) {
        if self.units() == self.shape.size() {
            return rows::map([mask, signal], out, |[m, signal], out| *out = m * signal);
        }
        let features = self.units();
        for ((out, signal), mask) in rows::slices_mut(out).zip(rows::slices(signal)).zip(rows::slices(mask)) {
            for (out, signal) in out.chunks_exact_mut(features).zip(signal.chunks_exact(features)) {
                for ((out, &signal), &m) in out.iter_mut().zip(signal).zip(mask) {
                    *out = m * signal;
                }
            }
        }
    }

    fn fill_mask<A: Scalar>(&self, mode: Mode<'_, A>, mask: &mut ArrayRef2<A>) {
        let Mode::Train { seed, row } = mode else { return mask.fill(A::one()) };
        // P(bits < rate·2⁶⁴) = rate.
        let threshold = (self.rate * 2.0_f64.powi(64)) as u64;
        let keep = A::of(1.0 / (1.0 - self.rate));
        for (i, mask) in rows::slices_mut(mask).enumerate() {
            simd::dispatch(
                #[inline(always)]
                || {
                    for (j, m) in mask.iter_mut().enumerate() {
                        *m =
                            if hash(seed, (row + i) as u64, j as u64) < threshold { A::zero() } else { keep };
                    }
                },
            );
        }
    }
}

impl<A: Scalar> Layer<A> for Dropout {
    fn input_shape(&self) -> Shape {
        self.shape
    }

    fn output_shape(&self) -> Shape {
        self.shape
    }

    fn is_random(&self) -> bool {
        self.rate > 0.0
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn tape(&self, _: TapeKind, batch: usize) -> Tape<A> {
        Tape::with_widths(batch, [self.units()])
    }

    fn forward(
        &self,
        mode: Mode<'_, A>,
        _: &[A],
        x: &ArrayRef2<A>,
        y: &mut ArrayRef2<A>,
        tape: &mut Tape<A>,
    ) {
        let [mut mask] = tape.rows_mut(x.nrows());
        self.fill_mask(mode, &mut mask);
        self.masked(&mask, x, y);
    }

    fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        _: Option<Grad<'_, A>>,
        tape: &mut Tape<A>,
    ) {
        let [mask] = tape.rows_mut(at.x.nrows());
        if let Some(delta_x) = delta_x {
            self.masked(&mask, delta, delta_x);
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        Some(self)
    }
}

impl<A: Scalar> SecondOrder<A> for Dropout {
    fn r_forward(
        &self,
        at: Point<'_, A>,
        _: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        tapes: Dual<&mut Tape<A>>,
    ) {
        let [mask] = tapes.value.rows_mut(at.x.nrows());
        match r_x {
            Some(r_x) => self.masked(&mask, r_x, r_y),
            None => r_y.fill(A::zero()),
        }
    }

    fn r_backward(
        &self,
        at: Point<'_, A>,
        _: Tangent<'_, A>,
        delta: Dual<&ArrayRef2<A>>,
        r_delta_x: Option<&mut ArrayRef2<A>>,
        _: &mut [A],
        tapes: Dual<&mut Tape<A>>,
    ) {
        let [mask] = tapes.value.rows_mut(at.x.nrows());
        if let Some(r_delta_x) = r_delta_x {
            self.masked(&mask, delta.tangent, r_delta_x);
        }
    }
}

impl fmt::Debug for Dropout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_by_channel { "channels of " } else { "" };
        write!(f, "Dropout({what}{}, p = {})", self.shape, self.rate)
    }
}

/// What follows the name in words.
const RATE: &str = "the rate, such as 0.5";

fn checked(rate: f64, input: Shape) -> Result<Shape, SpecError> {
    if (0.0..1.0).contains(&rate) {
        return Ok(input);
    }
    Err(SpecError::here(format!("the rate {rate} is not in [0, 1)")))
}

/// [`Dropout`] without its input: `dropout 0.5`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropoutSpec {
    /// The probability of dropping a unit.
    pub rate: f64,
}

impl LayerSpec for DropoutSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        let dropout: &Dropout = layer.downcast()?;
        (!dropout.is_by_channel).then_some(Self { rate: dropout.rate })
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        checked(self.rate, input)
    }

    fn build<A: Scalar>(&self, input: Shape, _: Init) -> Box<dyn Layer<A>> {
        Box::new(Dropout::new(input, self.rate))
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        Ok(Self { rate: arguments.required(RATE)? })
    }

    fn to_words(&self) -> String {
        self.rate.to_string()
    }

    /// It passes everything on outside training.
    fn write_onnx(&self, _: Shape, x: &str, _: &mut OnnxWriter) -> String {
        x.to_owned()
    }

    fn keeps_places(&self) -> bool {
        true
    }

    fn specimens() -> Vec<(Shape, Self)> {
        vec![(Shape::Flat(11), Self { rate: 0.4 })]
    }
}

/// [`Dropout::of_channels`] without its input: `dropout-channels 0.2`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropoutChannelsSpec {
    /// The probability of dropping a channel.
    pub rate: f64,
}

impl LayerSpec for DropoutChannelsSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        let dropout: &Dropout = layer.downcast()?;
        dropout.is_by_channel.then_some(Self { rate: dropout.rate })
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        checked(self.rate, input)
    }

    fn build<A: Scalar>(&self, input: Shape, _: Init) -> Box<dyn Layer<A>> {
        Box::new(Dropout::of_channels(input, self.rate))
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        Ok(Self { rate: arguments.required(RATE)? })
    }

    fn to_words(&self) -> String {
        self.rate.to_string()
    }

    /// It passes everything on outside training.
    fn write_onnx(&self, _: Shape, x: &str, _: &mut OnnxWriter) -> String {
        x.to_owned()
    }

    fn keeps_places(&self) -> bool {
        true
    }

    fn specimens() -> Vec<(Shape, Self)> {
        let dropout = |input, rate| (input, Self { rate });
        vec![dropout(Shape::image(3, 2, 5), 0.4), dropout(Shape::sequence(4, 1), 0.5), dropout(6.into(), 0.2)]
    }
}

#[cfg(test)]
mod tests {
    use chainrule_tensor::ndarray::Array2;

    use super::*;

    #[test]
    fn a_channel_is_dropped_at_all_positions_and_others_in_another_row() {
        let (layer, x) =
            (Dropout::of_channels(Shape::image(4, 5, 100), 0.25), Array2::<f64>::ones((9, 2000)));
        let (mut y, mut tape) = (x.clone(), layer.tape(TapeKind::Complete, 9));
        layer.forward(Mode::Train { seed: 3, row: 0 }, &[], &x, &mut y, &mut tape);
        let first: Vec<&[f64]> = rows::slices(&y).map(|row| &row[..100]).collect();
        for (row, first) in rows::slices(&y).zip(&first) {
            assert!(row.chunks_exact(100).all(|position| position == *first));
        }
        assert_ne!(first[0], first[1]);
        let dropped = first.concat().iter().filter(|y| **y == 0.0).count();
        assert!((150..300).contains(&dropped), "{dropped} of 900");
        assert!(y.iter().all(|&y| y == 0.0 || y == 4.0 / 3.0));
    }
}
