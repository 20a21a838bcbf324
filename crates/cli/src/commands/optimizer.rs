//! The optimizer that a command line asks for.

use std::str::FromStr;

use chainrule::curvature::{NewtonConfig, SaddleFreeNewtonConfig, SecondOrderKind, SecondOrderSpec};
use chainrule::model::Recipe;
use chainrule::optim::{
    Clip, DescentSpec, LbfgsConfig, MomentumConfig, NesterovConfig, Optimizer, OptimizerKind,
    QuasiNewtonKind, QuasiNewtonSpec, RuleKind, RuleSpec, ScheduleKind,
};
use chainrule::tensor::registry::UnknownName;
use chainrule::tensor::{Layout, Scalar};
use clap::Args;

use super::options::{ANY, name_parser, parse_fraction, parse_magnitude, whole};
use crate::headings::TRAINING;

/// An optimizer of the library by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OptimizerName {
    FirstOrder(RuleKind),
    QuasiNewton(QuasiNewtonKind),
    SecondOrder(SecondOrderKind),
}

impl OptimizerName {
    fn names() -> impl Iterator<Item = &'static str> {
        OptimizerKind::names().chain(SecondOrderKind::NAMES.iter().copied())
    }
}

impl From<OptimizerKind> for OptimizerName {
    fn from(kind: OptimizerKind) -> Self {
        match kind {
            OptimizerKind::Rule(kind) => Self::FirstOrder(kind),
            OptimizerKind::QuasiNewton(kind) => Self::QuasiNewton(kind),
        }
    }
}

impl FromStr for OptimizerName {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let second_order = |_: UnknownName| name.parse().map(Self::SecondOrder);
        let unknown = |_: UnknownName| UnknownName::new("optimizer", name, Self::names());
        name.parse().map(OptimizerKind::into).or_else(second_order).map_err(unknown)
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct OptimizerArgs {
    /// Optimizer
    #[arg(long, value_parser = name_parser::<OptimizerName>(OptimizerName::names()), default_value = "adam", value_name = "NAME", help_heading = TRAINING)]
    pub(crate) optimizer: OptimizerName,
    /// Learning rate [default: that of the optimizer; without --optimizer, one-cycle with a peak of 0.01]
    ///
    /// The default is 0.1 for sgd, 0.01 for momentum, nesterov and adagrad, 0.001 for the others. If none of --optimizer, --lr,
    /// --weight-decay, --schedule and --warmup is given: adam with a one-cycle schedule that peaks at 0.01.
    #[arg(long, value_name = "X", value_parser = parse_magnitude, help_heading = TRAINING)]
    lr: Option<f64>,
    /// Momentum coefficient of momentum and nesterov
    #[arg(long, value_name = "X", default_value = "0.9", value_parser = parse_fraction, help_heading = TRAINING, hide_short_help = true)]
    momentum: f64,
    /// Weight decay, applied to weights and not to biases [default: 0.01 for adamw, 0 for the others; 1.5 / training examples if
    /// none of the five flags named at --lr is given]
    #[arg(long, value_name = "X", value_parser = parse_magnitude, help_heading = TRAINING, hide_short_help = true)]
    weight_decay: Option<f64>,
    /// Dimension of the Krylov subspace of newton and saddle-free-newton; 0 for the whole space [default: 0 up to 1500 parameters, else 50]
    #[arg(long, value_name = "N", help_heading = TRAINING, hide_short_help = true, value_parser = whole::<usize>(ANY))]
    krylov: Option<usize>,
    /// Steps of newton and saddle-free-newton between two evaluations of the Hessian
    #[arg(long, value_name = "N", default_value = "1", value_parser = whole::<u16>(1..=u64::from(u16::MAX)), help_heading = TRAINING, hide_short_help = true)]
    inner_steps: u16,
    /// Adapt the damping of newton and saddle-free-newton after each step (Levenberg-Marquardt) instead of searching 1, 0.1, …, 0.00001
    #[arg(long, help_heading = TRAINING, hide_short_help = true)]
    adaptive_damping: bool,
    /// Learning rate schedule [default: constant; one-cycle if none of the five flags named at --lr is given]
    #[arg(long, value_parser = name_parser::<ScheduleKind>(ScheduleKind::NAMES), default_value = "constant", hide_default_value = true, value_name = "NAME", help_heading = TRAINING, hide_short_help = true)]
    schedule: ScheduleKind,
    /// Number of warm-up steps, over which the learning rate rises from 0
    #[arg(long, value_name = "STEPS", default_value_t = 0, help_heading = TRAINING, hide_short_help = true, value_parser = whole::<u64>(ANY))]
    warmup: u64,
    /// Clip the gradient norm to this value
    #[arg(long, value_name = "NORM", value_parser = parse_magnitude, help_heading = TRAINING, hide_short_help = true)]
    clip_norm: Option<f64>,
    /// Clip each component of the gradient to this magnitude
    #[arg(long, value_name = "X", value_parser = parse_magnitude, conflicts_with = "clip_norm", help_heading = TRAINING, hide_short_help = true)]
    clip_value: Option<f64>,
}

impl OptimizerArgs {
    /// The ids of the arguments of which one says that somebody has chosen how to descend.
    pub(crate) const CHOICES: [&str; 5] = ["optimizer", "lr", "weight_decay", "schedule", "warmup"];

    /// The same with the default optimizer, learning rate, weight decay and schedule for `examples` training examples.
    pub(crate) fn usual(&self, examples: usize) -> Self {
        let recipe = Recipe::usual(examples);
        Self {
            optimizer: OptimizerName::FirstOrder(recipe.rule),
            lr: Some(recipe.rule.spec().rate_under(recipe.schedule)),
            weight_decay: Some(recipe.weight_decay),
            schedule: recipe.schedule,
            ..self.clone()
        }
    }

