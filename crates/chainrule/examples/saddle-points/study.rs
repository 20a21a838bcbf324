//! The runs: what is trained, by which methods, and what is written down.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use chainrule::curvature::{Hessian, HessianFree, Lanczos, Newton};
use chainrule::datasets::{Dataset, Encoding, Pipeline, write_atomic};
use chainrule::layers::{Architecture, Layer, Mode, Sequential, activation};
use chainrule::loss::SoftmaxCrossEntropy;

use chainrule::ndarray::Array2;
use chainrule::optim::{Descent, Lbfgs, Momentum, Objective, Optimizer, Schedule};
use chainrule::tensor::{Pool, Rng};
use chainrule::train::{
    Callback, Epoch, Plan as Run, Setup, ShardBuffers, Sharded, TrainState, TrainingLoop, evaluate,
};
use serde_json::{Value, json};

use crate::figures::METHODS;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// Lanczos vectors where a network has too many parameters for the whole spectrum.
const KRYLOV: usize = 100;
/// Draws of SGD's settings are of a stream of their own.
const DRAWS: u64 = 1000;

/// How much is done.
pub(crate) struct Plan {
    pub(crate) seeds: u64,
    pub(crate) steps: usize,
    pub(crate) epochs: usize,
    pub(crate) draws: u64,
    pub(crate) exact_up_to: usize,
    pub(crate) threads: usize,
    pub(crate) folder: PathBuf,
}

/// A network and its data.
pub(crate) struct StudyTask {
    name: String,
    units: usize,
    model: Sequential<f64>,
    loss: SoftmaxCrossEntropy,
    data: Dataset<f64>,
    x: Array2<f64>,
    target: Array2<f64>,
}

/// One run as it went.
#[derive(Default)]
struct Log {
    epoch: Vec<f64>,
    seconds: Vec<f64>,
    loss: Vec<f64>,
    error: Vec<f64>,
    /// (epoch, the most negative eigenvalue of the Hessian).
    lowest: Vec<(f64, f64)>,
}

/// SGD's settings.
#[derive(Debug, Clone, Copy)]
struct Setting {
    rate: f64,
    batch: usize,
    momentum: f64,
}

impl StudyTask {
    pub(crate) fn new(name: &str, units: usize, data: &Dataset<f64>) -> Self {
        let widths = [data.inputs(), units, data.outputs()];
        let data = data.materialize(&data.pixel_scaling());
        Self {
            name: name.to_owned(),
            units,
            model: Architecture::perceptron(&widths, activation::Sigmoid, 0.0).build(None),
            loss: SoftmaxCrossEntropy::default(),
            x: data.inputs_through(&Pipeline::new()),
            target: data.encode(Encoding::Index),
            data,
        }
    }

    pub(crate) fn parameters(&self) -> usize {
        self.model.layout().len()
    }

    fn start(&self, seed: u64) -> Vec<f64> {
        self.model.layout().init(&mut Rng::new(seed)).to_vec()
    }

    /// Loss and share of wrong answers on the training images.
    fn judge(&self, theta: &[f64]) -> (f64, f64) {
        let result = evaluate(&self.model, &self.loss, Encoding::Index, &Pipeline::new(), theta, &self.data)
            .expect("the examples are in memory");
        (result.loss, 1.0 - result.metrics.headline())
    }

    fn lowest(&self, theta: &[f64]) -> f64 {
        let (pool, mut buffers) = (Pool::new(1), ShardBuffers::remembering(&self.model, self.x.nrows()));
        let mut risk =
            Sharded::new(&self.model, &self.loss, &self.x, &self.target, Mode::EVAL, &mut buffers, &pool);
        let lanczos = Lanczos { top: 0, bottom: 1, tolerance: 1e-4, products: 300, seed: 0 };
        let ends = lanczos.run(&mut Hessian::at(&mut risk, theta), &mut |_, _| ControlFlow::Continue(()));
        ends.bottom[0].value
    }
}

impl Log {
    fn add(&mut self, epoch: usize, seconds: f64, (loss, error): (f64, f64)) {
        self.epoch.push(epoch as f64);
        self.seconds.push(seconds);
        self.loss.push(loss);
        self.error.push(error);
    }

    fn to_json(&self, extra: &Value) -> Value {
        json!({
            "settings": extra, "epoch": self.epoch, "seconds": self.seconds, "loss": self.loss, "error": self.error,
            "lowest": self.lowest,
        })
    }
}

