//! The figures as Markdown.

use std::fmt::Write as _;

use crate::figures::{BOUND, Figures, LIBRARIES, OURS, Row};
use crate::workloads::WORKLOADS;

/// All tables: one for each number of threads, and the starts.
pub(crate) fn all(figures: &Figures) -> String {
    let mut text = format!("Processor: {}, {} of its threads.", figures.processor, figures.cores);
    let versions: Vec<_> =
        figures.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    if !versions.is_empty() {
        let _ = write!(text, " {}.", versions.join(", "));
    }
    text.push('\n');
    let mut counts: Vec<usize> = figures.rows.iter().map(|row| row.threads).collect();
    counts.sort_unstable();
    counts.dedup();
    for threads in counts {
        let heading = if threads == 1 { "One thread".to_owned() } else { format!("{threads} threads") };
        let _ = write!(text, "\n### {heading}\n\n{}", of_threads(figures, threads));
    }
    if !figures.starts.is_empty() {
        let _ = write!(text, "\n### One step of W3 from the start of a process\n\n{}", starts(figures));
    }
    text
}

fn of_threads(figures: &Figures, threads: usize) -> String {
    let rows: Vec<&Row> = WORKLOADS.iter().filter_map(|name| figures.row(name, threads)).collect();
    let measured = |library: &&&str| rows.iter().any(|row| row.best_of(library).is_some());
    let libraries: Vec<&str> = LIBRARIES.iter().filter(measured).copied().collect();
    let mut head = vec!["samples/s", BOUND, OURS, "share"];
    head.extend(&libraries);
    if !libraries.is_empty() {
        head.push("over the fastest");
    }
    if threads > 1 {
        head.push("over one thread");
    }
    let lines = rows.iter().map(|row| {
        let pace = |name: &str| row.pace(name).map_or("–".to_owned(), short);
        let ratio = |ratio: Option<f64>| ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
        let mut cells = vec![row.workload.clone(), pace(BOUND), format!("**{}**", pace(OURS))];
        cells.push(ratio(row.ratio(OURS, BOUND)));
        cells.extend(libraries.iter().map(|library| {
            row.best_of(library).map_or("–".to_owned(), |name| {
                let variant = name[library.len()..].trim();
                let variant = if variant.is_empty() { String::new() } else { format!(" ({variant})") };
                pace(name) + &variant
            })
        }));
        if !libraries.is_empty() {
            cells.push(format!("**{}**", ratio(row.lead())));
        }
        if threads > 1 {
            let one = figures.row(&row.workload, 1).and_then(|one| one.pace(OURS));
            cells.push(ratio(one.and_then(|one| Some(row.pace(OURS)? / one))));
        }
        cells
    });
    table(&head, lines)
}

fn starts(figures: &Figures) -> String {
    let lines = figures.starts.iter().map(|start| {
        vec![
            start.contestant.clone(),
            format!("{:.0} ms", start.milliseconds),
            format!("{:.0} MB", start.megabytes),
        ]
    });
    table(&["", "start to end", "peak memory"], lines)
}

/// A table whose first column is left-aligned and the others right.
pub(crate) fn table(head: &[&str], lines: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<String> = head.iter().map(ToString::to_string).collect();
    let rule = format!("|---{}|\n", "|--:".repeat(head.len() - 1));
    line(&head) + &rule + &lines.map(|cells| line(&cells)).collect::<String>()
}

/// Three digits: 1.97 M, 310 k, 41.6 k, 986.
pub(crate) fn short(x: f64) -> String {
    let (scaled, unit) = match x {
        999_500.0.. => (x / 1e6, " M"),
        999.5.. => (x / 1e3, " k"),
        _ => (x, ""),
    };
    let digits = match scaled {
        99.95.. => 0,
        9.995.. => 1,
        _ => 2,
    };
    format!("{scaled:.digits$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::tests::sample;

    #[test]
    fn figures_have_three_digits() {
        let cases = [
            (1_966_000.0, "1.97 M"),
            (310_400.0, "310 k"),
            (41_640.0, "41.6 k"),
            (999_600.0, "1.00 M"),
            (4_637.0, "4.64 k"),
            (999.7, "1.00 k"),
            (45.67, "45.7"),
            (0.5, "0.50"),
        ];
        for (x, expected) in cases {
            assert_eq!(short(x), expected);
        }
    }

    #[test]
    fn a_row_names_the_fastest_variant_of_each_library() {
        let text = all(&sample());
        let expected = "| W1 | 150 | **135** | 0.90 | 60.0 (fused) | 90.0 (scan) | **1.50** |";
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains("burn"), "{text}");
    }
}
