//! `chainrule train`.

use std::path::{Path, PathBuf};

use chainrule::datasets::{Dataset, Encoding, Parts, Scaling, split::HoldOut};
use chainrule::layers::Layer;
use chainrule::model::{Activation, Architecture, ModelCard, Stage};
use chainrule::tensor::{Pool, Rng, Scalar};
use chainrule::train::{
    Callback, History, Meter, Plan, Saved, Snapshots, Stop, Task, TrainState, evaluate_together, fingerprint,
    resume,
};
use clap::{ArgMatches, Args, CommandFactory};

use super::data::{DataArgs, Known, Source};
use super::optimizer::OptimizerArgs;
use super::options::{Dtype, InitArg, LossName, OutputName, ReductionName, Widths, parse_share, with_dtype};
use super::progress::{Progress, Speech, Volume, catch_interrupts};
use super::report;
use super::results::Results;
use super::run::watch::{Silent, Watch};
use super::run::{folder::RunFolder, keeper::Keeper, record::Record, settings, units::Units};
use crate::failure::{Failure, print, say, tell};
use crate::job::{Job, MpiScalar};

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
    /// How the parts of a batch are added: library, as is fastest, or tree, for the same bits on any number of MPI ranks
    #[arg(long, value_enum, default_value = "library", value_name = "NAME")]
    reduction: ReductionName,
    /// Threads of each rank [default: one a core]
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
    pub(crate) fn run(&self, given: &ArgMatches, job: &Job) -> Result<(), Failure> {
        with_dtype!(self.dtype, train(self, given, job))
    }

    fn source(&self) -> Source {
        self.data.place.data.clone().unwrap_or(Source::Known(Known::Digits))
    }

    /// Training and test parts, with a validation part where one is asked for.
    fn parts<A: Scalar>(&self) -> Result<Parts<A>, Failure> {
        let parts = self.data.parts(&self.source(), self.seed)?;
        if self.validation > 0.0 {
            let share = HoldOut::Fraction(self.validation);
            return parts.hold_out_validation(share, self.seed).map_err(Failure::input);
        }
        Ok(parts)
    }

    fn card<A: Scalar>(&self, loss: LossName, parts: &Parts<A>) -> Result<ModelCard, Failure> {
        let widths = self.layers.complete(parts.train.inputs(), parts.train.outputs())?;
        let mut architecture = Architecture::perceptron(&widths, self.activation, self.dropout);
        let (top, output) = loss.top(self.output, parts.train.labels().is_some())?;
        architecture.layers.extend::<Option<Stage>>(top);
        architecture.validated().map_err(Failure::Input)?;
        let mut transform = parts.train.pixel_scaling();
        // Pixels have one scale already.
        if self.standardize || self.source().is_own() && parts.train.full_scale().is_none() {
            transform = transform.then_fit(Scaling::Standardise, &parts.train).map_err(Failure::input)?;
        }
        Ok(ModelCard {
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
    fn announce(
        &self,
        card: &ModelCard,
        parameters: usize,
        examples: usize,
        folder: &RunFolder,
        ranks: usize,
        step: u64,
    ) {
        if self.speech.volume() > Volume::Quiet {
            tell!(
                "{} · {} · {parameters} parameters · {examples} training examples · {}{}{}",
                self.source(),
                card.architecture,
                folder.path().display(),
                if ranks > 1 { format!(" · {ranks} ranks") } else { String::new() },
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
        let mut known = vec![("data", self.source().setting())];
        known.extend(self.data.folder_setting().map(|folder| ("data-dir", folder)));
        known.extend(self.data.target_setting().map(|file| ("target", file)));
        folder.write(&folder.config(), &self.settings(loss, given, known))?;
        Ok(folder)
    }

    /// The settings as a file, where `known` says what the command line does not.
    fn settings(&self, loss: LossName, given: &ArgMatches, mut known: Vec<(&'static str, String)>) -> String {
        known.push(("loss", loss.to_string()));
        known.extend(self.optimizer.resolved());
        let mut program = crate::Cli::command();
        program.build();
        let train = program.find_subcommand("train").expect("the program has this command");
        settings::write(train, given, &known)
    }
}

/// What a run is made of before anything is written.
struct Prepared<A: Scalar> {
    parts: Parts<A>,
    loss: LossName,
    encoding: Encoding,
    card: ModelCard,
    /// The [`fingerprint`] of the training data.
    data: u64,
}

fn prepare<A: Scalar>(args: &Train) -> Result<Prepared<A>, Failure> {
    if args.patience.is_some() && args.validation == 0.0 {
        return Err(Failure::input("--patience watches the validation loss: add --validation 0.1"));
    }
    let parts = args.parts::<A>()?;
    let classes = parts.train.labels().is_some();
    let loss = args.loss.unwrap_or(LossName::usual(classes));
    let encoding = loss.encoding(classes)?;
    let card = args.card(loss, &parts)?;
    let data = fingerprint(&parts.train);
    Ok(Prepared { parts, loss, encoding, card, data })
}

/// That all ranks are about to train the same network on the same data.
fn same_on_all<A: Scalar>(
    args: &Train,
    given: &ArgMatches,
    prepared: &Prepared<A>,
    job: &Job,
) -> Result<(), Failure> {
    if job.size() == 1 {
        return Ok(());
    }
    let validation = prepared.parts.validation.as_ref().map_or(0, fingerprint);
    let differs = |word: &[u8]| {
        let words = job.gather(word);
        let rank = words.iter().position(|word| *word != words[0]);
        rank.map(|rank| [0, rank].map(|rank| String::from_utf8_lossy(&words[rank]).into_owned())).zip(rank)
    };
    let data = format!("{:016x} {validation:016x}", prepared.data);
    if let Some((_, rank)) = differs(data.as_bytes()) {
        let fault = format!("rank {rank} sees other data than rank 0: give all ranks the same files");
        return Err(Failure::Input(fault));
    }
    // The same data may lie elsewhere, and each may have threads, and a pace of records, of its own.
    let own = ["data", "data-dir", "target", "threads", "log-every", "checkpoint-every"];
    let known = own.map(|key| (key, String::new())).into();
    if let Some(([first, other], rank)) = differs(args.settings(prepared.loss, given, known).as_bytes()) {
        let line = first.lines().zip(other.lines()).find(|(first, other)| first != other);
        let (here, there) = line.unwrap_or_default();
        return Err(Failure::Input(format!(
            "rank {rank} has another configuration than rank 0: `{there}` instead of `{here}`; start all ranks with the same program and flags"
        )));
    }
    Ok(())
}

/// Where the run in the folder stands: the newest snapshot, read by the first rank.
fn newest<A: Scalar>(snapshots: &Snapshots, data: u64, job: &Job) -> Result<Option<Saved<A>>, Failure> {
    let found = || -> Result<Option<Saved<A>>, Failure> {
        let (newest, damaged) = snapshots.newest::<A>().map_err(Failure::input)?;
        for fault in damaged {
            tell!("warning: {fault}; the checkpoint before it is taken");
        }
        Ok(newest)
    };
    if job.size() == 1 {
        return found();
    }
    let read = |saved: Saved<A>| std::fs::read(saved.path()).map_err(Failure::input);
    let own = if job.is_first() {
        found().and_then(|saved| saved.map_or(Ok(Vec::new()), read))
    } else {
        Ok(Vec::new())
    };
    let bytes = job.of_first(job.agree(own)?);
    let saved =
        (!bytes.is_empty()).then(|| Saved::from_bytes(Path::new("the snapshot of rank 0"), &bytes, data));
    job.agree(saved.transpose().map_err(Failure::input))
}

fn train<A: MpiScalar>(args: &Train, given: &ArgMatches, job: &Job) -> Result<(), Failure> {
    let prepared = job.agree(prepare::<A>(args))?;
    job.agree(same_on_all(args, given, &prepared, job))?;
    let Prepared { mut parts, loss: loss_name, encoding, card, data } = prepared;
    let classes = parts.train.labels().is_some();
    // The other ranks neither write nor print.
    let folder = job.is_first().then(|| args.folder(loss_name, given)).transpose();
    let folder = job.agree(folder)?;
    job.agree(catch_interrupts())?;
    // The targets of a known set have a fitting scale.
    let units = if args.source().is_own() { Units::of(&card, &parts.train) } else { Units::default() };
    let targets = job.agree(units.enter(&mut parts))?;

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
    let usual_threads = job.threads();
    let pool = Pool::new(args.threads.map_or(usual_threads, usize::from));
    let experiment = Task {
        model: &model,
        loss: &*loss,
        encoding,
        transform: &card.transform,
        train: &parts.train,
        validation: parts.validation.as_ref(),
    };
    let mut state = TrainState::start(&theta);
    if args.resume.is_some() {
        let snapshots = Snapshots::new(folder.as_ref().map(RunFolder::snapshots).unwrap_or_default(), data);
        if let Some(saved) = newest::<A>(&snapshots, data, job)? {
            state = job.agree(saved.restore(&mut optimizer, &mut theta).map_err(Failure::input))?;
        }
    }
    let at = (state.step, state.epochs.len());
    let seconds_before: f64 = state.epochs.iter().map(|epoch| epoch.seconds).sum::<f64>() + state.seconds;
    let mut crew = job.crew::<A>(args.reduction.into());
    let watch = |folder| -> Result<Watch<'_>, Failure> {
        Ok(Watch {
            record: Record::open(folder, &meter, layout, args.log_every, at)?,
            keeper: Keeper::new(
                folder,
                &card,
                &units,
                Snapshots::new(folder.snapshots(), data),
                args.checkpoint_every,
            ),
            progress: Progress::new(args.speech.volume(), args.log_every, args.epochs, per_epoch, at.0),
            ends_unsaved: job.size() > 1,
            unsaved: None,
        })
    };
    let mut watch = job.agree(folder.as_ref().map(watch).transpose())?;
    if let Some(folder) = &folder {
        args.announce(&card, theta.len(), parts.train.len(), folder, job.size(), at.0);
    }
    let callback: &mut dyn Callback<A> = match &mut watch {
        Some(watch) => watch,
        None => &mut Silent,
    };
    let ranks = crew.ranks();
    let outcome = resume(&experiment, &plan, &mut optimizer, &mut theta, &pool, callback, state, ranks);
    let history = job.agree(outcome.map_err(Failure::run))?;
    job.agree(watch.map_or(Ok(()), |watch| saved(watch, &history, &theta)))?;
    Units::leave(&mut parts, targets)?;
    let theta = units.folded(network.layout(), &theta);
    let mut measure = |data| {
        evaluate_together(&network, &*loss, encoding, &card.transform, &theta, data, crew.ranks())
            .map_err(Failure::run)
    };
    let train = measure(&parts.train)?;
    let validation = parts.validation.as_ref().map(&mut measure).transpose()?;
    let test = parts.test.as_ref().map(measure).transpose()?;
    let Some(folder) = folder else { return Ok(()) };
    let results = Results {
        classes,
        train,
        validation,
        test,
        in_epochs: history.epochs.iter().map(|epoch| epoch.seconds).sum::<f64>() - seconds_before,
        split: meter.split(),
        communication: crew.communication(),
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

/// Saves the last model, and tells how the run ended where that was not its plan.
fn saved<A: Scalar>(watch: Watch<'_>, history: &History, theta: &[A]) -> Result<(), Failure> {
    let Watch { keeper, progress, unsaved, .. } = watch;
    let (epoch, batch) = progress.at;
    drop(progress);
    let folder = keeper.folder();
    let last = keeper.save_model(&folder.last(), theta);
    if let Some(fault) = unsaved.as_deref().or(keeper.fault()) {
        return Err(Failure::Run(format!(
            "the run could not be saved: {fault}; --resume {} goes on from the checkpoint before",
            folder.path().display()
        )));
    }
    last.map_err(Failure::run)?;
    if history.stop == Stop::Callback {
        return Err(Failure::Interrupted(format!(
            "interrupted in epoch {epoch} after batch {batch}; the model is saved in {}; `chainrule train --resume {}` goes on",
            folder.last().display(),
            folder.path().display()
        )));
    }
    Ok(())
}
