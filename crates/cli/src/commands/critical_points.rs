//! `chainrule critical-points`.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use chainrule::curvature::{CriticalPointMethod, CriticalPointSearch, PointCurvature, Verdict, examine};
use chainrule::datasets::{Dataset, Encoding, Pipeline, write_atomic};
use chainrule::layers::{Layer, Mode, Sequential};
use chainrule::loss::SoftmaxCrossEntropy;
use chainrule::model::{Activation, Architecture};
use chainrule::ndarray::Array2;
use chainrule::optim::{Adam, Descent, Objective, Optimizer, Schedule};
use chainrule::tensor::{Pool, Rng, vector};
use chainrule::train::{ShardBuffers, Sharded, evaluate};
use chainrule_report::plot::{Mark, Plot};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::data::{DataArgs, Known, Source};
use super::options::{Widths, parse_magnitude};
use super::progress::{catch_interrupts, is_interrupted};
use crate::failure::{Failure, say, tell};

/// A way to bring the gradient down, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MethodName {
    NewtonMr,
    Newton,
}

/// Steps of Adam in the run that the points are taken from, each on all examples.
const RUN: usize = 300;
/// The most parameters: every point costs dense eigenproblems.
const MOST: usize = 6000;

#[derive(Debug, Args)]
pub(crate) struct CriticalPoints {
    #[command(flatten)]
    data: DataArgs,
    /// Bring images to this size first, such as 10x10, by area averaging
    #[arg(long, value_name = "HxW", value_parser = parse_size)]
    resize: Option<(usize, usize)>,
    /// Take the first so many training examples
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
    examples: u32,
    /// Widths of the layers; the inner ones alone suffice
    #[arg(long, default_value = "5", value_name = "WIDTHS")]
    layers: Widths,
    /// The function of the inner units
    #[arg(long, default_value = "sigmoid", value_name = "NAME")]
    activation: Activation,
    /// Points to start from: along training runs, every other one perturbed
    #[arg(long, default_value_t = 20, value_name = "N")]
    points: usize,
    /// How the gradient is brought down
    #[arg(long, value_enum, default_value = "newton-mr", value_name = "NAME")]
    method: MethodName,
    /// Norm of the gradient at a critical point
    #[arg(long, default_value = "1e-8", value_name = "X", value_parser = parse_magnitude)]
    tolerance: f64,
    /// Steps of a search at most
    #[arg(long, default_value_t = 200, value_name = "N")]
    steps: usize,
    /// Seed of the runs and of the perturbations
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Folder of points.jsonl, to which each point is added as it is found, and of the plots; a second call goes on
    /// there
    #[arg(long, value_name = "DIR", default_value = "runs/critical-points")]
    out: PathBuf,
    /// Print one JSON object on stdout and nothing else there
    #[arg(long)]
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
        let header = self.settings(&task);
        let path = self.out.join("points.jsonl");
        let mut found = read(&path, &header)?;
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&path).map_err(Failure::run)?;
        if found.is_empty() {
            writeln!(file, "{header}").map_err(Failure::run)?;
        }
        let dim = task.model.layout().len();
        tell!("{} · {dim} parameters · {} examples", task.data.name(), task.data.len());
        for place in found.len()..self.points {
            if is_interrupted() {
                break;
            }
            let record = self.search(&task, place);
            writeln!(file, "{record}").and_then(|()| file.sync_data()).map_err(Failure::run)?;
            tell!(
                "point {:>3}/{}   loss {:.5}   |g| {:.1e}   index {:.4}   {}",
                place + 1,
                self.points,
                record["loss"].as_f64().unwrap_or(f64::NAN),
                record["gradient"].as_f64().unwrap_or(f64::NAN),
                record["index"].as_f64().unwrap_or(f64::NAN),
                record["verdict"].as_str().unwrap_or_default()
            );
            found.push(record);
        }
        self.draw(&found)?;
        self.report(&found, dim)?;
        if is_interrupted() {
            return Err(Failure::Interrupted(format!(
                "interrupted after {} of {} points; the same command goes on from there",
                found.len(),
                self.points
            )));
        }
        Ok(())
    }

    fn task(&self) -> Result<Task, Failure> {
        let source = self.data.place.data.clone().unwrap_or(Source::Known(Known::Digits));
        let all = self.data.parts::<f64>(&source, 0)?.train;
        let kept = (self.examples as usize).min(all.len());
        let mut data = all.select(&(0..kept).collect::<Vec<_>>());
        if data.labels().is_none() {
            return Err(Failure::input(
                "critical points are those of a cross-entropy: take data with classes",
            ));
        }
        if let Some((height, width)) = self.resize {
            data = data.resized(height, width).map_err(Failure::input)?;
        }
        let data = data.materialize(&data.pixel_scaling());
        let widths = self.layers.complete(data.inputs(), data.outputs())?;
        let architecture = Architecture::perceptron(&widths, self.activation, 0.0);
        architecture.validated().map_err(Failure::Input)?;
        let model = architecture.build::<f64>(None);
        let dim = model.layout().len();
        if dim > MOST {
            return Err(Failure::Input(format!(
                "--layers {}: {dim} parameters, but whole spectra are for {MOST} at most: take fewer units, or --resize",
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
            "layers": self.layers.to_string(), "activation": self.activation.name(),
            "method": format!("{:?}", self.method), "tolerance": self.tolerance, "steps": self.steps, "seed": self.seed,
        })
    }

    /// One point: where a run of Adam was after some steps, moved at random every other time, and from there downhill
    /// in the norm of the gradient.
    fn search(&self, task: &Task, place: usize) -> Value {
        let rng = &mut Rng::stream(self.seed, place as u64);
        let mut theta = task.model.layout().init::<f64>(rng);
        let (taken, perturbed) = (rng.below(RUN + 1), place % 2 == 1);
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
        let mut adam = Descent::new(Adam::default(), theta.len(), Schedule::constant(0.03));
        for _ in 0..taken {
            adam.step(&mut risk, &mut theta);
        }
        let mut spread = 0.0;
        if perturbed {
            // From a hundredth of the length of θ up to that length.
            spread = 10.0_f64.powf(rng.uniform::<f64>(-2.0, 0.0));
            let each = spread * vector::norm(&theta) / (theta.len() as f64).sqrt();
            for t in theta.iter_mut() {
                *t += rng.normal::<f64>(each);
            }
        }
        let start = risk.value(&theta);
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
        let steps = search.run(&mut risk, &mut theta);
        let point: PointCurvature = examine(&mut risk, &theta);
        let judged = evaluate(&task.model, &task.loss, Encoding::Index, &Pipeline::new(), &theta, &task.data)
            .expect("the examples are in memory");
        let verdict = match point.verdict(self.tolerance) {
            Verdict::Critical => "critical",
            Verdict::GradientFlat => "gradient-flat",
            Verdict::Neither => "neither",
        };
        json!({
            "run": taken, "perturbed": spread, "start": start, "steps": steps, "loss": point.value,
            "error": 1.0 - judged.metrics.headline(), "gradient": point.gradient, "flatness": point.flatness,
            "index": point.index(), "verdict": verdict, "spectrum": point.spectrum,
        })
    }

    fn draw(&self, found: &[Value]) -> Result<(), Failure> {
        let number = |record: &Value, key: &str| record[key].as_f64().unwrap_or(f64::NAN);
        let of = |verdict: &str, key: &str| -> Vec<(f64, f64)> {
            let those = found.iter().filter(|record| record["verdict"] == verdict);
            those.map(|record| (number(record, "index"), number(record, key))).collect()
        };
        let write = |name: &str, plot: &Plot| {
            write_atomic(self.out.join(name), |file| file.write_all(plot.to_svg().as_bytes()))
                .map_err(Failure::run)
        };
        for (name, key, label) in
            [("index-loss.svg", "loss", "loss"), ("index-error.svg", "error", "share of wrong answers")]
        {
            let mut plot =
                Plot::new("Index of critical points", "index α, share of negative eigenvalues", label);
            for verdict in ["critical", "gradient-flat", "neither"] {
                plot = plot.with(verdict, Mark::Dots, of(verdict, key));
            }
            write(name, &plot)?;
        }
        // Three spectra: of the points with the lowest, the middle and the highest loss where the search came to rest.
        let mut rest: Vec<&Value> = found.iter().filter(|record| record["verdict"] != "neither").collect();
        rest.sort_by(|a, b| number(a, "loss").total_cmp(&number(b, "loss")));
        let Some(last) = rest.len().checked_sub(1) else { return Ok(()) };
        let mut plot = Plot::new("Spectra of three points", "eigenvalue", "eigenvalues").log_y();
        for place in [0, last / 2, last] {
            let record = rest[place];
            let spectrum: Vec<f64> = record["spectrum"]
                .as_array()
                .map(|list| list.iter().filter_map(Value::as_f64).collect())
                .unwrap_or_default();
            let (loss, index) = (number(record, "loss"), number(record, "index"));
            let title =
                format!("loss {loss:.3}, α = {index:.3}, {}", record["verdict"].as_str().unwrap_or("?"));
            plot = plot.with(&title, Mark::Dots, histogram(&spectrum));
        }
        write("spectra.svg", &plot)
    }

    fn report(&self, found: &[Value], parameters: usize) -> Result<(), Failure> {
        let count = |verdict: &str| found.iter().filter(|record| record["verdict"] == verdict).count();
        let (critical, flat) = (count("critical"), count("gradient-flat"));
        let indices: Vec<f64> = found
            .iter()
            .filter(|record| record["verdict"] == "critical")
            .filter_map(|record| record["index"].as_f64())
            .collect();
        let losses: Vec<f64> = found
            .iter()
            .filter(|record| record["verdict"] == "critical")
            .filter_map(|record| record["loss"].as_f64())
            .collect();
        let correlation = correlation(&indices, &losses);
        if self.json {
            let report = json!({
                "parameters": parameters, "attempts": found.len(), "critical": critical, "gradient_flat": flat,
                "saddles": indices.iter().filter(|&&index| index > 0.0).count(), "correlation": correlation,
                "out": self.out.display().to_string(),
            });
            return say!("{report}");
        }
        say!("attempts         {}", found.len())?;
        say!(
            "critical points  {critical}, of which saddles {}",
            indices.iter().filter(|&&i| i > 0.0).count()
        )?;
        say!("gradient-flat    {flat}")?;
        if let Some(correlation) = correlation {
            say!("index and loss   correlation {correlation:.3}")?;
        }
        say!("out              {}", self.out.display())
    }
}

/// The points of a file that was begun with the same settings; none if there is no file.
fn read(path: &std::path::Path, header: &Value) -> Result<Vec<Value>, Failure> {
    let Ok(text) = fs::read_to_string(path) else { return Ok(Vec::new()) };
    let mut lines = text.lines();
    let Some(first) = lines.next() else { return Ok(Vec::new()) };
    if serde_json::from_str::<Value>(first).ok().as_ref() != Some(header) {
        return Err(Failure::Input(format!(
            "{}: begun with other settings: take another --out, or delete it",
            path.display()
        )));
    }
    let points: Result<Vec<Value>, _> = lines.map(serde_json::from_str).collect();
    points.map_err(|error| {
        Failure::Input(format!("{}: a damaged line ({error}): delete it and those after it", path.display()))
    })
}

/// How many eigenvalues lie in each of sixty equal intervals.
fn histogram(spectrum: &[f64]) -> Vec<(f64, f64)> {
    let (Some(&low), Some(&high)) = (spectrum.first(), spectrum.last()) else { return Vec::new() };
    let width = ((high - low) / 60.0).max(f64::MIN_POSITIVE);
    let mut counts = [0.0; 61];
    for value in spectrum {
        counts[(((value - low) / width) as usize).min(60)] += 1.0;
    }
    (0..61).map(|i| (low + width * (f64::from(i) + 0.5), counts[i as usize])).collect()
}

/// Pearson's coefficient; `None` for fewer than three pairs, or where one side is constant.
fn correlation(x: &[f64], y: &[f64]) -> Option<f64> {
    let n = x.len() as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let centred = |values: &[f64], mean: f64| -> Vec<f64> { values.iter().map(|v| v - mean).collect() };
    let (x, y) = (centred(x, mean_x), centred(y, mean_y));
    let length = vector::norm(&x) * vector::norm(&y);
    (n >= 3.0 && length > 0.0).then(|| vector::dot(&x, &y) / length)
}
