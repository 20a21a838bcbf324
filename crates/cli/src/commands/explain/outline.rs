//! Any network at one example: what each layer gives, and the error signal that comes back to it.

use chainrule::layers::{Layer as _, walk};
use chainrule::loss::LossKind;
use chainrule::model::{ModelCard, Output};
use chainrule::ndarray::ArrayRef2;
use chainrule::tensor::{Entry, Shape, vector};
use chainrule::train::Weights;
use chainrule_report::digits::{apart, compact};
use chainrule_report::largest::largest;
use serde_json::{Value, json};

use super::example::{NO_NAMES, Names};
use super::pass::{Pass, wide};
use super::tables::{Shown, UNITS, cost_in, formulas, indented, room, table};
use super::trace::influence;
use crate::commands::pictures::has_positions;
use crate::commands::stages::{SHORT_NAME, StageName, head_of_parameters, is_own, stage_names};
use crate::failure::{Failure, outln};
use crate::table::{TableColumn, table as fitted_table};
use crate::terminal::shortened;

/// Why these units of a layer are shown and no others.
const LARGEST: &str = "those with the largest |∂C/∂y|";

/// A layer or a path of layers.
pub(super) struct Row {
    pub(super) path: String,
    depth: usize,
    pub(super) name: StageName,
    pub(super) is_view: bool,
    pub(super) shape: Shape,
    pub(super) y: Vec<f64>,
    /// ∂C/∂y; views and what lies in them have none of their own.
    pub(super) signal: Option<Vec<f64>>,
    pub(super) parameters: Vec<Parameter>,
}

pub(super) struct Parameter {
    pub(super) entry: Entry,
    norm: f64,
    pub(super) values: Vec<f64>,
    pub(super) gradient: Vec<f64>,
}

impl Parameter {
    /// The index along each axis of a place in the numbers, which lie with the last axis next to each other.
    fn index(&self, at: usize) -> impl Iterator<Item = usize> {
        let shape = &self.entry.shape;
        let stride = |axis: usize| shape[axis + 1..].iter().product::<usize>().max(1);
        (0..shape.len()).map(move |axis| at / stride(axis) % shape[axis].max(1))
    }
}

/// The way of one example through any network and back.
pub(super) struct Outline {
    pub(super) network: String,
    pub(super) input: Shape,
    pub(super) loss: LossKind,
    output: Output,
    /// The type of the numbers of the weights.
    pub(super) dtype: &'static str,
    x: Vec<f64>,
    pub(super) target: Vec<f64>,
    pub(super) prediction: Vec<f64>,
    pub(super) cost: f64,
    pub(super) x_signal: Vec<f64>,
    pub(super) rows: Vec<Row>,
}

/// Forward and back with one example: `x` and `target` have one row.
pub(super) fn outline(
    (card, loss): (&ModelCard, LossKind),
    (weights, dtype): (Weights<'_, f64>, &'static str),
    x: &ArrayRef2<f64>,
    target: &ArrayRef2<f64>,
) -> Outline {
    let pass = Pass::of((card, loss), weights, x, target);
    let names = stage_names(&card.architecture);
    let parameter = |entry: &Entry| Parameter {
        entry: entry.clone(),
        norm: vector::norm(&pass.theta[entry.range()]),
        values: pass.theta[entry.range()].to_vec(),
        gradient: pass.grad[entry.range()].to_vec(),
    };
    let mut rows = Vec::new();
    walk(pass.network(), &mut |station| {
        let (Some(values), Some(name)) = (&station.values, names.get(&station.path)) else {
            return;
        };
        let entries = pass.model.layout().entries().iter();
        rows.push(Row {
            depth: station.path.matches('.').count(),
            path: station.path.clone(),
            name: name.clone(),
            is_view: station.layer.is_view(),
            shape: station.layer.output_shape(),
            y: wide(values.y),
            signal: values.delta.as_ref().map(wide),
            parameters: entries.filter(|entry| is_own(station, entry)).map(parameter).collect(),
        });
    });
    Outline {
        network: card.architecture.to_string(),
        input: card.architecture.input,
        loss,
        output: card.output,
        dtype,
        x: wide(x),
        target: wide(target),
        prediction: pass.prediction,
        cost: pass.cost,
        x_signal: pass.x_signal,
        rows,
    }
}

/// The least and the largest of some numbers.
fn bounds(values: &[f64]) -> (String, String) {
    let of = |of: fn(f64, f64) -> f64| compact(values.iter().copied().fold(f64::NAN, of));
    (of(f64::min), of(f64::max))
}

