//! A model from its first step to its file and back, with layers of the library and with others.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use chainrule_datasets::{Dataset, Features, Pipeline, Target, digits, synthetic};
use chainrule_layers::{
    Dense, Grad, Layer, Mode, Point, Relu, Residual, Sequential, Stage, Tanh, Tape, gradcheck::cases,
};
use chainrule_loss::{Huber, SquaredError};
use chainrule_model::{CheckpointError, FitError, Model, Output, Regressor, Task, Trainer};
use chainrule_optim::{Clip, Lbfgs, RuleKind, ScheduleKind};
use chainrule_tensor::ndarray::{Array2, ArrayRef2, array};
use chainrule_tensor::{Init, Layout, Scalar, Shape};
use chainrule_train::{Risk, Stop};
use tempfile::tempdir;

/// y = 2x, a layer that the library does not know.
#[derive(Debug)]
struct Double(Layout, usize);

impl<A: Scalar> Layer<A> for Double {
    fn input_shape(&self) -> Shape {
        Shape::Flat(self.1)
    }

    fn output_shape(&self) -> Shape {
        Shape::Flat(self.1)
    }

    fn layout(&self) -> &Layout {
        &self.0
    }

    fn forward(&self, _: Mode<'_, A>, _: &[A], x: &ArrayRef2<A>, y: &mut ArrayRef2<A>, _: &mut Tape<A>) {
        y.assign(x);
        *y *= A::of(2.0);
    }

    fn backward(
        &self,
        _: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        _: Option<Grad<'_, A>>,
        _: &mut Tape<A>,
    ) {
        if let Some(delta_x) = delta_x {
            delta_x.assign(delta);
            *delta_x *= A::of(2.0);
        }
    }
}

fn network() -> Sequential<f32> {
    Sequential::input(2).then(|n| Dense::new(n, 16)).then(Tanh::new).then(|n| Dense::new(n, 2))
}

fn prices() -> (Array2<f64>, Vec<f64>) {
    let x = Array2::from_shape_fn((240, 2), |(i, j)| ((i * (7 + 4 * j)) % 40) as f64 / 20.0 - 1.0);
    let y = x.outer_iter().map(|row| 3e5 + 2e4 * (row[0] + row[0] * row[1])).collect();
    (x, y)
}

#[test]
fn weights_follow_the_layer_above_unless_somebody_chose() {
    let model: Sequential<f32> = Sequential::input(4)
        .then(|n| Dense::new(n, 8))
        .then(Relu::new)
        .then(|n| Dense::new(n, 8))
        .then(Tanh::new)
        .then(|n| Dense::with_init(n, 8, Init::LecunNormal))
        .then(Relu::new);
    let inits: Vec<Init> = model.layout().entries().iter().step_by(2).map(|entry| entry.init).collect();
    assert_eq!(inits, [Init::HeUniform, Init::GlorotUniform, Init::LecunNormal]);
}

#[test]
fn a_network_of_every_layer_describes_itself() {
    for (shape, stage) in Stage::specimens() {
        let built = stage.build::<f64>(shape, Init::GlorotUniform);
        assert_eq!(Stage::of(&*built), Some(stage));
    }
    assert!(!cases(1).is_empty());
}

#[test]
fn a_file_gives_the_same_predictions_back() {
    let data = synthetic::moons(200, 0.1, 1);
    let mut model = Model::new(network(), 3);
    model.fit(&data).unwrap();
    let x = data.inputs_through(&Pipeline::new());
    let path = tempdir().unwrap().keep().join("model.safetensors");
    model.save(&path).unwrap();
    let loaded = Model::<f32>::load(&path).unwrap();
    assert_eq!(loaded.predict(&x), model.predict(&x));
    assert_eq!(loaded.evaluate(&data).unwrap(), model.evaluate(&data).unwrap());
    assert_eq!(loaded.card(), model.card());
    // The same numbers for a network that one builds oneself.
    let into = Model::load_into(network(), &path).unwrap();
    assert_eq!(into.predict(&x), model.predict(&x));
    let other = Model::load_into(Sequential::<f32>::input(2).then(|n| Dense::new(n, 2)), &path);
    assert!(matches!(other, Err(CheckpointError::Mismatch { .. })), "{other:?}");
}

