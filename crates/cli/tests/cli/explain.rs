use std::fs;

use serde_json::{Value, json as value};

use crate::{json, refused, run, stderr, stdout};

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn matrix(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

#[track_caller]
fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-12 * a.abs().max(b.abs()).max(1e-3), "{a} and {b} differ");
}

/// The lecture's formulas for sigmoid units and C = Σ(o − y)², literally, against what the program reports.
fn check_by_the_lecture(report: &Value) {
    let g = |z: f64| 1.0 / (1.0 + (-z).exp());
    let (trace, y) = (report["trace"].as_array().unwrap(), numbers(&report["target"]));
    // hidA goes up.
    let mut hid_a = vec![numbers(&report["input"])];
    for layer in trace {
        let (w, b) = (matrix(&layer["weight"]), numbers(&layer["bias"]));
        let below = hid_a.last().unwrap();
        let z: Vec<f64> =
            (0..b.len()).map(|i| b[i] + (0..below.len()).map(|j| w[j][i] * below[j]).sum::<f64>()).collect();
        z.iter().zip(numbers(&layer["z"])).for_each(|(&a, b)| close(a, b));
        hid_a.push(z.iter().map(|&z| g(z)).collect());
        hid_a.last().unwrap().iter().zip(numbers(&layer["h"])).for_each(|(&a, b)| close(a, b));
    }
    let o = hid_a.last().unwrap();
    close(report["cost"].as_f64().unwrap(), o.iter().zip(&y).map(|(o, y)| (o - y) * (o - y)).sum());
    // hidB comes down.
    let mut hid_b: Vec<f64> = o.iter().zip(&y).map(|(o, y)| 2.0 * (o - y)).collect();
    for (l, layer) in trace.iter().enumerate().rev() {
        let (below, above, w) = (&hid_a[l], &hid_a[l + 1], matrix(&layer["weight"]));
        let gradient = matrix(&layer["grad_weight"]);
        let (delta, bias) = (numbers(&layer["delta"]), numbers(&layer["grad_bias"]));
        let mut next = vec![0.0; below.len()];
        for i in 0..above.len() {
            close(numbers(&layer["signal"])[i], hid_b[i]);
            let signal = above[i] * (1.0 - above[i]) * hid_b[i];
            close(delta[i], signal);
            close(bias[i], signal);
            for j in 0..below.len() {
                close(gradient[j][i], below[j] * signal);
                next[j] += w[j][i] * signal;
            }
        }
        hid_b = next;
    }
    hid_b.iter().zip(numbers(&report["input_signal"])).for_each(|(&a, b)| close(a, b));
}

#[test]
fn explain_gives_the_numbers_of_the_lecture() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["explain", "--json"][..],
        &["explain", "--seed", "5", "--input", "-0.5,2", "--target", "0.1,0.9", "--json"],
        // Four hidden layers, for the recursion.
        &["explain", "--layers", "3-5-4-6-3-2", "--target", "1", "--json"],
    ] {
        check_by_the_lecture(&json(folder.path(), arguments));
    }
    let report = json(folder.path(), &["explain", "--json"]);
    assert_eq!((&report["layers"], &report["loss"]), (&value!("2-3-2"), &value!("squared-error")));
    let chosen = json(folder.path(), &["explain", "--input", "-0.5,2", "--target", "1", "--json"]);
    assert_eq!((&chosen["input"], &chosen["target"]), (&value!([-0.5, 2.0]), &value!([0.0, 1.0])));
}

