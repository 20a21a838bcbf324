//! Bytes of files.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::error::Error;

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
