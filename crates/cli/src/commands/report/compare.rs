//! Several runs on one page.

use std::collections::BTreeMap;

use chainrule_report::plot::{Mark, Plot};

use super::page::{escaped, note, page, section, table};
use super::run::Story;

/// The page; `links` lead to the runs' own pages, where they have one.
pub(super) fn comparison(stories: &[Story], links: &[Option<String>]) -> String {
    let rows: Vec<Vec<String>> = stories
        .iter()
        .zip(links)
        .map(|(story, link)| {
            let name = escaped(&story.name);
            let name = match link {
                Some(link) => format!("<a href=\"{}\">{name}</a>", escaped(link)),
                None => name,
            };
            let (key, _) = story.score();
            let figure = |key: &str, digits| story.figure(key, digits).unwrap_or_default();
            let text = |key: &str| escaped(story.results[key].as_str().unwrap_or_default());
            vec![
                name,
                text("data"),
                text("layers"),
                figure(&format!("test_{key}"), 4),
                figure("test_loss", 5),
                figure("train_loss", 5),
                figure("epochs", 0),
                figure("seconds", 2),
                figure("samples_per_second", 0),
            ]
        })
        .collect();
    let head = [
        "run",
        "data",
        "layers",
        "test accuracy or R²",
        "test loss",
        "training loss",
        "epochs",
        "seconds",
        "examples/s",
    ];
    let plot = |title: &str, label: &str, figure: &str, log: bool| {
        let mut plot = Plot::new(title, "epoch", label);
        if log {
            plot = plot.log_y();
        }
        let drawn = stories.iter().map(|story| (story, story.curve("epoch", figure)));
        let drawn: Vec<_> = drawn.filter(|(_, points)| !points.is_empty()).collect();
        if drawn.is_empty() {
            return String::new();
        }
        let plot =
            drawn.into_iter().fold(plot, |plot, (story, points)| plot.with(&story.name, Mark::Line, points));
        section(title, &plot.to_svg())
    };
    let body = format!(
        "<header>\n<h1>{} runs</h1>\n</header>\n<main>\n{}<div class=\"pair\">\n{}{}{}</div>\n{}</main>\n",
        stories.len(),
        section("Results", &table(&head, &rows)),
        plot("Training loss", "loss", "train_loss", true),
        plot("Validation loss", "loss", "validation_loss", true),
        plot("Validation accuracy or R²", "accuracy or R²", "validation", false),
        section("Settings that differ", &differences(stories)),
    );
    page(&format!("{} runs · chainrule", stories.len()), &body)
}

/// The settings that are not the same in all runs: one row a setting, one column a run.
fn differences(stories: &[Story]) -> String {
    let mut settings: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (place, story) in stories.iter().enumerate() {
        for (key, value) in story.settings.lines().filter_map(|line| line.split_once(" = ")) {
            settings.entry(key).or_insert_with(|| vec![""; stories.len()])[place] = value.trim_matches('"');
        }
    }
    let rows: Vec<Vec<String>> = settings
        .iter()
        .filter(|(_, values)| values.iter().any(|value| *value != values[0]))
        .map(|(key, values)| {
            [&[escaped(key)], &values.iter().map(|value| escaped(value)).collect::<Vec<_>>()[..]].concat()
        })
        .collect();
    if rows.is_empty() {
        return note("All settings are the same.");
    }
    let names: Vec<&str> = stories.iter().map(|story| story.name.as_str()).collect();
    table(&[&["setting"], &names[..]].concat(), &rows)
}
