use std::fs;
use std::path::Path;

use chainrule::datasets::{npy, synthetic};
use chainrule::model::{load_vector, save_vector};
use chainrule::ndarray::{Array2, array};
use chainrule::prelude::{Dense, Layer, Rng, Sequential, Tanh};
use chainrule::tensor::Layout;

use crate::{json, refused, run, stderr, stdout};

/// 2-3-2 with tanh units, as another program would save it.
fn layout() -> Layout {
    let model: Sequential<f64> =
        Sequential::input(2).then(|n| Dense::new(n, 3)).then(Tanh::new).then(|n| Dense::new(n, 2));
    model.layout().clone()
}

/// Parameters, a direction and a batch of three, with its classes as indices and as rows.
fn prepare(folder: &Path) {
    let layout = layout();
    for (name, seed) in [("model", 1), ("v", 2)] {
        let theta: Vec<f64> = (0..layout.len())
            .map({
                let mut rng = Rng::new(seed);
                move |_| rng.normal(1.0)
            })
            .collect();
        save_vector(&folder.join(format!("{name}.safetensors")), &layout, &theta).unwrap();
    }
    let write = |name: &str, x: Array2<f64>| npy::write(&folder.join(name), &x).unwrap();
    write("x.npy", array![[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]]);
    write("y.npy", array![[1.0], [0.0], [1.0]]);
    write("rows.npy", array![[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]);
}

const NETWORK: [&str; 6] = ["grad", "model.safetensors", "--layers", "2-3-2", "--activation", "tanh"];
const BATCH: [&str; 7] = ["--input", "x.npy", "--target", "y.npy", "--out", "g.safetensors", "--force"];

fn numbers(path: &Path) -> Vec<f64> {
    load_vector(path, &layout()).unwrap()
}

#[test]
fn the_loss_stands_alone_on_stdout() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let output = run(folder.path(), &[&NETWORK[..], &BATCH].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let report = json(folder.path(), &[&NETWORK[..], &BATCH, &["--json"]].concat());
    assert_eq!(stdout(&output).trim().parse::<f64>().unwrap(), report["loss"].as_f64().unwrap());
    assert_eq!((&report["rows"], &report["parameters"]), (&3.into(), &17.into()));
    assert!(report["hvp"].is_null() && !folder.path().join("g-hvp.safetensors").exists());
}

#[test]
fn class_indices_and_their_rows_give_the_same_gradient() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    prepare(here);
    // So do tables of text.
    fs::write(here.join("x.csv"), "0.5,-1.0\n2.0,0.25\n-0.75,1.5\n").unwrap();
    fs::write(here.join("y.csv"), "class\n1\n0\n1\n").unwrap();
    let texts = ["--input", "x.csv", "--target", "y.csv", "--out", "t.safetensors"];
    json(here, &[&NETWORK[..], &texts, &["--json"]].concat());
    json(here, &[&NETWORK[..], &BATCH, &["--json"]].concat());
    assert_eq!(numbers(&here.join("t.safetensors")), numbers(&here.join("g.safetensors")));
    for loss in ["cross-entropy", "squared-error", "mean-absolute"] {
        json(here, &[&NETWORK[..], &BATCH, &["--loss", loss, "--json"]].concat());
        let rows = [
            "--input",
            "x.npy",
            "--target",
            "rows.npy",
            "--out",
            "r.safetensors",
            "--loss",
            loss,
            "--force",
            "--json",
        ];
        json(here, &[&NETWORK[..], &rows].concat());
        assert_eq!(numbers(&here.join("g.safetensors")), numbers(&here.join("r.safetensors")), "{loss}");
    }
}

#[test]
fn the_output_of_another_programs_network_is_taken_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let loss = |more: &[&str]| {
        json(folder.path(), &[&NETWORK[..], &BATCH, &["--json"], more].concat())["loss"].as_f64().unwrap()
    };
    let bare = loss(&["--loss", "squared-error"]);
    assert_eq!(bare, loss(&["--loss", "squared-error", "--output", "identity"]));
    assert_ne!(bare, loss(&["--loss", "squared-error", "--output", "sigmoid"]));
    assert_eq!(loss(&[]), loss(&["--loss", "cross-entropy", "--output", "softmax"]));
}