#[test]
fn layers_of_ones_own_are_saved_by_the_names_of_their_numbers() {
    let make = || network().then(|shape| Double(Layout::new(), shape.size()));
    let data = synthetic::moons(200, 0.1, 1);
    let mut model = Model::new(make(), 3);
    model.fit(&data).unwrap();
    assert!(model.card().is_none());
    assert!(model.summary().to_string().contains("Double"), "{}", model.summary());
    let folder = tempdir().unwrap();
    let path = folder.path().join("own.safetensors");
    model.save(&path).unwrap();
    let refused = Model::<f32>::load(&path).unwrap_err();
    assert!(matches!(refused, CheckpointError::OwnLayers { .. }), "{refused}");
    let x = data.inputs_through(&Pipeline::new());
    let loaded = Model::load_into(make(), &path).unwrap();
    assert_eq!(loaded.predict_proba(&x), model.predict_proba(&x));
    // One flipped bit of a weight is noticed.
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 3;
    bytes[last] ^= 4;
    std::fs::write(&path, bytes).unwrap();
    assert!(Model::load_into(make(), &path).unwrap_err().to_string().contains("checksum"));
}

#[test]
fn prices_are_learned_in_their_own_units_and_go_on_from_there() {
    let (x, y) = prices();
    let fitted = Regressor::new([32]).seed(1).fit(&x, &y).unwrap();
    assert!(fitted.r_squared(&x, &y) > 0.98, "{}", fitted.r_squared(&x, &y));
    let mut model = fitted.into_model();
    let target = Array2::from_shape_vec((y.len(), 1), y).unwrap();
    let data = Dataset::new("prices", x, Target::real(target)).unwrap();
    let before = model.evaluate(&data).unwrap().metrics.r_squared().unwrap();
    Trainer::new(&Task::new(&data)).epochs(20).fit(&mut model).unwrap();
    assert!(model.evaluate(&data).unwrap().metrics.r_squared().unwrap() > before - 0.01);
}

#[test]
fn several_targets_are_predicted_at_once() {
    let (x, y) = prices();
    let both = Array2::from_shape_fn((y.len(), 2), |(i, j)| if j == 0 { y[i] } else { 1e-3 * x[(i, 1)] });
    let fitted = Regressor::new([32]).fit(&x, &both).unwrap();
    assert_eq!(fitted.predict(&x).dim(), (240, 2));
    assert!(fitted.r_squared(&x, &both) > 0.98);
}

