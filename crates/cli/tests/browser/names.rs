//! What the outputs of a lesson's network are called.

use std::path::Path;

use crate::chromium::{Browser, Page};
use crate::explain::{NARROW, WIDE, fits};
use crate::{chainrule, labels, screenshot};

/// Ten classes, with short and long names.
const TREES: [&str; 10] = [
    "ash",
    "beech",
    "field maple",
    "hornbeam",
    "Norway spruce",
    "oak",
    "pine",
    "silver birch",
    "wild cherry",
    "yew, or one with a name that is longer than any network has room for",
];

/// A table of trees with two classes, or all of them, and one of a number.
fn trees(folder: &Path) {
    for (file, classes) in [("pair.csv", 2), ("trees.csv", TREES.len())] {
        let row = |i: usize| {
            format!(
                "{},{},{},\"{}\"\n",
                i % 7,
                i * 13 % 29,
                i * 31 % 11,
                TREES[TREES.len() - 1 - i % classes]
            )
        };
        let rows: String = (0..200).map(row).collect();
        std::fs::write(folder.join(file), format!("height,girth,leaves,tree\n{rows}")).unwrap();
    }
    let row = |i: u32| format!("{},{},{}\n", i % 7, i * 13 % 29, f64::from(i * 37 % 211) + 0.25);
    let rows: String = (0..200).map(row).collect();
    std::fs::write(folder.join("value.csv"), format!("a,b,house_value\n{rows}")).unwrap();
}

/// The names of the outputs as the drawing shows them.
fn names(page: &mut Page<'_>) -> Vec<String> {
    let names = page.evaluate(
        "(() => { const last = [...document.querySelectorAll('#network .node')].slice(-data.layers.at(-1).units.length); \
           return last.map(node => [...node.querySelectorAll(data.outputs.length && node.querySelector('.meant') ? '.meant' : '.soft')] \
             .map(text => text.textContent).join(' ')); })()",
    );
    serde_json::from_value(names).expect("texts")
}

#[test]
#[ignore = "needs Chromium: `cargo xtask test` runs it"]
fn the_outputs_have_their_names_at_each_width() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    trees(here);
    let mut browser = Browser::launch();
    for (data, layers, whole) in
        [("trees", "6", 9), ("trees", "6-6-6-6", 9), ("pair", "4", 1), ("value", "4", 1)]
    {
        let (file, out) = (format!("{data}.csv"), format!("{data}-{layers}"));
        chainrule(here, &["train", &file, "--layers", layers, "--epochs", "1", "--out", &out, "--json"]);
        chainrule(here, &["explain", &out, "--example", "3", "--html", "page.html", "--force", "--json"]);
        for (size, view) in [("narrow", NARROW), ("wide", WIDE)] {
            let mut page = browser.open(&here.join("page.html"), view);
            for step in 1..=page.evaluate("steps.length").as_u64().unwrap() {
                let what = format!("{out}, {size}, step {step}");
                let shown = names(&mut page);
                let known = |name: &&String| TREES.contains(&name.as_str()) || *name == "house_value";
                assert!(shown.iter().filter(known).count() >= whole, "{what}: {shown:?}");
                assert!(shown.iter().all(|name| name.chars().count() >= 3), "{what}: {shown:?}");
                fits(&mut page, &what);
                labels::are_apart(&mut page, &what);
                labels::leave_circles_free(&mut page, &what);
                if let (Some(path), 4) = (screenshot(&format!("names-{out}-{size}.png")), step) {
                    page.screenshot(&path);
                }
                page.press("ArrowRight");
            }
            assert_eq!(page.errors(), Vec::<String>::new());
        }
    }
}
