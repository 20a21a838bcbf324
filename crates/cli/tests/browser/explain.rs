use std::path::Path;

use serde_json::Value;

use crate::chromium::{Browser, Page, View};
use crate::report::bars;
use crate::{chainrule, labels, screenshot, tables};

pub(crate) const WIDE: View =
    View { width: 1400, height: 900, dark: false, reduced_motion: false, scripts: true };
pub(crate) const NARROW: View =
    View { width: 400, height: 800, dark: false, reduced_motion: true, scripts: true };

/// The numbers of the step that is shown, row by row; `×10` and the like are the page's own affair.
fn rows(page: &mut Page<'_>) -> Vec<Vec<f64>> {
    let rows = page.evaluate(
        "[...document.querySelectorAll('#numbers tbody tr')].map(row => \
           [...row.querySelectorAll('td')].map(cell => Number(cell.textContent.replace('−', '-'))))",
    );
    serde_json::from_value(rows).expect("a table of numbers")
}

fn numbers(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).expect("numbers")
}

#[track_caller]
fn same(shown: &[Vec<f64>], columns: &[&Value]) {
    let columns: Vec<Vec<f64>> = columns.iter().map(|column| numbers(column)).collect();
    assert_eq!(shown.len(), columns[0].len(), "{shown:?} and {columns:?}");
    for (i, row) in shown.iter().enumerate() {
        let expected: Vec<f64> = columns.iter().map(|column| column[i]).collect();
        assert_eq!(row.len(), expected.len(), "{shown:?} and {columns:?}");
        let close = row.iter().zip(&expected).all(|(shown, exact)| (shown - exact).abs() <= 5.1e-5);
        assert!(close, "{row:?} shown for {expected:?}");
    }
}

/// ∂C/∂W with h before each row.
#[track_caller]
fn same_outer(shown: &[Vec<f64>], below: &Value, gradient: &Value) {
    let rows: Vec<Vec<f64>> = serde_json::from_value(gradient.clone()).expect("a matrix");
    assert_eq!(shown.len(), rows.len());
    for ((shown, h), row) in shown.iter().zip(numbers(below)).zip(rows) {
        let expected = [vec![h], row].concat();
        assert!(shown.iter().zip(&expected).all(|(s, e)| (s - e).abs() <= 5.1e-5), "{shown:?}, {expected:?}");
    }
}

/// Checks that nothing of a lesson is wider than its window or cut off.
#[track_caller]
pub(crate) fn fits(page: &mut Page<'_>, what: &str) {
    let width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert_eq!(width, 0, "{what}: the page is wider than its window");
    // No letter of the drawing is cut off.
    let outside = page.evaluate(
        "(() => { const frame = document.getElementById('network').getBoundingClientRect(); \
           return [...document.querySelectorAll('#network text')].filter(text => text.textContent).filter(text => { \
             const box = text.getBoundingClientRect(); \
             return box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 \
               || box.bottom > frame.bottom + 1; }).map(text => text.textContent); })()",
    );
    assert_eq!(outside, serde_json::json!([]), "{what}: cut off");
}

#[track_caller]
fn at_step(page: &mut Page<'_>, step: usize) {
    let count = page.text("document.getElementById('count').textContent");
    assert!(count.starts_with(&format!("Step {step} of 8")), "{count}");
    assert_eq!(
        page.evaluate(
            "[...document.querySelectorAll('#steps button')].findIndex(b => b.ariaCurrent === 'step')"
        ),
        step - 1
    );
}

/// A table whose standardised inputs are short and long numbers, positive and negative, and a target of millions.
fn numbers_of_each_size(folder: &Path) {
    let row = |i: i32| {
        let inputs = (0..8)
            .map(|j| format!("{}", (i * (37 + 11 * j) % 101 - 50) * (1 - 2 * (j % 2))))
            .collect::<Vec<_>>();
        format!("{},{}\n", inputs.join(","), 1_000_000 * (i % 13))
    };
    let head = (0..8).map(|j| format!("column_{j}")).collect::<Vec<_>>().join(",");
    std::fs::write(folder.join("sizes.csv"), format!("{head},z\n{}", (0..200).map(row).collect::<String>()))
        .unwrap();
}

fn lecture(folder: &Path) -> Value {
    chainrule(folder, &["explain", "--html", "page.html", "--json"])
}

