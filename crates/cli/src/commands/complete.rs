//! What a shell offers for the next word: besides what clap knows, the columns of the table that the line names.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use chainrule::datasets::{FileFormat, csv};
use clap_complete::CompletionCandidate;

/// As much of a table as is read for the names of its columns.
const BYTES: u64 = 1 << 18;

/// The columns of the table on the line that the shell completes, after those that are typed already.
pub(crate) fn columns(typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let before = typed.rfind(',').map_or("", |comma| &typed[..=comma]);
    let words: Vec<OsString> = env::args_os().skip_while(|word| word != "--").collect();
    let table = words.iter().map(Path::new).find(|path| FileFormat::of(path) == Some(FileFormat::Text));
    let names = table.and_then(names).unwrap_or_default();
    let candidates = names.iter().map(|name| format!("{before}{name}"));
    candidates.filter(|name| name.starts_with(&*typed)).map(CompletionCandidate::new).collect()
}

/// The names of the columns of a table; none if it cannot be read as it is, or has no header.
fn names(path: &Path) -> Option<Vec<String>> {
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
}
