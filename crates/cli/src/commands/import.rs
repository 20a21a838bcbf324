//! `chainrule import`.

use std::path::PathBuf;

use chainrule::model::onnx::{GraphEnd, Imported};
use chainrule::model::{Checkpoint, ModelCard, Output, sharded};
use chainrule::tensor::Scalar;
use chainrule_report::run::LAST_MODEL;
use clap::Args;

use super::foreign_file;
use super::model::{ModelArgs, dtype_of};
use super::options::with_dtype;
use super::overwrite::Overwrite;
use crate::failure::{Failure, errln, outln};
use crate::headings::OUTPUT;

const EXAMPLES: &str = "\
Examples:
  chainrule train --epochs 2 --out runs/digits
  chainrule export runs/digits --out digits.onnx
  chainrule import digits.onnx";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(mut_arg("model", |arg| arg.help(
    "Model of another program: .onnx, or a state dict as .safetensors, .pt, .pth or .safetensors.index.json"
)))]
pub(crate) struct Import {
    #[command(flatten)]
    model: ModelArgs,
    /// Folder to write the model to, as last.safetensors [default: the name of the file without its extension]
    #[arg(long, value_name = "FOLDER", help_heading = OUTPUT)]
    out: Option<PathBuf>,
    #[command(flatten)]
    overwrite: Overwrite,
}

impl Import {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let file = &self.model.model;
        if foreign_file::is_onnx(file) {
            return with_dtype!(foreign_file::number_type(file)?, import(self));
        }
        let header = self.model.header()?;
        if header.card.is_some() {
            let path = file.display();
            return Err(Failure::Input(format!(
                "{path}: a model of chainrule: expected one of another program, a file that ends in .onnx or a state dict"
            )));
        }
        with_dtype!(dtype_of(&header), import(self))
    }

    fn folder(&self) -> PathBuf {
        let file = &self.model.model;
        let mut stem = file.file_stem().map(PathBuf::from);
        if sharded::is_index(file) {
            stem = stem.and_then(|stem| Some(PathBuf::from(stem.file_stem()?).with_extension("")));
        }
        self.out.clone().or(stem).unwrap_or_else(|| PathBuf::from("imported"))
    }

    /// The ends of the network as the file has them.
    fn ends<A: Scalar>(&self, card: &ModelCard) -> Result<[String; 2], Failure> {
        if !foreign_file::is_onnx(&self.model.model) {
            return Ok([card.architecture.input.to_string(), card.architecture.outputs().to_string()]);
        }
        let Imported { input, output, .. } = foreign_file::read::<A>(&self.model.model)?;
        Ok([axes(&input), axes(&output)])
    }
}

fn import<A: Scalar>(args: &Import) -> Result<(), Failure> {
    let checkpoint: Checkpoint<A> = args.model.load()?;
    let folder = args.folder();
    let path = folder.join(LAST_MODEL);
    args.overwrite.check(&path)?;
    let card = &checkpoint.card;
    let [input, output] = args.ends::<A>(card)?;
    outln!("input     {input}")?;
    outln!("network   {}", card.architecture)?;
    let function = match card.output {
        Output::Identity => "",
        Output::Sigmoid => ", sigmoid",
        Output::Softmax => ", softmax",
    };
    outln!("output    {output}{function}")?;
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
