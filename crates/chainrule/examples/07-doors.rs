//! A trained model as a file: back into the library, and out to PyTorch, NumPy and ONNX.

use std::path::PathBuf;

use chainrule::datasets::digits_whole;
use chainrule::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder =
        std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from).join("chainrule-07-doors");
    std::fs::create_dir_all(&folder)?;
    let file = |name: &str| folder.join(name);

    let data = digits_whole::<f32>();
    let (x, y) = (data.inputs_through(&Pipeline::new()), data.labels().expect("digits are classes"));
    let model = Classifier::new([32]).epochs(5).fit(&x, y)?.into_model();

    // The file holds all that a prediction needs: the network, θ, the input's transform, the names of the classes. PyTorch takes its
    // arrays: `model.load_state_dict(safetensors.torch.load_file(…))`; and the other way round, `load_into` takes PyTorch's.
    model.save(file("digits.safetensors"))?;
    let loaded = Model::load(file("digits.safetensors"))?;
    assert_eq!(loaded.predict(&x), model.predict(&x));
    println!("{}", loaded.summary());

    let checkpoint = model.checkpoint().expect("all of its layers are the library's");
    // ONNX: a graph from raw rows x to probabilities y, for onnxruntime, browsers and phones.
    checkpoint.save_onnx(&file("digits.onnx"))?;
    // NumPy: `np.load`, and a layer is `x @ W.T + b`.
    checkpoint.save_npz(&file("digits.npz"))?;

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
