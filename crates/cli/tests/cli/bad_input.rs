use std::fs;
use std::io::Write;
use std::path::Path;

use chainrule::datasets::npy;
use chainrule::ndarray::Array2;
use flate2::{Compression, write::GzEncoder};

use crate::{json, refused, run, stderr};

#[test]
fn a_flag_value_that_is_not_known_shows_those_that_are() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str], words: &[&str]| refused(folder.path(), arguments, words);
    refused(&["train", "--data", "mnits"], &["digits", "mnist", "fashion-mnist", "spirals"]);
    refused(&["train", "--activation", "rleu"], &["relu", "gelu-tanh", "softplus"]);
    refused(&["train", "--loss", "mse"], &["cross-entropy", "mean-squared-error"]);
    refused(&["train", "--optimizer", "adamm"], &["adam", "lbfgs"]);
    refused(&["train", "--schedule", "linear"], &["one-cycle", "plateau"]);
    refused(&["train", "--init", "xavier"], &["glorot-uniform", "orthogonal"]);
    refused(&["train", "--batch", "0"], &["--batch", "1"]);
    refused(&["train", "--lr", "nan"], &["--lr", "not negative"]);
    refused(&["train", "--layers", "10-x"], &["784-256-10"]);
    refused(&["train", "--threads", "0"], &["--threads"]);
    refused(&["train", "--patience", "3"], &["--validation"]);
    refused(&["train", "--loss", "cross-entropy", "--output", "sigmoid"], &["--output softmax"]);
    refused(&["train", "--data", "teacher", "--loss", "cross-entropy"], &["mean-squared-error"]);
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "a refused run leaves nothing behind");
}

#[test]
fn a_file_that_is_not_there_is_named_with_the_folder_that_its_path_is_relative_to() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("d.csv"), "a,k\n1,x\n2,y\n3,x\n4,y\n5,x\n").unwrap();
    json(here, &["train", "d.csv", "--epochs", "0", "--test", "0", "--json", "--out", "r"]);
    let place =
        format!("there is no such file or folder: check the path, which is relative to {}", here.display());
    let arguments = [
        &["predict", "r", "no.csv"][..],
        &["predict", "no.safetensors", "d.csv"],
        &["evaluate", "no"],
        &["evaluate", "r", "--data", "no.npy"],
        &["inspect", "no.pt"],
        &["import", "no.onnx"],
        &["import", "no.safetensors.index.json"],
        &["report", "no"],
        &["train", "no.csv"],
        &["train", "no.parquet"],
        &["train", "no.npy", "--target", "d.npy"],
        &["train", "d.csv", "--test", "no.csv"],
        &["train", "d.csv", "--from", "no.safetensors"],
        &["train", "d.csv", "--from", "r", "--map", "no.map"],
        &["train", "d.csv", "--class-weight", "no.csv"],
        &["train", "--config", "no.toml"],
        &["train", "--network", "no.toml"],
    ];
    for arguments in arguments {
        refused(here, arguments, &["no", &place]);
    }
    let absolute = here.join("no.csv").display().to_string();
    let output = run(here, &["predict", "r", &absolute]);
    assert!(stderr(&output).trim_end().ends_with("no.csv: there is no such file or folder: check the path"));
}

#[test]
fn columns_are_counted_as_the_file_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let row = |i: usize| format!("{},{},{}\n", ["red", "green", "blue"][i % 3], i % 7, i % 2);
    fs::write(here.join("d.csv"), format!("hue,size,k\n{}", (0..40).map(row).collect::<String>())).unwrap();
    json(here, &["train", "moons", "--epochs", "0", "--json", "--out", "moons"]);
    json(here, &["train", "d.csv", "--epochs", "0", "--json", "--out", "r"]);
    let words = ["d.csv", "it has 3 columns (5 inputs), but the model takes 2 inputs", "it has words"];
    refused(here, &["predict", "moons", "d.csv"], &words);
    refused(
        here,
        &["train", "d.csv", "--layers", "9-4-2"],
        &["2 columns (4 inputs) and 2 outputs", "write 4-…-2"],
    );
    refused(
        here,
        &["train", "d.csv", "--from", "moons"],
        &["2 inputs and 2 outputs", "d has 2 columns (4 inputs)"],
    );
    refused(
        here,
        &["evaluate", "moons", "--data", "d.csv"],
        &["2 inputs", "d has 2 columns (4 inputs) and 2 outputs"],
    );
    npy::write(&here.join("wide.npy"), &Array2::<f64>::zeros((2, 5))).unwrap();
    refused(here, &["predict", "r", "wide.npy"], &["it has 5 columns, but the training data has 3"]);
}

#[test]
fn widths_that_do_not_fit_the_data_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    refused(folder.path(), &["train", "--layers", "784-32-10"], &["784-32-10", "64 inputs", "10 outputs"]);
    refused(folder.path(), &["train", "--layers", "64-32-9"], &["64-32-9", "10 outputs"]);
    refused(folder.path(), &["train", "--layers", "99999999999-3"], &["width"]);
}

const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

fn images(claimed: u32, pixels: usize) -> Vec<u8> {
    let header = [0x0803, claimed, 28, 28].map(u32::to_be_bytes).concat();
    [header, vec![7; pixels]].concat()
}

