//! Sixty thousand pictures of clothes: `cargo run --release -p chainrule --example 08-fashion-mnist`, some two minutes.

use std::error::Error;
use std::ops::ControlFlow;
use std::process::ExitCode;

use chainrule::prelude::*;
use chainrule::tensor::available_threads;

struct Log;

impl Callback<f32> for Log {
    fn on_epoch(&mut self, epoch: &Epoch, _theta: &[f32]) -> ControlFlow<()> {
        let Epoch { epoch, train_loss, validation_accuracy, seconds, .. } = epoch;
        println!(
            "epoch {epoch:2}   loss {train_loss:.4}   validation {validation_accuracy:.4?}   {seconds:.1} s"
        );
        ControlFlow::Continue(())
    }
}

fn main() -> ExitCode {
    // $CHAINRULE_DATA, the cache folder of the user, and where Debian's package puts the four files.
    match fashion_mnist(&DataDirs::from_env()).map_err(Box::from).and_then(learn) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn learn(parts: Parts<f32>) -> Result<(), Box<dyn Error>> {
    const EPOCHS: usize = 20;
    const BATCH: usize = 128;
    let parts = parts.hold_out_validation(HoldOut::Count(5000), 1)?;
    let transform = parts.train.pixel_scaling();
    let model = Sequential::input(784)
        .then(|n| Dense::with_init(n, 256, Init::HeUniform))
        .then(Relu::new)
        .then(|n| Dropout::new(n, 0.2))
        .then(|n| Dense::with_init(n, 128, Init::HeUniform))
        .then(Relu::new)
        .then(|n| Dense::new(n, 10));
    let mut theta = model.layout().init(&mut Rng::new(1));
    let steps = EPOCHS * parts.train.len().div_ceil(BATCH);
    let mut adam = Descent::new(Adam::default(), theta.len(), Schedule::cosine(0.002, steps as u64));
    let task = Task {
        model: &model,
        loss: &SoftmaxCrossEntropy::default(),
        encoding: Encoding::Index,
        transform: &transform,
        train: &parts.train,
        validation: parts.validation.as_ref(),
    };
    let plan = Plan { epochs: EPOCHS, batch: BATCH, seed: 1, ..Plan::default() };
    let pool = Pool::new(available_threads());
    let mut state = TrainState::start(&model, &theta);
    Trainer::new(&task, &plan, &pool)
        .callback(&mut Log)
        .run(&mut adam, &mut theta, &mut state)
        .expect("this run does not diverge");

    let test = parts.test.expect("Fashion-MNIST has a test part");
    let Evaluation { metrics, .. } = evaluate(&model, task.loss, Encoding::Index, &transform, &theta, &test)?;
    let Metrics::Classification(confusion) = metrics else { unreachable!("clothes are classes") };
    for (class, name) in test.class_names().iter().enumerate() {
        println!("{name:<12} F1 {:.3}", confusion.class(class).f1);
    }
    println!("test accuracy {:.4}", confusion.accuracy());
    assert!(confusion.accuracy() > 0.88);
    Ok(())
}
