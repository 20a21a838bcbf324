//! `chainrule inspect`.

mod input;

use chainrule::datasets::Input;
use chainrule::layers::Layer;
use chainrule::model::{Checkpoint, ModelCard, Output, Summary, SummaryRow};
use chainrule::tensor::{Entry, Scalar, Shape, vector};
use clap::Args;
use serde_json::{Value, json};

use super::loss;
use super::model::{ModelArgs, label_names};
use super::options::with_dtype;
use super::stages::{SHORT_NAME, head_of_parameters, is_narrow};
use crate::failure::{Failure, outln, print_json};
use crate::headings::OUTPUT;
use crate::table::{TableColumn, table};
use crate::terminal::{Stream, columns, width};

const EXAMPLES: &str = "\
Examples:
  chainrule train --epochs 2 --out runs/digits
  chainrule inspect runs/digits
  chainrule inspect runs/digits --json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Inspect {
    #[command(flatten)]
    model: ModelArgs,
    /// Print one JSON object on stdout and nothing else there
    #[arg(long, help_heading = OUTPUT)]
    json: bool,
}

/// One layer of the table.
struct Row {
    layer: String,
    output: Shape,
    parameters: usize,
    /// Name and Euclidean norm of each parameter.
    norms: Vec<(String, f64)>,
}

impl Inspect {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        with_dtype!(self.model.dtype()?, show(self))
    }
}

fn show<A: Scalar>(args: &Inspect) -> Result<(), Failure> {
    let Checkpoint { card, theta, .. } = args.model.load::<A>()?;
    let rows = rows::<A>(&card, &theta);
    if args.json {
        return print_json(&as_json(&card, A::NAME, theta.len(), &rows));
    }
    print(&card, A::NAME, theta.len(), &rows)
}

fn rows<A: Scalar>(card: &ModelCard, theta: &[A]) -> Vec<Row> {
    let model = card.architecture.build::<A>(None);
    let entries = model.layout().entries();
    let row = |(place, row): (usize, SummaryRow)| {
        let prefix = format!("{place}.");
        let own = entries.iter().filter(|entry| entry.name.starts_with(&prefix));
        let norm = |entry: &Entry| (entry.name.clone(), vector::norm(&theta[entry.range()]).as_f64());
        let SummaryRow { layer, output, parameters } = row;
        Row { layer, output, parameters, norms: own.map(norm).collect() }
    };
    Summary::of(&model).rows.into_iter().enumerate().map(row).collect()
}

fn as_json(card: &ModelCard, dtype: &str, parameters: usize, rows: &[Row]) -> Value {
    let layers: Vec<Value> = rows
        .iter()
        .map(|row| {
            let norms: serde_json::Map<_, _> =
                row.norms.iter().map(|(name, norm)| (name.clone(), json!(norm))).collect();
            json!({ "layer": row.layer, "outputs": row.output.size(), "shape": row.output, "parameters": row.parameters, "norms": norms })
        })
        .collect();
    let columns = match &card.input {
        Some(Input::Table(schema)) => Some(&schema.features),
        _ => None,
    };
    json!({
        "inputs": card.architecture.inputs(),
        "input": card.architecture.input,
        "network": card.architecture.to_string(),
        "layers": layers,
        "output": card.output,
        "parameters": parameters,
        "dtype": dtype,
        "loss": card.loss.as_ref().map(ToString::to_string),
        "data": card.data,
        "seed": card.seed,
        "classes": card.classes,
        "labels": card.labels,
        "targets": card.targets,
        "columns": columns,
        "transforms": card.transform.transforms().len(),
        "scaling": card.transform,
    })
}

fn print(card: &ModelCard, dtype: &str, parameters: usize, rows: &[Row]) -> Result<(), Failure> {
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    outln!("data      {}", known(&card.data))?;
    outln!("loss      {}", known(&card.loss.as_ref().map(loss::in_words)))?;
    input::print(card)?;
    outln!("network   {}", card.architecture)?;
    if !card.classes.is_empty() {
        outln!("classes   {}", card.classes.join(", "))?;
    }
    if !card.labels.is_empty() {
        outln!("labels    {}", label_names(&card.labels))?;
    }
    if !card.targets.is_empty() {
        outln!("targets   {}", input::targets(card))?;
    }
    let room = columns(Stream::Stdout);
    // On a narrow terminal a shape is spelled as the command line takes it, without the axis of the examples.
    let is_narrow = is_narrow(room);
    let shape = |row: &Row| {
        if is_narrow {
            return row.output.to_string();
        }
        let axes: Vec<String> = row.output.axes().iter().map(ToString::to_string).collect();
        format!("(N, {})", axes.join(", "))
    };
    let of_row = |row: &Row| {
        let norms: Vec<String> = row.norms.iter().map(|(name, norm)| format!("{name} {norm:.4}")).collect();
        norms.join("  ")
    };
    let lines = |norms: bool| {
        let mut lines = vec![
            TableColumn::numbers(0, "place", (0..rows.len()).map(|place| place.to_string())),
            // Wide enough for perceptrons, whose tables then look alike.
            TableColumn::words(0, "layer", rows.iter().map(|row| row.layer.clone()))
                .at_least(17)
                .no_shorter_than(SHORT_NAME),
            TableColumn::words(2, "output", rows.iter().map(shape)).at_least(11),
            TableColumn::numbers(
                1,
                head_of_parameters(room),
                rows.iter().map(|row| row.parameters.to_string()),
            ),
        ];
        lines.extend(norms.then(|| TableColumn::words(0, "norms", rows.iter().map(of_row))));
        lines
    };
    let whole = table(lines(true), usize::MAX);
    let fits = whole.lines().all(|line| width(line) <= room);
    outln!("\n{}", if fits { whole } else { table(lines(false), room) })?;
    let fused = match card.output {
        Output::Identity => None,
        Output::Sigmoid => Some("sigmoid"),
        Output::Softmax => Some("softmax"),
    };
    if let Some(name) = fused {
        outln!("       {name} (of the output, part of the loss in training)")?;
    }
    // Where a line has no room for its norms, they have lines of their own.
    let norms = || rows.iter().flat_map(|row| &row.norms);
    if !fits && norms().next().is_some() {
        let lines = vec![
            TableColumn::words(0, "array", norms().map(|(name, _)| name.clone())),
            TableColumn::numbers(0, "norm", norms().map(|(_, norm)| format!("{norm:.4}"))),
        ];
        outln!("\n{}", table(lines, room))?;
    }
    outln!("\n{parameters} parameters, {dtype}")
}
