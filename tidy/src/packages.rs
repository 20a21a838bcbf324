//! What the manifests must say: which crate may depend on which, and what every package inherits.

use std::path::Path;

use crate::file::Violation;
use crate::workspace::Package;

/// From the bottom up: a crate may depend on those of lower layers, never on its own layer or above.
/// Dependencies of tests count too: a test that needs more belongs higher up.
const LAYERS: &[&[&str]] = &[
    &["chainrule-tensor"],
    &["chainrule-layers", "chainrule-loss", "chainrule-optim", "chainrule-datasets"],
    &["chainrule-train"],
    &["chainrule-model", "chainrule-curvature", "chainrule-distributed", "chainrule-report"],
    &["chainrule"],
    &["chainrule-cli", "chainrule-c"],
    &["chainrule-benches"],
];

/// The programs that check the others, and can build before them.
const TOOLS: &[&str] = &["chainrule-tidy", "xtask"];

/// Packages that bring a BLAS along: only the lowest layer may name them.
pub const BLAS_PACKAGES: &[&str] = &[
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

/// `inherits_lints` is asked with the path of a manifest.
pub(crate) fn check(packages: &[Package], inherits_lints: impl Fn(&str) -> bool) -> Vec<Violation> {
    let Some(xtask) = packages.iter().find(|package| package.name == "xtask") else { return Vec::new() };
    let mut found = Vec::new();
    for package in packages {
        let path = Path::new(&package.folder).join("Cargo.toml").to_string_lossy().replace('\\', "/");
        let mut complain = |message: String| found.push(Violation { path: path.clone(), line: 1, message });
        let edges = package.dependencies.iter();
        edges.filter_map(|edge| forbidden(&package.name, &edge.name, edge.is_ours)).for_each(&mut complain);
        if !TOOLS.contains(&package.name.as_str()) && height(&package.name).is_none() {
            complain(format!(
                "{} has no place among the crates: give it one in LAYERS of tidy/src/packages.rs, and in \
                 docs/architecture.md",
                package.name
            ));
        }
        if package.terms != xtask.terms {
            complain(
                "edition, rust-version or license differs: inherit each with `.workspace = true`".into(),
            );
        }
        if package.description.is_empty() || package.description.starts_with(concat!("TO", "DO")) {
            complain("no description: add one line that says what the crate is for".into());
        }
        if !inherits_lints(&path) {
            complain("it escapes the workspace's lints: add `workspace = true` under [lints]".into());
        }
    }
    found
}

/// Why `from` may not depend on `to`, if so.
fn forbidden(from: &str, to: &str, is_ours: bool) -> Option<String> {
    if BLAS_PACKAGES.contains(&to) && height(from) != Some(0) {
        return Some(format!("{from} depends on {to}: only {} links a BLAS, call its `gemm`", LAYERS[0][0]));
    }
    if !is_ours
        || (from == "xtask" && to == TOOLS[0])
        || height(from).zip(height(to)).is_some_and(|(from, to)| to < from)
    {
        return None;
    }
    Some(match from {
        tool if TOOLS.contains(&tool) => {
            format!("{tool} depends on {to}: it must build before the others can, run them as processes")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, dependencies: &[&str]) -> Package {
        let edge = |name: &&str| Dependency { name: (*name).into(), is_ours: name.starts_with("chainrule") };
        Package {
            name: name.into(),
            folder: format!("crates/{name}"),
            description: "Layers".into(),
            terms: ["2024", "1.95", "MIT"].map(str::to_owned),
            dependencies: dependencies.iter().map(edge).collect(),
            targets: Vec::new(),
        }
    }

    #[track_caller]
    fn complains(package: Package, about: &str) {
        let path = format!("{}/Cargo.toml", package.folder);
        let found = check(&[self::package("xtask", &[]), package], |_| true);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].path == path && found[0].message.contains(about), "{}", found[0]);
    }

    #[test]
    fn edges_that_go_down_pass_however_far() {
        let packages = [
            package("chainrule-tensor", &["ndarray", "openblas-src"]),
            package("chainrule-layers", &["chainrule-tensor", "proptest"]),
            package("chainrule-benches", &["chainrule-layers", "chainrule"]),
            package("xtask", &["serde_json"]),
        ];
        assert_eq!(check(&packages, |_| true), []);
    }

    #[test]
    fn edges_up_or_sideways_fail() {
        complains(package("chainrule-tensor", &["chainrule-loss"]), "the order is tensor <- {layers, loss");
        complains(package("chainrule-layers", &["chainrule-loss"]), "must not depend on chainrule-loss");
        complains(package("chainrule", &["chainrule"]), "must not depend on chainrule:");
        let xtask = package("xtask", &["chainrule-tensor"]);
        let found = check(&[xtask], |_| true);
        assert!(found.len() == 1 && found[0].message.contains("run them as processes"), "{found:?}");
    }

    #[test]
    fn a_crate_without_a_place_fails() {
        complains(package("chainrule-gpu", &[]), "no place among the crates");
    }

    #[test]
    fn a_blas_is_tensors_alone() {
        complains(package("chainrule-layers", &["blas-src"]), "only chainrule-tensor links a BLAS");
        complains(package("chainrule-benches", &["intel-mkl-src"]), "only chainrule-tensor links a BLAS");
    }

    #[test]
    fn what_a_manifest_must_inherit_is_missed() {
        let good = || package("chainrule-layers", &[]);
        for i in 0..3 {
            let mut drifted = good();
            drifted.terms[i] = "other".into();
            complains(drifted, "inherit each");
        }
        complains(Package { description: String::new(), ..good() }, "no description");
        complains(Package { description: concat!("TO", "DO").into(), ..good() }, "no description");
        let found = check(&[package("xtask", &[]), good()], |path| path.starts_with("crates/xtask"));
        assert!(found.len() == 1 && found[0].message.contains("[lints]"), "{found:?}");
    }
}
