//! Which numbers `chainrule explain` shows, and how.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::{json, run, stderr, stdout};

fn numbers(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap()
}

fn matrix(value: &Value) -> Vec<Vec<f64>> {
    serde_json::from_value(value.clone()).unwrap()
}

#[track_caller]
fn shown(here: &Path, arguments: &[&str]) -> String {
    let output = run(here, arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

/// The numbers of the units that the rows of a part of the output begin with, from 0.
fn rows(part: &str) -> Vec<usize> {
    let first = |line: &str| line.split_whitespace().next()?.parse::<usize>().ok();
    part.lines().filter_map(first).map(|unit| unit - 1).collect()
}

/// The numbers of the units in the head of a grid of derivatives, from 0.
fn columns(grid: &str) -> Vec<usize> {
    let head = grid.lines().find(|line| line.trim_start().starts_with('δ')).unwrap();
    head.split_whitespace().map(|name| name.trim_start_matches('δ').parse::<usize>().unwrap() - 1).collect()
}

#[test]
fn the_rows_and_columns_that_are_shown_have_the_largest_derivatives() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    json(here, &["train", "--epochs", "1", "--layers", "32", "--out", "r", "--json"]);
    let text = shown(here, &["explain", "r", "--example", "8"]);
    let report = json(here, &["explain", "r", "--example", "8", "--json"]);
    for (l, layer) in report["trace"].as_array().unwrap().iter().enumerate() {
        let part = text.split(&format!("Backward, layer {} of 2", l + 1)).nth(1).unwrap();
        let grid = part.split("largest: ").nth(1).unwrap().split("∂C/∂b").next().unwrap();
        let gradient = matrix(&layer["grad_weight"]);
        let (rows, columns) = (rows(grid), columns(grid));
        assert_eq!((rows.len(), columns.len()), (8, 8), "{grid}");
        let row = |j: usize| gradient[j].iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        let column = |i: usize| gradient.iter().fold(0.0, |largest: f64, row| largest.max(row[i].abs()));
        let least = |sizes: Vec<f64>| sizes.into_iter().fold(f64::INFINITY, f64::min);
        let (low, left) = (
            least(rows.iter().map(|&j| row(j)).collect()),
            least(columns.iter().map(|&i| column(i)).collect()),
        );
        assert!(low > 0.0 && (0..gradient.len()).all(|j| rows.contains(&j) || row(j) <= low), "{grid}");
        assert!((0..gradient[0].len()).all(|i| columns.contains(&i) || column(i) <= left), "{grid}");
    }
    // Pixels have places, and the units of the output layer their classes.
    let input = text.split("\nInput\n").nth(1).unwrap().split("Forward").next().unwrap();
    for unit in rows(input) {
        let place = format!("  row {}, column {}", unit / 8 + 1, unit % 8 + 1);
        assert!(input.lines().any(|line| line.ends_with(&place)), "{place}: {input}");
    }
    let cost = text.split("\nCost\n").nth(1).unwrap().split("Backward").next().unwrap();
    for unit in rows(cost) {
        let row = cost.lines().find(|line| line.split_whitespace().next() == Some(&(unit + 1).to_string()));
        assert!(row.unwrap().ends_with(&format!("  {unit}")), "{cost}");
    }
    assert!(cost.lines().any(|line| line.ends_with("  class")), "{cost}");
    assert!(!text.contains("the first"), "{text}");
    // So have the ends of the steepest weight.
    let weight = &report["largest_derivative"];
    let end = match weight["layer"].as_u64() {
        Some(2) => format!("of layer 2 (class {})", weight["column"]),
        _ => format!("from input {} (row ", weight["row"].as_u64().unwrap() + 1),
    };
    assert!(text.contains(&end), "no {end:?} in {text}");
}

#[test]
fn the_weight_with_the_largest_derivative_is_named_with_its_factors() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for arguments in [&["explain"][..], &["explain", "--layers", "4-5-3", "--activation", "tanh"]] {
        let (text, report) = (shown(here, arguments), json(here, &[arguments, &["--json"]].concat()));
        let mut all = Vec::new();
        for (layer, number) in report["trace"].as_array().unwrap().iter().zip(1..) {
            let largest = &layer["largest_derivative"];
            let derivative = largest["derivative"].as_f64().unwrap();
            let at = |key: &str| largest[key].as_u64().unwrap() as usize;
            let gradient = matrix(&layer["grad_weight"]);
            assert_eq!(gradient[at("row")][at("column")], derivative);
            assert!(gradient.iter().flatten().all(|x| x.abs() <= derivative.abs()));
            let factors = largest["factors"].as_array().unwrap();
            let product: f64 = factors.iter().map(|factor| factor["value"].as_f64().unwrap()).product();
            assert!((product - derivative).abs() <= 1e-12 * derivative.abs().max(1e-3), "{largest}");
            let symbols: Vec<&str> = factors.iter().map(|factor| factor["name"].as_str().unwrap()).collect();
            let name = format!("∂C/∂W^({number},{},{})", at("row") + 1, at("column") + 1);
            let line = format!("  largest: {name} = {} = ", symbols.join(" · "));
            assert!(text.contains(&line), "no {line:?} in {text}");
            all.push(derivative.abs());
        }
        let whole = &report["largest_derivative"];
        assert_eq!(whole["derivative"].as_f64().unwrap().abs(), all.into_iter().fold(0.0, f64::max));
        let said = format!(
            "The largest derivative is that of the weight from {}",
            if whole["layer"] == 1 { "input" } else { "unit" }
        );
        assert!(text.contains(&said), "{text}");
    }
}

