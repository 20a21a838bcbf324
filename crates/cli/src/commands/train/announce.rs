//! What a run says of itself before its first step.

use chainrule::datasets::{Dataset, Parts, Schema};
use chainrule::tensor::Scalar;

use super::Train;
use super::folder::RunFolder;
use super::prepared::Prepared;
use super::settings::CommandLine;
use super::verbosity::Verbosity;
use crate::commands::data::TestPart;
use crate::commands::loss::units;
use crate::commands::model::loss_spec;
use crate::failure::errln;
use crate::processes::Processes;
use crate::terminal::{Stream, columns, wrapped};

/// What a file was taken for; `None` for a built-in data set.
pub(super) fn taken_for<A: Scalar>(args: &Train, parts: &Parts<A>) -> Option<String> {
    // A test part may be in a file of its own.
    let test = parts.test.as_ref().filter(|_| !matches!(args.test, Some(TestPart::File(_))));
    let others = [parts.validation.as_ref(), test].into_iter().flatten().map(Dataset::len).sum::<usize>();
    args.source().is_own().then(|| parts.train.summary_of(parts.train.len() + others).to_string())
}

/// Prints what is about to run.
pub(super) fn announce<A: Scalar>(
    (args, line): (&Train, &CommandLine<'_>),
    prepared: &Prepared<A>,
    parameters: usize,
    folder: &RunFolder,
    processes: &Processes,
    step: u64,
) {
    let Prepared { parts, card, .. } = prepared;
    let is_quiet = args.verbosity.level() == Verbosity::Quiet;
    if let Some(summary) = taken_for(args, parts).filter(|_| !is_quiet) {
        show(&[format!("{}: {summary}", args.source())]);
    }
    warn(&parts.train);
    if is_quiet {
        return;
    }
    let mut told = vec![
        args.source().to_string(),
        card.architecture.summary(),
        format!("{parameters} parameters"),
        counts(parts) + &if prepared.holds_out(args) { split(args, &parts.train) } else { String::new() },
        folder.path().display().to_string(),
    ];
    let ranks = processes.size();
    told.extend((ranks > 1).then(|| format!("{ranks} ranks")));
    told.extend((step > 0).then(|| format!("from step {step}")));
    if A::NAME == f64::NAME && !line.has("dtype") {
        told.push("in f64, whose digits the target needs".to_owned());
    }
    let loss = units(&loss_spec(card), parts.train.target(), !prepared.scaling.is_identity());
    if let (true, Some(unit)) = (loss.is_standardised(), loss.unit_in_training) {
        told.push(format!("loss in {unit}"));
    }
    show(&told);
}

/// Warns of columns that may not be what they seem.
fn warn<A: Scalar>(train: &Dataset<A>) {
    if train.counts_rows() {
        // Where a column is called 0, the number could mean that one.
        let is_name = train.schema().is_some_and(|schema| {
            let features = schema.features.iter().map(|feature| &feature.name);
            features.chain(schema.targets.iter().map(|target| &target.name)).any(|name| name == "0")
        });
        let index = if is_name { "\"\"" } else { "0" };
        errln!(
            "warning: column 1 has no name and numbers the rows: if it is an index, leave it out (--drop {index})"
        );
    }
    let twins = train.schema().map(Schema::twins).unwrap_or_default();
    let columns = |(name, places): &(&str, Vec<usize>)| {
        format!("{name:?} in columns {}", few(places.iter().map(|place| place + 1), ", "))
    };
    if !twins.is_empty() {
        errln!(
            "warning: several columns have the same name ({}): they are told apart by their position, which --target, --drop and \
             --categorical count from 0",
            few(twins.iter().map(columns), "; ")
        );
    }
}

/// The first of some things for a line.
fn few<T: ToString>(things: impl Iterator<Item = T>, between: &str) -> String {
    const MOST: usize = 6;
    let mut shown: Vec<String> = things.take(MOST + 1).map(|thing| thing.to_string()).collect();
    if shown.len() > MOST {
        shown.truncate(MOST);
        shown.push("…".to_owned());
    }
    shown.join(between)
}

/// Prints the parts of a line, on several where the terminal is too narrow.
fn show(parts: &[String]) {
    errln!("{}", wrapped(parts, " · ", columns(Stream::Stderr)));
}

/// How the parts were cut from the training data: by the blocks of a streamed file, else each class in proportion, if there are any.
fn split<A: Scalar>(args: &Train, train: &Dataset<A>) -> String {
    format!(
        "{}, seed {}",
        if train.is_split_by_class() { ", stratified" } else { ", split at random" },
        args.seed
    )
}

/// The number of examples of each part.
fn counts<A: Scalar>(parts: &Parts<A>) -> String {
    let others = [("validation", &parts.validation), ("test", &parts.test)];
    let others = others.into_iter().filter_map(|(name, part)| Some((name, part.as_ref()?.len())));
    let all = std::iter::once(("training", parts.train.len())).chain(others);
    format!("{} examples", all.map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", "))
}
