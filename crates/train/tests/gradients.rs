//! Whole networks, every activation under every loss, against finite differences.

use chainrule_layers::check::cases;
use chainrule_tensor::{Scalar, difference::bars};
use chainrule_train::{Activation, check::network};

fn check_networks<A: Scalar>() {
    let (gradient, hessian) = bars::<A>();
    for &activation in Activation::ALL {
        for case in (0..4).flat_map(cases) {
            let report = network::<A>(activation, case);
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
