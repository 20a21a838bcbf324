//! An objective whose value, gradient and curvature are chosen one by one, so that steps can be worked out by hand.

use chainrule_optim::Objective;
use chainrule_tensor::ndarray::{Array2, ArrayRef1, aview_mut1, aview1};

/// Nothing ties the three to each other: an optimizer sees exactly what a case wants it to see.
pub(crate) struct Scripted<'a> {
    pub(crate) value: &'a mut dyn FnMut(&[f64]) -> f64,
    pub(crate) gradient: &'a dyn Fn(&[f64]) -> Vec<f64>,
    pub(crate) matrix: Array2<f64>,
}

impl Objective<f64> for Scripted<'_> {
    fn dim(&self) -> usize {
        self.matrix.nrows()
    }
    fn value(&mut self, theta: &[f64]) -> f64 {
        (self.value)(theta)
    }
    fn value_and_grad(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
        grad.copy_from_slice(&(self.gradient)(theta));
        (self.value)(theta)
    }
    fn hessian_vector(&mut self, _: &[f64], v: &[f64], hv: &mut [f64]) {
        let v: &ArrayRef1<f64> = &aview1(v);
        aview_mut1(hv).assign(&self.matrix.dot(v));
    }
}

/// The matrix with these on its diagonal.
pub(crate) fn diagonal(values: &[f64]) -> Array2<f64> {
    Array2::from_diag(&aview1(values))
}
