//! The second-order optimizers on functions whose answers are known, and on networks.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use chainrule_curvature::{Damping, HessianFree, Newton};
use chainrule_datasets::{Encoding, Pipeline, synthetic};
use chainrule_layers::{Dense, Layer, Mode, Sequential, Tanh};
use chainrule_loss::{Loss, SoftmaxCrossEntropy};
use chainrule_optim::testing::{MonkeySaddle, Quadratic, Rosenbrock, Saddle};
use chainrule_optim::{Objective, Optimizer};
use chainrule_tensor::ndarray::{Array2, ArrayRef2};
use chainrule_tensor::{Pool, Rng, Scalar, vector};
use chainrule_train::{Meter, Plan, Setup, ShardBuffers, Sharded, TrainState, TrainingLoop};

type Make<A> = fn(usize) -> Box<dyn Optimizer<A>>;

fn zoo<A: Scalar>() -> Vec<(&'static str, Make<A>)> {
    vec![
        ("newton", |dim| Box::new(Newton::damped(dim))),
        ("saddle-free", |dim| Box::new(Newton::saddle_free(dim))),
        ("newton, krylov", |dim| Box::new(Newton::damped(dim).krylov(2).inner(2))),
        ("saddle-free, krylov", |dim| Box::new(Newton::saddle_free(dim).krylov(2).inner(3))),
        ("saddle-free, adaptive", |dim| {
            Box::new(Newton::saddle_free(dim).damping(Damping::LevenbergMarquardt(1.0)))
        }),
        ("hessian-free", |dim| Box::new(HessianFree::new(dim))),
    ]
}

fn walk<A: Scalar>(
    method: &mut dyn Optimizer<A>,
    objective: &mut dyn Objective<A>,
    theta: &mut [A],
    steps: usize,
) {
    for _ in 0..steps {
        method.step(objective, theta);
    }
}

fn undamped() -> Damping {
    Damping::Search(vec![0.0])
}

fn of<A: Scalar>(values: &[f64]) -> Vec<A> {
    values.iter().map(|&x| A::of(x)).collect()
}

#[track_caller]
fn step<A: Scalar>(mut method: Newton<A>, objective: &mut dyn Objective<A>, start: [f64; 2]) -> [f64; 2] {
    let mut theta = of::<A>(&start);
    method.step(objective, &mut theta);
    [theta[0].as_f64(), theta[1].as_f64()]
}

#[test]
fn on_a_convex_quadratic_saddle_free_newton_is_newton_and_ends_in_one_step() {
    for krylov in [None, Some(3)] {
        let of = |method: Newton<f64>| match krylov {
            Some(k) => method.krylov(k).damping(undamped()),
            None => method.damping(undamped()),
        };
        for mut method in [of(Newton::damped(3)), of(Newton::saddle_free(3))] {
            let mut theta = [1.0, -2.0, 3.0];
            method.step(&mut Quadratic::new(vec![0.5, 1.0, 50.0]), &mut theta);
            assert!(vector::norm(&theta) < 1e-13, "{theta:?}");
        }
    }
}

#[test]
fn from_beside_a_saddle_newton_lands_on_it_and_saddle_free_newton_beyond() {
    let start = [1.0, 0.5];
    assert_eq!(step::<f64>(Newton::damped(2).damping(undamped()), &mut Saddle(1.0), start), [0.0, 0.0]);
    assert_eq!(step::<f64>(Newton::saddle_free(2).damping(undamped()), &mut Saddle(1.0), start), [0.0, 1.0]);
    assert_eq!(step::<f32>(Newton::saddle_free(2).damping(undamped()), &mut Saddle(1.0), start), [0.0, 1.0]);
}

#[test]
fn saddle_free_newton_doubles_its_distance_from_5x2_minus_y2_and_leaves_the_monkey_saddle() {
    let mut theta = [1.0, 1e-6];
    let mut method = Newton::saddle_free(2).damping(undamped());
    for _ in 0..20 {
        method.step(&mut Saddle(5.0), &mut theta);
    }
    assert!((theta[1] - 1e-6 * 2.0_f64.powi(20)).abs() < 1e-9 && theta[0].abs() < 1e-12, "{theta:?}");

    let mut theta = [0.5, 0.2];
    let mut method = Newton::saddle_free(2);
    assert!((0..100).any(|_| method.step(&mut MonkeySaddle, &mut theta) < -1.0), "{theta:?}");
}

#[test]
fn newton_stays_where_it_is_drawn_to_the_monkey_saddle() {
    let mut theta = [0.5, 0.2];
    let mut method = Newton::damped(2).damping(undamped());
    for _ in 0..60 {
        method.step(&mut MonkeySaddle, &mut theta);
    }
    let near = vector::norm(&theta);
    assert!(near < 0.5 && MonkeySaddle.value(&theta) > -1e-3, "{theta:?}");
}

