//! What `chainrule explain` takes as an example and a target, and what it says of them.

use std::fs;

use chainrule::datasets::npy;
use chainrule::ndarray::Array2;
use serde_json::json as value;

use crate::{json, refused, run, stderr, stdout};

/// The lines of the output down to the verdict, their blanks as one.
#[track_caller]
fn verdict(here: &std::path::Path, arguments: &[&str]) -> Vec<String> {
    let output = run(here, arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    let lines = text.lines().take_while(|line| !line.is_empty());
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn a_row_is_typed_as_its_file_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let row = |i: usize| {
        let district = ["north", "south", "east"][i % 3];
        let age = if i.is_multiple_of(9) { String::new() } else { format!("{}", i % 40) };
        format!(
            "{},5;2024-03-{:02};{district};{age};{}\n",
            30 + i % 90,
            1 + i % 28,
            60_000 + 2_000 * (i % 90)
        )
    };
    let rows: String = (0..100).map(row).collect();
    fs::write(here.join("flats.csv"), format!("size;built;district;age;price\n{rows}")).unwrap();
    json(here, &["train", "flats.csv", "--impute", "median", "--epochs", "2", "--out", "r", "--json"]);
    let of_data = ["explain", "r", "--data", "flats.csv", "--example", "4", "--json"];
    let typed = |input: &str| json(here, &["explain", "r", "--input", input, "--target", "68000", "--json"]);
    let (data, own) = (json(here, &of_data), typed("34,5;2024-03-05;south;4"));
    for key in ["input", "prediction", "cost", "target"] {
        assert_eq!(data[key], own[key], "{key}");
    }
    // The whole row with its target, and a missing cell.
    assert_eq!(typed("34,5;2024-03-05;south;4;1")["input"], own["input"]);
    let explain = ["explain", "r", "--input", "0,1;2024-03-05;south;", "--target", "1"];
    let lines = verdict(here, &explain);
    assert_eq!(lines[..4], ["the example of --input", "size 0.1", "built 2024-03-05", "district south"]);
    assert!(lines[4].starts_with("age missing, taken as "), "{lines:?}");
    assert!(lines[5].contains("and the target is 1 (+"), "{lines:?}");
    // The numbers of the network are taken as before: 19787 days, and the districts in the order of the alphabet.
    assert_eq!(typed("34.5,19787,0,0,1,4")["input"], own["input"]);
    let refused = |input: &str, words: &[&str]| {
        refused(here, &["explain", "r", "--input", input, "--target", "1"], words);
    };
    refused("34,5;2024-03-05;suth;4", &["--input, column 3 (district)", "\"suth\"", "east, north, south"]);
    refused("34,5;2024-03-05;south", &["3 cells", "size, built, district, age"]);
    refused("34.5.5;2024-03-05;south;4", &["column 1 (size)", "decimal comma"]);
    refused("34,5;soon;south;4", &["column 2 (built)", "date"]);
}

#[test]
fn the_page_of_a_perceptron_has_the_row_as_its_file_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let row = |i: usize| {
        let (share, day, colour) = (i % 90 + 1, 1 + i % 28, ["red", "green"][i % 2]);
        format!(
            "{},0.38504265487{i:03},\"$18,{i:03}\",{share}.5%,2024-02-{day:02},{colour},{}\n",
            795_220_100 + i,
            i % 13
        )
    };
    let rows: String = (0..100).map(row).collect();
    fs::write(here.join("d.csv"), format!("salary,a,income,share,sold,colour,y\n{rows}")).unwrap();
    json(here, &["train", "d.csv", "--epochs", "1", "--layers", "3", "--out", "r", "--json"]);
    let explain = ["explain", "r", "--data", "d.csv", "--example", "97"];
    let lines = verdict(here, &explain);
    json(here, &[&explain[..], &["--html", "page.html", "--json"]].concat());
    let page = fs::read_to_string(here.join("page.html")).unwrap();
    let cells = ["795220197", "0.38504265487097", "18097 $", "8.5 %", "2024-02-14", "green"];
    for (line, cell) in lines[1..].iter().zip(cells) {
        assert!(line.contains(&format!(" {cell}")), "{line}: {cell}");
        assert!(page.contains(&format!("<dd>{cell}")), "no {cell} in the row of the page");
    }
    for words in [
        r#""value":"795220197","fact":"salary = 795220197""#,
        r#""value":"18097 $""#,
        r#""name":"colour","value":"green","fact":"colour = green""#,
        r#""name":"colour","value":"≠ red""#,
    ] {
        assert!(page.contains(words), "no {words} in the numbers of the page");
    }
}