#[test]
#[ignore = "needs Chromium: `cargo xtask test` runs it"]
fn the_lesson_is_walked_through_by_keyboard_and_shows_the_engines_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let report = lecture(folder.path());
    let (low, high) = (&report["trace"][0], &report["trace"][1]);
    let mut browser = Browser::launch();
    let mut page = browser.open(&folder.path().join("page.html"), WIDE);

    let tables: [(&str, &[&Value]); 8] = [
        ("input", &[&report["input"]]),
        ("forward 1", &[&low["z"], &low["h"]]),
        ("forward 2", &[&high["z"], &high["h"]]),
        ("cost", &[&report["prediction"], &report["target"], &high["signal"]]),
        ("delta 2", &[&high["signal"], &high["slope"], &high["delta"]]),
        ("outer 2", &[]),
        ("delta 1", &[&low["signal"], &low["slope"], &low["delta"]]),
        ("outer 1", &[]),
    ];
    for (step, (name, columns)) in (1..).zip(tables) {
        at_step(&mut page, step);
        let shown = rows(&mut page);
        match name {
            "outer 2" => same_outer(&shown, &low["h"], &high["grad_weight"]),
            "outer 1" => same_outer(&shown, &report["input"], &low["grad_weight"]),
            _ => same(&shown, columns),
        }
        page.press("ArrowRight");
    }
    at_step(&mut page, 8);
    // Back again, to the ends, and by the player.
    page.press("ArrowLeft");
    at_step(&mut page, 7);
    same(&rows(&mut page), &[&low["signal"], &low["slope"], &low["delta"]]);
    page.press("Home");
    at_step(&mut page, 1);
    page.press("Tab");
    page.press("Escape");
    page.press("End");
    at_step(&mut page, 8);
    page.press("Home");
    page.evaluate("document.activeElement.blur()");
    page.press(" ");
    assert_eq!(page.text("document.getElementById('play').ariaLabel"), "Pause");
    page.wait_for("document.getElementById('count').textContent.startsWith('Step 2')");
    page.press(" ");
    assert_eq!(page.text("document.getElementById('play').ariaLabel"), "Play");
    // Paper has all steps, and the screen has the one that it had.
    let printed = "(() => { dispatchEvent(new Event('beforeprint')); \
                     const found = [...document.querySelectorAll('#printed section')].filter(s => s.querySelector('table')).length; \
                     dispatchEvent(new Event('afterprint')); return [found, document.querySelectorAll('#printed *').length]; })()";
    assert_eq!(page.evaluate(printed), serde_json::json!([8, 0]));
    at_step(&mut page, 2);
    assert_eq!(page.errors(), Vec::<String>::new());
}

/// The chosen weight's derivative and its factors, in the order in which they stand.
fn factors(page: &mut Page<'_>) -> Vec<f64> {
    let values = page.evaluate(
        "[...document.querySelectorAll('#factors .value')].map(v => Number(v.textContent.replace('−', '-')))",
    );
    serde_json::from_value(values).expect("numbers")
}

#[test]
#[ignore = "needs Chromium: `cargo xtask test` runs it"]
fn a_weight_in_focus_or_under_the_mouse_shows_its_derivative_and_factors() {
    let folder = tempfile::tempdir().unwrap();
    let report = lecture(folder.path());
    let mut browser = Browser::launch();
    let mut page = browser.open(&folder.path().join("page.html"), WIDE);

    page.press("Tab");
    let focused = "document.activeElement.getAttribute('role')";
    assert_eq!(page.text(focused), "option");
    assert_eq!(page.evaluate("document.activeElement.matches(':focus-visible')"), true);
    // From weight to weight, up from the first of the topmost layer: each is said and taken apart.
    page.press("PageDown");
    let mut seen = 0;
    for (l, layer) in report["trace"].as_array().unwrap().iter().enumerate() {
        let (weight, gradient) = (&layer["weight"], &layer["grad_weight"]);
        let below = if l == 0 { &report["input"] } else { &report["trace"][l - 1]["h"] };
        for i in 0..layer["z"].as_array().unwrap().len() {
            for j in 0..below.as_array().unwrap().len() {
                let label = page.text("document.activeElement.ariaLabel");
                let name = format!("Weight of layer {} from unit {} to unit {}", l + 1, j + 1, i + 1);
                assert!(label.starts_with(&name), "{label}");
                let shown =
                    page.text("document.getElementById('weight-value').textContent").replace('−', "-");
                assert_eq!(shown.parse::<f64>().unwrap(), weight[j][i].as_f64().unwrap());
                let expected = [&gradient[j][i], &below[j], &layer["slope"][i], &layer["signal"][i]];
                let shown = factors(&mut page);
                assert_eq!(shown.len(), 4);
                for (shown, exact) in shown.iter().zip(expected) {
                    assert!((shown - exact.as_f64().unwrap()).abs() <= 5.1e-5, "{shown} for {exact}");
                }
                let product: f64 = shown[1..].iter().product();
                assert!((product - shown[0]).abs() < 2e-4, "{shown:?}");
                seen += 1;
                page.press("ArrowDown");
            }
            assert!(page.text("document.activeElement.ariaLabel").starts_with("Unit "));
            assert_eq!(page.evaluate("document.getElementById('factors')"), Value::Null);
            page.press("ArrowDown");
        }
        // The inputs come first, a layer's weights before each of its units.
    }
    assert_eq!(seen, 12);

    // The mouse shows another weight while it is there, and the focused one returns.
    page.press("PageUp");
    let chosen = "document.querySelector('#chosen h2').textContent";
    let before = page.text(chosen);
    let at = "(() => { const line = [...document.querySelectorAll('.edge .hit')].at(-1).getBoundingClientRect(); \
               return [line.x + line.width / 2, line.y + line.height / 2]; })()";
    let at = numbers(&page.evaluate(at));
    page.hover(at[0], at[1]);
    assert_ne!(page.text(chosen), before);
    page.hover(2.0, 2.0);
    assert_eq!(page.text(chosen), before);
    assert_eq!(page.errors(), Vec::<String>::new());
}