impl Row {
    fn title(&self) -> String {
        let indent = "  ".repeat(self.depth);
        if self.is_view {
            return format!(
                "{indent}{}  {}: the same numbers, as {}",
                self.path, self.name.words, self.shape
            );
        }
        format!("{indent}{}  {}, gives {}", self.path, self.name.words, self.shape)
    }

    /// The units that are shown.
    pub(super) fn units(&self) -> Vec<usize> {
        largest(self.signal.as_ref().unwrap_or(&self.y), UNITS)
    }

    /// A line of sizes: output, error signal and parameters. `digits` is the width of the numbers of the outermost layers, so that the names
    /// stand below each other.
    fn sizes(&self, digits: usize) -> [String; 6] {
        let (outermost, inside) = self.path.split_at(self.path.find('.').unwrap_or(self.path.len()));
        let indent = "  ".repeat(self.depth);
        let name = format!("{indent}{outermost:>digits$}{inside}  {}", self.name.words);
        let shape = self.shape.to_string();
        if self.is_view || self.name.is_path {
            return [name, shape, String::new(), String::new(), String::new(), String::new()];
        }
        let (low, high) = bounds(&self.y);
        let signal = self.signal.as_ref().map_or_else(String::new, |signal| compact(vector::norm(signal)));
        let parameters: usize = self.parameters.iter().map(|parameter| parameter.entry.size()).sum();
        let parameters = if parameters == 0 { String::new() } else { parameters.to_string() };
        [name, shape, low, high, signal, parameters]
    }

    fn print_forward(&self, names: &Names) -> Result<(), Failure> {
        outln!("\n{}", self.title())?;
        if let Some(joins) = &self.name.joins {
            outln!("{}{joins}", "  ".repeat(self.depth + 1))?;
        }
        if self.is_view || self.name.is_path {
            return Ok(());
        }
        let units = self.units();
        table(&Shown::units(&units, self.y.len(), LARGEST).named(names), &[("y", &|i| compact(self.y[i]))])
    }

    fn print_backward(&self, names: &Names) -> Result<(), Failure> {
        let Some(signal) = self.signal.as_ref().filter(|_| !self.is_view && !self.name.is_path) else {
            return Ok(());
        };
        outln!("\n{}{}  {}", "  ".repeat(self.depth), self.path, self.name.words)?;
        let units = self.units();
        table(
            &Shown::units(&units, signal.len(), LARGEST).named(names),
            &[("∂C/∂y", &|i| compact(signal[i]))],
        )?;
        for Parameter { entry, norm, gradient, .. } in &self.parameters {
            let shape: Vec<String> = entry.shape.iter().map(ToString::to_string).collect();
            let length = vector::norm(gradient);
            let (name, shape) = (&entry.name, shape.join("x"));
            outln!("  {name} {shape}: norm {}, gradient norm {}", compact(*norm), compact(length))?;
        }
        Ok(())
    }
}

impl Outline {
    /// Of a network whose layers have positions, their sizes; of any other, the numbers of each layer.
    /// `unit` is that of C, where it is known.
    pub(super) fn print(&self, inputs: &Names, outputs: &Names, unit: Option<&str>) -> Result<(), Failure> {
        let has_maps = |row: &Row| !row.is_view && has_positions(row.shape);
        if self.rows.iter().any(has_maps) {
            self.print_sizes(unit)
        } else {
            self.print_numbers(inputs, outputs, unit)
        }
    }

    /// How much each input moves C: x · ∂C/∂x, the change of C to first order where the input goes from 0 to x.
    pub(super) fn influence(&self) -> Vec<f64> {
        influence(&self.x, &self.x_signal)
    }

    /// The parameter with the largest derivative, and its place; `None` where all derivatives are 0.
    fn steepest(&self) -> Option<(&Parameter, usize)> {
        let parameters = self.rows.iter().flat_map(|row| &row.parameters);
        let each =
            parameters.flat_map(|parameter| (0..parameter.gradient.len()).map(move |at| (parameter, at)));
        let size = |(parameter, at): &(&Parameter, usize)| parameter.gradient[*at].abs();
        let best = each.reduce(|best, next| if size(&next) > size(&best) { next } else { best });
        best.filter(|best| size(best) > 0.0)
    }

