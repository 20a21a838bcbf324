//! Every operator passes its products on, and says how long they are.

use chainrule_curvature::{DiagonalBlock, GaussNewton, Hessian, Operator, TwoBatches, dense};
use chainrule_optim::Objective;
use chainrule_optim::testing::Quadratic;
use chainrule_tensor::ndarray::{Array2, ArrayRef2, array};

/// C = θ₁ + 2·θ₂ with a matrix of its own for each kind of product.
struct Distinct(f64);

impl Objective<f64> for Distinct {
    fn dim(&self) -> usize {
        2
    }
    fn value(&mut self, theta: &[f64]) -> f64 {
        self.0 * (theta[0] + 2.0 * theta[1])
    }
    fn value_and_grad(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
        grad.copy_from_slice(&[self.0, 2.0 * self.0]);
        self.value(theta)
    }
    fn hessian_vector(&mut self, _: &[f64], v: &[f64], hv: &mut [f64]) {
        hv.copy_from_slice(&[3.0 * self.0 * v[0], 4.0 * self.0 * v[1]]);
    }
    fn gauss_newton_vector(&mut self, _: &[f64], v: &[f64], gv: &mut [f64]) {
        gv.copy_from_slice(&[5.0 * self.0 * v[0], 6.0 * self.0 * v[1]]);
    }
    fn hessian(&mut self, _: &[f64], h: &mut ArrayRef2<f64>) {
        h.assign(&array![[7.0 * self.0, 0.0], [0.0, 8.0 * self.0]]);
    }
}

#[test]
fn hessian_and_gauss_newton_take_their_own_product_of_the_objective() {
    let mut objective = Distinct(1.0);
    let theta = [0.0; 2];
    assert_eq!(dense::<f64>(&mut Hessian::at(&mut objective, &theta)), array![[3.0, 0.0], [0.0, 4.0]]);
    let mut gauss_newton = GaussNewton::at(&mut objective, &theta);
    let mut lent = &mut gauss_newton;
    assert_eq!(Operator::<f64>::dim(&lent), 2);
    assert_eq!(dense::<f64>(&mut lent), array![[5.0, 0.0], [0.0, 6.0]]);
}

#[test]
fn a_block_is_that_of_its_coordinates_and_may_end_where_the_matrix_does() {
    let matrix = array![[1.0, 2.0, 3.0], [2.0, 4.0, 5.0], [3.0, 5.0, 6.0]];
    for (range, block) in [
        (1..3, array![[4.0, 5.0], [5.0, 6.0]]),
        (0..1, array![[1.0]]),
        (0..3, matrix.clone()),
        (2..2, Array2::zeros((0, 0))),
    ] {
        let mut operator = DiagonalBlock::of(matrix.clone(), range.clone());
        assert_eq!(operator.dim(), range.len());
        assert_eq!(dense::<f64>(&mut operator), block, "{range:?}");
    }
}

#[test]
#[should_panic(expected = "coordinates 1..4 of a matrix of 3")]
fn a_block_beyond_the_matrix_is_refused() {
    drop(DiagonalBlock::of(Array2::<f64>::zeros((3, 3)), 1..4));
}

#[test]
fn of_two_batches_one_gives_value_and_gradient_and_the_other_all_curvature() {
    let (mut one, mut other) = (Distinct(1.0), Distinct(10.0));
    let mut both = TwoBatches { gradient: &mut one, curvature: &mut other };
    let (theta, mut out) = ([1.0, 1.0], [0.0; 2]);
    assert_eq!((both.dim(), format!("{both:?}").as_str()), (2, "TwoBatches(2 dimensions)"));
    assert_eq!(both.value(&theta), 3.0);
    assert_eq!((both.value_and_grad(&theta, &mut out), out), (3.0, [1.0, 2.0]));
    both.hessian_vector(&theta, &[1.0, 1.0], &mut out);
    assert_eq!(out, [30.0, 40.0]);
    both.gauss_newton_vector(&theta, &[1.0, 1.0], &mut out);
    assert_eq!(out, [50.0, 60.0]);
    let mut h = Array2::zeros((2, 2));
    both.hessian(&theta, &mut h);
    assert_eq!(h, array![[70.0, 0.0], [0.0, 80.0]]);
    let (mut one, mut other) = (Quadratic::new(vec![1.0; 3]), Quadratic::new(vec![1.0; 3]));
    assert_eq!(TwoBatches::<f64> { gradient: &mut one, curvature: &mut other }.dim(), 3);
}
