//! The program as a user runs it: what it prints, what it writes, and how it takes bad input.

mod augment;
mod bad_input;
mod class_weight;
mod comparison;
mod completions;
mod cures;
mod curvature;
mod earlier;
mod explain;
mod explain_input;
mod explain_numbers;
mod export;
mod fine_tuning;
mod foreign;
mod formats;
mod golden;
mod grad;
mod import;
mod inspect;
mod interrupt;
mod messages;
mod models;
mod network;
mod readme;
mod resume;
mod run_data;
mod run_folder;
mod runs;
mod settings;
mod snapshots;
mod streams;
mod targets;
mod terminal;
mod test_part;
mod undefined;
mod user_data;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// The program, in `folder`, without the data folders of this machine.
fn chainrule(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chainrule"));
    command.current_dir(folder).env_remove("CHAINRULE_DATA");
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    chainrule(folder).args(arguments).output().expect("the program starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("the program writes UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("the program writes UTF-8")
}

/// Runs, expects success, and reads the one JSON object on stdout.
fn json(folder: &Path, arguments: &[&str]) -> Value {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    let text = stdout(&output);
    assert_eq!(text.lines().count(), 1, "{arguments:?}: more than the object on stdout: {text}");
    serde_json::from_str(&text).expect("stdout is JSON")
}

/// Expects exit code 2 and one line of error, the last of all, that has each of `words` in it.
fn refused(folder: &Path, arguments: &[&str], words: &[&str]) {
    let output = run(folder, arguments);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
    assert!(!text.contains("panicked"), "{arguments:?}: {text}");
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{arguments:?}: {text}");
    assert_eq!(text.lines().last(), Some(errors[0]), "{arguments:?}: {text}");
    for word in words {
        assert!(text.contains(word), "{arguments:?}: no {word:?} in: {text}");
    }
}
