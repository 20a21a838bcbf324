use std::path::Path;

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};

use crate::error::Error;
use crate::table::builder::MOST_COLUMNS;

/// The cells of a text, one at a time: a whole record is never in memory.
pub(super) struct Records<'a> {
    reader: Reader,
    text: &'a [u8],
    /// Bytes read so far.
    at: usize,
    cell: Vec<u8>,
    path: &'a Path,
}

impl<'a> Records<'a> {
    pub(super) fn new(text: &'a [u8], delimiter: u8, path: &'a Path) -> Self {
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        Self { reader, text, at: 0, cell: vec![0; 64], path }
    }

    /// The offset from which the next record is searched; `None` at the end.
    pub(super) fn begin(&self) -> Option<usize> {
        let rest = &self.text[self.at..];
        // Empty lines are skipped, and a byte order mark is not part of a cell.
        let rest = if self.at == 0 { rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest) } else { rest };
        rest.iter().any(|byte| !b"\r\n".contains(byte)).then_some(self.at)
    }

    /// The next cell of the record without blanks around it, and whether it is the last.
    pub(super) fn cell(&mut self) -> Result<(&str, bool), Error> {
        let mut length = 0;
        let end = loop {
            let rest = &self.text[self.at..];
            let (result, read, written) = self.reader.read_field(rest, &mut self.cell[length..]);
            self.at += read;
            length += written;
            match result {
                ReadFieldResult::Field { record_end } => break record_end,
                ReadFieldResult::OutputFull => self.cell.resize(2 * self.cell.len(), 0),
                ReadFieldResult::InputEmpty => {}
                ReadFieldResult::End => break true,
            }
        };
        if let Ok(cell) = std::str::from_utf8(&self.cell[..length]) {
            return Ok((cell.trim(), end));
        }
        let line = line_at(self.text, self.at.saturating_sub(1));
        Err(Error::format(self.path, format!("line {line} is not UTF-8"), "save it as UTF-8 text"))
    }

    /// The next record; `None` at the end.
    pub(super) fn whole(&mut self) -> Result<Option<Vec<String>>, Error> {
        if self.begin().is_none() {
            return Ok(None);
        }
        let mut cells = Vec::new();
        loop {
            if cells.len() == MOST_COLUMNS {
                let fault = format!("a row has more than {MOST_COLUMNS} cells");
                return Err(Error::format(self.path, fault, "save wide data as .npy"));
            }
            let (cell, end) = self.cell()?;
            cells.push(cell.to_owned());
            if end {
                return Ok(Some(cells));
            }
        }
    }
}

/// The line, from 1, of the record that was searched from byte `start` on, past empty lines.
pub(super) fn line_at(text: &[u8], start: usize) -> usize {
    let skipped = text[start..].iter().take_while(|byte| b"\r\n".contains(byte)).count();
    let passed = &text[..start + skipped];
    // A line ends with \n, \r\n, or a \r alone.
    let ends = passed.iter().zip(passed.iter().skip(1).chain([&0]));
    1 + ends.filter(|&(&byte, &next)| byte == b'\n' || (byte == b'\r' && next != b'\n')).count()
}

/// The most frequent of the usual delimiters in the first line, outside quotes; a comma if there is none.
pub(super) fn likely_delimiter(text: &[u8]) -> u8 {
    let (mut counts, mut quoted) = ([0_usize; 4], false);
    let usual = b",;\t|";
    for &byte in text.iter().skip_while(|byte| b"\r\n".contains(byte)) {
        match byte {
            b'"' => quoted = !quoted,
            b'\r' | b'\n' if !quoted => break,
            _ if quoted => {}
            _ => {
                if let Some(i) = usual.iter().position(|&known| known == byte) {
                    counts[i] += 1;
                }
            }
        }
    }
    let most = (0..usual.len()).rev().max_by_key(|&i| counts[i]).unwrap_or(0);
    usual[most]
}