#[test]
#[ignore = "needs Chromium: `cargo xtask test` runs it"]
fn the_page_fits_its_window_at_every_step_in_light_and_dark() {
    let folder = tempfile::tempdir().unwrap();
    lecture(folder.path());
    chainrule(folder.path(), &["train", "--epochs", "1", "--layers", "24-16", "--out", ".", "--json"]);
    chainrule(folder.path(), &["explain", "last.safetensors", "--html", "wide.html", "--json"]);
    numbers_of_each_size(folder.path());
    chainrule(
        folder.path(),
        &["train", "sizes.csv", "--target", "z", "--epochs", "3", "--out", "sizes", "--json"],
    );
    chainrule(folder.path(), &["explain", "sizes", "--example", "1", "--html", "sizes.html", "--json"]);
    for (layers, file) in [("4-3-5-2", "deep.html"), ("3-3-1", "pair.html")] {
        chainrule(folder.path(), &["explain", "--layers", layers, "--html", file, "--json"]);
    }
    let mut browser = Browser::launch();
    for file in ["page", "wide", "sizes", "deep", "pair"] {
        for (size, view) in [("narrow", NARROW), ("wide", WIDE)] {
            for dark in [false, true] {
                let mut page =
                    browser.open(&folder.path().join(format!("{file}.html")), View { dark, ..view });
                let scheme = if dark { "dark" } else { "light" };
                let background = page.text("getComputedStyle(document.body).backgroundColor");
                assert_eq!(background == "rgb(21, 23, 27)", dark, "{background}");
                let steps =
                    page.evaluate("document.querySelectorAll('#steps button').length").as_u64().unwrap();
                for step in 1..=steps {
                    let what = format!("{file}, {size}, {scheme}, step {step}");
                    fits(&mut page, &what);
                    labels::are_apart(&mut page, &what);
                    labels::leave_circles_free(&mut page, &what);
                    labels::are_inside_circles(&mut page, &what);
                    let numbers = labels::of_lines_are_clear(&mut page, &what);
                    let every = if (file, size) == ("page", "wide") { 12 } else { 0 };
                    assert!(numbers >= every, "{what}: {numbers} lines have a number");
                    tables::are_whole(&mut page, &what);
                    let name = format!("{file}-{size}-{scheme}-{step}.png");
                    if let (Some(path), true) = (screenshot(&name), step >= steps - 2) {
                        page.screenshot(&path);
                    }
                    page.press("ArrowRight");
                }
                let running = page.evaluate("document.getAnimations().length");
                assert!(!view.reduced_motion || running == 0, "{running} animations where none are wanted");
                assert_eq!(page.errors(), Vec::<String>::new());
            }
        }
    }
}

