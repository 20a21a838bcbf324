use std::fs;
use std::path::Path;
use std::process::Command;

use crate::chromium::{Browser, View};
use crate::{chainrule, labels, screenshot, tables};

const WIDE: View = View { width: 1400, height: 900, dark: false, reduced_motion: false, scripts: true };
const NARROW: View = View { width: 400, height: 800, dark: false, reduced_motion: true, scripts: true };

/// A folder of pictures of 16 x 16 pixels: bars that lie and bars that stand, of which some are in the wrong subfolder.
pub(crate) fn bars(folder: &Path) {
    for class in ["lying", "standing"] {
        fs::create_dir_all(folder.join("bars").join(class)).unwrap();
    }
    for example in 0..120_u32 {
        let (stands, at) = (example % 2 == 1, 2 + example / 2 % 11);
        // BMP: 24 bits a pixel, rows from below, without compression.
        let (size, start) = (54_u32 + 16 * 16 * 3, 54_u32);
        let mut file = b"BM".to_vec();
        for word in [size, 0, start, 40, 16, 16, 1 | 24 << 16, 0, 0, 0, 0, 0, 0] {
            file.extend(word.to_le_bytes());
        }
        for pixel in 0..256 {
            let place = if stands { pixel % 16 } else { pixel / 16 };
            let noise = (example * 257 + pixel * 7919) % 60;
            file.extend([if place.abs_diff(at) < 2 { 190 + noise as u8 } else { noise as u8 }; 3]);
        }
        let class = if stands == (example % 20 != 3) { "standing" } else { "lying" };
        fs::write(folder.join(format!("bars/{class}/{example:03}.bmp")), file).unwrap();
    }
}

/// A table with a category and two classes.
fn people(folder: &Path) {
    let row = |i: u32| {
        let (age, city) = (18 + i * 37 % 60, ["Oslo", "Rome", "Lima"][i as usize % 3]);
        format!("{age},{city},{},{}\n", i * 13 % 97, if age + i % 3 * 9 > 52 { "yes" } else { "no" })
    };
    let rows: String = (0..300).map(row).collect();
    fs::write(folder.join("people.csv"), format!("age,city,unrelated,buys\n{rows}")).unwrap();
}

/// Names that are longer than a narrow window has room for.
const LONG: [&str; 2] = ["median_house_value_of_all_owner_occupied_homes_of_the_block_group", "rent"];

/// Two numbers of long names, thirty classes, and two labels, of two inputs.
fn wide_tables(folder: &Path) {
    let rows = |of: &dyn Fn(usize, usize) -> String| -> String {
        let row = |i: usize| {
            let (a, b) = (i * 37 % 100, i * 61 % 83);
            format!("{a},{b},{}\n", of(a, b))
        };
        (0..600).map(row).collect()
    };
    let write = |name: &str, targets: &str, rows: String| {
        fs::write(folder.join(name), format!("a,b,{targets}\n{rows}")).unwrap();
    };
    write("numbers.csv", &LONG.join(","), rows(&|a, b| format!("{},{}", 1000 * (a + b), a * b)));
    write("classes.csv", "kind", rows(&|a, b| format!("the kind of trees with number {}", (a + b) % 30)));
    write(
        "labels.csv",
        "tall,wide",
        rows(&|a, b| format!("{},{}", ["no", "yes"][usize::from(a > 80)], u8::from(b > 40))),
    );
}

