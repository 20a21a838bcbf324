//! The deep autoencoder 784-1000-500-250-30-250-500-1000-784 on MNIST: SGD with momentum until it stalls, then
//! saddle-free Newton on Krylov spaces from where it stalled, after §6 of Dauphin et al. 2014.
//!
//! `cargo xtask reproduce deep-autoencoder` runs it. After every epoch all that the next one depends on is in the
//! folder of results, so that the run can be interrupted at any time and the same command goes on with the same bits.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use chainrule::curvature::{Newton, TwoBatches};
use chainrule::datasets::{DataDirs, mnist, npy, write_atomic};
use chainrule::layers::{Architecture, Layer, Mode, Sequential, Stage, activation};
use chainrule::loss::SquaredError;

use chainrule::ndarray::{Array2, ArrayRef2, Axis, s};
use chainrule::optim::{Descent, Momentum, Objective, Optimizer, Schedule};
use chainrule::tensor::{Init, Pool, Rng, hash};
use chainrule::train::{ShardBuffers, Sharded};
use clap::Parser;

const WIDTHS: [usize; 9] = [784, 1000, 500, 250, 30, 250, 500, 1000, 784];
/// The place of the code, whose units are linear.
const CODE: usize = 4;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// Train the deep autoencoder on MNIST; a second call goes on where the first one was.
#[derive(Debug, Parser)]
struct Args {
    /// The folder with the files of MNIST
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Training images
    #[arg(long, value_name = "N", default_value_t = 60_000)]
    examples: usize,
    /// Epochs of SGD at most
    #[arg(long, value_name = "N", default_value_t = 200)]
    sgd_epochs: usize,
    /// SGD has stalled when its mean error over ten epochs is below that over the ten before by less than this share
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    stall: f64,
    /// Steps of saddle-free Newton
    #[arg(long, value_name = "N", default_value_t = 100)]
    newton_steps: usize,
    /// Lanczos vectors
    #[arg(long, value_name = "N", default_value_t = 50)]
    krylov: usize,
    /// Images of a Newton step's gradient and of the errors that decide on it
    #[arg(long, value_name = "N", default_value_t = 60_000)]
    newton_batch: usize,
    /// Images of a Newton step's curvature
    #[arg(long, value_name = "N", default_value_t = 5000)]
    curvature_batch: usize,
    /// Images of a step of SGD
    #[arg(long, value_name = "N", default_value_t = 20)]
    sgd_batch: usize,
    /// Learning rate of SGD at first; a tenth of it whenever ten epochs brought nothing
    #[arg(long, value_name = "X", default_value_t = 0.01)]
    lr: f64,
    /// Nesterov momentum of SGD
    #[arg(long, value_name = "MU", default_value_t = 0.9)]
    momentum: f64,
    /// Threads
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// The folder of results
    #[arg(long, value_name = "DIR", default_value = "runs/deep-autoencoder")]
    out: PathBuf,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Where the run is: in `f32` beside θ and the optimizer's memory, in one row of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    /// 0 for SGD, 1 for saddle-free Newton.
    stage: usize,
    /// Epochs, or steps, done in that stage.
    done: usize,
}

