//! What a terminal is shown.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Command, Stdio};

use super::stdout;

/// What a run prints on a pseudo-terminal of `columns` columns, made by util-linux's `script`.
fn on_a_terminal(folder: &Path, out: &str, columns: usize, environment: &[(&str, &str)]) -> String {
    let train = format!(
        "stty rows 24 cols {columns}; '{}' train --data xor --epochs 3 --validation 0.2 --out {out}",
        env!("CARGO_BIN_EXE_chainrule")
    );
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
    let plain = on_a_terminal(folder.path(), "a", 120, &[("NO_COLOR", "1")]);
    let coloured = on_a_terminal(folder.path(), "b", 120, &[]);
    for shown in [&plain, &coloured] {
        assert!(
            shown.contains("steps/s") && shown.contains("epoch   3/3") && shown.contains("test accuracy"),
            "{shown:?}"
        );
    }
    assert_eq!(colours(&plain), 0, "{plain:?}");
    assert!(colours(&coloured) > 0, "{coloured:?}");
}

#[test]
fn a_narrow_terminal_gets_lines_that_fit() {
    let folder = tempfile::tempdir().unwrap();
    for (columns, shown, dropped) in [(80, "validation loss", "examples/s"), (40, "loss", "validation loss")]
    {
        let text = on_a_terminal(folder.path(), &columns.to_string(), columns, &[("NO_COLOR", "1")]);
        let before = text.split("         loss ").next().unwrap();
        // The bar draws over itself: what stays is what follows the last return.
        let lines: Vec<&str> = before.lines().map(|line| line.rsplit('\r').next().unwrap_or(line)).collect();
        for line in &lines {
            let line = line.rsplit("\u{1b}[2K").next().unwrap_or(line);
            assert!(line.chars().count() <= columns, "{columns}: {line:?}");
        }
        let epoch = lines.iter().find(|line| line.contains("epoch   3/3")).expect("each epoch has a line");
        assert!(epoch.contains(shown) && !epoch.contains(dropped), "{columns}: {epoch:?}");
    }
}
