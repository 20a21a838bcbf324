//! `chainrule import`.

use std::path::PathBuf;

use chainrule::model::Output;
use chainrule::model::onnx::{GraphEnd, Imported};
use chainrule::tensor::Scalar;
use chainrule_report::run::LAST_MODEL;
use clap::Args;

use super::foreign_file;
use super::options::with_dtype;
use super::overwrite::Overwrite;
use crate::failure::{Failure, errln, outln};
use crate::headings::OUTPUT;

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Model file of another program, .onnx
    model: PathBuf,
    /// Folder to write the model to, as last.safetensors [default: the name of the file without .onnx]
    #[arg(long, value_name = "FOLDER", help_heading = OUTPUT)]
    out: Option<PathBuf>,
    #[command(flatten)]
    overwrite: Overwrite,
}

impl Import {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        if !foreign_file::is_onnx(&self.model) {
            let path = self.model.display();
            return Err(Failure::Input(format!("{path}: expected a file that ends in .onnx")));
        }
        with_dtype!(foreign_file::number_type(&self.model)?, import(self))
    }

    fn folder(&self) -> PathBuf {
        let stem = || self.model.file_stem().map(PathBuf::from);
        self.out.clone().or_else(stem).unwrap_or_else(|| PathBuf::from("imported"))
    }
}

fn import<A: Scalar>(args: &Import) -> Result<(), Failure> {
    let Imported { checkpoint, input, output } = foreign_file::read::<A>(&args.model)?;
    let folder = args.folder();
    let path = folder.join(LAST_MODEL);
    args.overwrite.check(&path)?;
    let card = &checkpoint.card;
    outln!("input     {}", axes(&input))?;
    outln!("network   {}", card.architecture)?;
    let function = match card.output {
        Output::Identity => "",
        Output::Sigmoid => ", sigmoid",
        Output::Softmax => ", softmax",
    };
    outln!("output    {}{function}", axes(&output))?;
    if !card.classes.is_empty() {
        outln!("classes   {}", card.classes.join(", "))?;
    }
    std::fs::create_dir_all(&folder)
        .map_err(|error| Failure::Run(format!("{}: {error}", folder.display())))?;
    checkpoint.save(&path).map_err(Failure::run)?;
    errln!("{} parameters in {}", checkpoint.theta.len(), path.display());
    Ok(())
}

/// The name and the axes of an end of the graph, and what they are here.
fn axes(end: &GraphEnd) -> String {
    let GraphEnd { name, dims, order, shape } = end;
    let name: String = name.chars().take(60).collect();
    let theirs: Vec<String> = dims.iter().map(ToString::to_string).collect();
    let is_plain = order.iter().copied().eq(0..dims.len());
    let axes: Vec<String> = order.iter().map(|axis| (axis + 1).to_string()).collect();
    let moved = if is_plain { String::new() } else { format!(" (its axes {})", axes.join(", ")) };
    format!("{name} (N, {}), here {shape}{moved}", theirs.join(", "))
}