#[test]
fn a_gradient_is_a_direction_and_the_hessian_product_is_linear_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    prepare(here);
    let product = |v: &str, out: &str| {
        let report = json(here, &[&NETWORK[..], &BATCH, &["--hvp", v, "--hvp-out", out, "--json"]].concat());
        assert_eq!(report["hvp"], out);
        numbers(&here.join(out))
    };
    let v = numbers(&here.join("v.safetensors"));
    let hv = product("v.safetensors", "hv.safetensors");
    fs::rename(here.join("g.safetensors"), here.join("first.safetensors")).unwrap();
    let g = numbers(&here.join("first.safetensors"));
    let hg = product("first.safetensors", "hg.safetensors");
    let sum: Vec<f64> = v.iter().zip(&g).map(|(v, g)| v - 2.0 * g).collect();
    save_vector(&here.join("sum.safetensors"), &layout(), &sum).unwrap();
    let of_sum = product("sum.safetensors", "hsum.safetensors");
    assert!(hv.iter().any(|h| h.abs() > 1e-3));
    for ((hv, hg), of_sum) in hv.iter().zip(&hg).zip(&of_sum) {
        assert!((hv - 2.0 * hg - of_sum).abs() < 1e-12);
    }
}

#[test]
fn dropout_is_off_and_the_loss_is_that_of_evaluate() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let train = "train --data moons --dropout 0.5 --epochs 2 --dtype f64 --out . --json";
    json(here, &train.split(' ').collect::<Vec<_>>());
    let test = synthetic::moons::<f64>(1000, 0.1, 2);
    let labels: Vec<f64> = test.labels().unwrap().iter().map(|&label| f64::from(label)).collect();
    npy::write(&here.join("x.npy"), &test.inputs_through(&chainrule::datasets::Pipeline::new())).unwrap();
    npy::write(&here.join("y.npy"), &Array2::from_shape_vec((1000, 1), labels).unwrap()).unwrap();
    for loss in [&[][..], &["--loss", "squared-error"], &["--loss", "huber"]] {
        let judged = json(here, &[&["evaluate", "last.safetensors", "--json"], loss].concat());
        let ours = json(here, &[&["grad", "last.safetensors", "--json"], &BATCH[..], loss].concat());
        let (judged, ours) = (judged["loss"].as_f64().unwrap(), ours["loss"].as_f64().unwrap());
        assert!((judged - ours).abs() < 1e-12 * judged, "{loss:?}: {judged} and {ours}");
    }
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    prepare(here);
    let write = |name: &str, x: Array2<f64>| npy::write(&here.join(name), &x).unwrap();
    write("wide.npy", array![[1.0, 2.0, 3.0]]);
    write("two.npy", array![[1.0], [0.0]]);
    write("beyond.npy", array![[1.0], [2.0], [0.0]]);
    write("between.npy", array![[1.0], [0.5], [0.0]]);
    write("three.npy", array![[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]);
    write("none.npy", Array2::zeros((0, 2)));
    write("nan.npy", array![[1.0, f64::NAN]]);
    fs::write(here.join("cut.npy"), &fs::read(here.join("x.npy")).unwrap()[..150]).unwrap();
    fs::write(here.join("torn.safetensors"), &fs::read(here.join("v.safetensors")).unwrap()[..200]).unwrap();
    let model = fs::read(here.join("model.safetensors")).unwrap();

    let try_with = |changes: &[&str], words: &[&str]| {
        let mut arguments = [&NETWORK[..], &BATCH].concat();
        for pair in changes.chunks(2) {
            match arguments.iter().position(|word| *word == pair[0]) {
                Some(at) => arguments[at + 1] = pair[1],
                None => arguments.extend(pair),
            }
        }
        refused(here, &arguments, words);
        for name in ["g.safetensors", "g-hvp.safetensors"] {
            assert!(!here.join(name).exists(), "{changes:?} wrote {name}");
        }
    };
    try_with(&["--input", "wide.npy"], &["wide.npy", "3 columns", "2 inputs"]);
    try_with(&["--input", "none.npy"], &["none.npy", "no rows"]);
    try_with(&["--input", "nan.npy"], &["nan.npy", "NaN"]);
    try_with(&["--input", "cut.npy"], &["cut.npy", "truncated"]);
    try_with(&["--input", "gone.npy"], &["gone.npy"]);
    try_with(&["--target", "two.npy"], &["two.npy", "2 rows", "x.npy has 3"]);
    try_with(&["--target", "beyond.npy"], &["beyond.npy", "2 in row 1", "0 to 1"]);
    try_with(&["--target", "between.npy"], &["between.npy", "0.5 in row 1"]);
    try_with(&["--target", "three.npy"], &["three.npy", "3 columns", "2 outputs"]);
    try_with(&["--hvp", "torn.safetensors"], &["torn.safetensors", "corrupted"]);
    try_with(&["--hvp", "gone.safetensors"], &["gone.safetensors"]);
    try_with(&["--layers", "2-4-2"], &["model.safetensors", "another architecture"]);
    try_with(&["--label-smoothing", "0.1", "--loss", "huber"], &["--label-smoothing", "huber"]);
    try_with(&["--hvp-out", "h.safetensors"], &["--hvp"]);
    try_with(&["--out", "./model.safetensors"], &["model.safetensors", "overwritten"]);
    try_with(&["--hvp", "v.safetensors", "--hvp-out", "v.safetensors"], &["v.safetensors", "overwritten"]);
    try_with(&["--hvp", "v.safetensors", "--hvp-out", "g.safetensors"], &["g.safetensors", "overwritten"]);
    refused(here, &[&["grad", "model.safetensors"], &BATCH[..]].concat(), &["--layers"]);
    assert_eq!(fs::read(here.join("model.safetensors")).unwrap(), model);
}