#[test]
fn a_chosen_target_is_compared_and_a_misspelt_one_is_corrected() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let iris = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples/iris.csv");
    json(here, &["train", iris, "--target", "species", "--epochs", "20", "--out", "r", "--json"]);
    let typed = ["explain", "r", "--input", "5.1,3.5,1.4,0.2", "--target"];
    let ends = |target: &str| verdict(here, &[&typed[..], &[target]].concat()).pop().unwrap();
    assert!(ends("setosa").ends_with("and the target is setosa: right."), "{}", ends("setosa"));
    assert!(ends("virginica").ends_with("and the target is virginica: wrong."));
    let report = json(here, &[&typed[..], &["virginica", "--json"]].concat());
    assert_eq!(report["verdict"]["right"], false);
    assert_eq!(report["verdict"]["answer"]["truth"], value!(null));
    // What the data say is right is right, whatever C is computed for.
    let of_data = ["explain", "r", "--example", "1"];
    let truth = json(here, &[&of_data[..], &["--json"]].concat())["verdict"].clone();
    let chosen = [&of_data[..], &["--target", "virginica"]].concat();
    let report = json(here, &[&chosen[..], &["--json"]].concat())["verdict"].clone();
    assert_eq!((&report["right"], &report["answer"]["truth"]), (&truth["right"], &truth["answer"]["truth"]));
    let said = verdict(here, &chosen).pop().unwrap();
    assert!(said.ends_with(". C is computed for the target virginica."), "{said}");
    for (target, words) in [
        ("virginca", &["--target virginca", "did you mean virginica?", "setosa, versicolor, virginica"][..]),
        ("7", &["--target 7", "setosa, versicolor, virginica", "from 0 to 2"]),
    ] {
        refused(here, &["explain", "r", "--target", target], words);
    }
}

#[test]
fn the_per_cent_of_a_label_is_that_of_the_word_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let word = |is: bool| if is { "yes" } else { "no" };
    let row = |i: usize| format!("{},{},{},{}\n", i % 10, i % 7, word(i % 10 > 4), word(i % 7 > 4));
    let rows: String = (0..140).map(row).collect();
    fs::write(here.join("mails.csv"), format!("a,b,spam,urgent\n{rows}")).unwrap();
    let train = ["train", "mails.csv", "--target", "spam,urgent", "--task", "multi-label"];
    json(here, &[&train[..], &["--epochs", "30", "--out", "r", "--json"]].concat());
    let report = json(here, &["explain", "r", "--input", "1,1", "--target", "no,yes", "--json"]);
    assert_eq!(report["target"], value!([0.0, 1.0]));
    let labels = report["verdict"]["answer"]["labels"].as_array().unwrap();
    for (label, prediction) in labels.iter().zip(report["prediction"].as_array().unwrap()) {
        assert_eq!(label["outputs"][1], value!(["yes", prediction]), "{label}");
        assert_eq!(label["says"], "no");
    }
    let said = verdict(here, &["explain", "r", "--input", "1,1", "--target", "no,yes"]).pop().unwrap();
    assert!(said.contains("spam no (") && said.contains(" % for no)"), "{said}");
    assert!(said.ends_with(" % for no, the target is yes): wrong."), "{said}");
    refused(here, &["explain", "r", "--target", "yes"], &["--target yes", "spam (no/yes), urgent (no/yes)"]);
}

#[test]
fn examples_whose_targets_are_in_a_file_of_their_own_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let x = Array2::from_shape_fn((40, 3), |(i, j)| ((i * 7 + j * 5) % 11) as f64 / 3.0);
    npy::write(&here.join("x.npy"), &x).unwrap();
    npy::write(&here.join("y.npy"), &Array2::from_shape_fn((40, 1), |(i, _)| (i % 2) as f64)).unwrap();
    json(
        here,
        &["train", "x.npy", "--target", "y.npy", "--layers", "4", "--epochs", "2", "--out", "m", "--json"],
    );
    json(here, &["explain", "m", "--part", "train", "--example", "1", "--json"]);
}
