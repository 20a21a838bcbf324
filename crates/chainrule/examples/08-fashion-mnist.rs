//! Sixty thousand pictures of clothes: `cargo run --release -p chainrule --example 08-fashion-mnist`, some two minutes.

use std::error::Error;

use chainrule::optim::ScheduleKind;
use chainrule::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    // $CHAINRULE_DATA, the cache folder of the user, and where Debian's package puts the four files.
    let parts = fashion_mnist::<f32>(&DataDirs::from_env())?.hold_out_validation(HoldOut::Count(5000), 1)?;
    let network = Sequential::input(784)
        .then(|n| Dense::new(n, 256))
        .then(Relu::new)
        .then(|n| Dropout::new(n, 0.2))
        .then(|n| Dense::new(n, 128))
        .then(Relu::new)
        .then(|n| Dense::new(n, 10));
    let mut model = Model::new(network, 1);
    let task = Task::new(&parts.train).validation(parts.validation.as_ref().expect("it was held out"));
    Trainer::new(&task)
        .epochs(20)
        .batch(128)
        .learning_rate(0.002)
        .schedule(ScheduleKind::Cosine)
        .seed(1)
        .on_epoch(|e| {
            println!(
                "epoch {:2}   loss {:.4}   validation {:.4?}   {:.1} s",
                e.epoch, e.train_loss, e.validation_accuracy, e.seconds
            );
        })
        .fit(&mut model)?;

    let test = parts.test.expect("Fashion-MNIST has a test part");
    let Metrics::Classification(confusion) = model.evaluate(&test)?.metrics else {
        unreachable!("clothes are classes")
    };
    for (class, name) in test.class_names().iter().enumerate() {
        println!("{name:<12} F1 {:.3}", confusion.class(class).f1);
    }
    println!("test accuracy {:.4}", confusion.accuracy());
    assert!(confusion.accuracy() > 0.88);
    Ok(())
}
