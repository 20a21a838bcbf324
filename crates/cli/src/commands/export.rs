//! `chainrule export`.

use std::path::{Path, PathBuf};

use chainrule::model::{Checkpoint, CheckpointError};
use chainrule::tensor::Scalar;
use chainrule::train::tensors::Float;
use clap::{Args, ValueEnum};

use super::model::ModelArgs;
use super::options::with_dtype;
use super::overwrite::Overwrite;
use crate::failure::{Failure, errln};
use crate::headings::OUTPUT;

#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    model: ModelArgs,
    /// Format: onnx (a graph from raw rows to predictions), npz (parameters and input transform for NumPy) or safetensors
    /// (parameters with PyTorch's names) [default: the extension of FILE]
    #[arg(long, help_heading = OUTPUT, value_enum, value_name = "FORMAT")]
    to: Option<Format>,
    /// Number type of the parameters in safetensors, rounded to the nearest [default: the model's]
    #[arg(long, help_heading = OUTPUT, value_enum, value_name = "TYPE")]
    dtype: Option<FloatName>,
    /// File to write
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    out: PathBuf,
    #[command(flatten)]
    overwrite: Overwrite,
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
    args.overwrite.check(&args.out)?;
    let checkpoint: Checkpoint<A> = args.model.load()?;
    let card = &checkpoint.card;
    card.transform.check(card.architecture.inputs()).map_err(Failure::input)?;
    match format {
        Format::Onnx => checkpoint.save_onnx(&args.out),
        Format::Npz => checkpoint.save_npz(&args.out),
        Format::Safetensors => {
            let own = if A::NAME == f64::NAME { Float::F64 } else { Float::F32 };
            checkpoint.save_state_dict(&args.out, args.dtype.map_or(own, Float::from))
        }
    }
    .map_err(|error| match error {
        CheckpointError::Overflow { .. } => Failure::input(error),
        _ => Failure::run(error),
    })?;
    errln!("{} parameters in {}", checkpoint.theta.len(), args.out.display());
    Ok(())
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