#[test]
fn the_cost_of_targets_of_any_size_is_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for exponent in [-30, 30] {
        let name = format!("e{exponent}");
        let row = |i: usize| format!("{},{}.{}e{exponent}\n", i % 17, i * 7 % 23, i % 10);
        fs::write(
            here.join(format!("{name}.csv")),
            format!("x,y\n{}", (0..100).map(row).collect::<String>()),
        )
        .unwrap();
        let file = format!("{name}.csv");
        json(here, &["train", &file, "--layers", "4", "--epochs", "2", "--out", &name, "--json"]);
        let report = json(here, &["explain", &name, "--example", "3", "--json"]);
        let (o, y) = (numbers(&report["prediction"])[0], numbers(&report["target"])[0]);
        let cost = report["cost"].as_f64().unwrap();
        assert!(cost > 0.0 && (cost - (o - y).powi(2)).abs() <= 1e-12 * cost, "{cost} of {o} and {y}");
        let last = report["trace"].as_array().unwrap().last().unwrap();
        assert!((numbers(&last["signal"])[0] - 2.0 * (o - y)).abs() <= 1e-12 * (o - y).abs());
        let largest = report["largest_derivative"]["derivative"].as_f64().unwrap();
        assert!(largest.is_finite() && largest != 0.0, "{report}");
        let text = shown(here, &["explain", &name, "--example", "3"]);
        let said = text.lines().find_map(|line| line.strip_prefix("  C = ")?.split(' ').next()?.parse().ok());
        let said: f64 = said.filter(|x: &f64| *x > 0.0).unwrap_or_else(|| panic!("no cost: {text}"));
        assert!((said - cost).abs() <= 1e-3 * cost, "{said} for {cost}");
    }
}

