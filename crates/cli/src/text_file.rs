//! Small files of text: settings, networks, weights.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The most that is read.
const LARGEST: u64 = 1 << 20;

/// The text of a file on disk of at most 1 MiB. Devices and pipes are refused because they may never end.
///
/// # Errors
/// If there is no such file, or it is larger, or not UTF-8.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let refused = |fault: &str| io::Error::new(io::ErrorKind::InvalidInput, fault.to_owned());
    if !std::fs::metadata(path)?.is_file() {
        return Err(refused("not a regular file"));
    }
    let mut text = String::new();
    File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(refused("it has more than 1 MiB"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_small_text_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t");
        std::fs::write(&path, "a\n").unwrap();
        assert_eq!(read(&path).unwrap(), "a\n");
        std::fs::write(&path, vec![b'\n'; 1 << 20]).unwrap();
        assert!(read(&path).is_ok());
        std::fs::write(&path, vec![b'\n'; (1 << 20) + 1]).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("more than 1 MiB"));
        std::fs::write(&path, b"\xff").unwrap();
        assert!(read(&path).is_err() && read(folder.path()).is_err());
        if cfg!(unix) {
            assert!(read("/dev/zero".as_ref()).unwrap_err().to_string().contains("not a regular file"));
        }
    }
}
