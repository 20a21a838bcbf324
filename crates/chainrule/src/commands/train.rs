//! `chainrule train`.

use std::path::{Path, PathBuf};

use chainrule::datasets::{Method, Parts, split::Share};
use chainrule::layers::Layer;
use chainrule::tensor::{Pool, Rng, Scalar};
use chainrule::train::{
    Activation, Architecture, Card, Checkpoint, Evaluation, Experiment, History, Plan, Stage, evaluate, fit,
};
use clap::Args;
use serde_json::{Value, json};

use super::data::{DataArgs, Known, Source};
use super::optimizer::OptimizerArgs;
use super::options::{Dtype, InitArg, LossName, OutputName, Widths, parse_share, with_dtype};
use super::progress::{Progress, catch_interrupts};
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct Train {
    #[command(flatten)]
    data: DataArgs,
    /// Widths of the layers, such as 784-256-10; the inner ones alone suffice
    #[arg(long, default_value = "128", value_name = "WIDTHS")]
    layers: Widths,
    /// The function of the inner units
    #[arg(long, default_value = "relu", value_name = "NAME")]
    activation: Activation,
    /// The function of the output [default: the one that suits the loss]
    #[arg(long, value_enum, value_name = "NAME")]
    output: Option<OutputName>,
    /// What is minimised [default: cross-entropy for classes, mean-squared-error for numbers]
    #[arg(long, value_enum, value_name = "NAME")]
    loss: Option<LossName>,
    /// How much of the target is spread over all classes, for cross-entropy
    #[arg(long, default_value = "0", value_name = "SHARE", value_parser = parse_share)]
    label_smoothing: f64,
    #[command(flatten)]
    optimizer: OptimizerArgs,
    /// Probability of dropping an inner unit
    #[arg(long, default_value = "0", value_name = "P", value_parser = parse_share)]
    dropout: f64,
    /// How weights begin: auto, zeros, normal:0.01, glorot-uniform, he-normal, orthogonal, sparse, …
    #[arg(long, default_value = "auto", value_name = "INIT")]
    init: InitArg,
    /// Examples a step
    #[arg(long, default_value = "32", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// Passes over the training data
    #[arg(long, default_value_t = 30, value_name = "N")]
    epochs: usize,
    /// Share of the training data that is held out to watch
    #[arg(long, default_value = "0", value_name = "SHARE", value_parser = parse_share)]
    validation: f64,
    /// Epochs to wait for a better validation loss; then the best parameters return
    #[arg(long, value_name = "N")]
    patience: Option<usize>,
    /// Bring every input to mean 0 and variance 1; a table always is
    #[arg(long)]
    standardize: bool,
    /// Number type
    #[arg(long, value_enum, default_value = "f32", value_name = "TYPE")]
    dtype: Dtype,
    /// Seed of the initial weights, the shuffling and dropout
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Folder of the checkpoint
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object on stdout and nothing else there
    #[arg(long)]
    json: bool,
}

impl Train {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        with_dtype!(self.dtype, train(self))
    }

    fn source(&self) -> Source {
        self.data.data.clone().unwrap_or(Source::Known(Known::Digits))
    }

    /// Training and test parts, with a validation part where one is asked for.
    fn parts<A: Scalar>(&self) -> Result<Parts<A>, Failure> {
        let parts = self.data.parts(&self.source(), self.seed)?;
        if self.validation > 0.0 {
            let share = Share::Fraction(self.validation);
            return parts.hold_out_validation(share, self.seed).map_err(Failure::input);
        }
        Ok(parts)
    }

    fn card<A: Scalar>(&self, loss: LossName, parts: &Parts<A>) -> Result<Card, Failure> {
        let widths = self.layers.complete(parts.train.inputs(), parts.train.outputs())?;
        let mut architecture = Architecture::perceptron(&widths, self.activation, self.dropout);
        let (top, output) = loss.top(self.output, parts.train.labels().is_some())?;
        architecture.layers.extend::<Option<Stage>>(top);
        architecture.validated().map_err(Failure::Input)?;
        let mut transform = parts.train.pixel_scaling();
        if self.standardize || self.source().is_table() {
            transform = transform.then_fit(Method::Standardise, &parts.train).map_err(Failure::input)?;
        }
        Ok(Card {
            architecture,
            output,
            loss: Some(loss.to_string()),
            transform,
            classes: parts.train.class_names().to_vec(),
            data: Some(self.source().to_string()),
            seed: Some(self.seed),
        })
    }

    /// Where the checkpoint goes; its folder is made now, and not after an hour of training in vain.
    fn model_path(&self) -> Result<PathBuf, Failure> {
        let usual = || Path::new("runs").join(self.source().to_string());
        let folder = self.out.clone().unwrap_or_else(usual);
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::Input(format!("--out {}: {error}", folder.display())))?;
        Ok(folder.join("last.safetensors"))
    }
}

