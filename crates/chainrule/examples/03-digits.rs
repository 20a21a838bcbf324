//! A network learns to read handwritten digits: data, model, optimizer, training loop, and the verdict.

use std::ops::ControlFlow;

use chainrule::prelude::*;

/// What is printed after each epoch.
struct Log;

impl Callback<f32> for Log {
    fn on_epoch(&mut self, epoch: &Epoch, _theta: &[f32]) -> ControlFlow<()> {
        println!(
            "epoch {:2}   loss {:.4}   validation {:.4?}",
            epoch.epoch, epoch.train_loss, epoch.validation_accuracy
        );
        ControlFlow::Continue(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The transform is fitted on the training part alone; the validation part says when to stop.
    let parts = digits().hold_out_validation(HoldOut::Fraction(0.1), 1)?;
    let transform = parts.train.pixel_scaling();

    let model = Sequential::input(64)
        .then(|n| Dense::with_init(n, 64, Init::HeUniform))
        .then(Relu::new)
        .then(|n| Dropout::new(n, 0.1))
        .then(|n| Dense::new(n, 10));
    let mut theta = model.layout().init(&mut Rng::new(1));
    let mut adam = Descent::new(Adam::default(), theta.len(), Schedule::constant(0.002));

    let task = Task {
        model: &model,
        loss: &SoftmaxCrossEntropy::default(),
        encoding: Encoding::Index,
        transform: &transform,
        train: &parts.train,
        validation: parts.validation.as_ref(),
    };
    let plan = Plan { epochs: 30, patience: Some(5), seed: 1, ..Plan::default() };
    let (pool, mut state) = (Pool::new(2), TrainState::start(&model, &theta));
    let history =
        Trainer::new(&task, &plan, &pool).callback(&mut Log).run(&mut adam, &mut theta, &mut state)?;
    println!("the best epoch was {:?}", history.best);

    // The test part is looked at once.
    let test = parts.test.expect("the digits have a test part");
    let Evaluation { loss, metrics } = evaluate(&model, task.loss, task.encoding, &transform, &theta, &test)?;
    let Metrics::Classification(confusion) = metrics else { unreachable!("digits are classes") };
    let table = confusion.table().expect("ten classes have a table");
    println!("test loss {loss:.4}, accuracy {:.4}\n{table}", confusion.accuracy());
    assert!(confusion.accuracy() > 0.95);
    Ok(())
}
