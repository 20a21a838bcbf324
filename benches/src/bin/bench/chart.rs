//! The figures as a bar chart: everybody's pace over that of the bare products.

use std::fmt::Write as _;

use crate::figures::{BOUND, Figures, LIBRARIES, OURS, Row};
use crate::workloads::WORKLOADS;

const BAR: f64 = 13.0;
const GAP: f64 = 16.0;
const LEFT: f64 = 150.0;
const WIDTH: f64 = 430.0;
/// Room to the right of the longest bar for its number.
const RIGHT: f64 = 60.0;

/// Light or dark as the page it stands on; no fonts, no scripts.
const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#1f2328}.head{font-weight:600;font-size:14px}\
.small{fill:#59636e;paint-order:stroke;stroke:#fff;stroke-width:3px}\
.ours{fill:#0969da}.peer{fill:#afb8c1}.line{stroke:#d1d9e0}.bound{stroke:#cf222e;stroke-dasharray:4 3}\
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.small{fill:#9198a1;stroke:#0d1117}.ours{fill:#4493f8}.peer{fill:#57606a}\
.line{stroke:#3d444d}.bound{stroke:#f85149}}";

/// One group of bars for each workload, one part for each number of threads.
pub(crate) fn svg(figures: &Figures) -> String {
    let mut counts: Vec<usize> = figures.rows.iter().map(|row| row.threads).collect();
    counts.sort_unstable();
    counts.dedup();
    let shares = figures.rows.iter().flat_map(|row| bars(row).into_iter().map(|(_, share)| share));
    let scale = WIDTH / shares.fold(1.0, f64::max);
    let (mut body, mut y) = (String::new(), 24.0);
    for threads in counts {
        let heading = if threads == 1 { "one thread".to_owned() } else { format!("{threads} threads") };
        let _ = writeln!(
            body,
            r#"<text class="head" x="8" y="{y}">Training samples per second over the bare products: {heading}</text>"#
        );
        y += GAP;
        let (top, mut rows) = (y, String::new());
        for row in WORKLOADS.iter().filter_map(|name| figures.row(name, threads)) {
            let middle = y + BAR * bars(row).len() as f64 / 2.0 + 4.0;
            let _ = writeln!(rows, r#"<text class="head" x="8" y="{middle}">{}</text>"#, row.workload);
            for (name, share) in bars(row) {
                rows += &bar(&name, share, y, scale);
                y += BAR;
            }
            y += GAP;
        }
        let (bound, bottom) = (LEFT + scale, y - GAP / 2.0);
        for (class, x) in [("line", LEFT), ("bound", bound)] {
            let _ = writeln!(body, r#"<line class="{class}" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>"#);
        }
        // The numbers stand on the lines, not under them.
        body += &rows;
        y += 20.0;
    }
    let width = LEFT + WIDTH + RIGHT;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {y}\" role=\"img\" \
         aria-label=\"Training samples per second of each library over the bare products of a step\">\n\
         <style>{STYLE}</style>\n{body}</svg>\n"
    )
}

/// Chainrule and the best variant of each library, as shares of the bound.
fn bars(row: &Row) -> Vec<(String, f64)> {
    let names = [OURS].into_iter().chain(LIBRARIES.iter().filter_map(|library| row.best_of(library)));
    names.filter_map(|name| Some((name.to_owned(), row.ratio(name, BOUND)?))).collect()
}

fn bar(name: &str, share: f64, y: f64, scale: f64) -> String {
    let class = if name == OURS { "ours" } else { "peer" };
    let library = LIBRARIES.iter().find(|library| name.starts_with(**library)).unwrap_or(&name);
    let (length, height, baseline) = (share * scale, BAR - 2.0, y + BAR - 3.0);
    let (label, number) = (LEFT - 6.0, LEFT + length + 5.0);
    format!(
        "<text x=\"{label}\" y=\"{baseline}\" text-anchor=\"end\">{library}</text>\
         <rect class=\"{class}\" x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"{height}\" rx=\"2\"/>\
         <text class=\"small\" x=\"{number:.1}\" y=\"{baseline}\">{share:.2}</text>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::tests::sample;

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        let svg = svg(&sample());
        // 0.9 and 0.6 of the 430 units that stand for the bound.
        assert!(svg.contains(r#"class="ours" x="150" y="40" width="387.0""#), "{svg}");
        assert!(svg.contains(r#"width="258.0""#), "{svg}");
        assert_eq!(svg.matches("<rect").count(), 3);
    }
}