    /// Whether a step needs the whole training set: a line search on a mini-batch would fit that batch.
    pub(crate) fn wants_full_batch(&self) -> bool {
        !matches!(self.optimizer, OptimizerName::FirstOrder(_))
    }

    /// The settings that the optimizer does not have: the ids of their arguments, each with the optimizers that have it.
    pub(crate) fn unused(&self) -> Vec<(&'static str, &'static str)> {
        const DESCENT: &str = "an optimizer with a learning rate, such as adam";
        const NEWTON: &str = "newton or saddle-free-newton";
        let descent = ["lr", "schedule", "warmup", "clip_norm", "clip_value"].map(|id| (id, DESCENT));
        let newton = ["krylov", "inner_steps", "adaptive_damping"].map(|id| (id, NEWTON));
        let momentum = [("momentum", "momentum or nesterov")];
        let mut unused = Vec::new();
        let (mut has_momentum, mut is_newton) = (false, false);
        match self.optimizer {
            OptimizerName::FirstOrder(kind) => {
                has_momentum = matches!(kind, RuleKind::Momentum | RuleKind::Nesterov);
            }
            OptimizerName::QuasiNewton(_) | OptimizerName::SecondOrder(SecondOrderKind::HessianFree) => {}
            OptimizerName::SecondOrder(_) => is_newton = true,
        }
        if self.wants_full_batch() {
            unused.extend(descent);
            unused.push(("batch", "an optimizer that takes a batch for each step, such as adam"));
            // Files of settings have a weight decay of 0.
            if self.weight_decay.is_some_and(|decay| decay > 0.0) {
                unused.push(("weight_decay", DESCENT));
            }
        }
        if !has_momentum {
            unused.extend(momentum);
        }
        if !is_newton {
            unused.extend(newton);
        }
        unused
    }

    /// The update rule with its parameters.
    fn rule(&self, kind: RuleKind) -> RuleSpec {
        let momentum = MomentumConfig { mu: self.momentum };
        match kind {
            RuleKind::Momentum => RuleSpec::Momentum(momentum),
            RuleKind::Nesterov => RuleSpec::Nesterov(NesterovConfig(momentum)),
            kind => kind.spec(),
        }
    }

    fn second_order(&self, kind: SecondOrderKind) -> SecondOrderSpec {
        let newton = NewtonConfig {
            krylov: self.krylov,
            inner: usize::from(self.inner_steps),
            adaptive_damping: self.adaptive_damping,
        };
        match kind {
            SecondOrderKind::Newton => SecondOrderSpec::Newton(newton),
            SecondOrderKind::SaddleFreeNewton => {
                SecondOrderSpec::SaddleFreeNewton(SaddleFreeNewtonConfig(newton))
            }
            SecondOrderKind::HessianFree => kind.spec(),
        }
    }

    /// The settings whose defaults depend on the optimizer, by their flags.
    pub(crate) fn resolved(&self) -> impl Iterator<Item = (&'static str, String)> {
        let usual = match self.optimizer {
            OptimizerName::FirstOrder(kind) => {
                let rule = self.rule(kind);
                (Some(rule.learning_rate()), rule.weight_decay())
            }
            _ => (None, 0.0),
        };
        let rate = self.lr.or(usual.0).map(|rate| ("lr", rate.to_string()));
        let decay = ("weight-decay", self.weight_decay.unwrap_or(usual.1).to_string());
        rate.into_iter().chain([decay, ("schedule", self.schedule.to_string())])
    }

    /// Whether the learning rate at a step depends on how many steps there are.
    pub(crate) fn depends_on_the_steps(&self) -> bool {
        !self.wants_full_batch() && self.schedule != ScheduleKind::Constant
    }

    /// Vectors with the length of θ that a step remembers or works on, at least.
    pub(crate) fn vectors(&self) -> usize {
        match self.optimizer {
            OptimizerName::FirstOrder(RuleKind::Sgd) => 0,
            OptimizerName::FirstOrder(_) => 1,
            OptimizerName::QuasiNewton(QuasiNewtonKind::Lbfgs) => 4 + 2 * LbfgsConfig::default().history,
            OptimizerName::SecondOrder(_) => 6,
        }
    }

    /// The optimizer for a run of `steps` steps. If dropout or augmentation make the risk another one at each step, `varies` says so.
    pub(crate) fn build<A: Scalar>(
        &self,
        layout: &Layout,
        steps: u64,
        varies: bool,
    ) -> Box<dyn Optimizer<A>> {
        match self.optimizer {
            OptimizerName::FirstOrder(kind) => {
                let rule = self.rule(kind);
                let rate = self.lr.unwrap_or(rule.learning_rate());
                // It begins when the warm-up ends.
                let schedule = self.schedule.over(rate, steps.saturating_sub(self.warmup));
                let schedule = if self.warmup > 0 { schedule.warm_up(self.warmup) } else { schedule };
                let clip = self.clip_norm.map(Clip::Norm).or(self.clip_value.map(Clip::Value));
                let (schedule, weight_decay) = (Some(schedule), self.weight_decay);
                Box::new(DescentSpec { rule, schedule, weight_decay, clip }.build(layout))
            }
            OptimizerName::QuasiNewton(QuasiNewtonKind::Lbfgs) => {
                let lbfgs = LbfgsConfig { full_batch: !varies, ..LbfgsConfig::default() };
                QuasiNewtonSpec::Lbfgs(lbfgs).build(layout.len())
            }
            OptimizerName::SecondOrder(kind) => self.second_order(kind).build(layout.len()),
        }
    }
}
