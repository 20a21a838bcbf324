//! `--augment`.

use std::fs;

use crate::{json, refused};

const COMMON: [&str; 6] = ["train", "--data", "digits", "--layers", "16", "--json"];
const WORDS: &str = "rotate 10, shift 1,elastic 4.0 2, mixup 0.2";

#[test]
fn a_run_keeps_its_augmentation_and_has_the_same_bits_for_any_threads_and_after_a_resume() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let train = |extra: &[&str]| json(here, &[&COMMON[..], extra].concat());
    train(&["--epochs", "3", "--augment", WORDS, "--threads", "1", "--out", "a"]);
    let read = |name: &str, file: &str| fs::read_to_string(here.join(name).join(file)).unwrap();
    assert!(
        read("a", "config.toml").contains("\naugment = \"shift 1, rotate 10, elastic 4 2, mixup 0.2\"\n")
    );
    let results: serde_json::Value = serde_json::from_str(&read("a", "results.json")).unwrap();
    assert_eq!(results["augment"], "shift 1, rotate 10, elastic 4 2, mixup 0.2");
    let page = read("a", "report.html");
    assert!(page.contains("Augmented examples"));
    assert_eq!(page.matches(", augmented\"").count(), 12);

    let model = |name: &str| fs::read(here.join(name).join("last.safetensors")).unwrap();
    train(&["--epochs", "3", "--augment", WORDS, "--threads", "2", "--out", "b"]);
    assert!(model("b") == model("a"));
    json(here, &["train", "--config", "a/config.toml", "--out", "c", "--json"]);
    assert!(model("c") == model("a"));

    // A constant rate, so that the first two epochs are the same in both.
    let constant = |extra: &[&str]| {
        train(&[&["--augment", WORDS, "--schedule", "constant", "--lr", "0.01"], extra].concat());
    };
    constant(&["--epochs", "3", "--out", "d"]);
    constant(&["--epochs", "2", "--out", "e"]);
    assert!(model("e") != model("d"));
    json(here, &["train", "--resume", "e", "--epochs", "3", "--json"]);
    assert!(model("e") == model("d"));
    train(&["--epochs", "3", "--out", "plain"]);
    assert!(model("plain") != model("a"));
    assert!(!read("plain", "report.html").contains("Augmented"));

    let config = read("e", "config.toml");
    let other = config
        .replace("rotate 10", "rotate 20")
        .lines()
        .filter(|line| !line.starts_with("# checksum"))
        .fold(String::new(), |text, line| text + line + "\n");
    fs::write(here.join("e/config.toml"), other).unwrap();
    refused(here, &["train", "--resume", "e", "--epochs", "4"], &["augment", "rotate 10"]);
}

#[test]
fn what_cannot_be_augmented_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for (arguments, parts) in [
        (
            &["--data", "moons", "--augment", "flip"][..],
            &["augmentation is for images", "omit --augment"][..],
        ),
        (&["--augment", "rotat 10"], &["`rotat`", "did you mean rotate?", "at character 1"]),
        (&["--augment", "flip, elastic 34"], &["`elastic` needs a standard deviation", "at character 7"]),
        (&["--augment", "crop 8"], &["`crop 8` leaves nothing of an image of 8 x 8 pixels"]),
    ] {
        refused(here, &[&["train"], arguments].concat(), parts);
        assert!(fs::read_dir(here).unwrap().next().is_none(), "{arguments:?}");
    }
}
