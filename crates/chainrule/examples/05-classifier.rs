//! Classes and numbers of rows in arrays, in one line each; and what can be said beforehand and asked afterwards.

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

    // The columns of the probabilities are the classes, sorted.
    let three = new_x.slice(s![..3, ..]);
    println!("{:?}", classifier.classes());
    for (row, class) in classifier.predict_proba(&three).outer_iter().zip(classifier.predict(&three)) {
        println!("{row:.3} is {class}");
    }

    // A configuration is data too: what it does not say keeps its default.
    let deeper: Classifier =
        serde_json::from_str(r#"{ "hidden": [32, 32], "activation": "tanh", "epochs": 100 }"#)?;
    let deeper = deeper.learning_rate(0.01).seed(7).fit(&x, &y)?;
    println!("{} epochs, {:?}", deeper.history().epochs.len(), deeper.history().stop);
    assert!(deeper.accuracy(&new_x, &new_y) > 0.97);

    // Numbers likewise, one or several for each row, in units of their own.
    let price: Vec<f32> = x.outer_iter().map(|row| 1000.0 + 200.0 * row[0] * row[1]).collect();
    let regressor = Regressor::new([64]).fit(&x, &price)?;
    println!("R² {:.3}, prices {:.0}", regressor.r_squared(&x, &price), regressor.predict(&three));
    assert!(regressor.r_squared(&x, &price) > 0.98);
    Ok(())
}
