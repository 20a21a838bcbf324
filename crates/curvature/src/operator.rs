use std::ops::Range;

use chainrule_optim::Objective;
use chainrule_tensor::ndarray::{Array2, ArrayRef2};
use chainrule_tensor::rows::slices;
use chainrule_tensor::{Scalar, vector};
use chainrule_train::{Curvature, Sharded};

/// A symmetric matrix that is known by its products.
///
/// ```
/// use chainrule_curvature::{Hessian, Operator};
/// use chainrule_optim::testing::Saddle;
///
/// let mut hv = [0.0; 2];
/// Hessian::at(&mut Saddle(5.0), &[0.0, 0.0]).apply(&[1.0, 1.0], &mut hv);
/// assert_eq!(hv, [10.0, -2.0]);
/// ```
pub trait Operator<A: Scalar> {
    /// Rows, and columns, of the matrix.
    fn dim(&self) -> usize;

    /// `out` ← M·v.
    fn apply(&mut self, v: &[A], out: &mut [A]);
}

/// ∇²C(θ) of any objective.
#[derive(Debug)]
pub struct Hessian<'a, O: ?Sized, A> {
    objective: &'a mut O,
    theta: &'a [A],
}

impl<'a, O: ?Sized, A> Hessian<'a, O, A> {
    /// The Hessian of `objective` at `theta`.
    pub fn at(objective: &'a mut O, theta: &'a [A]) -> Self {
        Self { objective, theta }
    }
}

impl<A: Scalar, O: Objective<A> + ?Sized> Operator<A> for Hessian<'_, O, A> {
    fn dim(&self) -> usize {
        self.theta.len()
    }

    fn apply(&mut self, v: &[A], out: &mut [A]) {
        self.objective.hessian_vector(self.theta, v, out);
    }
}

/// The Gauss-Newton matrix of any objective.
#[derive(Debug)]
pub struct GaussNewton<'a, O: ?Sized, A> {
    objective: &'a mut O,
    theta: &'a [A],
}

impl<'a, O: ?Sized, A> GaussNewton<'a, O, A> {
    /// The matrix G of `objective` at `theta`.
    pub fn at(objective: &'a mut O, theta: &'a [A]) -> Self {
        Self { objective, theta }
    }
}

impl<A: Scalar, O: Objective<A> + ?Sized> Operator<A> for GaussNewton<'_, O, A> {
    fn dim(&self) -> usize {
        self.theta.len()
    }

    fn apply(&mut self, v: &[A], out: &mut [A]) {
        self.objective.gauss_newton_vector(self.theta, v, out);
    }
}

/// Any [`Curvature`] of a network's risk over a whole data set, in fixed shards.
///
/// On [`ShardBuffers::remembering`](chainrule_train::ShardBuffers::remembering) all products after the first cost the two R-passes
/// alone.
#[derive(Debug)]
pub struct OverData<'a, 'b, A: Scalar> {
    risk: &'a mut Sharded<'b, A>,
    theta: &'a [A],
    curvature: Curvature,
}

impl<'a, 'b, A: Scalar> OverData<'a, 'b, A> {
    /// The matrix of `risk` at `theta`.
    pub fn at(risk: &'a mut Sharded<'b, A>, theta: &'a [A], curvature: Curvature) -> Self {
        Self { risk, theta, curvature }
    }
}

impl<A: Scalar> Operator<A> for OverData<'_, '_, A> {
    fn dim(&self) -> usize {
        self.theta.len()
    }

    fn apply(&mut self, v: &[A], out: &mut [A]) {
        self.risk.product(self.curvature, self.theta, v, out);
    }
}

/// The block on the diagonal that belongs to some of the coordinates: the parameters of one layer, say.
///
/// The range is that of an [`Entry`](chainrule_tensor::Entry) of the model's layout, or of several.
///
/// ```
/// use chainrule_curvature::{Hessian, Operator, DiagonalBlock};
/// use chainrule_optim::testing::Saddle;
///
/// let mut objective = Saddle(5.0);
/// let mut second = DiagonalBlock::of(Hessian::at(&mut objective, &[0.0, 0.0]), 1..2);
/// let mut hv = [0.0];
/// second.apply(&[1.0], &mut hv);
/// assert_eq!(hv, [-2.0]);
/// ```
#[derive(Debug)]
pub struct DiagonalBlock<O, A> {
    whole: O,
    range: Range<usize>,
    v: Vec<A>,
    out: Vec<A>,
}

impl<A: Scalar, O: Operator<A>> DiagonalBlock<O, A> {
    /// The block of `whole` at the coordinates `range`.
    ///
    /// # Panics
    /// If the range ends beyond the matrix.
    #[track_caller]
    pub fn of(whole: O, range: Range<usize>) -> Self {
        let dim = whole.dim();
        assert!(range.end <= dim, "window: coordinates {range:?} of a matrix of {dim}");
        Self { whole, range, v: vec![A::zero(); dim], out: vec![A::zero(); dim] }
    }
}

impl<A: Scalar, O: Operator<A>> Operator<A> for DiagonalBlock<O, A> {
    fn dim(&self) -> usize {
        self.range.len()
    }

    fn apply(&mut self, v: &[A], out: &mut [A]) {
        self.v[self.range.clone()].copy_from_slice(v);
        self.whole.apply(&self.v, &mut self.out);
        out.copy_from_slice(&self.out[self.range.clone()]);
    }
}

/// A matrix in memory.
impl<A: Scalar> Operator<A> for Array2<A> {
    fn dim(&self) -> usize {
        self.nrows()
    }

    fn apply(&mut self, v: &[A], out: &mut [A]) {
        out.iter_mut().zip(slices(self)).for_each(|(out, row)| *out = vector::dot(row, v));
    }
}

impl<A: Scalar, O: Operator<A> + ?Sized> Operator<A> for &mut O {
    fn dim(&self) -> usize {
        (**self).dim()
    }

    fn apply(&mut self, v: &[A], out: &mut [A]) {
        (**self).apply(v, out);
    }
}

/// The matrix of an operator, row after row, exactly symmetric and in `f64`.
///
/// ```
/// use chainrule_curvature::{Hessian, dense};
/// use chainrule_optim::testing::Saddle;
///
/// let h = dense::<f64>(&mut Hessian::at(&mut Saddle(1.0), &[0.0, 0.0]));
/// assert_eq!(h.as_slice(), Some(&[2.0, 0.0, 0.0, -2.0][..]));
/// ```
pub fn dense<A: Scalar>(operator: &mut dyn Operator<A>) -> Array2<f64> {
    let dim = operator.dim();
    let (mut unit, mut row) = (vec![A::zero(); dim], vec![A::zero(); dim]);
    let mut matrix = Array2::zeros((dim, dim));
    for i in 0..dim {
        unit[i] = A::one();
        operator.apply(&unit, &mut row);
        unit[i] = A::zero();
        matrix.row_mut(i).iter_mut().zip(&row).for_each(|(m, x)| *m = x.as_f64());
    }
    chainrule_optim::mirror(&mut matrix);
    matrix
}

/// The same numbers in `f64`.
pub(crate) fn wide<A: Scalar>(matrix: &ArrayRef2<A>) -> Array2<f64> {
    matrix.mapv(A::as_f64)
}