#[test]
fn closures_watch_a_run_and_end_it() {
    let data = synthetic::moons(100, 0.1, 1);
    let (mut steps, mut epochs) = (0, Vec::new());
    let task = Task::new(&data);
    let history = Trainer::new(&task)
        .epochs(50)
        .batch(50)
        .optimizer(RuleKind::Momentum)
        .schedule(ScheduleKind::Cosine)
        .on_step(|_| steps += 1)
        .on_epoch(|epoch| {
            epochs.push(epoch.epoch);
            if epoch.epoch == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .fit(&mut Model::new(network(), 1))
        .unwrap();
    assert_eq!((steps, epochs, history.stop), (6, vec![1, 2, 3], Stop::Callback));
}

#[test]
fn any_optimizer_and_any_loss_will_do() {
    let data = synthetic::moons(100, 0.1, 1);
    let task = Task::new(&data).loss(Huber::default());
    let mut model = Model::new(network(), 1);
    let history = Trainer::new(&task)
        .batch(usize::MAX)
        .epochs(30)
        .optimizer_with(|layout, _| Box::new(Lbfgs::new(layout.len())))
        .fit(&mut model)
        .unwrap();
    let losses: Vec<f64> = history.epochs.iter().map(|epoch| epoch.train_loss).collect();
    assert!(losses[29] < 0.1 * losses[0], "{losses:?}");
}

#[test]
fn threads_do_not_change_a_bit() {
    let data = digits::<f32>().train;
    let theta = |threads| {
        let mut model = Model::new(
            Sequential::input(64).then(|n| Dense::new(n, 40)).then(Relu::new).then(|n| Dense::new(n, 10)),
            1,
        );
        Trainer::new(&Task::new(&data)).epochs(2).threads(threads).fit(&mut model).unwrap();
        model.theta().to_vec()
    };
    assert_eq!(theta(1), theta(3));
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_the_model_alone() {
    let data = synthetic::moons::<f32>(60, 0.1, 1);
    let refused = |network: Sequential<f32>, task: &Task<'_, f32>, word: &str| {
        let mut model = Model::new(network, 1);
        let before = model.theta().to_vec();
        let error = Trainer::new(task).fit(&mut model).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
        assert_eq!(model.theta(), before);
    };
    let task = Task::new(&data);
    refused(Sequential::input(3).then(|n| Dense::new(n, 2)), &task, "Sequential::input(2)");
    refused(Sequential::input(2).then(|n| Dense::new(n, 5)), &task, "Dense::new(n, 2)");
    let numbers =
        Dataset::new("n", Array2::<f32>::zeros((60, 2)), Target::real(Array2::<f32>::zeros((60, 1))))
            .unwrap();
    refused(network(), &Task::new(&data).validation(&numbers), "validation");
    let of_classes = Task::new(&numbers).loss(chainrule_loss::SoftmaxCrossEntropy::default());
    refused(Sequential::input(2).then(|n| Dense::new(n, 1)), &of_classes, "SquaredError::mean()");
    let mut model = Model::new(network(), 1);
    let before = model.theta().to_vec();
    let diverged =
        Trainer::new(&Task::new(&data)).optimizer(RuleKind::Sgd).learning_rate(f64::MAX).fit(&mut model);
    assert!(matches!(diverged, Err(FitError::Train(_))));
    assert_eq!(model.theta(), before);
}

#[test]
fn what_is_out_of_range_or_named_otherwise_is_refused() {
    let data = synthetic::moons::<f32>(60, 0.1, 1);
    let task = Task::new(&data);
    let refused = |trainer: Trainer<'_, f32>, word: &str| {
        let error = trainer.fit(&mut Model::new(network(), 1)).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    };
    for clip in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        refused(Trainer::new(&task).clip(Clip::Norm(clip)), "clip");
        refused(Trainer::new(&task).weight_decay(-clip.abs() - 0.1), "weight decay");
    }
    let classes = |names: [&str; 2]| {
        let Target::Classes { labels, .. } = data.target().clone() else { panic!("moons are classes") };
        let target = Target::Classes { labels, names: names.map(str::to_owned).to_vec() };
        Dataset::new("renamed", data.inputs_through(&Pipeline::new()), target).unwrap()
    };
    let (ours, swapped) = (classes(["left", "right"]), classes(["right", "left"]));
    refused(Trainer::new(&Task::new(&ours).validation(&swapped)), "the classes right, left");
    let mut model = Model::new(network(), 1);
    model.fit(&ours).unwrap();
    let judged = catch_unwind(AssertUnwindSafe(|| model.evaluate(&swapped).is_ok()));
    assert!(judged.is_err() && model.evaluate(&ours).is_ok());
}

#[test]
fn numbers_of_a_target_that_are_one_in_single_precision_are_seen() {
    let x = Array2::from_shape_fn((60, 1), |(i, _)| i as f32 / 30.0 - 1.0);
    let y = Array2::from_shape_fn((60, 1), |(i, _)| 1.6e9 + i as f64);
    let data = Dataset::new("seconds", x, Target::real(y)).unwrap();
    let mut model = Model::new(Sequential::input(1).then(|n| Dense::new(n, 1)), 1);
    assert!(matches!(model.fit(&data), Err(FitError::Resolution("f32"))));
    // θ = (0, 1.6e9): the mean of all in single precision, and no perfect fit.
    model.theta_mut().copy_from_slice(&[0.0, 1.6e9]);
    let r2 = model.evaluate(&data).unwrap().metrics.r_squared().unwrap();
    assert!((r2 + 2.9016).abs() < 1e-3, "{r2}");
}

#[test]
fn examples_of_weight_0_say_nothing_of_the_scales() {
    let with = |outlier: f64, weights: &[f64]| {
        let x =
            Array2::from_shape_fn((41, 1), |(i, _)| if i == 40 { outlier } else { i as f64 / 20.0 - 1.0 });
        let y = x.mapv(|x| if x == outlier { outlier } else { 3.0 * x + 7.0 });
        let data = Dataset::new("line", x, Target::real(y)).unwrap().with_weights(weights).unwrap();
        let mut model = Model::new(Sequential::input(1).then(|n| Dense::new(n, 1)), 1);
        Trainer::new(&Task::new(&data)).epochs(200).fit(&mut model).unwrap();
        model.predict(&array![[0.5]])[(0, 0)]
    };
    let weights: Vec<f64> = (0..41).map(|i| if i == 40 { 0.0 } else { 1.0 }).collect();
    let (near, far) = (with(2.0, &weights), with(1e9, &weights));
    assert!((near - 8.5).abs() < 0.5 && (far - near).abs() < 1e-6, "{near} and {far}");
}

