//! `chainrule curvature`.

use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use chainrule::curvature::{Density, DiagonalBlock, Ends, Estimate, Lanczos, Operator, OverData, hutch_pp};
use chainrule::datasets::{npy, write_atomic};
use chainrule::layers::{Layer, Mode};
use chainrule::model::Checkpoint;
use chainrule::ndarray::Array2;
use chainrule::tensor::{Layout, Pool};
use chainrule::train::{Curvature, ShardBuffers, Sharded};
use chainrule_report::plot::{Mark, Plot};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::data::{DataArgs, Part};
use super::model::{ModelArgs, loss_of};
use super::options::parse_magnitude;
use super::progress::{catch_interrupts, is_interrupted};
use crate::failure::{Failure, say, tell};

/// A matrix by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OperatorName {
    Hessian,
    GaussNewton,
    Fisher,
}

#[derive(Debug, Args)]
pub(crate) struct CurvatureCommand {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Which part of a known data set; of a table, all rows are taken
    #[arg(long, value_enum, default_value = "train", value_name = "PART")]
    part: Part,
    /// Take the first so many examples [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    examples: Option<u32>,
    /// Which matrix of second derivatives
    #[arg(long, value_enum, default_value = "hessian", value_name = "NAME")]
    operator: OperatorName,
    /// The block of one layer or parameter alone, such as 0 or 0.weight
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,
    /// Eigenpairs at the upper end
    #[arg(long, value_name = "N", default_value_t = 5)]
    top: usize,
    /// Eigenpairs at the lower end
    #[arg(long, value_name = "N", default_value_t = 5)]
    bottom: usize,
    /// Largest residual of an eigenpair, as a share of the largest eigenvalue
    #[arg(long, value_name = "X", default_value = "1e-6", value_parser = parse_magnitude)]
    tolerance: f64,
    /// Products after which the search for eigenpairs ends
    #[arg(long, value_name = "N", default_value_t = 2000)]
    products: usize,
    /// Estimate the trace (Hutch++)
    #[arg(long)]
    trace: bool,
    /// Estimate the density of the spectrum (stochastic Lanczos quadrature)
    #[arg(long)]
    density: bool,
    /// Seed of the random vectors
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Folder for curvature.json, plots and eigenvectors
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object on stdout and nothing else there
    #[arg(long)]
    json: bool,
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

impl CurvatureCommand {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        catch_interrupts()?;
        // In f64, whatever the model was trained in: the small eigenvalues are the interesting ones.
        let Checkpoint { card, theta } = self.model.load::<f64>()?;
        let data = self.data.for_model::<f64>(&self.model, &card, self.part)?;
        let kept = self.examples.map_or(data.len(), |n| n as usize).min(data.len());
        let data = data.select(&(0..kept).collect::<Vec<_>>());
        let loss_name = loss_of(&card)?;
        let encoding = loss_name.encoding(data.labels().is_some())?;
        let (model, loss) = (card.architecture.build::<f64>(None), loss_name.build::<f64>(0.0));
        let range = self.range(model.layout())?;
        if let Some(out) = &self.out {
            std::fs::create_dir_all(out)
                .map_err(|error| Failure::Input(format!("--out {}: {error}", out.display())))?;
        }
        let x = data.inputs_through(&self.model.transform(&card, &data));
        let target = data.encode(encoding);
        let pool = Pool::new(self.threads.map_or_else(chainrule::tensor::available_threads, usize::from));
        let mut buffers = ShardBuffers::remembering(&model, kept);
        let mut risk = Sharded::new(&model, &*loss, &x, &target, Mode::EVAL, &mut buffers, &pool);
        let curvature = match self.operator {
            OperatorName::Hessian => Curvature::Hessian,
            OperatorName::GaussNewton => Curvature::GaussNewton,
            OperatorName::Fisher => Curvature::EmpiricalFisher,
        };
        let mut operator = DiagonalBlock::of(OverData::at(&mut risk, &theta, curvature), range.clone());
        let findings = self.look(&mut operator);
        let report = self.as_json(&findings, range.len(), kept);
        if let Some(out) = &self.out {
            findings.save(out, data.name(), &report)?;
        }
        if self.json {
            say!("{report}")?;
        } else {
            self.print(&findings, range.len(), (kept, data.name()))?;
        }
        if is_interrupted() {
            return Err(Failure::Interrupted("interrupted: what was found so far is reported".to_owned()));
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

    fn look(&self, operator: &mut dyn Operator<f64>) -> Findings {
        let lanczos = Lanczos {
            top: self.top,
            bottom: self.bottom,
            tolerance: self.tolerance,
            products: self.products,
            seed: self.seed,
        };
        let ends = lanczos.run(operator, &mut |products, quotient| {
            tell!("{products} products, largest residual {quotient:.1e} times the tolerance");
            if is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let asked = |wanted: bool| wanted && !is_interrupted();
        let trace = asked(self.trace).then(|| hutch_pp(operator, TRACE, self.seed));
        let density = asked(self.density).then(|| Density::estimate(operator, PROBES, STEPS, self.seed));
        Findings { ends, trace, density }
    }

    fn as_json(&self, findings: &Findings, parameters: usize, examples: usize) -> Value {
        let pairs = |pairs: &[chainrule::curvature::Pair<f64>]| -> Vec<Value> {
            pairs.iter().map(|pair| json!({ "value": pair.value, "residual": pair.residual })).collect()
        };
        let name = self.operator.to_possible_value().expect("no operator is hidden");
        json!({
            "operator": name.get_name(),
            "layer": self.layer,
            "parameters": parameters,
            "examples": examples,
            "top": pairs(&findings.ends.top),
            "bottom": pairs(&findings.ends.bottom),
            "converged": findings.ends.converged,
            "products": findings.ends.products,
            "trace": findings.trace.map(|t| json!({ "value": t.value, "error": t.error, "products": t.products })),
            "density": findings.density.as_ref().map(|d| json!({ "nodes": d.nodes, "weights": d.weights })),
            "seed": self.seed,
        })
    }

    fn print(
        &self,
        findings: &Findings,
        parameters: usize,
        (examples, data): (usize, &str),
    ) -> Result<(), Failure> {
        let name = self.operator.to_possible_value().expect("no operator is hidden");
        say!("{} of {parameters} parameters on {examples} examples of {data}\n", name.get_name())?;
        say!("  eigenvalue       residual")?;
        for pair in findings.ends.top.iter().chain(findings.ends.bottom.iter().rev()) {
            say!("{:>12.6e}  {:>13.1e}", pair.value, pair.residual)?;
        }
        let verdict = if findings.ends.converged { "converged" } else { "not converged" };
        say!("\n{verdict} after {} products", findings.ends.products)?;
        if let Some(trace) = findings.trace {
            say!("trace     {:.5} ± {:.5}", trace.value, trace.error)?;
        }
        if let Some(density) = &findings.density {
            say!(
                "density   {:.1} % below 0, mean eigenvalue {:.3e}",
                100.0 * density.below(0.0),
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
        write("curvature.json", &format!("{report}\n"))?;
        write("spectrum.svg", &self.spectrum(data).to_svg())?;
        if let Some(density) = &self.density {
            write("density.svg", &smooth(density, data).to_svg())?;
        }
        let pairs: Vec<_> = self.ends.top.iter().chain(&self.ends.bottom).collect();
        let dim = pairs.first().map_or(0, |pair| pair.vector.len());
        let rows = pairs.iter().flat_map(|pair| pair.vector.iter().copied()).collect();
        let vectors = Array2::from_shape_vec((pairs.len(), dim), rows).expect("vectors of one length");
        npy::write(&folder.join("vectors.npy"), &vectors).map_err(Failure::run)
    }

    /// The eigenvalues by rank, their sizes on a logarithmic axis.
    fn spectrum(&self, data: &str) -> Plot {
        let ranked = |pairs: &[chainrule::curvature::Pair<f64>], sign: f64| -> Vec<(f64, f64)> {
            (1..).zip(pairs).map(|(rank, pair)| (f64::from(rank), sign * pair.value)).collect()
        };
        Plot::new(&format!("Ends of the spectrum, {data}"), "rank from its end", "|eigenvalue|")
            .log_y()
            .with("largest, positive", Mark::Dots, ranked(&self.ends.top, 1.0))
            .with("smallest, negative", Mark::Dots, ranked(&self.ends.bottom, -1.0))
    }
}

/// The density on a logarithmic axis, smoothed over a hundredth of its range.
fn smooth(density: &Density, data: &str) -> Plot {
    let (low, high) =
        (density.nodes.first().copied().unwrap_or(0.0), density.nodes.last().copied().unwrap_or(1.0));
    let sigma = ((high - low) / 100.0).max(f64::MIN_POSITIVE);
    let (from, step) = (low - 4.0 * sigma, (high - low + 8.0 * sigma) / 600.0);
    let curve = (0..=600).map(|i| from + step * f64::from(i)).map(|t| (t, density.smoothed(t, sigma)));
    // Below this share of one eigenvalue in a million, a normal distribution's tail says nothing of the spectrum.
    let floor = 1e-6 / sigma;
    Plot::new(&format!("Spectral density, {data}"), "eigenvalue", "density").log_y().with(
        "density",
        Mark::Line,
        curve.filter(|point| point.1 > floor),
    )
}
