use std::ops::Range;

use chainrule_tensor::{Layout, Scalar, vector};

use crate::rule::{Rule, Step, Window};

/// Weight decay: u ← u + λθ, on weights and not on biases.
///
/// Before another rule it is the gradient of ½λ‖θ‖², as PyTorch's `weight_decay` is for SGD and Adam; after one it is
/// decoupled from it, as in AdamW.
///
/// # References
/// Krogh and Hertz, "A simple weight decay can improve generalization", 1992; Loshchilov and Hutter 2019.
///
/// ```
/// use chainrule_optim::{Adam, Decay, Rule};
/// use chainrule_tensor::{Init, Layout};
///
/// let mut layout = Layout::new();
/// layout.push("weight", (3, 2), Init::HeUniform);
/// layout.push("bias", 2, Init::Zeros);
/// let adamw = (Adam::default(), Decay::on_weights(0.01, &layout));
/// assert_eq!(Rule::<f32>::memory(&adamw), ["mean", "mean_square"]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Decay {
    rate: f64,
    /// What decays, in ascending order.
    ranges: Vec<Range<usize>>,
}

impl Decay {
    /// Decay by λ = `rate` of the matrices of a layout; biases and gains are left alone.
    pub fn on_weights(rate: f64, layout: &Layout) -> Self {
        let weights = layout.entries().iter().filter(|entry| entry.decayed && entry.trained);
        Self { rate, ranges: weights.map(chainrule_tensor::Entry::range).collect() }
    }

    /// Decay by λ = `rate` of everything.
    pub fn on_all(rate: f64) -> Self {
        Self { rate, ranges: std::iter::once(0..usize::MAX).collect() }
    }
}

impl<A: Scalar> Rule<A> for Decay {
    fn apply(&self, _: Step<A>, window: &mut Window<'_, A>, update: &mut [A]) {
        let Range { start, end } = window.range.clone();
        for range in &self.ranges {
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                let part = from - start..to - start;
                vector::axpy(A::of(self.rate), &window.theta[part.clone()], &mut update[part]);
            }
        }
    }
}
