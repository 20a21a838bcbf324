use std::fmt;

use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::rows::{slices, slices_mut, softmax};
use chainrule_tensor::{Layout, Scalar, vector};

use crate::{Dual, Grad, Layer, Mode, Point, SecondOrder, Tangent, Tape};

/// yᵢ = e^(xᵢ) / Σⱼ e^(xⱼ): a probability for each class.
///
/// To train a classifier, end the network at the logits and use the fused softmax cross-entropy loss: its error signal
/// is p − t and keeps its digits. This layer is for a softmax anywhere else.
///
/// # Shapes
/// x and y are `(batch, width)`. No parameters.
///
/// # Gradient
/// ```text
/// ∂C/∂x = y·(δ − ⟨δ, y⟩)
/// ```
///
/// # References
/// Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.
///
/// ```
/// use chainrule_layers::{Layer, Mode, Softmax, Tape};
/// use chainrule_tensor::ndarray::array;
///
/// let mut y = array![[0.0, 0.0]];
/// Softmax::new(2).forward(Mode::Eval, &[], &array![[3.0, 3.0]], &mut y, &mut Tape::empty());
/// assert_eq!(y, array![[0.5, 0.5]]);
/// ```
#[derive(Clone)]
pub struct Softmax {
    width: usize,
    layout: Layout,
}

impl Softmax {
    /// A softmax over `width` units.
    pub fn new(width: usize) -> Self {
        Self { width, layout: Layout::new() }
    }
}

impl<A: Scalar> Layer<A> for Softmax {
    fn inputs(&self) -> usize {
        self.width
    }

    fn outputs(&self) -> usize {
        self.width
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn forward(&self, _: Mode, _: &[A], x: &ArrayRef2<A>, y: &mut ArrayRef2<A>, _: &mut Tape<A>) {
        for (y, x) in slices_mut(y).zip(slices(x)) {
            softmax(x, y);
        }
    }

    fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        _: Option<Grad<'_, A>>,
        _: &mut Tape<A>,
    ) {
        let Some(delta_x) = delta_x else { return };
        for ((out, delta), y) in slices_mut(delta_x).zip(slices(delta)).zip(slices(at.y)) {
            let s = vector::dot(delta, y);
            for ((out, &delta), &y) in out.iter_mut().zip(delta).zip(y) {
                *out = y * (delta - s);
            }
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        Some(self)
    }
}

impl<A: Scalar> SecondOrder<A> for Softmax {
    fn r_forward(
        &self,
        at: Point<'_, A>,
        _: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        _: Dual<&mut Tape<A>>,
    ) {
        let Some(r_x) = r_x else { return r_y.fill(A::zero()) };
        for ((r_y, r_x), y) in slices_mut(r_y).zip(slices(r_x)).zip(slices(at.y)) {
            let mean = vector::dot(r_x, y);
            for ((r_y, &r_x), &y) in r_y.iter_mut().zip(r_x).zip(y) {
                *r_y = y * (r_x - mean);
            }
        }
    }

    fn r_backward(
        &self,
        at: Point<'_, A>,
        along: Tangent<'_, A>,
        delta: Dual<&ArrayRef2<A>>,
        r_delta_x: Option<&mut ArrayRef2<A>>,
        _: &mut [A],
        _: Dual<&mut Tape<A>>,
    ) {
        let Some(r_delta_x) = r_delta_x else { return };
        let deltas = slices(delta.value).zip(slices(delta.tangent));
        let outputs = slices(at.y).zip(slices(along.r_y));
        for ((out, (delta, r_delta)), (y, r_y)) in slices_mut(r_delta_x).zip(deltas).zip(outputs) {
            // R{y·(δ − s)} with s = ⟨δ, y⟩.
            let s = vector::dot(delta, y);
            let r_s = vector::dot(r_delta, y) + vector::dot(delta, r_y);
            for (i, out) in out.iter_mut().enumerate() {
                *out = r_y[i] * (delta[i] - s) + y[i] * (r_delta[i] - r_s);
            }
        }
    }
}

impl fmt::Debug for Softmax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Softmax({})", self.width)
    }
}
