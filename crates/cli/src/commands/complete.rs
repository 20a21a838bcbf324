//! What a shell offers for the next word: besides what clap knows, the columns of the table that the line names, and names where a
//! flag takes more than names.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use chainrule::datasets::{Augmentation, FileFormat, csv};
use chainrule::layers::Preset;
use chainrule::tensor::InitKind;
use clap_complete::CompletionCandidate;
use clap_complete::engine::{PathCompleter, ValueCompleter};

use super::network;

/// As much of a table as is read for the names of its columns.
const BYTES: u64 = 1 << 18;

/// The columns of the table on the line that the shell completes, after those that are typed already.
pub(crate) fn columns(typed: &OsStr) -> Vec<CompletionCandidate> {
    let words: Vec<OsString> = env::args_os().skip_while(|word| word != "--").collect();
    let is_table =
        |path: &&Path| matches!(FileFormat::of(path), Some(FileFormat::Text | FileFormat::Parquet));
    let names = words.iter().map(Path::new).find(is_table).and_then(names).unwrap_or_default();
    after_commas(names.iter().map(String::as_str), typed)
}

/// The published networks, and files of layers.
pub(crate) fn network(typed: &OsStr) -> Vec<CompletionCandidate> {
    let files = PathCompleter::any().filter(network::is_file).complete(typed);
    beginning(Preset::NAMES.iter().copied(), typed).into_iter().chain(files).collect()
}

/// The weight initialisations.
pub(crate) fn init(typed: &OsStr) -> Vec<CompletionCandidate> {
    beginning(["auto"].iter().chain(InitKind::NAMES).copied(), typed)
}

/// The operations on training images, after those that are typed already.
pub(crate) fn augment(typed: &OsStr) -> Vec<CompletionCandidate> {
    after_commas(Augmentation::NAMES.iter().copied(), typed)
}

/// These names, and files and folders.
pub(crate) fn names_or_paths<'a>(
    names: impl IntoIterator<Item = &'a str>,
    typed: &OsStr,
) -> Vec<CompletionCandidate> {
    beginning(names, typed).into_iter().chain(PathCompleter::any().complete(typed)).collect()
}

/// The names that begin as what is typed does.
fn beginning<'a>(names: impl IntoIterator<Item = &'a str>, typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    names.into_iter().filter(|name| name.starts_with(&*typed)).map(CompletionCandidate::new).collect()
}

/// The names that begin as what is typed behind the last comma does.
fn after_commas<'a>(names: impl Iterator<Item = &'a str>, typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let last = typed.rfind(',').map_or(0, |comma| comma + 1);
    let last = last + typed[last..].len() - typed[last..].trim_start().len();
    let (before, begun) = typed.split_at(last);
    let names = names.filter(|name| name.starts_with(begun)).map(|name| format!("{before}{name}"));
    names.map(CompletionCandidate::new).collect()
}

/// The names of the columns of a table; none if it cannot be read as it is, or has no header.
fn names(path: &Path) -> Option<Vec<String>> {
    #[cfg(feature = "parquet")]
    if FileFormat::of(path) == Some(FileFormat::Parquet) {
        return chainrule::datasets::parquet::column_names(path);
    }
    let mut text = Vec::new();
    File::open(path).ok()?.take(BYTES).read_to_end(&mut text).ok()?;
    if text.len() as u64 == BYTES {
        text.truncate(text.iter().rposition(|&byte| byte == b'\n')?);
    }
    csv::column_names(&text, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_a_table_are_its_columns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hats.csv");
        std::fs::write(&path, "size,owner,fits\n7,a,yes\n8,b,no\n9,a,no\n").unwrap();
        assert_eq!(names(&path).unwrap(), ["size", "owner", "fits"]);
        // Also where words and missing cells keep it from being training data.
        std::fs::write(&path, "id,size,on\na7,3,2024-01-01\nb1,,\n").unwrap();
        assert_eq!(names(&path).unwrap(), ["id", "size", "on"]);
        std::fs::write(&path, "7,1\n8,0\n").unwrap();
        assert_eq!(names(&path), None);
        assert_eq!(names(&folder.path().join("none.csv")), None);
    }

    #[test]
    fn names_are_offered_behind_the_last_comma() {
        let offers = |typed: &str| {
            let offers = after_commas(["rotate", "crop", "red"].into_iter(), OsStr::new(typed));
            offers.iter().map(|offer| offer.get_value().to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(offers("r"), ["rotate", "red"]);
        assert_eq!(offers("flip, ro"), ["flip, rotate"]);
        assert_eq!(offers("flip,"), ["flip,rotate", "flip,crop", "flip,red"]);
        assert_eq!(offers("flip, x"), [""; 0]);
    }
}
