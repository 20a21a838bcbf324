//! Plots as SVG: lines, points, stems and bars on linear or logarithmic axes.
//!
//! One file, no script, no font to load: a plot reads in a browser, in a README and on paper, follows the reader's
//! choice of light or dark, and tells its story to a screen reader in its title and description.
//!
//! ```
//! use chainrule_report::plot::{Mark, Plot};
//!
//! let loss = (1..=50).map(|epoch| (f64::from(epoch), 2.0 / f64::from(epoch)));
//! let svg = Plot::new("Training", "epoch", "loss").log_y().with("Adam", Mark::Line, loss).to_svg();
//! assert!(svg.starts_with("<svg") && svg.contains("<title>Training</title>"));
//! ```

mod ruler;

use std::fmt::Write as _;

use ruler::{Axis, Ruler};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 46.0;
const BOTTOM: f64 = 58.0;
/// Colours that people with any colour vision tell apart (Okabe and Ito), for light and for dark ground.
const COLOURS: [(&str, &str); 8] = [
    ("#0072b2", "#56b4e9"),
    ("#d55e00", "#ff8c42"),
    ("#009e73", "#3ddbaa"),
    ("#aa4499", "#e89ad0"),
    ("#997700", "#f0e442"),
    ("#333333", "#dddddd"),
    ("#117733", "#88cc66"),
    ("#882255", "#f28ab2"),
];
const DASHES: [&str; 4] = ["none", "7 3", "2 3", "9 3 2 3"];

/// How the points of a series are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Joined by a line.
    Line,
    /// A dot each.
    Dots,
    /// A dot on a line from the bottom each: a spectrum.
    Stems,
    /// A bar from the bottom each, as wide as the distance to the next: a histogram.
    Bars,
}

/// A plot in the making.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    title: String,
    description: String,
    x: Axis,
    y: Axis,
    series: Vec<Series>,
}

#[derive(Debug, Clone, PartialEq)]
struct Series {
    name: String,
    mark: Mark,
    points: Vec<(f64, f64)>,
}

impl Plot {
    /// An empty plot with linear axes.
    pub fn new(title: &str, x: &str, y: &str) -> Self {
        let axis = |label: &str| Axis { label: label.to_owned(), log: false };
        Self {
            title: title.to_owned(),
            description: String::new(),
            x: axis(x),
            y: axis(y),
            series: Vec::new(),
        }
    }

    /// With a logarithmic x axis, where points at or below 0 have no place.
    #[must_use]
    pub fn log_x(mut self) -> Self {
        self.x.log = true;
        self
    }

    /// With a logarithmic y axis, where points at or below 0 have no place.
    #[must_use]
    pub fn log_y(mut self) -> Self {
        self.y.log = true;
        self
    }

    /// What the plot shows, in a sentence for those who do not see it.
    #[must_use]
    pub fn described(mut self, description: &str) -> Self {
        description.clone_into(&mut self.description);
        self
    }

    /// With a series; points that are not finite, or have no place on a logarithmic axis, are left out.
    #[must_use]
    pub fn with(mut self, name: &str, mark: Mark, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let place = |value: f64, axis: &Axis| value.is_finite() && (value > 0.0 || !axis.log);
        let points = points.into_iter().filter(|&(x, y)| place(x, &self.x) && place(y, &self.y)).collect();
        self.series.push(Series { name: name.to_owned(), mark, points });
        self
    }

    /// The plot as a file of its own, or to be put into a page.
    pub fn to_svg(&self) -> String {
        let points = || self.series.iter().flat_map(|series| series.points.iter());
        let from_zero = self.series.iter().any(|s| matches!(s.mark, Mark::Stems | Mark::Bars));
        let x = Ruler::new(points().map(|p| p.0), &self.x, (LEFT, WIDTH - RIGHT), false);
        let y = Ruler::new(points().map(|p| p.1), &self.y, (HEIGHT - BOTTOM, TOP), from_zero);
        let mut svg = String::new();
        self.open(&mut svg);
        axes(&mut svg, (&x, &y));
        let (title, label_x, label_y) = (text(&self.title), text(&self.x.label), text(&self.y.label));
        let (middle_x, middle_y) = (f64::midpoint(LEFT, WIDTH - RIGHT), f64::midpoint(TOP, HEIGHT - BOTTOM));
        put(&mut svg, format_args!("<text class=\"title\" x=\"{LEFT}\" y=\"26\">{title}</text>\n"));
        let below = HEIGHT - 14.0;
        put(
            &mut svg,
            format_args!("<text x=\"{middle_x}\" y=\"{below}\" text-anchor=\"middle\">{label_x}</text>\n"),
        );
        put(
            &mut svg,
            format_args!(
                "<text transform=\"translate(18 {middle_y}) rotate(-90)\" text-anchor=\"middle\">{label_y}</text>\n"
            ),
        );
        for (place, series) in self.series.iter().enumerate() {
            series.draw(&mut svg, place, (&x, &y));
        }
        self.legend(&mut svg);
        svg.push_str("</svg>\n");
        svg
    }

