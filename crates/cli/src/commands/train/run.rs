//! A run, from its data to its results.

use std::fs;

use chainrule::datasets::Dataset;
use chainrule::layers::{Layer, is_random};
use chainrule::loss::LossKind;
use chainrule::tensor::{Pool, Scalar};
use chainrule::train::{
    Callback, History, Meter, Plan, RunIdentity, Snapshots, Stop, TrainError, TrainState, TrainingLoop,
    Weights, evaluate_together, every_row,
};
use chainrule_report::gallery::Gallery;
use chainrule_report::metrics::watched;
use chainrule_report::results::Results;
use chainrule_report::run::Run;
use chainrule_report::run_page;

use super::Train;
use super::announce::{announce, taken_for};
use super::baseline::{baselines, constant};
use super::checkpointer::Checkpointer;
use super::diagnostics::diagnostics;
use super::folder::{RunFolder, is_resumable};
use super::gallery::{contact_sheet, gallery};
use super::judged::{Judged, Trained};
use super::memory;
use super::outcome::Outcome;
use super::prepared::Prepared;
use super::progress::Progress;
use super::record::Record;
use super::resume::{NAMES, resumed};
use super::settings::{CommandLine, schedules};
use super::unused::refuse_unused;
use super::verbosity::Verbosity;
use super::watch::{Silent, Watch};
use crate::commands::data::TestPart;
use crate::commands::loss::units;
use crate::commands::model::loss_spec;
use crate::commands::options::Dtype;
use crate::failure::{Failure, print_json, say};
use crate::interrupt::catch_interrupts;
use crate::processes::{MpiScalar, Processes};
use crate::terminal::{Stream, columns};

/// A plan that the network does not take is bad input; everything else went wrong while running.
fn failure(error: TrainError) -> Failure {
    match error {
        TrainError::TooFewRows { .. } => Failure::input(error),
        error => Failure::run(error),
    }
}

/// Trains in numbers of this type or, where nobody chose it and they cannot tell those of the target apart, of the larger one.
pub(super) fn train<A: MpiScalar>(
    args: &Train,
    line: &CommandLine<'_>,
    processes: &Processes,
) -> Result<(), Failure> {
    let prepared = processes.agree(Prepared::<A>::new(args, line))?;
    let complete = args.complete(line, &prepared.parts.train);
    prepared.check_ranks(&complete, line, processes)?;
    if prepared.scaling.is_resolved::<A>() {
        return run(&complete, line, processes, &prepared);
    }
    if args.dtype.is_none() {
        drop(prepared);
        let in_doubles = Train { dtype: Some(Dtype::F64), ..args.clone() };
        return train::<f64>(&in_doubles, line, processes);
    }
    // The predictions would be rounded by more than a hundredth of what the targets vary by.
    let fault = "the numbers of the target lie too close together beside their size";
    let cure = if A::NAME == f64::NAME { "subtract their mean in the file" } else { "take --dtype f64" };
    Err(Failure::Input(format!("{fault} for {}: {cure}", A::NAME)))
}

