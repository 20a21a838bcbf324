//! The check harness over the whole zoo, in both number types, and losses broken on purpose.

use std::sync::atomic::{AtomicUsize, Ordering};

use chainrule_loss::gradcheck::check;
use chainrule_loss::{Loss, SquaredError, TargetKind, zoo};
use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::ArrayRef2;

#[track_caller]
fn check_zoo<A: Scalar>(gradient: f64, hessian: f64) {
    for (specimen, witness) in zoo::<A>().into_iter().zip(zoo::<f64>()) {
        for dim in [(1, 3), (1, 2), (7, 3), (16, 10)] {
            let report = check(specimen.loss.as_ref(), witness.loss.as_ref(), specimen.target, dim, 3);
            assert!(
                report.within(gradient, hessian),
                "{} in {}: {dim:?}: {report:?}",
                specimen.name,
                A::NAME
            );
        }
    }
}

#[test]
fn every_loss_is_exact_in_f64() {
    check_zoo::<f64>(1e-8, 1e-7);
}

#[test]
fn every_loss_is_as_exact_as_f32_can_be() {
    check_zoo::<f32>(1e-3, 1e-3);
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    Value,
    Delta,
    Product,
}

/// The squared error with one fault.
#[derive(Debug)]
struct Broken(Fault);

impl Broken {
    fn scale(&self, fault: Fault) -> f64 {
        if self.0 == fault { 1.0 + 1e-6 } else { 1.0 }
    }
}

impl Loss<f64> for Broken {
    fn value(&self, y: &ArrayRef2<f64>, target: &ArrayRef2<f64>) -> f64 {
        self.scale(Fault::Value) * SquaredError::default().value(y, target)
    }
    fn value_and_delta(
        &self,
        y: &ArrayRef2<f64>,
        target: &ArrayRef2<f64>,
        delta: &mut ArrayRef2<f64>,
    ) -> f64 {
        let value = SquaredError::default().value_and_delta(y, target, delta);
        delta[(0, 1)] *= self.scale(Fault::Delta);
        value
    }
    fn r_delta(
        &self,
        y: &ArrayRef2<f64>,
        target: &ArrayRef2<f64>,
        r_y: &ArrayRef2<f64>,
        r_delta: &mut ArrayRef2<f64>,
    ) {
        SquaredError::default().r_delta(y, target, r_y, r_delta);
        r_delta[(0, 0)] += (self.scale(Fault::Product) - 1.0) * r_y[(0, 1)];
    }
}

#[test]
fn each_check_sees_its_fault() {
    let report = |fault| check(&Broken(fault), &SquaredError::default(), TargetKind::Real, (3, 2), 5);
    assert!(report(Fault::None).within(1e-8, 1e-7));
    assert!(report(Fault::Value).value > 1e-7);
    assert!(report(Fault::Delta).gradient > 1e-7);
    assert!(report(Fault::Product).hessian > 1e-8 && report(Fault::Product).symmetry > 1e-8);
}

/// The squared error, whose second product is NaN.
#[derive(Debug, Default)]
struct SecondProductIsNan(AtomicUsize);

impl Loss<f64> for SecondProductIsNan {
    fn value(&self, y: &ArrayRef2<f64>, target: &ArrayRef2<f64>) -> f64 {
        SquaredError::default().value(y, target)
    }
    fn value_and_delta(
        &self,
        y: &ArrayRef2<f64>,
        target: &ArrayRef2<f64>,
        delta: &mut ArrayRef2<f64>,
    ) -> f64 {
        SquaredError::default().value_and_delta(y, target, delta)
    }
    fn r_delta(
        &self,
        y: &ArrayRef2<f64>,
        target: &ArrayRef2<f64>,
        r_y: &ArrayRef2<f64>,
        r_delta: &mut ArrayRef2<f64>,
    ) {
        SquaredError::default().r_delta(y, target, r_y, r_delta);
        if self.0.fetch_add(1, Ordering::Relaxed) == 1 {
            r_delta.fill(f64::NAN);
        }
    }
}

#[test]
fn a_nan_in_the_symmetry_is_no_success() {
    let loss = SecondProductIsNan::default();
    let report = check(&loss, &SquaredError::default(), TargetKind::Real, (3, 2), 5);
    assert!(report.symmetry == f64::INFINITY && !report.within(1e-8, 1e-7));
}
