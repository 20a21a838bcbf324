//! The trace as tables for the terminal: a formula, and the numbers under it.

use chainrule::model::Output;
use chainrule_report::digits::{apart, compact};
use chainrule_report::verdict::Verdict;

use super::example::{NO_NAMES, Names};
use super::formula::line;
use super::grid::{Part, grid};
use super::tables::{Shown, UNITS, cost_in, formulas, room, table};
use super::trace::{Layer, Trace, Units};
use crate::commands::pictures::in_characters;
use crate::failure::{Failure, outln, print as print_text};
use crate::table::at_one_point;
use crate::terminal::width;

/// Why these units of a layer are shown and no others.
const LARGEST: &str = "those with the largest |δ|";

/// Columns of a table that are printed at most.
const COLUMNS: usize = 12;

/// The example in its own units, and what the network says of it.
pub(super) fn verdict(verdict: &Verdict) -> Result<(), Failure> {
    outln!("{}", verdict.source)?;
    if let Some(picture) = &verdict.picture {
        print_text(&in_characters(picture, room().min(76)))?;
    }
    let (columns, which) = verdict.foremost(COLUMNS);
    let names = columns.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    let values: Vec<String> = columns.iter().map(|(_, value)| value.clone()).collect();
    for ((name, _), value) in columns.iter().zip(at_one_point(&values)) {
        outln!("  {name:<names$}  {}", value.trim_end())?;
    }
    if let Some(which) = which {
        outln!("  … {which}")?;
    }
    outln!("{}\n", verdict.answer.sentence())
}

/// The trace; `unit` is that of C, where it is known.
pub(super) fn print(
    trace: &Trace,
    inputs: &Names,
    outputs: &Names,
    unit: Option<&str>,
) -> Result<(), Failure> {
    let last = trace.layers.len();
    outln!("{}, {} weights", trace.about(), trace.dtype)?;
    if let Some(steepest) = trace.steepest_of_all() {
        outln!("\nThe largest derivative is that of the weight {}:\n", steepest.ends(last, inputs, outputs))?;
        outln!("  {}", steepest.product())?;
    }
    outln!("\nInput\n")?;
    let units = trace.rows(1, UNITS);
    let why = "those whose weights have the largest derivatives";
    let shown = Shown { units: &units, of: trace.x.len(), what: "inputs", why, names: inputs };
    table(&shown, &[("x", &|i| compact(trace.x[i]))])?;
    let names = |l: usize| if l == last { outputs } else { &NO_NAMES };
    for (l, layer) in (1..).zip(&trace.layers) {
        outln!("\nForward, layer {l} of {last}\n")?;
        formulas(&trace.forward_formulas(l))?;
        outln!("")?;
        let parameters =
            Part { column: "W", head: None, matrix: &layer.weight, last: "b", bias: &layer.bias };
        grid(trace, l, &parameters)?;
        outln!("")?;
        forward(trace, l, layer, names(l))?;
    }
    outln!("\nCost\n")?;
    formulas(&trace.cost_formulas())?;
    outln!("")?;
    cost(trace, outputs)?;
    outln!("\n  C = {}", cost_in(trace.cost, unit))?;
    for l in (1..=last).rev() {
        let layer = &trace.layers[l - 1];
        outln!("\nBackward, layer {l} of {last}\n")?;
        formulas(&trace.delta_formulas(l))?;
        outln!("")?;
        signals(trace, l, layer, names(l))?;
        outln!("")?;
        formulas(&trace.gradient_formulas(l))?;
        outln!("")?;
        if let Some(steepest) = trace.steepest(l) {
            outln!("  largest: {}\n", steepest.product())?;
        }
        let outer = Part {
            column: "δ",
            head: Some(&layer.delta),
            matrix: &layer.grad_weight,
            last: "∂C/∂b",
            bias: &layer.grad_bias,
        };
        grid(trace, l, &outer)?;
    }
    Ok(())
}

fn forward(trace: &Trace, l: usize, layer: &Layer, names: &Names) -> Result<(), Failure> {
    let top = l == trace.layers.len();
    let h = if top { &trace.prediction } else { &layer.h };
    let units = trace.columns(l, UNITS);
    table(
        &Shown::units(&units, layer.z.len(), LARGEST).named(names),
        &[("z", &|i| compact(layer.z[i])), (&line(&trace.symbol(l)), &|i| compact(h[i]))],
    )
}

fn cost(trace: &Trace, names: &Names) -> Result<(), Failure> {
    let last = trace.layers.len();
    let signal = &trace.layers[last - 1].signal;
    let derivative = if trace.output == Output::Identity { "∂C/∂o" } else { "∂C/∂z" };
    let units = trace.columns(last, UNITS);
    let both = |i: usize| apart(trace.prediction[i], trace.target[i]);
    table(
        &Shown::units(&units, signal.len(), LARGEST).named(names),
        &[
            (&line(&trace.symbol(last)), &|i| both(i)[0].clone()),
            ("y", &|i| both(i)[1].clone()),
            (derivative, &|i| compact(signal[i])),
        ],
    )
}

fn signals(trace: &Trace, l: usize, layer: &Layer, names: &Names) -> Result<(), Failure> {
    let delta = |i: usize| compact(layer.delta[i]);
    let signal = |i: usize| compact(layer.signal[i]);
    let slope = |i: usize| layer.slope.as_ref().map_or_else(String::new, |slope| compact(slope[i]));
    let units = trace.columns(l, UNITS);
    let shown = Shown::units(&units, layer.delta.len(), LARGEST).named(names);
    let name = format!("∂C/∂{}", line(&trace.symbol(l)));
    match (&layer.slope, &layer.units) {
        (Some(_), _) => table(&shown, &[(&name, &signal), ("g'(z)", &slope), ("δ", &delta)]),
        (None, Units::Softmax) => table(&shown, &[(&name, &signal), ("δ", &delta)]),
        (None, _) => table(&shown, &[("δ", &delta)]),
    }
}