    fn open(&self, svg: &mut String) {
        let (title, description) = (text(&self.title), text(&self.description()));
        put(
            svg,
            format_args!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" role=\"img\" aria-label=\"{title}\" \
                 viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\">\n\
                 <title>{title}</title>\n<desc>{description}</desc>\n<style>\n{}</style>\n\
                 <rect class=\"ground\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\"/>\n",
                style()
            ),
        );
    }

    fn description(&self) -> String {
        if !self.description.is_empty() {
            return self.description.clone();
        }
        let names: Vec<&str> = self.series.iter().map(|series| series.name.as_str()).collect();
        format!("{} against {}: {}.", self.y.label, self.x.label, names.join(", "))
    }

    fn legend(&self, svg: &mut String) {
        if self.series.len() < 2 {
            return;
        }
        let longest = self.series.iter().map(|series| series.name.chars().count()).max().unwrap_or(0);
        let (width, height) = (46.0 + 7.4 * longest as f64, 10.0 + 18.0 * self.series.len() as f64);
        let (left, top) = (WIDTH - RIGHT - width - 8.0, TOP + 8.0);
        put(
            svg,
            format_args!(
                "<rect class=\"legend\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"4\"/>\n"
            ),
        );
        for (place, series) in self.series.iter().enumerate() {
            let y = top + 14.0 + 18.0 * place as f64;
            let (from, to, at) = (left + 8.0, left + 32.0, left + 20.0);
            let colour = place % COLOURS.len();
            match series.mark {
                Mark::Line => put(
                    svg,
                    format_args!(
                        "<path class=\"line c{colour}\" stroke-dasharray=\"{}\" d=\"M{from} {y}H{to}\"/>",
                        dash(place)
                    ),
                ),
                _ => {
                    put(
                        svg,
                        format_args!("<circle class=\"dot c{colour}\" cx=\"{at}\" cy=\"{y}\" r=\"4\"/>"),
                    );
                }
            }
            let (label, base) = (text(&series.name), y + 4.5);
            put(svg, format_args!("<text x=\"{}\" y=\"{base}\">{label}</text>\n", to + 7.0));
        }
    }
}

impl Series {
    fn draw(&self, svg: &mut String, place: usize, (x, y): (&Ruler, &Ruler)) {
        let colour = place % COLOURS.len();
        let at = |&(a, b): &(f64, f64)| (x.at(a), y.at(b));
        let floor = HEIGHT - BOTTOM;
        match self.mark {
            Mark::Line => {
                let mut path = String::new();
                for (i, (a, b)) in self.points.iter().map(at).enumerate() {
                    put(&mut path, format_args!("{}{a:.1} {b:.1}", if i == 0 { 'M' } else { 'L' }));
                }
                let dash = dash(place);
                put(
                    svg,
                    format_args!(
                        "<path class=\"line c{colour}\" stroke-dasharray=\"{dash}\" d=\"{path}\"/>\n"
                    ),
                );
            }
            Mark::Dots => {
                for (a, b) in self.points.iter().map(at) {
                    let dot = format_args!(
                        "<circle class=\"dot c{colour}\" cx=\"{a:.1}\" cy=\"{b:.1}\" r=\"3\"/>\n"
                    );
                    put(svg, dot);
                }
            }
            Mark::Stems => {
                let mut stems = String::new();
                for (a, b) in self.points.iter().map(at) {
                    put(&mut stems, format_args!("M{a:.1} {floor}V{b:.1}"));
                }
                put(svg, format_args!("<path class=\"stem c{colour}\" d=\"{stems}\"/>\n"));
            }
            Mark::Bars => {
                let steps = self.points.windows(2).map(|pair| pair[1].0 - pair[0].0);
                let step = steps.fold(f64::INFINITY, f64::min);
                let mut bars = String::new();
                for point in &self.points {
                    let (a, b) = at(point);
                    let end =
                        if step.is_finite() { x.at(point.0 + step).min(WIDTH - RIGHT) } else { a + 8.0 };
                    put(&mut bars, format_args!("M{a:.1} {floor}V{b:.1}H{end:.1}V{floor}Z"));
                }
                put(svg, format_args!("<path class=\"bar c{colour}\" d=\"{bars}\"/>\n"));
            }
        }
    }
}

