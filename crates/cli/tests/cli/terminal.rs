//! What a terminal is shown.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::stdout;

/// What the program prints on a pseudo-terminal of `columns` columns, made by util-linux's `script`.
fn on_a_terminal(folder: &Path, arguments: &str, columns: usize, environment: &[(&str, &str)]) -> String {
    let command = format!("stty rows 24 cols {columns}; '{}' {arguments}", env!("CARGO_BIN_EXE_chainrule"));
    let mut script = Command::new("script");
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        script.env_remove(name);
    }
    script.current_dir(folder).env("TERM", "xterm").envs(environment.iter().copied());
    script.args(["--quiet", "--return", "--command", &command, "/dev/null"]).stdin(Stdio::null());
    let output = script.output().expect("util-linux has `script`");
    assert!(output.status.success(), "{arguments}: {}", stdout(&output));
    stdout(&output)
}

/// The lines that stay on the terminal: a progress bar draws over itself.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let after = |line: &'_ str, mark: &str| line.rfind(mark).map_or(0, |at| at + mark.len());
    text.lines()
        .map(move |line| &line[after(line, "\r")..])
        .map(move |line| &line[after(line, "\u{1b}[2K")..])
}

/// A training of three epochs.
fn train(out: &str) -> String {
    format!("train --data xor --epochs 3 --validation 0.2 --out {out}")
}

#[test]
fn a_terminal_gets_a_bar_in_colour_and_none_of_it_with_no_color() {
    let folder = tempfile::tempdir().unwrap();
    let colours = |text: &str| {
        let sequences = text.split("\u{1b}[").skip(1);
        let ends = sequences
            .filter_map(|rest| rest.find(|c: char| c.is_ascii_alphabetic()).map(|at| &rest[at..=at]));
        ends.filter(|&end| end == "m").count()
    };
    let plain = on_a_terminal(folder.path(), &train("a"), 120, &[("NO_COLOR", "1")]);
    let coloured = on_a_terminal(folder.path(), &train("b"), 120, &[]);
    for shown in [&plain, &coloured] {
        assert!(
            shown.contains("steps/s") && shown.contains("epoch 3/3") && shown.contains("test accuracy"),
            "{shown:?}"
        );
    }
    // The bar below the line of an epoch stands where the epoch ended, however fast it was.
    for percent in [" 33 %", " 67 %", "100 %"] {
        assert!(plain.contains(percent), "{percent}: {plain:?}");
    }
    assert_eq!(colours(&plain), 0, "{plain:?}");
    assert!(colours(&coloured) > 0, "{coloured:?}");
}

#[test]
fn a_narrow_terminal_gets_lines_that_fit() {
    let folder = tempfile::tempdir().unwrap();
    for (columns, shown, dropped) in
        [(80, "validation loss", "examples/s"), (40, "validation loss", "   loss ")]
    {
        let text = on_a_terminal(folder.path(), &train(&columns.to_string()), columns, &[("NO_COLOR", "1")]);
        let epoch = lines(&text).find(|line| line.contains("epoch 3/3")).expect("each epoch has a line");
        assert!(epoch.contains(shown) && !epoch.contains(dropped), "{columns}: {epoch:?}");
    }
}

/// A table with a category, dates, missing cells and long names, of three classes, and one of two targets.
fn tables(folder: &Path) {
    let colours = ["red", "green", "", "blue"];
    let species = ["Iris setosa from Quebec", "Iris versicolor from Quebec", "Iris virginica from Quebec"];
    let row = |i: usize| {
        let size = if i.is_multiple_of(7) { String::new() } else { format!("{}.5", i % 9) };
        format!("{},2024-0{}-1{},{size},{}\n", colours[i % 4], 1 + i % 9, i % 10, species[i % 3])
    };
    let rows: String = (0..90).map(row).collect();
    fs::write(folder.join("flowers.csv"), format!("colour,day of the measurement,size,species\n{rows}"))
        .unwrap();
    let row = |i: usize| format!("{}.5,{}.25,{}.75\n", i % 9, 3 * (i % 9), 1000 * (i % 5));
    let rows: String = (0..60).map(row).collect();
    fs::write(folder.join("flats.csv"), format!("rooms,price of the flat,distance to the station\n{rows}"))
        .unwrap();
}

