//! Critical points where they are known, and where there is none.

use chainrule_curvature::{CriticalPointMethod, CriticalPointSearch, PointCurvature, Verdict, examine};
use chainrule_optim::Objective;
use chainrule_optim::testing::{MonkeySaddle, Quadratic, Rosenbrock, Saddle};
use chainrule_tensor::vector;

use crate::scripted::{Scripted, diagonal};

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

#[test]
fn one_step_of_either_method_is_the_one_worked_out_by_hand() {
    // C = ½(3x² − y²) at (1, 1). Newton: θᵢ·μ/(λᵢ² + μ) with the least μ = (3·10⁻⁷)². Newton-MR on one dimension:
    // −(gᵀHg/‖Hg‖²)·g with g = (3, −1), gᵀHg = 26 and ‖Hg‖² = 82.
    for (method, expected, most) in [
        (CriticalPointMethod::Newton, [1e-14, 9e-14], 1e-15),
        (CriticalPointMethod::NewtonMr, [2.0 / 41.0, 54.0 / 41.0], 1e-14),
    ] {
        let mut theta = [1.0, 1.0];
        let search = CriticalPointSearch { method, steps: 1, krylov: 1, ..CriticalPointSearch::default() };
        assert_eq!(search.run(&mut Quadratic::new(vec![3.0, -1.0]), &mut theta), 1);
        assert!(
            theta.iter().zip(expected).all(|(a, b): (&f64, f64)| (a - b).abs() < most),
            "{method:?}: {theta:?}"
        );
    }
}

#[test]
fn newton_mr_on_a_smaller_space_than_the_whole_has_the_least_residual_there() {
    // NumPy: lstsq of H·[g, Hg] against −g for H = diag(4, 1, −2), θ = (1, 1, 1).
    let mut theta = [1.0; 3];
    let search = CriticalPointSearch { steps: 1, krylov: 2, ..CriticalPointSearch::default() };
    search.run(&mut Quadratic::new(vec![4.0, 1.0, -2.0]), &mut theta);
    let expected = [-0.008_645_533_141_209, 1.106_628_242_074_928, 0.069_164_265_129_682];
    assert!(theta.iter().zip(expected).all(|(a, b): (&f64, f64)| (a - b).abs() < 1e-12), "{theta:?}");
}

#[test]
fn a_search_counts_its_steps_and_ends_where_nothing_can_be_gained() {
    for method in METHODS {
        let search = CriticalPointSearch { method, ..CriticalPointSearch::default() };
        // At a critical point; one step away from it; where the gradient lies in the kernel of H.
        assert_eq!(search.run(&mut Saddle(1.0), &mut [0.0, 0.0]), 0, "{method:?}");
        assert_eq!(search.run(&mut Saddle(1.0), &mut [0.5, 0.5]), 1, "{method:?}");
        assert_eq!(search.run(&mut Slope, &mut [0.3, 0.0]), 0, "{method:?}");
        let three = CriticalPointSearch { steps: 3, tolerance: -1.0, ..search };
        assert!(three.run(&mut MonkeySaddle, &mut [0.5, 0.2]) == 3, "{method:?}");
    }
}

#[test]
fn the_tolerance_itself_is_within_the_tolerance() {
    let search = CriticalPointSearch { tolerance: 2.0, ..CriticalPointSearch::default() };
    assert_eq!(search.run(&mut Saddle(1.0), &mut [1.0, 0.0]), 0);
}

#[test]
fn a_search_does_not_start_where_the_value_or_the_gradient_is_not_finite() {
    for method in METHODS {
        for (value, slope) in [(f64::NAN, 1.0), (f64::INFINITY, 1.0), (0.0, f64::INFINITY), (0.0, f64::NAN)] {
            let mut theta = [1.0];
            let mut broken = Scripted {
                value: &mut |_| value,
                gradient: &|theta| vec![slope * theta[0]],
                matrix: diagonal(&[1.0]),
            };
            let search = CriticalPointSearch { method, ..CriticalPointSearch::default() };
            assert_eq!(search.run(&mut broken, &mut theta), 0, "{method:?} {value} {slope}");
            assert_eq!(theta, [1.0]);
        }
    }
}

#[test]
fn newton_mr_halves_its_step_until_the_gradient_is_enough_shorter() {
    // ‖g‖ = 3 and H = 2: the step is −3/2, the slope 3·2·(−3/2) = −9, and the squared length must come below
    // 9 − 2·10⁻⁴·9·share, the length to first order below 3 − 3·10⁻⁴·share.
    let lengths = |theta: &[f64]| match theta[0] {
        0.0 => vec![3.0],
        -1.5 => vec![3.0 - 2.9e-4],
        -0.75 => vec![3.0 - 1.6e-4],
        _ => vec![3.5],
    };
    let mut theta = [0.0];
    let mut objective = Scripted { value: &mut |_| 0.0, gradient: &lengths, matrix: diagonal(&[2.0]) };
    let search = CriticalPointSearch { steps: 1, ..CriticalPointSearch::default() };
    assert_eq!(search.run(&mut objective, &mut theta), 1);
    assert_eq!(theta, [-0.75]);
}

#[test]
fn a_point_has_the_value_gradient_and_flatness_of_its_definition() {
    // C = 5x² − y² at (1, 1): g = (10, −2), H·g = (100, 4).
    let point = examine(&mut Saddle(5.0), &[1.0, 1.0]);
    assert_eq!((point.value, point.gradient), (4.0, 104_f64.sqrt()));
    assert!((point.flatness - (10016.0_f64 / 104.0).sqrt()).abs() < 1e-14);
    assert_eq!(examine(&mut Saddle(5.0), &[0.0, 0.0]).flatness, 0.0);
}

#[test]
fn verdict_and_index_count_what_lies_on_their_bounds() {
    let of = |gradient, flatness, spectrum: &[f64]| PointCurvature {
        value: 0.0,
        gradient,
        flatness,
        spectrum: spectrum.to_vec(),
    };
    for (gradient, flatness, verdict, name) in [
        (0.5, 9.0, Verdict::Critical, "critical"),
        (0.6, 0.004, Verdict::GradientFlat, "gradient-flat"),
        (0.6, 0.0041, Verdict::Neither, "neither"),
    ] {
        let found = of(gradient, flatness, &[-4.0, 1.0]).verdict(0.5);
        assert_eq!((found, found.to_string().as_str()), (verdict, name));
    }
    for (spectrum, index) in [
        (&[-1e-8, 1.0][..], 0.0),
        (&[-1.1e-8, 1.0], 0.5),
        (&[-5e-8, -3e-8, 1.0, 4.0], 0.25),
        (&[-3.0, -2.0, -1.0, 5.0, 7.0], 0.6),
        (&[], 0.0),
    ] {
        assert_eq!(of(1.0, 1.0, spectrum).index(), index, "{spectrum:?}");
    }
}
