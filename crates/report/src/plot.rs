//! Plots as SVG: lines, points, stems and bars on linear or logarithmic axes.
//!
//! One file, no script, no font to load: a plot reads in a browser, in a README and on paper, follows the reader's
//! choice of light or dark, and tells its story to a screen reader in its title and description. The legend is above the plot, where
//! it covers nothing, and a logarithmic axis says that it is one.
//!
//! ```
//! use chainrule_report::plot::{Mark, Plot};
//!
//! let loss = (1..=50).map(|epoch| (f64::from(epoch), 2.0 / f64::from(epoch)));
//! let svg = Plot::new("Training", "epoch", "loss").log_y().with("Adam", Mark::Line, loss).to_svg();
//! assert!(svg.starts_with("<svg") && svg.contains("<title>Training</title>") && svg.contains("loss (log scale)"));
//! ```

mod canvas;
mod letters;
mod ruler;
mod series;
mod style;

use maud::{Markup, PreEscaped, html};
use serde_json::json;

use canvas::{Drawing, FILE, NARROW, WIDE, svg};
pub(crate) use letters::cut_inside;
use ruler::Axis;
use series::{Series, Tag};
use style::colour_and_dash;
pub(crate) use style::css;

use crate::digits::short;

pub use series::Mark;

/// A plot in the making.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    title: String,
    description: String,
    x: Axis,
    y: Axis,
    series: Vec<Series>,
    marks: Vec<(f64, String)>,
    has_legend: bool,
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
            marks: Vec::new(),
            has_legend: false,
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

    /// With a legend for a single series too, whose name says what the names of the axes do not.
    #[must_use]
    pub(crate) fn with_legend(mut self) -> Self {
        self.has_legend = true;
        self
    }

    /// With a line at a place of the x axis, and its name above the plot.
    #[must_use]
    pub fn marked(mut self, x: f64, name: &str) -> Self {
        if x.is_finite() && (x > 0.0 || !self.x.log) {
            self.marks.push((x, name.to_owned()));
        }
        self
    }

    /// With a series in the next colour; points that are not finite, or have no place on a logarithmic axis, are left out.
    #[must_use]
    pub fn with(self, name: &str, mark: Mark, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let style = self.series.iter().filter(|series| series.mark.is_named()).count();
        self.with_style(name, mark, style, points)
    }

    /// With a series in a style of its own, so that it looks alike in several plots.
    #[must_use]
    pub(crate) fn with_style(
        mut self,
        name: &str,
        mark: Mark,
        style: usize,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        let points = points.into_iter().filter(|point| self.has_place(*point)).collect();
        self.series.push(Series::new(name, mark, style, points));
        self
    }

    fn has_place(&self, (x, y): (f64, f64)) -> bool {
        let place = |value: f64, axis: &Axis| value.is_finite() && (value > 0.0 || !axis.log);
        place(x, &self.x) && place(y, &self.y)
    }

    /// With a dot for each example of a part of the data, whose number from 0 is shown under the mouse.
    #[must_use]
    pub(crate) fn numbered(self, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let points = points.into_iter().enumerate().map(|(number, point)| (point, number));
        self.tagged("example", Mark::Dots, Tag::Example, points)
    }

    /// With a line whose points are means over this many examples each; the area of a dot grows with their number.
    #[must_use]
    pub(crate) fn counted(self, name: &str, points: impl IntoIterator<Item = (f64, f64, usize)>) -> Self {
        let points = points.into_iter().map(|(x, y, count)| ((x, y), count));
        self.tagged(name, Mark::Line, Tag::Count, points)
    }

    fn tagged(
        mut self,
        name: &str,
        mark: Mark,
        tag: Tag,
        points: impl Iterator<Item = ((f64, f64), usize)>,
    ) -> Self {
        let style = self.series.iter().filter(|series| series.mark.is_named()).count();
        let (points, numbers) = points.filter(|(point, _)| self.has_place(*point)).unzip();
        self.series.push(Series { tags: Some((tag, numbers)), ..Series::new(name, mark, style, points) });
        self
    }

    /// With a ring around the point of the last series at this place of the x axis.
    #[must_use]
    pub(crate) fn ringed(mut self, x: f64) -> Self {
        if let Some(last) = self.series.last_mut() {
            last.ring = Some(x);
        }
        self
    }

    /// Whether a series has two points or more: one dot is no picture.
    pub fn has_points(&self) -> bool {
        self.series.iter().any(|series| series.mark.is_named() && series.points.len() >= 2)
    }

    /// The plot as a file of its own.
    pub fn to_svg(&self) -> String {
        self.drawn(|drawing| svg(drawing, FILE, true))
    }

    /// The plot as part of a page: drawn for a wide and for a narrow place, of which the page shows the one that fits, with its
    /// numbers for a script.
    pub(crate) fn figure(&self) -> Markup {
        let series: Vec<_> = self
            .series
            .iter()
            .filter(|series| series.mark != Mark::Guide)
            .map(|series| {
                let points: Vec<_> = series.drawn().into_iter().map(|(x, y)| [short(x), short(y)]).collect();
                let mut numbers =
                    json!({ "name": series.name, "dots": series.mark == Mark::Dots, "points": points });
                if series.mark.is_named() {
                    numbers["colour"] = json!(colour_and_dash(series.style).0);
                }
                if let Some((tag, values)) = &series.tags {
                    numbers[if *tag == Tag::Count { "counts" } else { "examples" }] = json!(values);
                }
                numbers
            })
            .collect();
        let numbers = json!({ "x": self.x.label, "y": self.y.label, "series": series }).to_string();
        let drawings = self.drawn(|drawing| [WIDE, NARROW].map(|size| svg(drawing, size, false)));
        html! {
            figure.plot data-numbers=(numbers) { @for drawing in drawings { (PreEscaped(drawing)) } }
        }
    }

    fn drawn<T>(&self, draw: impl FnOnce(&Drawing<'_>) -> T) -> T {
        draw(&Drawing {
            title: &self.title,
            description: &self.description(),
            axes: (&self.x, &self.y),
            series: &self.series,
            marks: &self.marks,
            has_legend: self.has_legend,
        })
    }

    fn description(&self) -> String {
        if !self.description.is_empty() {
            return self.description.clone();
        }
        let named = self.series.iter().filter(|series| series.mark.is_named());
        let names: Vec<&str> = named.map(|series| series.name.as_str()).collect();
        format!("{} against {}: {}.", self.y.label, self.x.label, names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_place_is_left_out_and_what_is_drawn_is_inside() {
        let points = [(1.0, 1.0), (f64::NAN, 1.0), (2.0, 0.0), (3.0, f64::INFINITY), (4.0, 1e-3)];
        for mark in [Mark::Line, Mark::Steps, Mark::Guide, Mark::Faint, Mark::Dots, Mark::Stems, Mark::Bars] {
            let svg = Plot::new("t", "x", "y").log_y().with("s", mark, points).to_svg();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
        let svg = Plot::new("t", "x", "y").log_y().with("s", Mark::Dots, points).to_svg();
        assert_eq!(svg.matches("<circle").count(), 2);
    }

    #[test]
    fn an_empty_plot_and_a_single_point_are_plots() {
        for points in [vec![], vec![(0.0, 0.0)], vec![(5.0, -3.0)]] {
            let plot = Plot::new("t", "x", "y").with("s", Mark::Line, points);
            let svg = plot.to_svg();
            assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN"), "{svg}");
            assert!(!plot.has_points());
        }
    }

    #[test]
    fn a_line_of_few_points_shows_where_they_are() {
        let line = |points: u32| {
            let points = (0..points).map(|i| (f64::from(i), f64::from(i % 7)));
            Plot::new("t", "x", "y").with("s", Mark::Line, points).to_svg().matches("<circle").count()
        };
        assert_eq!([line(2), line(3), line(12), line(13), line(400)], [2, 3, 12, 0, 0]);
    }

    #[test]
    fn a_single_series_has_a_legend_where_its_name_says_more_than_the_axes() {
        let plot = Plot::new("t", "epoch", "loss").with("runs/a", Mark::Line, [(1.0, 2.0), (2.0, 1.0)]);
        let names = |plot: &Plot| plot.figure().into_string().matches(">runs/a</text>").count();
        assert_eq!((names(&plot), names(&plot.with_legend())), (0, 2));
    }

    #[test]
    fn names_cannot_break_out_of_the_text() {
        let svg = Plot::new("a < b & \"c\"", "x", "y").with("</svg>", Mark::Line, [(0.0, 1.0)]).to_svg();
        assert!(svg.contains("a &lt; b &amp; &quot;c&quot;"));
        assert_eq!(svg.matches("</svg>").count(), 1);
        let page =
            Plot::new("a", "<b>", "\"").with("'\"<i>", Mark::Dots, [(0.0, 1.0)]).figure().into_string();
        assert!(!page.contains("<b>") && !page.contains("<i>"), "{page}");
    }

    #[test]
    fn the_legend_and_the_names_of_marks_are_above_the_plot() {
        let names = ["training, mean of the batches", "validation", "a third one, with a long name", "d"];
        let plot = names.into_iter().fold(Plot::new("t", "epoch", "loss").log_y(), |plot, name| {
            plot.with(name, Mark::Line, (1..40).map(|i| (f64::from(i), f64::from(i))))
        });
        let plot = plot.marked(7.0, "lowest validation loss, epoch 7");
        for size in [WIDE, NARROW] {
            let svg = plot.drawn(|drawing| svg(drawing, size, false));
            // The grid begins at the top of the plot.
            let top = svg.split_once("class=\"grid\" d=\"M").unwrap().1.split_once(' ').unwrap().1;
            let top: f64 = top.split_once('V').unwrap().0.parse().unwrap();
            let base = |name: &str| -> f64 {
                let before = svg.split_once(&format!("{name}</text>")).unwrap().0;
                let base = before.rsplit_once(" y=\"").unwrap().1;
                base.split_once('"').unwrap().0.parse().unwrap()
            };
            for name in names.into_iter().chain(["lowest validation loss, epoch 7"]) {
                assert!(base(name) < top, "{name} at {} and the plot from {top}: {svg}", base(name));
            }
        }
    }

    #[test]
    fn a_long_name_of_an_axis_is_whole_and_makes_room_for_itself() {
        let name = "predicted median_house_value_of_all_owner_occupied_homes_of_the_block_group";
        let words = |svg: &str| -> String {
            let texts = svg.split("<text").skip(1).filter(|text| !text.contains("class=\"tick\""));
            texts.map(|text| text.split_once('>').unwrap().1.split_once("</text>").unwrap().0).collect()
        };
        let points = || (1..40).map(|i| (f64::from(i), f64::from(i)));
        for size in [WIDE, NARROW] {
            let plot = Plot::new("t", name, name).with("s", Mark::Line, points());
            let svg = plot.drawn(|drawing| svg(drawing, size, false));
            let both = name.replace(' ', "").repeat(2);
            assert_eq!(words(&svg).replace(' ', ""), both, "{svg}");
            let left = |svg: &str| -> f64 {
                svg.split_once("data-x=\"").unwrap().1.split(' ').nth(2).unwrap().parse().unwrap()
            };
            let short = Plot::new("t", "x", "y").with("s", Mark::Line, points());
            let short = short.drawn(|drawing| canvas::svg(drawing, size, false));
            assert!(left(&svg) > left(&short), "{svg}");
        }
        // What no room can hold is cut, and whole where the mouse rests.
        let svg = Plot::new("t", "x", &name.repeat(3)).with("s", Mark::Line, points()).to_svg();
        assert!(svg.contains(&format!("<title>{}</title>", name.repeat(3))) && svg.contains('…'), "{svg}");
    }
}