#[test]
fn every_command_fits_the_terminal() {
    let maps = "conv 4 3, relu, max-pool 2, residual (conv 4 3 padding 1, tanh), flatten, dense 10";
    let maps = format!("train --epochs 1 --network \"{maps}\" --out maps");
    let commands = [
        "train --epochs 1 --out digits",
        &maps,
        "train flowers.csv --impute mean --dates --epochs 2 --validation 0.2 --patience 1 --out flowers",
        "train flats.csv --target 1,2 --epochs 2 --out flats",
        "train moons --layers 4 --epochs 1 --out moons",
        "evaluate digits",
        "evaluate flowers",
        "evaluate flats",
        "inspect digits",
        "inspect maps",
        "inspect flowers",
        "explain",
        "explain digits --example 3",
        "explain maps --example 3",
        "explain flowers --example 7",
        "explain flats",
        "explain --network \"dense 6, residual (dense 6, tanh), dense 3\" --input-shape 4",
        "explain digits --html digit.html",
        "gradcheck moons --coordinates 20",
        "curvature moons --examples 50 --top 2 --bottom 2 --trace --density",
        "critical-points --data moons --layers 2 --examples 30 --points 2 --steps 20",
        "predict flowers flowers.csv --out predictions.csv",
        "export flowers --out flowers.onnx",
        "export digits --out digits.onnx",
        "import digits.onnx --out imported",
        "report flowers flats",
        "doctor",
    ];
    for columns in [40, 80] {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        tables(here);
        for command in commands {
            let text = on_a_terminal(here, command, columns, &[("NO_COLOR", "1")]);
            for line in lines(&text) {
                let width = line.chars().count();
                assert!(width <= columns, "{command}: {width} of {columns} columns: {line:?} in\n{text}");
            }
        }
        let page = on_a_terminal(here, "explain flowers --html flower.html", columns, &[]);
        assert_eq!(page.trim(), "flower.html");
    }
}

#[test]
fn a_narrow_explanation_keeps_what_matters_and_says_what_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let network = "reshape 8x8x1, conv 16 3 padding 1, relu, conv 16 3 padding 1, relu, max-pool 2, relu, relu, relu, flatten, dense 10";
    for command in [
        "train --epochs 1 --out digits",
        &format!("train --epochs 1 --network \"{network}\" --out maps"),
        "train mnist-1d --epochs 1 --out waves",
    ] {
        on_a_terminal(here, command, 80, &[("NO_COLOR", "1")]);
    }
    let text = on_a_terminal(here, "explain maps --example 3", 40, &[("NO_COLOR", "1")]);
    let head = lines(&text).find(|line| line.trim_start().starts_with("layer")).unwrap();
    assert_eq!(head.split_whitespace().collect::<Vec<_>>(), ["layer", "most", "y", "‖∂C/∂y‖", "θ"], "{text}");
    let inspected = on_a_terminal(here, "inspect maps", 40, &[("NO_COLOR", "1")]);
    for row in ["place layer output θ", "1 conv 16 3 padding 1 8x8x16 160"] {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(lines(&inspected).any(|line| words(line) == row), "no {row:?} in {inspected}");
    }
    // The names of the layers stand below each other.
    let at = |name: &str| lines(&text).find_map(|line| line.find(name)).unwrap();
    assert_eq!((at(" 1  conv"), at("10  dense")), (at(" 3  conv"), at(" 0  reshape")), "{text}");
    let text = on_a_terminal(here, "explain digits --example 3", 40, &[("NO_COLOR", "1")]);
    let words = lines(&text).map(str::trim).collect::<Vec<_>>().join(" ");
    assert!(words.contains("of 10 columns: those with the largest derivatives"), "{text}");
    assert!(!words.contains("the first"), "{text}");
    // Of a sequence the places that move C most, their decimal points below each other.
    let text = on_a_terminal(here, "explain waves", 80, &[("NO_COLOR", "1")]);
    let places: Vec<&str> = lines(&text).filter(|line| line.starts_with("  x")).take(12).collect();
    let points: Vec<_> = places.iter().map(|line| line.find('.')).collect();
    assert!(points[0].is_some() && points.iter().all(|point| *point == points[0]), "{text}");
    assert!(text.contains("… 12 of 40 columns: those with the largest |x · ∂C/∂x|"), "{text}");
}
