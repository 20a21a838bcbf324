//! What an update rule or an optimizer says of itself beside its formula: its parameters and what is usual.

use std::fmt;

use chainrule_tensor::Scalar;
use chainrule_tensor::registry::{InvalidParameter, Parameters};

use crate::decay::Decay;
use crate::optimizer::Optimizer;
use crate::rule::Rule;

/// The parameters of an update rule, as a configuration has them.
pub trait RuleConfig: Parameters {
    /// The learning rate η where none is given.
    const LEARNING_RATE: f64;
    /// The weight decay λ where none is given.
    const WEIGHT_DECAY: f64 = 0.0;
    /// The learning rate at which the harness tries the rule, on curvatures of the order of 1.
    const TRIAL_RATE: f64;

    /// The rule, with weight decay where it is to have one: added to the gradient before the rule, unless the rule is known for
    /// a decay that is decoupled from it.
    fn build<A: Scalar>(&self, decay: Option<Decay>) -> Box<dyn Rule<A>>;

    /// [`LEARNING_RATE`](Self::LEARNING_RATE).
    fn learning_rate(&self) -> f64 {
        Self::LEARNING_RATE
    }

    /// [`WEIGHT_DECAY`](Self::WEIGHT_DECAY).
    fn weight_decay(&self) -> f64 {
        Self::WEIGHT_DECAY
    }

    /// [`TRIAL_RATE`](Self::TRIAL_RATE).
    fn trial_rate(&self) -> f64 {
        Self::TRIAL_RATE
    }
}

/// The parameters of an optimizer that chooses its own steps, as a configuration has them.
pub trait OptimizerConfig: Parameters {
    /// The optimizer in `dim` dimensions.
    fn build<A: Scalar>(&self, dim: usize) -> Box<dyn Optimizer<A>>;

    /// What the harness tries: the optimizer with these parameters and, with others, whatever takes another path.
    fn cases<A: Scalar>(&self) -> Vec<OptimizerCase<A>> {
        let config = self.clone();
        vec![OptimizerCase::new("", move |dim| config.build(dim))]
    }
}

/// An optimizer that the harness tries.
pub struct OptimizerCase<A: Scalar> {
    /// The name in tables of results.
    pub name: String,
    /// Makes a new one for a number of dimensions.
    pub make: Make<A>,
}

/// Makes an optimizer for a number of dimensions.
pub type Make<A> = Box<dyn Fn(usize) -> Box<dyn Optimizer<A>>>;

impl<A: Scalar> OptimizerCase<A> {
    /// A case with a label, which is empty where the name of the optimizer says all.
    pub fn new(label: &str, make: impl Fn(usize) -> Box<dyn Optimizer<A>> + 'static) -> Self {
        Self { name: label.to_owned(), make: Box::new(make) }
    }

    /// The case with the optimizer's name before the label.
    #[must_use]
    pub fn of(self, name: &str) -> Self {
        let name = if self.name.is_empty() { name.to_owned() } else { format!("{name}, {}", self.name) };
        Self { name, ..self }
    }
}

impl<A: Scalar> fmt::Debug for OptimizerCase<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OptimizerCase").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The rule after the decay, or alone.
pub(crate) fn decayed<A: Scalar>(decay: Option<Decay>, rule: impl Rule<A> + 'static) -> Box<dyn Rule<A>> {
    match decay {
        Some(decay) => Box::new((decay, rule)),
        None => Box::new(rule),
    }
}

/// Whether a share of the past that lives on is one.
pub(crate) fn check_share(
    owner: &'static str,
    parameter: &'static str,
    share: f64,
) -> Result<(), InvalidParameter> {
    InvalidParameter::check(owner, parameter, share, "from 0 up to, but not including, 1", |share| {
        (0.0..1.0).contains(&share)
    })
}

/// Whether what is added to a root is positive.
pub(crate) fn check_epsilon(owner: &'static str, epsilon: f64) -> Result<(), InvalidParameter> {
    InvalidParameter::check(owner, "epsilon", epsilon, "above 0", |epsilon| epsilon > 0.0)
}
