//! A matrix of a layer in the terminal.

use chainrule::ndarray::Array2;
use chainrule_report::digits::compact;

use super::formula::line;
use super::tables::{UNITS, indented, omitted, room};
use super::trace::Trace;
use crate::failure::{Failure, outln};
use crate::table::{TableColumn, table};
use crate::terminal::width;

/// Why these rows and columns and no others.
const LARGEST: &str = "those with the largest derivatives";

/// What a [`grid`] shows: the parameters of a layer, or their derivatives.
pub(super) struct Part<'a> {
    /// The name of a column, before the number of its unit.
    pub(super) column: &'a str,
    /// What stands above the columns: δ, for an outer product.
    pub(super) head: Option<&'a [f64]>,
    pub(super) matrix: &'a Array2<f64>,
    pub(super) last: &'a str,
    pub(super) bias: &'a [f64],
}

/// A matrix from the units below, by row and with what they say, to the units of layer `l`, by column; the last row is that of the bias.
/// Of a large one those rows and columns are shown whose weights have the largest derivatives, as many columns as there is room for.
pub(super) fn grid(trace: &Trace, l: usize, part: &Part<'_>) -> Result<(), Failure> {
    let layer = &trace.layers[l - 1];
    let below = trace.rows(l, UNITS);
    let (mut here, mut lines) = (Vec::new(), String::new());
    for most in (1..=UNITS).rev() {
        here = trace.columns(l, most);
        lines = table(columns(trace, l, (&below, &here), part), usize::MAX);
        if lines.lines().all(|line| width(line) <= room()) {
            break;
        }
    }
    let (rows, bias) = lines.rsplit_once('\n').unwrap_or(("", &lines));
    outln!("{}", indented(rows))?;
    omitted(below.len(), layer.below.len(), "rows", LARGEST)?;
    outln!("{}", indented(bias))?;
    omitted(here.len(), layer.delta.len(), "columns", LARGEST)
}

fn columns(
    trace: &Trace,
    l: usize,
    (below, here): (&[usize], &[usize]),
    part: &Part<'_>,
) -> Vec<TableColumn> {
    let (layer, symbol) = (&trace.layers[l - 1], line(&trace.symbol(l - 1)));
    // The row of δ above an outer product begins with the symbol of the values, which is otherwise in the header.
    let (head, above) = match part.head {
        Some(_) => ("", Some(symbol.clone())),
        None => (symbol.as_str(), None),
    };
    let above = || above.clone();
    let numbers = above().map(|_| String::new()).into_iter();
    let numbers = numbers.chain(below.iter().map(|j| (j + 1).to_string()));
    let values = above().into_iter().chain(below.iter().map(|&j| compact(layer.below[j])));
    let mut columns = vec![
        TableColumn::numbers(0, "", numbers),
        TableColumn::decimals(0, head, values.chain([part.last.to_owned()])),
    ];
    columns.extend(here.iter().map(|&i| {
        let above = part.head.map(|head| head[i]).into_iter();
        let cells = above.chain(below.iter().map(|&j| part.matrix[(j, i)])).chain([part.bias[i]]);
        TableColumn::decimals(0, &format!("{}{}", part.column, i + 1), cells.map(compact))
    }));
    columns
}