#[test]
fn the_tables_show_the_same_numbers_with_their_formulas() {
    let folder = tempfile::tempdir().unwrap();
    let report = json(folder.path(), &["explain", "--json"]);
    let text = stdout(&run(folder.path(), &["explain"]));
    for formula in [
        "z⁽¹⁾ = W⁽¹⁾ᵀ x + b⁽¹⁾",
        "C = Σᵢ (oᵢ − yᵢ)²",
        "g' = g(1 − g)",
        "∂C/∂W⁽²⁾ = h⁽¹⁾ · δ⁽²⁾ᵀ = h⁽¹⁾ · (o · (1 − o) · 2(o − y))ᵀ",
        "∂C/∂hᵢ⁽¹⁾ = Σₖ W^(2,i,k) δₖ⁽²⁾",
    ] {
        assert!(text.contains(formula), "no {formula:?} in {text}");
    }
    // The rows of all tables, from the input to the topmost layer and back.
    let rows: Vec<Vec<f64>> = text
        .lines()
        .filter_map(|line| {
            let mut cells = line.split_whitespace();
            cells.next()?.parse::<usize>().ok()?;
            cells.map(|cell| cell.parse().ok()).collect()
        })
        .collect();
    let layer = |l: usize, key: &str| numbers(&report["trace"][l][key]);
    let columns = |columns: &[Vec<f64>]| -> Vec<Vec<f64>> {
        (0..columns[0].len()).map(|i| columns.iter().map(|column| column[i]).collect()).collect()
    };
    let grid = |l: usize, below: &[f64], key: &str| -> Vec<Vec<f64>> {
        let rows = matrix(&report["trace"][l][key]);
        below.iter().zip(rows).map(|(&h, row)| [vec![h], row].concat()).collect()
    };
    let (x, y, o) = (numbers(&report["input"]), numbers(&report["target"]), numbers(&report["prediction"]));
    let expected = [
        columns(std::slice::from_ref(&x)),
        grid(0, &x, "weight"),
        columns(&[layer(0, "z"), layer(0, "h")]),
        grid(1, &layer(0, "h"), "weight"),
        columns(&[layer(1, "z"), layer(1, "h")]),
        columns(&[o, y, layer(1, "signal")]),
        columns(&[layer(1, "signal"), layer(1, "slope"), layer(1, "delta")]),
        grid(1, &layer(0, "h"), "grad_weight"),
        columns(&[layer(0, "signal"), layer(0, "slope"), layer(0, "delta")]),
        grid(0, &x, "grad_weight"),
    ]
    .concat();
    assert_eq!(rows.len(), expected.len(), "{text}");
    for (row, expected) in rows.iter().zip(&expected) {
        assert_eq!(row.len(), expected.len(), "{text}");
        for (shown, exact) in row.iter().zip(expected) {
            // Four decimals, or four digits of a number below a thousandth.
            assert!((shown - exact).abs() <= 5e-5 + 1e-12, "{shown} for {exact} in {text}");
        }
    }
}

#[test]
fn a_wide_network_is_abbreviated_and_explained_on_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    json(here, &["train", "--epochs", "1", "--out", ".", "--json"]);
    let report = json(here, &["explain", "last.safetensors", "--example", "3", "--json"]);
    let (p, y) = (numbers(&report["prediction"]), numbers(&report["target"]));
    assert_eq!(y.iter().sum::<f64>(), 1.0);
    for ((p, y), delta) in p.iter().zip(&y).zip(numbers(&report["trace"][1]["delta"])) {
        assert!((p - y - delta).abs() < 1e-6);
    }
    let text = stdout(&run(here, &["explain", "last.safetensors", "--example", "3"]));
    assert!(text.contains("δ⁽²⁾ = p − y") && text.contains("8 of 128 units"), "{text}");
    assert!(text.lines().any(|line| line.starts_with("  C = ") && line.ends_with(" in nats")), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100) && text.lines().count() < 180, "{text}");
    // What has the largest error signal is among what is shown.
    let delta = numbers(&report["trace"][0]["delta"]);
    let largest = (0..delta.len()).max_by(|&a, &b| delta[a].abs().total_cmp(&delta[b].abs())).unwrap();
    assert!(text.contains(&format!("δ{}", largest + 1)), "{text}");
    // Another class as the target turns the signal of its output.
    let other = json(here, &["explain", "last.safetensors", "--example", "3", "--target", "0", "--json"]);
    assert_eq!(other["input"], report["input"]);
    assert_eq!(numbers(&other["target"])[0], 1.0);
}

#[test]
fn the_page_is_written_instead_of_the_tables() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["explain", "--html", "lecture.html"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!((stdout(&output).as_str(), stderr(&output).as_str()), ("", "lecture.html\n"));
    let page = fs::read_to_string(folder.path().join("lecture.html")).unwrap();
    assert!(
        page.starts_with("<!doctype html>") && page.ends_with("</html>\n") && !page.contains("/* STYLE */")
    );
}

#[test]
fn explain_refuses_what_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let refused =
        |arguments: &[&str], words: &[&str]| refused(here, &[&["explain"], arguments].concat(), words);
    refused(&["--input", "1,2,3"], &["--input", "3 numbers", "2"]);
    refused(&["--input", "1,x"], &["--input", "\"x\"", "commas"]);
    refused(&["--input", "1,inf"], &["\"inf\""]);
    refused(&["--target", "2"], &["--target", "0 to 1"]);
    refused(&["--target", "1,2,3"], &["--target", "3 numbers"]);
    refused(&["--layers", "2-3-2", "--loss", "cross-entropy", "--target", "0.5,0.6"], &["sum to 1"]);
    refused(&["--layers", "100000-100000-2"], &["--layers", "too large"]);
    refused(&["--data", "digits"], &["--data", "file"]);
    refused(&["none.safetensors"], &["none.safetensors"]);
    json(here, &["train", "--data", "moons", "--epochs", "1", "--out", ".", "--json"]);
    refused(&["last.safetensors", "--example", "99999"], &["--example 99999", "moons"]);
    refused(&["last.safetensors", "--input", "0.5,1"], &["--target"]);
    let output = run(here, &["explain", "--html", "none/page.html"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("none/page.html"), "{}", stderr(&output));
}

