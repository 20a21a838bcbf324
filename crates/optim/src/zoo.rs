use chainrule_tensor::Scalar;

use crate::{Adagrad, Adam, Clip, Decay, Descent, Lbfgs, Momentum, Optimizer, RmsProp, Rule, Schedule, Sgd};

/// One optimizer of the zoo under its name.
#[derive(Debug)]
pub struct OptimizerCase<A: Scalar> {
    /// The name in tables of results.
    pub name: &'static str,
    /// Makes a fresh one for so many dimensions.
    pub make: fn(usize) -> Box<dyn Optimizer<A>>,
}

/// Every optimizer of the crate, with rates for curvatures of the order of 1: the list that all shared tests run over.
///
/// ```
/// assert!(chainrule_optim::zoo::<f32>().iter().any(|specimen| specimen.name == "adam"));
/// ```
pub fn zoo<A: Scalar>() -> Vec<OptimizerCase<A>> {
    fn descent<A: Scalar>(
        rule: impl Rule<A> + 'static,
        dim: usize,
        rate: f64,
    ) -> Descent<A, Box<dyn Rule<A>>> {
        Descent::new(Box::new(rule), dim, Schedule::constant(rate))
    }
    fn momentum(nesterov: bool) -> Momentum {
        Momentum { nesterov, ..Momentum::default() }
    }
    let entry = |name, make| OptimizerCase { name, make };
    vec![
        entry("sgd", |dim| Box::new(descent(Sgd, dim, 0.1))),
        entry("momentum", |dim| Box::new(descent(momentum(false), dim, 0.02))),
        entry("nesterov", |dim| Box::new(descent(momentum(true), dim, 0.02))),
        entry("adagrad", |dim| Box::new(descent(Adagrad::default(), dim, 0.5))),
        entry("rmsprop", |dim| Box::new(descent(RmsProp::default(), dim, 0.01))),
        entry("adam", |dim| Box::new(descent(Adam::default(), dim, 0.05))),
        entry("adamw", |dim| Box::new(descent((Adam::default(), Decay::on_all(0.01)), dim, 0.05))),
        entry("sgd, clipped", |dim| Box::new(descent(Sgd, dim, 0.1).clip(Clip::Norm(1.0)))),
        entry("sgd, plateau", |dim| Box::new(Descent::new(Sgd, dim, Schedule::plateau(0.1)))),
        entry("lbfgs", |dim| Box::new(Lbfgs::new(dim))),
        entry("lbfgs, full batch", |dim| Box::new(Lbfgs::new(dim).full_batch(true))),
    ]
}