#[test]
fn a_loss_that_does_not_suit_the_output_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    json(here, &["train", "--data", "moons", "--epochs", "1", "--out", ".", "--json"]);
    refused(
        here,
        &["evaluate", "last.safetensors", "--loss", "binary-cross-entropy"],
        &["last.safetensors", "binary-cross-entropy", "squared-error"],
    );
}

#[test]
fn an_overflow_is_told_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    prepare(here);
    npy::write(&here.join("y.npy"), &array![[1e200_f64, 0.0], [0.0, 0.0], [0.0, 0.0]]).unwrap();
    let output = run(here, &[&NETWORK[..], &BATCH, &["--loss", "squared-error"]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output).lines().count(), 1);
    assert!(stderr(&output).contains("the loss overflows f64"), "{}", stderr(&output));
    assert!(!here.join("g.safetensors").exists());
}

#[test]
fn a_smoothing_that_is_given_keeps_the_weights_of_the_classes_and_may_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let row = |at: u32| format!("{},{},{}\n", at % 7, at % 5, ["a", "b", "c"][at as usize % 3]);
    fs::write(here.join("t.csv"), "x,z,k\n".to_owned() + &(0..60).map(row).collect::<String>()).unwrap();
    fs::write(here.join("w.csv"), "class,weight\na,3\nb,0.5\nc,1\n").unwrap();
    json(
        here,
        &[
            "train",
            "t.csv",
            "--class-weight",
            "w.csv",
            "--label-smoothing",
            "0.3",
            "--epochs",
            "2",
            "--out",
            "m",
            "--json",
        ],
    );
    npy::write(&here.join("x.npy"), &array![[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]]).unwrap();
    npy::write(&here.join("y.npy"), &array![[1.0], [0.0], [2.0]]).unwrap();
    let loss = |smoothing: &[&str]| {
        let grad = [
            "grad",
            "m",
            "--input",
            "x.npy",
            "--target",
            "y.npy",
            "--out",
            "g.safetensors",
            "--force",
            "--json",
        ];
        json(here, &[&grad, smoothing].concat())["loss"].as_f64().unwrap()
    };
    let own = loss(&[]);
    assert_eq!(own.to_bits(), loss(&["--label-smoothing", "0.3"]).to_bits());
    assert!((own - loss(&["--label-smoothing", "0"])).abs() > 1e-3);
}