    fn print_sizes(&self, unit: Option<&str>) -> Result<(), Failure> {
        /// Characters of the name of a layer where there is room for them, and at most.
        const NAME: usize = 24;
        const LONG_NAME: usize = 48;
        let (low, high) = bounds(&self.x);
        let signal = compact(vector::norm(&self.x_signal));
        let input = ["input".to_owned(), self.input.to_string(), low, high, signal, String::new()];
        let outermost = self.rows.iter().filter(|row| row.depth == 0);
        let digits = outermost.map(|row| row.path.len()).max().unwrap_or(0);
        let sizes = self.rows.iter().map(|row| row.sizes(digits));
        let rows: Vec<[String; 6]> = std::iter::once(input).chain(sizes).collect();
        let cells = |at: usize| rows.iter().map(move |row| row[at].clone());
        let names = rows.iter().map(|row| shortened(&row[0], LONG_NAME));
        let lines = vec![
            TableColumn::words(0, "layer", names).at_least(NAME).no_shorter_than(SHORT_NAME),
            TableColumn::numbers(4, "output", cells(1)).at_least(9),
            TableColumn::decimals(5, "least y", cells(2)),
            TableColumn::decimals(3, "most y", cells(3)),
            TableColumn::decimals(1, "‖∂C/∂y‖", cells(4)),
            TableColumn::numbers(2, head_of_parameters(room()), cells(5)),
        ];
        outln!("{}", indented(&fitted_table(lines, room())))?;
        self.print_steepest()?;
        outln!(
            "\n  C = {}, {}, {} weights",
            cost_in(self.cost, unit),
            self.loss.to_string().replace('-', " "),
            self.dtype
        )?;
        outln!("  --html FILE draws the maps of each layer, --json prints all numbers")
    }

    fn print_steepest(&self) -> Result<(), Failure> {
        let Some((parameter, at)) = self.steepest() else { return Ok(()) };
        let index: Vec<String> = parameter.index(at).map(|index| (index + 1).to_string()).collect();
        let (name, derivative) = (&parameter.entry.name, compact(parameter.gradient[at]));
        outln!(
            "\n  The largest derivative is ∂C/∂{name}[{}] = {derivative}, counted from 1.",
            index.join(", ")
        )
    }

    fn print_numbers(&self, inputs: &Names, outputs: &Names, unit: Option<&str>) -> Result<(), Failure> {
        outln!("{}; {}, {} weights\n\nInput, {}\n", self.network, self.loss, self.dtype, self.input)?;
        let units = largest(&self.influence(), UNITS);
        let why = "those with the largest |x · ∂C/∂x|";
        table(
            &Shown { units: &units, of: self.x.len(), what: "inputs", why, names: inputs },
            &[("x", &|i| compact(self.x[i])), ("∂C/∂x", &|i| compact(self.x_signal[i]))],
        )?;
        let names = |at: usize| if at + 1 == self.rows.len() { outputs } else { &NO_NAMES };
        outln!("\nForward")?;
        self.rows.iter().enumerate().try_for_each(|(at, row)| row.print_forward(names(at)))?;
        outln!("\nCost\n")?;
        formulas(&self.loss.spec().formulas())?;
        let name = if self.output == Output::Identity { "o" } else { "p" };
        let (o, y) = (&self.prediction, &self.target);
        let units = self.rows.last().map_or_else(Vec::new, Row::units);
        let (units, why) = if units.iter().all(|&i| i < o.len()) {
            (units, LARGEST)
        } else {
            (largest(o, UNITS), "those with the largest prediction")
        };
        let both = |i: usize| apart(o[i], y[i]);
        outln!("")?;
        table(
            &Shown::units(&units, o.len(), why).named(outputs),
            &[(name, &|i| both(i)[0].clone()), ("y", &|i| both(i)[1].clone())],
        )?;
        outln!("\n  C = {}", cost_in(self.cost, unit))?;
        self.print_steepest()?;
        outln!("\nBackward")?;
        self.rows.iter().enumerate().rev().try_for_each(|(at, row)| row.print_backward(names(at)))
    }

    pub(super) fn to_json(&self) -> Value {
        let parameters = |row: &Row| -> Vec<Value> {
            let one = |p: &Parameter| json!({ "name": p.entry.name, "shape": p.entry.shape, "norm": p.norm, "gradient": p.gradient });
            row.parameters.iter().map(one).collect()
        };
        let row = |row: &Row| {
            json!({
                "path": row.path, "layer": row.name.words, "join": row.name.joins,
                "shape": row.shape.to_string(), "y": row.y,
                "signal": row.signal, "parameters": parameters(row),
            })
        };
        let steepest = self.steepest().map(|(parameter, at)| {
            let index: Vec<usize> = parameter.index(at).collect();
            json!({ "parameter": parameter.entry.name, "index": index, "derivative": parameter.gradient[at] })
        });
        json!({
            "largest_derivative": steepest,
            "network": self.network, "loss": self.loss.to_string(), "output": self.output, "dtype": self.dtype,
            "input": self.x, "target": self.target, "prediction": self.prediction, "cost": self.cost,
            "trace": self.rows.iter().map(row).collect::<Vec<_>>(), "input_signal": self.x_signal,
        })
    }
}
