//! Columns of words and numbers as a Parquet file.

use std::io;
use std::sync::Arc;

use ::parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::Type;

/// The values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// A text a row.
    Words(Vec<String>),
    /// A number a row.
    Numbers(Vec<f64>),
    /// A whole number a row.
    Whole(Vec<i64>),
}

/// The bytes of a file with these columns, in one group of rows.
///
/// # Errors
/// If the columns differ in length, or two have the same name.
///
/// ```
/// use chainrule_datasets::parquet::{Values, encode};
/// use chainrule_datasets::{ReadOptions, parquet};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let columns = [
///     ("p".to_owned(), Values::Numbers(vec![0.25, 0.75])),
///     ("class".to_owned(), Values::Words(vec!["cat".to_owned(), "dog".to_owned()])),
/// ];
/// let read = parquet::decode::<f64>(&encode(&columns)?, "p.parquet".as_ref(), &ReadOptions::default())?;
/// assert_eq!((read.len(), read.class_names()), (2, &["cat".to_owned(), "dog".to_owned()][..]));
/// # Ok(())
/// # }
/// ```
pub fn encode(columns: &[(String, Values)]) -> io::Result<Vec<u8>> {
    check(columns)?;
    write(columns).map_err(io::Error::other)
}

fn check(columns: &[(String, Values)]) -> io::Result<()> {
    let refused = |fault: String| Err(io::Error::new(io::ErrorKind::InvalidInput, fault));
    let rows = |values: &Values| match values {
        Values::Words(words) => words.len(),
        Values::Numbers(numbers) => numbers.len(),
        Values::Whole(numbers) => numbers.len(),
    };
    for (at, (name, values)) in columns.iter().enumerate() {
        if columns[..at].iter().any(|(other, _)| other == name) {
            return refused(format!("two columns have the name {name:?}: write .csv, which allows that"));
        }
        if rows(values) != rows(&columns[0].1) {
            return refused(format!("column {name:?} has another number of rows than the first"));
        }
    }
    Ok(())
}

fn write(columns: &[(String, Values)]) -> Result<Vec<u8>, ParquetError> {
    let field = |(name, values): &(String, Values)| {
        let (physical, logical) = match values {
            Values::Words(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Values::Numbers(_) => (Physical::DOUBLE, None),
            Values::Whole(_) => (Physical::INT64, None),
        };
        let builder = Type::primitive_type_builder(name, physical).with_logical_type(logical);
        builder.with_repetition(Repetition::REQUIRED).build().map(Arc::new)
    };
    let fields = columns.iter().map(field).collect::<Result<_, _>>()?;
    let schema = Type::group_type_builder("schema").with_fields(fields).build()?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    for (_, values) in columns {
        let mut writer = group.next_column()?.expect("the schema has a field for each column");
        match values {
            Values::Words(words) => {
                let bytes: Vec<ByteArray> = words.iter().map(|word| word.as_str().into()).collect();
                writer.typed::<ByteArrayType>().write_batch(&bytes, None, None)?;
            }
            Values::Whole(numbers) => {
                writer.typed::<Int64Type>().write_batch(numbers, None, None)?;
            }
            Values::Numbers(numbers) => {
                writer.typed::<DoubleType>().write_batch(numbers, None, None)?;
            }
        }
        writer.close()?;
    }
    group.close()?;
    file.into_inner()
}
