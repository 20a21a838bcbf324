//! The drawing of a plot: title, legend, axes and marks, each in a place of its own, so that nothing lies over anything else.

use std::fmt::{Arguments, Write as _};

use super::letters::{LINE, cut, cut_inside, length, lines};
use super::ruler::{Axis, Ruler, Span};
use super::series::{Mark, Series};
use super::style::{colour_and_dash, css};

/// The size of a drawing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// For a file of its own.
pub(super) const FILE: Size = Size { width: 720.0, height: 440.0 };
/// For a wide place of a page, where it is shrunk by a tenth at most, and for a telephone.
pub(super) const WIDE: Size = Size { width: 600.0, height: 390.0 };
pub(super) const NARROW: Size = Size { width: 360.0, height: 290.0 };

/// What is drawn.
pub(super) struct Drawing<'a> {
    pub(super) title: &'a str,
    pub(super) description: &'a str,
    pub(super) axes: (&'a Axis, &'a Axis),
    pub(super) series: &'a [Series],
    /// Places on the x axis with their names.
    pub(super) marks: &'a [(f64, String)],
    /// Whether a single series has a legend too.
    pub(super) has_legend: bool,
}

/// Points of a line that are shown one by one at most.
const FEW: usize = 12;

const RIGHT: f64 = 16.0;
const LEGEND_ROW: f64 = 20.0;
/// From the lower end of the plot to that of the drawing: the ticks and the name of the axis.
const BOTTOM: f64 = 52.0;

/// A drawing in the making.
struct Canvas<'a> {
    drawing: &'a Drawing<'a>,
    size: Size,
    svg: String,
    x: Ruler,
    y: Ruler,
    /// The names of the axes in lines.
    names: [Vec<String>; 2],
}

/// A series that has a colour, with the place of its name in the legend.
struct Entry<'a> {
    series: &'a Series,
    name: String,
    at: (f64, f64),
}

/// The plot as SVG. A file has a title and its style in it; on a page both are there already.
pub(super) fn svg(drawing: &Drawing<'_>, size: Size, is_file: bool) -> String {
    let top = if is_file { 40.0 } else { 12.0 };
    let (entries, rows) = legend(drawing, size, top);
    // A long legend makes the drawing higher, and not the plot lower.
    let size = Size { height: size.height + LEGEND_ROW * rows.saturating_sub(1) as f64, ..size };
    let marks = if drawing.marks.is_empty() { 0.0 } else { 18.0 };
    let top = top + LEGEND_ROW * rows as f64 + marks + 4.0;
    let bottom = size.height - BOTTOM;
    let points = || drawing.series.iter().flat_map(|series| series.points.iter());
    let from_zero = drawing.series.iter().any(|s| matches!(s.mark, Mark::Stems | Mark::Bars));
    let xs = points().map(|p| p.0).chain(drawing.marks.iter().map(|mark| mark.0));
    let y = Ruler {
        span: Span::of(points().map(|p| p.1), (drawing.axes.1.log, false), from_zero),
        pixels: (bottom, top),
    };
    let widest = y.ticks(14.0, |_| 12.0).iter().map(|tick| length(&tick.1, 12.0)).fold(0.0, f64::max);
    let name_y = lines(&drawing.axes.1.text(), 13.0, size.height - 20.0);
    let beyond = |name: &[String]| LINE * (name.len() - 1) as f64;
    let pixels = (36.0 + widest + beyond(&name_y), size.width - RIGHT);
    // The name of the x axis, too, makes the drawing higher.
    let name_x = lines(&drawing.axes.0.text(), 13.0, pixels.1 - pixels.0);
    let size = Size { height: size.height + beyond(&name_x), ..size };
    let x = Ruler { span: Span::of(xs, (drawing.axes.0.log, true), false), pixels };
    let mut canvas = Canvas { drawing, size, svg: String::new(), x, y, names: [name_x, name_y] };
    canvas.open(is_file);
    canvas.axes();
    for series in drawing.series {
        canvas.draw(series);
    }
    canvas.marks();
    for entry in &entries {
        canvas.entry(entry);
    }
    canvas.svg + "</svg>\n"
}

/// The legend in rows above the plot, and how many rows there are.
fn legend<'a>(drawing: &Drawing<'a>, size: Size, top: f64) -> (Vec<Entry<'a>>, usize) {
    const SWATCH: f64 = 30.0;
    let named: Vec<_> = drawing.series.iter().filter(|series| series.mark.is_named()).collect();
    if named.is_empty() || named.len() == 1 && !drawing.has_legend {
        return (Vec::new(), 0);
    }
    let (left, right) = (14.0, size.width - RIGHT);
    let (mut at, mut rows, mut entries) = (left, 1, Vec::new());
    for series in named {
        let name = cut_inside(&series.name, 13.0, right - left - SWATCH);
        let width = SWATCH + length(&name, 13.0) + 14.0;
        if at > left && at + width - 14.0 > right {
            (at, rows) = (left, rows + 1);
        }
        let y = top + LEGEND_ROW * (rows as f64 - 0.5);
        entries.push(Entry { series, name, at: (at, y) });
        at += width;
    }
    (entries, rows)
}

