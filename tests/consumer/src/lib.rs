//! What a library on top of Chainrule may do: train a network, and offer it to C.

use chainrule::prelude::*;

/// The share of XOR that a network has learned.
pub fn learn_xor() -> Result<f64, FitError> {
    let x = array![[0.0_f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    let y = [false, true, true, false];
    Ok(Classifier::new([16]).learning_rate(0.02).fit(&x, &y)?.accuracy(&x, &y))
}

/// The same for C; NaN where it failed.
#[no_mangle]
pub extern "C" fn consumer_learn_xor() -> f64 {
    learn_xor().unwrap_or(f64::NAN)
}
