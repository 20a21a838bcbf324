//! `chainrule grad`.

use std::path::{Path, PathBuf};

use chainrule::datasets::{FileFormat, HeaderRow, csv, npy};
use chainrule::layers::Layer;
use chainrule::loss::LossKind;
use chainrule::model::{load_vector, save_vector};
use chainrule::ndarray::Array2;
use chainrule::optim::Objective;
use chainrule::tensor::{Pool, Scalar, available_threads, vector};
use chainrule::train::{ShardBuffers, Sharded};
use clap::Args;
use serde_json::json;

use super::loss;
use super::model::{ModelArgs, loss_spec};
use super::options::{parse_fraction, with_dtype};
use super::overwrite::Overwrite;
use crate::failure::{Failure, outln, print_json};
use crate::headings::OUTPUT;

const EXAMPLES: &str = "\
Examples:
  chainrule train moons --epochs 2 --out runs/moons
  echo 0.5,-0.25 | chainrule predict runs/moons - --classes --out y.npy
  echo 0.5,-0.25 | chainrule grad runs/moons --input - --target y.npy --out gradient.safetensors";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Grad {
    #[command(flatten)]
    model: ModelArgs,
    /// Input of the first layer, one example in each row, in .npy or .csv, or - for the standard input; no transform is applied
    #[arg(long, value_name = "X")]
    input: PathBuf,
    /// Class index of each row, or one column for each output, in .npy or .csv
    #[arg(long, value_name = "Y")]
    target: PathBuf,
    /// File to write the gradient to, .safetensors with the names and shapes of the parameters
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    out: PathBuf,
    /// Direction v, with the names and shapes of the parameters: also write the Hessian-vector product H·v
    #[arg(long, value_name = "V.safetensors")]
    hvp: Option<PathBuf>,
    /// File to write H·v to [default: NAME-hvp.safetensors beside the gradient]
    #[arg(long, value_name = "FILE", requires = "hvp", help_heading = OUTPUT, hide_short_help = true)]
    hvp_out: Option<PathBuf>,
    #[command(flatten)]
    overwrite: Overwrite,
    /// Label smoothing of the cross-entropy: the fraction of the target spread over all classes [default: that of the model]
    #[arg(long, value_name = "FRACTION", value_parser = parse_fraction, hide_short_help = true)]
    label_smoothing: Option<f64>,
    /// Print one JSON object on stdout and nothing else there
    #[arg(long, help_heading = OUTPUT)]
    json: bool,
}

/// The numbers of a file, a table of text or an array.
fn matrix<A: Scalar>(path: &Path) -> Result<Array2<A>, Failure> {
    match FileFormat::of(path) {
        Some(FileFormat::Text) => {
            csv::read_matrix(path, HeaderRow::Auto, b',').map(|table| table.values).map_err(Failure::input)
        }
        _ => npy::read(path).map_err(Failure::input),
    }
}

