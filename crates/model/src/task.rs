use chainrule_datasets::{Dataset, Encoding, Target};
use chainrule_loss::{BinaryCrossEntropy, Loss, SoftmaxCrossEntropy, SquaredError, TargetKind};
use chainrule_tensor::Scalar;

use crate::fit_error::FitError;

/// What a network is to learn: examples, the loss of its outputs on them, and perhaps examples to watch it on.
///
/// ```
/// use chainrule_datasets::synthetic;
/// use chainrule_loss::Huber;
/// use chainrule_model::Task;
///
/// let (train, held_out) = (synthetic::moons::<f32>(200, 0.1, 1), synthetic::moons(50, 0.1, 2));
/// let task = Task::new(&train).validation(&held_out);
/// assert!(task.encoding().is_ok());
/// // Huber's loss takes classes as rows of 0 and 1.
/// assert!(task.loss(Huber::default()).encoding().is_ok());
/// ```
#[derive(Debug)]
pub struct Task<'a, A: Scalar> {
    pub(crate) train: &'a Dataset<A>,
    pub(crate) validation: Option<&'a Dataset<A>>,
    pub(crate) loss: Box<dyn Loss<A>>,
}

impl<'a, A: Scalar> Task<'a, A> {
    /// The classes of `train` by the softmax cross-entropy, its numbers by the mean squared error, or its labels by the binary
    /// cross-entropy.
    pub fn new(train: &'a Dataset<A>) -> Self {
        Self { train, validation: None, loss: usual_loss(train.target()) }
    }

    /// The same with another loss: one of the library, or one of your own.
    #[must_use]
    pub fn loss(self, loss: impl Loss<A>) -> Self {
        self.boxed_loss(Box::new(loss))
    }

    /// The same with a loss that is chosen at run time.
    #[must_use]
    pub fn boxed_loss(self, loss: Box<dyn Loss<A>>) -> Self {
        Self { loss, ..self }
    }

    /// The same, measured on `data` after each epoch.
    #[must_use]
    pub fn validation(self, data: &'a Dataset<A>) -> Self {
        Self { validation: Some(data), ..self }
    }

    /// The form in which the loss takes the targets.
    ///
    /// # Errors
    /// If it is a loss of classes, and the targets are numbers; or one of anything but labels, and the targets are labels.
    pub fn encoding(&self) -> Result<Encoding, FitError> {
        let target = self.train.target();
        encoding(self.loss.target(), target).ok_or(match target {
            Target::MultiLabel { .. } => FitError::LossOfLabels,
            _ => FitError::LossOfClasses,
        })
    }
}

/// The loss of a target if none is named.
pub fn usual_loss<A: Scalar>(target: &Target) -> Box<dyn Loss<A>> {
    match target {
        Target::Classes { .. } => Box::new(SoftmaxCrossEntropy::default()),
        Target::Real { .. } => Box::new(SquaredError::mean()),
        Target::MultiLabel { .. } => Box::new(BinaryCrossEntropy::default()),
    }
}

/// The form in which a loss of this kind takes a target; `None` for one of classes where the target is numbers, or of anything but shares
/// where it is labels.
///
/// ```
/// use chainrule_datasets::{Encoding, Target};
/// use chainrule_loss::TargetKind;
/// use chainrule_model::encoding;
///
/// let classes = Target::numbered(vec![0, 1], 2);
/// assert_eq!(encoding(TargetKind::Class, &classes), Some(Encoding::Index));
/// assert_eq!(encoding(TargetKind::Real, &classes), Some(Encoding::OneHot));
/// ```
pub fn encoding(kind: TargetKind, target: &Target) -> Option<Encoding> {
    match (target, kind) {
        (Target::Classes { .. }, TargetKind::Class) => Some(Encoding::Index),
        (Target::Classes { .. }, _) => Some(Encoding::OneHot),
        (Target::Real { .. }, TargetKind::Real) => Some(Encoding::Real),
        (Target::MultiLabel { .. }, TargetKind::Share) => Some(Encoding::MultiHot),
        (Target::Real { .. } | Target::MultiLabel { .. }, _) => None,
    }
}
