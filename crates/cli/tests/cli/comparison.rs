//! `chainrule report`: several runs on one page.

use std::fs;

use crate::{refused, run, stderr, stdout};

#[test]
fn a_comparison_wants_runs_that_have_ended() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    refused(here, &["report", "nowhere"], &["nowhere: there is no such file or folder", "relative to"]);
    fs::create_dir(here.join("empty")).unwrap();
    let looked_for = "empty: not a run: it has no config.toml, metrics.jsonl or results.json";
    refused(here, &["report", "empty"], &[looked_for, "name the folder that `chainrule train --out` wrote"]);
    fs::write(here.join("file"), "mine").unwrap();
    refused(here, &["report", "file"], &["file: a file: name the folder of a run"]);
}

#[test]
fn a_comparison_leaves_out_what_is_no_run_and_shows_how_others_ended() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let train = |out: &str, more: &[&str]| {
        run(here, &[&["train", "--data", "moons", "--epochs", "3", "--out", out], more].concat())
    };
    assert!(train("runs/a", &[]).status.success() && train("runs/b", &["--seed", "1"]).status.success());
    let diverged = train("runs/diverged", &["--optimizer", "sgd", "--lr", "1e30"]);
    assert_eq!(diverged.status.code(), Some(1), "{}", stderr(&diverged));
    // A run that was killed in its second epoch, in the middle of a line.
    assert!(train("runs/killed", &["--seed", "2"]).status.success());
    fs::remove_file(here.join("runs/killed/results.json")).unwrap();
    let metrics = fs::read_to_string(here.join("runs/killed/metrics.jsonl")).unwrap();
    let second = metrics.match_indices("\"kind\":\"epoch\"").nth(1).unwrap().0;
    fs::write(here.join("runs/killed/metrics.jsonl"), &metrics[..second + 9]).unwrap();
    // One that was killed before its first checkpoint.
    assert!(train("runs/young", &[]).status.success());
    fs::remove_file(here.join("runs/young/results.json")).unwrap();
    fs::remove_dir_all(here.join("runs/young/checkpoints")).unwrap();
    // What other commands leave, and a file.
    fs::create_dir(here.join("runs/critical-points")).unwrap();
    fs::write(here.join("runs/critical-points/points.json"), "{}").unwrap();
    fs::write(here.join("runs/note.txt"), "mine").unwrap();
    let each = ["runs/a", "runs/b", "runs/critical-points", "runs/diverged", "runs/killed", "runs/young"];
    let said = [
        &["report", "runs", "--out", "1.html"][..],
        &[&["report"], &each[..], &["--out", "2.html"]].concat(),
    ]
    .map(|arguments| {
        let output = run(here, arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stdout(&output).starts_with("5 runs compared in "), "{}", stdout(&output));
        stderr(&output)
    });
    assert_eq!(said[0], said[1]);
    let lines: Vec<&str> = said[0].lines().collect();
    let says = |words: &[&str]| lines.iter().any(|line| words.iter().all(|words| line.contains(words)));
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(says(&["left out", "runs/critical-points", "results.json"]), "{lines:?}");
    assert!(says(&["runs/diverged", "diverged in its first epoch: the loss became"]), "{lines:?}");
    assert!(says(&["runs/killed", "killed after 1 epoch", "--resume runs/killed"]), "{lines:?}");
    assert!(
        says(&[
            "runs/young",
            "no checkpoint: `chainrule train --config runs/young/config.toml` starts it again"
        ]),
        "{lines:?}"
    );
    assert!(!says(&["runs/young", "--resume"]), "{lines:?}");
    // The cure.
    let again = run(here, &["train", "--config", "runs/young/config.toml", "--out", "runs/again"]);
    assert!(again.status.success(), "{}", stderr(&again));
    let page = fs::read_to_string(here.join("1.html")).unwrap();
    assert_eq!(page.matches("<tr class=\"unfinished\">").count(), 3);
    assert!(page.contains("the loss became") && page.contains("killed after 1 epoch"));
    let state = "killed</a> <span class=\"state\">interrupted or killed after 1 epoch</span></th>";
    assert!(page.contains(state), "the state is beside the name");
    assert_eq!(page, fs::read_to_string(here.join("2.html")).unwrap());
    // A folder that is given twice counts once; runs of the same name get their parent folders as prefix.
    let twice = run(here, &["report", "runs/a", "runs", "--out", "3.html"]);
    assert!(stdout(&twice).starts_with("6 runs compared in "), "{}", stdout(&twice));
    assert!(train("others/a", &["--seed", "3"]).status.success());
    assert!(run(here, &["report", "runs/a", "others/a", "--out", "4.html"]).status.success());
    let page = fs::read_to_string(here.join("4.html")).unwrap();
    assert!(page.contains(">runs/a</a>") && page.contains(">others/a</a>"), "{page}");
    // Damaged results are left out too, and are the error where there is nothing else.
    fs::write(here.join("runs/b/results.json"), "{").unwrap();
    let output = run(here, &["report", "runs/a", "runs/b"]);
    assert!(
        output.status.success() && stderr(&output).contains("runs/b/results.json, line 1"),
        "{}",
        stderr(&output)
    );
    refused(here, &["report", "runs/b"], &["runs/b/results.json, line 1"]);
}