/// Every method on one network; runs that are there already are left alone.
pub(crate) fn all_methods(task: &StudyTask, plan: &Plan) -> Fallible<()> {
    let best = best_setting(task, plan)?;
    let dim = task.parameters();
    let runs: Vec<(u64, &str)> =
        (0..plan.seeds).flat_map(|seed| METHODS.map(|(method, _)| (seed, method))).collect();
    side_by_side(plan, runs.len(), |i| {
        let (seed, method) = runs[i];
        once(task, plan, &format!("{method}-{seed}"), || match method {
            "sgd" => {
                let setting = json!({ "rate": best.rate, "batch": best.batch, "momentum": best.momentum });
                sgd(task, plan, best, seed, true).to_json(&setting)
            }
            "hessian-free" => full_batch(task, plan, &mut HessianFree::new(dim), seed),
            "lbfgs" => full_batch(task, plan, &mut Lbfgs::new(dim).full_batch(true), seed),
            _ => newton(task, plan, method, seed),
        })
    })?;
    Ok(())
}

/// `run(0)`, `run(1)`, …, as many at a time as there are threads; the first error, if any.
fn side_by_side<T: Send>(
    plan: &Plan,
    runs: usize,
    run: impl Fn(usize) -> Fallible<T> + Sync,
) -> Fallible<Vec<T>> {
    let results = Mutex::new(Vec::new());
    Pool::new(plan.threads).run(runs, &|i| {
        let result = run(i).map_err(|error| error.to_string());
        results.lock().unwrap_or_else(PoisonError::into_inner).push((i, result));
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(i, _)| *i);
    results.into_iter().map(|(_, result)| result.map_err(Into::into)).collect()
}

fn path(task: &StudyTask, plan: &Plan, name: &str) -> PathBuf {
    plan.folder.join(format!("{:03}-{name}.json", task.units))
}

fn once(task: &StudyTask, plan: &Plan, name: &str, run: impl FnOnce() -> Value) -> Fallible<()> {
    let path = path(task, plan, name);
    if path.exists() {
        return Ok(());
    }
    let start = Instant::now();
    let result = run();
    write(&path, &result)?;
    let last = |key: &str| result[key].as_array().and_then(|values| values.last()?.as_f64());
    eprintln!(
        "  {} {:>3} units  {name:<14} loss {:.5}, error {:.2} %, {:.0} s",
        task.name,
        task.units,
        last("loss").unwrap_or(f64::NAN),
        100.0 * last("error").unwrap_or(f64::NAN),
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

fn write(path: &Path, value: &Value) -> Fallible<()> {
    write_atomic(path, |file| writeln!(file, "{value}"))?;
    Ok(())
}

/// The setting of the random search with the lowest training loss at the end of a run from seed 0.
fn best_setting(task: &StudyTask, plan: &Plan) -> Fallible<Setting> {
    let path = path(task, plan, "search");
    if !path.exists() {
        let start = Instant::now();
        let mut table = side_by_side(plan, plan.draws as usize, |draw| {
            let setting = Setting::draw(draw as u64, task.x.nrows());
            let log = sgd(task, plan, setting, 0, false);
            let loss = log.loss.last().copied().unwrap_or(f64::INFINITY);
            Ok(json!([loss, setting.rate, setting.batch, setting.momentum]))
        })?;
        table.sort_by(|a, b| {
            let loss = |row: &Value| row[0].as_f64().unwrap_or(f64::INFINITY);
            loss(a).total_cmp(&loss(b))
        });
        let seconds = start.elapsed().as_secs_f64();
        eprintln!("  {} draws of SGD's settings in {seconds:.0} s, best {}", plan.draws, table[0]);
        write(&path, &json!({ "loss, rate, batch, momentum": table, "seconds": seconds }))?;
    }
    let table: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    let best = &table["loss, rate, batch, momentum"][0];
    let number = |i: usize| best[i].as_f64().ok_or("the file of the search is damaged: delete it");
    Ok(Setting { rate: number(1)?, batch: number(2)? as usize, momentum: number(3)? })
}

impl Setting {
    /// Rates from 0.003 to 3 evenly in the logarithm, batches from 10 to 1,000, five values of momentum.
    fn draw(draw: u64, examples: usize) -> Self {
        let rng = &mut Rng::stream(DRAWS, draw);
        let rate = 10.0_f64.powf(rng.uniform::<f64>(-2.5, 0.5));
        let batch = [10, 30, 100, 300, 1000][rng.below(5)].min(examples);
        let momentum = [0.0, 0.5, 0.9, 0.95, 0.99][rng.below(5)];
        // A momentum of μ lengthens a steady step by 1/(1 − μ).
        Self { rate: rate * (1.0 - momentum), batch, momentum }
    }
}

/// The epochs at which SGD's Hessian is looked at: 0, 1, 2, 5, 10, ….
fn is_milestone(epoch: usize) -> bool {
    let mut power = 1;
    while power * 10 <= epoch {
        power *= 10;
    }
    epoch == 0 || [1, 2, 5].contains(&(epoch / power)) && epoch.is_multiple_of(power)
}

struct Recorder<'a> {
    task: &'a StudyTask,
    log: Log,
    curvature: bool,
}

impl Callback<f64> for Recorder<'_> {
    fn on_epoch(&mut self, epoch: &Epoch, theta: &[f64]) -> ControlFlow<()> {
        let seconds = self.log.seconds.last().copied().unwrap_or(0.0) + epoch.seconds;
        self.log.add(epoch.epoch, seconds, self.task.judge(theta));
        if self.curvature && is_milestone(epoch.epoch) {
            self.log.lowest.push((epoch.epoch as f64, self.task.lowest(theta)));
        }
        ControlFlow::Continue(())
    }
}

/// Mini-batch SGD; a run that diverges ends with an infinite loss.
fn sgd(task: &StudyTask, plan: &Plan, setting: Setting, seed: u64, curvature: bool) -> Log {
    let mut theta = task.start(seed);
    let mut recorder = Recorder { task, log: Log::default(), curvature };
    recorder.log.add(0, 0.0, task.judge(&theta));
    if curvature {
        recorder.log.lowest.push((0.0, task.lowest(&theta)));
    }
    let rule = Momentum { mu: setting.momentum, nesterov: false };
    let mut descent = Descent::new(rule, theta.len(), Schedule::constant(setting.rate));
    let experiment = Setup {
        model: &task.model,
        loss: &task.loss,
        encoding: Encoding::Index,
        transform: &Pipeline::new(),
        train: &task.data,
        validation: None,
    };
    let run = Run { epochs: plan.epochs, batch: setting.batch, seed, ..Run::default() };
    let (pool, mut state) = (Pool::new(1), TrainState::start(&task.model, &theta));
    let trainer = TrainingLoop::new(&experiment, &run, &pool).callback(&mut recorder);
    let outcome = trainer.run(&mut descent, &mut theta, &mut state);
    if outcome.is_err() {
        recorder.log.add(plan.epochs, 0.0, (f64::INFINITY, 1.0));
    }
    recorder.log
}

/// A method on all images at every step, as often as the Newton methods.
fn full_batch(task: &StudyTask, plan: &Plan, optimizer: &mut dyn Optimizer<f64>, seed: u64) -> Value {
    let (mut theta, pool) = (task.start(seed), Pool::new(1));
    let mut buffers = ShardBuffers::remembering(&task.model, task.x.nrows());
    let mut risk =
        Sharded::new(&task.model, &task.loss, &task.x, &task.target, Mode::EVAL, &mut buffers, &pool);
    let (mut log, mut seconds) = (Log::default(), 0.0);
    log.add(0, 0.0, task.judge(&theta));
    for step in 1..=plan.steps {
        let start = Instant::now();
        optimizer.step(&mut risk, &mut theta);
        seconds += start.elapsed().as_secs_f64();
        log.add(step, seconds, task.judge(&theta));
    }
    log.to_json(&json!({}))
}

/// A Newton method on all images at every step.
fn newton(task: &StudyTask, plan: &Plan, method: &str, seed: u64) -> Value {
    let (mut theta, pool) = (task.start(seed), Pool::new(1));
    let dim = theta.len();
    let exact = dim <= plan.exact_up_to;
    let newton = if method == "newton" { Newton::damped(dim) } else { Newton::saddle_free(dim) };
    let mut newton = if exact { newton } else { newton.krylov(KRYLOV) };
    let mut buffers = if exact {
        ShardBuffers::new(&task.model, task.x.nrows())
    } else {
        ShardBuffers::remembering(&task.model, task.x.nrows())
    };
    let mut risk =
        Sharded::new(&task.model, &task.loss, &task.x, &task.target, Mode::EVAL, &mut buffers, &pool);
    let (mut log, mut seconds, mut index, mut lambda) = (Log::default(), 0.0, Vec::new(), Vec::new());
    log.add(0, 0.0, task.judge(&theta));
    for step in 1..=plan.steps {
        let start = Instant::now();
        newton.step(&mut risk, &mut theta);
        seconds += start.elapsed().as_secs_f64();
        let spectrum = newton.spectrum();
        log.lowest.push(((step - 1) as f64, spectrum.first().copied().unwrap_or(0.0)));
        let negative = spectrum.iter().filter(|&&value| value < -1e-8).count();
        index.push(negative as f64 / spectrum.len().max(1) as f64);
        lambda.push(newton.lambda());
        log.add(step, seconds, task.judge(&theta));
    }
    let mut gradient = vec![0.0; dim];
    risk.value_and_grad(&theta, &mut gradient);
    let gradient = chainrule::tensor::vector::norm(&gradient);
    let mut result = log.to_json(&json!({ "exact": exact, "krylov": if exact { 0 } else { KRYLOV } }));
    (result["index"], result["lambda"], result["gradient"]) = (json!(index), json!(lambda), json!(gradient));
    result
}
