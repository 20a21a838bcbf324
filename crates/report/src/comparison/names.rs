//! What runs are called beside each other.

use std::path::{Component, Path};

/// The name of each folder: its last part, or as much of the end of its path as tells it from the others.
pub(super) fn distinguished(folders: &[&Path]) -> Vec<String> {
    let parts: Vec<Vec<String>> = folders.iter().map(|folder| parts(folder)).collect();
    let end = |at: usize, length: usize| &parts[at][parts[at].len().saturating_sub(length)..];
    let name = |at: usize| {
        let others = || (0..parts.len()).filter(|&other| parts[other] != parts[at]);
        let whole = parts[at].len();
        let length = (1..whole).find(|&length| others().all(|other| end(other, length) != end(at, length)));
        end(at, length.unwrap_or(whole)).join("/")
    };
    (0..parts.len()).map(name).collect()
}

/// The names along a path from the root.
fn parts(folder: &Path) -> Vec<String> {
    // Of `.` those of the folder that it is.
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let names = whole.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_name_are_told_apart_by_the_folders_above_them() {
        let names = |folders: &[&str]| distinguished(&folders.iter().map(Path::new).collect::<Vec<_>>());
        assert_eq!(names(&["/x/a", "/x/b"]), ["a", "b"]);
        assert_eq!(names(&["/x/a/run", "/x/b/run", "/x/other"]), ["a/run", "b/run", "other"]);
        assert_eq!(names(&["/p/x/run", "/q/x/run", "/q/y/run"]), ["p/x/run", "q/x/run", "y/run"]);
        // One path may end as the whole of another.
        assert_eq!(names(&["/run", "/a/run"]), ["run", "a/run"]);
        assert_eq!(names(&["/x/a/run", "/x/a/run"]), ["run", "run"]);
    }
}
