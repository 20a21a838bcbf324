//! The first steps of each rule against its formula, worked out by hand for the gradients 1, 2, 3.

use chainrule_optim::{
    Adagrad, Adam, AdamWConfig, Decay, Descent, Momentum, Objective, Optimizer, RmsProp, Rule, RuleSpec,
    Schedule, Sgd,
};
use chainrule_tensor::{Init, Layout};
use proptest::prelude::*;

/// C(θ) = t·Σθ at step t, so that the gradients are 1, 2, 3, … whatever θ does.
struct Ramp(f64);

impl Objective<f64> for Ramp {
    fn dim(&self) -> usize {
        1
    }
    fn value(&mut self, theta: &[f64]) -> f64 {
        self.0 * theta.iter().sum::<f64>()
    }
    fn value_and_grad(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
        self.0 += 1.0;
        grad.fill(self.0);
        self.value(theta)
    }
}

#[track_caller]
fn check(rule: impl Rule<f64>, expected: [f64; 3]) {
    let (mut descent, mut ramp, mut theta) =
        (Descent::new(rule, 1, Schedule::constant(0.1)), Ramp(0.0), [1.0]);
    for expected in expected {
        descent.step(&mut ramp, &mut theta);
        assert!((theta[0] - expected).abs() < 1e-12, "{} instead of {expected}", theta[0]);
    }
}

/// Where θ is after each of the updates u, from 1 at a rate of 0.1.
fn path(u: [f64; 3]) -> [f64; 3] {
    [1.0 - 0.1 * u[0], 1.0 - 0.1 * (u[0] + u[1]), 1.0 - 0.1 * (u[0] + u[1] + u[2])]
}

#[test]
fn sgd() {
    check(Sgd, [0.9, 0.7, 0.4]);
}

#[test]
fn momentum_and_nesterov() {
    // b = 1, 2.9, 5.61; Nesterov's u = g + 0.9·b.
    check(Momentum::default(), [0.9, 0.61, 0.049]);
    check(Momentum { nesterov: true, ..Momentum::default() }, [0.81, 0.349, -0.455_9]);
}

/// The gradient of a unit that dies: 1 once, and 0 from then on.
struct Dying(u64);

impl Objective<f32> for Dying {
    fn dim(&self) -> usize {
        1
    }
    fn value(&mut self, _: &[f32]) -> f32 {
        0.0
    }
    fn value_and_grad(&mut self, _: &[f32], grad: &mut [f32]) -> f32 {
        grad.fill(if self.0 == 0 { 1.0 } else { 0.0 });
        self.0 += 1;
        0.0
    }
}

#[test]
fn what_fades_ends_at_zero_and_not_among_the_subnormal_numbers() {
    fn check(rule: impl Rule<f32>) {
        let (mut descent, mut theta) = (Descent::new(rule, 1, Schedule::constant(0.1)), [1.0]);
        let (mut dying, mut last) = (Dying(0), Vec::new());
        for _ in 0..1500 {
            descent.step(&mut dying, &mut theta);
            last.clear();
            descent.state(&mut |name, numbers| {
                if name.starts_with("mean") || name == "momentum" {
                    assert!(numbers.iter().all(|x| !x.is_subnormal()), "{name}: {numbers:?}");
                    last.push(numbers[0]);
                }
            });
        }
        assert!(!last.is_empty() && last.iter().all(|&x| x == 0.0), "{last:?}");
    }
    check(Momentum::default());
    check(Momentum { nesterov: true, ..Momentum::default() });
    check(RmsProp { alpha: 0.9, ..RmsProp::default() });
    check(Adam { beta2: 0.9, ..Adam::default() });
}

#[test]
fn adagrad() {
    // s = 1, 5, 14.
    for epsilon in [0.0, 0.5] {
        let u = |g: f64, s: f64| g / (s.sqrt() + epsilon);
        check(Adagrad { epsilon }, path([u(1.0, 1.0), u(2.0, 5.0), u(3.0, 14.0)]));
    }
}

#[test]
fn rmsprop() {
    // v = 0.5, 2.25, 5.625 with α = ½.
    for epsilon in [0.0, 0.5] {
        let u = |g: f64, v: f64| g / (v.sqrt() + epsilon);
        check(RmsProp { alpha: 0.5, epsilon }, path([u(1.0, 0.5), u(2.0, 2.25), u(3.0, 5.625)]));
    }
}

