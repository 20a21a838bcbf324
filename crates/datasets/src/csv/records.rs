use std::path::Path;

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};

use crate::Error;
use crate::table::MOST_COLUMNS;

/// The cells of a text, one after the other: a record of it is never in memory as a whole.
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

    /// Where the search for the next record begins, in bytes; none if there is no other.
    pub(super) fn begin(&self) -> Option<usize> {
        let rest = &self.text[self.at..];
        // Empty lines are passed over, and a mark of UTF-8 is no cell.
        let rest = if self.at == 0 { rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest) } else { rest };
        rest.iter().any(|byte| !b"\r\n".contains(byte)).then_some(self.at)
    }

    /// The next cell of the record that was begun, without blanks around it, and whether it is the last.
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
        Err(Error::format(self.path, format!("line {line} is no UTF-8"), "save it as UTF-8 text"))
    }

    /// The next record; none at the end.
    pub(super) fn whole(&mut self) -> Result<Option<Vec<String>>, Error> {
        if self.begin().is_none() {
            return Ok(None);
        }
        let mut cells = Vec::new();
        loop {
            if cells.len() == MOST_COLUMNS {
                let fault = format!("a row of it has more than {MOST_COLUMNS} cells");
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

/// The line, from 1, of the record that was sought from byte `start` on: the search passes over empty lines.
pub(super) fn line_at(text: &[u8], start: usize) -> usize {
    let skipped = text[start..].iter().take_while(|byte| b"\r\n".contains(byte)).count();
    let passed = &text[..start + skipped];
    // A line ends with \n, \r\n, or a \r alone.
    let ends = passed.iter().zip(passed.iter().skip(1).chain([&0]));
    1 + ends.filter(|&(&byte, &next)| byte == b'\n' || (byte == b'\r' && next != b'\n')).count()
}

/// What is most frequent in the first line, outside quotes, of the usual delimiters; a comma where there is none.
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
