use std::fs;
use std::path::Path;

use crate::error::Error;
use crate::file::read_within;
use crate::image::options::ImageOptions;
use crate::image::shape::ImageShape;
use crate::memory;
use crate::table::column::TargetColumns;
use crate::table::options::TableOptions;
use crate::target::Label;
use crate::task::TaskKind;

/// Files above this size are streamed by default.
const LARGEST_IN_MEMORY: u64 = 1 << 30;

/// How a file of any format is read.
///
/// | Field | Default | Meaning |
/// |---|---|---|
/// | `target` | the last column | the columns to predict |
/// | `task` | `Auto` | whether the target is a class, a number or several labels |
/// | `classes` | empty | the class names of a model, in its order; empty takes the classes that occur |
/// | `labels` | empty | the labels of a model, with the words of each; empty takes the words that occur |
/// | `stream` | `None` | whether the rows of an array are streamed from disk; `None` streams files above 1 GiB |
/// | `max_memory` | `None` | the bytes that decoded data may take; `None` allows half of the machine's memory |
/// | `table` | | how tables are read |
/// | `image` | | how image files are read |
///
/// ```
/// use chainrule_datasets::{Impute, ReadOptions, TableOptions, TaskKind};
///
/// let options = ReadOptions {
///     task: TaskKind::Regression,
///     table: TableOptions { impute: Some(Impute::Mean), ..TableOptions::default() },
///     ..ReadOptions::default()
/// };
/// assert_eq!(options.stream, None);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadOptions {
    /// The columns to predict.
    pub target: TargetColumns,
    /// Whether the target is a class, a number or several labels.
    pub task: TaskKind,
    /// The class names of a model, in its order; if empty, the classes that occur, sorted.
    pub classes: Vec<String>,
    /// The labels of a model, with the words of each; if empty, the words that occur.
    pub labels: Vec<Label>,
    /// Whether the rows of an array are streamed from disk; `None` streams files above 1 GiB.
    pub stream: Option<bool>,
    /// The bytes that decoded data may take; `None` allows half of the machine's memory.
    pub max_memory: Option<u64>,
    /// How tables are read.
    pub table: TableOptions,
    /// How image files are read.
    pub image: ImageOptions,
    /// The pictures that a model takes: an array of pictures of another shape is refused, also if it has as many numbers.
    pub pictures: Option<ImageShape>,
}

impl From<TableOptions> for ReadOptions {
    fn from(table: TableOptions) -> Self {
        Self { table, ..Self::default() }
    }
}

impl ReadOptions {
    /// The bytes that decoded data may take.
    pub(crate) fn memory(&self) -> u64 {
        self.max_memory.unwrap_or_else(memory::default_limit)
    }

    /// Refuses options for the columns of a table where an array or images are all features.
    ///
    /// # Errors
    /// If there is one.
    pub(crate) fn refuse_columns(&self, path: &Path) -> Result<(), Error> {
        let table = &self.table;
        let fault = if !table.drop.is_empty() || !table.categorical.is_empty() || table.date_parts {
            "all of its numbers are features, and --drop, --categorical and --dates are for tables"
        } else if table.impute.is_some() {
            "its numbers are features as they are, and --impute, which is for tables, does nothing"
        } else {
            return Ok(());
        };
        Err(Error::format(path, fault, "omit these options, or save the data as a table"))
    }

    /// The bytes of a file that is not streamed.
    ///
    /// # Errors
    /// If it cannot be read, or is larger than the data may be.
    pub(crate) fn read_file(&self, path: &Path) -> Result<Vec<u8>, Error> {
        read_within(path, self.memory())
    }

    /// Whether the rows of this file are streamed from disk.
    ///
    /// # Errors
    /// If the file is not there.
    pub(crate) fn streams(&self, path: &Path) -> Result<bool, Error> {
        let length =
            fs::metadata(path).map_err(|source| Error::Read { path: path.to_owned(), source })?.len();
        Ok(self.stream.unwrap_or(length > LARGEST_IN_MEMORY))
    }
}
