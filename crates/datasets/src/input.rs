use serde::{Deserialize, Serialize};

use crate::image::shape::ImageShape;
use crate::table::schema::Schema;

/// What an input is besides numbers: what a model must know to read another file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// A row of a table.
    Table(Schema),
    /// An image of this shape; the transform scales its bytes to \[0, 1\].
    Image(ImageShape),
}
