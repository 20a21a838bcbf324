//! The trace as the page shows it.

use chainrule::model::Output;
use chainrule::ndarray::Array2;
use chainrule_report::explain_page::{Input, InputWords, Layer, Walkthrough};
use chainrule_report::verdict::Verdict;

use super::trace::{Trace, Units};

/// Units of a layer that are drawn at most; an ellipsis stands for the rest.
const UNITS: usize = 10;

/// The trace, cut down to the units that are drawn, with the unit of C and what inputs and outputs are in the data; nothing where that is
/// not known.
pub(super) fn walkthrough(
    trace: &Trace,
    verdict: Option<Verdict>,
    unit: Option<String>,
    (head, inputs): (&str, &[InputWords]),
    outputs: &[String],
) -> Walkthrough {
    let last = trace.layers.len();
    let units = trace.drawn(UNITS);
    let named = |units: &[usize]| units.iter().filter_map(|&i| inputs.get(i).cloned()).collect();
    Walkthrough {
        about: trace.about(),
        verdict,
        loss: trace.loss.to_string(),
        cost: trace.cost,
        unit,
        cost_formulas: trace.cost_formulas(),
        input: Input {
            symbol: trace.symbol(0),
            width: trace.x.len(),
            units: numbered(&units[0]),
            h: of(&trace.x, &units[0]),
            head: head.to_owned(),
            words: named(&units[0]),
        },
        target: of(&trace.target, &units[last]),
        outputs: units[last].iter().filter_map(|&i| outputs.get(i).cloned()).collect(),
        fused: trace.output != Output::Identity,
        layers: (1..=last).map(|l| layer(trace, l, (&units[l - 1], &units[l]))).collect(),
    }
}

fn layer(trace: &Trace, l: usize, (below, here): (&[usize], &[usize])) -> Layer {
    let layer = &trace.layers[l - 1];
    let h = if l == trace.layers.len() { &trace.prediction } else { &layer.h };
    Layer {
        symbol: trace.symbol(l),
        name: trace.units(l).to_owned(),
        softmax: layer.units == Units::Softmax,
        width: layer.z.len(),
        units: numbered(here),
        z: of(&layer.z, here),
        h: of(h, here),
        slope: layer.slope.as_ref().map(|slope| of(slope, here)),
        signal: of(&layer.signal, here),
        delta: of(&layer.delta, here),
        bias: of(&layer.bias, here),
        weight: part(&layer.weight, below, here),
        gradient: part(&layer.grad_weight, below, here),
        bias_gradient: of(&layer.grad_bias, here),
        forward: trace.forward_formulas(l),
        back: trace.delta_formulas(l),
        outer: trace.gradient_formulas(l),
    }
}

/// Units counted from 1.
fn numbered(units: &[usize]) -> Vec<usize> {
    units.iter().map(|unit| unit + 1).collect()
}

fn of(values: &[f64], units: &[usize]) -> Vec<f64> {
    units.iter().map(|&i| values[i]).collect()
}

fn part(matrix: &Array2<f64>, rows: &[usize], columns: &[usize]) -> Vec<Vec<f64>> {
    rows.iter().map(|&j| columns.iter().map(|&i| matrix[(j, i)]).collect()).collect()
}