pub(crate) fn run(folder: &Path, arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_chainrule"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Runs on images, numbers, a table and with a convolutional network, one that diverged, and their comparison.
fn pages(folder: &Path) -> [&'static str; 8] {
    let train = |arguments: &[&str]| chainrule(folder, &[&["train"], arguments, &["--json"]].concat());
    train(&["--epochs", "2", "--validation", "0.1", "--log-every", "10", "--out", "digits"]);
    train(&["--data", "teacher", "--epochs", "2", "--out", "teacher"]);
    people(folder);
    train(&["--data", "people.csv", "--epochs", "12", "--validation", "0.2", "--out", "people"]);
    bars(folder);
    train(&["--data", "bars", "--epochs", "3", "--validation", "0.2", "--out", "convolutional"]);
    wide_tables(folder);
    let columns = LONG.join(",");
    train(&[
        "--data",
        "numbers.csv",
        "--target",
        &columns,
        "--epochs",
        "3",
        "--log-every",
        "10",
        "--out",
        "numbers",
    ]);
    train(&["--data", "classes.csv", "--epochs", "3", "--out", "classes"]);
    train(&[
        "--data",
        "labels.csv",
        "--target",
        "tall,wide",
        "--epochs",
        "3",
        "--validation",
        "0.1",
        "--out",
        "labels",
    ]);
    let diverged = Command::new(env!("CARGO_BIN_EXE_chainrule"))
        .current_dir(folder)
        .args(["train", "--lr", "1e30", "--optimizer", "sgd", "--epochs", "3", "--out", "diverged"])
        .output()
        .expect("the program starts");
    assert_eq!(diverged.status.code(), Some(1));
    run(folder, &["report", "digits", "teacher", "people", "convolutional", "diverged"]);
    [
        "digits/report.html",
        "teacher/report.html",
        "people/report.html",
        "convolutional/report.html",
        "comparison.html",
        "numbers/report.html",
        "classes/report.html",
        "labels/report.html",
    ]
}

#[test]
#[ignore = "needs Chromium: `cargo xtask test` runs it"]
fn reports_fit_their_windows_in_light_and_dark_without_a_complaint() {
    let folder = tempfile::tempdir().unwrap();
    let mut browser = Browser::launch();
    for file in pages(folder.path()) {
        for (width, view) in [("wide", WIDE), ("narrow", NARROW)] {
            for dark in [false, true] {
                let mut page = browser.open(&folder.path().join(file), View { dark, ..view });
                let what = format!("{file}, {width}, {}", if dark { "dark" } else { "light" });
                let over = page
                    .evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
                assert_eq!(over, 0, "{what}: the page is wider than its window");
                // Ground and letters stand apart, and follow the reader's choice.
                let ground = page.text("getComputedStyle(document.body).backgroundColor");
                let red: u32 = ground.trim_start_matches("rgb(").split(',').next().unwrap().parse().unwrap();
                assert_eq!(red < 128, dark, "{what}: {ground}");
                let broken = "[...document.images].filter(image => image.naturalWidth === 0).length";
                assert_eq!(page.evaluate(broken), 0, "{what}: pictures that do not show");
                labels::are_apart(&mut page, &what);
                labels::of_plots_are_in_place(&mut page, &what);
                tables::are_whole(&mut page, &what);
                assert!(page.errors().is_empty(), "{what}: {:?}", page.errors());
                if let Some(path) = screenshot(&format!("{}-{width}-{dark}.png", file.replace('/', "-"))) {
                    page.screenshot(&path);
                }
            }
        }
    }
}

#[test]
#[ignore = "needs Chromium: `cargo xtask test` runs it"]
fn a_report_shows_each_of_its_parts_and_asks_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let [digits, teacher, people, bars, comparison, ..] = pages(folder.path());
    let mut browser = Browser::launch();
    let mut page = browser.open(&folder.path().join(digits), WIDE);
    let headings = "[...document.querySelectorAll('h2')].map(h => h.textContent).join('|')";
    let found = page.text(headings);
    for heading in [
        "Parts of the data",
        "Loss",
        "Accuracy",
        "Gradient norms",
        "Learning rate",
        "Where the time went",
        "Confusion matrix",
        "Each class",
        "Class balance",
        "Most confident mistakes",
        "First layer",
        "Network",
        "Configuration",
        "Machine",
    ] {
        assert!(found.split('|').any(|found| found == heading), "no {heading} in {found}");
    }
    assert_eq!(page.evaluate("document.querySelectorAll('.weights img').length"), 48);
    // Every test example is in the matrix, each once.
    let sum =
        "[...document.querySelectorAll('td.cell')].reduce((sum, cell) => sum + Number(cell.textContent), 0)";
    assert_eq!(page.evaluate(sum), 360);
    let asked = "performance.getEntriesByType('resource').filter(r => !r.name.startsWith('data:')).length";
    assert_eq!(page.evaluate(asked), 0);
    // One short script of the page's own, and none from elsewhere.
    assert_eq!(page.evaluate("document.scripts.length"), 1);
    assert_eq!(page.evaluate("document.scripts[0].src"), "");
    assert_eq!(page.evaluate("document.scripts[0].text.length < 6000"), true);
    // The epoch with the lowest validation loss is marked in both plots, and in a tile.
    let marked = "[...document.querySelectorAll('svg.wide')].filter(s => s.textContent.includes('lowest validation loss')).length";
    assert_eq!(page.evaluate(marked), 2);
    drop(page);

    let mut page = browser.open(&folder.path().join(teacher), WIDE);
    let text = page.text("document.body.textContent");
    for words in ["test R²", "RMSE", "MAE", "Predicted against true", "Residuals"] {
        assert!(text.contains(words), "no {words}");
    }
    // Without a validation part there is no chart of it, but a word.
    assert!(text.contains("There is no validation part"));
    assert!(text.contains("lowest training loss, epoch"), "the best epoch is marked all the same");
    assert_eq!(
        page.evaluate(
            "[...document.querySelectorAll('figure.plot')].every(f => f.querySelector('.line, .dot'))"
        ),
        true
    );
    drop(page);

    let mut page = browser.open(&folder.path().join(people), WIDE);
    let found = page.text(headings);
    for heading in ["ROC curve", "Precision and recall", "Reliability", "Importance of the columns"] {
        assert!(found.split('|').any(|found| found == heading), "no {heading} in {found}");
    }
    // The column that decides is the first, and the category is one column.
    let first = "[...document.querySelectorAll('h2')].find(h => h.textContent === 'Importance of the columns').parentElement \
                   .querySelectorAll('tbody th')";
    assert_eq!(page.text(&format!("{first}[0].textContent")), "age");
    assert_eq!(page.evaluate(&format!("{first}.length")), 3);
    drop(page);

    let mut page = browser.open(&folder.path().join(bars), WIDE);
    let found = page.text(headings);
    for heading in ["Feature maps of mistakes", "First layer", "Network"] {
        assert!(found.split('|').any(|found| found == heading), "no {heading} in {found}");
    }
    assert!(
        page.text("document.querySelector('h1').textContent").chars().count() < 60,
        "a heading is no table"
    );
    assert!(page.text("document.body.textContent").contains("filters, each on its own scale"));
    drop(page);

    let mut page = browser.open(&folder.path().join(comparison), WIDE);
    assert_eq!(page.evaluate("document.querySelectorAll('section:first-child tbody tr').length"), 5);
    let link = page.text("document.querySelector('a').getAttribute('href')");
    assert_eq!(link, "digits/report.html");
    // The state of a run is beside its name.
    assert_eq!(
        page.text("document.querySelector('tr.unfinished th').textContent"),
        "diverged diverged in its first epoch"
    );
    assert!(
        page.text("document.body.textContent")
            .contains("diverged: diverged in its first epoch: the loss became")
    );
}

