use std::fmt;

use serde::{Deserialize, Serialize};

/// The words for a missing cell, in any case, where a file has none of its own.
pub(super) const USUAL_MISSING: [&str; 5] = ["?", "na", "n/a", "nan", "null"];

/// The conventions of a text file: what was found by sniffing or set by the options. A model keeps that of its training data and
/// reads new files with it.
///
/// ```
/// use chainrule_datasets::Dialect;
///
/// let dialect = Dialect { delimiter: ';', header: true, ..Dialect::default() };
/// assert_eq!(dialect.to_string(), "semicolon, header");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialect {
    /// The delimiter; a space is any run of spaces and tabs.
    pub delimiter: char,
    /// Whether the first row names the columns.
    pub header: bool,
    /// Lines that begin with this character are skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<char>,
    /// Lines before the table.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skip_rows: usize,
    /// The words for a missing cell; empty for the usual ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Whether each row ends with a delimiter, after which there is no cell.
    #[serde(default, skip_serializing_if = "is_false")]
    pub trailing_delimiter: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl Default for Dialect {
    /// Commas and no header.
    fn default() -> Self {
        Self {
            delimiter: ',',
            header: false,
            comment: None,
            skip_rows: 0,
            missing: Vec::new(),
            trailing_delimiter: false,
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.delimiter {
            ',' => f.write_str("comma")?,
            ';' => f.write_str("semicolon")?,
            '\t' => f.write_str("tab")?,
            '|' => f.write_str("bar")?,
            ' ' => f.write_str("blanks")?,
            other => write!(f, "delimiter {other:?}")?,
        }
        f.write_str(if self.header { ", header" } else { ", no header" })?;
        match self.skip_rows {
            0 => {}
            1 => f.write_str(", 1 line skipped")?,
            n => write!(f, ", {n} lines skipped")?,
        }
        match self.comment {
            Some(comment) => write!(f, ", comments after {comment}"),
            None => Ok(()),
        }
    }
}
