//! The optimizer that a command line asks for.

use chainrule::curvature::{Damping, HessianFree, Newton};
use chainrule::optim::{
    Adagrad, Adam, Clip, Decay, Descent, Lbfgs, Momentum, Optimizer, RmsProp, Rule, Schedule, Sgd,
};
use chainrule::tensor::{Layout, Scalar};
use clap::{Args, ValueEnum};

use super::options::parse_magnitude;
use crate::headings::TRAINING;

/// An optimizer by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OptimizerName {
    Sgd,
    Momentum,
    Nesterov,
    Adagrad,
    Rmsprop,
    Adam,
    Adamw,
    Lbfgs,
    Newton,
    SaddleFreeNewton,
    HessianFree,
}

/// Up to `WHOLE` parameters a Newton method uses the whole space by default, and beyond a Krylov subspace of `LANCZOS`
/// dimensions.
const WHOLE: usize = 1500;
const LANCZOS: usize = 50;

/// A schedule by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScheduleName {
    Constant,
    Step,
    Exponential,
    Cosine,
    OneCycle,
    Plateau,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct OptimizerArgs {
    /// Optimizer
    #[arg(long, value_enum, default_value = "adam", value_name = "NAME", help_heading = TRAINING)]
    pub(crate) optimizer: OptimizerName,
    /// Learning rate [default: 0.1 for sgd, 0.01 for momentum, nesterov and adagrad, 0.001 for the others]
    #[arg(long, value_name = "X", value_parser = parse_magnitude, help_heading = TRAINING)]
    lr: Option<f64>,
    /// Momentum coefficient of momentum and nesterov
    #[arg(long, value_name = "X", default_value = "0.9", value_parser = parse_magnitude, help_heading = TRAINING, hide_short_help = true)]
    momentum: f64,
    /// Weight decay, applied to weights and not to biases [default: 0.01 for adamw, 0 for the others]
    #[arg(long, value_name = "X", value_parser = parse_magnitude, help_heading = TRAINING, hide_short_help = true)]
    weight_decay: Option<f64>,
    /// Dimension of the Krylov subspace of newton and saddle-free-newton; 0 for the whole space [default: 0 up to 1500 parameters, else 50]
    #[arg(long, value_name = "N", help_heading = TRAINING, hide_short_help = true)]
    krylov: Option<usize>,
    /// Steps of newton and saddle-free-newton between two evaluations of the Hessian
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..), help_heading = TRAINING, hide_short_help = true)]
    inner_steps: u16,
    /// Adapt the damping of newton and saddle-free-newton after each step (Levenberg-Marquardt) instead of searching 1, 0.1, …, 0.00001
    #[arg(long, help_heading = TRAINING, hide_short_help = true)]
    adaptive_damping: bool,
    /// Learning rate schedule
    #[arg(long, value_enum, default_value = "constant", value_name = "NAME", help_heading = TRAINING, hide_short_help = true)]
    schedule: ScheduleName,
    /// Number of warm-up steps, over which the learning rate rises from 0
    #[arg(long, value_name = "STEPS", default_value_t = 0, help_heading = TRAINING, hide_short_help = true)]
    warmup: u64,
    /// Clip the gradient norm to this value
    #[arg(long, value_name = "NORM", value_parser = parse_magnitude, help_heading = TRAINING, hide_short_help = true)]
    clip_norm: Option<f64>,
    /// Clip each component of the gradient to this magnitude
    #[arg(long, value_name = "X", value_parser = parse_magnitude, conflicts_with = "clip_norm", help_heading = TRAINING, hide_short_help = true)]
    clip_value: Option<f64>,
}

impl OptimizerArgs {
    /// Whether a step needs the whole training set: a line search on a mini-batch would fit that batch.
    pub(crate) fn wants_full_batch(&self) -> bool {
        matches!(
            self.optimizer,
            OptimizerName::Lbfgs
                | OptimizerName::Newton
                | OptimizerName::SaddleFreeNewton
                | OptimizerName::HessianFree
        )
    }

    fn newton<A: Scalar>(&self, method: Newton<A>, dim: usize) -> Box<dyn Optimizer<A>> {
        let method = match self.krylov.unwrap_or(if dim > WHOLE { LANCZOS } else { 0 }) {
            0 => method,
            vectors => method.krylov(vectors),
        };
        let method = method.inner(usize::from(self.inner_steps));
        let adaptive = || Damping::LevenbergMarquardt(1.0);
        Box::new(if self.adaptive_damping { method.damping(adaptive()) } else { method })
    }

