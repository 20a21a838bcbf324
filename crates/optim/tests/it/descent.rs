//! What a descent adds to its rule: windows of θ, threads, clipping, a schedule and a state.

use chainrule_optim::testing::Quadratic;
use chainrule_optim::{Adam, Clip, Decay, Descent, Objective, Optimizer, Rule, Schedule, Sgd, Step, Window};
use chainrule_tensor::pool::Pool;
use chainrule_tensor::{Aligned, Init, Layout};

/// ∂C/∂θᵢ = i.
struct Indices(usize);

impl Objective<f64> for Indices {
    fn dim(&self) -> usize {
        self.0
    }
    fn value(&mut self, _: &[f64]) -> f64 {
        0.0
    }
    fn value_and_grad(&mut self, _: &[f64], grad: &mut [f64]) -> f64 {
        grad.iter_mut().enumerate().for_each(|(i, g)| *g = i as f64);
        0.0
    }
}

/// Counts its visits to each number, and takes one off θ for each place up to it.
#[derive(Debug)]
struct Places;

impl Rule<f64> for Places {
    fn memory(&self) -> Vec<&'static str> {
        vec!["visits"]
    }

    fn apply(&self, _: Step<f64>, window: &mut Window<'_, f64>, update: &mut [f64]) {
        let [visits] = window.take();
        assert_eq!(
            (window.range.len(), visits.len(), window.theta.len()),
            (update.len(), update.len(), update.len())
        );
        for ((place, u), visits) in window.range.clone().zip(update).zip(visits) {
            assert_eq!(*u, place as f64, "another's gradient");
            (*u, *visits) = (place as f64 + 1.0, *visits + 1.0);
        }
    }
}

#[track_caller]
fn every_number_is_visited_once(mut descent: Descent<f64, Places>, theta: &mut [f64]) {
    theta.fill(0.0);
    descent.step(&mut Indices(theta.len()), theta);
    let astray = (0..theta.len()).find(|&i| theta[i] != -(i as f64 + 1.0));
    assert_eq!(astray, None, "of {} numbers", theta.len());
    descent.state(&mut |name, numbers| {
        assert!(name != "visits" || numbers.iter().all(|&visits| visits == 1.0), "of {}", theta.len());
    });
}

#[test]
fn every_number_is_visited_once_wherever_a_vector_begins_and_ends() {
    // Windows have 1024 numbers, a cache line has 8.
    let lengths = [1, 2, 7, 8, 9].into_iter().chain(1015..=1040).chain(2040..=2060).chain([3072, 4100]);
    for len in lengths {
        for offset in 0..8 {
            let mut memory = Aligned::zeros(len + 8);
            let descent = Descent::new(Places, len, Schedule::constant(1.0));
            every_number_is_visited_once(descent, &mut memory[offset..offset + len]);
        }
    }
}

/// Two matrices that threads share, and two biases.
fn layers() -> Layout {
    let mut layout = Layout::new();
    layout.push("0.weight", (41, 1000), Init::Zeros);
    layout.push("0.bias", 41, Init::Zeros);
    layout.push("1.weight", (900, 40), Init::Zeros);
    layout.push("1.bias", 900, Init::Zeros);
    layout
}

#[test]
fn every_number_is_visited_once_by_whichever_thread() {
    let layout = layers();
    let mut theta = vec![0.0; layout.len()];
    for threads in [1, 2, 3] {
        Pool::new(threads).enter(|| {
            let descent = || Descent::new(Places, layout.len(), Schedule::constant(1.0));
            every_number_is_visited_once(descent(), &mut theta);
            every_number_is_visited_once(descent().along(&layout), &mut theta);
        });
    }
}