#[test]
#[ignore = "needs Chromium: `cargo xtask test` runs it"]
fn units_are_said_labels_counted_and_long_names_kept_in_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let [.., numbers, classes, labelled] = pages(folder.path());
    let mut browser = Browser::launch();
    let mut page = browser.open(&folder.path().join(numbers), NARROW);
    let text = page.text("document.body.textContent");
    for words in [
        "loss in squared standard deviations of each of 2 targets, averaged",
        "The loss is mean-squared-error in squared units of each of 2 targets, averaged",
        "Where the units of the targets differ, the one with the largest numbers decides the loss.",
        "RMSE and MAE are in the unit of the target.",
    ] {
        assert!(text.contains(words), "no {words}");
    }
    // The name of the target is whole on its axis, on as many lines as it needs.
    let axes = "[...document.querySelectorAll('svg.narrow')].map(svg => [...svg.querySelectorAll('text[transform]')] \
                .map(text => text.textContent).join('')).join('|')";
    let found = page.text(axes).replace(' ', "");
    assert!(found.split('|').any(|axis| axis == format!("predicted{}", LONG[0])), "{found}");
    drop(page);

    let mut page = browser.open(&folder.path().join(classes), NARROW);
    // A wide matrix scrolls in its own box, with short heads whose whole names are titles.
    let widest = "Math.max(...[...document.querySelectorAll('.matrix thead th')].map(th => th.getBoundingClientRect().width))";
    assert!(page.evaluate(widest).as_f64().unwrap() < 48.0);
    let first = "document.querySelector('.matrix tbody th').getBoundingClientRect().width";
    assert!(page.evaluate(first).as_f64().unwrap() < 110.0);
    let title = "document.querySelectorAll('.matrix thead th')[3].title";
    assert!(page.text(title).starts_with("the kind of trees with number "));
    // The true class stays in sight.
    page.evaluate("document.querySelector('.matrix').parentElement.scrollLeft = 400");
    let left = "document.querySelector('.matrix tbody th').getBoundingClientRect().left \
                - document.querySelector('.matrix').parentElement.getBoundingClientRect().left";
    assert!(page.evaluate(left).as_f64().unwrap().abs() < 1.0);
    drop(page);

    let mut page = browser.open(&folder.path().join(labelled), WIDE);
    let balance = "[...document.querySelectorAll('h2')].find(h => h.textContent === 'Label balance').parentElement.textContent";
    let balance = page.text(balance);
    for words in ["tall = yes", "wide = 1", "training", "validation", "test", " %)"] {
        assert!(balance.contains(words), "no {words} in {balance}");
    }
}

