use chainrule_loss::FusedOutput;
use chainrule_tensor::{Scalar, math, rows, simd};
use serde::{Deserialize, Serialize};

/// What turns the topmost layer's output into a prediction. The function belongs here, and not to a numbered place,
/// where the loss is fused with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// The layer's output as it is.
    Identity,
    /// A sigmoid of each number.
    Sigmoid,
    /// A softmax of each row.
    Softmax,
}

/// The function that a loss applies itself in training.
impl From<FusedOutput> for Output {
    fn from(fused: FusedOutput) -> Self {
        match fused {
            FusedOutput::Identity => Output::Identity,
            FusedOutput::Sigmoid => Output::Sigmoid,
            FusedOutput::Softmax => Output::Softmax,
        }
    }
}

impl Output {
    /// Turns one row of the topmost layer's output into a prediction.
    pub(crate) fn apply<A: Scalar>(self, y: &[A], prediction: &mut [A]) {
        match self {
            Output::Identity => prediction.copy_from_slice(y),
            Output::Sigmoid => simd::map([y], [prediction], |[z], [p]| *p = math::sigmoid(z)),
            Output::Softmax => {
                rows::softmax(y, prediction);
            }
        }
    }
}
