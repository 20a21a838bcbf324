//! From the start of a process and MNIST's gzip files on disk to a test accuracy.
//!
//! The recipe is one-cycle Adam on pixels standardised by one mean and deviation. It is chosen with `--validate`, which
//! holds back the last 10,000 training examples and measures on them; the test set only judges the choice.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use chainrule::datasets::{Augmentation, DataDirs, Dataset, Encoding, Parts, Pipeline, Scaling, mnist};
use chainrule::layers::{Architecture, Layer, Sequential};
use chainrule::loss::SoftmaxCrossEntropy;

use chainrule::optim::{Adam, Descent, Schedule};
use chainrule::tensor::{Pool, Rng, Shape};
use chainrule::train::{Callback, Epoch, Plan, Setup, TrainState, TrainingLoop, evaluate};
use chainrule_benches::deskew::deskewed;
use chainrule_benches::process::Start;
use clap::Parser;
use serde_json::{Value, json};

/// Measure the time from the start of the process to an accuracy on MNIST.
#[derive(Debug, Parser)]
struct Args {
    /// The accuracy to reach
    #[arg(long, default_value_t = 0.98, value_name = "A")]
    target: f64,
    /// Epochs of the one cycle
    #[arg(long, default_value = "4", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    epochs: u64,
    /// The highest learning rate
    #[arg(long, default_value_t = 4e-3, value_name = "X")]
    rate: f64,
    /// Examples a step
    #[arg(long, default_value = "128", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    batch: u64,
    /// The network in words; a dense layer of ten outputs follows
    #[arg(long, default_value = "dense 256, relu", value_name = "WORDS")]
    network: String,
    /// How training images are varied, in words
    #[arg(long, default_value = "", value_name = "WORDS")]
    augment: Augmentation,
    /// Set the images upright first, in training and in judging
    #[arg(long)]
    deskew: bool,
    /// The seed of the initial weights and of the shuffling
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Threads
    #[arg(long, default_value = "2", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    threads: u64,
    /// Measure on the last 10,000 training examples instead, and train on the others
    #[arg(long)]
    validate: bool,
    /// Where MNIST's files are [default: $CHAINRULE_DATA and the usual places]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Measures after each epoch, and stops when the target is reached.
struct Watch<'a> {
    start: Start,
    target: f64,
    model: &'a Sequential<f32>,
    loss: &'a SoftmaxCrossEntropy,
    transform: &'a Pipeline,
    judge: &'a Dataset<f32>,
    epochs: Vec<Value>,
    reached: Option<f64>,
}

impl Callback<f32> for Watch<'_> {
    fn on_epoch(&mut self, epoch: &Epoch, theta: &[f32]) -> ControlFlow<()> {
        let evaluation = evaluate(self.model, self.loss, Encoding::Index, self.transform, theta, self.judge)
            .expect("the examples are in memory");
        let (accuracy, seconds) =
            (evaluation.metrics.headline(), self.start.milliseconds().map(|ms| ms / 1e3));
        self.epochs.push(json!({ "epoch": epoch.epoch, "accuracy": accuracy, "seconds": seconds }));
        if accuracy < self.target {
            return ControlFlow::Continue(());
        }
        self.reached = seconds;
        ControlFlow::Break(())
    }
}

fn main() -> ExitCode {
    let start = Start::now();
    chainrule::tensor::blas::init();
    let args = Args::parse();
    match run(&args, start) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args, start: Start) -> Result<Value, String> {
    let data = match &args.data_dir {
        Some(folder) => DataDirs::only(folder),
        None => DataDirs::from_env(),
    };
    let Parts { train, test, .. } = mnist::<f32>(&data).map_err(|error| error.to_string())?;
    let test = test.ok_or("MNIST has a test set, and this copy has none")?;
    let (train, test) = if args.deskew { (deskewed(&train), deskewed(&test)) } else { (train, test) };
    let (train, judge) = if args.validate {
        let (kept, held_back): (Vec<usize>, Vec<usize>) = (0..train.len()).partition(|&n| n < 50_000);
        (train.select(&kept), train.select(&held_back))
    } else {
        (train, test)
    };
    let transform =
        Pipeline::fit(&[Scaling::GlobalStandardise], &train).map_err(|error| error.to_string())?;
    let image = train.image().ok_or("MNIST is made of images")?;
    let input = if args.network.trim_start().starts_with("dense") {
        Shape::Flat(train.inputs())
    } else {
        Shape::image(image.height, image.width, image.channels)
    };
    let plan = Architecture::parse(input, &format!("{}, dense 10", args.network))
        .map_err(|error| error.to_string())?;
    plan.validated().map_err(|error| error.to_string())?;
    let model = plan.build::<f32>(None);
    let mut theta = model.layout().init::<f32>(&mut Rng::new(args.seed));
    let (epochs, batch) = (args.epochs as usize, args.batch as usize);
    let steps = args.epochs * train.len().div_ceil(batch) as u64;
    let mut adam = Descent::new(Adam::default(), theta.len(), Schedule::one_cycle(args.rate, steps))
        .along(model.layout());
    let loss = SoftmaxCrossEntropy::default();
    let setup = Setup {
        model: &model,
        loss: &loss,
        encoding: Encoding::Index,
        transform: &transform,
        train: &train,
        validation: None,
    };
    let (target, transform) = (args.target, &transform);
    let mut watch = Watch {
        start,
        target,
        model: &model,
        loss: &loss,
        transform,
        judge: &judge,
        epochs: Vec::new(),
        reached: None,
    };
    let plan = Plan { epochs, batch, seed: args.seed, augment: args.augment, ..Plan::default() };
    let pool = Pool::new(args.threads as usize);
    let mut state = TrainState::start(&model, &theta);
    let trainer = TrainingLoop::new(&setup, &plan, &pool).callback(&mut watch);
    trainer.run(&mut adam, &mut theta, &mut state).map_err(|error| error.to_string())?;
    Ok(json!({ "target": target, "seed": args.seed, "seconds": watch.reached, "epochs": watch.epochs }))
}
