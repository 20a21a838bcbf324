//! `chainrule curvature`.

use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use chainrule::curvature::{
    Density, DiagonalBlock, Ends, Estimate, Lanczos, Operator, OverData, Pair, hutch_pp,
};
use chainrule::datasets::{npy, write_atomic};
use chainrule::layers::Layer;
use chainrule::ndarray::Array2;
use chainrule::optim::Objective as _;
use chainrule::tensor::{Layout, Pool, vector};
use chainrule::train::{Curvature, ShardBuffers, Sharded};
use chainrule_report::spectra::{extreme_eigenvalues, spectral_density};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::data::{DataArgs, PartArgs};
use super::loss;
use super::model::{ModelArgs, loss_spec};
use super::options::{ANY, THREADS, parse_magnitude, whole};
use super::overwrite::Overwrite;
use crate::failure::{Failure, errln, outln, print_json};
use crate::headings::{DATA, OUTPUT};
use crate::interrupt::{catch_interrupts, is_interrupted};
use crate::table::{TableColumn, table};
use crate::terminal::{Stream, columns};

/// A matrix by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OperatorName {
    Hessian,
    GaussNewton,
    Fisher,
}

const EXAMPLES: &str = "\
Examples:
  chainrule train moons --layers 8 --epochs 2 --out runs/moons
  chainrule curvature runs/moons --examples 200
  chainrule curvature runs/moons --trace --density --out runs/moons/curvature";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CurvatureCommand {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    part: PartArgs,
    /// Use the first N examples [default: all]
    #[arg(long, help_heading = DATA, value_name = "N", value_parser = whole::<u32>(1..=u64::from(u32::MAX)))]
    examples: Option<u32>,
    /// Matrix of second derivatives
    #[arg(long, value_enum, default_value = "hessian", value_name = "NAME")]
    operator: OperatorName,
    /// Restrict the matrix to one layer or parameter array, such as 0 or 0.weight
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,
    /// Number of largest eigenvalues
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = whole::<usize>(ANY))]
    top: usize,
    /// Number of smallest eigenvalues
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = whole::<usize>(ANY))]
    bottom: usize,
    /// Largest residual of an eigenpair, relative to the largest eigenvalue
    #[arg(long, value_name = "X", default_value = "1e-6", value_parser = parse_magnitude)]
    tolerance: f64,
    /// Maximum number of Hessian-vector products
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = whole::<usize>(ANY))]
    products: usize,
    /// Estimate the trace (Hutch++)
    #[arg(long)]
    trace: bool,
    /// Estimate the density of the spectrum (stochastic Lanczos quadrature)
    #[arg(long)]
    density: bool,
    /// Seed of the random vectors
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = whole::<u64>(ANY))]
    seed: u64,
    /// Number of threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = whole::<u16>(THREADS))]
    threads: Option<u16>,
    /// Folder to write curvature.json, plots and eigenvectors to
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    out: Option<PathBuf>,
    #[command(flatten)]
    overwrite: Overwrite,
    /// Print one JSON object on stdout and nothing else there
    #[arg(long, help_heading = OUTPUT)]
    json: bool,
}

/// Where the curvature is taken.
struct Place {
    data: String,
    examples: usize,
    /// The loss in words.
    loss: String,
    cost: f64,
    gradient_norm: f64,
}

/// What was found out.
struct Findings {
    ends: Ends<f64>,
    trace: Option<Estimate>,
    density: Option<Density>,
}

/// Products for a trace, and probes and steps for a density: within a few per cent on what was tried.
const TRACE: usize = 90;
const PROBES: usize = 10;
const STEPS: usize = 80;

/// The files of `--out`.
const JSON: &str = "curvature.json";
const SPECTRUM: &str = "spectrum.svg";
const DENSITY: &str = "density.svg";
const VECTORS: &str = "vectors.npy";

