//! One example through a network and its error signal back.

use chainrule::datasets::Pipeline;
use chainrule::layers::{Grad, Layer as _, Point, Sequential, Station, Tape, TapeKind};
use chainrule::loss::LossKind;
use chainrule::model::{ModelCard, predict};
use chainrule::ndarray::{Array2, ArrayRef2};
use chainrule::tensor::{Accum, Scalar};
use chainrule::train::Weights;

/// Numbers of any type as those of the report.
pub(super) fn wide<'a, A: Scalar>(values: impl IntoIterator<Item = &'a A>) -> Vec<f64> {
    values.into_iter().map(|value| value.as_f64()).collect()
}

/// What the engine leaves behind after forward and backward. It computes in f64 whatever the weights were trained in: the square of a
/// difference of 1e30 or 1e-30 is no number of f32.
pub(super) struct Pass<'a> {
    pub(super) model: Sequential<f64>,
    pub(super) theta: &'a [f64],
    /// ∂C/∂θ.
    pub(super) grad: Vec<f64>,
    /// ∂C/∂x.
    pub(super) x_signal: Vec<f64>,
    /// What the program would predict.
    pub(super) prediction: Vec<f64>,
    pub(super) cost: f64,
    x: &'a ArrayRef2<f64>,
    y: Array2<f64>,
    delta: Array2<f64>,
    tape: Tape<f64>,
}

impl<'a> Pass<'a> {
    /// Forward, δ and backward of one example: `x` and `target` have one row.
    pub(super) fn of(
        (card, loss): (&ModelCard, LossKind),
        weights: Weights<'a, f64>,
        x: &'a ArrayRef2<f64>,
        target: &ArrayRef2<f64>,
    ) -> Self {
        let (model, theta) = (card.architecture.build::<f64>(None), weights.theta);
        let outputs = || Array2::zeros((1, model.outputs()));
        let (mut y, mut delta, mut tape) = (outputs(), outputs(), model.tape(TapeKind::Complete, 1));
        let (mut x_signal, mut grad) = (Array2::zeros((1, model.inputs())), vec![0.0; theta.len()]);
        model.forward(weights.eval(), theta, x, &mut y, &mut tape);
        let cost = loss.spec().build::<f64>().value_and_delta(&y, target, &mut delta);
        let grad_into = Grad::new(&mut grad, Accum::Replace);
        model.backward(Point { theta, x, y: &y }, &delta, Some(&mut x_signal), Some(grad_into), &mut tape);
        let prediction = wide(&predict(&model, card.output, &Pipeline::new(), weights, x));
        Self { model, theta, grad, x_signal: wide(&x_signal), prediction, cost, x, y, delta, tape }
    }

    /// The network with the values and error signals of all its layers.
    pub(super) fn network(&self) -> Station<'_, f64> {
        Station::network(&self.model).after_forward(self.x, &self.y, &self.tape).after_backward(&self.delta)
    }
}
