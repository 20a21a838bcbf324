//! What PyTorch makes of tiny networks lies under `tests/golden`, beside the script that asked it: `chainrule grad`
//! finds the same.

use chainrule::layers::{Architecture, Stage};
use std::fs;
use std::path::{Path, PathBuf};

use chainrule::model::load_vector;
use chainrule::tensor::Layout;
use serde_json::Value;

use crate::json;

/// The largest relative difference that may be: of the loss and the gradient, of the Hessian product.
fn bars(dtype: &str) -> (f64, f64) {
    if dtype == "f64" { (1e-12, 1e-11) } else { (1e-5, 1e-4) }
}

/// max |a − b| over max |b| of the worst parameter.
fn difference(layout: &Layout, ours: &Path, theirs: &Path) -> f64 {
    let read = |path: &Path| load_vector::<f64>(path, layout).unwrap();
    let (ours, theirs) = (read(ours), read(theirs));
    let of = |range: std::ops::Range<usize>| {
        let largest = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(f64::abs).fold(0.0, f64::max);
        let scale = largest(&mut theirs[range.clone()].iter().copied());
        let off = largest(&mut range.map(|i| ours[i] - theirs[i]));
        if off == 0.0 { 0.0 } else { off / scale }
    };
    layout.entries().iter().map(|entry| of(entry.range())).fold(0.0, f64::max)
}

#[test]
fn loss_gradient_and_hessian_product_are_those_of_pytorch() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let folder = tempfile::tempdir().unwrap();
    let cases: Vec<_> = folders(&golden).into_iter().filter(|path| !path.ends_with("networks")).collect();
    // Every activation in both number types.
    assert_eq!(cases.len(), 2 * Stage::activations().len());
    for case in cases {
        let told: Value = serde_json::from_slice(&fs::read(case.join("case.json")).unwrap()).unwrap();
        let options: Vec<&str> =
            told["options"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        let widths: Vec<usize> = options[1].split('-').map(|width| width.parse().unwrap()).collect();
        let layout =
            Architecture::perceptron(&widths, options[3].parse::<Stage>().unwrap(), 0.0).layout::<f64>();

        check(folder.path(), &case, &options, &layout, &told);
    }
}

/// Compares what `chainrule grad` makes of the model in a folder with what PyTorch made of it.
#[track_caller]
fn check(folder: &Path, case: &Path, options: &[&str], layout: &Layout, told: &Value) {
    let name = case.display();
    let file = |name: &str| case.join(name).to_str().unwrap().to_owned();
    let files = [
        ("--input", file("x.npy")),
        ("--target", file("y.npy")),
        ("--hvp", file("v.safetensors")),
        ("--out", "ours.safetensors".to_owned()),
    ];
    let model = file("model.safetensors");
    let mut arguments = vec!["grad", &model, "--json", "--force"];
    arguments.extend(files.iter().flat_map(|(option, file)| [*option, file.as_str()]));
    arguments.extend(options);
    let report = json(folder, &arguments);

    let (bar, product_bar) = bars(report["dtype"].as_str().unwrap());
    let (ours, theirs) = (report["loss"].as_f64().unwrap(), told["loss"].as_f64().unwrap());
    let loss = (ours - theirs).abs() / theirs.abs();
    let here = |name: &str| folder.join(name);
    let gradient = difference(layout, &here("ours.safetensors"), &case.join("gradient.safetensors"));
    let product = difference(layout, &here("ours-hvp.safetensors"), &case.join("hvp.safetensors"));
    assert_eq!(report["dtype"], told["dtype"], "{name}");
    assert!(loss <= bar && gradient <= bar, "{name}: loss off by {loss:.1e}, gradient by {gradient:.1e}");
    assert!(product <= product_bar, "{name}: Hessian product off by {product:.1e}");
}

/// The folders in a folder.
fn folders(path: &Path) -> Vec<PathBuf> {
    fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
}

/// State dicts of `torch.nn` modules, channels first: the names, the order of the axes, and the weights behind a flattened picture
/// are PyTorch's.
#[test]
fn networks_of_torch_nn_have_its_loss_gradient_and_hessian_product() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/networks");
    let folder = tempfile::tempdir().unwrap();
    let cases = folders(&golden);
    assert!(cases.len() >= 6);
    for case in cases {
        let told: Value = serde_json::from_slice(&fs::read(case.join("case.json")).unwrap()).unwrap();
        let (words, input) = (told["network"].as_str().unwrap(), told["input"].as_str().unwrap());
        let layout = Architecture::parse(input.parse().unwrap(), words).unwrap().layout::<f64>();
        let options = ["--network", words, "--input-shape", input, "--loss", "cross-entropy"];
        check(folder.path(), &case, &options, &layout, &told);
    }
}
