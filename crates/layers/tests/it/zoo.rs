//! The check harness over the whole zoo, in both number types.

use chainrule_layers::gradcheck::{cases, check};
use chainrule_layers::zoo;
use chainrule_tensor::Scalar;

#[track_caller]
fn check_zoo<A: Scalar>(gradient: f64, hessian: f64) {
    for (specimen, witness) in zoo::<A>().into_iter().zip(zoo::<f64>()) {
        for case in cases(1) {
            let report = check(specimen.layer.as_ref(), witness.layer.as_ref(), case);
            assert!(
                report.within(gradient, hessian),
                "{} in {}: {case:?}: {report:?}",
                specimen.name,
                A::NAME
            );
            assert!(report.hessian.is_some(), "{} has no second order", specimen.name);
        }
    }
}

#[test]
fn every_layer_is_exact_in_f64() {
    check_zoo::<f64>(1e-8, 1e-7);
}

#[test]
fn every_layer_is_as_exact_as_f32_can_be() {
    check_zoo::<f32>(2e-3, 2e-3);
}