fn dash(place: usize) -> &'static str {
    DASHES[place % DASHES.len()]
}

fn style() -> String {
    let mut style = String::from(
        ".plot{color-scheme:light dark;font:13px system-ui,sans-serif}\
         .plot text{fill:#333}.plot .title{font-size:16px;font-weight:600;fill:#111}.plot .tick{font-size:12px;fill:#666}\n\
         .plot .ground{fill:#fff}.plot .grid{stroke:#e6e6e6;fill:none}.plot .legend{fill:#fff;fill-opacity:.85;stroke:#ddd}\n\
         .plot .line{fill:none;stroke-width:2;stroke-linejoin:round}.plot .stem{fill:none;stroke-width:1.2}\
         .plot .dot{fill-opacity:.65;stroke:none}.plot .bar{fill-opacity:.55}\n",
    );
    for (i, (light, _)) in COLOURS.iter().enumerate() {
        put(
            &mut style,
            format_args!(".plot .c{i}{{stroke:{light}}}.plot .dot.c{i},.plot .bar.c{i}{{fill:{light}}}\n"),
        );
    }
    style.push_str(
        "@media (prefers-color-scheme:dark){.plot text{fill:#ccc}.plot .title{fill:#fff}.plot .tick{fill:#999}\
         .plot .ground{fill:#16181d}.plot .grid{stroke:#2c3038}.plot .legend{fill:#16181d;stroke:#444}\n",
    );
    for (i, (_, dark)) in COLOURS.iter().enumerate() {
        put(
            &mut style,
            format_args!(".plot .c{i}{{stroke:{dark}}}.plot .dot.c{i},.plot .bar.c{i}{{fill:{dark}}}\n"),
        );
    }
    style.push_str("}\n");
    style
}

fn axes(svg: &mut String, (x, y): (&Ruler, &Ruler)) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    let mut grid = String::new();
    for &(value, _) in &x.ticks {
        put(&mut grid, format_args!("M{:.1} {TOP}V{bottom}", x.at(value)));
    }
    for &(value, _) in &y.ticks {
        put(&mut grid, format_args!("M{LEFT} {:.1}H{right}", y.at(value)));
    }
    put(svg, format_args!("<path class=\"grid\" d=\"{grid}\"/>\n"));
    for (value, label) in &x.ticks {
        let (at, below) = (x.at(*value), bottom + 18.0);
        put(
            svg,
            format_args!(
                "<text class=\"tick\" x=\"{at:.1}\" y=\"{below}\" text-anchor=\"middle\">{label}</text>\n"
            ),
        );
    }
    for (value, label) in &y.ticks {
        let (at, left) = (y.at(*value) + 4.0, LEFT - 8.0);
        put(
            svg,
            format_args!(
                "<text class=\"tick\" x=\"{left}\" y=\"{at:.1}\" text-anchor=\"end\">{label}</text>\n"
            ),
        );
    }
}

fn text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn put(out: &mut String, part: std::fmt::Arguments<'_>) {
    out.write_fmt(part).expect("a string takes every write");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_place_is_left_out_and_what_is_drawn_is_inside() {
        let points = [(1.0, 1.0), (f64::NAN, 1.0), (2.0, 0.0), (3.0, f64::INFINITY), (4.0, 1e-3)];
        for mark in [Mark::Line, Mark::Dots, Mark::Stems, Mark::Bars] {
            let svg = Plot::new("t", "x", "y").log_y().with("s", mark, points).to_svg();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
        let svg = Plot::new("t", "x", "y").log_y().with("s", Mark::Dots, points).to_svg();
        assert_eq!(svg.matches("<circle").count(), 2);
    }

    #[test]
    fn an_empty_plot_and_a_single_point_are_plots() {
        for points in [vec![], vec![(0.0, 0.0)], vec![(5.0, -3.0)]] {
            let svg = Plot::new("t", "x", "y").with("s", Mark::Line, points).to_svg();
            assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN"), "{svg}");
        }
    }

    #[test]
    fn names_cannot_break_out_of_the_text() {
        let svg = Plot::new("a < b & \"c\"", "x", "y").with("</svg>", Mark::Line, [(0.0, 1.0)]).to_svg();
        assert!(svg.contains("a &lt; b &amp; &quot;c&quot;"));
        assert_eq!(svg.matches("</svg>").count(), 1);
    }
}
