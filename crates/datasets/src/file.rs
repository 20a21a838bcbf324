//! Bytes of files.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::error::Error;
use crate::memory;

/// The bytes of a regular file. Devices and pipes are refused because they may never end.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Error::format(path, "not a regular file", "name a file on disk"));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}

/// The bytes of a regular file of at most `limit` bytes.
pub(crate) fn read_within(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let length = fs::metadata(path).map_err(|source| Error::Read { path: path.to_owned(), source })?.len();
    memory::check(path, Some(length), limit)?;
    read_file(path)
}
