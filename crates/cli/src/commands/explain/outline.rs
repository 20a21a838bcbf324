//! Any network at one example: what each layer gives, and the error signal that comes back to it.

use std::collections::HashMap;

use chainrule::layers::{Layer as _, Stage, Structure, walk};
use chainrule::loss::LossKind;
use chainrule::model::{ModelCard, Output};
use chainrule::ndarray::ArrayRef2;
use chainrule::tensor::{Entry, Scalar, vector};
use chainrule::train::Weights;
use serde_json::{Value, json};

use super::formula::line;
use super::pass::{Pass, wide};
use super::text::{formulas, number, table};
use super::trace::shown;
use crate::failure::{Failure, outln};

/// As many numbers of a layer as a terminal takes.
const UNITS: usize = 8;

/// A layer or a path of layers.
struct Row {
    path: String,
    depth: usize,
    /// In words, such as `dense 6`, or what a path does.
    words: String,
    is_view: bool,
    /// What is inside it, and how that is joined.
    joins: Option<String>,
    shape: String,
    y: Vec<f64>,
    /// ∂C/∂y; views and what lies in them have none of their own.
    signal: Option<Vec<f64>>,
    parameters: Vec<Parameter>,
}

struct Parameter {
    name: String,
    shape: Vec<usize>,
    norm: f64,
    gradient: Vec<f64>,
}

/// The way of one example through any network and back.
pub(super) struct Outline {
    network: String,
    input: String,
    loss: LossKind,
    output: Output,
    dtype: &'static str,
    x: Vec<f64>,
    target: Vec<f64>,
    prediction: Vec<f64>,
    cost: f64,
    x_signal: Vec<f64>,
    rows: Vec<Row>,
}

/// What stands at each path: words, and how the paths inside it are joined.
type Names = HashMap<String, (String, Option<String>)>;

fn name_layers(layers: &[Stage], path: &str, names: &mut Names) {
    for (place, stage) in layers.iter().enumerate() {
        let path = if path.is_empty() { place.to_string() } else { format!("{path}.{place}") };
        let inside = |name: &str| format!("{path}.{name}");
        let mut chain = |name: &str, layers: &[Stage]| {
            names.insert(inside(name), (name_of_path(name), None));
            name_layers(layers, &inside(name), names);
        };
        let (words, joins) = match stage {
            Stage::Residual(residual) => {
                chain("body", &residual.body);
                if let Some(shortcut) = &residual.shortcut {
                    chain("shortcut", shortcut);
                    ("residual".to_owned(), Some("y = body(x) + shortcut(x)".to_owned()))
                } else {
                    ("residual".to_owned(), Some("y = body(x) + x".to_owned()))
                }
            }
            Stage::Branches(branches) => {
                for (i, branch) in branches.branches.iter().enumerate() {
                    chain(&i.to_string(), branch);
                }
                let joins = format!("y = {} of the {} branches", branches.join, branches.branches.len());
                (format!("branches {}", branches.join), Some(joins))
            }
            Stage::Repeat(repeat) => {
                chain("body", &repeat.body);
                let joins = format!("y = the body applied {} times with the same parameters", repeat.times);
                (format!("repeat {}", repeat.times), Some(joins))
            }
            Stage::Tied(tied) => {
                chain("body", &tied.body);
                let joins = "y = body(x W + b) Wᵀ + c, with one W for both ends".to_owned();
                (format!("tied {}", tied.features), Some(joins))
            }
            other => (other.to_string(), None),
        };
        names.insert(path, (words, joins));
    }
}

fn name_of_path(name: &str) -> String {
    if name.parse::<usize>().is_ok() { format!("branch {name}") } else { name.to_owned() }
}

/// Forward and back with one example: `x` and `target` have one row.
pub(super) fn outline<A: Scalar>(
    (card, loss): (&ModelCard, LossKind),
    weights: Weights<'_, A>,
    x: &ArrayRef2<A>,
    target: &ArrayRef2<A>,
) -> Outline {
    let pass = Pass::of((card, loss), weights, x, target);
    let mut names = Names::new();
    name_layers(&card.architecture.layers, "", &mut names);
    let parameter = |entry: &Entry| Parameter {
        name: entry.name.clone(),
        shape: entry.shape.clone(),
        norm: vector::norm(&pass.theta[entry.range()]).as_f64(),
        gradient: wide(&pass.grad[entry.range()]),
    };
    let mut rows = Vec::new();
    walk(pass.network(), &mut |station| {
        let (Some(values), Some((words, joins))) = (&station.values, names.get(&station.path)) else {
            return;
        };
        // Each parameter belongs to the innermost layer that has it.
        let entries = pass.model.layout().entries().iter();
        let is_own = |entry: &&Entry| {
            let name = entry.name.strip_prefix(&format!("{}.", station.path));
            station.layer.structure() != Structure::Chain && name.is_some_and(|name| !name.contains('.'))
        };
        rows.push(Row {
            depth: station.path.matches('.').count(),
            path: station.path.clone(),
            words: words.clone(),
            is_view: station.layer.is_view(),
            joins: joins.clone(),
            shape: station.layer.output_shape().to_string(),
            y: wide(values.y),
            signal: values.delta.as_ref().map(|delta| wide(delta)),
            parameters: entries.filter(is_own).map(parameter).collect(),
        });
    });
    Outline {
        network: card.architecture.to_string(),
        input: card.architecture.input.to_string(),
        loss,
        output: card.output,
        dtype: A::NAME,
        x: wide(x),
        target: wide(target),
        prediction: pass.prediction,
        cost: pass.cost,
        x_signal: pass.x_signal,
        rows,
    }
}

