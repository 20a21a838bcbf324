//! Whole networks, every activation under every loss, against finite differences.

use chainrule_layers::{Dense, Stage, gradcheck::cases};
use chainrule_loss::SoftmaxCrossEntropy;
use chainrule_model::gradcheck::network;
use chainrule_optim::Objective;
use chainrule_tensor::{Scalar, difference::bars, ndarray::Array2};
use chainrule_train::{Risk, Workspace};

fn check_networks<A: Scalar>() {
    let (gradient, hessian) = bars::<A>();
    for activation in Stage::activations() {
        for case in (0..4).flat_map(cases) {
            let report = network::<A>(activation.clone(), case);
            assert!(report.within(gradient, hessian), "{activation} in {}: {case:?}: {report:?}", A::NAME);
        }
    }
}

#[test]
fn networks_are_exact_in_f64() {
    check_networks::<f64>();
}

#[test]
fn networks_are_as_exact_as_f32_can_be() {
    check_networks::<f32>();
}

#[test]
fn the_error_signal_of_an_all_but_impossible_class_is_zero_and_not_subnormal() {
    let (model, loss, rows) = (Dense::new(1, 2), SoftmaxCrossEntropy::default(), 64);
    let (x, target) = (Array2::<f32>::ones((rows, 1)), Array2::zeros((rows, 1)));
    let mut workspace = Workspace::new(&model, rows);
    let mut risk = Risk::new(&model, &loss, &x, &target).within(&mut workspace);
    // p of the second class is e^-86, which is normal, and a 64th of it is not.
    let mut gradient = [0.0; 4];
    for (logit, is_zero) in [(-80.0, false), (-86.0, true)] {
        risk.value_and_grad(&[0.0, logit, 0.0, 0.0], &mut gradient);
        assert_eq!(gradient[1] == 0.0, is_zero, "{logit}: {gradient:?}");
    }
}
