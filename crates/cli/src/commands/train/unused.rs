//! Settings that would change nothing are refused: who sets one expects it to do something.

use chainrule::datasets::FileFormat;
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

/// Settings of tables of text alone.
const OF_TEXT: [&str; 4] = ["header", "delimiter", "comment", "skip_rows"];

/// Those that do nothing for a file of this format, and what they are for; the readers refuse `--dates`, `--drop` and `--categorical`.
fn of_others(format: FileFormat) -> Vec<(&'static str, &'static str)> {
    let of = |ids: &[&'static str], what: &'static str| ids.iter().map(|&id| (id, what)).collect::<Vec<_>>();
    let text = of(&OF_TEXT, "is for a table of text");
    let marks = of(&["decimal", "thousands", "missing"], "is for a table of text");
    let fill = of(&["impute"], "is for a table or an array");
    let images = of(&["image_size", "colours"], "is for a folder of images");
    let stream = of(&["stream"], "is for an array (.npy or IDX)");
    match format {
        FileFormat::Text => [images, stream].concat(),
        FileFormat::Parquet => [images, stream, text].concat(),
        // An archive of one array is a table of numbers.
        FileFormat::Npz => [images, stream, text, marks].concat(),
        FileFormat::Images => [of(&["target"], "is for a table"), stream, text, marks, fill].concat(),
        _ => [images, text, marks].concat(),
    }
}

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
    if let Source::Own(path) = &source
        && let Some(format) = FileFormat::of(path)
    {
        unused.extend(of_others(format).into_iter().map(|(id, what)| (id.to_owned(), what.to_owned())));
        if matches!(format, FileFormat::Text | FileFormat::Parquet) {
            let what = "is for images and arrays, as the inputs of a table always are standardised,";
            unused.push(("standardize".to_owned(), what.to_owned()));
        }
        if format == FileFormat::Images && args.data.wants_numbers() {
            unused.push(("task".to_owned(), "regression is for a table or an array".to_owned()));
        }
    }
    let given = |(id, _): &&(String, String)| line.has(id);
    let Some((id, what)) = unused.iter().find(given) else { return Ok(()) };
    let flag = id.replace('_', "-");
    Err(Failure::Input(format!("--{flag} {what}, and does nothing in this run: omit it")))
}
