//! The trace as tables for the terminal: a formula, and the numbers under it.

use chainrule::model::Output;
use chainrule::ndarray::Array2;

use chainrule_report::verdict::Verdict;

use super::formula::line;
use super::trace::{Layer, Trace, Units};
use crate::commands::pictures::in_characters;
use crate::failure::{Failure, outln, print as print_text};

/// As many units of a layer, and columns of a matrix, as a terminal takes.
const UNITS: usize = 8;

/// Four digits, whatever the size.
pub(super) fn number(x: f64) -> String {
    match x.abs() {
        0.0 => "0".to_owned(),
        size if (1e-3..1e4).contains(&size) => format!("{x:.4}"),
        _ => format!("{x:.1e}"),
    }
}

/// Cells of one width, to the right.
fn right(width: usize, cells: impl IntoIterator<Item = String>) -> String {
    cells.into_iter().map(|cell| format!("{cell:>width$}")).collect::<Vec<_>>().concat()
}

/// A table with a head; `units` number the rows.
pub(super) fn table(
    head: &[&str],
    units: &[usize],
    width: usize,
    columns: &[&dyn Fn(usize) -> String],
) -> Result<(), Failure> {
    outln!("  {:>6}{}", "unit", right(11, head.iter().map(|&name| name.to_owned())))?;
    for &i in units {
        outln!("  {:>6}{}", i + 1, right(11, columns.iter().map(|column| column(i))))?;
    }
    omitted(units, width, "units")
}

/// Says what a table leaves out.
fn omitted(units: &[usize], width: usize, what: &str) -> Result<(), Failure> {
    if units.len() < width {
        outln!("  {:>6}  {} of {width} {what}: the first, and those with the largest |δ|", "…", units.len())?;
    }
    Ok(())
}

pub(super) fn formulas(lines: &[String]) -> Result<(), Failure> {
    lines.iter().try_for_each(|tex| outln!("  {}", line(tex)))
}

/// Columns of a table that are printed at most.
const COLUMNS: usize = 12;

/// The example in its own units, and what the network says of it.
pub(super) fn verdict(verdict: &Verdict) -> Result<(), Failure> {
    outln!("{}", verdict.source)?;
    if let Some(picture) = &verdict.picture {
        print_text(&in_characters(picture, 76))?;
    }
    let width = verdict.columns.iter().take(COLUMNS).map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in verdict.columns.iter().take(COLUMNS) {
        outln!("  {name:<width$}  {value:>9}")?;
    }
    if verdict.columns.len() > COLUMNS {
        outln!("  … {} columns in all", verdict.columns.len())?;
    }
    outln!("{}\n", verdict.answer.sentence())
}

pub(super) fn print(trace: &Trace) -> Result<(), Failure> {
    let (units, last) = (trace.shown(UNITS), trace.layers.len());
    outln!("{}, {}\n\nInput\n", trace.about(), trace.dtype)?;
    table(&["x"], &units[0], trace.x.len(), &[&|i| number(trace.x[i])])?;
    for (l, layer) in (1..).zip(&trace.layers) {
        outln!("\nForward, layer {l} of {last}\n")?;
        formulas(&trace.forward_formulas(l))?;
        outln!("")?;
        let parameters =
            Part { column: "W", head: None, matrix: &layer.weight, last: "b", bias: &layer.bias };
        grid(trace, l, (&units[l - 1], &units[l]), &parameters)?;
        outln!("")?;
        forward(trace, l, layer, &units[l])?;
    }
    outln!("\nCost\n")?;
    formulas(&trace.cost_formulas())?;
    outln!("")?;
    cost(trace, &units[last])?;
    outln!("\n  C = {}", number(trace.cost))?;
    for l in (1..=last).rev() {
        let layer = &trace.layers[l - 1];
        outln!("\nBackward, layer {l} of {last}\n")?;
        formulas(&trace.delta_formulas(l))?;
        outln!("")?;
        signals(trace, l, layer, &units[l])?;
        outln!("")?;
        formulas(&trace.gradient_formulas(l))?;
        outln!("")?;
        let outer = Part {
            column: "δ",
            head: Some(&layer.delta),
            matrix: &layer.grad_weight,
            last: "∂C/∂b",
            bias: &layer.grad_bias,
        };
        grid(trace, l, (&units[l - 1], &units[l]), &outer)?;
    }
    Ok(())
}

fn forward(trace: &Trace, l: usize, layer: &Layer, units: &[usize]) -> Result<(), Failure> {
    let top = l == trace.layers.len();
    let h = if top { &trace.prediction } else { &layer.h };
    let z = |i: usize| number(layer.z[i]);
    table(&["z", &line(&trace.symbol(l))], units, layer.z.len(), &[&z, &|i| number(h[i])])
}

fn cost(trace: &Trace, units: &[usize]) -> Result<(), Failure> {
    let o = line(&trace.symbol(trace.layers.len()));
    let signal = &trace.layers[trace.layers.len() - 1].signal;
    let derivative = if trace.output == Output::Identity { "∂C/∂o" } else { "∂C/∂z" };
    table(
        &[&o, "y", derivative],
        units,
        signal.len(),
        &[&|i| number(trace.prediction[i]), &|i| number(trace.target[i]), &|i| number(signal[i])],
    )
}

fn signals(trace: &Trace, l: usize, layer: &Layer, units: &[usize]) -> Result<(), Failure> {
    let delta = |i: usize| number(layer.delta[i]);
    let signal = |i: usize| number(layer.signal[i]);
    let width = layer.delta.len();
    let name = format!("∂C/∂{}", line(&trace.symbol(l)));
    match (&layer.slope, &layer.units) {
        (Some(slope), _) => {
            table(&[&name, "g'(z)", "δ"], units, width, &[&signal, &|i| number(slope[i]), &delta])
        }
        (None, Units::Softmax) => table(&[&name, "δ"], units, width, &[&signal, &delta]),
        (None, _) => table(&["δ"], units, width, &[&delta]),
    }
}

/// A matrix from the units below, by row and with what they say, to the units of a layer, by column; the last row is that
/// of the bias.
fn grid(
    trace: &Trace,
    l: usize,
    (below, here): (&[usize], &[usize]),
    part: &Part<'_>,
) -> Result<(), Failure> {
    let layer = &trace.layers[l - 1];
    let cells = |values: &dyn Fn(usize) -> f64| right(9, here.iter().map(|&i| number(values(i))));
    let labels = right(9, here.iter().map(|i| format!("{}{}", part.column, i + 1)));
    let symbol = line(&trace.symbol(l - 1));
    if let Some(head) = part.head {
        outln!("  {:>15}{labels}", "")?;
        outln!("  {symbol:>15}{}", cells(&|i| head[i]))?;
    } else {
        outln!("  {symbol:>15}{labels}")?;
    }
    for &j in below {
        let h = number(layer.below[j]);
        outln!("  {:>6}{h:>9}{}", j + 1, cells(&|i| part.matrix[(j, i)]))?;
    }
    omitted(below, layer.below.len(), "rows")?;
    outln!("  {:>15}{}", part.last, cells(&|i| part.bias[i]))?;
    omitted(here, layer.delta.len(), "columns")
}

/// What a [`grid`] shows: the parameters of a layer, or their derivatives.
struct Part<'a> {
    /// The name of a column, before the number of its unit.
    column: &'a str,
    /// What stands above the columns: δ, for an outer product.
    head: Option<&'a [f64]>,
    matrix: &'a Array2<f64>,
    last: &'a str,
    bias: &'a [f64],
}