#[test]
fn a_convolution_over_a_sequence_shows_its_filters_and_the_outputs_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let cell = |i: usize, j: usize| ((i * 31 + j * 17) % 23).to_string();
    let row = |i: usize| {
        format!("{},c{:02}\n", (0..24).map(|j| cell(i, j)).collect::<Vec<_>>().join(","), i * 5 % 14)
    };
    let head = (0..24).map(|j| format!("a{j}")).collect::<Vec<_>>().join(",");
    fs::write(here.join("d.csv"), format!("{head},class\n{}", (0..140).map(row).collect::<String>()))
        .unwrap();
    let network = "reshape 8x3, conv 5 3, relu, flatten, dense 14";
    json(here, &["train", "d.csv", "--network", network, "--epochs", "1", "--out", "r", "--json"]);
    let explain = ["explain", "r", "--example", "3"];
    let report = json(here, &[&explain[..], &["--html", "page.html", "--json"]].concat());
    let page = fs::read_to_string(here.join("page.html")).unwrap();
    for words in ["5 filters of 3 steps, a row for each of 3 features", "8 of 14 units: those with"] {
        assert!(page.contains(words), "no {words} in the page");
    }
    let cost = page.split("Cost").last().unwrap();
    assert!(cost.contains("12 of 14 outputs: those with the largest"), "{cost}");
    // The true class is among the outputs, and the loudest unit has the name of its class.
    let target = numbers(&report["target"]).iter().position(|&y| y == 1.0).unwrap();
    let signal = numbers(&report["trace"].as_array().unwrap().last().unwrap()["signal"]);
    let loudest = (0..14).max_by(|&a, &b| signal[a].abs().total_cmp(&signal[b].abs())).unwrap();
    assert!(cost.contains(&format!("c{target:02}")), "{cost}");
    assert!(page.contains(&format!("{} c{loudest:02}", loudest + 1)), "unit {loudest}");
    // A lone unit is one unit, and no picture.
    let network = "residual (dense 24, tanh), dense 1";
    fs::write(
        here.join("n.csv"),
        format!("{head},y\n{}", (0..60).map(row).collect::<String>().replace(",c", ",")),
    )
    .unwrap();
    let train = ["train", "n.csv", "--target", "y", "--task", "regression", "--network", network];
    json(here, &[&train[..], &["--epochs", "1", "--out", "n", "--json"]].concat());
    json(here, &["explain", "n", "--html", "n.html", "--json"]);
    let page = fs::read_to_string(here.join("n.html")).unwrap();
    assert!(page.contains("<summary>1 unit</summary>"), "{page}");
    assert!(!page.contains(r#"alt="output of layer 1""#), "a picture of one number");
}

#[test]
fn large_numbers_stand_apart_and_differ_where_they_differ() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let row = |i: usize| format!("{},{},{}\n", i % 17, i * 7 % 23, 200_000 + 1371 * (i % 53));
    fs::write(here.join("flats.csv"), format!("rooms,age,price\n{}", (0..120).map(row).collect::<String>()))
        .unwrap();
    let train = ["train", "flats.csv", "--layers", "12", "--epochs", "20", "--out", "r", "--json"];
    json(here, &train);
    let report = json(here, &["explain", "r", "--json"]);
    let text = shown(here, &["explain", "r"]);
    // Each row of the grid of layer 2 has its unit, h, and the derivative of the only output.
    let grid = text.split("Backward, layer 2 of 2").nth(1).unwrap().split("largest: ").nth(1).unwrap();
    let grid = grid.split("∂C/∂b").next().unwrap();
    let (h, gradient) = (numbers(&report["trace"][0]["h"]), matrix(&report["trace"][1]["grad_weight"]));
    let found: Vec<Vec<f64>> = grid
        .lines()
        .filter_map(|line| {
            line.split_whitespace().map(|cell| cell.parse().ok()).collect::<Option<Vec<f64>>>()
        })
        .filter(|cells| !cells.is_empty())
        .collect();
    assert_eq!(found.len(), 8, "{grid}");
    for cells in found {
        let unit = cells[0] as usize - 1;
        for (shown, exact) in cells[1..].iter().zip([h[unit], gradient[unit][0]]) {
            assert!((shown - exact).abs() <= 1e-5 * exact.abs() + 5e-5, "{shown} for {exact} in {grid}");
        }
    }
    // The prediction and the target have as many digits as it takes to see that they differ, and the name of their column.
    let cost = text.split("\nCost\n").nth(1).unwrap();
    let row = cost.lines().find(|line| line.ends_with("  price")).unwrap();
    let cells: Vec<f64> = row.split_whitespace().filter_map(|cell| cell.parse().ok()).collect();
    let exact = [report["prediction"][0].as_f64().unwrap(), report["target"][0].as_f64().unwrap()];
    assert!(cells[1] != cells[2] && cells.len() == 4, "{row}");
    assert!(exact.iter().zip(&cells[1..]).all(|(exact, shown)| (exact - shown).abs() <= 0.5), "{row}");
}
