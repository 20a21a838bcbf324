//! `chainrule critical-points`.

mod store;

use std::fs;
use std::path::PathBuf;

use chainrule::curvature::{
    CriticalPointMethod, CriticalPointSearch, Survey, SurveyPoint, SurveySummary, Verdict, histogram,
};
use chainrule::datasets::{Dataset, Encoding, Pipeline, write_atomic};
use chainrule::layers::{Architecture, Layer, Mode, Sequential, Stage};
use chainrule::loss::SoftmaxCrossEntropy;

use chainrule::ndarray::Array2;
use chainrule::tensor::{Pool, Rng};
use chainrule::train::{ShardBuffers, Sharded, evaluate, fingerprint_as};
use chainrule_report::plot::Plot;
use chainrule_report::spectra::{against_index, histograms};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use self::store::{Record, Store};
use super::data::{DataArgs, Known, Source, size};
use super::options::{ANY, THREADS, Widths, activation_parser, parse_magnitude, whole};
use super::overwrite::Overwrite;
use crate::failure::{Failure, errln, outln, print_json};
use crate::headings::{DATA, NETWORK, OUTPUT};
use crate::interrupt::{catch_interrupts, is_interrupted};
use crate::terminal::{Part, Stream, columns, fitted};

/// A way to bring the gradient down, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MethodName {
    NewtonMr,
    Newton,
}

/// Steps of Adam in the run that the points are taken from, each on all examples.
const RUN: usize = 300;
/// The plots in the folder of `--out`.
const INDEX_LOSS: &str = "index-loss.svg";
const INDEX_ERROR: &str = "index-error.svg";
const SPECTRA: &str = "spectra.svg";
/// The most parameters: every point costs dense eigenproblems.
const MOST: usize = 6000;

const EXAMPLES: &str = "\
Examples:
  chainrule critical-points --data moons --layers 2 --examples 100 --points 4
  chainrule critical-points --resize 4x4 --examples 200 --points 4 --out runs/digits-points";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CriticalPoints {
    #[command(flatten)]
    data: DataArgs,
    /// Resize images to this height and width first, such as 10x10, by area averaging
    #[arg(long, help_heading = DATA, value_name = "HxW", value_parser = parse_size)]
    resize: Option<(usize, usize)>,
    /// Use the first N training examples
    #[arg(long, help_heading = DATA, value_name = "N", default_value = "1000", value_parser = whole::<u32>(1..=u64::from(u32::MAX)))]
    examples: u32,
    /// Layer widths, such as 64-5-10, or the widths of the hidden layers alone, such as 5
    #[arg(long, help_heading = NETWORK, default_value = "5", value_name = "WIDTHS")]
    layers: Widths,
    /// Activation function of the hidden layers
    #[arg(long, help_heading = NETWORK, default_value = "sigmoid", value_name = "NAME", value_parser = activation_parser())]
    activation: Stage,
    /// Number of starting points: along training runs, every other one perturbed
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = whole::<usize>(ANY))]
    points: usize,
    /// Method that minimises the gradient norm
    #[arg(long, value_enum, default_value = "newton-mr", value_name = "NAME")]
    method: MethodName,
    /// Largest gradient norm of a critical point
    #[arg(long, default_value = "1e-8", value_name = "X", value_parser = parse_magnitude)]
    tolerance: f64,
    /// Maximum number of steps from each starting point
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = whole::<usize>(ANY))]
    steps: usize,
    /// Seed of the training runs and of the perturbations
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = whole::<u64>(ANY))]
    seed: u64,
    /// Number of threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = whole::<u16>(THREADS))]
    threads: Option<u16>,
    /// Folder for points.jsonl, which each point is added to as it is found, and for the plots; a second call continues
    /// there
    #[arg(long, help_heading = OUTPUT, value_name = "DIR", default_value = "runs/critical-points")]
    out: PathBuf,
    #[command(flatten)]
    overwrite: Overwrite,
    /// Print one JSON object on stdout and nothing else there
    #[arg(long, help_heading = OUTPUT)]
    json: bool,
}