fn run(args: &Args) -> Fallible<()> {
    let data = mnist::<f32>(&DataDirs::from_env().or_only(args.data_dir.clone()))?.train;
    let x = data.inputs_through(&data.pixel_scaling());
    let x = x.slice(s![..args.examples.min(x.nrows()), ..]).to_owned();
    std::fs::create_dir_all(&args.out)?;
    let model = autoencoder();
    let mut theta = model.layout().init::<f32>(&mut Rng::new(1));
    eprintln!("deep autoencoder · {} parameters · {} images", theta.len(), x.nrows());
    let pool = Pool::new(args.threads);
    let mut log = Log::open(&args.out)?;
    let mut place = Place { stage: 0, done: 0 };

    let rule = Momentum { mu: args.momentum, nesterov: true };
    let mut sgd = Descent::new(rule, theta.len(), Schedule::plateau(args.lr));
    let mut newton = Newton::saddle_free(theta.len()).krylov(args.krylov).inner(3);
    let state = args.out.join("state.npy");
    if state.exists() {
        place = load(&state, &mut theta, &mut sgd, &mut newton)?;
        eprintln!("going on: {place:?}");
    } else {
        log.add("start", 0, 0.0, error(&model, &theta, &x, &pool))?;
    }
    while place.stage == 0 {
        if place.done >= args.sgd_epochs || log.has_stalled(args.stall) {
            place = Place { stage: 1, done: 0 };
            break;
        }
        let start = Instant::now();
        sgd_epoch(&model, &x, &mut sgd, &mut theta, place.done, args, &pool);
        place.done += 1;
        let seconds = start.elapsed().as_secs_f64();
        let error = error(&model, &theta, &x, &pool);
        sgd.observe(error);
        log.add("sgd", place.done, seconds, error)?;
        save(&state, place, &theta, &mut sgd, &mut newton)?;
    }
    while place.done < args.newton_steps {
        let start = Instant::now();
        newton_step(&model, &x, &mut newton, &mut theta, place.done, args, &pool);
        place.done += 1;
        let seconds = start.elapsed().as_secs_f64();
        log.add("saddle-free", place.done, seconds, error(&model, &theta, &x, &pool))?;
        save(&state, place, &theta, &mut sgd, &mut newton)?;
    }
    Ok(())
}

/// Sigmoids everywhere but in the code, with Martens' sparse weights.
fn autoencoder() -> Sequential<f32> {
    let mut plan = Architecture::perceptron(&WIDTHS, activation::Sigmoid, 0.0);
    let mut dense = 0;
    for stage in &mut plan.layers {
        match stage {
            Stage::Dense(_) => dense += 1,
            units if dense == CODE => *units = activation::Identity.into(),
            _ => {}
        }
    }
    plan.layers.push(activation::Sigmoid.into());
    plan.build(Some(Init::SPARSE))
}

/// The squared error summed over pixels, mean over the images.
fn error(model: &Sequential<f32>, theta: &[f32], x: &ArrayRef2<f32>, pool: &Pool) -> f64 {
    let (loss, mut buffers) = (SquaredError::default(), ShardBuffers::new(model, x.nrows()));
    f64::from(Sharded::new(model, &loss, x, x, Mode::EVAL, &mut buffers, pool).value(theta))
}

fn some(x: &ArrayRef2<f32>, count: usize, rng: &mut Rng) -> Array2<f32> {
    let mut rows: Vec<usize> = (0..x.nrows()).collect();
    rng.shuffle(&mut rows);
    rows.truncate(count);
    x.select(Axis(0), &rows)
}

fn sgd_epoch(
    model: &Sequential<f32>,
    x: &ArrayRef2<f32>,
    sgd: &mut dyn Optimizer<f32>,
    theta: &mut [f32],
    epoch: usize,
    args: &Args,
    pool: &Pool,
) {
    let loss = SquaredError::default();
    let mut buffers = ShardBuffers::new(model, args.sgd_batch);
    let shuffled = some(x, x.nrows(), &mut Rng::new(hash(1, 0, epoch as u64)));
    for start in (0..x.nrows()).step_by(args.sgd_batch) {
        let batch = shuffled.slice(s![start..x.nrows().min(start + args.sgd_batch), ..]);
        let mut risk = Sharded::new(model, &loss, &batch, &batch, Mode::EVAL, &mut buffers, pool);
        sgd.step(&mut risk, theta);
    }
}