#[test]
fn a_whole_krylov_space_is_the_exact_method() {
    let mut task = Network::new();
    let exact = task.run(&mut Newton::saddle_free(task.theta.len()), 4);
    let krylov = task.run(&mut Newton::saddle_free(task.theta.len()).krylov(usize::MAX), 4);
    let mut difference = exact.clone();
    vector::axpy(-1.0, &krylov, &mut difference);
    assert!(vector::norm(&difference) < 1e-7 * vector::norm(&exact), "{}", vector::norm(&difference));
    assert_ne!(exact, task.theta);
}

/// A small network that learns noise.
struct Network {
    model: Sequential<f64>,
    theta: Vec<f64>,
    x: Array2<f64>,
    target: Array2<f64>,
}

impl Network {
    fn new() -> Self {
        let model = Sequential::input(3)
            .then(|n| Dense::new(n, 5))
            .then(Tanh::new)
            .then(|n| Dense::new(n, 4))
            .then(Tanh::new)
            .then(|n| Dense::new(n, 2));
        let rng = &mut Rng::new(11);
        Self {
            theta: model.layout().init(rng).to_vec(),
            x: Array2::from_shape_simple_fn((60, 3), || rng.normal(1.0)),
            target: Array2::from_shape_simple_fn((60, 1), || rng.below(2) as f64),
            model,
        }
    }

    /// θ after so many steps, each of which must not raise C.
    fn run(&mut self, method: &mut dyn Optimizer<f64>, steps: usize) -> Vec<f64> {
        let (loss, pool, mut theta) = (SoftmaxCrossEntropy::default(), Pool::new(1), self.theta.clone());
        let mut buffers = ShardBuffers::remembering(&self.model, 60);
        let mut risk =
            Sharded::new(&self.model, &loss, &self.x, &self.target, Mode::EVAL, &mut buffers, &pool);
        let mut before = risk.value(&theta);
        for _ in 0..steps {
            method.step(&mut risk, &mut theta);
            let after = risk.value(&theta);
            assert!(after <= before, "{after} after {before}");
            before = after;
        }
        theta
    }
}

#[test]
fn no_method_ever_raises_the_loss_of_a_network_and_all_lower_it() {
    for (name, make) in zoo::<f64>() {
        let mut task = Network::new();
        let theta = task.run(&mut *make(task.theta.len()), 25);
        let (loss, pool, mut buffers) =
            (SoftmaxCrossEntropy::default(), Pool::new(1), ShardBuffers::new(&task.model, 60));
        let mut risk =
            Sharded::new(&task.model, &loss, &task.x, &task.target, Mode::EVAL, &mut buffers, &pool);
        let (start, end) = (risk.value(&task.theta), risk.value(&theta));
        assert!(end < 0.9 * start, "{name}: {end} after {start}");
    }
}

#[test]
fn saddle_free_newton_learns_noise_by_heart() {
    let mut task = Network::new();
    let theta = task.run(&mut Newton::saddle_free(task.theta.len()), 300);
    let loss = SoftmaxCrossEntropy::default();
    let (pool, mut buffers) = (Pool::new(1), ShardBuffers::new(&task.model, 60));
    let value = Sharded::new(&task.model, &loss, &task.x, &task.target, Mode::EVAL, &mut buffers, &pool)
        .value(&theta);
    assert!(value < 0.2, "{value}");
}

#[test]
fn every_method_finds_the_bottom_of_a_bowl_and_of_rosenbrocks_valley() {
    for (name, make) in zoo::<f64>() {
        let mut theta = vec![1.0, -2.0];
        let (mut bowl, mut method) = (Quadratic::new(vec![0.5, 5.0]), make(2));
        walk(&mut *method, &mut bowl, &mut theta, 200);
        assert!(bowl.value(&theta) < 1e-12, "{name}: {theta:?}");
        let (mut theta, mut method) = (vec![-1.2, 1.0], make(2));
        walk(&mut *method, &mut Rosenbrock, &mut theta, 500);
        assert!(Rosenbrock.value(&theta) < 1e-3, "{name}: {theta:?}");
    }
}

#[track_caller]
fn resumes_bit_for_bit<A: Scalar>() {
    for (name, make) in zoo::<A>() {
        let (mut whole, mut theta) = (make(2), of::<A>(&[-1.2, 1.0]));
        walk(&mut *whole, &mut Rosenbrock, &mut theta, 7);
        let (mut saved, halfway) = (Vec::new(), theta.clone());
        whole.state(&mut |name, numbers| saved.push((name.to_owned(), numbers.to_vec())));
        walk(&mut *whole, &mut Rosenbrock, &mut theta, 8);

        let (mut resumed, mut again, mut loaded) = (make(2), halfway, saved.into_iter());
        resumed.state(&mut |name, numbers| {
            let (saved_name, saved) = loaded.next().expect("as many vectors as were saved");
            assert_eq!(name, saved_name);
            numbers.copy_from_slice(&saved);
        });
        walk(&mut *resumed, &mut Rosenbrock, &mut again, 8);
        assert_eq!(again, theta, "{name} in {}", A::NAME);
    }
}