#[test]
#[ignore = "needs Chromium: `cargo xtask test` runs it"]
fn a_lesson_on_data_says_what_the_network_says_and_begins_with_the_steepest_weight() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    chainrule(here, &["train", "--epochs", "3", "--layers", "12", "--out", ".", "--json"]);
    let report = chainrule(here, &["explain", ".", "--example", "5", "--html", "digits.html", "--json"]);
    let answer = &report["verdict"]["answer"];
    let mut browser = Browser::launch();
    let mut page = browser.open(&here.join("digits.html"), WIDE);
    let says = page.text("document.querySelector('.says').textContent");
    assert!(says.contains(&format!("says {} (", answer["says"].as_str().unwrap())), "{says}: {answer}");
    let right = if report["verdict"]["right"] == true { ": right." } else { ": wrong." };
    assert!(says.ends_with(right), "{says}");
    assert!(
        page.text("document.querySelector('.verdict .note').textContent")
            .contains("example 5 of digits, test part")
    );
    assert_eq!(page.evaluate("document.querySelector('.verdict img').naturalWidth"), 8);
    // The inputs have the places of their pixels, and the outputs the names of their classes.
    let head = page.text("document.querySelector('#numbers thead').textContent");
    assert!(head.starts_with("pixelvalue"), "{head}");
    let pixel = page.text("document.querySelector('#numbers tbody td').textContent");
    assert!(pixel.starts_with("row ") && pixel.contains(", column "), "{pixel}");
    // The chosen one is marked in the picture.
    let marked = "(() => { const [image, mark] = ['.example img', '.pixel'].map(s => document.querySelector(s).getBoundingClientRect()); \
                   const place = (at, from, size) => Math.round(8 * (at - from) / size) + 1; \
                   return `row ${place(mark.y, image.y, image.height)}, column ${place(mark.x, image.x, image.width)}`; })()";
    assert_eq!(page.text(marked), pixel);
    assert!(page.text("document.querySelector('#network').textContent").contains('9'));
    // At the first derivatives, the weight with the largest one is chosen.
    for _ in 0..5 {
        page.press("ArrowRight");
    }
    let gradient = report["trace"][1]["grad_weight"].as_array().unwrap();
    let all = gradient.iter().flat_map(numbers);
    let largest = all.fold(0.0, |largest: f64, g| largest.max(g.abs()));
    let shown = factors(&mut page)[0].abs();
    assert!(largest > 0.0 && (shown - largest).abs() <= 5.1e-5, "{shown} for {largest}");
    assert_eq!(page.errors(), Vec::<String>::new());
}

#[test]
#[ignore = "needs Chromium: `cargo xtask test` runs it"]
fn a_network_with_maps_is_a_page_of_pictures_that_fits_its_window() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    bars(here);
    let train = |out: &str, more: &[&str]| {
        let arguments = ["train", "--data", "bars", "--epochs", "2", "--out", out, "--json"];
        chainrule(here, &[&arguments[..], more].concat());
    };
    train("conv", &[]);
    let words = "conv 8 3 padding 1, relu, residual (conv 8 3 padding 1, batch-norm, relu), max-pool 2, global-avg-pool, dense 2";
    train("residual", &["--network", words]);
    let mut browser = Browser::launch();
    for run in ["conv", "residual"] {
        let file = format!("{run}.html");
        let report =
            chainrule(here, &["explain", run, "--data", "bars", "--example", "2", "--html", &file, "--json"]);
        assert!(report["trace"].as_array().unwrap().len() > 5);
        for (size, view) in [("narrow", NARROW), ("wide", WIDE)] {
            for dark in [false, true] {
                let mut page = browser.open(&here.join(&file), View { dark, ..view });
                let what = format!("{run}, {size}, dark {dark}");
                let over = page
                    .evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
                assert_eq!(over, 0, "{what}: the page is wider than its window");
                labels::are_apart(&mut page, &what);
                tables::are_whole(&mut page, &what);
                let broken = "[...document.images].filter(image => image.naturalWidth === 0).length";
                assert_eq!(page.evaluate(broken), 0, "{what}: pictures that do not show");
                // The picture, the derivative in it twice, the maps and filters of each convolution.
                assert!(page.evaluate("document.images.length").as_u64().unwrap() > 8, "{what}");
                assert_eq!(page.errors(), Vec::<String>::new());
                if let Some(path) = screenshot(&format!("{run}-{size}-{dark}.png")) {
                    page.screenshot(&path);
                }
            }
        }
        let text = std::fs::read_to_string(here.join(&file)).unwrap();
        assert!(text.len() < 600_000, "{run}: {} bytes", text.len());
    }
}

#[test]
#[ignore = "needs Chromium: `cargo xtask test` runs it"]
fn a_fault_on_a_page_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("faulty.html");
    std::fs::write(
        &file,
        "<!doctype html><script>console.error('askew'); throw new Error('broken')</script>",
    )
    .unwrap();
    let mut browser = Browser::launch();
    let mut page = browser.open(&file, WIDE);
    let errors = page.errors().concat();
    assert!(errors.contains("askew") && errors.contains("broken"), "{errors}");
}
