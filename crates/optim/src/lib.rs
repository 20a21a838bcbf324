//! Optimizers on a flat parameter vector: update rules, learning rate schedules, gradient clipping, L-BFGS.
//!
//! # Why an optimizer sees an objective
//!
//! An update rule that takes a gradient can be SGD or Adam, but not L-BFGS, whose line search evaluates C(θ) at points of its
//! choice, nor Newton's method, which asks for ∇²C(θ)·v. So an [`Optimizer`] is handed the [`Objective`] itself: C(θ),
//! ∇C(θ) and ∇²C(θ)·v, and nothing else of a network. Threads, shards and ranks are decorators of the objective and serve
//! every method alike.
//!
//! First-order methods are a [`Rule`] (gradient → update) in a [`Descent`] (rate, clipping, memory). Rules compose:
//! the pair
//! `(Adam::default(), Decay::on_weights(0.01, &layout))` is AdamW.
//!
//! ```
//! use chainrule_optim::{Adam, Descent, Objective, Optimizer, Schedule, testing::Rosenbrock};
//!
//! let mut theta = [-1.2_f64, 1.0];
//! let mut adam = Descent::new(Adam::default(), 2, Schedule::cosine(0.05, 2000));
//! for _ in 0..2000 {
//!     adam.step(&mut Rosenbrock, &mut theta);
//! }
//! assert!(Rosenbrock.value(&theta) < 0.1);
//! ```

mod adagrad;
mod adam;
mod clip;
mod config;
mod decay;
mod descent;
pub mod gradcheck;
mod lbfgs;
mod line_search;
mod momentum;
mod objective;
mod optimizer;
mod penalised;
mod registry;
mod rmsprop;
mod rule;
mod schedule;
mod sgd;
mod state;
pub mod testing;

pub use adagrad::Adagrad;
pub use adam::{Adam, AdamWConfig};
pub use clip::Clip;
pub use config::{Make, OptimizerCase, OptimizerConfig, RuleConfig};
pub use decay::Decay;
pub use descent::Descent;
pub use lbfgs::{Lbfgs, LbfgsConfig};
pub use momentum::{Momentum, MomentumConfig, NesterovConfig};
pub use objective::{Objective, central_difference, hessian_by_products, mirror};
pub use optimizer::Optimizer;
pub use penalised::{Penalised, Penalty};
pub use registry::{DescentSpec, OptimizerKind, QuasiNewtonKind, QuasiNewtonSpec, RuleKind, RuleSpec, zoo};
pub use rmsprop::RmsProp;
pub use rule::{Rule, Step, Window};
pub use schedule::{Schedule, ScheduleKind};
pub use sgd::Sgd;
pub use state::{visit_count, visit_double};
