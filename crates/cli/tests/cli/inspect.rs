//! What `chainrule inspect` says of the input of a model.

use std::fs;

use crate::{json, run, stdout};

#[test]
fn the_columns_of_a_table_are_shown_with_their_kinds_and_figures() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let row = |i: usize| {
        let size = if i == 7 { String::new() } else { format!("{}", 10 + i % 5) };
        format!("{};2024-03-{:02};{size};{},5 %;{} €\n", ["red", "blue"][i % 2], 1 + i % 28, i % 9, 100 + i)
    };
    let rows: String = (0..60).map(row).collect();
    fs::write(here.join("hats.csv"), format!("colour;on;size;share;price\n{rows}")).unwrap();
    json(
        here,
        &["train", "hats.csv", "--impute", "median", "--dates", "--epochs", "1", "--out", "r", "--json"],
    );
    let text = stdout(&run(here, &["inspect", "r"]));
    let lines: Vec<String> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let begins = |start: &str| lines.iter().any(|line| line.starts_with(start));
    for start in [
        "input 4 columns of a table, 9 numbers",
        "scaling each number standardised: mean ",
        "column kind mean deviation",
        "colour category: blue, red missing, taken as ",
        "on date with its parts missing, taken as 2024-03-",
        "size number 1",
        "share number, decimal comma, per cent ",
        "targets price (€)",
    ] {
        assert!(begins(start), "no {start:?} in {text}");
    }
    let size = lines.iter().find(|line| line.starts_with("size ")).unwrap();
    assert!(size.ends_with("missing, taken as 12"), "{size}");
    let seen = json(here, &["inspect", "r", "--json"]);
    assert_eq!(seen["columns"][0]["kind"]["category"], serde_json::json!(["blue", "red"]));
    assert_eq!(seen["scaling"][0]["kind"], "standardise");
    assert_eq!(seen["scaling"][0]["mean"].as_array().unwrap().len(), 9);
}

#[test]
fn an_input_without_columns_is_shown_by_its_shape_and_scale() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    json(
        here,
        &["train", "--network", "conv 4 3, relu, flatten, dense 10", "--epochs", "1", "--out", "m", "--json"],
    );
    let text = stdout(&run(here, &["inspect", "m"]));
    assert!(text.contains("input     8x8x1 (height x width x channels), 64 numbers\n"), "{text}");
    assert!(text.contains("scaling   divided by 16\n"), "{text}");
    json(here, &["train", "moons", "--epochs", "1", "--out", "p", "--json"]);
    let text = stdout(&run(here, &["inspect", "p"]));
    assert!(text.contains("input     2 numbers\nscaling   none\n"), "{text}");
}