fn run<A: MpiScalar>(
    args: &Train,
    line: &CommandLine<'_>,
    processes: &Processes,
    prepared: &Prepared<A>,
) -> Result<(), Failure> {
    processes.agree(refuse_unused(args, line, prepared.loss))?;
    let identity = identity(args, line, prepared);
    let plan = plan(args, prepared.parts.train.len());
    let per_epoch = prepared.parts.train.len().div_ceil(plan.batch) as u64;
    let steps = processes.agree(steps(args.passes(), per_epoch))?;
    processes.agree(catch_interrupts())?;

    let card = prepared.card.clone();
    let network = card.architecture.build::<A>(args.init.0);
    let layout = network.layout();
    processes.agree(memory::check(layout.len(), size_of::<A>(), args.optimizer.vectors()))?;
    let folder = processes.on_first(|| args.folder())?;
    let loss = loss_spec(&card).build::<A>();
    let threads = args.threads.map_or_else(|| processes.threads(), usize::from);
    let (meter, pool) = (Meter::new(), Pool::new(threads));
    let (mut theta, mut state) = prepared.start(&network, args.seed);
    let mut optimizer = args.optimizer.build::<A>(layout, steps, varies(args, &network));
    if args.resume.is_some()
        && let Some(saved) = resumed(folder.as_ref(), (&identity, &prepared.parts.train), args, processes)?
    {
        let restored = saved.restore(&network, &mut *optimizer, &mut theta).map_err(Failure::input);
        state = processes.agree(restored)?;
        processes.agree(refuse_fewer(args.passes(), &state, per_epoch))?;
    }
    let config = |folder| write_config(folder, args, line, prepared.loss, state.step > 0);
    processes.agree(folder.as_ref().map_or(Ok(()), config))?;
    let start = (state.step, state.epochs.len());
    let seconds_before: f64 = state.epochs.iter().map(|epoch| epoch.seconds).sum::<f64>() + state.seconds;
    let watch = |folder| -> Result<Watch<'_>, Failure> {
        let snapshots = Snapshots::new(RunFolder::snapshots(folder), identity.clone());
        let pace = (args.verbosity.level(), args.log_every);
        Ok(Watch {
            record: Record::open(folder, &meter, layout, args.log_every, start)?,
            checkpointer: Checkpointer::new(
                folder,
                &card,
                &prepared.scaling,
                snapshots,
                args.checkpoint_every,
            ),
            progress: Progress::new(pace, args.passes(), per_epoch, start.0),
            ends_unsaved: processes.size() > 1,
            unsaved: None,
        })
    };
    let mut watch = processes.agree(folder.as_ref().map(watch).transpose())?;
    if let Some(folder) = &folder {
        announce((args, line), prepared, theta.len(), folder, processes, start.0);
    }

    let setup = prepared.setup(&network, &*loss);
    let mut group = processes.group::<A>(args.reduction.into());
    let callback: &mut dyn Callback<A> = match &mut watch {
        Some(watch) => watch,
        None => &mut Silent,
    };
    let trainer = TrainingLoop::new(&setup, &plan, &pool)
        .callback(callback)
        .group(group.ranks())
        .meter(&meter)
        .watching(watched(prepared.train.len()));
    let ended = trainer.run(&mut *optimizer, &mut theta, &mut state);
    if let (Err(error), Some(watch)) = (&ended, &mut watch) {
        watch.record.failed(error);
    }
    let history = processes.agree(ended.map_err(failure).and_then(|history| {
        watch.map_or(Ok(()), |watch| saved(watch, &history, state.weights(&theta)))?;
        Ok(history)
    }))?;

    let theta = prepared.scaling.folded(layout, &theta);
    let weights = state.weights(&theta);
    let parts = &prepared.parts;
    let mut measure = |data| {
        let (encoding, transform) = (prepared.encoding, &card.transform);
        pool.enter(|| evaluate_together(&network, &*loss, encoding, transform, weights, data, group.ranks()))
            .map_err(Failure::run)
    };
    let train = measure(&parts.train)?;
    let validation = parts.validation.as_ref().map(&mut measure).transpose()?;
    let test = parts.test.as_ref().map(measure).transpose()?;
    let Some(folder) = folder else { return Ok(()) };
    let constant = constant(parts.train.target());
    let outcome = Outcome {
        taken_for: taken_for(args, parts),
        resumed: (start.0 > 0).then_some(start.1),
        augment: args.augment.filter(|augmentation| !augmentation.is_none()),
        train,
        validation,
        test,
        in_epochs: history.epochs.iter().map(|epoch| epoch.seconds).sum::<f64>() - seconds_before,
        split: meter.split(),
        communication: group.communication(),
        baselines: baselines(parts, &card, threads, constant.is_some()),
        constant,
        loss: units(&loss_spec(&card), parts.train.target(), !prepared.scaling.is_identity()),
        patience: args.patience,
        history,
    };
    let trained = Trained { network: &network, card: &card, weights };
    finish(args, prepared, &trained, (&plan, &pool), &outcome, &folder)
}

/// Writes what a run came to, and prints it.
fn finish<A: Scalar>(
    args: &Train,
    prepared: &Prepared<A>,
    trained: &Trained<'_, A>,
    (plan, pool): (&Plan, &Pool),
    outcome: &Outcome,
    folder: &RunFolder,
) -> Result<(), Failure> {
    let (parts, card) = (&prepared.parts, trained.card);
    let parameters = trained.weights.theta.len();
    let mut results = outcome.results(card, parameters, folder, parts);
    let augmented = contact_sheet(&parts.train, plan, prepared.encoding).map_err(Failure::run)?;
    let pictures = pool.enter(|| {
        let judged = Judged::of_parts(trained, parts);
        let parts = (parts, prepared.has_own_test);
        results.diagnostics = diagnostics(args, trained, parts, outcome, judged.as_ref());
        gallery(augmented, trained, judged.as_ref())
    });
    write(folder, &results, &pictures)?;
    if args.verbosity.json {
        return print_json(&results.summary);
    }
    if args.verbosity.level() == Verbosity::Quiet {
        Ok(())
    } else {
        say(&outcome.table(folder, &results, columns(Stream::Stdout)))
    }
}

/// Writes the results and the page of a run.
fn write(folder: &RunFolder, results: &Results, gallery: &Gallery) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(results).expect("results have string keys");
    folder.write(&folder.results(), &format!("{json}\n"))?;
    let run = Run::read(&folder.path()).map_err(Failure::run)?;
    folder.write(&folder.report(), &run_page(&run, gallery))
}

