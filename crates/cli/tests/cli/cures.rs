//! Every message that names a flag as the cure: the message is provoked, the cure applied, and it works.

use std::fs;
use std::path::Path;

use chainrule::datasets::{idx, npy};
use chainrule::ndarray::{Array2, s};

use crate::{refused, run, stderr};

/// What is refused, words of the message, and the arguments with the cure.
struct Case {
    refused: &'static str,
    message: &'static [&'static str],
    cured: &'static str,
}

const fn case(refused: &'static str, message: &'static [&'static str], cured: &'static str) -> Case {
    Case { refused, message, cured }
}

/// Arguments are separated by blanks; `train` is a short training run.
const CASES: &[Case] = &[
    case("train missing.csv", &["--impute mean or median"], "train missing.csv --impute mean"),
    case("train missing.csv", &["--impute mean or median"], "train missing.csv --impute median"),
    case("train mixed.csv", &["--categorical"], "train mixed.csv --categorical x"),
    case("train words-first.csv", &["--categorical"], "train words-first.csv --categorical x"),
    case("train names.csv", &["--drop", "--categorical"], "train names.csv --drop name"),
    case("train names.csv", &["--drop", "--categorical"], "train names.csv --categorical name"),
    case("train prose.csv", &["--drop"], "train prose.csv --drop name"),
    case("train commas.csv", &["--decimal ,", "--thousands ,"], "train commas.csv --decimal ,"),
    case("train commas.csv", &["--decimal ,", "--thousands ,"], "train commas.csv --thousands ,"),
    case("train dates.csv", &["--drop"], "train dates.csv --drop when"),
    case("train one-class.csv", &["--target"], "train one-class.csv --target y"),
    case("train ids.csv --task classification", &["--task regression"], "train ids.csv --task regression"),
    case("train ids.csv --task classification", &["--target"], "train ids.csv --target x"),
    case(
        "train words.csv --task regression",
        &["--task classification"],
        "train words.csv --task classification",
    ),
    case(
        "train halves.csv --task classification",
        &["--task regression"],
        "train halves.csv --task regression",
    ),
    case("train colons.csv", &["--delimiter"], "train colons.csv --delimiter :"),
    case("train twins.csv --target a", &["count from 0"], "train twins.csv --target 0"),
    case("train twins.csv --drop a", &["count from 0"], "train twins.csv --drop 0"),
    case("train twins.csv --categorical a", &["count from 0"], "train twins.csv --categorical 1"),
    case(
        "train words.csv --target nosuch",
        &["name one of these", "count from 0"],
        "train words.csv --target k",
    ),
    case("train words.csv --target 7", &["count from 0"], "train words.csv --target 2"),
    case("train two.csv", &["--test 0.5", "--test 0"], "train two.csv --test 0"),
    case("train two.csv", &["--test 0.5", "--test 0"], "train two.csv --test 0.5"),
    case("train digits --test 0.3", &["omit --test", "--test 0"], "train digits --test 0"),
    case(
        "train words.csv --patience 2",
        &["--validation 0.1"],
        "train words.csv --patience 2 --validation 0.1",
    ),
    case(
        "train words.csv --validation 0.2 --patience 0",
        &["such as 5"],
        "train words.csv --validation 0.2 --patience 5",
    ),
    case("train words.csv --validation 0.001", &["--validation"], "train words.csv --validation 0.2"),
    case(
        "train matrix.npy --stream --drop 0",
        &["--stream=false"],
        "train matrix.npy --drop 0 --stream=false",
    ),
    case("train images.npy", &["--target"], "train images.npy --target y.npy"),
    case("train x-ubyte", &["--target"], "train x-ubyte --target y.npy"),
    case("train words.csv --max-memory 100", &["--max-memory"], "train words.csv --max-memory 1M"),
    case(
        "train halves.csv --loss cross-entropy",
        &["--loss mean-squared-error"],
        "train halves.csv --loss mean-squared-error",
    ),
    case(
        "train words.csv --loss cross-entropy --output sigmoid",
        &["omit --output"],
        "train words.csv --loss cross-entropy",
    ),
    case("train words.csv --layers 2-3-9", &["write 2-…-2"], "train words.csv --layers 2-3-2"),
    case("train words.csv --layers 9-2", &["the hidden layers alone"], "train words.csv --layers 9"),
    case(
        "train words.csv --network relu,dense_2 --layers 3",
        &["leave out --layers"],
        "train words.csv --network relu,dense_2",
    ),
    case(
        "train words.csv --class-weight balanced --loss huber",
        &["cross-entropy"],
        "train words.csv --class-weight balanced --loss cross-entropy",
    ),
    case("train words.csv --from numbers --layers 9", &["no column"], "train halves.csv --from numbers"),
    case("train halves.csv --from numbers --layers 9", &["omit --layers"], "train halves.csv --from numbers"),
    case("train words.csv --out numbers", &["--resume numbers", "--out"], "train words.csv --out elsewhere"),
    case("predict numbers halves.csv --classes", &["omit --classes"], "predict numbers halves.csv"),
    case(
        "predict numbers halves.csv --out p.txt",
        &[".csv, .json, .npy or .parquet"],
        "predict numbers halves.csv --out p.csv",
    ),
    case(
        "predict numbers halves.csv --out there.csv",
        &["--force"],
        "predict numbers halves.csv --out there.csv --force",
    ),
    case(
        "predict counted either.csv",
        &["--header present or absent"],
        "predict counted either.csv --header present",
    ),
    case(
        "predict counted either.csv",
        &["--header present or absent"],
        "predict counted either.csv --header absent",
    ),
    case("evaluate moved.safetensors", &["--data"], "evaluate moved.safetensors --data halves.csv"),
    case(
        "evaluate numbers --activation tanh --data halves.csv",
        &["omit --activation"],
        "evaluate numbers --data halves.csv",
    ),
    case(
        "evaluate classes --loss binary-cross-entropy --data words.csv",
        &["squared-error"],
        "evaluate classes --loss squared-error --data words.csv",
    ),
    case("export numbers --out model.bin", &["--to"], "export numbers --out model.bin --to onnx"),
];

fn prepare(here: &Path) {
    let table = |name: &str, header: &str, rows: usize, row: &dyn Fn(usize) -> String| {
        let rows: Vec<String> = (0..rows).map(row).collect();
        fs::write(here.join(name), format!("{header}\n{}\n", rows.join("\n"))).unwrap();
    };
    let class = |i: usize| ["no", "yes"][i % 2];
    table("missing.csv", "x,k", 40, &|i| {
        format!("{},{}", if i == 7 { String::new() } else { i.to_string() }, class(i))
    });
    table("mixed.csv", "x,k", 40, &|i| format!("{},{}", if i == 30 { "many" } else { "5" }, class(i)));
    table("words-first.csv", "x,k", 40, &|i| format!("{},{}", if i == 0 { "many" } else { "5" }, class(i)));
    table("names.csv", "name,x,k", 40, &|i| format!("n{i},{i},{}", class(i)));
    table("prose.csv", "name,x,k", 1_300, &|i| format!("n{},{i},{}", i % 1_001, class(i)));
    table("commas.csv", "a;b", 40, &|i| format!("5,{};{}", 100 + i, 10 * i));
    table("dates.csv", "when,x,k", 11, &|i| format!("{}/{}/2024,{i},{}", i + 1, i / 2 + 1, class(i)));
    table("one-class.csv", "x,y,k", 40, &|i| format!("{i},{},same", 2 * i));
    table("ids.csv", "x,n", 40, &|i| format!("{}.5,{}", i % 7, 100 + i));
    table("words.csv", "a,b,k", 40, &|i| format!("{i},{},{}", i % 7, class(i)));
    table("halves.csv", "a,c,y", 40, &|i| format!("{i},{},{i}.5", i % 7));
    table("colons.csv", "a:b", 40, &|i| format!("{i}.5:{}.25", 2 * i));
    table("twins.csv", "a,a,b", 40, &|i| format!("{i}.5,{i},{}", i % 3));
    table("two.csv", "x,y", 2, &|i| format!("{i},{i}.5"));
    table("there.csv", "mine", 1, &|_| "1".to_owned());
    table("counted.csv", "0,1,2", 40, &|i| format!("{i},{}.5,{}", i % 5, class(i)));
    table("either.csv", "1,0", 1, &|_| "4,0".to_owned());
    let matrix = Array2::from_shape_fn((40, 3), |(i, j)| (i * (j + 1) % 7) as f64);
    npy::write(&here.join("matrix.npy"), &matrix).unwrap();
    npy::write(&here.join("y.npy"), &matrix.slice(s![.., ..1]).to_owned()).unwrap();
    idx::write(&here.join("x-ubyte"), &idx::Idx::new(vec![40, 2, 2], vec![7; 160])).unwrap();
    // Images of 2 x 2.
    let header = format!("{:<117}\n", "{'descr': '|u1', 'fortran_order': False, 'shape': (40, 2, 2), }");
    let start = [&b"\x93NUMPY\x01\x00"[..], &118_u16.to_le_bytes(), header.as_bytes()].concat();
    fs::write(here.join("images.npy"), [start, vec![9; 160]].concat()).unwrap();
    for (data, out) in [("halves.csv", "numbers"), ("words.csv", "classes"), ("counted.csv", "counted")] {
        let train = ["train", "--data", data, "--epochs", "0", "--layers", "3", "--out", out, "-q"];
        let trained = run(here, &train);
        assert!(trained.status.success(), "{}", stderr(&trained));
    }
    fs::copy(here.join("numbers/last.safetensors"), here.join("moved.safetensors")).unwrap();
}

#[test]
fn the_cure_in_a_message_works() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    prepare(here);
    for Case { refused: bad, message, cured } in CASES {
        let arguments = |text: &str| {
            let words = text.split(' ').map(|word| word.replace(",dense_", ", dense "));
            let mut words: Vec<String> = words.collect();
            if words[0] == "train" {
                words.insert(1, "--data".to_owned());
                words.extend(["--epochs", "0", "-q"].map(str::to_owned));
            }
            words
        };
        let bad = arguments(bad);
        refused(here, &bad.iter().map(String::as_str).collect::<Vec<_>>(), message);
        let cured = arguments(cured);
        let output = run(here, &cured.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(output.status.success(), "{bad:?}: the cure {cured:?}: {}", stderr(&output));
    }
}
