//! `cargo xtask check`: a verdict on what changed, in the time between two edits.
//!
//! What is built is built as `cargo xtask test` does, for the whole workspace with its features, so that each compiles
//! what the other has not. Cargo compiles what changed and all that depends on it; of the test programs that there are
//! then, those of changed crates run, and the unit tests of their dependants.

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    blas::Blas,
    checks::{self, Cargo},
    failure::Failure,
    process, setup,
    steps::{self, Done, Step},
    workspace::{self, Package},
};

/// Checks what changed since the branch left `revision`.
pub(crate) fn run(revision: &str) -> Result<(), Failure> {
    setup::run(Blas::native())?;
    let packages = workspace::packages()?;
    let changed = changed(&packages, &changed_files(revision)?);
    let dependants = dependants(&packages, &changed);
    if changed.is_empty() {
        eprintln!("no crate changed since {revision}");
    } else {
        eprintln!("changed since {revision}: {}", joined(&changed));
        if !dependants.is_empty() {
            eprintln!("unit tests alone, as built of these: {}", joined(&dependants));
        }
    }
    let cargo = Cargo::Running;
    let mut steps = vec![checks::format(cargo), checks::tidy()];
    if !changed.is_empty() {
        steps.push(checks::clippy(cargo, Blas::native()));
        let cure = "the failed test is named above; rerun it alone with `cargo test NAME`";
        let concerned = move |program: &TestProgram| {
            changed.contains(&program.package) || program.is_unit && dependants.contains(&program.package)
        };
        steps.push(Step::call("tests of what changed", move || tests(cargo, concerned), cure));
    }
    steps::run_all(steps)
}

