//! Whether every cell of the tables of a page can be read: it is whole, or a box that scrolls shows it.

use serde_json::json;

use crate::chromium::{Browser, Page};
use crate::explain::{NARROW, WIDE};
use crate::report::run;
use crate::{chainrule, labels};

/// Cells that are cut, and tables that scroll but not as they should.
const CUT: &str = r"(() => {
  const found = [];
  let measured = 0;
  for (const table of document.querySelectorAll('table')) {
    if (!table.checkVisibility()) continue;
    const scrolls = (box) => ['auto', 'scroll'].includes(getComputedStyle(box).overflowX);
    let frame = table.parentElement;
    while (frame && !scrolls(frame)) frame = frame.parentElement;
    const outer = (frame ?? table.closest('section, header, main')).getBoundingClientRect();
    if (outer.right > document.documentElement.clientWidth + 0.5) found.push(`the box of ${table.textContent.slice(0, 40)}`);
    const isWide = frame && frame.scrollWidth > frame.clientWidth + 1;
    if (isWide && frame.tabIndex !== 0) found.push(`no key reaches ${table.textContent.slice(0, 40)}`);
    for (const cell of table.querySelectorAll('th, td')) {
      measured++;
      const box = cell.getBoundingClientRect();
      const text = cell.textContent.trim();
      // What is cut with an ellipsis is whole where the mouse rests.
      const clips = getComputedStyle(cell).overflowX !== 'visible' && cell.scrollWidth > cell.clientWidth + 1;
      if (clips && !cell.title && !cell.querySelector('[title]')) found.push(`clipped: ${text}`);
      // Letters leave no cell, and no cell its box.
      const letters = document.createRange();
      letters.selectNodeContents(cell);
      if (!clips && letters.getBoundingClientRect().right > box.right + 1) found.push(`beyond its cell: ${text}`);
      const most = frame ? outer.left + frame.scrollWidth - frame.scrollLeft : outer.right;
      if (box.right > most + 1) found.push(`beyond its box: ${text}`);
    }
    if (!isWide) continue;
    // At the end of the way, the last column is in sight, and so is what each row is about.
    const before = frame.scrollLeft;
    frame.scrollLeft = frame.scrollWidth;
    for (const row of table.rows) {
      const [first, last] = [row.cells[0], row.cells[row.cells.length - 1]].map((cell) => cell.getBoundingClientRect());
      if (Math.abs(first.left - outer.left) > 1.5) found.push(`left behind: ${row.cells[0].textContent}`);
      if (last.right > outer.right + 1) found.push(`out of reach: ${row.textContent}`);
      if (first.width > 0.55 * outer.width) found.push(`in the way: ${row.cells[0].textContent}`);
    }
    frame.scrollLeft = before;
  }
  return { measured, found };
})()";

/// Measures the cells of all tables of a page.
#[track_caller]
pub(crate) fn are_whole(page: &mut Page<'_>, what: &str) {
    let cut = page.evaluate(CUT);
    assert!(cut["measured"].as_u64() > Some(3), "{what}: {cut}");
    assert_eq!(cut["found"], json!([]), "{what}: cells that cannot be read");
}

/// Whether the table below a heading is as wide as its box at most.
#[track_caller]
pub(crate) fn fits(page: &mut Page<'_>, heading: &str, what: &str) {
    let beyond = page.evaluate(&format!(
        "(() => {{ const box = [...document.querySelectorAll('h2')].find(h => h.textContent === '{heading}').parentElement \
           .querySelector('.scroll'); return box.scrollWidth - box.clientWidth; }})()"
    ));
    assert_eq!(beyond, 0, "{what}: the table of {heading} is wider than its box");
}

#[test]
#[ignore = "needs Chromium: `cargo xtask test` runs it"]
fn tables_of_short_names_fit_a_narrow_window_and_those_of_seven_runs_a_wide_one() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let iris = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples/iris.csv");
    chainrule(here, &["train", iris, "--target", "species", "--epochs", "3", "--out", "iris", "--json"]);
    let mut browser = Browser::launch();
    let mut page = browser.open(&here.join("iris/report.html"), NARROW);
    for heading in
        ["Parts of the data", "Each class", "Importance of the columns", "Class balance", "Network"]
    {
        fits(&mut page, heading, "iris");
    }
    drop(page);

    let network =
        "flatten, dense 64, relu, batch-norm, dropout 0.1, dense 32, relu, batch-norm, dropout 0.1, dense 10";
    let runs: [(&str, &[&str]); 7] = [
        ("constant-rate", &["--schedule", "constant"]),
        ("with-validation-part", &["--validation", "0.1"]),
        ("two-small-layers", &["--layers", "32-32", "--dropout", "0.2"]),
        ("adamw-and-cosine", &["--activation", "gelu", "--optimizer", "adamw", "--schedule", "cosine"]),
        ("gradient-descent", &["--optimizer", "sgd", "--lr", "0.1"]),
        ("two-large-layers", &["--layers", "256-128", "--activation", "tanh"]),
        ("with-batch-norm", &["--network", network]),
    ];
    for (out, arguments) in runs {
        chainrule(here, &[&["train", "--epochs", "2", "--out", out, "--json"], arguments].concat());
    }
    run(here, &[&["report"][..], &runs.map(|(out, _)| out)].concat());
    for (view, what) in [(WIDE, "wide"), (NARROW, "narrow")] {
        let mut page = browser.open(&here.join("comparison.html"), view);
        are_whole(&mut page, what);
        labels::are_apart(&mut page, what);
        if what == "wide" {
            // The window has room for the names of all runs on one line each.
            let rows = "[...document.querySelectorAll('table.sortable tbody th')].map(th => th.firstChild.getClientRects().length)";
            assert_eq!(page.evaluate(rows), serde_json::json!([1, 1, 1, 1, 1, 1, 1]));
            fits(&mut page, "Results", what);
        }
    }
}
