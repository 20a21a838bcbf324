//! The epochs of a run as a file of lines that only grows, so that a snapshot has the same size after any number of them.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::run::epoch::Epoch;
use crate::tensors::CRC;

/// The file's name in the folder of the snapshots.
pub(crate) const EPOCH_LOG: &str = "epochs.jsonl";

/// How much of the log of epochs a snapshot counts on: one line of JSON for each of its epochs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochMark {
    epochs: usize,
    bytes: u64,
    /// A chain: CRC-64/XZ of the checksum before a line and of that line.
    checksum: u64,
}

impl EpochMark {
    /// The log of `epochs`, and its mark.
    pub fn of(epochs: &[Epoch]) -> (Self, Vec<u8>) {
        let mut mark = Self::default();
        let lines = mark.extend(epochs);
        (mark, lines)
    }

    /// The lines of further epochs, which the mark then includes.
    fn extend(&mut self, epochs: &[Epoch]) -> Vec<u8> {
        let mut lines = Vec::new();
        for epoch in epochs {
            let start = lines.len();
            serde_json::to_writer(&mut lines, epoch).expect("memory takes every write");
            lines.push(b'\n');
            self.add(&lines[start..]);
        }
        lines
    }

    fn add(&mut self, line: &[u8]) {
        let mut digest = CRC.digest();
        digest.update(&self.checksum.to_le_bytes());
        digest.update(line);
        *self = Self {
            epochs: self.epochs + 1,
            bytes: self.bytes + line.len() as u64,
            checksum: digest.finalize(),
        };
    }

    /// The number of epochs.
    pub(crate) fn epochs(self) -> usize {
        self.epochs
    }

    /// The epochs of a log up to this mark, whatever follows them; `None` if it is shorter, or not what it was.
    pub(crate) fn read(self, log: &[u8]) -> Option<Vec<Epoch>> {
        let log = log.get(..usize::try_from(self.bytes).ok()?)?;
        let (mut found, mut epochs) = (Self::default(), Vec::new());
        for line in log.split_inclusive(|&byte| byte == b'\n') {
            found.add(line);
            epochs.push(serde_json::from_slice(line).ok()?);
        }
        (found == self).then_some(epochs)
    }
}

/// The log on disk, of a run under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct EpochLog {
    mark: EpochMark,
}

impl EpochLog {
    /// Brings the epochs that are not in the log at `path` yet to the disk, and returns the mark of all.
    pub(crate) fn save(&mut self, path: &Path, epochs: &[Epoch]) -> io::Result<EpochMark> {
        let is_whole = fs::metadata(path).is_ok_and(|file| file.len() >= self.mark.bytes);
        if self.mark.epochs == 0 || self.mark.epochs > epochs.len() || !is_whole {
            // A resumed run writes the same lines again: they are what older snapshots count on.
            self.mark = EpochMark::default();
        }
        let mut mark = self.mark;
        let lines = mark.extend(&epochs[mark.epochs..]);
        let mut file = File::options().write(true).create(true).truncate(false).open(path)?;
        // What snapshots count on is never off the disk, not even between a cut and the next write.
        let known = if self.mark.bytes > 0 { 0 } else { shared(&fs::read(path)?, &lines) };
        if self.mark.bytes > 0 || known < lines.len() {
            // What a failed attempt has left goes.
            let start = self.mark.bytes + known as u64;
            file.set_len(start)?;
            file.seek(SeekFrom::Start(start))?;
            file.write_all(&lines[known..])?;
            file.sync_data()?;
        }
        self.mark = mark;
        Ok(mark)
    }
}

/// How many bytes two texts have in common at their beginnings.
fn shared(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(n: usize) -> Vec<Epoch> {
        let epoch = |number| Epoch {
            epoch: number,
            step: number as u64 * 3,
            train_loss: 1.0 / number as f64,
            train_accuracy: None,
            train_r2: None,
            validation_loss: Some(0.1 + 0.2),
            validation_accuracy: None,
            validation_r2: None,
            learning_rate: Some(1e-3),
            seconds: 0.25,
            examples: 7,
        };
        (1..=n).map(epoch).collect()
    }

    #[test]
    fn a_log_that_grew_is_read_up_to_each_of_its_marks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(EPOCH_LOG);
        let mut log = EpochLog::default();
        let marks: Vec<EpochMark> = [2, 2, 5].map(|n| log.save(&path, &epochs(n)).unwrap()).into();
        let bytes = fs::read(&path).unwrap();
        assert_eq!(marks[2], EpochMark::of(&epochs(5)).0);
        assert_eq!(marks[0].read(&bytes).unwrap(), epochs(2));
        assert_eq!(marks[2].read(&bytes).unwrap(), epochs(5));
        // A run resumed from the second epoch takes another way.
        let mut other = epochs(4);
        other[3].train_loss = 9.0;
        let mut resumed = EpochLog::default();
        let mark = resumed.save(&path, &other).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!(mark.read(&bytes).unwrap(), other);
        assert_eq!(marks[0].read(&bytes).unwrap(), epochs(2));
        assert_eq!(marks[2].read(&bytes), None);
    }

    #[test]
    fn a_changed_or_shortened_log_is_none() {
        let (mark, lines) = EpochMark::of(&epochs(3));
        for at in 0..lines.len() {
            let mut changed = lines.clone();
            changed[at] ^= 1;
            assert_eq!(mark.read(&changed), None, "byte {at}");
            assert_eq!(mark.read(&lines[..at]), None, "{at} bytes");
        }
        assert_eq!(mark.read(&[&lines[..], b"{torn"].concat()).unwrap(), epochs(3));
    }

    #[test]
    fn a_resumed_run_leaves_the_lines_that_snapshots_count_on_where_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(EPOCH_LOG);
        let counted_on = EpochLog::default().save(&path, &epochs(2)).unwrap();
        // An epoch that was written down before a kill, and took another time when it was done again.
        let mut log = EpochLog::default();
        log.save(&path, &epochs(3)).unwrap();
        let mut again = epochs(3);
        again[2].seconds = 9.5;
        let before = fs::read(&path).unwrap();
        let (_, lines) = EpochMark::of(&again);
        assert!(shared(&before, &lines) as u64 >= counted_on.bytes);
        let mark = EpochLog::default().save(&path, &again).unwrap();
        let log = fs::read(&path).unwrap();
        assert_eq!((mark.read(&log), counted_on.read(&log)), (Some(again), Some(epochs(2))));
    }
}
