//! The trace as tables for the terminal: a formula, and the numbers under it.

use chainrule::model::Output;
use chainrule::ndarray::Array2;

use chainrule_report::verdict::Verdict;

use super::formula::line;
use super::trace::{Layer, Trace, Units, shown};
use crate::commands::pictures::in_characters;
use crate::failure::{Failure, outln, print as print_text};
use crate::table::{TableColumn, table as fitted_table};
use crate::terminal::{Stream, columns, width};

/// As many units of a layer, and columns of a matrix, as a wide terminal takes.
const UNITS: usize = 8;
const INDENT: &str = "  ";
/// The width of a cell of a matrix, and of what stands before a row.
const CELL: usize = 9;
const BEFORE: usize = 15;

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

/// The lines of a text, indented.
pub(super) fn indented(text: &str) -> String {
    text.lines().map(|line| format!("{INDENT}{line}")).collect::<Vec<_>>().join("\n")
}

/// The columns that an indented table may take.
pub(super) fn room() -> usize {
    columns(Stream::Stdout).saturating_sub(INDENT.len())
}

/// A table with a head; `units` number the rows.
pub(super) fn table(
    head: &[&str],
    units: &[usize],
    width: usize,
    columns: &[&dyn Fn(usize) -> String],
) -> Result<(), Failure> {
    named_table(head, units, &[], width, columns)
}

/// The same with the names of the units behind, where they are known.
pub(super) fn named_table(
    head: &[&str],
    units: &[usize],
    names: &[String],
    width: usize,
    columns: &[&dyn Fn(usize) -> String],
) -> Result<(), Failure> {
    let number = units.iter().map(|i| (i + 1).to_string());
    let mut lines = vec![TableColumn::numbers(0, "unit", number).at_least(6)];
    lines.extend(
        head.iter().zip(columns).map(|(name, column)| {
            TableColumn::numbers(0, name, units.iter().map(|&i| column(i))).at_least(9)
        }),
    );
    if !names.is_empty() {
        let name = units.iter().map(|&i| names.get(i).cloned().unwrap_or_default());
        lines.push(TableColumn::words(0, "", name));
    }
    outln!("{}", indented(&fitted_table(lines, room())))?;
    omitted(units.len(), width, "units")
}

/// Says what a table leaves out.
fn omitted(shown: usize, width: usize, what: &str) -> Result<(), Failure> {
    if shown < width {
        outln!("  {:>6}  {shown} of {width} {what}: the first, and those with the largest |δ|", "…")?;
    }
    Ok(())
}

pub(super) fn formulas(lines: &[String]) -> Result<(), Failure> {
    lines.iter().try_for_each(|tex| outln!("  {}", line(tex)))
}

/// Columns of a table that are printed at most.
const COLUMNS: usize = 12;
/// Characters of a cell that stands to the right among others: what is longer is a text.
const NUMBER: usize = 12;

/// The example in its own units, and what the network says of it.
pub(super) fn verdict(verdict: &Verdict) -> Result<(), Failure> {
    outln!("{}", verdict.source)?;
    if let Some(picture) = &verdict.picture {
        print_text(&in_characters(picture, room().min(76)))?;
    }
    let all = || verdict.columns.iter().take(COLUMNS);
    let names = all().map(|(name, _)| width(name)).max().unwrap_or(0);
    let values = all().map(|(_, value)| width(value)).filter(|&count| count <= NUMBER).max();
    let values = values.unwrap_or(0);
    for (name, value) in all() {
        outln!("  {name:<names$}  {value:>values$}")?;
    }
    if verdict.columns.len() > COLUMNS {
        outln!("  … {} columns in all", verdict.columns.len())?;
    }
    outln!("{}\n", verdict.answer.sentence())
}

/// C with its unit.
pub(super) fn cost_in(cost: f64, unit: Option<&str>) -> String {
    number(cost) + &unit.map_or_else(String::new, |unit| format!(" in {unit}"))
}

/// The trace; `names` are those of the inputs and `unit` is that of C, where they are known.
pub(super) fn print(trace: &Trace, names: &[String], unit: Option<&str>) -> Result<(), Failure> {
    let (units, last) = (trace.shown(UNITS), trace.layers.len());
    outln!("{}, {}\n\nInput\n", trace.about(), trace.dtype)?;
    named_table(&["x"], &units[0], names, trace.x.len(), &[&|i| number(trace.x[i])])?;
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
    outln!("\n  C = {}", cost_in(trace.cost, unit))?;
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
    // As many columns as there is room for, beside the rows.
    let most = (room().saturating_sub(BEFORE) / CELL).max(1);
    let fewer = shown(&layer.delta, most.min(UNITS));
    let here: &[usize] = if here.len() > most { &fewer } else { here };
    let cells = |values: &dyn Fn(usize) -> f64| right(CELL, here.iter().map(|&i| number(values(i))));
    let labels = right(CELL, here.iter().map(|i| format!("{}{}", part.column, i + 1)));
    let symbol = line(&trace.symbol(l - 1));
    if let Some(head) = part.head {
        outln!("  {:>BEFORE$}{labels}", "")?;
        outln!("  {symbol:>BEFORE$}{}", cells(&|i| head[i]))?;
    } else {
        outln!("  {symbol:>BEFORE$}{labels}")?;
    }
    for &j in below {
        let h = number(layer.below[j]);
        outln!("  {:>6}{h:>CELL$}{}", j + 1, cells(&|i| part.matrix[(j, i)]))?;
    }
    omitted(below.len(), layer.below.len(), "rows")?;
    outln!("  {:>BEFORE$}{}", part.last, cells(&|i| part.bias[i]))?;
    omitted(here.len(), layer.delta.len(), "columns")
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