fn train<A: Scalar>(args: &Train) -> Result<(), Failure> {
    if args.patience.is_some() && args.validation == 0.0 {
        return Err(Failure::input("--patience watches the validation loss: add --validation 0.1"));
    }
    let parts = args.parts::<A>()?;
    let classes = parts.train.labels().is_some();
    let loss_name = args.loss.unwrap_or(LossName::usual(classes));
    let encoding = loss_name.encoding(classes)?;
    let card = args.card(loss_name, &parts)?;
    let path = args.model_path()?;
    catch_interrupts()?;

    let model = card.architecture.build::<A>(args.init.0);
    let loss = loss_name.build::<A>(args.label_smoothing);
    let mut theta = model.layout().init(&mut Rng::new(args.seed));
    let batch = if args.optimizer.wants_full_batch() { parts.train.len() } else { args.batch as usize };
    let plan = Plan { epochs: args.epochs, batch, patience: args.patience, seed: args.seed };
    let per_epoch = parts.train.len().div_ceil(batch) as u64;
    let mut optimizer = args.optimizer.build::<A>(model.layout(), per_epoch * args.epochs as u64);
    let pool = Pool::new(args.threads.map_or_else(chainrule::tensor::available_threads, usize::from));
    let experiment = Experiment {
        model: &model,
        loss: &*loss,
        encoding,
        transform: &card.transform,
        train: &parts.train,
        validation: parts.validation.as_ref(),
    };
    eprintln!(
        "{} · {} · {} parameters · {} training examples",
        args.source(),
        card.architecture,
        theta.len(),
        parts.train.len()
    );
    let mut progress = Progress::new(args.epochs, per_epoch);
    let history =
        fit(&experiment, &plan, &mut *optimizer, &mut theta, &pool, &mut progress).map_err(Failure::run)?;
    let interrupted = progress.interrupted;
    drop(progress);

    Checkpoint { card: card.clone(), theta: theta.clone() }.save(&path).map_err(Failure::run)?;
    if let Some((epoch, batch)) = interrupted {
        return Err(Failure::Interrupted(format!(
            "interrupted in epoch {epoch} after batch {batch}; the model is saved in {}",
            path.display()
        )));
    }
    let measure = |data| evaluate(&model, &*loss, encoding, &card.transform, &theta, data);
    let results = Results {
        classes,
        seconds: history.epochs.iter().map(|epoch| epoch.seconds).sum(),
        train: measure(&parts.train),
        test: parts.test.as_ref().map(measure),
        history,
    };
    if args.json {
        println!("{}", results.as_json(&card, theta.len(), &path));
    } else {
        results.print(&path);
    }
    Ok(())
}

/// What a run came to.
struct Results {
    /// Whether the score is an accuracy; else it is an R².
    classes: bool,
    seconds: f64,
    train: Evaluation,
    test: Option<Evaluation>,
    history: History,
}

impl Results {
    fn as_json(&self, card: &Card, parameters: usize, path: &Path) -> Value {
        let seen: usize = self.history.epochs.iter().map(|epoch| epoch.examples).sum();
        let score = if self.classes { "accuracy" } else { "r2" };
        let mut report = json!({
            "data": card.data,
            "layers": card.architecture.to_string(),
            "parameters": parameters,
            "epochs": self.history.epochs.len(),
            "seconds": self.seconds,
            "samples_per_second": seen as f64 / self.seconds.max(f64::MIN_POSITIVE),
            "train_loss": self.train.loss,
            "test_loss": self.test.as_ref().map(|test| test.loss),
            "best_epoch": self.history.best,
            "seed": card.seed,
            "model": path.display().to_string(),
        });
        report[format!("train_{score}")] = json!(self.train.score());
        report[format!("test_{score}")] = json!(self.test.as_ref().map(Evaluation::score));
        report
    }

    fn print(&self, path: &Path) {
        let score = if self.classes { "accuracy" } else { "R²" };
        let (train, seconds) = (&self.train, self.seconds);
        println!("training  {seconds:.2} s, loss {:.5}, {score} {:.4}", train.loss, train.score());
        if let Some(test) = &self.test {
            println!("test      loss {:.5}, {score} {:.4}", test.loss, test.score());
        }
        println!("model     {}", path.display());
    }
}
