//! The settings in which runs differ.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::SHORT;
use super::compared::Compared;
use crate::digits::readable;
use crate::html::{cell, note, table};

/// Settings that change no number of a run.
const WITHOUT_EFFECT: [&str; 3] = ["threads", "log-every", "checkpoint-every"];
/// Where a run has no value of its own.
const DEFAULT: &str = "default";

/// The settings that are not the same in all runs: a row for each run, a column for each setting.
pub(super) fn differences(runs: &[Compared], names: &[String]) -> Markup {
    let mut settings: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (place, run) in runs.iter().enumerate() {
        for (key, value) in run.record.settings.iter().filter(|(key, _)| !WITHOUT_EFFECT.contains(key)) {
            settings.entry(key).or_insert_with(|| vec![DEFAULT; runs.len()])[place] = value;
        }
    }
    settings.retain(|_, values| values.iter().any(|value| !is_same(value, values[0])));
    if settings.is_empty() {
        return note("All settings are the same, but for those that change no number.");
    }
    let columns: Vec<Vec<String>> = settings.values().map(|values| told_apart(values)).collect();
    let row = |(place, name): (usize, &String)| {
        let own = columns.iter().map(|values| setting(&values[place]));
        std::iter::once(cell(name)).chain(own).collect()
    };
    let rows: Vec<Vec<Markup>> = names.iter().enumerate().map(row).collect();
    let head: Vec<&str> = std::iter::once("run").chain(settings.keys().copied()).collect();
    html! { div.settings { (table(&head, &rows)) } }
}

/// Whether two values of a setting mean the same: numbers may be spelt differently.
fn is_same(a: &str, b: &str) -> bool {
    a == b || matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
}

/// A setting as a cell, wide enough for a long one to be read.
fn setting(text: &str) -> Markup {
    html! { @if text.chars().count() > SHORT { span.long { (cell(text)) } } @else { (cell(text)) } }
}

/// The values with as many digits as anyone reads, unless two of them then look the same.
fn told_apart(values: &[&str]) -> Vec<String> {
    let short: Vec<String> = values.iter().map(|value| readable(value)).collect();
    let all: BTreeSet<_> = values.iter().collect();
    if short.iter().collect::<BTreeSet<_>>().len() == all.len() {
        return short;
    }
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::compared::tests::ended;
    use crate::settings::Settings;

    #[test]
    fn settings_have_as_many_digits_as_tell_them_apart() {
        let [long, other] = ["0.0010438413361169101", "0.0010438413361169999"];
        assert_eq!(told_apart(&[long, "0.01"]), ["0.00104384", "0.01"]);
        assert_eq!(told_apart(&[long, other]), [long, other]);
        assert_eq!(told_apart(&[long, long, "conv 8 3"]), ["0.00104384", "0.00104384", "conv 8 3"]);
    }

    #[test]
    fn each_run_is_a_row_and_what_means_the_same_is_no_difference() {
        let run = |folder: &str, settings: &str| {
            let mut run = ended(folder, 0.5);
            run.record.settings = Settings::parse(settings).unwrap();
            run
        };
        let names = ["a", "b"].map(str::to_owned);
        let page = |a: &str, b: &str| differences(&[run("/a", a), run("/b", b)], &names).into_string();
        let same = page("lr = 0.1\nseed = 1\nthreads = 2\n", "lr = 1e-1\nseed = 1\n");
        assert!(same.contains("All settings are the same"), "{same}");
        let other = page("lr = 0.1\nbatch = 8\n", "lr = 0.2\n");
        let rows: Vec<&str> = other.split("<tr>").skip(1).collect();
        assert_eq!(rows.len(), 3, "{other}");
        assert!(rows[0].contains(">batch<") && rows[0].contains(">lr<"), "{other}");
        assert!(
            rows[1].contains(">8<") && rows[2].contains(">default<") && rows[2].contains(">0.2<"),
            "{other}"
        );
    }
}