impl Canvas<'_> {
    fn put(&mut self, part: Arguments<'_>) {
        self.svg.write_fmt(part).expect("a string takes every write");
    }

    fn open(&mut self, is_file: bool) {
        let Size { width, height } = self.size;
        let (title, description) = (text(self.drawing.title), text(self.drawing.description));
        let Ruler { span: x, pixels: (left, right) } = self.x;
        let Ruler { span: y, pixels: (bottom, top) } = self.y;
        let class = match (is_file, width == WIDE.width) {
            (true, _) => "plot",
            (false, true) => "plot wide",
            (false, false) => "plot narrow",
        };
        // What a script needs to find the point under the mouse.
        let place = format!(
            "data-x=\"{} {} {left} {right} {}\" data-y=\"{} {} {bottom} {top} {}\"",
            x.low,
            x.high,
            u8::from(self.drawing.axes.0.log),
            y.low,
            y.high,
            u8::from(self.drawing.axes.1.log)
        );
        self.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"{class}\" role=\"img\" aria-label=\"{title}\" \
             viewBox=\"0 0 {width} {height}\" {}>\n",
            if is_file { format!("width=\"{width}\" height=\"{height}\"") } else { place }
        ));
        if is_file {
            self.put(format_args!(
                "<title>{title}</title>\n<desc>{description}</desc>\n<style>\n{}</style>\n\
                 <rect class=\"ground\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n\
                 <text class=\"title\" x=\"14\" y=\"26\">{title}</text>\n",
                css()
            ));
        } else {
            self.put(format_args!("<desc>{description}</desc>\n"));
        }
    }

    fn axes(&mut self) {
        let Ruler { pixels: (left, right), .. } = self.x;
        let Ruler { pixels: (bottom, top), .. } = self.y;
        let x_ticks = self.x.ticks(14.0, |label| length(label, 12.0));
        let y_ticks = self.y.ticks(14.0, |_| 12.0);
        let mut grid = String::new();
        for (value, _) in &x_ticks {
            write!(grid, "M{:.1} {top}V{bottom}", self.x.at(*value)).expect("a string takes every write");
        }
        for (value, _) in &y_ticks {
            write!(grid, "M{left:.1} {:.1}H{right}", self.y.at(*value)).expect("a string takes every write");
        }
        self.put(format_args!("<path class=\"grid\" d=\"{grid}\"/>\n"));
        for (value, label) in &x_ticks {
            // The label of a tick at the end of the axis stays inside.
            let half = length(label, 12.0) / 2.0;
            let at = self.x.at(*value).min(self.size.width - 2.0 - half);
            let below = bottom + 17.0;
            self.put(format_args!(
                "<text class=\"tick\" x=\"{at:.1}\" y=\"{below}\" text-anchor=\"middle\">{label}</text>\n"
            ));
        }
        for (value, label) in &y_ticks {
            let (at, end) = (self.y.at(*value) + 4.0, left - 7.0);
            self.put(format_args!(
                "<text class=\"tick\" x=\"{end:.1}\" y=\"{at:.1}\" text-anchor=\"end\">{label}</text>\n"
            ));
        }
        self.names();
    }

    /// The names of the axes, whole where the mouse rests if they had to be cut.
    fn names(&mut self) {
        let (left, right) = self.x.pixels;
        let (bottom, top) = self.y.pixels;
        let (axis_x, axis_y) = self.drawing.axes;
        let [name_x, name_y] = std::mem::take(&mut self.names);
        let whole = |name: &[String], axis: &Axis| {
            if name.iter().any(|line| line.ends_with('…')) {
                format!("<title>{}</title>", text(&axis.text()))
            } else {
                String::new()
            }
        };
        let (whole_x, whole_y) = (whole(&name_x, axis_x), whole(&name_y, axis_y));
        let (middle, first) = (f64::midpoint(left, right), bottom + BOTTOM - 12.0);
        for (place, line) in name_x.iter().enumerate() {
            let (below, line) = (first + LINE * place as f64, text(line));
            self.put(format_args!(
                "<text x=\"{middle:.1}\" y=\"{below}\" text-anchor=\"middle\">{whole_x}{line}</text>\n"
            ));
        }
        for (place, line) in name_y.iter().enumerate() {
            // A long name needs more than the height of the plot.
            let half = length(line, 13.0) / 2.0;
            let middle = f64::midpoint(top, bottom).min(self.size.height - 6.0 - half).max(half + 4.0);
            let (from_left, line) = (16.0 + LINE * place as f64, text(line));
            self.put(format_args!(
                "<text transform=\"translate({from_left} {middle:.1}) rotate(-90)\" text-anchor=\"middle\">{whole_y}{line}</text>\n"
            ));
        }
    }

    fn draw(&mut self, series: &Series) {
        let (colour, dash) = colour_and_dash(series.style);
        let (x, y) = (self.x, self.y);
        let at = |&(a, b): &(f64, f64)| (x.at(a), y.at(b));
        let (floor, points) = (y.pixels.0, series.drawn());
        let mut path = String::new();
        let mut go = |part: Arguments<'_>| path.write_fmt(part).expect("a string takes every write");
        match series.mark {
            Mark::Line | Mark::Steps | Mark::Guide | Mark::Faint => {
                for (i, (a, b)) in points.iter().map(at).enumerate() {
                    match (i, series.mark) {
                        (0, _) => go(format_args!("M{a:.1} {b:.1}")),
                        (_, Mark::Steps) => go(format_args!("V{b:.1}H{a:.1}")),
                        _ => go(format_args!("L{a:.1} {b:.1}")),
                    }
                }
                let class = match series.mark {
                    Mark::Guide => "guide\"".to_owned(),
                    Mark::Faint => "faint\"".to_owned(),
                    _ => format!("line c{colour}\" stroke-dasharray=\"{dash}\""),
                };
                self.put(format_args!("<path class=\"{class} d=\"{path}\"/>\n"));
                // What lies between few points was not measured.
                if series.mark == Mark::Line && points.len() <= FEW {
                    self.dots(points.iter().map(at), series);
                }
                if let Some(&(a, b)) = points.iter().find(|point| Some(point.0) == series.ring) {
                    let (a, b) = at(&(a, b));
                    self.put(format_args!(
                        "<circle class=\"ring c{colour}\" cx=\"{a:.1}\" cy=\"{b:.1}\" r=\"6.5\"/>\n"
                    ));
                }
            }
            Mark::Dots => self.dots(points.iter().map(at), series),
            Mark::Stems => {
                for (a, b) in points.iter().map(at) {
                    go(format_args!("M{a:.1} {floor}V{b:.1}"));
                }
                self.put(format_args!("<path class=\"stem c{colour}\" d=\"{path}\"/>\n"));
            }
            Mark::Bars => {
                let steps = points.windows(2).map(|pair| pair[1].0 - pair[0].0);
                let step = steps.fold(f64::INFINITY, f64::min);
                for point in &points {
                    let (a, b) = at(point);
                    let end = if step.is_finite() { x.at(point.0 + step).min(x.pixels.1) } else { a + 8.0 };
                    go(format_args!("M{a:.1} {floor}V{b:.1}H{end:.1}V{floor}Z"));
                }
                self.put(format_args!("<path class=\"bar c{colour}\" d=\"{path}\"/>\n"));
            }
        }
    }

    fn dots(&mut self, places: impl Iterator<Item = (f64, f64)>, series: &Series) {
        let (colour, _) = colour_and_dash(series.style);
        for (point, (a, b)) in places.enumerate() {
            let radius = (10.0 * series.radius(point)).round() / 10.0;
            self.put(format_args!(
                "<circle class=\"dot c{colour}\" cx=\"{a:.1}\" cy=\"{b:.1}\" r=\"{radius}\"/>\n"
            ));
        }
    }

    /// Lines at places of the x axis, with their names above the plot.
    fn marks(&mut self) {
        let Ruler { pixels: (bottom, top), .. } = self.y;
        let mut from = 0.0;
        for (value, name) in self.drawing.marks {
            let at = self.x.at(*value);
            let name = cut(name, 12.0, self.size.width - 20.0);
            let half = length(&name, 12.0) / 2.0;
            let middle = at.min(self.size.width - 4.0 - half).max(half + 4.0);
            self.put(format_args!("<path class=\"guide\" d=\"M{at:.1} {top}V{bottom}\"/>\n"));
            if middle - half >= from {
                from = middle + half + 8.0;
                let (above, name) = (top - 6.0, text(&name));
                self.put(format_args!(
                    "<text class=\"tick\" x=\"{middle:.1}\" y=\"{above}\" text-anchor=\"middle\">{name}</text>\n"
                ));
            }
        }
    }

    fn entry(&mut self, entry: &Entry<'_>) {
        let (left, y) = entry.at;
        let (end, middle) = (left + 24.0, left + 12.0);
        let (colour, dash) = colour_and_dash(entry.series.style);
        match entry.series.mark {
            Mark::Line | Mark::Steps => {
                self.put(format_args!(
                    "<path class=\"line c{colour}\" stroke-dasharray=\"{dash}\" d=\"M{left:.1} {y}H{end:.1}\"/>"
                ));
            }
            _ => self
                .put(format_args!("<circle class=\"dot c{colour}\" cx=\"{middle:.1}\" cy=\"{y}\" r=\"4\"/>")),
        }
        let (name, base, from) = (text(&entry.name), y + 4.5, left + 30.0);
        let whole = if entry.name == entry.series.name {
            String::new()
        } else {
            format!("<title>{}</title>", text(&entry.series.name))
        };
        self.put(format_args!("<text x=\"{from:.1}\" y=\"{base}\">{whole}{name}</text>\n"));
    }
}

fn text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
