//! What the tables of a trace share.

use chainrule_report::digits::compact;

use super::example::{NO_NAMES, Names};
use super::formula::line;
use crate::failure::{Failure, outln};
use crate::table::{TableColumn, table as fitted_table};
use crate::terminal::{Stream, columns};

/// As many units of a layer as a terminal takes.
pub(super) const UNITS: usize = 8;
const INDENT: &str = "  ";

/// The units that a table shows, and why it shows these.
pub(super) struct Shown<'a> {
    pub(super) units: &'a [usize],
    /// How many there are, and what they are.
    pub(super) of: usize,
    pub(super) what: &'a str,
    pub(super) why: &'a str,
    pub(super) names: &'a Names,
}

impl<'a> Shown<'a> {
    /// Units of a layer with the largest numbers of this name.
    pub(super) fn units(units: &'a [usize], of: usize, why: &'a str) -> Self {
        Self { units, of, what: "units", why, names: &NO_NAMES }
    }

    /// The same with the names of the units.
    pub(super) fn named(self, names: &'a Names) -> Self {
        Self { names, ..self }
    }
}

/// The lines of a text, indented.
pub(super) fn indented(text: &str) -> String {
    text.lines().map(|line| format!("{INDENT}{line}")).collect::<Vec<_>>().join("\n")
}

/// The columns that an indented table may take.
pub(super) fn room() -> usize {
    columns(Stream::Stdout).saturating_sub(INDENT.len())
}

/// A table of units: under each head the cell of each unit, behind them their names, where they are known.
pub(super) fn table(shown: &Shown<'_>, columns: &[(&str, &dyn Fn(usize) -> String)]) -> Result<(), Failure> {
    let number = shown.units.iter().map(|i| (i + 1).to_string());
    let mut lines = vec![TableColumn::numbers(0, "unit", number).at_least(6)];
    lines.extend(columns.iter().map(|(head, cell)| {
        TableColumn::decimals(0, head, shown.units.iter().map(|&i| cell(i))).at_least(9)
    }));
    let Names { head, names } = shown.names;
    if !names.is_empty() {
        let name = shown.units.iter().map(|&i| names.get(i).cloned().unwrap_or_default());
        lines.push(TableColumn::words(0, head, name));
    }
    outln!("{}", indented(&fitted_table(lines, room())))?;
    omitted(shown.units.len(), shown.of, shown.what, shown.why)
}

/// Says what a table leaves out, and why it shows what it does.
pub(super) fn omitted(shown: usize, of: usize, what: &str, why: &str) -> Result<(), Failure> {
    if shown < of {
        outln!("  {:>6}  {shown} of {of} {what}: {why}", "…")?;
    }
    Ok(())
}

pub(super) fn formulas(lines: &[String]) -> Result<(), Failure> {
    lines.iter().try_for_each(|tex| outln!("  {}", line(tex)))
}

/// C with its unit.
pub(super) fn cost_in(cost: f64, unit: Option<&str>) -> String {
    compact(cost) + &unit.map_or_else(String::new, |unit| format!(" in {unit}"))
}
