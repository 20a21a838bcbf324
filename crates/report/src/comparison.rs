//! Several runs on one page.

mod compared;
mod curves;
mod differences;
mod names;
mod table;

use maud::html;

use crate::html::{page, section};

use curves::curves;
use differences::differences;
use names::distinguished;
use table::results;

pub use compared::{Compared, Outcome};

/// Letters of a name or setting that is not broken at most.
const SHORT: usize = 20;

/// The page that compares runs, as HTML.
pub fn comparison_page(runs: &[Compared]) -> String {
    let title = if runs.len() == 1 { "1 run".to_owned() } else { format!("{} runs", runs.len()) };
    let folders: Vec<_> = runs.iter().map(|run| run.folder.as_path()).collect();
    let names = distinguished(&folders);
    let curves = curves(runs, &names);
    let body = html! {
        header { h1 { (title) } }
        main {
            (section("Results", &results(runs, &names)))
            @if !curves.is_empty() { div.pair { @for curve in curves { (curve) } } }
            @if runs.len() > 1 { (section("Settings that differ", &differences(runs, &names))) }
        }
    };
    page(&format!("{title} · chainrule"), &body)
}

#[cfg(test)]
mod tests {
    use super::compared::tests::{ended, unfinished};
    use super::*;
    use crate::results::{Figures, LossUnits};
    use crate::settings::Settings;

    #[test]
    fn a_run_is_called_by_what_tells_it_apart_with_its_state_beside_it() {
        let page = comparison_page(&[ended("/a/run", 0.5), unfinished("/b/run")]);
        assert!(
            page.contains(r#"<th scope="row" data-value="a/run"><span class="short">a/run</span></th>"#),
            "{page}"
        );
        let state = r#"data-value="b/run"><span class="short">b/run</span> <span class="state">interrupted or killed after 3 epochs</span></th>"#;
        assert!(page.contains(state), "{page}");
        assert!(page.contains("b/run: interrupted or killed after 3 epochs; resume it"));
    }

    #[test]
    fn figures_of_an_unfinished_run_are_those_of_its_last_epoch() {
        let mut killed = unfinished("/b/run");
        killed.record.settings =
            Settings::parse("data = \"/data/digits.csv\"\nloss = \"cross-entropy\"\nlayers = \"32\"\n")
                .unwrap();
        let page = comparison_page(&[ended("/a/run", 0.5), killed]);
        let row = page.split("<tr class=\"unfinished\">").nth(1).unwrap().split("</tr>").next().unwrap();
        for cell in [">0.33333<", ">3</td>", ">digits.csv</bdi>", ">32</td>"] {
            assert!(row.contains(cell), "{cell}: {row}");
        }
        assert!(!row.contains("/data/"), "{row}");
    }

    #[test]
    fn one_run_has_no_settings_that_differ() {
        let page = comparison_page(&[ended("/a", 0.5)]);
        assert!(page.contains("Results") && !page.contains("Settings that differ"), "{page}");
    }

    #[test]
    fn the_best_is_marked_among_runs_with_the_same_test_part() {
        let with_seed = |folder: &str, accuracy: f64, seed: usize| {
            let mut run = ended(folder, accuracy);
            let Outcome::Ended(results) = &mut run.outcome else { panic!("it ended") };
            results.diagnostics = serde_json::from_value(serde_json::json!({ "parts": [
                { "name": "test", "examples": 30, "origin": format!("20 % of the data, drawn by seed {seed}"), "loss": 0.5 }
            ] }))
            .unwrap();
            run
        };
        let same = comparison_page(&[with_seed("/a", 0.5, 0), with_seed("/b", 0.6, 0)]);
        assert!(same.contains('★') && !same.contains("No best"), "{same}");
        let other = comparison_page(&[with_seed("/a", 0.5, 0), with_seed("/b", 0.6, 1)]);
        assert!(
            !other.contains('★')
                && other.contains("No best test figure is marked: the runs have different test parts"),
            "{other}"
        );
    }

    #[test]
    fn accuracy_and_r2_have_a_column_each() {
        let mut other = ended("/b", 0.5);
        let Outcome::Ended(results) = &mut other.outcome else { panic!("it ended") };
        results.summary.figures = Figures::Regression {
            train_loss: 0.5,
            train_r2: 0.7,
            validation_loss: None,
            validation_r2: None,
            test_loss: Some(0.5),
            test_r2: Some(-0.7),
        };
        let page = comparison_page(&[ended("/a", 0.5), other]);
        assert!(
            page.contains(">test accuracy</th>")
                && page.contains(">test R²</th>")
                && page.contains("−0.7000"),
            "{page}"
        );
    }

    #[test]
    fn losses_of_different_units_are_not_ranked_and_each_says_its_own() {
        let (a, mut b) = (ended("/a", 0.5), ended("/b", 0.5));
        let Outcome::Ended(results) = &mut b.outcome else { panic!("it ended") };
        let Figures::Classification { test_loss, .. } = &mut results.summary.figures else {
            panic!("of classes")
        };
        *test_loss = Some(0.25);
        let same = comparison_page(&[a.clone(), b.clone()]);
        assert!(same.contains("0.25") && same.contains('★'), "{same}");
        assert!(
            same.contains("The losses of the table are cross-entropy in nats") && !same.contains("loss in<")
        );
        let Outcome::Ended(results) = &mut b.outcome else { panic!("it ended") };
        let other = LossUnits {
            name: "squared-error".to_owned(),
            unit: None,
            unit_in_training: None,
            targets: 0,
            with: Vec::new(),
        };
        results.loss = Some(other);
        let page = comparison_page(&[a, b]);
        assert!(!page.contains('★') && page.contains(">loss in</th>"), "{page}");
        assert!(
            page.contains(">squared-error</td>") && page.contains(">cross-entropy in nats</td>"),
            "{page}"
        );
    }
}