#[test]
fn every_method_resumes_the_same_trajectory_bit_for_bit() {
    resumes_bit_for_bit::<f32>();
    resumes_bit_for_bit::<f64>();
}

/// C = Σθ² within the unit ball, and NaN outside.
struct Ball;

impl Objective<f64> for Ball {
    fn dim(&self) -> usize {
        2
    }
    fn value(&mut self, theta: &[f64]) -> f64 {
        let square = vector::dot(theta, theta);
        if square <= 1.0 { square } else { f64::NAN }
    }
    fn value_and_grad(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
        let value = self.value(theta);
        grad.iter_mut().zip(theta).for_each(|(g, t)| *g = if value.is_nan() { f64::NAN } else { 2.0 * t });
        value
    }
    fn hessian_vector(&mut self, _: &[f64], v: &[f64], hv: &mut [f64]) {
        hv.iter_mut().zip(v).for_each(|(h, v)| *h = 2.0 * v);
    }
}

#[test]
fn from_where_c_is_nan_every_method_returns_to_the_best_point_it_knew() {
    for (name, make) in zoo::<f64>() {
        let (mut method, mut theta) = (make(2), vec![3.0, 0.0]);
        assert!(method.step(&mut Ball, &mut theta).is_nan());
        assert_eq!(theta, [3.0, 0.0], "{name} knew no better point");
        theta = vec![0.5, 0.5];
        assert_eq!(method.step(&mut Ball, &mut theta), 0.5);
        theta = vec![f64::NAN, 9.0];
        let value = method.step(&mut Ball, &mut theta);
        assert!(value <= 0.5 && Ball.value(&theta) <= value, "{name}: {value} at {theta:?}");
    }
}

/// The cross-entropy, which counts its derivatives: δ for a gradient, R{δ} for each R-pass.
#[derive(Debug, Default)]
struct Counting {
    loss: SoftmaxCrossEntropy,
    deltas: AtomicUsize,
    r_deltas: AtomicUsize,
}

impl Loss<f64> for Counting {
    fn value(&self, y: &ArrayRef2<f64>, target: &ArrayRef2<f64>) -> f64 {
        self.loss.value(y, target)
    }

    fn value_and_delta(
        &self,
        y: &ArrayRef2<f64>,
        target: &ArrayRef2<f64>,
        delta: &mut ArrayRef2<f64>,
    ) -> f64 {
        self.deltas.fetch_add(1, Relaxed);
        self.loss.value_and_delta(y, target, delta)
    }

    fn r_delta(
        &self,
        y: &ArrayRef2<f64>,
        target: &ArrayRef2<f64>,
        r_y: &ArrayRef2<f64>,
        r_delta: &mut ArrayRef2<f64>,
    ) {
        self.r_deltas.fetch_add(1, Relaxed);
        self.loss.r_delta(y, target, r_y, r_delta);
    }
}

#[test]
fn a_measured_run_forms_each_hessian_at_once_and_keeps_its_tapes() {
    const STEPS: usize = 3;
    let (train, transform) = (synthetic::moons::<f64>(60, 0.1, 1), Pipeline::new());
    // 22 parameters, 6 units.
    let model = Sequential::input(2).then(|n| Dense::new(n, 4)).then(Tanh::new).then(|n| Dense::new(n, 2));
    let run = |optimizer: &mut dyn Optimizer<f64>| {
        let (loss, meter, pool) = (Counting::default(), Meter::new(), Pool::new(1));
        let mut theta = model.layout().init(&mut Rng::new(5));
        let task = Setup {
            model: &model,
            loss: &loss,
            encoding: Encoding::Index,
            transform: &transform,
            train: &train,
            validation: None,
        };
        let plan = Plan { epochs: STEPS, batch: 60, ..Plan::default() };
        meter.arm();
        let trainer = TrainingLoop::new(&task, &plan, &pool).meter(&meter);
        let mut state = TrainState::start(&model, &theta);
        trainer.run(optimizer, &mut theta, &mut state).unwrap();
        let split = meter.split();
        assert!([split.forward, split.backward, split.update].iter().all(|part| *part > Duration::ZERO));
        assert_eq!(meter.gradient().len(), 4);
        (loss.deltas.into_inner(), loss.r_deltas.into_inner())
    };
    // Column by column it would be an R-pass for each parameter.
    let (_, r_passes) = run(&mut Newton::saddle_free(22));
    assert_eq!(r_passes, 6 * STEPS);
    // All products at one θ use what its gradient computed.
    let (deltas, products) = run(&mut Newton::saddle_free(22).krylov(4));
    assert!(products >= 4 * STEPS, "{products}");
    assert_eq!(deltas, STEPS);
    let (deltas, products) = run(&mut HessianFree::new(22));
    assert!(products > STEPS, "{products}");
    assert_eq!(deltas, STEPS);
}
