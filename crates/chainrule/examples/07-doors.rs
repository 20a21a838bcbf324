//! A trained model as a file: back into the library, and out to PyTorch, NumPy and ONNX.

use std::path::PathBuf;

use chainrule::datasets::digits_whole;
use chainrule::model::save_vector;
use chainrule::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder =
        std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from).join("chainrule-07-doors");
    std::fs::create_dir_all(&folder)?;
    let file = |name: &str| folder.join(name);

    let data = digits_whole::<f32>();
    let (x, y) = (data.inputs_through(&Pipeline::new()), data.labels().expect("digits are classes"));
    let classifier = Classifier::new([32]).epochs(5).fit(&x, y)?;

    // A checkpoint holds all that a prediction needs: the network, θ, the input's transform, the names of the classes.
    let checkpoint = classifier.checkpoint();
    checkpoint.save(&file("digits.safetensors"))?;
    let loaded = Checkpoint::<f32>::load(&file("digits.safetensors"))?;
    let card = &loaded.card;
    let model = card.architecture.build(None);
    let predictions = predict(&model, card.output, &card.transform, loaded.weights(), &x);
    assert_eq!(predictions, classifier.predict_proba(&x));
    println!("{} of {} parameters, {} classes", card.architecture, loaded.theta.len(), card.classes.len());

    // ONNX: a graph from raw rows x to probabilities y, for onnxruntime, browsers and phones.
    checkpoint.save_onnx(&file("digits.onnx"))?;
    // NumPy: `np.load`, and a layer is `x @ W.T + b`.
    checkpoint.save_npz(&file("digits.npz"))?;
    // PyTorch: `model.load_state_dict(safetensors.torch.load_file(…))`, and the other way round with `load_as`.
    save_vector(&file("plain.safetensors"), model.layout(), &loaded.theta)?;
    let theirs: Checkpoint<f32> = Checkpoint::load_as(&file("plain.safetensors"), card.clone())?;
    assert_eq!(theirs.theta, loaded.theta);

    for entry in std::fs::read_dir(&folder)? {
        let entry = entry?;
        println!("{:>7} bytes   {}", entry.metadata()?.len(), entry.path().display());
    }
    println!(
        "chainrule predict {} rows.csv --out classes.csv --classes",
        file("digits.safetensors").display()
    );
    Ok(())
}
