//! The commands of README.md, in the order in which they stand there.

use std::{fs, path::Path};

use super::{chainrule, stderr, stdout};

const README: &str = include_str!("../../../../README.md");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The lines of all blocks in sh that begin with `program`, as words, without their comments.
fn commands(program: &str) -> Vec<Vec<String>> {
    let blocks = README.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines).map(|line| line.split(" #").next().unwrap_or_default());
    lines.map(words).filter(|words| words.first().is_some_and(|word| word == program)).collect()
}

/// A line as a shell parts it, where only double quotes are special.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    parts.fold(Vec::new(), |mut words, (i, part)| {
        if i % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
        words
    })
}

fn copy(folder: &Path, name: &str) {
    let to = folder.join(name);
    fs::create_dir_all(to.parent().expect("a name of a file")).expect("a folder");
    fs::copy(Path::new(ROOT).join(name), to).expect("a file of the repository");
}

#[test]
fn the_commands_of_the_readme_run_in_their_order() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["docs/examples/iris.csv", "docs/examples/iris-new.csv"] {
        copy(folder.path(), name);
    }
    let commands = commands("chainrule");
    assert!(commands.len() > 10, "{commands:?}");
    for command in &commands {
        let output = chainrule(folder.path()).args(&command[1..]).output().expect("the program starts");
        assert!(output.status.success(), "{command:?}: {}", stderr(&output));
        if command[1] == "predict" {
            // Class by class as the readme shows them; the numbers' last digits are the machine's.
            let text = stdout(&output);
            let shown: Vec<&str> =
                text.lines().map(|line| line.split(',').next().unwrap_or_default()).collect();
            assert_eq!(shown, ["class", "setosa", "versicolor", "virginica"], "{text}");
            assert!(README.contains(text.lines().next().unwrap_or_default()), "{text}");
        }
    }
    for page in ["seven.html", "digits.onnx", "runs/slower/report.html"] {
        assert!(folder.path().join(page).is_file(), "{page}");
    }
}

#[test]
fn what_the_readme_asks_of_cargo_is_there() {
    for command in commands("cargo") {
        match command.iter().map(String::as_str).collect::<Vec<_>>()[1..] {
            ["xtask", verb] => {
                let source = fs::read_to_string(Path::new(ROOT).join("xtask/src/main.rs")).expect("xtask");
                assert!(source.contains(&format!("[\"{verb}\"")), "cargo xtask {verb}");
            }
            ["install", "--path", path] => assert!(Path::new(ROOT).join(path).is_dir(), "{path}"),
            ["run", "-p", "chainrule", "--example", name] => {
                let example = format!("crates/chainrule/examples/{name}.rs");
                assert!(Path::new(ROOT).join(example).is_file(), "{name}");
            }
            _ => panic!("{command:?} is a new form: say here how to see that it is there"),
        }
    }
}
