use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::error::Error;

/// Writes a file atomically: at every moment the path holds the complete old contents or the complete new ones.
///
/// `write` fills a temporary file in the same folder; it is flushed, synced to the disk and renamed over `path`, then
/// the folder is synced. If anything fails, the temporary file is removed and `path` stays as it was. A symbolic link is
/// followed. A pipe or a device such as `/dev/stdout` is written to directly, because a rename would replace it.
///
/// # Errors
/// [`Error::Write`], from the file system or from `write`.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("loss.txt");
/// chainrule_datasets::write_atomic(&path, |file| writeln!(file, "{}", 0.25))?;
/// assert_eq!(std::fs::read_to_string(&path)?, "0.25\n");
/// # Ok(())
/// # }
/// ```
pub fn write_atomic<T>(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<T>,
) -> Result<T, Error> {
    let path = path.as_ref();
    replace(path, write).map_err(|source| Error::Write { path: path.to_owned(), source })
}

fn replace<T>(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> io::Result<T> {
    let resolved = fs::canonicalize(path).ok();
    let path = resolved.as_deref().unwrap_or(path);
    let old = fs::metadata(path).ok();
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        return fill(&mut File::options().write(true).open(path)?, write);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (mut file, temporary) = Temporary::create(folder)?;
    let result = fill(&mut file, write)?;
    if let Some(old) = old {
        file.set_permissions(old.permissions())?;
    }
    file.sync_all()?;
    drop(file);
    fs::rename(&temporary.0, path)?;
    temporary.keep();
    // The new file is complete and in place. Syncing the folder makes its name survive a power cut, but not every file
    // system can do that, and failing now would report a loss that did not happen.
    #[cfg(unix)]
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(result)
}

fn fill<T>(file: &mut File, write: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> io::Result<T> {
    let mut buffer = BufWriter::new(file);
    let result = write(&mut buffer)?;
    buffer.flush()?;
    Ok(result)
}

/// Removes the temporary files that killed processes left in a folder. No other process may be writing there.
pub fn sweep_temporaries(folder: &Path) {
    let Ok(files) = fs::read_dir(folder) else { return };
    for file in files.flatten() {
        let name = file.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX)) {
            // A file that stays does no harm.
            let _ = fs::remove_file(file.path());
        }
    }
}

/// The names of temporary files.
const PREFIX: &str = ".chainrule-";
const SUFFIX: &str = ".tmp";

/// The path of a temporary file, which is removed when this value is dropped.
struct Temporary(PathBuf);

impl Temporary {
    /// A new file with a name that nothing in the folder has.
    fn create(folder: &Path) -> io::Result<(File, Self)> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let time = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.subsec_nanos());
        loop {
            // Processes on several machines can share a folder, and with it their numbers.
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("{PREFIX}{:x}-{time:x}-{count:x}{SUFFIX}", process::id()));
            match File::options().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((file, Self(path))),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives the file up: it has another name now.
    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            // Nothing better can be done about a file that stays.
            let _ = fs::remove_file(&self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_atomic(&path, |file| file.write_all(b"old")).unwrap();
        let failed = write_atomic(&path, |file| {
            file.write_all(&vec![0; 100_000])?;
            Err::<(), _>(io::Error::other("no more"))
        });
        assert!(failed.unwrap_err().to_string().contains("no more"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a"]);
        write_atomic(&path, |file| file.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no").join("b.txt");
        let error = write_atomic(&path, |_| Ok(())).unwrap_err().to_string();
        assert!(error.contains("b.txt") && error.contains("folder exists"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn permissions_and_links_are_kept() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a"), folder.path().join("link"));
        fs::write(&path, b"old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&path, &link).unwrap();
        write_atomic(&link, |file| file.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        write_atomic("/dev/null", |file| file.write_all(b"gone")).unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
