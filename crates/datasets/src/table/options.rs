use super::column::{Column, HeaderRow, Impute};
use super::schema::Schema;

/// How a table is read.
///
/// | Field | Default | Meaning |
/// |---|---|---|
/// | `header` | `Auto` | whether the first row names the columns |
/// | `delimiter` | `None` | what separates cells; `None` takes the one of `,` `;` tab <code>\|</code> and blanks under which the rows are most alike |
/// | `comment` | `None` | lines that begin with this character are skipped |
/// | `skip_rows` | `None` | lines before the table; `None` skips none, and of a new file for a model those above its names, or as many as of its training data |
/// | `decimal` | `None` | the decimal mark; `None` finds it for each column |
/// | `thousands` | `None` | the mark between thousands; `None` finds it for each column |
/// | `missing` | empty | the words for a missing cell; empty takes `?`, `NA`, `N/A`, `NaN` and `null` |
/// | `impute` | `None` | what replaces a missing number; `None` makes it an error |
/// | `categorical` | empty | numeric columns to treat as categories |
/// | `drop` | empty | columns to leave out |
/// | `date_parts` | `false` | whether dates become their cyclic parts too, beside the days |
/// | `keep` | empty | columns whose text is kept beside the features |
/// | `schema` | `None` | the columns of a model, which decide on `impute`, `categorical`, `drop` and `date_parts`; asking for something else is an error |
///
/// In `categorical`, `drop` and `keep`, a name with commas is a list of columns, unless a column has the whole name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableOptions {
    /// Whether the first row names the columns.
    pub header: HeaderRow,
    /// What separates cells; if `None`, the usual delimiter under which the rows are most alike.
    pub delimiter: Option<u8>,
    /// Lines that begin with this character are skipped.
    pub comment: Option<u8>,
    /// Lines before the table; if `None`, none, or what a model says.
    pub skip_rows: Option<usize>,
    /// The decimal mark, a point or a comma; if `None`, that of each column.
    pub decimal: Option<char>,
    /// The mark between thousands; if `None`, that of each column.
    pub thousands: Option<char>,
    /// The words for a missing cell; if empty, `?`, `NA`, `N/A`, `NaN` and `null`, in any case.
    pub missing: Vec<String>,
    /// What replaces a missing number; if `None`, it is an error.
    pub impute: Option<Impute>,
    /// Numeric columns to treat as categories.
    pub categorical: Vec<Column>,
    /// Columns to leave out.
    pub drop: Vec<Column>,
    /// Whether dates become their cyclic parts too: sine and cosine of the time of day, of the day of the week and of the year.
    pub date_parts: bool,
    /// Columns whose text is kept beside the features, whatever else they are.
    pub keep: Vec<Column>,
    /// The columns of a model.
    pub schema: Option<Schema>,
}
