//! Where a network and its loss have their kinks: what checks by finite differences keep away from.

use chainrule_layers::check::near_kink;
use chainrule_layers::{Layer, Mode};
use chainrule_loss::Loss;
use chainrule_tensor::ndarray::{Array2, ArrayRef2};

/// Whether, on the one example `x`, neither the network nor the loss comes nearer than `radius` to a kink. A difference
/// quotient across a kink says nothing about a derivative.
pub fn is_clear_of_kinks(
    (model, loss): (&dyn Layer<f64>, &dyn Loss<f64>),
    mode: Mode<'_, f64>,
    theta: &[f64],
    (x, target): (&ArrayRef2<f64>, &ArrayRef2<f64>),
    radius: f64,
) -> bool {
    if near_kink(model, mode, theta, x, radius) {
        return false;
    }
    let mut y = Array2::zeros((x.nrows(), model.outputs()));
    model.forward(mode, theta, x, &mut y, &mut model.tape(x.nrows()));
    !loss.near_kink(&y, target, radius)
}