fn parse_size(text: &str) -> Result<(usize, usize), String> {
    let sides = text.split_once('x').and_then(|(h, w)| Some((h.parse().ok()?, w.parse().ok()?)));
    match sides {
        Some((height, width)) if height > 0 && width > 0 => Ok((height, width)),
        _ => Err("expected a height and a width above 0, such as 10x10".to_owned()),
    }
}

/// The network and its data.
struct Task {
    model: Sequential<f64>,
    loss: SoftmaxCrossEntropy,
    data: Dataset<f64>,
    x: Array2<f64>,
    target: Array2<f64>,
    pool: Pool,
}

impl CriticalPoints {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        catch_interrupts()?;
        let task = self.task()?;
        fs::create_dir_all(&self.out)
            .map_err(|error| Failure::Input(format!("--out {}: {error}", self.out.display())))?;
        for name in [INDEX_LOSS, INDEX_ERROR, SPECTRA] {
            self.overwrite.check(&self.out.join(name))?;
        }
        let mut store = Store::open(self.out.join("points.jsonl"), &self.settings(&task))?;
        let dim = task.model.layout().len();
        errln!("{} · {dim} parameters · {} examples", task.data.name(), task.data.len());
        for number in store.found().len()..self.points {
            if is_interrupted() {
                break;
            }
            let record = self.search(&task, number);
            let SurveyPoint { loss, gradient, index, verdict, .. } = &record.point;
            let parts = vec![
                Part::new(0, format!("point {:>3}/{}", number + 1, self.points)),
                Part::new(0, format!("loss {loss:.5}")),
                Part::new(3, format!("|g| {gradient:.1e}")),
                Part::new(1, format!("index {index:.4}")),
                Part::new(2, verdict.to_string()),
            ];
            errln!("{}", fitted(parts, "  ", columns(Stream::Stderr)));
            store.add(record)?;
        }
        let found = store.found();
        self.draw(found)?;
        self.report(found, dim)?;
        if is_interrupted() {
            return Err(Failure::Interrupted(format!(
                "interrupted after {} of {} points; the same command continues from there",
                found.len(),
                self.points
            )));
        }
        Ok(())
    }

    fn task(&self) -> Result<Task, Failure> {
        let source = self.data.place.data.clone().unwrap_or(Source::Known(Known::Digits));
        let parts = self.data.own_or_known_parts::<f64>(&source, None)?;
        let all = self.data.with_test_part(parts, &source, None, 0)?.train;
        let kept = (self.examples as usize).min(all.len());
        let mut data = all.select(&(0..kept).collect::<Vec<_>>());
        if data.labels().is_none() {
            return Err(Failure::input("the loss is a cross-entropy: use data with classes"));
        }
        if let Some((height, width)) = self.resize {
            data = data.resized(height, width).map_err(Failure::input)?;
        }
        let data = data.materialize(&data.pixel_scaling());
        let widths = self.layers.complete((data.inputs(), data.outputs()), &size(&data))?;
        let architecture = Architecture::perceptron(&widths, self.activation.clone(), 0.0);
        architecture.validated().map_err(Failure::input)?;
        let model = architecture.build::<f64>(None);
        let dim = model.layout().len();
        if dim > MOST {
            return Err(Failure::Input(format!(
                "--layers {}: {dim} parameters, but the limit for whole spectra is {MOST}: use smaller layers or --resize",
                self.layers
            )));
        }
        let threads = self.threads.map_or_else(chainrule::tensor::available_threads, usize::from);
        Ok(Task {
            loss: SoftmaxCrossEntropy::default(),
            x: data.inputs_through(&Pipeline::new()),
            target: data.encode(Encoding::Index),
            pool: Pool::new(threads),
            model,
            data,
        })
    }

    /// All that a point depends on: the first line of the file.
    fn settings(&self, task: &Task) -> Value {
        json!({
            "data": task.data.name(), "examples": task.data.len(), "inputs": task.data.inputs(),
            "fingerprint": format!("{:016x}", fingerprint_as::<f64, f64>(&task.data)),
            "layers": self.layers.to_string(), "activation": self.activation.name(),
            "method": self.method.to_possible_value().expect("no method is hidden").get_name(),
            "tolerance": self.tolerance, "steps": self.steps, "seed": self.seed,
        })
    }

    /// The point of this number.
    fn search(&self, task: &Task, number: usize) -> Record {
        let rng = &mut Rng::stream(self.seed, number as u64);
        let mut theta = task.model.layout().init::<f64>(rng);
        let mut buffers = ShardBuffers::remembering(&task.model, task.x.nrows());
        let mut risk = Sharded::new(
            &task.model,
            &task.loss,
            &task.x,
            &task.target,
            Mode::EVAL,
            &mut buffers,
            &task.pool,
        );
        let method = match self.method {
            MethodName::NewtonMr => CriticalPointMethod::NewtonMr,
            MethodName::Newton => CriticalPointMethod::Newton,
        };
        let search = CriticalPointSearch {
            method,
            tolerance: self.tolerance,
            steps: self.steps,
            ..CriticalPointSearch::default()
        };
        let point = Survey { run: RUN, search }.find(&mut risk, &mut theta, number % 2 == 1, rng);
        // A network that overflows has no accuracy.
        let evaluation =
            evaluate(&task.model, &task.loss, Encoding::Index, &Pipeline::new(), &theta, &task.data);
        let accuracy = evaluation.map_or(f64::NAN, |evaluation| evaluation.metrics.headline());
        Record { point, error: 1.0 - accuracy }
    }

    /// Writes the plots.
    fn draw(&self, found: &[Record]) -> Result<(), Failure> {
        let write = |name: &str, plot: &Plot| {
            write_atomic(self.out.join(name), |file| file.write_all(plot.to_svg().as_bytes()))
                .map_err(Failure::run)
        };
        let series = |figure: fn(&Record) -> f64| {
            [Verdict::Critical, Verdict::GradientFlat, Verdict::Neither].map(|verdict| {
                let those = found.iter().filter(|record| record.point.verdict == verdict);
                (verdict.to_string(), those.map(|record| (record.point.index, figure(record))).collect())
            })
        };
        write(INDEX_LOSS, &against_index("loss", series(|record| record.point.loss)))?;
        write(INDEX_ERROR, &against_index("fraction misclassified", series(|record| record.error)))?;
        // Three spectra: of the points with the lowest, the middle and the highest loss where the search came to rest.
        let mut rest: Vec<&SurveyPoint> = found.iter().map(|record| &record.point).collect();
        rest.retain(|point| point.verdict != Verdict::Neither);
        rest.sort_by(|a, b| a.loss.total_cmp(&b.loss));
        let Some(last) = rest.len().checked_sub(1) else { return Ok(()) };
        let spectra = [0, last / 2, last].map(|place| {
            let SurveyPoint { loss, index, verdict, spectrum, .. } = rest[place];
            (format!("loss {loss:.3}, α = {index:.3}, {verdict}"), histogram(spectrum))
        });
        write(SPECTRA, &histograms("Spectra of three points", spectra))
    }

    fn report(&self, found: &[Record], parameters: usize) -> Result<(), Failure> {
        let SurveySummary { critical, saddles, gradient_flat, correlation } =
            SurveySummary::of(found.iter().map(|record| &record.point));
        if self.json {
            return print_json(&json!({
                "parameters": parameters, "attempts": found.len(), "critical": critical,
                "gradient_flat": gradient_flat, "saddles": saddles, "correlation": correlation,
                "out": self.out.display().to_string(),
            }));
        }
        outln!("attempts         {}", found.len())?;
        outln!("critical points  {critical}, of which saddles {saddles}")?;
        outln!("gradient-flat    {gradient_flat}")?;
        if let Some(correlation) = correlation {
            outln!("index and loss   correlation {correlation:.3}")?;
        }
        outln!("out              {}", self.out.display())
    }
}
