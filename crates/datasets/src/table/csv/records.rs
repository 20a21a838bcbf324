//! The records of a text and their cells.

use std::borrow::Cow;
use std::path::Path;

use crate::error::Error;

/// Bytes of a cell at most.
const LONGEST_CELL: usize = 1 << 20;

/// How the cells of a text are separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Syntax {
    /// For the delimiter `blank`, a run of spaces and tabs separates two cells.
    pub(super) delimiter: u8,
    /// Lines that begin with this character are skipped.
    pub(super) comment: Option<u8>,
}

impl Syntax {
    /// Whether a byte stands between two cells.
    fn separates(self, byte: u8) -> bool {
        byte == self.delimiter || self.delimiter == b' ' && byte == b'\t'
    }
}

/// A cell without its quotes and the blanks around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) quoted: bool,
    /// Whether it is the last of its record.
    pub(super) last: bool,
}

/// What breaks a record, with its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Unclosed(usize),
    AfterQuote(usize),
    NotUtf8(usize),
    TooLong(usize),
}

impl Fault {
    pub(super) fn into_error(self, path: &Path) -> Error {
        match self {
            Fault::Unclosed(line) => {
                let fault = format!("line {line}: a quote opens in this line and is never closed");
                Error::format(path, fault, "close it, or write a quote inside a quoted cell twice")
            }
            Fault::AfterQuote(line) => {
                let fault = format!(
                    "line {line}: a quote opens in this line, and text follows the quote that closes it"
                );
                Error::format(path, fault, "close each quote, or write a quote inside a quoted cell twice")
            }
            Fault::TooLong(line) => {
                let fault = format!("line {line} has a cell of more than {LONGEST_CELL} bytes");
                Error::format(path, fault, "check the quotes and the delimiter (--delimiter)")
            }
            Fault::NotUtf8(line) => {
                Error::format(path, format!("line {line} is not UTF-8"), "save it as UTF-8 text")
            }
        }
    }
}

/// A walk through the cells of a text, one at a time, by RFC 4180 with any line ends. Empty lines are skipped.
pub(super) struct Records<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
    syntax: Syntax,
}

impl<'a> Records<'a> {
    /// Begins after `skip` lines.
    pub(super) fn new(text: &'a [u8], syntax: Syntax, skip: usize) -> Self {
        // A byte order mark is not part of a cell.
        let at = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let mut records = Self { text, at, line: 1, syntax };
        for _ in 0..skip {
            if records.at >= text.len() {
                break;
            }
            records.skip_line();
        }
        records
    }

    /// The line on which the next record begins, from 1; `None` at the end.
    pub(super) fn begin(&mut self) -> Option<usize> {
        let Syntax { delimiter, comment } = self.syntax;
        loop {
            let rest = &self.text[self.at..];
            if rest.is_empty() {
                return None;
            }
            let is_blank = |byte: &u8| *byte == b' ' || (*byte == b'\t' && delimiter != b'\t');
            let first = rest.iter().position(|byte| !is_blank(byte)).unwrap_or(rest.len());
            match rest.get(first) {
                None | Some(b'\r' | b'\n') => self.skip_line(),
                Some(byte) if Some(*byte) == comment => self.skip_line(),
                Some(_) => {
                    if delimiter == b' ' {
                        self.at += first;
                    }
                    return Some(self.line);
                }
            }
        }
    }

    /// The next cell of the record.
    pub(super) fn cell(&mut self) -> Result<Field<'a>, Fault> {
        let start = self.at + self.blanks();
        if self.text.get(start) == Some(&b'"') {
            return self.quoted(start);
        }
        let rest = &self.text[self.at..];
        let is_end = |byte: &u8| self.syntax.separates(*byte) || b"\r\n".contains(byte);
        let length = rest.iter().position(is_end).unwrap_or(rest.len());
        if length > LONGEST_CELL {
            return Err(Fault::TooLong(self.line));
        }
        let text = std::str::from_utf8(&rest[..length]).map_err(|_| Fault::NotUtf8(self.line))?.trim();
        self.at += length;
        let last = self.end_cell();
        Ok(Field { text: Cow::Borrowed(text), quoted: false, last })
    }

    /// The cells of the next record; `None` at the end.
    pub(super) fn whole(&mut self, most: usize) -> Result<Option<Vec<Field<'a>>>, Fault> {
        if self.begin().is_none() {
            return Ok(None);
        }
        let mut cells = Vec::new();
        loop {
            let cell = self.cell()?;
            let last = cell.last;
            if cells.len() < most {
                cells.push(cell);
            }
            if last {
                return Ok(Some(cells));
            }
        }
    }

    fn quoted(&mut self, start: usize) -> Result<Field<'a>, Fault> {
        let (opened, text) = (self.line, self.text);
        let (mut close, mut doubled) = (start + 1, false);
        loop {
            close += text[close..].iter().position(|&byte| byte == b'"').ok_or(Fault::Unclosed(opened))?;
            if text.get(close + 1) != Some(&b'"') {
                break;
            }
            doubled = true;
            close += 2;
        }
        let inside = &text[start + 1..close];
        if inside.len() > LONGEST_CELL {
            return Err(Fault::TooLong(opened));
        }
        self.line += line_ends(inside);
        let inside = std::str::from_utf8(inside).map_err(|_| Fault::NotUtf8(opened))?.trim();
        self.at = close + 1;
        self.at += self.blanks();
        match text.get(self.at) {
            None | Some(b'\r' | b'\n') => {}
            Some(&byte) if self.syntax.separates(byte) => {}
            // The blanks that delimit have just been skipped.
            Some(_) if self.syntax.delimiter == b' ' && self.at > close + 1 => self.at = close + 1,
            Some(_) => return Err(Fault::AfterQuote(opened)),
        }
        let last = self.end_cell();
        let text = if doubled { Cow::Owned(inside.replace("\"\"", "\"")) } else { Cow::Borrowed(inside) };
        Ok(Field { text, quoted: true, last })
    }

    /// How many blanks that do not delimit cells come next.
    fn blanks(&self) -> usize {
        let is_blank = |byte: &u8| *byte == b' ' || (*byte == b'\t' && self.syntax.delimiter != b'\t');
        self.text[self.at..].iter().take_while(|byte| is_blank(byte)).count()
    }

    /// Steps over the delimiter or the end of the line, and says whether it was the latter.
    fn end_cell(&mut self) -> bool {
        match self.text.get(self.at) {
            None => true,
            Some(b'\r' | b'\n') => {
                self.skip_line();
                true
            }
            Some(_) => {
                self.at += 1;
                if self.syntax.delimiter != b' ' {
                    return false;
                }
                self.at += self.blanks();
                matches!(self.text.get(self.at), None | Some(b'\r' | b'\n')) && self.end_cell()
            }
        }
    }

    /// Steps over the rest of the line and its end.
    fn skip_line(&mut self) {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|byte| b"\r\n".contains(byte)).unwrap_or(rest.len());
        self.at += length;
        self.at += match self.text[self.at..] {
            [b'\r', b'\n', ..] => 2,
            [_, ..] => 1,
            [] => return,
        };
        self.line += 1;
    }
}