#[test]
fn adam_and_adamw() {
    // β₁ = β₂ = ½: m = ½, 1.25, 2.125; v = ½, 2.25, 5.625; the bias corrections are ½, ¾, ⅞.
    for epsilon in [0.0, 0.5] {
        let u = |m: f64, v: f64, c: f64| (m / c) / ((v / c).sqrt() + epsilon);
        let u = [u(0.5, 0.5, 0.5), u(1.25, 2.25, 0.75), u(2.125, 5.625, 0.875)];
        let rule = Adam { beta1: 0.5, beta2: 0.5, epsilon };
        check(rule, path(u));
        // Decoupled: θ ← θ − η(u + λθ), that is θ(1 − ηλ) − ηu.
        let mut theta = 1.0;
        let decayed = u.map(|u| {
            theta = theta * (1.0 - 0.1 * 0.2) - 0.1 * u;
            theta
        });
        let adamw = RuleSpec::Adamw(AdamWConfig(rule));
        check(adamw.build::<f64>(Some(Decay::on_all(0.2))), decayed);
        check(adamw.build::<f64>(None), path(u));
    }
}

#[test]
fn each_rule_of_a_chain_has_a_memory_of_its_own() {
    // The momenta are 1, 2.9, 5.61, and Adagrad's s their sums of squares: 1, 9.41, 40.8821.
    let (g, s) = ([1.0, 2.9, 5.61], [1.0, 9.41, 40.8821_f64]);
    let chain = (Momentum::default(), Adagrad { epsilon: 0.0 });
    check(chain, path([0, 1, 2].map(|i| g[i] / s[i].sqrt())));
    // The other way round: u = 1, 2/√5, 3/√14, and b ← 0.9·b + u.
    let u = [1.0, 2.0 / 5.0_f64.sqrt(), 3.0 / 14.0_f64.sqrt()];
    let b = [u[0], 0.9 * u[0] + u[1], 0.81 * u[0] + 0.9 * u[1] + u[2]];
    let boxed: Box<dyn Rule<f64>> = Box::new(Adagrad { epsilon: 0.0 });
    check((boxed, Momentum::default()), path(b));
    let adam = (Momentum::default(), Adam::default());
    assert_eq!(Rule::<f64>::memory(&adam), ["momentum", "mean", "mean_square"]);
}

#[test]
fn decay_before_a_rule_is_a_penalty_and_after_it_is_decoupled() {
    check((Decay::on_all(0.5), Sgd), [0.85, 0.6075, 0.277_125]);
    // A momentum that sees the decay remembers it; one that does not, does not.
    check((Decay::on_all(0.5), Momentum::default()), [0.85, 0.472_5, -0.190_875]);
    check((Momentum::default(), Decay::on_all(0.5)), [0.85, 0.517_5, -0.069_375]);
}

#[test]
fn decay_spares_biases() {
    let mut layout = Layout::new();
    layout.push("weight", (2, 2), Init::Zeros);
    layout.push("bias", 2, Init::Zeros);
    layout.push("weight", (1, 3), Init::Zeros);
    let decay = Decay::on_weights(1.0, &layout);
    let mut descent = Descent::new((Sgd, decay), layout.len(), Schedule::constant(0.5));
    let mut theta = vec![1.0; 9];
    descent.step(&mut Ramp(-1.0), &mut theta);
    assert_eq!(theta, [0.5, 0.5, 0.5, 0.5, 1.0, 1.0, 0.5, 0.5, 0.5]);
}

proptest! {
    /// However a vector is cut into windows, each coordinate goes its own way.
    #[test]
    fn a_long_vector_moves_like_its_coordinates(dim in 1_usize..5000, at in any::<prop::sample::Index>()) {
        let rule = || (Decay::on_all(0.1), Adam::default());
        let (mut long, mut short) = (Descent::new(rule(), dim, Schedule::constant(0.1)), Descent::new(rule(), 1, Schedule::constant(0.1)));
        let start: Vec<f64> = (0..dim).map(|i| (i as f64).sin()).collect();
        let at = at.index(dim);
        let (mut theta, mut one) = (start.clone(), [start[at]]);
        let (mut ramp, mut small) = (Ramp(0.0), Ramp(0.0));
        for _ in 0..3 {
            long.step(&mut ramp, &mut theta);
            short.step(&mut small, &mut one);
        }
        prop_assert_eq!(theta[at].to_bits(), one[0].to_bits());
    }
}
