use chainrule_tensor::ndarray::Array2;
use chainrule_tensor::{Rng, Scalar};

use crate::{
    BinaryCrossEntropy, Elementwise, Huber, Loss, MeanAbsoluteError, SoftmaxCrossEntropy, SquaredError, term,
};

/// One loss of the zoo, with the kind of target it takes.
#[derive(Debug)]
pub struct LossCase<A: Scalar> {
    /// The name in tables of results.
    pub name: &'static str,
    /// The loss; class and output weights are for three outputs or fewer.
    pub loss: Box<dyn Loss<A>>,
    /// What its targets are.
    pub target: TargetKind,
}

/// What a loss is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// Any real numbers.
    Real,
    /// A distribution over the outputs in each row.
    Distribution,
    /// One column of class indices.
    Class,
    /// Numbers from 0 to 1.
    Share,
}

impl TargetKind {
    /// Draws targets for a batch.
    pub fn draw(self, rows: usize, outputs: usize, rng: &mut Rng) -> Array2<f64> {
        let mut real =
            |columns: usize| Array2::from_shape_simple_fn((rows, columns), || rng.normal::<f64>(1.0));
        match self {
            TargetKind::Real => real(outputs),
            TargetKind::Share => real(outputs).mapv(|t| 1.0 / (1.0 + t.exp())),
            TargetKind::Class => Array2::from_shape_simple_fn((rows, 1), || rng.below(outputs) as f64),
            TargetKind::Distribution => {
                let mut t = real(outputs).mapv(f64::exp);
                for mut row in t.rows_mut() {
                    row /= row.sum();
                }
                t
            }
        }
    }
}

/// Every loss of the crate: the one list that all shared checks run over.
///
/// ```
/// assert!(chainrule_loss::zoo::<f32>().iter().any(|specimen| specimen.name == "cross-entropy"));
/// ```
pub fn zoo<A: Scalar>() -> Vec<LossCase<A>> {
    fn entry<A: Scalar>(name: &'static str, loss: impl Loss<A> + 'static, target: TargetKind) -> LossCase<A> {
        LossCase { name, loss: Box::new(loss), target }
    }
    let weights = || vec![0.5, 2.0, 1.25];
    let weighted_logits = term::BinaryLogit { positive_weights: weights() };
    vec![
        entry("squared-error", SquaredError::default(), TargetKind::Real),
        entry("squared-error, class indices", SquaredError::default(), TargetKind::Class),
        entry("mean-squared-error", SquaredError::mean(), TargetKind::Real),
        entry("cross-entropy", SoftmaxCrossEntropy::new(), TargetKind::Class),
        entry("cross-entropy, soft targets", SoftmaxCrossEntropy::new(), TargetKind::Distribution),
        entry("cross-entropy, smoothed", SoftmaxCrossEntropy::new().label_smoothing(0.1), TargetKind::Class),
        entry(
            "cross-entropy, weighted",
            SoftmaxCrossEntropy::new().class_weights(weights()).label_smoothing(0.2),
            TargetKind::Distribution,
        ),
        entry("binary-cross-entropy", BinaryCrossEntropy::default(), TargetKind::Share),
        entry("binary-cross-entropy, weighted", Elementwise::mean_of(weighted_logits), TargetKind::Share),
        entry("huber", Huber::default(), TargetKind::Real),
        entry("huber, β = 0.3", Elementwise::mean_of(term::Huber { beta: 0.3 }), TargetKind::Real),
        entry("mean-absolute", MeanAbsoluteError::mean(), TargetKind::Real),
    ]
}
