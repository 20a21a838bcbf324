//! Critical points where they are known, and where there is none.

use chainrule_curvature::{CriticalPointMethod, CriticalPointSearch, Verdict, examine};
use chainrule_optim::Objective;
use chainrule_optim::testing::{Rosenbrock, Saddle};
use chainrule_tensor::vector;

const METHODS: [CriticalPointMethod; 2] = [CriticalPointMethod::Newton, CriticalPointMethod::NewtonMr];

#[test]
fn both_methods_go_uphill_to_a_saddle_and_count_its_negative_eigenvalue() {
    for method in METHODS {
        let mut theta = vec![1.0, 0.5];
        CriticalPointSearch { method, ..CriticalPointSearch::default() }.run(&mut Saddle(5.0), &mut theta);
        assert!(vector::norm(&theta) < 1e-8, "{method:?}: {theta:?}");
        let point = examine(&mut Saddle(5.0), &theta);
        assert_eq!((point.verdict(1e-7), point.index()), (Verdict::Critical, 0.5));
        assert!((point.spectrum[0] + 2.0).abs() < 1e-12 && (point.spectrum[1] - 10.0).abs() < 1e-12);
    }
}

#[test]
fn both_methods_find_the_minimum_of_rosenbrocks_valley_to_a_strict_tolerance() {
    // Levenberg and Marquardt's steps creep along the curved valley, so that Newton starts near its end.
    for (method, start) in
        [(CriticalPointMethod::NewtonMr, [0.8, 0.5]), (CriticalPointMethod::Newton, [1.001, 1.003])]
    {
        let mut theta = start.to_vec();
        let search =
            CriticalPointSearch { method, tolerance: 1e-11, steps: 500, ..CriticalPointSearch::default() };
        search.run(&mut Rosenbrock, &mut theta);
        let point = examine(&mut Rosenbrock, &theta);
        assert!(point.gradient < 1e-11, "{method:?}: {point:?}");
        assert_eq!(point.index(), 0.0);
    }
}

#[test]
fn where_the_length_of_rosenbrocks_gradient_has_a_minimum_of_its_own_the_point_is_called_flat() {
    let mut theta = vec![-1.2, 1.0];
    CriticalPointSearch { method: CriticalPointMethod::Newton, ..CriticalPointSearch::default() }
        .run(&mut Rosenbrock, &mut theta);
    let point = examine(&mut Rosenbrock, &theta);
    assert!(point.gradient > 1.0);
    assert_eq!(point.verdict(1e-8), Verdict::GradientFlat, "{point:?}");
}

/// C = x + y²: a slope that is straight in x, and nowhere critical.
struct Slope;

impl Objective<f64> for Slope {
    fn dim(&self) -> usize {
        2
    }
    fn value(&mut self, theta: &[f64]) -> f64 {
        theta[0] + theta[1] * theta[1]
    }
    fn value_and_grad(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
        grad.copy_from_slice(&[1.0, 2.0 * theta[1]]);
        self.value(theta)
    }
    fn hessian_vector(&mut self, _: &[f64], v: &[f64], hv: &mut [f64]) {
        hv.copy_from_slice(&[0.0, 2.0 * v[1]]);
    }
}

#[test]
fn a_gradient_flat_point_is_not_sold_as_a_critical_one() {
    for method in METHODS {
        let mut theta = vec![0.3, 2.0];
        CriticalPointSearch { method, ..CriticalPointSearch::default() }.run(&mut Slope, &mut theta);
        let point = examine(&mut Slope, &theta);
        assert!(theta[1].abs() < 1e-3, "{method:?}: {theta:?}");
        assert_eq!(point.verdict(1e-8), Verdict::GradientFlat, "{method:?}: {point:?}");
        assert!((point.gradient - 1.0).abs() < 1e-6);
    }
    assert_eq!(examine(&mut Slope, &[0.0, 2.0]).verdict(1e-8), Verdict::Neither);
}

#[test]
fn an_eigenvalue_that_is_zero_but_for_rounding_is_not_negative() {
    let mut point = examine(&mut Saddle(5.0), &[0.0, 0.0]);
    point.spectrum = vec![-1.0, -1e-12, 0.0, 3.0];
    assert_eq!(point.index(), 0.25);
}
