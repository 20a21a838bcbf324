use super::column::{Column, HeaderRow, Impute};
use super::schema::Schema;

/// How a table is read.
///
/// | Field | Default | Meaning |
/// |---|---|---|
/// | `header` | `Auto` | whether the first row names the columns |
/// | `delimiter` | `None` | what separates cells; `None` takes the most frequent in the first line of `,` `;` tab and <code>\|</code> |
/// | `impute` | `None` | what replaces a missing number; `None` makes it an error |
/// | `categorical` | empty | numeric columns to treat as categories |
/// | `drop` | empty | columns to leave out |
/// | `schema` | `None` | the columns of a model, which replace `impute`, `categorical` and `drop` |
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableOptions {
    /// Whether the first row names the columns.
    pub header: HeaderRow,
    /// What separates cells; if `None`, the most frequent delimiter in the first line.
    pub delimiter: Option<u8>,
    /// What replaces a missing number; if `None`, it is an error.
    pub impute: Option<Impute>,
    /// Numeric columns to treat as categories.
    pub categorical: Vec<Column>,
    /// Columns to leave out.
    pub drop: Vec<Column>,
    /// The columns of a model.
    pub schema: Option<Schema>,
}
