//! `chainrule train`.

use std::path::PathBuf;

use chainrule::datasets::{Dataset, Method, Parts, split::Share};
use chainrule::layers::Layer;
use chainrule::tensor::{Pool, Rng, Scalar};
use chainrule::train::{
    Activation, Architecture, Card, Experiment, Meter, Plan, Snapshots, Stage, Standing, evaluate,
    fingerprint, resume,
};
use clap::{ArgMatches, Args, CommandFactory};

use super::data::{DataArgs, Known, Source};
use super::optimizer::OptimizerArgs;
use super::options::{Dtype, InitArg, LossName, OutputName, Widths, parse_share, with_dtype};
use super::progress::{Progress, Speech, Volume, catch_interrupts};
use super::report;
use super::results::Results;
use super::run::{folder::RunFolder, keeper::Keeper, record::Record, settings, units::Units, watch::Watch};
use crate::failure::{Failure, print, say, tell};

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
    /// Bring every input to mean 0 and variance 1; those of a table always are
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", hide_default_value = true, hide_possible_values = true, value_name = "true|false", action = clap::ArgAction::Set)]
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
    /// A file of settings: each flag is a key of it, and flags win
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Go on with the run in this folder, wherever it was interrupted
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "out"])]
    resume: Option<PathBuf>,
    /// Folder of the run [default: runs/DATA-DATE, with a number where there is one already]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Steps from one checkpoint to the next [default: ends of epochs at least ten seconds apart]
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_every: Option<u64>,
    /// Steps from one line of metrics.jsonl to the next, beside one an epoch
    #[arg(long, value_name = "STEPS", default_value = "50", value_parser = clap::value_parser!(u64).range(1..))]
    log_every: u64,
    #[command(flatten)]
    speech: Speech,
}

impl Train {
    /// Runs with the settings that `given` holds, so that they can be written down.
    pub(crate) fn run(&self, given: &ArgMatches) -> Result<(), Failure> {
        with_dtype!(self.dtype, train(self, given))
    }

    fn source(&self) -> Source {
        self.data.place.data.clone().unwrap_or(Source::Known(Known::Digits))
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
        // Pixels have one scale already.
        if self.standardize || self.source().is_own() && parts.train.full_scale().is_none() {
            transform = transform.then_fit(Method::Standardise, &parts.train).map_err(Failure::input)?;
        }
        Ok(Card {
            architecture,
            output,
            loss: Some(loss.to_string()),
            input: parts.train.input(),
            transform,
            classes: parts.train.class_names().to_vec(),
            data: Some(self.source().to_string()),
            seed: Some(self.seed),
        })
    }

    /// Says what is about to run.
    fn announce(&self, card: &Card, parameters: usize, examples: usize, folder: &RunFolder, step: u64) {
        if self.speech.volume() > Volume::Quiet {
            tell!(
                "{} · {} · {parameters} parameters · {examples} training examples · {}{}",
                self.source(),
                card.architecture,
                folder.path().display(),
                if step > 0 { format!(" · from step {step}") } else { String::new() }
            );
        }
    }

    /// The folder of the run, made now and not after an hour of training in vain, with the settings in it.
    fn folder(&self, loss: LossName, given: &ArgMatches) -> Result<RunFolder, Failure> {
        let folder = match &self.resume {
            Some(path) => RunFolder::open(path)?,
            None => RunFolder::create(self.out.as_deref(), &self.source().to_string())?,
        };
        let mut known = vec![("data", self.source().setting()), ("loss", loss.to_string())];
        known.extend(self.data.folder_setting().map(|folder| ("data-dir", folder)));
        known.extend(self.data.target_setting().map(|file| ("target", file)));
        known.extend(self.optimizer.resolved());
        let mut program = crate::Cli::command();
        program.build();
        let train = program.find_subcommand("train").expect("the program has this command");
        folder.write(&folder.config(), &settings::write(train, given, &known))?;
        Ok(folder)
    }
}