impl Row {
    fn title(&self) -> String {
        let indent = "  ".repeat(self.depth);
        if self.is_view {
            return format!("{indent}{}  {}: the same numbers, as {}", self.path, self.words, self.shape);
        }
        format!("{indent}{}  {}, gives {}", self.path, self.words, self.shape)
    }

    fn units(&self) -> Vec<usize> {
        shown(self.signal.as_ref().unwrap_or(&self.y), UNITS)
    }

    /// Whether its numbers are those of the last layer inside it.
    fn is_path(&self) -> bool {
        self.words == name_of_path(self.path.rsplit('.').next().unwrap_or_default())
    }

    fn print_forward(&self) -> Result<(), Failure> {
        outln!("\n{}", self.title())?;
        if let Some(joins) = &self.joins {
            outln!("{}{joins}", "  ".repeat(self.depth + 1))?;
        }
        if self.is_view || self.is_path() {
            return Ok(());
        }
        table(&["y"], &self.units(), self.y.len(), &[&|i| number(self.y[i])])
    }

    fn print_backward(&self) -> Result<(), Failure> {
        let Some(signal) = self.signal.as_ref().filter(|_| !self.is_view && !self.is_path()) else {
            return Ok(());
        };
        outln!("\n{}{}  {}", "  ".repeat(self.depth), self.path, self.words)?;
        table(&["∂C/∂y"], &self.units(), signal.len(), &[&|i| number(signal[i])])?;
        for Parameter { name, shape, norm, gradient } in &self.parameters {
            let shape: Vec<String> = shape.iter().map(ToString::to_string).collect();
            let length = vector::norm(gradient);
            let shape = shape.join("x");
            outln!("  {name} {shape}: norm {}, gradient norm {}", number(*norm), number(length))?;
        }
        Ok(())
    }
}

impl Outline {
    pub(super) fn print(&self) -> Result<(), Failure> {
        outln!("{}; {}, {}\n\nInput, {}\n", self.network, self.loss, self.dtype, self.input)?;
        let units = shown(&self.x_signal, UNITS);
        table(
            &["x", "∂C/∂x"],
            &units,
            self.x.len(),
            &[&|i| number(self.x[i]), &|i| number(self.x_signal[i])],
        )?;
        outln!("\nForward")?;
        self.rows.iter().try_for_each(Row::print_forward)?;
        outln!("\nCost\n")?;
        formulas(&self.loss.spec().formulas())?;
        let name = if self.output == Output::Identity { line("o") } else { line("p") };
        let (o, y) = (&self.prediction, &self.target);
        let units = self.rows.last().map_or_else(Vec::new, Row::units);
        let units = if units.iter().all(|&i| i < o.len()) { units } else { shown(o, UNITS) };
        outln!("")?;
        table(&[&name, "y"], &units, o.len(), &[&|i| number(o[i]), &|i| number(y[i])])?;
        outln!("\n  C = {}\n\nBackward", number(self.cost))?;
        self.rows.iter().rev().try_for_each(Row::print_backward)
    }

    pub(super) fn to_json(&self) -> Value {
        let parameters = |row: &Row| -> Vec<Value> {
            let one = |p: &Parameter| json!({ "name": p.name, "shape": p.shape, "norm": p.norm, "gradient": p.gradient });
            row.parameters.iter().map(one).collect()
        };
        let row = |row: &Row| {
            json!({
                "path": row.path, "layer": row.words, "join": row.joins, "shape": row.shape, "y": row.y,
                "signal": row.signal, "parameters": parameters(row),
            })
        };
        json!({
            "network": self.network, "loss": self.loss.to_string(), "output": self.output, "dtype": self.dtype,
            "input": self.x, "target": self.target, "prediction": self.prediction, "cost": self.cost,
            "trace": self.rows.iter().map(row).collect::<Vec<_>>(), "input_signal": self.x_signal,
        })
    }
}