/// The number of line ends: \n, \r\n, or a lone \r.
pub(super) fn line_ends(text: &[u8]) -> usize {
    let ends = text.iter().zip(text.iter().skip(1).chain([&0]));
    ends.filter(|&(&byte, &next)| byte == b'\n' || (byte == b'\r' && next != b'\n')).count()
}

#[cfg(test)]
mod tests {
    use csv_core::{ReadFieldResult, ReaderBuilder};
    use proptest::prelude::*;

    use super::*;

    const COMMA: Syntax = Syntax { delimiter: b',', comment: None };

    fn all(text: &str, syntax: Syntax) -> Result<Vec<Vec<String>>, Fault> {
        let mut records = Records::new(text.as_bytes(), syntax, 0);
        let mut all = Vec::new();
        while let Some(cells) = records.whole(usize::MAX)? {
            all.push(cells.into_iter().map(|cell| cell.text.into_owned()).collect());
        }
        Ok(all)
    }

    #[test]
    fn quotes_hold_delimiters_line_ends_and_quotes() {
        let text = "\u{feff}a, \"b,\"\"c\"\"\nd\" ,e\r\n\r\n   \n1,2,\r3";
        assert_eq!(all(text, COMMA).unwrap(), [vec!["a", "b,\"c\"\nd", "e"], vec!["1", "2", ""], vec!["3"]]);
    }

    #[test]
    fn a_cell_of_more_than_a_mebibyte_is_named_with_its_line() {
        let long = "a".repeat(LONGEST_CELL);
        assert_eq!(all(&format!("1,{long}\n\"{long}\",2"), COMMA).unwrap().len(), 2);
        assert_eq!(all(&format!("1,2\n3,{long}b\n"), COMMA), Err(Fault::TooLong(2)));
        assert_eq!(all(&format!("1,2\n\"{long}b\",3\n"), COMMA), Err(Fault::TooLong(2)));
    }

    #[test]
    fn a_quote_that_is_not_closed_is_named_with_its_line() {
        assert_eq!(all("1,2\n3,\"4\n5,6\n", COMMA), Err(Fault::Unclosed(2)));
        // Where a later row has a quote, that one closes the first.
        assert_eq!(all("1,2\n3,\"y\n5,\"y\"\n", COMMA), Err(Fault::AfterQuote(2)));
    }

    #[test]
    fn comments_are_skipped_and_blanks_can_delimit() {
        let syntax = Syntax { delimiter: b' ', comment: Some(b'#') };
        assert_eq!(
            all("# a  b\n  1   2.5 \n\"x y\" 3\n\n4 \"z\"", syntax).unwrap(),
            [["1", "2.5"], ["x y", "3"], ["4", "z"]]
        );
    }

    proptest! {
        /// Another reader finds the same cells in what both take as well formed.
        #[test]
        fn another_reader_finds_the_same_cells(text in "([ab1 ]{0,3}|\"([ab,\n]|\"\"){0,4}\")((,|\n|\r\n)([ab1 ]{0,3}|\"([ab,\n]|\"\"){0,4}\")){0,8}") {
            let ours = all(&text, COMMA).unwrap();
            let mut reader = ReaderBuilder::new().build();
            let (mut theirs, mut record, mut rest) = (Vec::new(), Vec::new(), text.as_bytes());
            let (mut cell, mut length) = ([0; 200], 0);
            loop {
                let (result, read, written) = reader.read_field(rest, &mut cell[length..]);
                rest = &rest[read..];
                length += written;
                match result {
                    ReadFieldResult::Field { record_end } => {
                        record.push(String::from_utf8_lossy(&cell[..length]).trim().to_owned());
                        length = 0;
                        if record_end {
                            theirs.push(std::mem::take(&mut record));
                        }
                    }
                    ReadFieldResult::End => break,
                    _ => {}
                }
            }
            // A line of blanks is a record of one empty cell to the other reader.
            let is_blank = |record: &Vec<String>| record.len() == 1 && record[0].is_empty();
            theirs.retain(|record| !is_blank(record));
            let ours: Vec<_> = ours.into_iter().filter(|record| !is_blank(record)).collect();
            prop_assert_eq!(ours, theirs);
        }
    }
}