fn train<A: Scalar>(args: &Train, given: &ArgMatches) -> Result<(), Failure> {
    if args.patience.is_some() && args.validation == 0.0 {
        return Err(Failure::input("--patience watches the validation loss: add --validation 0.1"));
    }
    let mut parts = args.parts::<A>()?;
    let classes = parts.train.labels().is_some();
    let loss_name = args.loss.unwrap_or(LossName::usual(classes));
    let encoding = loss_name.encoding(classes)?;
    let card = args.card(loss_name, &parts)?;
    let folder = args.folder(loss_name, given)?;
    catch_interrupts()?;
    // The targets of a known set have a fitting scale.
    let units = if args.source().is_own() { Units::of(&card, &parts.train) } else { Units::default() };
    let targets = units.enter(&mut parts)?;

    let network = card.architecture.build::<A>(args.init.0);
    let layout = network.layout();
    let meter = Meter::new();
    let model = meter.model(&network);
    let loss = loss_name.build::<A>(args.label_smoothing);
    let mut theta = layout.init(&mut Rng::new(args.seed));
    let batch = if args.optimizer.wants_full_batch() { parts.train.len() } else { args.batch as usize };
    let plan = Plan { epochs: args.epochs, batch, patience: args.patience, seed: args.seed };
    let per_epoch = parts.train.len().div_ceil(batch) as u64;
    let mut optimizer =
        meter.optimizer(args.optimizer.build::<A>(layout, per_epoch * args.epochs as u64), layout);
    let pool = Pool::new(args.threads.map_or_else(chainrule::tensor::available_threads, usize::from));
    let experiment = Experiment {
        model: &model,
        loss: &*loss,
        encoding,
        transform: &card.transform,
        train: &parts.train,
        validation: parts.validation.as_ref(),
    };
    let snapshots = Snapshots::new(folder.snapshots(), fingerprint(&parts.train));
    let mut standing = Standing::start(&theta);
    if args.resume.is_some() {
        let (newest, damaged) = snapshots.newest::<A>().map_err(Failure::input)?;
        for fault in damaged {
            tell!("warning: {fault}; the checkpoint before it is taken");
        }
        if let Some(saved) = newest {
            standing = saved.restore(&mut optimizer, &mut theta).map_err(Failure::input)?;
        }
    }
    let at = (standing.step, standing.epochs.len());
    let seconds_before: f64 =
        standing.epochs.iter().map(|epoch| epoch.seconds).sum::<f64>() + standing.seconds;
    args.announce(&card, theta.len(), parts.train.len(), &folder, at.0);
    let mut watch = Watch {
        record: Record::open(&folder, &meter, layout, args.log_every, at)?,
        keeper: Keeper::new(&folder, &card, &units, snapshots, args.checkpoint_every),
        progress: Progress::new(args.speech.volume(), args.log_every, args.epochs, per_epoch, at.0),
    };
    let history = resume(&experiment, &plan, &mut optimizer, &mut theta, &pool, &mut watch, standing)
        .map_err(Failure::run)?;
    let Watch { keeper, progress, .. } = watch;
    let interrupted = progress.interrupted;
    drop(progress);

    keeper.save_model(&folder.last(), &theta).map_err(Failure::run)?;
    if let Some(fault) = keeper.fault() {
        return Err(Failure::Run(format!(
            "the run could not be saved: {fault}; --resume {} goes on from the checkpoint before",
            folder.path().display()
        )));
    }
    if let Some((epoch, batch)) = interrupted {
        return Err(Failure::Interrupted(format!(
            "interrupted in epoch {epoch} after batch {batch}; the model is saved in {}; `chainrule train --resume {}` goes on",
            folder.last().display(),
            folder.path().display()
        )));
    }
    Units::leave(&mut parts, targets)?;
    let theta = units.folded(network.layout(), &theta);
    let measure = |data| evaluate(&network, &*loss, encoding, &card.transform, &theta, data);
    let results = Results {
        classes,
        train: measure(&parts.train),
        validation: parts.validation.as_ref().map(measure),
        test: parts.test.as_ref().map(measure),
        in_epochs: history.epochs.iter().map(|epoch| epoch.seconds).sum::<f64>() - seconds_before,
        split: meter.split(),
        history,
    };
    let examples = parts.test.as_ref().map_or(0, Dataset::len);
    let in_full = results.in_full(&card, theta.len(), &folder, examples);
    folder.write(&folder.results(), &format!("{in_full:#}\n"))?;
    let pictures = report::pictures(&network, &card, &theta, parts.test.as_ref());
    folder.write(&folder.report(), &report::run_page(&report::read(folder.path())?, &pictures))?;
    let object = results.as_json(&card, theta.len(), &folder);
    match args.speech.volume() {
        _ if args.speech.json => say!("{object}"),
        Volume::Quiet => Ok(()),
        _ => print(&results.table(&folder)),
    }
}
