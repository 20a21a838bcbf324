//! The trace for machines.

use chainrule::ndarray::Array2;
use serde_json::{Value, json};

use super::steepest::Steepest;
use super::trace::Trace;

impl Trace {
    /// Every number, for machines.
    pub(super) fn to_json(&self) -> Value {
        let steepest = |steepest: Option<Steepest>| steepest.map(|weight| weight.to_json());
        let layers: Vec<Value> = (1..)
            .zip(&self.layers)
            .map(|(l, layer)| {
                json!({
                    "units": layer.name(), "weight": rows(&layer.weight), "bias": layer.bias, "z": layer.z,
                    "h": layer.h, "slope": layer.slope, "signal": layer.signal, "delta": layer.delta,
                    "grad_weight": rows(&layer.grad_weight), "grad_bias": layer.grad_bias,
                    "largest_derivative": steepest(self.steepest(l)),
                })
            })
            .collect();
        json!({
            "layers": self.widths(), "loss": self.loss.to_string(), "output": self.output, "dtype": self.dtype,
            "input": self.x, "target": self.target, "prediction": self.prediction, "cost": self.cost,
            "trace": layers, "input_signal": self.x_signal,
            "largest_derivative": steepest(self.steepest_of_all()),
        })
    }
}

fn rows(matrix: &Array2<f64>) -> Vec<Vec<f64>> {
    matrix.outer_iter().map(|row| row.to_vec()).collect()
}
