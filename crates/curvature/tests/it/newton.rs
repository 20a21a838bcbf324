//! Each part of Newton's methods, on functions scripted so that its steps are known.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use chainrule_curvature::{Damping, HessianFree, Newton, NewtonConfig, SaddleFreeNewtonConfig};
use chainrule_optim::testing::Quadratic;
use chainrule_optim::{Objective, Optimizer, OptimizerConfig};
use chainrule_tensor::ndarray::{ArrayRef2, array};

use crate::scripted::{Scripted, diagonal};

/// Where a step from 0 ends along one coordinate of slope −6, C being 0 there.
fn step(method: &mut Newton<f64>, curvature: f64, value: &dyn Fn(f64) -> f64) -> f64 {
    let mut theta = [0.0];
    let mut at = |theta: &[f64]| if theta[0] == 0.0 { 0.0 } else { value(theta[0]) };
    let gradient = |_: &[f64]| vec![-6.0];
    method
        .step(&mut Scripted { value: &mut at, gradient: &gradient, matrix: array![[curvature]] }, &mut theta);
    theta[0]
}

#[test]
fn a_damped_step_is_the_slope_over_the_damped_curvature_along_each_eigenvector() {
    // C = ½(4x² − 2y²) at (1, 1) with λ = 1: −4/(4 + 1) along x, and along y 2/(−2 + 1) or 2/(2 + 1). Newton's of
    // these lowers C to ½(4/25 − 2) as well.
    for krylov in [None, Some(2)] {
        for (method, y) in [(Newton::damped(2), -1.0), (Newton::saddle_free(2), 5.0 / 3.0)] {
            let method = method.damping(Damping::Search(vec![1.0]));
            let mut method = krylov.into_iter().fold(method, Newton::krylov);
            assert_eq!((method.lambda(), method.spectrum()), (1.0, &[][..]));
            let mut theta = [1.0_f64, 1.0];
            assert_eq!(method.step(&mut Quadratic::new(vec![4.0, -2.0]), &mut theta), 1.0);
            assert!((theta[0] - 0.2).abs() < 1e-14 && (theta[1] - y).abs() < 1e-14, "{krylov:?} {theta:?}");
            let spectrum = method.spectrum();
            assert!((spectrum[0] + 2.0).abs() < 1e-14 && (spectrum[1] - 4.0).abs() < 1e-14);
        }
    }
}

#[test]
fn along_a_direction_without_slope_or_curvature_nothing_moves() {
    let mut theta = [1.0_f64, 1.0];
    let undamped = Damping::Search(vec![0.0]);
    Newton::damped(2).damping(undamped).step(&mut Quadratic::new(vec![4.0, 0.0]), &mut theta);
    assert_eq!(theta, [0.0, 1.0]);
}

#[test]
fn of_all_dampings_the_one_with_the_lowest_c_is_taken() {
    // Steps of 6/(2 + λ): 3, 2, 1.5 and 1.2.
    for (lowest, lambda) in [(3.0, 0.0), (2.0, 1.0), (1.5, 2.0), (1.2, 3.0)] {
        let mut method = Newton::damped(1).damping(Damping::Search(vec![0.0, 1.0, 2.0, 3.0]));
        let end = step(&mut method, 2.0, &|x| if x == lowest { -2.0 } else { -1.0 });
        assert_eq!((end, method.lambda()), (lowest, lambda));
    }
}

#[test]
fn a_step_that_does_not_lower_c_is_damped_tenfold_up_to_six_times() {
    for (first, longest, lambda) in [
        // From ½: 5 and 50. From 0: from 10⁻⁴ of the spectrum, here 2·10⁻³ to 200. From many: the largest.
        (vec![0.5], 0.2, 50.0),
        (vec![0.0], 0.03, 200.0),
        (vec![0.0], 2.9, 0.2),
        (vec![0.0, 0.3, 0.1], 1.3, 3.0),
    ] {
        let mut method = Newton::damped(1).damping(Damping::Search(first));
        let end = step(&mut method, 2.0, &|x| if x < longest { -1.0 } else { f64::NAN });
        assert!((end - 6.0 / (2.0 + lambda)).abs() < 1e-13, "{lambda}: {end}");
        assert!((method.lambda() / lambda - 1.0).abs() < 1e-14);
    }
    let tries = Cell::new(0);
    let mut method = Newton::damped(1).damping(Damping::Search(vec![0.0]));
    let end = step(&mut method, 2.0, &|_| {
        tries.set(tries.get() + 1);
        0.0
    });
    assert_eq!((end, method.lambda(), tries.get()), (0.0, 0.0, 7));
}

