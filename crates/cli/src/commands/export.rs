//! `chainrule export`.

use std::path::{Path, PathBuf};

use chainrule::datasets::{Input, Pipeline};
use chainrule::model::onnx::{
    ExportError, OPSETS, OnnxInputs, OnnxOptions, TABLE_OPSET, column_inputs, output_names,
};
use chainrule::model::{Checkpoint, CheckpointError, ModelCard};
use chainrule::tensor::Scalar;
use chainrule::train::tensors::Float;
use clap::{Args, ValueEnum};

use super::model::ModelArgs;
use super::options::{whole, with_dtype};
use super::overwrite::Overwrite;
use crate::failure::{Failure, errln};
use crate::headings::OUTPUT;

const EXAMPLES: &str = "\
Examples:
  chainrule train --epochs 2 --out runs/digits
  chainrule export runs/digits --out digits.onnx
  chainrule export runs/digits --out digits.safetensors --dtype f16";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Export {
    #[command(flatten)]
    model: ModelArgs,
    /// Format: onnx (a graph from raw rows to predictions; of a table one input for each column), npz (parameters and input transform for NumPy) or safetensors
    /// (parameters with PyTorch's names) [default: the extension of FILE]
    #[arg(long, help_heading = OUTPUT, value_enum, value_name = "FORMAT")]
    to: Option<Format>,
    /// Number type of the parameters in safetensors, rounded to the nearest [default: the model's]
    #[arg(long, help_heading = OUTPUT, value_enum, value_name = "TYPE")]
    dtype: Option<FloatName>,
    /// File to write
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    out: PathBuf,
    /// What goes into an ONNX graph: columns (one input for each column of the table, numbers and words as they are in it) or matrix (one
    /// float for each input of the network) [default: columns of a table with names of columns, words or dates, else matrix]
    #[arg(long, help_heading = OUTPUT, value_enum, value_name = "WHAT")]
    inputs: Option<Inputs>,
    /// Operator set of an ONNX graph, 13 to 24 [default: 17]
    #[arg(long, help_heading = OUTPUT, value_name = "N", value_parser = whole::<i64>(OPSETS.start().unsigned_abs()..=OPSETS.end().unsigned_abs()))]
    opset: Option<i64>,
    #[command(flatten)]
    overwrite: Overwrite,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Inputs {
    Columns,
    Matrix,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Onnx,
    Npz,
    Safetensors,
}

/// A type of floating-point numbers, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FloatName {
    F64,
    F32,
    F16,
    Bf16,
}

impl From<FloatName> for Float {
    fn from(name: FloatName) -> Self {
        match name {
            FloatName::F64 => Float::F64,
            FloatName::F32 => Float::F32,
            FloatName::F16 => Float::F16,
            FloatName::Bf16 => Float::Bf16,
        }
    }
}

impl Export {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        with_dtype!(self.model.dtype()?, export(self))
    }

    fn graph_options(&self, card: &ModelCard) -> OnnxOptions {
        let usual = OnnxOptions::default();
        let inputs = match self.inputs {
            Some(Inputs::Columns) => OnnxInputs::Columns,
            Some(Inputs::Matrix) => OnnxInputs::Matrix,
            None => OnnxInputs::of(card),
        };
        OnnxOptions { opset: self.opset.unwrap_or(usual.opset), inputs }
    }

    fn format(&self) -> Result<Format, Failure> {
        let ending = || self.out.extension()?.to_str();
        self.to.or_else(|| Format::from_str(ending()?, true).ok()).ok_or_else(|| {
            Failure::Input(format!(
                "--out {}: the extension is not .onnx, .npz or .safetensors: name the format with --to",
                self.out.display()
            ))
        })
    }
}

fn export<A: Scalar>(args: &Export) -> Result<(), Failure> {
    let format = args.format()?;
    if args.dtype.is_some() && format != Format::Safetensors {
        return Err(Failure::input("--dtype is for safetensors: omit it, or choose --to safetensors"));
    }
    if is_same_file(&args.model.model, &args.out) {
        return Err(Failure::Input(format!(
            "--out {}: this is the model file itself, which would lose its description: name another file",
            args.out.display()
        )));
    }
    let of_graphs = [("--inputs", args.inputs.is_some()), ("--opset", args.opset.is_some())];
    if format != Format::Onnx
        && let Some((flag, _)) = of_graphs.into_iter().find(|(_, given)| *given)
    {
        return Err(Failure::Input(format!(
            "{flag} is for ONNX: omit it, or name another file (--out m.onnx)"
        )));
    }
    args.overwrite.check(&args.out)?;
    let checkpoint: Checkpoint<A> = args.model.load()?;
    let card = &checkpoint.card;
    card.transform.check(card.architecture.inputs()).map_err(Failure::input)?;
    let mut lines = Vec::new();
    match format {
        Format::Onnx => {
            let options = args.graph_options(card);
            lines = described(card, options);
            checkpoint.save_onnx_with(&args.out, options).map_err(|error| match error {
                ExportError::Write(error) => Failure::run(error),
                ExportError::NoTable => Failure::Input(format!(
                    "--inputs columns: {} was not trained on a table, so that it knows no columns: omit it",
                    args.model.model.display()
                )),
                other => Failure::input(other),
            })?;
            Ok(())
        }
        Format::Npz => checkpoint.save_npz(&args.out),
        Format::Safetensors => {
            let own = if A::NAME == f64::NAME { Float::F64 } else { Float::F32 };
            if card.transform != Pipeline::new() {
                lines.push("the scaling of the inputs is not in it: scale them first, by the numbers that `chainrule inspect --json` shows".to_owned());
            }
            checkpoint.save_state_dict(&args.out, args.dtype.map_or(own, Float::from))
        }
    }
    .map_err(|error| match error {
        CheckpointError::Overflow { .. } => Failure::input(error),
        _ => Failure::run(error),
    })?;
    errln!("{} parameters in {}", checkpoint.theta.len(), args.out.display());
    for line in lines {
        errln!("{line}");
    }
    Ok(())
}

/// What a user of the graph must know.
fn described(card: &ModelCard, options: OnnxOptions) -> Vec<String> {
    let versions = format!("operator set {}, IR version {}", options.opset, options.ir_version());
    let Some(Input::Table(schema)) = card.input.as_ref().filter(|_| options.inputs == OnnxInputs::Columns)
    else {
        return vec![format!("{versions}; input x (N, {}), output y", card.architecture.inputs())];
    };
    let columns = column_inputs(schema);
    let names = |is_text: bool| {
        let names: Vec<String> = columns
            .iter()
            .filter(|column| column.is_text == is_text)
            .map(|column| column.name.clone())
            .collect();
        let kind = if is_text { "words" } else { "numbers (f64)" };
        if names.is_empty() { None } else { Some(format!("{kind}: {}", shortened(&names))) }
    };
    let inputs: Vec<String> = [false, true].into_iter().filter_map(names).collect();
    let outputs = output_names(card).join(" and ");
    let mut lines = vec![
        format!("{versions}, ai.onnx.ml {TABLE_OPSET}; outputs {outputs}"),
        format!("inputs of shape (N, 1), {}", inputs.join("; ")),
    ];
    let noted = columns.iter().filter_map(|column| Some((&column.name, column.note?)));
    lines.extend(noted.map(|(name, note)| format!("input {name:?}: {note}")));
    lines
}

/// A list that stays on one line.
fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown}, … ({} in all)", names.len()) } else { shown }
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
