//! `cargo xtask tidy`: the rules of the repository that no compiler knows.
//!
//! Each check is a function from text to [`Violation`]s, tested on small texts that break it. The last test
//! here runs them all over the repository, so that `cargo test` alone tells too.

mod documents;
mod edges;
mod hygiene;
mod lexer;
mod manifest;
mod unsafety;

use std::{fmt, fs, path::Path, process::Command};

use crate::{failure::Failure, process};

pub(crate) use edges::BLAS_PACKAGES;

/// The only files that may say `unsafe`: the foreign function calls to BLAS, the threads that borrow from their caller,
/// the calls of code for CPUs that not everyone has, and the allocators that count.
const UNSAFE_FILES: &[&str] = &[
    "crates/curvature/src/eigen/lapack.rs",
    "crates/tensor/src/blas/openblas.rs",
    "crates/tensor/src/kernel/few.rs",
    "crates/tensor/src/kernel/few_rows.rs",
    "crates/tensor/src/kernel/lanes.rs",
    "crates/tensor/src/kernel/pack.rs",
    "crates/tensor/src/kernel/peak.rs",
    "crates/tensor/src/kernel/product.rs",
    "crates/tensor/src/kernel/tiles.rs",
    "crates/tensor/src/layout.rs",
    "crates/tensor/src/pool.rs",
    "crates/tensor/src/simd.rs",
    "crates/tensor/tests/openblas_switch.rs",
    "crates/model/tests/no_alloc.rs",
    "fuzz/src/lib.rs",
];

/// Files that others wrote: we keep them as they came.
const FOREIGN: &[&str] =
    &["Cargo.lock", "benches/peers/rust/Cargo.lock", "fuzz/Cargo.lock", "xtask/schemas/github-workflow.json"];

/// A text file of the repository.
#[derive(Debug)]
struct File {
    /// From the root, with `/` on every system.
    path: String,
    text: String,
}

impl File {
    fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }

    fn is_markdown(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "md")
    }

    fn violation(&self, line: usize, message: impl Into<String>) -> Violation {
        Violation { path: self.path.clone(), line, message: message.into() }
    }
}

/// A broken rule: where, what, and the cure.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    path: String,
    line: usize,
    message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

pub(crate) fn run() -> Result<(), Failure> {
    let violations = violations(&process::root())?;
    for violation in &violations {
        eprintln!("{violation}");
    }
    match violations.len() {
        0 => Ok(()),
        n => Err(Failure::Check(format!("rules are broken in {n} places, see above"))),
    }
}

fn violations(root: &Path) -> Result<Vec<Violation>, Failure> {
    let files = files(root)?;
    let mut found = edges::check(&metadata(root)?);
    for file in &files {
        if file.path.ends_with("/Cargo.toml") {
            found.extend(manifest::check(file));
        }
        if file.is_rust() {
            found.extend(edges::check_extern_crate(file));
            found.extend(unsafety::check(file, UNSAFE_FILES));
            found.extend(hygiene::check_rust(file));
        }
        if file.is_markdown() {
            found.extend(documents::check_links(file, |target| root.join(target).exists()));
        }
        found.extend(hygiene::check_text(file));
    }
    found.extend(documents::check_changelog(files.iter().find(|file| file.path == "CHANGELOG.md")));
    found.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    Ok(found)
}

/// Every file that is, or could be, committed.
fn files(root: &Path) -> Result<Vec<File>, Failure> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = process::read(&mut git)?;
    let ours = listed.split('\0').filter(|path| !path.is_empty() && !FOREIGN.contains(path));
    Ok(ours.filter_map(|path| read(root, path)).collect())
}

/// None for what is no text: data sets, images, and files that git still lists although they were deleted.
fn read(root: &Path, path: &str) -> Option<File> {
    let text = fs::read_to_string(root.join(path)).ok()?;
    Some(File { path: path.to_owned(), text })
}

/// What cargo knows of the workspace's packages. No resolution, so no network and no lock.
fn metadata(root: &Path) -> Result<serde_json::Value, Failure> {
    let mut cargo = process::cargo();
    cargo.current_dir(root).args(["metadata", "--format-version", "1", "--no-deps"]);
    serde_json::from_str(&process::read(&mut cargo)?)
        .map_err(|error| Failure::Unusable(format!("`cargo metadata` prints no JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let found = violations(&process::root()).expect("git and cargo run");
        let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "\n{}", lines.join("\n"));
    }

    #[test]
    fn a_violation_reads_as_a_compiler_message() {
        let file = File { path: "crates/x/src/lib.rs".into(), text: String::new() };
        assert_eq!(file.violation(3, "what: cure").to_string(), "crates/x/src/lib.rs:3: what: cure");
    }
}
