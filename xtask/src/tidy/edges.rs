//! Which crate may depend on which.

use serde_json::Value;

use super::{File, Violation, lexer};

/// From the bottom up: a crate may depend on those of lower layers, never on its own layer or above.
/// Dependencies of tests count too: a test that needs more belongs higher up.
const LAYERS: &[&[&str]] = &[
    &["chainrule-tensor"],
    &["chainrule-layers", "chainrule-loss", "chainrule-optim", "chainrule-datasets"],
    &["chainrule-train"],
    &["chainrule-model", "chainrule-curvature", "chainrule-distributed", "chainrule-report"],
    &["chainrule"],
    &["chainrule-cli"],
    &["chainrule-benches"],
];

/// Packages that bring a BLAS along: only `tensor` may name them.
pub(crate) const BLAS_PACKAGES: &[&str] = &[
    "accelerate-src",
    "blas",
    "blas-src",
    "blis-src",
    "cblas",
    "cblas-sys",
    "intel-mkl-src",
    "intel-mkl-sys",
    "netlib-src",
    "openblas-src",
];

const BLAS_CRATE: &str = "chainrule-tensor";
const BLAS_FOLDER: &str = "crates/tensor/";

/// Checks what `cargo metadata --no-deps` prints.
pub(super) fn check(metadata: &Value) -> Vec<Violation> {
    let root = metadata["workspace_root"].as_str().unwrap_or_default();
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    packages.iter().flat_map(|package| check_package(package, root)).collect()
}

fn check_package(package: &Value, root: &str) -> Vec<Violation> {
    let name = text(package, "name");
    let manifest = text(package, "manifest_path").trim_start_matches(root).replace('\\', "/");
    let path = manifest.trim_start_matches('/').to_owned();
    let violation = |message| Violation { path: path.clone(), line: 1, message };

    let dependencies = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut found: Vec<Violation> = dependencies
        .iter()
        .filter_map(|dependency| forbidden(name, text(dependency, "name"), dependency["path"].is_string()))
        .map(violation)
        .collect();
    if name != "xtask" && height(name).is_none() {
        found.push(violation(format!(
            "{name} has no place among the crates: give it one in LAYERS of xtask/src/tidy/edges.rs, and in \
             docs/architecture.md"
        )));
    }
    found
}

/// Why `from` may not depend on `to`, if so.
fn forbidden(from: &str, to: &str, is_ours: bool) -> Option<String> {
    if BLAS_PACKAGES.contains(&to) && from != BLAS_CRATE {
        return Some(format!("{from} depends on {to}: only {BLAS_CRATE} links a BLAS, call its `gemm`"));
    }
    if !is_ours || height(from).zip(height(to)).is_some_and(|(from, to)| to < from) {
        return None;
    }
    Some(match from {
        "xtask" => {
            format!("xtask depends on {to}: it must build before the others can, run them as processes")
        }
        _ => format!(
            "{from} must not depend on {to}: the order is {}; move the code down, or the test up",
            order()
        ),
    })
}

/// `a <- {b, c} <- d`, without the common prefix.
fn order() -> String {
    let short = |name: &&'static str| name.strip_prefix("chainrule-").unwrap_or(name);
    let layer = |names: &&[&'static str]| match names {
        [name] => short(name).to_owned(),
        names => format!("{{{}}}", names.iter().map(short).collect::<Vec<_>>().join(", ")),
    };
    LAYERS.iter().map(layer).collect::<Vec<_>>().join(" <- ")
}

fn height(package: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&package))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Only `tensor` may pull a BLAS into the link.
pub(super) fn check_extern_crate(file: &File) -> Vec<Violation> {
    if file.path.starts_with(BLAS_FOLDER) {
        return Vec::new();
    }
    let names_one = |line: &str| {
        line.trim_start().strip_prefix("extern crate ").is_some_and(|rest| {
            let name: String = rest.trim_start().chars().take_while(|&c| lexer::is_word(c)).collect();
            BLAS_PACKAGES.contains(&name.replace('_', "-").as_str())
        })
    };
    let code = lexer::code_only(&file.text);
    (1..)
        .zip(code.lines())
        .filter(|(_, line)| names_one(line))
        .map(|(number, _)| {
            file.violation(
                number,
                format!("links a BLAS: only {BLAS_FOLDER} does, depend on {BLAS_CRATE} instead"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, dependencies: &[(&str, &str)]) -> Value {
        let dependencies: Vec<Value> = dependencies
            .iter()
            .map(|&(name, kind)| {
                let path = name.starts_with("chainrule").then(|| format!("/repo/crates/{name}"));
                json!({ "name": name, "kind": kind, "path": path })
            })
            .collect();
        let manifest = format!("/repo/crates/{name}/Cargo.toml");
        json!({ "name": name, "manifest_path": manifest, "dependencies": dependencies })
    }

    #[track_caller]
    fn complains(name: &str, dependencies: &[(&str, &str)], about: &str) {
        let metadata = json!({ "workspace_root": "/repo", "packages": [package(name, dependencies)] });
        let found = check(&metadata);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].path, format!("crates/{name}/Cargo.toml"));
        assert!(found[0].message.contains(about), "{}", found[0]);
    }

    #[test]
    fn edges_that_go_down_pass_however_far() {
        let packages = [
            package("chainrule-tensor", &[("ndarray", "normal"), ("openblas-src", "normal")]),
            package("chainrule-layers", &[("chainrule-tensor", "normal"), ("proptest", "dev")]),
            package("chainrule-train", &[("chainrule-tensor", "normal"), ("chainrule-layers", "dev")]),
            package("chainrule-benches", &[("chainrule-layers", "normal"), ("chainrule", "normal")]),
            package("xtask", &[("serde_json", "normal")]),
        ];
        assert_eq!(check(&json!({ "workspace_root": "/repo", "packages": packages })), []);
    }

    #[test]
    fn edges_up_or_sideways_fail_even_for_tests() {
        complains(
            "chainrule-tensor",
            &[("chainrule-loss", "normal")],
            "the order is tensor <- {layers, loss",
        );
        complains("chainrule-layers", &[("chainrule-loss", "dev")], "must not depend on chainrule-loss");
        complains("chainrule-optim", &[("chainrule-train", "dev")], "must not depend on chainrule-train");
        complains(
            "chainrule-train",
            &[("chainrule-curvature", "normal")],
            "<- train <- {curvature, distributed}",
        );
        complains("chainrule", &[("chainrule", "dev")], "must not depend on chainrule:");
    }

    #[test]
    fn xtask_depends_on_none_of_ours() {
        complains("xtask", &[("chainrule-tensor", "normal")], "run them as processes");
    }

    #[test]
    fn a_crate_without_a_place_fails() {
        complains("chainrule-gpu", &[], "no place among the crates");
    }

    #[test]
    fn a_blas_is_tensors_alone() {
        complains("chainrule-layers", &[("blas-src", "normal")], "only chainrule-tensor links a BLAS");
        complains("chainrule-benches", &[("intel-mkl-src", "dev")], "only chainrule-tensor links a BLAS");
    }

    #[test]
    fn a_blas_is_linked_by_tensor_alone() {
        let links = |path: &str| {
            check_extern_crate(&File { path: path.into(), text: "// why\nextern crate blas_src;\n".into() })
        };
        assert_eq!(links("crates/tensor/src/blas.rs"), []);
        let found = links("crates/layers/src/lib.rs");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 2);
        let comment = File { path: "xtask/src/x.rs".into(), text: "// extern crate blas_src;\n".into() };
        assert_eq!(check_extern_crate(&comment), []);
    }
}
