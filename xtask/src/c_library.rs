//! The library for C in crates/c: its example, linked with the shared library and with the static one, says what `chainrule predict` says.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    blas::Blas,
    checks::{self, Cargo},
    failure::Failure,
    process,
};

const EXAMPLE: &str = "crates/c/examples/predict.c";
const HEADERS: &str = "crates/c/include";
const TRAINING: &str = "docs/examples/iris.csv";
const ROWS: &str = "docs/examples/iris-new.csv";

/// The largest difference of a probability: kernels may differ where a BLAS is linked.
const TOLERANCE: f64 = 1e-6;

pub(crate) fn run(cargo: Cargo, blas: Blas) -> Result<(), Failure> {
    // Without a BLAS, so that a program in C needs nothing else; in one build with the tests, whose crates serve.
    let selection = checks::without_blas()?;
    process::run(cargo.command().args(["build", "--locked", "-p", "chainrule-c"]).args(selection))?;
    if cfg!(not(unix)) {
        return Ok(());
    }
    // The program as the tests built it.
    let built = ["build", "--locked", "--workspace", "--examples", "--bins"];
    process::run(cargo.command().args(built).args(blas.features()))?;
    let (debug, root) = (process::target().join("debug"), process::root());
    let folder = process::target().join("c");
    let program = || Command::new(debug.join(format!("chainrule{}", env::consts::EXE_SUFFIX)));
    let trained = ["--target", "species", "--layers", "8", "--epochs", "20", "--quiet", "--out"];
    let run = folder.join("run");
    match fs::remove_dir_all(&folder) {
        Err(error) if folder.exists() => {
            return Err(Failure::Unusable(format!("{}: {error}", folder.display())));
        }
        _ => {}
    }
    process::run(program().current_dir(&root).args(["train", TRAINING]).args(trained).arg(&run))?;
    let expected = process::read(program().current_dir(&root).arg("predict").arg(&run).arg(ROWS))?;
    for library in [
        format!("{}chainrule_c{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX),
        "libchainrule_c.a".to_owned(),
    ] {
        let example = link(&root, &debug.join(&library), &folder.join(format!("predict-{library}")))?;
        let said = answers(&example, &run.join("last.safetensors"), &root.join(ROWS))?;
        if !is_same(&expected, &said) {
            let fault =
                format!("{EXAMPLE} with {library} says\n{said}and `chainrule predict` says\n{expected}");
            return Err(Failure::Check(fault));
        }
    }
    Ok(())
}

/// The example with a library.
fn link(root: &Path, library: &Path, program: &Path) -> Result<PathBuf, Failure> {
    let mut cc = Command::new("cc");
    cc.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I"]).arg(root.join(HEADERS));
    cc.arg(root.join(EXAMPLE)).arg(library).arg("-o").arg(program);
    // What Rust's standard library asks of the system; the shared library has its own list.
    if library.extension().is_some_and(|extension| extension == "a") {
        cc.args(["-lpthread", "-ldl", "-lm"]);
    }
    process::run(&mut cc)?;
    Ok(program.to_owned())
}

/// What the example prints for a model and rows.
fn answers(example: &Path, model: &Path, rows: &Path) -> Result<String, Failure> {
    let unusable = |error| Failure::Unusable(format!("{}: {error}", example.display()));
    let rows = File::open(rows).map_err(unusable)?;
    let output = Command::new(example).arg(model).stdin(rows).output().map_err(unusable)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::Check(format!("{}: {}: {}", example.display(), output.status, said.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether both say the same of each row; the program's first line has the names of the columns.
fn is_same(program: &str, example: &str) -> bool {
    let cells = |text: &str| -> Vec<Vec<String>> {
        text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
    };
    let close = |a: &String, b: &String| match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => (a - b).abs() <= TOLERANCE,
        _ => a == b,
    };
    let (program, example) = (cells(program), cells(example));
    let rows = program.get(1..).unwrap_or_default();
    !rows.is_empty()
        && rows.len() == example.len()
        && rows
            .iter()
            .zip(&example)
            .all(|(a, b)| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| close(a, b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_differ_by_rows_names_and_numbers() {
        let program = "class,ash,oak\noak,0.25,0.75\nash,0.5,0.5\n";
        assert!(is_same(program, "oak,0.25,0.7500001\nash,0.5,0.5\n"));
        for other in [
            "",
            "oak,0.25,0.75\n",
            "oak,0.25,0.75\noak,0.5,0.5\n",
            "oak,0.25,0.75\nash,0.5,0.4\n",
            "oak,0.25\nash,0.5,0.5\n",
        ] {
            assert!(!is_same(program, other), "{other}");
        }
        assert!(!is_same("class,ash,oak\n", ""));
    }
}
