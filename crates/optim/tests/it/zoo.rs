//! What every optimizer must do, over the whole zoo.

use chainrule_optim::testing::{MonkeySaddle, Quadratic, Rosenbrock, Saddle};
use chainrule_optim::{Objective, Optimizer, zoo};
use chainrule_tensor::Scalar;

fn run<A: Scalar>(
    optimizer: &mut dyn Optimizer<A>,
    objective: &mut dyn Objective<A>,
    theta: &mut [A],
    steps: usize,
) -> f64 {
    for _ in 0..steps {
        let value = optimizer.step(objective, theta).as_f64();
        optimizer.observe(value);
    }
    objective.value(theta).as_f64()
}

fn of<A: Scalar>(values: &[f64]) -> Vec<A> {
    values.iter().map(|&x| A::of(x)).collect()
}

/// Each optimizer with the names that a checkpoint of it has, in their order.
#[test]
fn the_zoo_has_every_optimizer_and_each_the_state_of_its_checkpoints() {
    let names: Vec<_> = zoo::<f64>()
        .into_iter()
        .map(|specimen| {
            let mut state = Vec::new();
            (specimen.make)(1).state(&mut |name, _| state.push(name.to_owned()));
            (specimen.name, state.join(" "))
        })
        .collect();
    let pairs: Vec<_> = (0..10).map(|i| format!(" s.{i} y.{i}")).collect();
    let lbfgs = format!("pairs next known value gradient{}", pairs.concat());
    let expected = [
        ("sgd", "step"),
        ("momentum", "step momentum"),
        ("nesterov", "step momentum"),
        ("adagrad", "step sum_of_squares"),
        ("rmsprop", "step mean_square"),
        ("adam", "step mean mean_square"),
        ("adamw", "step mean mean_square"),
        ("sgd, clipped", "step"),
        ("sgd, plateau", "step plateau.factor plateau.best plateau.waited"),
        ("lbfgs", &lbfgs),
        ("lbfgs, full batch", &lbfgs),
    ];
    assert_eq!(names, expected.map(|(name, state)| (name.to_owned(), state.to_owned())));
}

#[test]
fn of_the_zoo_adamw_alone_decays_and_lbfgs_alone_has_no_rate() {
    for specimen in zoo::<f64>() {
        let mut optimizer = (specimen.make)(1);
        assert!(!optimizer.wants_curvature(), "{}", specimen.name);
        assert_eq!(
            optimizer.learning_rate().is_none(),
            specimen.name.starts_with("lbfgs"),
            "{}",
            specimen.name
        );
        // Where C is flat, decay is all that moves θ: by ηλ = 0.05·0.01 of itself.
        let mut theta = [1.0];
        optimizer.step(&mut Quadratic::new(vec![0.0]), &mut theta);
        assert_eq!(
            theta,
            [if specimen.name == "adamw" { 1.0 - 0.05 * 0.01 } else { 1.0 }],
            "{}",
            specimen.name
        );
    }
}

#[track_caller]
fn finds_the_bottom_of_a_bowl<A: Scalar>() {
    for specimen in zoo::<A>() {
        let mut theta = of::<A>(&[1.0, -2.0, 3.0]);
        let mut bowl = Quadratic::new(of(&[0.5, 1.0, 5.0]));
        let value = run((specimen.make)(3).as_mut(), &mut bowl, &mut theta, 1000);
        assert!(value < 1e-3, "{} in {}: {value}", specimen.name, A::NAME);
    }
}

#[test]
fn every_optimizer_finds_the_bottom_of_a_bowl() {
    finds_the_bottom_of_a_bowl::<f32>();
    finds_the_bottom_of_a_bowl::<f64>();
}

#[test]
fn every_optimizer_gets_along_rosenbrocks_valley() {
    for specimen in zoo::<f64>() {
        // Rates for curvatures of 1 are too long for this valley's walls of 1000, unless a method adapts.
        if specimen.name.starts_with("sgd") || ["momentum", "nesterov"].contains(&specimen.name.as_str()) {
            continue;
        }
        let mut theta = vec![-1.2, 1.0];
        let value = run((specimen.make)(2).as_mut(), &mut Rosenbrock, &mut theta, 3000);
        let bar = if specimen.name.starts_with("lbfgs") { 1e-16 } else { 0.5 };
        assert!(value < bar, "{}: {value}, started from 24.2", specimen.name);
    }
}

#[test]
fn every_optimizer_leaves_a_saddle_that_it_does_not_start_on() {
    // Below the saddle both functions fall without end, so the walk is over once it is clearly downhill.
    let escapes =
        |optimizer: &mut dyn Optimizer<f64>, objective: &mut dyn Objective<f64>, start: [f64; 2]| {
            let mut theta = start;
            (0..300).any(|_| optimizer.step(objective, &mut theta) < -1e-2)
        };
    for specimen in zoo::<f64>() {
        assert!(escapes((specimen.make)(2).as_mut(), &mut Saddle(1.0), [1.0, 1e-3]), "{}", specimen.name);
        assert!(escapes((specimen.make)(2).as_mut(), &mut MonkeySaddle, [0.5, 0.2]), "{}", specimen.name);
    }
}

#[track_caller]
fn resumes_bit_for_bit<A: Scalar>() {
    for specimen in zoo::<A>() {
        let start = of::<A>(&[-1.2, 1.0]);
        let mut objective = Rosenbrock;
        let (mut whole, mut theta) = ((specimen.make)(2), start.clone());
        run(whole.as_mut(), &mut objective, &mut theta, 7);
        let (mut saved, halfway) = (Vec::new(), theta.clone());
        whole.state(&mut |name, numbers| saved.push((name.to_owned(), numbers.to_vec())));
        run(whole.as_mut(), &mut objective, &mut theta, 8);

        let (mut resumed, mut again, mut loaded) = ((specimen.make)(2), halfway, saved.into_iter());
        resumed.state(&mut |name, numbers| {
            let (saved_name, saved) = loaded.next().expect("as many vectors as were saved");
            assert_eq!(name, saved_name);
            numbers.copy_from_slice(&saved);
        });
        run(resumed.as_mut(), &mut objective, &mut again, 8);
        let bits = |theta: &[A]| theta.iter().map(|t| t.as_f64().to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&again), bits(&theta), "{} in {}", specimen.name, A::NAME);
    }
}

#[test]
fn every_optimizer_resumes_the_same_trajectory_bit_for_bit() {
    resumes_bit_for_bit::<f32>();
    resumes_bit_for_bit::<f64>();
}

#[test]
fn no_optimizer_moves_on_a_loss_that_is_not_finite() {
    struct Cliff;
    impl Objective<f64> for Cliff {
        fn dim(&self) -> usize {
            2
        }
        fn value(&mut self, _: &[f64]) -> f64 {
            f64::NAN
        }
        fn value_and_grad(&mut self, _: &[f64], grad: &mut [f64]) -> f64 {
            grad.fill(f64::NAN);
            f64::NAN
        }
    }
    for specimen in zoo::<f64>() {
        let mut theta = vec![1.0, 2.0];
        assert!((specimen.make)(2).step(&mut Cliff, &mut theta).is_nan());
        assert_eq!(theta, [1.0, 2.0], "{}", specimen.name);
    }
}
