//! What a terminal is shown.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Command, Stdio};

use super::stdout;

/// What a terminal is shown of a run; the one that util-linux's `script` makes.
fn on_a_terminal(folder: &Path, out: &str, environment: &[(&str, &str)]) -> String {
    let train = format!("'{}' train --data xor --epochs 3 --out {out}", env!("CARGO_BIN_EXE_chainrule"));
    let mut script = Command::new("script");
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        script.env_remove(name);
    }
    script.current_dir(folder).env("TERM", "xterm").envs(environment.iter().copied());
    script.args(["--quiet", "--return", "--command", &train, "/dev/null"]).stdin(Stdio::null());
    let output = script.output().expect("util-linux has `script`");
    assert!(output.status.success(), "{}", stdout(&output));
    stdout(&output)
}

#[test]
fn a_terminal_gets_a_bar_in_colour_and_none_of_it_with_no_color() {
    let folder = tempfile::tempdir().unwrap();
    let colours = |text: &str| {
        let sequences = text.split("\u{1b}[").skip(1);
        let ends = sequences
            .filter_map(|rest| rest.find(|c: char| c.is_ascii_alphabetic()).map(|at| &rest[at..=at]));
        ends.filter(|&end| end == "m").count()
    };
    let plain = on_a_terminal(folder.path(), "a", &[("NO_COLOR", "1")]);
    let coloured = on_a_terminal(folder.path(), "b", &[]);
    for shown in [&plain, &coloured] {
        assert!(
            shown.contains("steps/s") && shown.contains("epoch   3/3") && shown.contains("test accuracy"),
            "{shown:?}"
        );
    }
    assert_eq!(colours(&plain), 0, "{plain:?}");
    assert!(colours(&coloured) > 0, "{coloured:?}");
}