impl CurvatureCommand {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        catch_interrupts()?;
        // In f64, whatever the model was trained in: the small eigenvalues are the interesting ones.
        let checkpoint = self.model.load::<f64>()?;
        let (card, weights) = (&checkpoint.card, checkpoint.weights());
        let data = self.data.for_model::<f64>(&self.model, card, &self.part)?;
        self.data.name_part(&self.part, &data);
        let kept = self.examples.map_or(data.len(), |n| n as usize).min(data.len());
        let data = data.select(&(0..kept).collect::<Vec<_>>());
        let spec = loss_spec(card);
        let encoding = loss::encoding(spec.kind(), data.target())?;
        let (model, loss) = (card.architecture.build::<f64>(None), spec.build::<f64>());
        let range = self.range(model.layout())?;
        if let Some(out) = &self.out {
            let files = [JSON, SPECTRUM, VECTORS].into_iter().chain(self.density.then_some(DENSITY));
            files.into_iter().try_for_each(|name| self.overwrite.check(&out.join(name)))?;
            std::fs::create_dir_all(out)
                .map_err(|error| Failure::Input(format!("--out {}: {error}", out.display())))?;
        }
        let x = data.inputs_through(&self.model.transform(card, &data));
        let target = data.encode(encoding);
        let pool = Pool::new(self.threads.map_or_else(chainrule::tensor::available_threads, usize::from));
        let mut buffers = ShardBuffers::remembering(&model, kept);
        let mut risk = Sharded::new(&model, &*loss, &x, &target, weights.eval(), &mut buffers, &pool);
        let curvature = match self.operator {
            OperatorName::Hessian => Curvature::Hessian,
            OperatorName::GaussNewton => Curvature::GaussNewton,
            OperatorName::Fisher => Curvature::EmpiricalFisher,
        };
        let mut gradient = vec![0.0; weights.theta.len()];
        let cost = risk.value_and_grad(weights.theta, &mut gradient);
        let place = Place {
            data: data.name().to_owned(),
            examples: kept,
            loss: loss::units(&spec, data.target(), false).in_words(),
            cost,
            gradient_norm: vector::norm(&gradient),
        };
        let mut operator =
            DiagonalBlock::of(OverData::at(&mut risk, weights.theta, curvature), range.clone());
        let findings = self.look(&mut operator, range.len());
        let report = self.as_json(&findings, range.len(), &place);
        if let Some(out) = &self.out {
            findings.save(out, data.name(), &report)?;
        }
        if self.json {
            print_json(&report)?;
        } else {
            self.print(&findings, range.len(), &place)?;
        }
        if is_interrupted() {
            return Err(Failure::Interrupted("interrupted: the results so far are printed".to_owned()));
        }
        Ok(())
    }

    /// The coordinates that `--layer` names.
    fn range(&self, layout: &Layout) -> Result<Range<usize>, Failure> {
        let Some(name) = &self.layer else { return Ok(0..layout.len()) };
        let prefix = format!("{name}.");
        let mut found = layout
            .entries()
            .iter()
            .filter(|entry| entry.name == *name || entry.name.starts_with(&prefix))
            .map(chainrule::tensor::Entry::range);
        let Some(first) = found.next() else {
            let names: Vec<&str> = layout.entries().iter().map(|entry| entry.name.as_str()).collect();
            return Err(Failure::Input(format!(
                "--layer {name}: no such parameter; there are {}",
                names.join(", ")
            )));
        };
        Ok(first.start..found.next_back().map_or(first.end, |last| last.end))
    }

    fn look(&self, operator: &mut dyn Operator<f64>, parameters: usize) -> Findings {
        // Where both ends meet, each eigenvalue is listed once.
        let [top, bottom] = match self.top.checked_add(self.bottom) {
            Some(wanted) if wanted <= parameters => [self.top, self.bottom],
            _ => [parameters.min(self.top.saturating_add(self.bottom)), 0],
        };
        let lanczos =
            Lanczos { top, bottom, tolerance: self.tolerance, products: self.products, seed: self.seed };
        let ends = lanczos.run(operator, &mut |products, quotient| {
            errln!("{products} products, largest residual {quotient:.1e} times the tolerance");
            if is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let asked = |wanted: bool| wanted && !is_interrupted();
        let trace = asked(self.trace).then(|| hutch_pp(operator, TRACE, self.seed));
        let density = asked(self.density).then(|| Density::estimate(operator, PROBES, STEPS, self.seed));
        Findings { ends, trace, density }
    }

    fn as_json(&self, findings: &Findings, parameters: usize, place: &Place) -> Value {
        let pairs = |pairs: &[Pair<f64>]| -> Vec<Value> {
            pairs.iter().map(|pair| json!({ "value": pair.value, "residual": pair.residual })).collect()
        };
        let name = self.operator.to_possible_value().expect("no operator is hidden");
        json!({
            "operator": name.get_name(),
            "layer": self.layer,
            "parameters": parameters,
            "data": place.data,
            "examples": place.examples,
            "loss": place.loss,
            "cost": place.cost,
            "gradient_norm": place.gradient_norm,
            "top": pairs(&findings.ends.top),
            "bottom": pairs(&findings.ends.bottom),
            "converged": findings.ends.converged,
            "products": findings.ends.products,
            "trace": findings.trace.map(|t| json!({ "value": t.value, "error": t.error, "products": t.products })),
            "density": findings.density.as_ref().map(|d| json!({ "nodes": d.nodes, "weights": d.weights })),
            "seed": self.seed,
        })
    }

    fn print(&self, findings: &Findings, parameters: usize, place: &Place) -> Result<(), Failure> {
        let name = self.operator.to_possible_value().expect("no operator is hidden");
        let Place { data, examples, loss, cost, gradient_norm } = place;
        outln!("{} of {parameters} parameters on {examples} examples of {data}", name.get_name())?;
        outln!("C = {cost:.6e} ({loss}), ‖∇C‖ = {gradient_norm:.3e}\n")?;
        let pairs = || findings.ends.top.iter().chain(findings.ends.bottom.iter().rev());
        let lines = vec![
            TableColumn::numbers(0, "eigenvalue", pairs().map(|pair| format!("{:.6e}", pair.value))),
            TableColumn::numbers(0, "residual", pairs().map(|pair| format!("{:.1e}", pair.residual))),
        ];
        outln!("{}", table(lines, columns(Stream::Stdout)))?;
        let verdict = if findings.ends.converged { "converged" } else { "not converged" };
        outln!(
            "\n{verdict} after {} products; of a repeated eigenvalue, copies may be missing",
            findings.ends.products
        )?;
        if let Some(trace) = findings.trace {
            outln!("trace     {:.6e} ± {:.1e}", trace.value, trace.error)?;
        }
        if let Some(density) = &findings.density {
            outln!(
                "density   {:.1} % below 0, mean eigenvalue {:.3e}",
                100.0 * density.negative(),
                density.mean()
            )?;
        }
        Ok(())
    }
}

impl Findings {
    fn save(&self, folder: &Path, data: &str, report: &Value) -> Result<(), Failure> {
        let write = |name: &str, text: &str| {
            write_atomic(folder.join(name), |file| file.write_all(text.as_bytes())).map_err(Failure::run)
        };
        write(JSON, &format!("{report}\n"))?;
        let values = |pairs: &[Pair<f64>]| pairs.iter().map(|pair| pair.value).collect::<Vec<_>>();
        let (top, bottom) = (values(&self.ends.top), values(&self.ends.bottom));
        write(SPECTRUM, &extreme_eigenvalues(data, &top, &bottom).to_svg())?;
        if let Some(density) = &self.density {
            write(DENSITY, &spectral_density(data, smoothed(density)).to_svg())?;
        }
        let pairs: Vec<_> = self.ends.top.iter().chain(&self.ends.bottom).collect();
        let dim = pairs.first().map_or(0, |pair| pair.vector.len());
        let rows = pairs.iter().flat_map(|pair| pair.vector.iter().copied()).collect();
        let vectors = Array2::from_shape_vec((pairs.len(), dim), rows).expect("vectors of one length");
        npy::write(&folder.join(VECTORS), &vectors).map_err(Failure::run)
    }
}

/// The density, smoothed over a hundredth of its range.
fn smoothed(density: &Density) -> impl Iterator<Item = (f64, f64)> {
    let (low, high) =
        (density.nodes.first().copied().unwrap_or(0.0), density.nodes.last().copied().unwrap_or(1.0));
    let sigma = ((high - low) / 100.0).max(f64::MIN_POSITIVE);
    let (from, step) = (low - 4.0 * sigma, (high - low + 8.0 * sigma) / 600.0);
    // Below this fraction of one eigenvalue in a million, a normal distribution's tail says nothing of the spectrum.
    let floor = 1e-6 / sigma;
    let curve = (0..=600).map(move |i| from + step * f64::from(i));
    curve.map(move |t| (t, density.smoothed(t, sigma))).filter(move |point| point.1 > floor)
}
