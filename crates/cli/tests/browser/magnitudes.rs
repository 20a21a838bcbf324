//! Numbers of any size on the page of an example.

use serde_json::json;

use crate::chromium::Browser;
use crate::explain::{NARROW, WIDE};
use crate::{chainrule, labels, screenshot};

/// What cannot be read or is not true: marks of formulas as letters, letters that are too small, and numbers that became 0.
const FAULTS: &str = r"(() => {
  const text = document.querySelector('main').innerText + [...document.querySelectorAll('[aria-label]')].map((e) => e.ariaLabel).join();
  const found = [...text.matchAll(/\^|NaN|Infinity/g)].map(([mark]) => mark);
  for (const text of document.querySelectorAll('#network text')) {
    if (!text.textContent) continue;
    if (parseFloat(getComputedStyle(text).fontSize) < 8) found.push(`small: ${text.textContent}`);
    if (['−0', 'y 0', 'z 0', 'δ 0', 'y −0', '–'].includes(text.textContent)) found.push(text.textContent);
  }
  return found;
})()";

#[test]
#[ignore = "needs Chromium: `cargo xtask test` runs it"]
fn targets_far_from_one_have_numbers_that_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let mut browser = Browser::launch();
    for exponent in ["e-30", "e30"] {
        let row = |i: usize| format!("{}.5,{},{}.{}{exponent}\n", i % 17, i * 5 % 11, i * 7 % 23 + 1, i % 10);
        let rows: String = (0..120).map(row).collect();
        std::fs::write(here.join("d.csv"), format!("a,b,y\n{rows}")).unwrap();
        let train = ["train", "d.csv", "--epochs", "2", "--layers", "12", "--activation", "tanh"];
        chainrule(here, &[&train[..], &["--out", exponent, "--json"]].concat());
        chainrule(here, &["explain", exponent, "--example", "2", "--html", "page.html", "--force", "--json"]);
        for (size, view) in [("narrow", NARROW), ("wide", WIDE)] {
            let mut page = browser.open(&here.join("page.html"), view);
            for step in 1..=8 {
                let what = format!("{exponent}, {size}, step {step}");
                assert_eq!(page.evaluate(FAULTS), json!([]), "{what}");
                labels::are_inside_circles(&mut page, &what);
                if let (Some(path), 6) = (screenshot(&format!("magnitudes{exponent}-{size}.png")), step) {
                    page.screenshot(&path);
                }
                page.press("ArrowRight");
            }
            assert_eq!(page.errors(), Vec::<String>::new());
        }
    }
}
