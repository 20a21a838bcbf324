//! Regression of arrays: two targets of very different units from three columns.

use chainrule::prelude::*;

fn rows(n: usize, seed: u64) -> (Array2<f64>, Array2<f64>) {
    let mut rng = Rng::new(seed);
    let x = Array2::from_shape_simple_fn((n, 3), || rng.normal(1.0));
    let y = Array2::from_shape_fn((n, 2), |(i, target)| match target {
        0 => 250_000.0 + 40_000.0 * x[(i, 0)] - 10_000.0 * x[(i, 1)],
        _ => 0.01 * x[(i, 1)] * x[(i, 2)],
    });
    (x, y)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (x, y) = rows(1000, 1);
    let regressor = Regressor::new([32, 32]).activation(activation::Gelu).epochs(60).seed(3).fit(&x, &y)?;

    let (x, y) = rows(200, 2);
    let error = (&regressor.predict(&x) - &y).abs();
    let mean = error.mean_axis(Axis(0)).ok_or("no rows")?;
    println!("R² {:.4}, mean errors {mean}", regressor.r_squared(&x, &y));
    assert!(regressor.r_squared(&x, &y) > 0.95);
    assert!(mean[0] < 5_000.0 && mean[1] < 0.005);
    Ok(())
}