    /// The default learning rate; `None` for an optimizer that has none.
    fn usual_rate(&self) -> Option<f64> {
        match self.optimizer {
            OptimizerName::Lbfgs
            | OptimizerName::Newton
            | OptimizerName::SaddleFreeNewton
            | OptimizerName::HessianFree => None,
            OptimizerName::Sgd => Some(0.1),
            OptimizerName::Momentum | OptimizerName::Nesterov | OptimizerName::Adagrad => Some(0.01),
            OptimizerName::Rmsprop | OptimizerName::Adam | OptimizerName::Adamw => Some(0.001),
        }
    }

    fn usual_decay(&self) -> f64 {
        if self.optimizer == OptimizerName::Adamw { 0.01 } else { 0.0 }
    }

    /// The settings whose defaults depend on the optimizer, by their flags.
    pub(crate) fn resolved(&self) -> impl Iterator<Item = (&'static str, String)> {
        let rate = self.lr.or(self.usual_rate()).map(|rate| ("lr", rate.to_string()));
        let decay = ("weight-decay", self.weight_decay.unwrap_or(self.usual_decay()).to_string());
        rate.into_iter().chain([decay])
    }

    /// The optimizer for a run of `steps` steps.
    pub(crate) fn build<A: Scalar>(&self, layout: &Layout, steps: u64) -> Box<dyn Optimizer<A>> {
        let momentum = |nesterov| Momentum { mu: self.momentum, nesterov };
        let rule: Box<dyn Rule<A>> = match self.optimizer {
            OptimizerName::Lbfgs => return Box::new(Lbfgs::new(layout.len()).full_batch(true)),
            OptimizerName::Newton => return self.newton(Newton::damped(layout.len()), layout.len()),
            OptimizerName::SaddleFreeNewton => {
                return self.newton(Newton::saddle_free(layout.len()), layout.len());
            }
            OptimizerName::HessianFree => return Box::new(HessianFree::new(layout.len())),
            OptimizerName::Sgd => self.decayed(Sgd, layout),
            OptimizerName::Momentum => self.decayed(momentum(false), layout),
            OptimizerName::Nesterov => self.decayed(momentum(true), layout),
            OptimizerName::Adagrad => self.decayed(Adagrad::default(), layout),
            OptimizerName::Rmsprop => self.decayed(RmsProp::default(), layout),
            OptimizerName::Adam => self.decayed(Adam::default(), layout),
            OptimizerName::Adamw => {
                let decay = Decay::on_weights(self.weight_decay.unwrap_or(self.usual_decay()), layout);
                Box::new((Adam::default(), decay))
            }
        };
        let rate = self.lr.or(self.usual_rate()).expect("every descent has a rate");
        let descent = Descent::new(rule, layout.len(), self.schedule(rate, steps)).along(layout);
        Box::new(match (self.clip_norm, self.clip_value) {
            (Some(norm), _) => descent.clip(Clip::Norm(norm)),
            (_, Some(value)) => descent.clip(Clip::Value(value)),
            _ => descent,
        })
    }

    /// The rule, with the decay added to the gradient it sees, as PyTorch's `weight_decay` is.
    fn decayed<A: Scalar>(&self, rule: impl Rule<A> + 'static, layout: &Layout) -> Box<dyn Rule<A>> {
        match self.weight_decay {
            Some(rate) if rate > 0.0 => Box::new((Decay::on_weights(rate, layout), rule)),
            _ => Box::new(rule),
        }
    }

    fn schedule(&self, rate: f64, steps: u64) -> Schedule {
        let schedule = match self.schedule {
            ScheduleName::Constant => Schedule::constant(rate),
            ScheduleName::Step => Schedule::step(rate, steps.div_ceil(3), 0.1),
            ScheduleName::Exponential => {
                Schedule::exponential(rate, 0.01_f64.powf(1.0 / steps.max(1) as f64))
            }
            ScheduleName::Cosine => Schedule::cosine(rate, steps),
            ScheduleName::OneCycle => Schedule::one_cycle(rate, steps),
            ScheduleName::Plateau => Schedule::plateau(rate),
        };
        if self.warmup > 0 { schedule.warm_up(self.warmup) } else { schedule }
    }
}