fn labels(claimed: u32, values: &[u8]) -> Vec<u8> {
    [[0x0801, claimed].map(u32::to_be_bytes).concat(), values.to_vec()].concat()
}

/// The four files of MNIST with 20 images each, one of them replaced.
fn mnist_with(folder: &Path, place: usize, bytes: &[u8]) {
    let good = [images(20, 20 * 784), labels(20, &[3; 20])];
    for (i, name) in NAMES.iter().enumerate() {
        fs::write(folder.join(name), if i == place { bytes } else { &good[i % 2] }).unwrap();
    }
}

#[test]
fn damaged_idx_files_are_refused_by_name() {
    let cases: [(usize, Vec<u8>, &str); 7] = [
        (0, images(20, 19 * 784 + 5), NAMES[0]),
        (0, images(20, 20 * 784 + 1), NAMES[0]),
        (0, images(u32::MAX, 784), NAMES[0]),
        (0, vec![1, 2, 3], NAMES[0]),
        (2, Vec::new(), NAMES[2]),
        (1, labels(20, &[11; 20]), NAMES[1]),
        (3, labels(19, &[1; 19]), "t10k"),
    ];
    for (place, bytes, word) in cases {
        let folder = tempfile::tempdir().unwrap();
        mnist_with(folder.path(), place, &bytes);
        refused(folder.path(), &["train", "--data", "mnist", "--data-dir", ".", "--epochs", "1"], &[word]);
    }
}

#[test]
fn a_gzip_bomb_is_stopped_at_the_size_its_header_claims() {
    let folder = tempfile::tempdir().unwrap();
    mnist_with(folder.path(), 9, &[]);
    fs::remove_file(folder.path().join(NAMES[0])).unwrap();
    let file = fs::File::create(folder.path().join("train-images-idx3-ubyte.gz")).unwrap();
    let mut gz = GzEncoder::new(file, Compression::fast());
    gz.write_all(&images(20, 20 * 784)).unwrap();
    let zeros = vec![0; 1 << 20];
    (0..256).for_each(|_| gz.write_all(&zeros).unwrap());
    gz.finish().unwrap();
    refused(
        folder.path(),
        &["train", "--data", "mnist", "--data-dir", ".", "--epochs", "1"],
        &["train-images-idx3-ubyte.gz"],
    );
}

#[test]
fn missing_files_name_the_places_and_the_cure() {
    let folder = tempfile::tempdir().unwrap();
    refused(folder.path(), &["train", "--data", "mnist", "--data-dir", "none"], &["none", NAMES[0]]);
}

#[test]
fn bad_tables_are_refused_with_file_and_line() {
    let cases = [
        ("", "table.csv"),
        ("a,b,class\n", "table.csv"),
        ("1,NaN,x\n2,3,y\n", "line 1"),
        ("a,b,class\n1,2,x\n1,inf,y\n", "line 3"),
        ("1,2,x\n1,2\n", "line 2"),
        ("1,2,x\n", "table.csv"),
    ];
    for (text, word) in cases {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("table.csv"), text).unwrap();
        refused(folder.path(), &["train", "--data", "table.csv"], &["table", word]);
    }
    let folder = tempfile::tempdir().unwrap();
    refused(folder.path(), &["train", "--data", "none.csv"], &["none.csv"]);
}

#[test]
fn damaged_and_foreign_checkpoints_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    json(here, &["train", "--epochs", "1", "--out", ".", "--json"]);
    let good = fs::read(here.join("last.safetensors")).unwrap();

    let mut huge = good.clone();
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let cases = [good[..good.len() - 1].to_vec(), good[..100].to_vec(), Vec::new(), vec![b'x'; 4000], huge];
    for bytes in cases {
        fs::write(here.join("bad.safetensors"), &bytes).unwrap();
        for command in ["inspect", "evaluate"] {
            refused(here, &[command, "bad.safetensors"], &["bad.safetensors", "corrupted"]);
        }
        assert_eq!(fs::read(here.join("bad.safetensors")).unwrap(), bytes);
    }
    let another = &["evaluate", "last.safetensors", "--layers", "64-32-10", "--data", "digits"];
    refused(here, another, &["last.safetensors", "another architecture"]);
    refused(here, &["evaluate", "last.safetensors", "--data", "moons"], &["64 inputs", "moons"]);
    refused(here, &["inspect", "none.safetensors"], &["none.safetensors"]);
    let half = &["evaluate", "last.safetensors", "--activation", "tanh"];
    refused(here, half, &["--activation", "--layers", "last.safetensors"]);
}

#[test]
fn predict_refuses_what_it_cannot_read_or_write() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    json(here, &["train", "--data", "moons", "--epochs", "1", "--out", ".", "--json"]);
    fs::write(here.join("three.csv"), "1,2,0\n").unwrap();
    fs::write(here.join("cut.npy"), b"\x93NUMPY\x01\x00\xff\xff").unwrap();
    let predict = |input: &str, out: &str, words: &[&str]| {
        refused(here, &["predict", "last.safetensors", input, "--out", out], words);
    };
    predict("three.csv", "p.csv", &["three.csv", "2 inputs", "target"]);
    predict("cut.npy", "p.csv", &["cut.npy"]);
    predict("x.xls", "p.csv", &["x.xls", ".npy"]);
    predict("three.csv", "p.txt", &["p.txt", ".npy"]);
    assert!(!here.join("p.csv").exists());
}