/// One step with a batch of its own for the gradient, and another for the curvature.
fn newton_step(
    model: &Sequential<f32>,
    x: &ArrayRef2<f32>,
    newton: &mut Newton<f32>,
    theta: &mut [f32],
    step: usize,
    args: &Args,
    pool: &Pool,
) {
    let loss = SquaredError::default();
    let rng = &mut Rng::new(hash(1, 1, step as u64));
    let (one, other) = (some(x, args.newton_batch, rng), some(x, args.curvature_batch, rng));
    let (mut plain, mut remembering) =
        (ShardBuffers::new(model, one.nrows()), ShardBuffers::remembering(model, other.nrows()));
    let mut gradient = Sharded::new(model, &loss, &one, &one, Mode::EVAL, &mut plain, pool);
    let mut curvature = Sharded::new(model, &loss, &other, &other, Mode::EVAL, &mut remembering, pool);
    newton.step(&mut TwoBatches { gradient: &mut gradient, curvature: &mut curvature }, theta);
}

/// Every number the run depends on, in one order.
fn walk(
    theta: &mut [f32],
    sgd: &mut dyn Optimizer<f32>,
    newton: &mut dyn Optimizer<f32>,
    visit: &mut dyn FnMut(&mut [f32]),
) {
    visit(theta);
    sgd.state(&mut |_, numbers| visit(numbers));
    newton.state(&mut |_, numbers| visit(numbers));
}

fn save(
    path: &Path,
    place: Place,
    theta: &[f32],
    sgd: &mut dyn Optimizer<f32>,
    newton: &mut dyn Optimizer<f32>,
) -> Fallible<()> {
    let mut all = vec![place.stage as f32, place.done as f32];
    walk(&mut theta.to_vec(), sgd, newton, &mut |numbers| all.extend_from_slice(numbers));
    npy::write(path, &Array2::from_shape_vec((1, all.len()), all)?)?;
    Ok(())
}

fn load(
    path: &Path,
    theta: &mut [f32],
    sgd: &mut dyn Optimizer<f32>,
    newton: &mut dyn Optimizer<f32>,
) -> Fallible<Place> {
    let all = npy::read::<f32>(path)?;
    let mut length = 2;
    walk(theta, sgd, newton, &mut |numbers| length += numbers.len());
    if all.len() != length {
        return Err(format!("{}: not the state of this network: delete it", path.display()).into());
    }
    let mut numbers = all.iter().copied();
    let mut next = || numbers.next().unwrap_or_default();
    let place = Place { stage: next() as usize, done: next() as usize };
    walk(theta, sgd, newton, &mut |numbers| numbers.iter_mut().for_each(|n| *n = next()));
    Ok(place)
}

/// The lines of log.csv: stage, epoch or step, seconds, error.
struct Log {
    path: PathBuf,
    text: String,
}

impl Log {
    fn open(folder: &Path) -> Fallible<Self> {
        let path = folder.join("log.csv");
        let text = if path.exists() {
            std::fs::read_to_string(&path)?
        } else {
            "stage,done,seconds,error\n".to_owned()
        };
        Ok(Self { path, text })
    }

    fn add(&mut self, stage: &str, done: usize, seconds: f64, error: f64) -> Fallible<()> {
        eprintln!("{stage:<11} {done:>4}   {seconds:>6.1} s   error {error:.4}");
        writeln!(self.text, "{stage},{done},{seconds:.2},{error}")?;
        write_atomic(&self.path, |file| file.write_all(self.text.as_bytes()))?;
        Ok(())
    }

    /// Whether the mean error over the last ten epochs of SGD is below that over the ten before by less than `share`: the
    /// error swings from epoch to epoch by more than it falls.
    fn has_stalled(&self, share: f64) -> bool {
        let errors: Vec<f64> = self
            .text
            .lines()
            .filter(|line| line.starts_with("sgd,"))
            .filter_map(|line| line.rsplit_once(',')?.1.parse().ok())
            .collect();
        let Some(last) = errors.last_chunk::<20>() else { return false };
        let (before, now): (f64, f64) = (last[..10].iter().sum(), last[10..].iter().sum());
        (before - now) / before < share
    }
}
