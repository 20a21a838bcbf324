use std::path::Path;

use crate::chromium::{Browser, View};
use crate::{chainrule, screenshot};

const WIDE: View = View { width: 1400, height: 900, dark: false, reduced_motion: false };
const NARROW: View = View { width: 400, height: 800, dark: false, reduced_motion: true };

/// Two runs on images and one on numbers, and their comparison.
fn pages(folder: &Path) -> [&'static str; 3] {
    chainrule(
        folder,
        &["train", "--epochs", "2", "--validation", "0.1", "--log-every", "10", "--out", "digits", "--json"],
    );
    chainrule(folder, &["train", "--data", "teacher", "--epochs", "2", "--out", "teacher", "--json"]);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_chainrule"))
        .current_dir(folder)
        .args(["report", "digits", "teacher"])
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    ["digits/report.html", "teacher/report.html", "comparison.html"]
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
    let [digits, teacher, comparison] = pages(folder.path());
    let mut browser = Browser::launch();
    let mut page = browser.open(&folder.path().join(digits), WIDE);
    let headings = page.text("[...document.querySelectorAll('h2')].map(h => h.textContent).join('|')");
    for heading in [
        "Loss",
        "Accuracy",
        "Gradient norms",
        "Learning rate",
        "Where the time went",
        "Confusion matrix",
        "Each class",
        "Most confident mistakes",
        "First layer",
        "Configuration",
        "Machine",
    ] {
        assert!(headings.split('|').any(|found| found == heading), "no {heading} in {headings}");
    }
    assert_eq!(page.evaluate("document.querySelectorAll('.weights img').length"), 48);
    // Every test example is in the matrix, each once.
    let sum =
        "[...document.querySelectorAll('td.cell')].reduce((sum, cell) => sum + Number(cell.textContent), 0)";
    assert_eq!(page.evaluate(sum), 360);
    let asked = "performance.getEntriesByType('resource').filter(r => !r.name.startsWith('data:')).length";
    assert_eq!(page.evaluate(asked), 0);
    assert_eq!(page.evaluate("document.scripts.length"), 0);
    drop(page);
    let mut page = browser.open(&folder.path().join(teacher), WIDE);
    assert!(page.text("document.body.textContent").contains("test R²"));
    drop(page);
    let mut page = browser.open(&folder.path().join(comparison), WIDE);
    assert_eq!(page.evaluate("document.querySelectorAll('section:first-child tbody tr').length"), 2);
    let link = page.text("document.querySelector('a').getAttribute('href')");
    assert_eq!(link, "digits/report.html");
}
