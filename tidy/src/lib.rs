//! The rules of the repository that no compiler and no lint knows: `cargo xtask tidy`.
//!
//! | rule | file |
//! |---|---|
//! | which crate may depend on which, and what a manifest inherits | `packages.rs` |
//! | no circles between files, no imports through a crate's root | `circles.rs` |
//! | how long a file may be, how it ends, what must not be left in it | `hygiene.rs` |
//! | links that lead somewhere, a changelog that is open | `documents.rs` |
//! | where `unsafe` may stand | here |
//!
//! Each check is a function from text to [`Violation`]s, tested on small texts that break it.
#![forbid(unsafe_code)]

mod circles;
mod documents;
mod file;
mod hygiene;
mod lexer;
mod packages;
mod paths;
pub mod workspace;

use std::{fs, io, path::Path, process::Command};

use file::File;
pub use file::Violation;
pub use packages::BLAS_PACKAGES;

/// Where `unsafe` may stand: the calls of BLAS and LAPACK, the threads that borrow from their caller, the code for CPUs
/// that not everyone has, the functions for C, and the allocators that count. The lint `unsafe_code` is denied elsewhere, but any file could
/// lift it; `forbid` would refuse what ndarray's `s![]` expands to.
const UNSAFE: &[&str] = &[
    "crates/c/src/lib.rs",
    "crates/c/src/tests.rs",
    "crates/curvature/src/eigen/lapack.rs",
    "crates/tensor/src/blas/",
    "crates/tensor/src/kernel/",
    "crates/tensor/src/layout.rs",
    "crates/tensor/src/pool",
    "crates/tensor/src/simd.rs",
    "crates/tensor/tests/openblas_switch.rs",
    "crates/model/tests/no_alloc.rs",
    "fuzz/src/lib.rs",
];

/// Files that others wrote: we keep them as they came.
const FOREIGN: &[&str] =
    &["Cargo.lock", "benches/peers/rust/Cargo.lock", "crates/python/Cargo.lock", "fuzz/Cargo.lock"];

/// Every broken rule of the repository at `root`.
///
/// # Errors
/// If git or cargo does not run there.
pub fn violations(root: &Path) -> io::Result<Vec<Violation>> {
    let files = files(root)?;
    let text = |path: &str| files.iter().find(|file| file.path == path).map_or("", |file| &file.text);
    let inherits_lints = |manifest: &str| text(manifest).contains("\n[lints]\nworkspace = true\n");
    let mut found = packages::check(&workspace::packages(root)?, inherits_lints);
    for file in &files {
        if file.is_rust() {
            found.extend(check_unsafe(file));
            found.extend(hygiene::check_rust(file));
        }
        if file.has_extension("md") {
            found.extend(documents::check_links(file, |target| root.join(target).exists()));
        }
        found.extend(hygiene::check_text(file));
    }
    found.extend(circles::check(&files));
    found.extend(documents::check_changelog(files.iter().find(|file| file.path == "CHANGELOG.md")));
    found.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    Ok(found)
}

/// That each use under `unsafe` gives its reason is clippy's to ask, as `undocumented_unsafe_blocks`.
fn check_unsafe(file: &File) -> Option<Violation> {
    if UNSAFE.iter().any(|place| file.path.starts_with(place)) {
        return None;
    }
    let code = lexer::code_only(&file.text);
    let (number, _) = (1..).zip(code.lines()).find(|(_, line)| lexer::find_word(line, "unsafe").is_some())?;
    Some(
        file.violation(
            number,
            "unsafe code: write it safely, or justify the file in UNSAFE of tidy/src/lib.rs",
        ),
    )
}

/// Every file that is, or could be, committed.
fn files(root: &Path) -> io::Result<Vec<File>> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = workspace::printed(&mut git)?;
    let ours = listed.split('\0').filter(|path| !path.is_empty() && !FOREIGN.contains(path));
    Ok(ours.filter_map(|path| read(root, path)).collect())
}

/// None for what is no text: data sets, images, and files that git still lists although they were deleted.
fn read(root: &Path, path: &str) -> Option<File> {
    let text = fs::read_to_string(root.join(path)).ok()?;
    Some(File { path: path.to_owned(), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let found = violations(&root).expect("git and cargo run");
        let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "\n{}", lines.join("\n"));
    }

    #[test]
    fn unsafe_outside_the_list_fails() {
        let found = |path: &str, text: &str| check_unsafe(&File { path: path.into(), text: text.into() });
        let violation = found("crates/b/src/x.rs", "fn f() {\n    unsafe { g() }\n}\n");
        assert!(violation.is_some_and(|it| it.line == 2 && it.message.contains("UNSAFE")));
        assert!(found("crates/b/tests/x.rs", "unsafe impl Send for X {}\n").is_some());
        assert_eq!(found("crates/b/src/x.rs", "// unsafe { }\nlet s = \"unsafe {\";\n"), None);
        assert_eq!(found(UNSAFE[0], "unsafe { g() }\n"), None);
    }
}
