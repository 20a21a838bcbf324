//! What the library costs a user who needs arrays alone.

use std::collections::BTreeSet;
use std::process::Command;

/// Lines of the tree of `chainrule` without its default features, each once.
const MOST_LINES: usize = 45;

fn tree() -> BTreeSet<String> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--manifest-path", manifest, "-p", "chainrule", "--no-default-features"])
        .args(["-e", "normal", "--prefix", "none"])
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn arrays_alone_bring_few_crates_and_no_file_format() {
    let tree = tree();
    assert!(tree.len() <= MOST_LINES, "{} lines: {tree:#?}", tree.len());
    for format in
        ["clap", "csv", "flate2", "openblas-src", "parquet", "png", "prost", "safetensors", "serde_json"]
    {
        let found = tree.iter().find(|line| line.starts_with(&format!("{format} ")));
        assert!(found.is_none(), "{format} is there without being asked for");
    }
    assert!(tree.iter().any(|line| line.starts_with("chainrule-model ")), "the tree is that of the library");
}