#[test]
fn along_a_layout_the_bits_are_those_of_the_plain_descent() {
    let layout = layers();
    let path = |threads: usize, along: bool| {
        let rule = (Adam::default(), Decay::on_weights(0.1, &layout));
        let plain = Descent::new(rule, layout.len(), Schedule::constant(0.1));
        let mut descent = if along { plain.along(&layout) } else { plain };
        let mut theta: Vec<f32> = (0..layout.len()).map(|i| (i as f32).sin()).collect();
        let curvatures = (0..layout.len()).map(|i| (i % 7) as f32).collect();
        let mut bowl = Quadratic::new(curvatures);
        Pool::new(threads).enter(|| (0..3).for_each(|_| _ = descent.step(&mut bowl, &mut theta)));
        theta
    };
    let plain = path(1, false);
    for (threads, along) in [(1, true), (2, false), (2, true), (3, true)] {
        assert!(path(threads, along) == plain, "{threads} threads, along the layout: {along}");
    }
    // A bias without curvature stays, a weight without curvature decays by ηλ = 0.01 in each step.
    let unmoved = |i: &usize| i.is_multiple_of(7);
    for entry in layout.entries() {
        let at = entry.range().find(unmoved).unwrap();
        let expected = (at as f64).sin() * if entry.is_weight() { 0.99_f64.powi(3) } else { 1.0 };
        assert!(
            (f64::from(plain[at]) - expected).abs() < 1e-6,
            "{}: {}, not {expected}",
            entry.name,
            plain[at]
        );
    }
}

#[test]
fn a_gradient_is_clipped_before_the_rule_sees_it() {
    // The gradient of ½·4θ² at 3 is 12: cut to 2, and then added to what decays.
    let mut descent =
        Descent::new((Decay::on_all(1.0), Sgd), 1, Schedule::constant(0.5)).clip(Clip::Value(2.0));
    let mut theta = [3.0];
    assert_eq!(descent.step(&mut Quadratic::new(vec![4.0]), &mut theta), 18.0);
    assert_eq!(theta, [3.0 - 0.5 * (2.0 + 3.0)]);
}

#[test]
fn each_step_has_the_rate_of_its_schedule() {
    let mut descent = Descent::<f64, _>::new(Sgd, 2, Schedule::step(0.5, 2, 0.5));
    let mut theta = [0.0, 0.0];
    for (rate, after) in [(0.5, -0.5), (0.5, -1.0), (0.25, -1.25), (0.25, -1.5), (0.125, -1.625)] {
        assert_eq!(descent.learning_rate(), Some(rate));
        descent.step(&mut Indices(2), &mut theta);
        assert_eq!(theta, [0.0, after]);
    }
}

#[test]
fn a_loss_that_is_not_finite_counts_as_no_step() {
    let mut descent = Descent::<f64, _>::new(Sgd, 1, Schedule::exponential(0.5, 0.5));
    let mut theta = [f64::INFINITY];
    assert_eq!(descent.step(&mut Quadratic::new(vec![1.0]), &mut theta), f64::INFINITY);
    assert_eq!((theta, descent.learning_rate()), ([f64::INFINITY], Some(0.5)));
}

#[test]
fn a_plateau_that_is_loaded_goes_on_where_it_was_saved() {
    let plateau = || Descent::<f32, _>::new(Sgd, 1, Schedule::plateau(0.5));
    let (mut whole, mut resumed) = (plateau(), plateau());
    // The first loss is the best one; eleven that are no better reduce the rate.
    (0..=11).for_each(|_| whole.observe(2.0));
    let rates = |descent: &mut Descent<f32, Sgd>, losses: &[f64]| -> Vec<f64> {
        losses.iter().map(|&loss| (descent.observe(loss), descent.learning_rate().unwrap()).1).collect()
    };
    assert!((whole.learning_rate().unwrap() - 0.05).abs() < 1e-15);
    (0..7).for_each(|_| whole.observe(1.9999));
    let mut saved = Vec::new();
    whole.state(&mut |name, numbers| saved.push((name.to_owned(), numbers.to_vec())));
    let names: Vec<&str> = saved.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["step", "plateau.factor", "plateau.best", "plateau.waited"]);
    let mut load = saved.iter();
    resumed.state(&mut |_, numbers| numbers.copy_from_slice(&load.next().unwrap().1));
    // Four more are eleven, and then eleven more.
    let losses = [1.9999; 15];
    let after = rates(&mut resumed, &losses);
    assert_eq!(after, rates(&mut whole, &losses));
    let reduced = |below: f64| after.iter().position(|&rate| rate < below);
    assert_eq!((reduced(0.01), reduced(0.001)), (Some(3), Some(14)));
}
