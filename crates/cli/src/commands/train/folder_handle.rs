//! A folder that is known by itself and not by its name alone.

use std::fs::{File, Metadata, metadata};
use std::path::{Path, PathBuf};

/// Holds a folder open, so that one of the same name is not taken for it.
#[derive(Debug)]
pub(super) struct FolderHandle {
    /// `None` where a folder cannot be opened; on Windows, an open file in it keeps it in place.
    folder: Option<File>,
}

impl FolderHandle {
    pub(super) fn open(path: &Path) -> Self {
        Self { folder: File::open(path).ok() }
    }

    /// Where the folder is: at `path`, or where it was moved to; `None` if it is gone.
    pub(super) fn path(&self, path: &Path) -> Option<PathBuf> {
        let Some(folder) = &self.folder else { return metadata(path).is_ok().then(|| path.to_owned()) };
        let held = folder.metadata().ok()?;
        let is_it = |path: &Path| metadata(path).is_ok_and(|found| is_same(&held, &found));
        if is_it(path) {
            return Some(path.to_owned());
        }
        moved(folder).filter(|path| is_it(path))
    }
}

#[cfg(unix)]
fn is_same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// The present name of an open folder, where the system knows it.
#[cfg(target_os = "linux")]
fn moved(folder: &File) -> Option<PathBuf> {
    use std::os::fd::AsRawFd;
    std::fs::read_link(format!("/proc/self/fd/{}", folder.as_raw_fd())).ok()
}

#[cfg(not(target_os = "linux"))]
fn moved(_: &File) -> Option<PathBuf> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{create_dir, remove_dir, rename};

    use super::*;

    #[test]
    fn a_folder_is_followed_and_another_of_its_name_is_not_taken_for_it() {
        let parent = tempfile::tempdir().unwrap();
        let (a, b) = (parent.path().join("a"), parent.path().join("b"));
        create_dir(&a).unwrap();
        let handle = FolderHandle::open(&a);
        assert_eq!(handle.path(&a), Some(a.clone()));
        rename(&a, &b).unwrap();
        create_dir(&a).unwrap();
        let found = handle.path(&a);
        assert_ne!(found, Some(a.clone()));
        if cfg!(target_os = "linux") {
            assert_eq!(found.unwrap().canonicalize().unwrap(), b.canonicalize().unwrap());
        }
        remove_dir(&b).unwrap();
        assert_eq!(handle.path(&a), None);
    }
}