/// Whether the risk is another one at each step, also on all rows.
fn varies<A: Scalar>(args: &Train, network: &dyn Layer<A>) -> bool {
    is_random(network) || args.augment.is_some_and(|augmentation| !augmentation.is_none())
}

fn plan(args: &Train, examples: usize) -> Plan {
    let batch = if args.optimizer.wants_full_batch() { examples } else { args.batch as usize };
    Plan {
        epochs: args.passes(),
        batch,
        patience: args.patience,
        tolerance: None,
        seed: args.seed,
        // An optimizer that remembers C and ∇C needs the same C at each step, and batch normalisation shards by the order of the rows.
        shuffle: !args.optimizer.wants_full_batch(),
        augment: args.augment.unwrap_or_default(),
    }
}

/// What the run's snapshots are known by.
fn identity<A: Scalar>(args: &Train, line: &CommandLine<'_>, prepared: &Prepared<A>) -> RunIdentity {
    let train = &prepared.parts.train;
    let mut settings = args.fixed(&loss_spec(&prepared.card), line);
    // The numbers alone do not show that two columns have changed places.
    settings.insert(NAMES.to_owned(), Some(names(train)));
    let test = matches!(args.test, Some(TestPart::File(_))).then_some(prepared.others[1]);
    RunIdentity { data: prepared.data, rows: every_row(train), model: prepared.model_file, test, settings }
}

/// The columns, classes and targets of the data.
fn names<A: Scalar>(train: &Dataset<A>) -> String {
    let columns = train.schema().into_iter().flat_map(|schema| &schema.features);
    let (columns, target) = (columns.map(|column| column.name.as_str()), train.target());
    let labels = target.labels().iter().map(|label| label.name.as_str());
    let targets = target.classes().iter().chain(target.columns()).map(String::as_str);
    columns.chain(labels).chain(targets).collect::<Vec<_>>().join(", ")
}

/// Writes the settings of a run, which `has_begun` if it is resumed after its first step.
fn write_config(
    folder: &RunFolder,
    args: &Train,
    line: &CommandLine<'_>,
    loss: LossKind,
    has_begun: bool,
) -> Result<(), Failure> {
    // The steps so far followed the schedule over the epochs of then.
    let before = fs::read_to_string(folder.config()).unwrap_or_default();
    let has_schedule = has_begun && args.optimizer.depends_on_the_steps();
    let schedules = if has_schedule { schedules(&before, args.passes()) } else { Vec::new() };
    folder.write(&folder.config(), &args.config(loss, line, &schedules))
}

/// Refuses to end a run before the epoch that it has reached.
fn refuse_fewer<A: Scalar>(epochs: usize, state: &TrainState<A>, per_epoch: u64) -> Result<(), Failure> {
    let done = state.epochs.len();
    let has_begun_another = state.step > done as u64 * per_epoch;
    let reached = done + usize::from(has_begun_another);
    if epochs >= reached {
        return Ok(());
    }
    let is = if has_begun_another { "in" } else { "at the end of" };
    Err(Failure::Input(format!(
        "--epochs {epochs}: the run is {is} epoch {reached} already: give at least that many, or omit --epochs"
    )))
}

/// The steps of all epochs.
fn steps(epochs: usize, per_epoch: u64) -> Result<u64, Failure> {
    (epochs as u64).checked_mul(per_epoch).ok_or_else(|| {
        Failure::Input(format!(
            "--epochs {epochs}: with {per_epoch} steps each, they are more than can be counted"
        ))
    })
}

/// Saves the last model, and reports a run that ended before its last epoch.
fn saved<A: Scalar>(watch: Watch<'_>, history: &History, weights: Weights<'_, A>) -> Result<(), Failure> {
    let Watch { checkpointer, progress, unsaved, .. } = watch;
    let (epoch, batch) = progress.at;
    drop(progress);
    let folder = checkpointer.folder();
    let last = checkpointer.save_model(&folder.last(), weights);
    if let Some(fault) = unsaved.as_deref().or(checkpointer.fault()) {
        let path = folder.path();
        let cure = if is_resumable(&path) {
            format!("`chainrule train --resume {}` continues from the previous checkpoint", path.display())
        } else {
            "there is no checkpoint: mend the cause, and start the run again".to_owned()
        };
        return Err(Failure::Run(format!("the run could not be saved: {fault}; {cure}")));
    }
    last.map_err(Failure::run)?;
    if history.stop == Stop::Callback {
        return Err(Failure::Interrupted(format!(
            "interrupted in epoch {epoch} after batch {batch}; the model is saved in {}; `chainrule train --resume {}` continues the run",
            folder.last().display(),
            folder.path().display()
        )));
    }
    Ok(())
}
