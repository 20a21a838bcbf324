//! Classes of rows in arrays, in one line; and how much can be said about it beforehand and asked afterwards.

use chainrule::datasets::synthetic;
use chainrule::prelude::*;

/// Rows of two numbers, and the half-moon that each belongs to. A class may be anything with an order.
fn moons(seed: u64) -> (Array2<f32>, Vec<&'static str>) {
    let data = synthetic::moons(500, 0.15, seed);
    let labels = data.labels().expect("moons are classes");
    let names = labels.iter().map(|&label| ["upper", "lower"][label as usize]).collect();
    (data.inputs_through(&Pipeline::new()), names)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ((x, y), (new_x, new_y)) = (moons(1), moons(2));

    let classifier = Classifier::new([100]).fit(&x, &y)?;
    println!("accuracy on rows it never saw: {:.3}", classifier.accuracy(&new_x, &new_y));

    // A configuration is data too: what it does not say keeps its default.
    let plan: Classifier =
        serde_json::from_str(r#"{ "hidden": [32, 32], "activation": "tanh", "epochs": 100 }"#)?;
    let deeper = plan.learning_rate(0.01).seed(7);
    println!("{}", serde_json::to_string(&deeper)?);
    let classifier = deeper.fit(&x, &y)?;
    println!("with it: {:.3}", classifier.accuracy(&new_x, &new_y));

    // The columns of the probabilities are the classes, sorted.
    let three = new_x.slice(s![..3, ..]);
    println!("{:?}", classifier.classes());
    for (row, class) in classifier.predict_proba(&three).outer_iter().zip(classifier.predict(&three)) {
        println!("{row:.3} is {class}");
    }

    let history = classifier.history();
    let losses: Vec<f64> = history.epochs.iter().map(|epoch| epoch.train_loss).collect();
    println!(
        "{} epochs, loss {:.3} to {:.3}, {:?}",
        losses.len(),
        losses[0],
        losses[losses.len() - 1],
        history.stop
    );
    assert!(classifier.accuracy(&new_x, &new_y) > 0.97);
    Ok(())
}