#[test]
fn adaptive_damping_follows_the_fall_of_c_over_the_promise_of_the_quadratic() {
    // Newton with H = 2, λ = 1: d = 2, and −12 + ½·2·4 = −8 is promised; with H = −2, λ = 5: −12 − 4 = −16. Saddle-free
    // Newton takes |H| for H.
    type Make = fn(usize) -> Newton<f64>;
    let methods: [(Make, f64, f64, f64); 4] = [
        (Newton::damped, 2.0, 1.0, 8.0),
        (Newton::damped, -2.0, 5.0, 16.0),
        (Newton::saddle_free, 2.0, 1.0, 8.0),
        (Newton::saddle_free, -2.0, 1.0, 8.0),
    ];
    for (make, curvature, lambda, promise) in methods {
        for (ratio, factor) in [(1.0, 2.0 / 3.0), (0.76, 2.0 / 3.0), (0.75, 1.0), (0.25, 1.0), (0.24, 1.5)] {
            let mut method = make(1).damping(Damping::LevenbergMarquardt(lambda));
            assert_eq!(method.lambda(), lambda);
            assert_eq!(step(&mut method, curvature, &|_| -ratio * promise), 2.0);
            assert!((method.lambda() - factor * lambda).abs() < 1e-14, "{curvature} {ratio}: {method:?}");
        }
    }
    // The λ that it comes to is the one that the next step begins with.
    let mut method = Newton::damped(1).damping(Damping::LevenbergMarquardt(1.0));
    step(&mut method, 2.0, &|_| -1.0);
    assert!((step(&mut method, 2.0, &|_| -1.0) - 6.0 / 3.5).abs() < 1e-14);
}

#[test]
fn the_last_step_belongs_to_the_krylov_space() {
    // From e₁ + e₂ with one Lanczos vector, the second step has another direction too: both together are the plane, in
    // which the undamped step ends at the bottom.
    let mut method = Newton::damped(2).krylov(1).damping(Damping::Search(vec![0.0]));
    let (mut bowl, mut theta) = (Quadratic::new(vec![1.0, 3.0]), [1.0_f64, 1.0]);
    method.step(&mut bowl, &mut theta);
    assert_eq!(method.spectrum().len(), 1);
    // g = (1, 3): the share is gᵀg/gᵀHg = 10/28.
    assert!((theta[0] - 18.0 / 28.0).abs() < 1e-14 && (theta[1] + 2.0 / 28.0).abs() < 1e-14, "{theta:?}");
    theta = [2.0, 1.0];
    method.step(&mut bowl, &mut theta);
    assert_eq!(method.spectrum().len(), 2);
    assert!(theta.iter().all(|x| x.abs() < 1e-14), "{theta:?}");
}

/// What was asked for: values, gradients, Hessians.
#[derive(Default)]
struct Asked([usize; 3]);

impl Objective<f64> for Asked {
    fn dim(&self) -> usize {
        1
    }
    fn value(&mut self, theta: &[f64]) -> f64 {
        self.0[0] += 1;
        theta[0] * theta[0]
    }
    fn value_and_grad(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
        self.0[1] += 1;
        grad[0] = 2.0 * theta[0];
        theta[0] * theta[0]
    }
    fn hessian(&mut self, _: &[f64], h: &mut ArrayRef2<f64>) {
        self.0[2] += 1;
        h.fill(2.0);
    }
}

#[test]
fn inner_updates_share_a_hessian_and_take_a_gradient_each() {
    for updates in [1, 2, 4] {
        let mut method = Newton::damped(1).inner(updates).damping(Damping::Search(vec![2.0]));
        let (mut asked, mut theta) = (Asked::default(), [1.0]);
        assert_eq!(method.step(&mut asked, &mut theta), 1.0);
        assert_eq!(asked.0, [updates, updates, 1]);
        assert_eq!(theta, [0.5_f64.powi(updates as i32)]);
    }
    let (mut asked, mut theta) = (Asked::default(), [0.0]);
    assert_eq!(Newton::damped(1).step(&mut asked, &mut theta), 0.0);
    assert_eq!(asked.0, [0, 1, 0]);
}

#[test]
fn every_kind_of_number_that_is_not_finite_sends_a_method_back_to_its_lowest_point() {
    type Make = fn() -> Box<dyn Optimizer<f64>>;
    let methods: [Make; 2] = [|| Box::new(Newton::damped(1)), || Box::new(HessianFree::new(1))];
    for make in methods {
        for (value, slope) in [(f64::NAN, 1.0), (f64::INFINITY, 1.0), (3.0, f64::NAN), (3.0, f64::INFINITY)] {
            let mut method = make();
            assert!(method.wants_curvature());
            // Broken beyond 10, with no lower value than at the points looked at: nothing moves but back.
            let broken = Cell::new(10.0);
            let mut look = |theta: &mut [f64]| {
                let fixed = theta[0];
                method.step(
                    &mut Scripted {
                        value: &mut |at| {
                            if at[0] > broken.get() {
                                value
                            } else if at[0] == fixed || at[0] == 1.0 {
                                at[0]
                            } else {
                                99.0
                            }
                        },
                        gradient: &|at| vec![if at[0] > broken.get() { slope } else { 1.0 }],
                        matrix: array![[1.0]],
                    },
                    theta,
                )
            };
            let same = |a: f64, b: f64| a == b || a.is_nan() && b.is_nan();
            let mut theta = [11.0];
            assert!(same(look(&mut theta), value) && theta == [11.0]);
            for at in [5.0, 1.0, 2.0] {
                theta = [at];
                assert_eq!((look(&mut theta), theta), (at, [at]));
            }
            theta = [11.0];
            assert_eq!((look(&mut theta), theta), (1.0, [1.0]), "{value} {slope}");
            // Where the lowest point is broken too, that is the end.
            broken.set(0.0);
            theta = [11.0];
            assert!(same(look(&mut theta), value) && theta == [1.0], "{value} {slope}: {theta:?}");
        }
    }
}

