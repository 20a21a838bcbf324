use std::fmt;

use chainrule_tensor::ndarray::{ArrayRef2, Ix1, Ix2};
use chainrule_tensor::rows::add_rows;
use chainrule_tensor::{Accum, Init, Layout, Param, Scalar, affine, affine_then, gemm, gemm_then};

use crate::{Affine, Dual, Grad, Layer, Mode, Point, SecondOrder, Tangent, Tape, Units};

/// The fully connected layer y = x·W + b.
///
/// # Shapes
/// W is `(inputs, outputs)`, b is `(outputs)`; x is `(batch, inputs)` and y is `(batch, outputs)`.
///
/// # Gradient
/// ```text
/// ∂C/∂W = xᵀ·δ      for one example the outer product h·δᵀ
/// ∂C/∂b = Σₙ δₙ
/// ∂C/∂x = δ·Wᵀ
/// ```
///
/// # References
/// Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", Nature 323, 1986, eqs. 6, 7.
///
/// ```
/// use chainrule_layers::{Dense, Layer};
///
/// let dense = Dense::new(3, 2);
/// let names: Vec<_> = Layer::<f32>::layout(&dense).entries().iter().map(|e| e.name.clone()).collect();
/// assert_eq!(names, ["weight", "bias"]);
/// ```
#[derive(Clone)]
pub struct Dense {
    layout: Layout,
    weight: Param<Ix2>,
    bias: Param<Ix1>,
}

impl Dense {
    /// A layer with Glorot's uniform weights and zero biases.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self::with_init(inputs, outputs, Init::GlorotUniform)
    }

    /// A layer whose weights begin as `init` says; biases begin at zero.
    pub fn with_init(inputs: usize, outputs: usize, init: Init) -> Self {
        let mut layout = Layout::new();
        let weight = layout.push("weight", (inputs, outputs), init);
        let bias = layout.push("bias", outputs, Init::Zeros);
        Self { layout, weight, bias }
    }

    /// ∂C/∂θ, where it is wanted.
    fn gradient<A: Scalar>(&self, x: &ArrayRef2<A>, delta: &ArrayRef2<A>, grad: Option<Grad<'_, A>>) {
        if let Some(Grad { flat, accum, .. }) = grad {
            gemm(A::one(), &x.t(), delta, accum.beta(), &mut self.weight.view_mut(flat)); //   ∂C/∂W = xᵀ·δ
            add_rows(delta, &mut self.bias.view_mut(flat), accum); //                           ∂C/∂b = Σₙ δₙ
        }
    }

    fn widths(&self) -> [usize; 2] {
        let shape = &self.layout.entries()[0].shape;
        [shape[0], shape[1]]
    }
}

impl<A: Scalar> Layer<A> for Dense {
    fn inputs(&self) -> usize {
        self.widths()[0]
    }

    fn outputs(&self) -> usize {
        self.widths()[1]
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn forward(&self, _: Mode, theta: &[A], x: &ArrayRef2<A>, y: &mut ArrayRef2<A>, _: &mut Tape<A>) {
        affine(x, &self.weight.view(theta), &theta[self.bias.range()], y); //               y = x·W + 1·bᵀ
    }

    fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        grad: Option<Grad<'_, A>>,
        _: &mut Tape<A>,
    ) {
        self.gradient(at.x, delta, grad);
        if let Some(delta_x) = delta_x {
            gemm(A::one(), delta, &self.weight.view(at.theta).t(), A::zero(), delta_x); //     ∂C/∂x = δ·Wᵀ
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        Some(self)
    }

    fn affine(&self) -> Option<&dyn Affine<A>> {
        Some(self)
    }
}

impl<A: Scalar> Affine<A> for Dense {
    fn forward_into(&self, phi: &dyn Units<A>, theta: &[A], x: &ArrayRef2<A>, y: &mut ArrayRef2<A>) {
        let (w, b) = (self.weight.view(theta), &theta[self.bias.range()]);
        affine_then(x, &w, b, y, &|_, z| phi.apply(z)); //                                  y = φ(x·W + 1·bᵀ)
    }

    fn backward_through(
        &self,
        phi: &dyn Units<A>,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_z: &mut ArrayRef2<A>,
        grad: Option<Grad<'_, A>>,
    ) {
        self.gradient(at.x, delta, grad);
        let (w, x) =
            (self.weight.view(at.theta), at.x.as_slice().expect("dense: x = φ(z) lies in one piece"));
        gemm_then(A::one(), delta, &w.t(), A::zero(), delta_z, &|place, part| {
            phi.apply_slope(&x[place..place + part.len()], part); //                         ∂C/∂z = (δ·Wᵀ) ⊙ φ'(z)
        });
    }
}

impl<A: Scalar> SecondOrder<A> for Dense {
    fn r_forward(
        &self,
        at: Point<'_, A>,
        v: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        _: Dual<&mut Tape<A>>,
    ) {
        affine(at.x, &self.weight.view(v), &v[self.bias.range()], r_y); //          R{y} = x·V + 1·v_bᵀ
        if let Some(r_x) = r_x {
            gemm(A::one(), r_x, &self.weight.view(at.theta), A::one(), r_y); //          + R{x}·W
        }
    }

    fn r_backward(
        &self,
        at: Point<'_, A>,
        along: Tangent<'_, A>,
        delta: Dual<&ArrayRef2<A>>,
        r_delta_x: Option<&mut ArrayRef2<A>>,
        r_grad: &mut [A],
        _: Dual<&mut Tape<A>>,
    ) {
        let r_weight = &mut self.weight.view_mut(r_grad);
        gemm(A::one(), &at.x.t(), delta.tangent, A::one(), r_weight); //            R{∂C/∂W} = xᵀ·R{δ}
        if let Some(r_x) = along.r_x {
            gemm(A::one(), &r_x.t(), delta.value, A::one(), r_weight); //                    + R{x}ᵀ·δ
        }
        add_rows(delta.tangent, &mut self.bias.view_mut(r_grad), Accum::Add); //    R{∂C/∂b} = Σₙ R{δₙ}
        if let Some(out) = r_delta_x {
            gemm(A::one(), delta.tangent, &self.weight.view(at.theta).t(), A::zero(), out); // R{∂C/∂x} = R{δ}·Wᵀ
            gemm(A::one(), delta.value, &self.weight.view(along.v).t(), A::one(), out); //              + δ·Vᵀ
        }
    }
}

impl fmt::Debug for Dense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [inputs, outputs] = self.widths();
        write!(f, "Dense({inputs} → {outputs})")
    }
}