#[test]
fn an_untrained_model_comes_back_from_its_file_untrained() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let data = digits::<f32>().train;
    let fresh = || Model::new(Sequential::input(64).then(|n| Dense::new(n, 10)), 3);
    let fitted = |mut model: Model<f32>| {
        Trainer::new(&Task::new(&data)).epochs(1).fit(&mut model).unwrap();
        model.theta().to_vec()
    };
    for chosen in [None, Some(Pipeline::new())] {
        let model = || match &chosen {
            Some(transform) => fresh().transform(transform.clone()).output(Output::Identity),
            None => fresh(),
        };
        model().save(&path).unwrap();
        let loaded = || Model::load(&path).unwrap();
        assert_eq!(fitted(loaded()), fitted(model()));
        let into = Model::load_into(Sequential::input(64).then(|n| Dense::new(n, 10)), &path).unwrap();
        assert_eq!(fitted(into), fitted(model()));
    }
    // A regression learns in standardised targets, which an untrained θ is of already.
    let (x, y) = prices();
    let target = Array2::from_shape_vec((y.len(), 1), y).unwrap();
    let prices = Dataset::new("prices", x, Target::real(target)).unwrap();
    let mut model = Model::<f64>::new(Sequential::input(2).then(|n| Dense::new(n, 1)), 1);
    model.save(&path).unwrap();
    let mut loaded = Model::load(&path).unwrap();
    for model in [&mut model, &mut loaded] {
        Trainer::new(&Task::new(&prices)).epochs(2).fit(model).unwrap();
    }
    assert_eq!(model.theta(), loaded.theta());
}

#[test]
fn a_chosen_function_of_the_output_stays() {
    let data = synthetic::moons::<f32>(60, 0.1, 1);
    let mut model = Model::new(network(), 1).output(Output::Identity);
    model.fit(&data).unwrap();
    let folder = tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    model.save(&path).unwrap();
    let mut loaded = Model::load(&path).unwrap();
    loaded.fit(&data).unwrap();
    for model in [model, loaded] {
        assert_eq!(model.card().unwrap().output, Output::Identity);
    }
}

#[test]
fn numbers_with_more_digits_are_transformed_before_they_are_rounded() {
    let seconds = Array2::from_shape_fn((100, 1), |(i, _)| 1.7e9 + i as f64);
    let target = Target::real(seconds.mapv(|t| t - 1.7e9));
    let data = Dataset::new("seconds", Features::Wide(seconds.clone()), target).unwrap();
    let mut model = Model::<f32>::new(Sequential::input(1).then(|n| Dense::new(n, 1)), 1);
    Trainer::new(&Task::new(&data)).epochs(300).fit(&mut model).unwrap();
    assert!(model.evaluate(&data).unwrap().metrics.r_squared() > Some(0.999));
    let predicted = model.predict_from(&seconds);
    assert!((predicted[(10, 0)] - 10.0).abs() < 2.0 && (predicted[(90, 0)] - 90.0).abs() < 2.0);
}

#[test]
fn a_gradient_needs_three_objects_and_weights_weigh_it() {
    use chainrule_optim::Objective;
    let (model, loss) = (Dense::new(1, 1), SquaredError::default());
    let (x, y) = (array![[2.0], [1.0]], array![[1.0], [1.0]]);
    let (mut grad, mut weighted) = ([0.0; 2], [0.0; 2]);
    let theta = [3.0, 0.0];
    assert_eq!(Risk::new(&model, &loss, &x, &y).value_and_grad(&theta, &mut grad), 14.5);
    let mut risk = Risk::new(&model, &loss, &x, &y).weighted(Some(&[2.0, 0.0]));
    assert_eq!(risk.value_and_grad(&theta, &mut weighted), 25.0);
    assert_eq!(risk.value(&theta), 25.0);
    assert_eq!((grad, weighted), ([12.0, 7.0], [20.0, 10.0]));
    let mut hv = [0.0; 2];
    risk.hessian_vector(&theta, &[1.0, 0.0], &mut hv);
    assert_eq!(hv, [8.0, 4.0]);
}

#[test]
fn a_body_of_one_layer_is_no_network_in_words() {
    let network: Sequential<f32> = Sequential::input(3).then(|n| Residual::new(Dense::new(n, 3)));
    assert!(Model::new(network, 1).card().is_none());
}
