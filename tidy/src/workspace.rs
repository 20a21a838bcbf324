//! What cargo knows of the packages: a program, an example or a crate is found by its name, wherever its folder is.

use std::{
    env, io,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

/// A package of the workspace.
#[derive(Debug, Default, PartialEq)]
pub struct Package {
    /// As in its manifest.
    pub name: String,
    /// Its folder from the root, with `/` on every system.
    pub folder: String,
    /// Its description.
    pub description: String,
    /// Edition, MSRV and licence.
    pub terms: [String; 3],
    /// Of the library, of tests and of build scripts.
    pub dependencies: Vec<Dependency>,
    /// The library, programs, examples, tests and benches.
    pub targets: Vec<Target>,
}

/// What a package depends on.
#[derive(Debug, PartialEq)]
pub struct Dependency {
    /// The package's name.
    pub name: String,
    /// A package of this repository.
    pub is_ours: bool,
}

/// What cargo builds of a package.
#[derive(Debug, PartialEq)]
pub struct Target {
    /// `lib`, `bin`, `example`, `test` or `bench`.
    pub kind: String,
    /// The name of the program, test and so on.
    pub name: String,
}

/// Every package of the workspace at `root`. Nothing is resolved, hence no network and no lock.
///
/// # Errors
/// If cargo does not run there.
pub fn packages(root: &Path) -> io::Result<Vec<Package>> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["metadata", "--format-version", "1", "--no-deps"]);
    Ok(parsed(&serde_json::from_str(&printed(&mut cargo)?)?))
}

/// What a command prints on stdout.
pub(crate) fn printed(command: &mut Command) -> io::Result<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(io::Error::other(format!("`{}`: {}", command.get_program().to_string_lossy(), output.status)))
}

fn parsed(metadata: &Value) -> Vec<Package> {
    let root = text(metadata, "workspace_root");
    list(metadata, "packages").iter().map(|package| parsed_package(package, &root)).collect()
}

fn parsed_package(package: &Value, root: &str) -> Package {
    let manifest = text(package, "manifest_path").trim_start_matches(root).replace('\\', "/");
    let folder = manifest.trim_start_matches('/').trim_end_matches("/Cargo.toml").to_owned();
    let dependency = |it: &Value| Dependency { name: text(it, "name"), is_ours: it["path"].is_string() };
    let target = |it: &Value| Target {
        kind: it["kind"][0].as_str().unwrap_or_default().to_owned(),
        name: text(it, "name"),
    };
    Package {
        name: text(package, "name"),
        folder,
        description: text(package, "description"),
        terms: ["edition", "rust_version", "license"].map(|key| text(package, key)),
        dependencies: list(package, "dependencies").iter().map(dependency).collect(),
        targets: list(package, "targets").iter().map(target).collect(),
    }
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

impl Package {
    /// Whether a target of this kind has this name.
    pub fn has(&self, kind: &str, name: &str) -> bool {
        self.targets.iter().any(|target| target.kind == kind && target.name == name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_package_has_its_folder_edges_and_targets() {
        let metadata = json!({ "workspace_root": "/repo", "packages": [{
            "name": "x", "manifest_path": "/repo/crates/x/Cargo.toml", "description": "X", "edition": "2024",
            "rust_version": "1.95", "license": "MIT",
            "dependencies": [{ "name": "y", "path": "/repo/crates/y" }, { "name": "serde" }],
            "targets": [{ "kind": ["bin"], "name": "tool" }],
        }] });
        let [package] = &parsed(&metadata)[..] else { panic!("one package") };
        assert_eq!((package.folder.as_str(), package.terms[1].as_str()), ("crates/x", "1.95"));
        assert_eq!(package.dependencies.iter().map(|it| it.is_ours).collect::<Vec<_>>(), [true, false]);
        assert!(package.has("bin", "tool") && !package.has("test", "tool"));
    }
}
