//! The tables of all update rules and of the optimizers that choose their own steps.

use std::fmt;
use std::str::FromStr;

use chainrule_tensor::registry::{Parameters, UnknownName};
use chainrule_tensor::{Layout, Scalar};
use serde::{Deserialize, Serialize};

use crate::adagrad::Adagrad;
use crate::adam::{Adam, AdamWConfig};
use crate::clip::Clip;
use crate::config::{OptimizerCase, OptimizerConfig, RuleConfig};
use crate::decay::Decay;
use crate::descent::Descent;
use crate::lbfgs::LbfgsConfig;
use crate::momentum::{MomentumConfig, NesterovConfig};
use crate::optimizer::Optimizer;
use crate::rmsprop::RmsProp;
use crate::rule::Rule;
use crate::schedule::{Schedule, ScheduleKind};
use crate::sgd::Sgd;

chainrule_tensor::registry! {
    /// An update rule by its name.
    pub enum RuleKind: "update rule";
    /// An update rule with its parameters.
    ///
    /// ```
    /// use chainrule_optim::{Adam, RuleSpec};
    ///
    /// let spec: RuleSpec = serde_json::from_str(r#"{ "name": "adam", "beta1": 0.8 }"#).unwrap();
    /// assert_eq!(spec, RuleSpec::Adam(Adam { beta1: 0.8, ..Adam::default() }));
    /// assert_eq!(spec.learning_rate(), 0.001);
    /// ```
    pub enum RuleSpec {
        /// [`Sgd`].
        Sgd(Sgd) = "sgd",
        /// [`Momentum`](crate::Momentum).
        Momentum(MomentumConfig) = "momentum",
        /// [`Momentum`](crate::Momentum) with Nesterov's correction.
        Nesterov(NesterovConfig) = "nesterov",
        /// [`Adagrad`].
        Adagrad(Adagrad) = "adagrad",
        /// [`RmsProp`].
        Rmsprop(RmsProp) = "rmsprop",
        /// [`Adam`].
        Adam(Adam) = "adam",
        /// [`Adam`] with decoupled weight decay.
        Adamw(AdamWConfig) = "adamw",
    }
    /// The rule, with weight decay where it is to have one.
    fn build<A: Scalar>(&self, decay: Option<Decay>) -> Box<dyn Rule<A>>;
    /// The learning rate η where none is given.
    fn learning_rate(&self) -> f64;
    /// The weight decay λ where none is given.
    fn weight_decay(&self) -> f64;
    /// The learning rate at which the harness tries the rule.
    fn trial_rate(&self) -> f64;
}

chainrule_tensor::registry! {
    /// A quasi-Newton method by its name.
    pub enum QuasiNewtonKind: "quasi-Newton method";
    /// A quasi-Newton method with its parameters.
    pub enum QuasiNewtonSpec {
        /// [`Lbfgs`](crate::Lbfgs).
        Lbfgs(LbfgsConfig) = "lbfgs",
    }
    /// The optimizer in `dim` dimensions.
    fn build<A: Scalar>(&self, dim: usize) -> Box<dyn Optimizer<A>>;
    /// What the harness tries.
    fn cases<A: Scalar>(&self) -> Vec<OptimizerCase<A>>;
}

/// An optimizer of this crate by its name: an update rule for a [`Descent`], or a quasi-Newton method.
///
/// ```
/// use chainrule_optim::{OptimizerKind, QuasiNewtonKind, RuleKind};
///
/// assert_eq!("adam".parse(), Ok(OptimizerKind::Rule(RuleKind::Adam)));
/// assert_eq!("lbfgs".parse(), Ok(OptimizerKind::QuasiNewton(QuasiNewtonKind::Lbfgs)));
/// assert_eq!("l-bfgs".parse::<OptimizerKind>().unwrap_err().nearest(), Some("lbfgs"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OptimizerKind {
    /// An update rule.
    Rule(RuleKind),
    /// A quasi-Newton method.
    QuasiNewton(QuasiNewtonKind),
}

impl OptimizerKind {
    /// All names, the update rules' first.
    pub fn names() -> impl Iterator<Item = &'static str> {
        RuleKind::NAMES.iter().chain(QuasiNewtonKind::NAMES).copied()
    }

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            OptimizerKind::Rule(kind) => kind.name(),
            OptimizerKind::QuasiNewton(kind) => kind.name(),
        }
    }
}

impl fmt::Display for OptimizerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for OptimizerKind {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let quasi_newton = |_: UnknownName| name.parse().map(Self::QuasiNewton);
        let unknown = |_: UnknownName| UnknownName::new("optimizer", name, Self::names());
        name.parse().map(Self::Rule).or_else(quasi_newton).map_err(unknown)
    }
}

