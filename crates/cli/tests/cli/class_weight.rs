//! `--class-weight`.

use std::fmt::Write as _;
use std::fs;

use crate::{json, refused};

#[test]
fn a_rare_class_counts_as_much_as_a_frequent_one() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    // Of ten rows with x = 1 three are rare, of thirty with x = 0 none is: unweighted, no row is called rare.
    let mut text = "x,kind\n".to_owned();
    for i in 0..200 {
        let x = usize::from(i % 4 == 0);
        writeln!(text, "{x},{}", if x == 1 && i % 40 < 12 { "rare" } else { "usual" }).unwrap();
    }
    fs::write(here.join("d.csv"), text).unwrap();
    let common = ["train", "--data", "d.csv", "--test", "0", "--lr", "0.03", "--epochs", "100", "--json"];
    let recall = |extra: &[&str], out: &str| {
        json(here, &[&common[..], extra, &["--out", out]].concat());
        let judged = json(here, &["evaluate", out, "--data", "d.csv", "--json"]);
        assert_eq!(judged["classes"][0]["name"], "rare");
        judged["classes"][0]["recall"].as_f64().unwrap()
    };
    assert_eq!(recall(&[], "plain"), 0.0);
    assert_eq!(recall(&["--class-weight", "balanced"], "balanced"), 1.0);
    fs::write(here.join("w.csv"), "class,weight\nrare,10\n").unwrap();
    assert_eq!(recall(&["--class-weight", "w.csv"], "file"), 1.0);
    fs::write(here.join("same.csv"), "rare,1\nusual,1\n").unwrap();
    assert_eq!(recall(&["--class-weight", "same.csv"], "same"), 0.0);
    let weights = |run: &str| fs::read_to_string(here.join(run).join("config.toml")).unwrap();
    assert!(weights("balanced").contains("class-weight = \"balanced\""));

    // A run goes on with the weights that it began with.
    json(here, &["train", "--resume", "file", "--epochs", "101", "--json"]);
    fs::write(here.join("w.csv"), "class,weight\nrare,9\n").unwrap();
    refused(here, &["train", "--resume", "file", "--epochs", "102"], &["class-weight", "checksum"]);

    fs::write(here.join("bad.csv"), "rare,1\nscarce,1\n").unwrap();
    let bad = ["train", "--data", "d.csv", "--class-weight"];
    refused(here, &[&bad[..], &["bad.csv"]].concat(), &["line 2", "\"scarce\" is no class", "rare, usual"]);
    refused(here, &[&bad[..], &["balance"]].concat(), &["balanced"]);
    refused(here, &[&bad[..], &["nosuch.csv"]].concat(), &["nosuch.csv", "class,weight"]);
    let squares = [&bad[..], &["balanced", "--loss", "squared-error"]].concat();
    refused(here, &squares, &["--class-weight", "cross-entropy", "squared-error"]);
    refused(here, &["train", "--data", "teacher", "--class-weight", "balanced"], &["cross-entropy"]);
}
