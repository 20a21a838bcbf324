use chainrule_datasets::Pipeline;
use chainrule_layers::{Layer, TapeKind};
use chainrule_tensor::ndarray::{Array2, ArrayRef2, Axis};
use chainrule_tensor::{Scalar, rows};
use chainrule_train::Weights;

use crate::output::Output;

/// The rows of one forward pass.
const ROWS: usize = 256;

/// The predictions of `model` with `weights` for the rows of `x`, raw as they come from a file: the input transform is applied
/// before the first layer, the output function after the last, and dropout is off. Numbers of x with more digits than the network's
/// are transformed before they are rounded.
///
/// # Panics
/// If the transform or the model is for another number of inputs, or the weights lack statistics that the model has.
///
/// ```
/// use chainrule_datasets::Pipeline;
/// use chainrule_layers::Dense;
/// use chainrule_tensor::ndarray::array;
/// use chainrule_model::{Output, predict};
///
/// // W = [1 −1], b = [0 0]: a softmax over x and −x is a sigmoid of 2x.
/// let theta = [1.0_f64, -1.0, 0.0, 0.0];
/// let p = predict(&Dense::new(1, 2), Output::Softmax, &Pipeline::new(), &theta, &array![[0.0], [0.5]]);
/// assert_eq!(p.row(0).to_vec(), [0.5, 0.5]);
/// assert!((p[(1, 0)] - 1.0 / (1.0 + (-1.0_f64).exp())).abs() < 1e-12);
/// ```
pub fn predict<'a, A: Scalar, X: Scalar>(
    model: &dyn Layer<A>,
    output: Output,
    transform: &Pipeline,
    weights: impl Into<Weights<'a, A>>,
    x: &ArrayRef2<X>,
) -> Array2<A> {
    let mut predictions = Array2::zeros((x.nrows(), model.outputs()));
    let (weights, batch) = (weights.into(), ROWS.min(x.nrows()));
    weights.eval().assert_fits(model.statistics());
    let (mut outputs, mut tape) =
        (rows::zeros(batch, model.outputs()), model.tape(TapeKind::Gradient, batch));
    for (x, mut predictions) in
        x.axis_chunks_iter(Axis(0), ROWS).zip(predictions.axis_chunks_iter_mut(Axis(0), ROWS))
    {
        let mut x = x.to_owned();
        transform.apply_in_place(&mut x);
        let x = x.mapv_into_any(|x| A::of(x.as_f64()));
        let mut y = rows::first_mut(&mut outputs, x.nrows());
        model.forward(weights.eval(), weights.theta, &x, &mut y, &mut tape);
        rows::slices(&y)
            .zip(rows::slices_mut(&mut predictions))
            .for_each(|(y, prediction)| output.apply(y, prediction));
    }
    predictions
}
