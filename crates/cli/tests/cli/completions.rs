//! What the program says of itself to shells and readers of manuals.

use std::fs;
use std::process::Command;

use crate::{refused, run, stderr, stdout};

#[test]
fn completions_and_the_manual_name_every_subcommand() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let text = |arguments: &[&str]| {
        let output = run(here, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        stdout(&output)
    };
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = text(&["completions", shell]);
        assert!(script.contains("chainrule") && script.contains("COMPLETE"), "{shell}: {script}");
    }
    fs::write(here.join("hats.csv"), "size,owner,fits\n7,a,yes\n8,b,no\n9,a,no\n").unwrap();
    fs::write(here.join("net.toml"), "").unwrap();
    #[cfg(feature = "parquet")]
    {
        use chainrule::datasets::parquet::{Values, encode};
        let columns =
            [("size".to_owned(), Values::Whole(vec![7, 8])), ("fits".to_owned(), Values::Whole(vec![0, 1]))];
        fs::write(here.join("hats.parquet"), encode(&columns).unwrap()).unwrap();
    }
    for (words, offered) in [
        (&["gradc"][..], "gradcheck"),
        (&["train", "--optimizer", "saddle"], "saddle-free-newton"),
        (&["train", "ha"], "hats.csv"),
        (&["train", "hats.csv", "--target", "f"], "fits"),
        (&["train", "hats.csv", "--drop", "size,o"], "size,owner"),
        (&["train", "--data", "mo"], "moons"),
        (&["train", "--data", "ha"], "hats.csv"),
        (&["train", "mnist-"], "mnist-1d"),
        (&["evaluate", "m", "--data", "fashion"], "fashion-mnist"),
        (&["train", "--network", "resnet2"], "resnet20"),
        (&["train", "--network", "ne"], "net.toml"),
        (&["explain", "--network", "sim"], "simard"),
        (&["train", "--init", "he-"], "he-normal"),
        (&["train", "--augment", "flip, ro"], "flip, rotate"),
        (&["train", "--schedule", "one"], "one-cycle"),
        (&["train", "--loss", "hu"], "huber"),
        #[cfg(feature = "parquet")]
        (&["train", "hats.parquet", "--target", "f"], "fits"),
    ] {
        let at = words.len().to_string();
        let mut shell = Command::new(env!("CARGO_BIN_EXE_chainrule"));
        shell.current_dir(here).arg("--").arg("chainrule").args(words);
        shell.env("COMPLETE", "bash").env("_CLAP_IFS", "\n").env("_CLAP_COMPLETE_INDEX", at);
        let offers = stdout(&shell.env("_CLAP_COMPLETE_COMP_TYPE", "9").output().unwrap());
        assert!(offers.lines().any(|line| line.trim() == offered), "{words:?}: {offers}");
    }
    let page = text(&["man"]);
    assert!(page.starts_with(".ie") || page.contains(".TH chainrule 1"), "{page}");
    text(&["man", "--out", "pages"]);
    let train = fs::read_to_string(here.join("pages/chainrule-train.1")).unwrap();
    assert!(train.contains("checkpoint") && train.contains(".TH"), "{train}");
    refused(here, &["completions", "dish"], &["bash", "zsh"]);
}