#[test]
#[ignore = "needs Chromium: `cargo xtask test` runs it"]
fn without_scripts_each_page_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut browser = Browser::launch();
    let said = "(() => { const body = document.body.cloneNode(true); \
                body.querySelectorAll('script, .tip').forEach(e => e.remove()); return body.textContent; })()";
    for file in pages(folder.path()) {
        let [with, without] = [true, false].map(|scripts| {
            let mut page = browser.open(&folder.path().join(file), View { scripts, ..NARROW });
            let ran = page.evaluate("document.querySelector('.tip, th button') !== null");
            assert!(scripts || ran == false, "{file}: a script ran that may not");
            labels::are_apart(&mut page, file);
            assert!(page.errors().is_empty(), "{file}: {:?}", page.errors());
            page.text(said)
        });
        assert_eq!(with, without, "{file}");
        assert!(without.len() > 500, "{file}: {without}");
    }
}

#[test]
#[ignore = "needs Chromium: `cargo xtask test` runs it"]
fn the_numbers_of_a_plot_are_under_the_mouse_and_tables_sort() {
    let folder = tempfile::tempdir().unwrap();
    let train = |out: &str, epochs: &str| {
        chainrule(
            folder.path(),
            &["train", "--data", "moons", "--epochs", epochs, "--validation", "0.2", "--out", out, "--json"],
        )
    };
    let runs = [train("b", "9"), train("a", "3"), train("c", "1")];
    run(folder.path(), &["report", "b", "a", "c"]);
    let mut browser = Browser::launch();
    let mut page = browser.open(&folder.path().join("b/report.html"), WIDE);
    let metrics = fs::read_to_string(folder.path().join("b/metrics.jsonl")).unwrap();
    let last = metrics.lines().rfind(|line| line.contains("\"epoch\",")).unwrap();
    let last: serde_json::Value = serde_json::from_str(last).unwrap();
    // At the right end of the first plot the last epoch is.
    page.evaluate("document.querySelector('figure.plot').scrollIntoView()");
    let right = page.evaluate(
        "(() => { const svg = document.querySelector('figure.plot svg.wide'); const box = svg.getBoundingClientRect(); \
           return [box.right - 20, box.y + box.height / 2]; })()",
    );
    page.hover(right[0].as_f64().unwrap(), right[1].as_f64().unwrap());
    let tip = page.text("document.querySelector('figure.plot .tip').innerText");
    let lines: Vec<&str> = tip.lines().collect();
    assert_eq!(lines[0], "epoch 9", "{tip}");
    for (line, key) in lines[1..].iter().zip(["train_loss", "validation_loss"]) {
        let shown: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
        let exact = last[key].as_f64().unwrap();
        assert!((shown - exact).abs() <= 1e-4 * exact, "{line}: {exact}");
    }
    page.hover(2.0, 2.0);
    assert_eq!(page.evaluate("document.querySelector('figure.plot .tip').hidden"), true);
    assert_eq!(page.errors(), Vec::<String>::new());
    drop(page);

    let mut page = browser.open(&folder.path().join("comparison.html"), WIDE);
    let order =
        "[...document.querySelectorAll('table.sortable tbody th')].map(th => th.textContent).join('')";
    assert_eq!(page.text(order), "bac");
    let sort = |name: &str| {
        format!("[...document.querySelectorAll('th button')].find(b => b.textContent === '{name}').click()")
    };
    page.evaluate(&sort("run"));
    assert_eq!(page.text(order), "abc");
    page.evaluate(&sort("epochs"));
    assert_eq!(page.text(order), "cab");
    page.evaluate(&sort("epochs"));
    assert_eq!(page.text(order), "bac");
    // The best of each figure is marked.
    let best = page.text("document.querySelector('td.best').closest('tr').querySelector('th').textContent");
    let accuracy = |at: usize| runs[at]["test_accuracy"].as_f64().unwrap();
    let first = (0..3).max_by(|&a, &b| accuracy(a).total_cmp(&accuracy(b)).then(b.cmp(&a))).unwrap();
    assert_eq!(best, ["b", "a", "c"][first]);
    assert_eq!(page.errors(), Vec::<String>::new());
}
