//! Settings that would change nothing are refused: who sets one expects it to do something.

use chainrule::loss::{LossKind, LossSpec};

use super::Train;
use super::settings::CommandLine;
use crate::commands::data::{Known, Source};
use crate::failure::Failure;

/// Settings of a file or folder; a ceiling of memory is none of them, because it is kept to.
const OF_FILES: [&str; 16] = [
    "target",
    "task",
    "impute",
    "categorical",
    "drop",
    "dates",
    "image_size",
    "colours",
    "stream",
    "header",
    "delimiter",
    "comment",
    "skip_rows",
    "decimal",
    "thousands",
    "missing",
];

/// Refuses the first setting that was given and does nothing in this run.
///
/// # Errors
/// With its flag, and what it is for.
pub(super) fn refuse_unused(args: &Train, line: &CommandLine<'_>, loss: LossKind) -> Result<(), Failure> {
    if args.resume.is_some() {
        // A run of an earlier version may have such settings, and continues as it began.
        return Ok(());
    }
    let optimizer = args.optimizer.unused().into_iter();
    let mut unused: Vec<(String, String)> =
        optimizer.map(|(id, who)| (id.to_owned(), format!("is for {who}"))).collect();
    let mut add = |id: &str, what: &str| unused.push((id.to_owned(), what.to_owned()));
    if !matches!(loss.spec(), LossSpec::CrossEntropy(_)) && args.label_smoothing > 0.0 {
        add("label_smoothing", "is for --loss cross-entropy");
    }
    let source = args.source();
    if !matches!(source, Source::Known(Known::Mnist | Known::FashionMnist)) {
        add("data_dir", "is for --data mnist and fashion-mnist");
    }
    if !source.is_own() {
        let of_files = OF_FILES.map(|id| (id.to_owned(), "is for a file or folder of your own".to_owned()));
        unused.extend(of_files);
    }
    let given = |(id, _): &&(String, String)| line.has(id);
    let Some((id, what)) = unused.iter().find(given) else { return Ok(()) };
    let flag = id.replace('_', "-");
    Err(Failure::Input(format!("--{flag} {what}, and does nothing in this run: omit it")))
}
