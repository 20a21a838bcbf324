//! How a table of text is read, where what is found in it is to be overruled.

use std::path::Path;
use std::str::FromStr;

use chainrule::datasets::{HeaderRow, ReadOptions, Schema};
use clap::{Args, ValueEnum};

use crate::commands::options::{ANY, whole};
use crate::failure::{Failure, errln, escaped};
use crate::headings::DATA;

/// The value of `--header`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum HeaderName {
    #[default]
    Auto,
    Present,
    Absent,
}

/// A character, by itself or by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark(char);

/// Words, joined by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Words(Vec<String>);

/// Bytes, such as 512M or 4G.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bytes(u64);

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TextArgs {
    /// Whether the first row of a table is a header
    #[arg(long, help_heading = DATA, hide_short_help = true, value_enum, default_value = "auto", value_name = "WHETHER")]
    header: HeaderName,
    /// What separates the cells of a table of text: a character, tab, or blank [default: found in the text]
    #[arg(long, help_heading = DATA, hide_short_help = true, value_name = "CHAR")]
    delimiter: Option<Mark>,
    /// Skip the lines of a table that begin with this character
    #[arg(long, help_heading = DATA, hide_short_help = true, value_name = "CHAR")]
    comment: Option<Mark>,
    /// Skip this many lines before a table [default: 0; of a new table for a model, those above its names]
    #[arg(long, help_heading = DATA, hide_short_help = true, value_name = "N", value_parser = whole::<usize>(ANY))]
    skip_rows: Option<usize>,
    /// The decimal mark of a table, a point or a comma [default: found in each column]
    #[arg(long, help_heading = DATA, hide_short_help = true, value_name = "CHAR", value_parser = decimal)]
    decimal: Option<Mark>,
    /// The mark between thousands [default: found in each column]
    #[arg(long, help_heading = DATA, hide_short_help = true, value_name = "CHAR", value_parser = thousands)]
    thousands: Option<Mark>,
    /// The words for a missing cell, joined by commas [default: ?, NA, N/A, NaN, null, in any case]
    #[arg(long, help_heading = DATA, hide_short_help = true, value_name = "WORDS", allow_hyphen_values = true)]
    missing: Option<Words>,
    /// Memory that the decoded data may take, such as 4G [default: half of the machine's on Linux, 4G elsewhere]
    #[arg(long, help_heading = DATA, hide_short_help = true, value_name = "BYTES")]
    max_memory: Option<Bytes>,
}

impl FromStr for Mark {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = match text {
            "tab" | "\\t" => Some('\t'),
            "blank" | "space" => Some(' '),
            "comma" => Some(','),
            "semicolon" => Some(';'),
            "bar" => Some('|'),
            "point" => Some('.'),
            _ => None,
        };
        let mut letters = text.chars();
        let alone =
            letters.next().filter(|letter| letters.next().is_none() && letter.is_ascii() && *letter != '"');
        named
            .or(alone)
            .map(Self)
            .ok_or_else(|| "expected one ASCII character, or tab, blank, comma".to_owned())
    }
}

fn decimal(text: &str) -> Result<Mark, String> {
    let mark = text.parse().ok().filter(|&Mark(mark)| mark == '.' || mark == ',');
    mark.ok_or_else(|| "expected a point or a comma".to_owned())
}

fn thousands(text: &str) -> Result<Mark, String> {
    let mark = text.parse().ok().filter(|&Mark(mark)| ",. \u{a0}\u{202f}'’_".contains(mark));
    mark.ok_or_else(|| "expected a comma, point, blank, apostrophe or underscore".to_owned())
}

impl FromStr for Words {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(text.split(',').map(|word| word.trim().to_owned()).collect()))
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let shift = match text[digits.len()..].to_ascii_uppercase().as_str() {
            "" => Some(0),
            "K" | "KB" | "KIB" => Some(10),
            "M" | "MB" | "MIB" => Some(20),
            "G" | "GB" | "GIB" => Some(30),
            _ => None,
        };
        let bytes = shift.and_then(|shift: u32| digits.parse::<u64>().ok()?.checked_mul(1 << shift));
        bytes.map(Self).ok_or_else(|| "expected a number of bytes, such as 512M or 4G".to_owned())
    }
}

impl TextArgs {
    /// Says which columns of a table spell numbers in another form than the training data of a model, unless the options say how they do.
    pub(crate) fn say_forms(&self, path: &Path, new: &Schema, model: &Schema) {
        if self.decimal.is_none() && self.thousands.is_none() {
            new.forms_unlike(model).iter().for_each(|line| errln!("{}, {}", path.display(), escaped(line)));
        }
    }

    /// Puts what was said into the options.
    ///
    /// # Errors
    /// If a mark would be the decimal mark and that between thousands.
    pub(crate) fn apply(&self, options: &mut ReadOptions) -> Result<(), Failure> {
        if let Some(Mark(mark)) = self.decimal.filter(|_| self.decimal == self.thousands) {
            return Err(Failure::Input(format!(
                "--decimal {mark} and --thousands {mark} are one mark: name two, or omit one of them"
            )));
        }
        let byte = |mark: Option<Mark>| mark.and_then(|Mark(mark)| u8::try_from(mark).ok());
        let table = &mut options.table;
        table.header = match self.header {
            HeaderName::Auto => HeaderRow::Auto,
            HeaderName::Present => HeaderRow::Present,
            HeaderName::Absent => HeaderRow::Absent,
        };
        table.delimiter = byte(self.delimiter);
        table.comment = byte(self.comment);
        table.skip_rows = self.skip_rows;
        table.decimal = self.decimal.map(|Mark(mark)| mark);
        table.thousands = self.thousands.map(|Mark(mark)| mark);
        table.missing = self.missing.clone().map_or_else(Vec::new, |Words(words)| words);
        options.max_memory = self.max_memory.map(|Bytes(bytes)| bytes);
        Ok(())
    }
}
