//! Save, load, predict: the loaded model says the same to the bit.

use chainrule::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = Rng::new(1);
    let x = Array2::from_shape_simple_fn((200, 2), || rng.normal::<f32>(1.0));
    let y: Vec<String> = x.rows().into_iter().map(|row| format!("{}", row[0] * row[1] > 0.0)).collect();
    let file = std::env::temp_dir().join(format!("consumer-{}.safetensors", std::process::id()));

    let classifier = Classifier::new([16]).fit(&x, &y)?;
    let (p, classes) = (classifier.predict_proba(&x), classifier.predict(&x));
    classifier.into_model().save(&file)?;

    let model = Model::<f32>::load(&file)?;
    assert_eq!(model.predict(&x), p);
    assert_eq!(model.classes(), ["false", "true"]);
    let loaded = FittedClassifier::<f32, String>::load(&file)?;
    std::fs::remove_file(&file)?;
    assert_eq!(loaded.predict(&x), classes);
    assert!(loaded.accuracy(&x, &y) > 0.9);
    Ok(())
}