#[test]
fn settings_that_make_no_step_are_refused() {
    let settings: [fn(); 9] = [
        || drop(Newton::<f64>::damped(1).krylov(0)),
        || drop(Newton::<f64>::damped(1).inner(0)),
        || drop(Newton::<f64>::damped(1).damping(Damping::Search(vec![]))),
        || drop(Newton::<f64>::damped(1).damping(Damping::Search(vec![1.0, -1.0]))),
        || drop(Newton::<f64>::damped(1).damping(Damping::LevenbergMarquardt(f64::INFINITY))),
        || drop(HessianFree::<f64>::new(1).damping(0.0)),
        || drop(HessianFree::<f64>::new(1).damping(f64::INFINITY)),
        || assert_eq!(Newton::damped(2).step(&mut Quadratic::new(vec![1.0]), &mut [1.0]), 0.5),
        || assert_eq!(HessianFree::new(2).step(&mut Quadratic::new(vec![1.0]), &mut [1.0]), 0.5),
    ];
    for (place, setting) in settings.into_iter().enumerate() {
        assert!(catch_unwind(setting).is_err(), "{place}");
    }
    assert_eq!(
        Damping::default(),
        Damping::Search(vec![
            1.0,
            10_f64.powi(-1),
            10_f64.powi(-2),
            10_f64.powi(-3),
            10_f64.powi(-4),
            10_f64.powi(-5)
        ])
    );
}

/// C = Σθ that panics where it is asked for its whole Hessian.
struct Large(usize);

impl Objective<f64> for Large {
    fn dim(&self) -> usize {
        self.0
    }
    fn value(&mut self, theta: &[f64]) -> f64 {
        theta.iter().sum()
    }
    fn value_and_grad(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
        grad.fill(1.0);
        self.value(theta)
    }
    fn hessian_vector(&mut self, _: &[f64], v: &[f64], hv: &mut [f64]) {
        hv.copy_from_slice(v);
    }
    fn hessian(&mut self, _: &[f64], _: &mut ArrayRef2<f64>) {
        panic!("the whole Hessian");
    }
}

#[test]
fn a_configuration_takes_the_whole_spectrum_up_to_1500_parameters_or_where_it_is_asked_to() {
    for (krylov, dim, whole) in
        [(None, 1500, true), (None, 1501, false), (Some(0), 1501, true), (Some(3), 5, false)]
    {
        for saddle_free in [false, true] {
            let config = NewtonConfig { krylov, ..NewtonConfig::default() };
            let mut method =
                if saddle_free { SaddleFreeNewtonConfig(config).build(dim) } else { config.build(dim) };
            let made = catch_unwind(AssertUnwindSafe(|| method.step(&mut Large(dim), &mut vec![0.0; dim])));
            assert_eq!(made.is_err(), whole, "{krylov:?} {dim}");
        }
    }
}

#[test]
fn a_configuration_builds_the_method_it_names() {
    // C = x² − y² at (1, 1) with λ = 1: Newton moves y by 2/(−2 + 1), saddle-free Newton by 2/(2 + 1).
    for adaptive_damping in [false, true] {
        let config = NewtonConfig { adaptive_damping, ..NewtonConfig::default() };
        let methods: [(Box<dyn Optimizer<f64>>, f64); 2] =
            [(config.build(2), -1.0), (SaddleFreeNewtonConfig(config).build(2), 5.0 / 3.0)];
        for (mut method, y) in methods {
            let mut theta = [1.0_f64, 1.0];
            let mut value = |at: &[f64]| if at == [1.0, 1.0] { 0.0 } else { -9.0 * at[0] };
            let gradient = |_: &[f64]| vec![2.0, -2.0];
            method.step(
                &mut Scripted { value: &mut value, gradient: &gradient, matrix: diagonal(&[2.0, -2.0]) },
                &mut theta,
            );
            // Of the searched λ, the largest has the shortest step along x, and C = −9x is lowest there.
            assert!((theta[0] - 1.0 / 3.0).abs() < 1e-14 && (theta[1] - y).abs() < 1e-14, "{theta:?}");
            // A second step with C at its old height: adapted, λ is another by now.
            theta = [1.0, 1.0];
            method.step(
                &mut Scripted { value: &mut value, gradient: &gradient, matrix: diagonal(&[2.0, -2.0]) },
                &mut theta,
            );
            assert_eq!((theta[0] - 1.0 / 3.0).abs() < 1e-14, !adaptive_damping, "{theta:?}");
        }
    }
}
