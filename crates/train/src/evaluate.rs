use chainrule_datasets::{Batches, Dataset, Encoding, Pipeline};
use chainrule_layers::{Layer, Mode};
use chainrule_loss::Loss;
use chainrule_tensor::{Scalar, rows};

use crate::{Confusion, Fit, Workspace};

/// The rows of one forward pass.
const ROWS: usize = 256;

/// How a network does on data.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The mean loss of an example.
    pub loss: f64,
    /// Right or wrong, class by class or number by number.
    pub quality: Quality,
}

/// How good predictions are, apart from the loss.
#[derive(Debug, Clone, PartialEq)]
pub enum Quality {
    /// Of a classification.
    Classes(Confusion),
    /// Of a regression.
    Real(Fit),
}

impl Evaluation {
    /// Accuracy for a classification, R² for a regression.
    pub fn score(&self) -> f64 {
        match &self.quality {
            Quality::Classes(confusion) => confusion.accuracy(),
            Quality::Real(fit) => fit.r_squared(),
        }
    }
}

/// Measures `model` at θ on `data`, example by example in their order, with dropout off.
///
/// # Panics
/// If the encoding does not fit the targets, or the model the data.
///
/// ```
/// use chainrule_datasets::{Encoding, Pipeline, synthetic};
/// use chainrule_layers::{Dense, Layer};
/// use chainrule_loss::SoftmaxCrossEntropy;
/// use chainrule_train::evaluate;
///
/// let data = synthetic::moons::<f64>(100, 0.1, 1);
/// let (model, loss) = (Dense::new(2, 2), SoftmaxCrossEntropy::default());
/// // At θ = 0 both classes are equally likely, and the cross-entropy is ln 2.
/// let result = evaluate(&model, &loss, Encoding::Index, &Pipeline::new(), &[0.0; 6], &data);
/// assert!((result.loss - 2.0_f64.ln()).abs() < 1e-12);
/// assert_eq!(result.score(), 0.5);
/// ```
pub fn evaluate<A: Scalar>(
    model: &dyn Layer<A>,
    loss: &dyn Loss<A>,
    encoding: Encoding,
    transform: &Pipeline,
    theta: &[A],
    data: &Dataset<A>,
) -> Evaluation {
    let mut batches = Batches::new(data, transform, encoding, ROWS);
    let mut workspace = Workspace::new(model, ROWS.min(data.len()));
    let mut total = 0.0;
    let mut quality = match data.labels() {
        Some(_) => Quality::Classes(Confusion::new(model.outputs())),
        None => Quality::Real(Fit::new(model.outputs())),
    };
    while let Some(batch) = batches.next_batch() {
        let mut y = rows::first_mut(&mut workspace.y, batch.rows());
        model.forward(Mode::Eval, theta, &batch.x(), &mut y, &mut workspace.tape);
        total += loss.value(&y, &batch.target()).as_f64();
        match (&mut quality, data.labels()) {
            (Quality::Classes(confusion), Some(labels)) => {
                let truth: Vec<usize> = batch.indices().iter().map(|&i| labels[i] as usize).collect();
                confusion.add(&y, &truth);
            }
            (Quality::Real(fit), _) => fit.add(&y, &batch.target()),
            (Quality::Classes(_), None) => unreachable!("classes have labels"),
        }
    }
    Evaluation { loss: total / data.len().max(1) as f64, quality }
}