impl Grad {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        self.spare_what_is_read()?;
        with_dtype!(self.model.dtype()?, differentiate(self))
    }

    /// Where H·v goes, if it is asked for.
    fn product_path(&self) -> Option<PathBuf> {
        let beside = || {
            let stem = self.out.file_stem().unwrap_or_default().to_string_lossy();
            self.out.with_file_name(format!("{stem}-hvp.safetensors"))
        };
        self.hvp.as_ref().map(|_| self.hvp_out.clone().unwrap_or_else(beside))
    }

    /// Nothing may be written where something is read, or where something else is written.
    fn spare_what_is_read(&self) -> Result<(), Failure> {
        let place = |path: &Path| {
            path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or(path.to_owned())
        };
        let read = [&self.model.model, &self.input, &self.target].into_iter().chain(&self.hvp);
        let mut taken: Vec<PathBuf> = read.map(|path| place(path)).collect();
        for path in [self.out.clone()].into_iter().chain(self.product_path()) {
            if taken.contains(&place(&path)) {
                return Err(Failure::Input(format!(
                    "{} would be overwritten: give --out and --hvp-out different names",
                    path.display()
                )));
            }
            self.overwrite.check(&path)?;
            taken.push(place(&path));
        }
        Ok(())
    }

    fn inputs<A: Scalar>(&self, columns: usize) -> Result<Array2<A>, Failure> {
        let x = matrix::<A>(&self.input)?;
        let refused = |fault: String| Err(Failure::Input(format!("{}: {fault}", self.input.display())));
        match x.dim() {
            (0, _) => refused("no rows: give at least one example".to_owned()),
            (_, width) if width != columns => {
                refused(format!("{width} columns, but the network has {columns} inputs"))
            }
            _ => Ok(x),
        }
    }

    /// The target as the loss takes it: a column of class indices, or a number for each output.
    fn targets<A: Scalar>(&self, rows: usize, outputs: usize) -> Result<Array2<A>, Failure> {
        let y = matrix::<A>(&self.target)?;
        let refused = |fault: String| Err(Failure::Input(format!("{}: {fault}", self.target.display())));
        let no_class = |y: &A| y.as_f64().fract() != 0.0 || !(0.0..outputs as f64).contains(&y.as_f64());
        match y.dim() {
            (height, _) if height != rows => {
                refused(format!("{height} rows, but {} has {rows}", self.input.display()))
            }
            (_, width) if width == outputs => Ok(y),
            (_, 1) => match y.iter().position(no_class) {
                None => Ok(y),
                Some(row) => refused(format!(
                    "{} in row {row} (from 0) is not a class from 0 to {}: give class indices, or {outputs} columns",
                    y[(row, 0)],
                    outputs - 1
                )),
            },
            (_, width) => refused(format!(
                "{width} columns: give one column of class indices, or one for each of {outputs} outputs"
            )),
        }
    }
}

fn differentiate<A: Scalar>(args: &Grad) -> Result<(), Failure> {
    let checkpoint = args.model.load::<A>()?;
    let (card, weights) = (&checkpoint.card, checkpoint.weights());
    let theta = weights.theta;
    let spec = loss_spec(card);
    if args.label_smoothing.is_some() && spec.kind() != LossKind::CrossEntropy {
        return Err(Failure::Input(format!(
            "--label-smoothing is for cross-entropy, and the loss is {}",
            spec.kind()
        )));
    }
    let model = card.architecture.build::<A>(None);
    let loss =
        args.label_smoothing.map_or(spec.clone(), |smoothing| loss::smoothed(spec, smoothing)).build::<A>();
    let x = args.inputs::<A>(card.architecture.inputs())?;
    let y = args.targets::<A>(x.nrows(), card.architecture.outputs())?;
    let layout = model.layout();
    let v =
        args.hvp.as_ref().map(|path| load_vector::<A>(path, layout)).transpose().map_err(Failure::input)?;

    let pool = Pool::new(available_threads());
    let mut buffers = ShardBuffers::new(&model, x.nrows());
    let mut risk = Sharded::new(&model, &*loss, &x, &y, weights.eval(), &mut buffers, &pool);
    let mut gradient = vec![A::zero(); theta.len()];
    let cost = risk.value_and_grad(theta, &mut gradient);
    let mut product = v.as_ref().map_or(Vec::new(), |_| gradient.clone());
    if let Some(v) = &v {
        risk.hessian_vector(theta, v, &mut product);
    }
    let results = [("loss", &[cost][..]), ("gradient", &gradient), ("Hessian product", &product)];
    if let Some((what, _)) = results.iter().find(|(_, numbers)| !vector::is_finite(numbers)) {
        return Err(Failure::Run(format!(
            "the {what} overflows {}: scale the input or the target down",
            A::NAME
        )));
    }

    save_vector(&args.out, layout, &gradient).map_err(Failure::run)?;
    let product_path = args.product_path();
    if let Some(path) = &product_path {
        save_vector(path, layout, &product).map_err(Failure::run)?;
    }
    if args.json {
        return print_json(&json!({
            "loss": cost.as_f64(), "rows": x.nrows(), "parameters": theta.len(), "dtype": A::NAME,
            "gradient": args.out.display().to_string(),
            "hvp": product_path.map(|path| path.display().to_string()),
        }));
    }
    outln!("{cost}")
}