impl RuleSpec {
    /// The learning rate under a schedule, where none is given: the rule's usual one and, as the top of one cycle, ten times as much for
    /// the rules that divide a gradient by its size.
    ///
    /// ```
    /// use chainrule_optim::{RuleKind, ScheduleKind};
    ///
    /// assert_eq!(RuleKind::Adam.spec().rate_under(ScheduleKind::Constant), 0.001);
    /// assert_eq!(RuleKind::Adam.spec().rate_under(ScheduleKind::OneCycle), 0.01);
    /// assert_eq!(RuleKind::Sgd.spec().rate_under(ScheduleKind::OneCycle), 0.1);
    /// ```
    pub fn rate_under(&self, schedule: ScheduleKind) -> f64 {
        match (schedule, self) {
            (ScheduleKind::OneCycle, RuleSpec::Adam(_) | RuleSpec::Adamw(_) | RuleSpec::Rmsprop(_)) => {
                10.0 * self.learning_rate()
            }
            _ => self.learning_rate(),
        }
    }
}

/// First-order descent as a configuration: a rule, and what goes with every rule.
///
/// ```
/// use chainrule_optim::{DescentSpec, RuleKind, Schedule};
/// use chainrule_tensor::{Init, Layout};
///
/// let mut layout = Layout::new();
/// layout.push("weight", (3, 2), Init::HeUniform);
/// let spec = DescentSpec { schedule: Some(Schedule::cosine(0.01, 100)), ..DescentSpec::of(RuleKind::Adamw.spec()) };
/// let adamw = spec.build::<f32>(&layout); // with AdamW's usual weight decay of 0.01
/// assert!(format!("{adamw:?}").contains("Decay"));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DescentSpec {
    /// The update rule.
    pub rule: RuleSpec,
    /// The learning rate; by default the rule's usual one, constant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// The weight decay λ, on weights and not on biases; by default the rule's usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// How gradients are clipped; by default not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<Clip>,
}

impl DescentSpec {
    /// A rule with all that is usual for it.
    pub fn of(rule: RuleSpec) -> Self {
        Self { rule, schedule: None, weight_decay: None, clip: None }
    }

    /// The descent of parameters with this layout.
    pub fn build<A: Scalar>(&self, layout: &Layout) -> Descent<A, Box<dyn Rule<A>>> {
        let rate = self.weight_decay.unwrap_or_else(|| self.rule.weight_decay());
        let decay = (rate > 0.0).then(|| Decay::on_weights(rate, layout));
        let usual = || Schedule::constant(self.rule.learning_rate());
        let schedule = self.schedule.clone().unwrap_or_else(usual);
        let descent = Descent::new(self.rule.build(decay), layout.len(), schedule).along(layout);
        match self.clip {
            Some(clip) => descent.clip(clip),
            None => descent,
        }
    }
}

/// Every rule and optimizer of the tables, with rates for curvatures of the order of 1: the list that all shared tests run over.
///
/// ```
/// assert!(chainrule_optim::zoo::<f32>().iter().any(|case| case.name == "adam"));
/// ```
pub fn zoo<A: Scalar>() -> Vec<OptimizerCase<A>> {
    let by_rule = |kind: &RuleKind| {
        let rule = kind.spec();
        let case = OptimizerCase::new("", move |dim| {
            let decay = (rule.weight_decay() > 0.0).then(|| Decay::on_all(rule.weight_decay()));
            let rate = Schedule::constant(rule.trial_rate());
            Box::new(Descent::new(rule.build::<A>(decay), dim, rate))
        });
        case.of(kind.name())
    };
    let quasi_newton = |kind: &QuasiNewtonKind| {
        let name = kind.name();
        kind.spec().cases().into_iter().map(move |case| case.of(name))
    };
    let sgd = |label, make: fn(usize) -> Descent<A, Sgd>| {
        OptimizerCase::new(label, move |dim| Box::new(make(dim))).of("sgd")
    };
    let mut cases: Vec<_> = RuleKind::ALL.iter().map(by_rule).collect();
    cases.extend([
        sgd("clipped", |dim| Descent::new(Sgd, dim, Schedule::constant(0.1)).clip(Clip::Norm(1.0))),
        sgd("plateau", |dim| Descent::new(Sgd, dim, Schedule::plateau(0.1))),
    ]);
    cases.extend(QuasiNewtonKind::ALL.iter().flat_map(quasi_newton));
    cases
}