fn joined(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// The files that differ from where the branch left `revision`, and those that git does not know yet.
fn changed_files(revision: &str) -> Result<Vec<String>, Failure> {
    let git = |args: &[&str]| process::read(Command::new("git").current_dir(process::root()).args(args));
    let base = git(&["merge-base", revision, "HEAD"]).map_err(|_| {
        Failure::Unusable(format!(
            "git knows no `{revision}`: name a revision, `cargo xtask check --since REVISION`"
        ))
    })?;
    let changed = git(&["diff", "--name-only", base.trim()])?;
    let new = git(&["ls-files", "--others", "--exclude-standard"])?;
    Ok(changed.lines().chain(new.lines()).map(str::to_owned).collect())
}

/// The packages with one of the files. The root's manifest and lock are everyone's.
fn changed(packages: &[Package], files: &[String]) -> BTreeSet<String> {
    let all = files.iter().any(|file| ["Cargo.toml", "Cargo.lock"].contains(&file.as_str()));
    let is_in = |file: &String, package: &Package| Path::new(file).starts_with(&package.folder);
    let has_one = |package: &&Package| all || files.iter().any(|file| is_in(file, package));
    packages.iter().filter(has_one).map(|package| package.name.clone()).collect()
}

/// All other packages that depend on these, directly or not.
fn dependants(packages: &[Package], changed: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = changed.clone();
    loop {
        let uses_one = |package: &&Package| package.dependencies.iter().any(|it| found.contains(&it.name));
        let more: Vec<String> =
            packages.iter().filter(uses_one).map(|package| package.name.clone()).collect();
        let before = found.len();
        found.extend(more);
        if found.len() == before {
            return &found - changed;
        }
    }
}

/// Builds all test programs and runs those that are concerned.
fn tests(cargo: Cargo, is_concerned: impl Fn(&TestProgram) -> bool) -> Result<Done, Failure> {
    let mut build = cargo.command();
    build.args(["test", "--locked", "--workspace", "--lib", "--bins", "--tests", "--no-run"]);
    build.args(Blas::native().features()).args(["--message-format", "json-render-diagnostics"]);
    eprintln!("$ {}", process::shown(&build));
    let built = build.stderr(Stdio::inherit()).output();
    let built = built.map_err(|error| Failure::Unusable(format!("cargo does not start: {error}")))?;
    if !built.status.success() {
        return Err(Failure::Check("the tests do not compile".to_owned()));
    }
    for program in test_programs(&String::from_utf8_lossy(&built.stdout)) {
        if is_concerned(&program) {
            eprintln!("\n{}", program.title());
            let mut test = Command::new(&program.executable);
            test.current_dir(&program.folder).env("CARGO_MANIFEST_DIR", &program.folder);
            process::run(&mut test)?;
        }
    }
    Ok(Done::Passed)
}

/// A test program as cargo built it.
#[derive(Debug, PartialEq)]
struct TestProgram {
    package: String,
    target: String,
    /// Whether its tests are inside of the code.
    is_unit: bool,
    executable: String,
    folder: String,
}

impl TestProgram {
    fn title(&self) -> String {
        format!("{} of {}", self.target, self.package)
    }
}

/// The test programs in cargo's messages, one JSON value a line.
fn test_programs(messages: &str) -> Vec<TestProgram> {
    let program = |message: Value| {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let folder = Path::new(message["manifest_path"].as_str()?).parent()?;
        // `path+file:///…/crates/layers#chainrule-layers@0.1.0`, or without the name where the folder has it.
        let id = text(&message["package_id"])?;
        let name = id.rsplit('#').next()?.split('@').next()?;
        let in_folder = name.starts_with(|c: char| c.is_ascii_digit());
        let name =
            if in_folder { folder.file_name()?.to_string_lossy().into_owned() } else { name.to_owned() };
        (message["profile"]["test"] == true).then_some(())?;
        Some(TestProgram {
            package: name,
            target: text(&message["target"]["name"])?,
            is_unit: message["target"]["kind"][0] != "test",
            executable: text(&message["executable"])?,
            folder: folder.to_string_lossy().into_owned(),
        })
    };
    messages.lines().filter_map(|line| serde_json::from_str(line).ok()).filter_map(program).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule_tidy::workspace::Dependency;

    fn package(name: &str, dependencies: &[&str]) -> Package {
        let edge = |name: &&str| Dependency { name: (*name).to_owned(), is_ours: true };
        Package {
            name: name.to_owned(),
            folder: format!("crates/{name}"),
            dependencies: dependencies.iter().map(edge).collect(),
            ..Package::default()
        }
    }

    #[test]
    fn a_change_concerns_its_crate_and_all_that_is_built_of_it() {
        let packages =
            [package("train", &["layers"]), package("layers", &["tensor"]), package("tensor", &[])];
        let names = |files: &[&str]| {
            let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
            let changed = changed(&packages, &files);
            [joined(&changed), joined(&dependants(&packages, &changed))]
        };
        assert_eq!(names(&["crates/layers/src/dense.rs"]), ["layers", "train"]);
        assert_eq!(names(&["crates/tensor/Cargo.toml"]), ["tensor", "layers, train"]);
        assert_eq!(names(&["README.md", "crates/layers-of-paint/a.rs"]), ["", ""]);
        assert_eq!(names(&["Cargo.lock"]), ["layers, tensor, train", ""]);
    }

    #[test]
    fn test_programs_are_read_from_cargos_messages() {
        let message = |id: &str, test: bool| {
            format!(
                r#"{{"package_id":"path+file:///r/crates/layers{id}","manifest_path":"/r/crates/layers/Cargo.toml",
                "target":{{"name":"it","kind":["test"]}},"profile":{{"test":{test}}},"executable":"/t/it-1"}}"#
            )
            .replace('\n', " ")
        };
        let lines =
            [message("#chainrule-layers@0.1.0", true), message("#0.1.0", true), message("#x@1", false)];
        let programs = test_programs(&lines.join("\n"));
        let names: Vec<&str> = programs.iter().map(|program| program.package.as_str()).collect();
        assert_eq!(names, ["chainrule-layers", "layers"]);
        assert!(!programs[0].is_unit);
        assert_eq!(programs[0].title(), "it of chainrule-layers");
        assert_eq!(programs[0].folder, "/r/crates/layers");
    }
}