#[test]
fn a_new_network_is_explained_with_other_units() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["explain", "--activation", "tanh"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("tanh"), "{}", stdout(&output));
}

#[test]
fn views_and_networks_that_branch_are_explained_layer_by_layer() {
    let folder = tempfile::tempdir().unwrap();
    let network =
        "flatten, dense 6, residual (dense 6, tanh), branches concat (dense 3, relu) (dense 2), dense 10";
    let arguments = ["explain", "--network", network, "--input-shape", "4x4x1"];
    let output = run(folder.path(), &arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    for words in [
        "0  flatten: the same numbers, as 16",
        "2  residual, gives 6",
        "y = body(x) + x",
        "    2.body.0  dense 6, gives 6",
        "y = concat of the 2 branches",
        "  3.0  branch 0, gives 3",
        "2.body.0.weight 6x6: norm",
        "4.bias 10: norm",
    ] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    let report = json(folder.path(), &[&arguments[..], &["--json"]].concat());
    let rows = report["trace"].as_array().unwrap();
    let at = |path: &str, key: &str| numbers(&rows.iter().find(|row| row["path"] == path).unwrap()[key]);
    // y = body(x) + x, the branches side by side, and the error signal of the sum at its body.
    for ((y, x), f) in at("2", "y").iter().zip(at("1", "y")).zip(at("2.body", "y")) {
        close(*y, x + f);
    }
    assert_eq!(at("3", "y"), [at("3.0", "y"), at("3.1", "y")].concat());
    assert_eq!(at("2", "signal"), at("2.body", "signal"));
    // ∂C/∂b = δ, of the top and inside.
    for (path, bias) in [("4", "4.bias"), ("2.body.0", "2.body.0.bias")] {
        let row = rows.iter().find(|row| row["path"] == path).unwrap();
        let found = row["parameters"].as_array().unwrap().iter().find(|p| p["name"] == bias).unwrap();
        assert_eq!(numbers(&found["gradient"]), at(path, "signal"), "{path}");
    }
    // Its page shows each layer, and of the program's words the name of the file alone goes to the terminal.
    let output = run(folder.path(), &[&arguments[..], &["--html", "page.html"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!((stdout(&output).as_str(), stderr(&output).lines().count()), ("", 1));
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
    for words in ["layer by layer", "2.body.0", "y = concat of the 2 branches", "the same numbers"] {
        assert!(page.contains(words), "no {words:?} in the page");
    }
}

/// A folder of pictures of 16 x 16 pixels, dark ones and bright ones, as BMP files.
fn dark_and_bright(folder: &std::path::Path) {
    for class in ["dark", "bright"] {
        fs::create_dir_all(folder.join("tones").join(class)).unwrap();
        for i in 0..20_u32 {
            let mut file = b"BM".to_vec();
            for word in [54 + 768, 0, 54, 40, 16, 16, 1 | 24 << 16, 0, 0, 0, 0, 0, 0_u32] {
                file.extend(word.to_le_bytes());
            }
            let base = if class == "dark" { 20 } else { 160 };
            file.extend((0..256).flat_map(|pixel: u32| [base + ((i * 31 + pixel * 17) % 60) as u8; 3]));
            fs::write(folder.join(format!("tones/{class}/{i:02}.bmp")), file).unwrap();
        }
    }
}

#[test]
fn a_convolutional_network_is_explained_by_its_sizes_its_verdict_and_a_page_of_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    dark_and_bright(here);
    let network = "conv 4 3, batch-norm, relu, max-pool 2, flatten, dense 2";
    json(here, &["train", "--data", "tones", "--network", network, "--epochs", "15", "--out", "r", "--json"]);
    refused(here, &["predict", "r", "tones/dark", "--max-memory", "100"], &["--max-memory"]);
    // By number, with the truth.
    let of_data = ["explain", "r", "--data", "tones", "--example", "3"];
    let output = run(here, &of_data);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.starts_with("example 3 of tones, all rows\n"), "{text}");
    for words in
        ["The network says bright (", "the truth is bright: right.", "0  conv 4 3", "14x14x4", "‖∂C/∂y‖"]
    {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    // The picture in characters: bright pixels, dark ones and none beyond.
    assert!(text.lines().filter(|line| line.contains("##") || line.contains("%%")).count() >= 8, "{text}");
    // By a picture file, whose truth nobody knows: the class that the network says is the target.
    let of_file = ["explain", "r", "--input", "tones/dark/07.bmp", "--json"];
    let report = json(here, &of_file);
    assert_eq!(
        (&report["verdict"]["source"], &report["verdict"]["right"]),
        (&value!("tones/dark/07.bmp"), &value!(null))
    );
    assert_eq!(report["verdict"]["answer"]["says"], "dark");
    let dark = report["verdict"]["answer"]["outputs"][1].clone();
    assert_eq!((&dark[0], numbers(&report["target"])), (&value!("dark"), vec![0.0, 1.0]));
    assert_eq!(numbers(&report["prediction"])[1], dark[1].as_f64().unwrap());
    // The same numbers as those of that file as an example of the data.
    let rows = json(here, &["explain", "r", "--data", "tones", "--example", "27", "--json"]);
    assert_eq!(rows["input"], report["input"]);
    // A page of pictures, for each of them.
    for (arguments, file) in [(&of_data[..], "data.html"), (&of_file[..4], "file.html")] {
        let output = run(here, &[arguments, &["--html", file]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!((stdout(&output).as_str(), stderr(&output).lines().count()), ("", 1));
        let page = fs::read_to_string(here.join(file)).unwrap();
        // The example, ∂C/∂x twice, filters twice, maps and error signals of what the activation and the pool give.
        assert!(page.matches("data:image/png").count() >= 9, "{}", page.matches("data:image/png").count());
        for words in ["The network says", "∂C/∂x", "4 filters of 3x3", "over y", "max-pool 2"] {
            assert!(page.contains(words), "no {words:?} in {file}");
        }
        assert!(page.len() < 200_000, "{} bytes", page.len());
    }
    refused(here, &["explain", "r", "--input", "tones/none.bmp"], &["none.bmp"]);
    json(here, &["train", "--data", "moons", "--epochs", "1", "--out", "m", "--json"]);
    refused(
        here,
        &["explain", "m", "--input", "tones/dark/07.bmp"],
        &["takes rows of numbers and no images"],
    );
}

#[test]
fn the_gradient_in_a_picture_is_that_of_finite_differences() {
    let folder = tempfile::tempdir().unwrap();
    let network =
        ["explain", "--network", "conv 3 3, tanh, avg-pool 2, flatten, dense 2", "--input-shape", "6x6x1"];
    let cost = |pixel: usize, change: f64| {
        let numbers: Vec<String> = (0..36)
            .map(|i| (0.01 * (i * i % 37) as f64 + if i == pixel { change } else { 0.0 }).to_string())
            .collect();
        let input = numbers.join(",");
        json(folder.path(), &[&network[..], &["--input", &input, "--target", "1", "--json"]].concat())
    };
    let signal = numbers(&cost(0, 0.0)["input_signal"]);
    for pixel in [0, 7, 22, 35] {
        let at = |change: f64| cost(pixel, change)["cost"].as_f64().unwrap();
        let slope = (at(1e-4) - at(-1e-4)) / 2e-4;
        assert!(
            (slope - signal[pixel]).abs() < 1e-6 * slope.abs().max(1.0),
            "{pixel}: {slope}, {}",
            signal[pixel]
        );
    }
}

#[test]
fn a_row_of_a_table_is_shown_with_its_columns_in_the_units_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let row = |i: usize| {
        format!(
            "{},{},{}\n",
            20 + i * 7 % 50,
            ["Oslo", "Rome"][i % 2],
            ["no", "yes"][usize::from(i.is_multiple_of(3))]
        )
    };
    fs::write(here.join("d.csv"), format!("age,city,buys\n{}", (0..60).map(row).collect::<String>()))
        .unwrap();
    json(here, &["train", "--data", "d.csv", "--epochs", "2", "--out", "r", "--json"]);
    let text = stdout(&run(here, &["explain", "r", "--data", "d.csv", "--example", "1"]));
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("example 1 of d, all rows"));
    let words = |line: Option<&str>| line.unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(lines.next()), ["age", "27"]);
    assert_eq!(words(lines.next()), ["city", "Rome"]);
    let says = lines.next().unwrap();
    assert!(says.starts_with("The network says ") && says.contains("the truth is no: "), "{says}");
    // A regression says numbers with their names, and a chosen target does not change what is right.
    fs::write(here.join("n.csv"), "x,price\n1,2.5\n2,3.5\n3,4.5\n4,5.5\n5,6.5\n").unwrap();
    json(here, &["train", "--data", "n.csv", "--epochs", "2", "--out", "n", "--json"]);
    let text = stdout(&run(here, &["explain", "n", "--data", "n.csv", "--example", "4"]));
    assert!(text.contains("The network says price ") && text.contains("the truth is 6.5 ("), "{text}");
    assert!(text.contains(" in squared units of the target\n"), "{text}");
    let chosen = ["explain", "r", "--data", "d.csv", "--example", "1", "--target", "yes", "--json"];
    let chosen = json(here, &chosen)["verdict"].clone();
    assert_eq!((&chosen["answer"]["truth"], &chosen["answer"]["target"]), (&value!("no"), &value!("yes")));
    assert_eq!(chosen["right"], chosen["answer"]["says"] == "no");
}
