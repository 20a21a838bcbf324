//! Parquet files: tables with types, as pandas, Spark and others write them.

use std::path::Path;
use std::sync::Arc;

use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::{Field, Row};
use chainrule_tensor::Scalar;

use super::builder::Builder;
use super::cells::Cell;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::features::Features;
use crate::options::ReadOptions;

/// Reads examples with one target each.
///
/// # Errors
/// If the file cannot be read or is damaged, or its cells are refused as in any other table.
pub(crate) fn read<A: Scalar>(path: &Path, options: &ReadOptions) -> Result<Dataset<A>, Error> {
    build(path, options, true)?.into_dataset(path)
}

/// Reads the features for the model whose schema stands in `options`.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_features<A: Scalar>(path: &Path, options: &ReadOptions) -> Result<Features<A>, Error> {
    build(path, options, false)?.into_features(path)
}

fn build<A: Scalar>(path: &Path, options: &ReadOptions, target: bool) -> Result<Builder<A>, Error> {
    let damaged = |error: ::parquet::errors::ParquetError| {
        Error::format(path, error.to_string(), "it is damaged or no Parquet file, get it again")
    };
    let file = std::fs::File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let reader = SerializedFileReader::new(file).map_err(damaged)?;
    let schema = Arc::new(reader.metadata().file_metadata().schema().clone());
    let fields = schema.get_fields();
    if let Some(nested) = fields.iter().find(|field| !field.is_primitive()) {
        let fault = format!("column {} is nested", nested.name());
        return Err(Error::format(path, fault, "save a flat table"));
    }
    let names: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
    let mut builder = Builder::new(path, &names, names.len(), target, options)?;
    for (number, row) in reader.get_row_iter(None).map_err(damaged)?.enumerate() {
        push(&mut builder, &row.map_err(damaged)?).map_err(|(at, fault)| Error::Cell {
            path: path.to_owned(),
            place: format!("row {}", number + 1),
            column: format!("{} ({})", at + 1, names[at]),
            fault,
        })?;
    }
    if builder.is_empty() {
        return Err(Error::format(path, "it has no rows", "give it a row for each example"));
    }
    Ok(builder)
}

fn push<A: Scalar>(builder: &mut Builder<A>, row: &Row) -> Result<(), (usize, String)> {
    for (at, (_, field)) in row.get_column_iter().enumerate() {
        let text;
        let cell = match field {
            Field::Null => Cell::Missing,
            Field::Bool(x) => Cell::Text(if *x { "true" } else { "false" }),
            Field::Byte(x) => Cell::Number(f64::from(*x)),
            Field::Short(x) => Cell::Number(f64::from(*x)),
            Field::Int(x) => Cell::Number(f64::from(*x)),
            Field::Long(x) => Cell::Number(*x as f64),
            Field::UByte(x) => Cell::Number(f64::from(*x)),
            Field::UShort(x) => Cell::Number(f64::from(*x)),
            Field::UInt(x) => Cell::Number(f64::from(*x)),
            Field::ULong(x) => Cell::Number(*x as f64),
            Field::Float16(x) => Cell::Number(f64::from(x.to_f32())),
            Field::Float(x) => Cell::Number(f64::from(*x)),
            Field::Double(x) => Cell::Number(*x),
            Field::Str(x) => Cell::Text(x),
            Field::Decimal(_) => {
                text = field.to_string();
                Cell::Text(&text)
            }
            _ => return Err((at, "neither a number nor a word: leave the column out (--drop)".to_owned())),
        };
        builder.cell(at, cell).map_err(|fault| (at, fault))?;
    }
    builder.end_row();
    Ok(())
}
