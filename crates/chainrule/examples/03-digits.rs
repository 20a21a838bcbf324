//! A network learns to read handwritten digits: data, model, training, and the verdict.

use chainrule::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The validation part says when to stop.
    let parts = digits::<f32>().hold_out_validation(HoldOut::Fraction(0.1), 1)?;

    let network = Sequential::input(64)
        .then(|n| Dense::new(n, 64))
        .then(Relu::new)
        .then(|n| Dropout::new(n, 0.1))
        .then(|n| Dense::new(n, 10));
    let mut model = Model::new(network, 1);
    println!("{}", model.summary());

    let task = Task::new(&parts.train).validation(parts.validation.as_ref().expect("it was held out"));
    let history = Trainer::new(&task)
        .epochs(30)
        .learning_rate(0.002)
        .patience(5)
        .seed(1)
        .on_epoch(|e| {
            println!(
                "epoch {:2}   loss {:.4}   validation {:.4?}",
                e.epoch, e.train_loss, e.validation_accuracy
            );
        })
        .fit(&mut model)?;
    println!("the best epoch was {:?}", history.best);

    // The test part is looked at once.
    let Evaluation { loss, metrics } = model.evaluate(&parts.test.expect("the digits have a test part"))?;
    let Metrics::Classification(confusion) = metrics else { unreachable!("digits are classes") };
    let table = confusion.table().expect("ten classes have a table");
    println!("test loss {loss:.4}, accuracy {:.4}\n{table}", confusion.accuracy());
    assert!(confusion.accuracy() > 0.95);
    Ok(())
}
