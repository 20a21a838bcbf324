//! How much memory decoded data may take.

use std::path::Path;

use crate::error::Error;

/// What decoded data may take where nothing else is said and the machine does not say what it has.
const FALLBACK: u64 = 4 << 30;

/// Half of the machine's memory.
pub(crate) fn default_limit() -> u64 {
    let total = || {
        let text = std::fs::read_to_string("/proc/meminfo").ok()?;
        let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
        let kibibytes: u64 = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
        kibibytes.checked_mul(1024)
    };
    total().map_or(FALLBACK, |total| total / 2)
}

/// Refuses data before it is decoded, if that takes more bytes than the limit.
pub(crate) fn check(path: &Path, needed: Option<u64>, limit: u64) -> Result<(), Error> {
    match needed {
        Some(needed) if needed <= limit => Ok(()),
        _ => Err(Error::Memory { path: path.to_owned(), needed: needed.unwrap_or(u64::MAX), limit }),
    }
}
