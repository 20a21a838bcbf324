//! Parquet files: tables with types, as pandas, Spark and DuckDB write them.

mod write;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use ::parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical};
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use ::parquet::record::{Field, Row};
use ::parquet::schema::types::{Type, TypePtr};
use chainrule_tensor::Scalar;

pub use self::write::{Values, encode};
use super::builder::Builder;
use super::cells::Cell;
use super::column::numbered;
use super::date::{DateForm, days_since_1970};
use super::form::NumberForm;
use super::kept::KeptColumn;
use super::profile::{Hints, Profiles};
use crate::dataset::Dataset;
use crate::error::Error;
use crate::features::Features;
use crate::guard::guarded;
use crate::memory;
use crate::options::ReadOptions;

const DAMAGED: &str = "it is damaged or no Parquet file, get it again";

/// Reads examples with one target each.
///
/// # Errors
/// If the file cannot be read or is damaged, or its cells are refused as in any other table.
pub(crate) fn read<A: Scalar>(path: &Path, options: &ReadOptions) -> Result<Dataset<A>, Error> {
    build(open(path)?, path, options, true)?.into_dataset(path)
}

/// Reads the bytes of a file as [`read`](crate::read) does; `path` is used for the name and in messages.
///
/// # Errors
/// As [`read`](crate::read).
pub fn decode<A: Scalar>(bytes: &[u8], path: &Path, options: &ReadOptions) -> Result<Dataset<A>, Error> {
    build(bytes::Bytes::copy_from_slice(bytes), path, options, true)?.into_dataset(path)
}

/// The names of the columns of a file; `None` if it is none that can be read.
pub fn column_names(path: &Path) -> Option<Vec<String>> {
    let file = File::open(path).ok()?;
    let reader = guarded(|| SerializedFileReader::new(file))?.ok()?;
    let fields = reader.metadata().file_metadata().schema().get_fields();
    Some(fields.iter().map(|field| field.name().to_owned()).collect())
}

/// Reads the features for the model whose schema is in `options`, and the columns that are kept.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_features<A: Scalar>(
    path: &Path,
    options: &ReadOptions,
) -> Result<(Features<A>, Vec<KeptColumn>), Error> {
    build(open(path)?, path, options, false)?.into_features(path)
}

fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

/// How the values of a column become cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// As they are.
    Plain,
    /// Whole numbers of this many to a second since 1970-01-01, or since midnight.
    Times(i64),
}

fn build<A: Scalar, R: ChunkReader + 'static>(
    source: R,
    path: &Path,
    options: &ReadOptions,
    target: bool,
) -> Result<Builder<A>, Error> {
    let damaged = |error: ParquetError| Error::format(path, error.to_string(), DAMAGED);
    let panicked = || Error::format(path, "a page is not what its header says", DAMAGED);
    let reader = guarded(|| SerializedFileReader::new(source)).ok_or_else(panicked)?.map_err(damaged)?;
    let schema = reader.metadata().file_metadata().schema();
    let fields = schema.get_fields();
    let names: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
    let mut builder = Builder::new(path, &names, names.len(), target, options)?;
    // A column that is left out, or that the model does not know, is never looked at.
    let wanted: Vec<usize> = (0..fields.len()).filter(|&at| builder.is_wanted(at)).collect();
    let mut readings = Vec::new();
    for &at in &wanted {
        let (reading, form) = reading(&fields[at]).map_err(|what| {
            let fault = format!("{} holds {what}", numbered(at, Some(&names[at])));
            Error::format(path, fault, "leave it out (--drop)")
        })?;
        if let Some(form) = form {
            builder.set_form(at, form);
        }
        readings.push(reading);
    }
    let rows = u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or(u64::MAX);
    memory::check(path, rows.checked_mul(8 * wanted.len() as u64), options.memory())?;
    find_forms(&mut builder, &reader, path, options, &wanted)?;
    each_row(&reader, path, &wanted, |number, row| {
        push(&mut builder, row, &wanted, &readings).map_err(|(at, fault)| {
            Error::cell(path, format!("row {number}"), numbered(at, Some(&names[at])), fault)
        })
    })?;
    if builder.is_empty() {
        return Err(Error::format(path, "it has no rows", "give it a row for each example"));
    }
    Ok(builder)
}

/// The form of the numbers in each column of text, from all of its cells.
fn find_forms<A: Scalar, R: ChunkReader + 'static>(
    builder: &mut Builder<A>,
    reader: &SerializedFileReader<R>,
    path: &Path,
    options: &ReadOptions,
    wanted: &[usize],
) -> Result<(), Error> {
    let fields = reader.metadata().file_metadata().schema().get_fields();
    let is_text = |at: &usize| {
        let converted = fields[*at].get_basic_info().converted_type();
        fields[*at].get_physical_type() == Physical::BYTE_ARRAY && converted != ConvertedType::DECIMAL
    };
    let texts: Vec<usize> = wanted.iter().copied().filter(is_text).collect();
    let hints =
        Hints { decimal: options.table.decimal, thousands: options.table.thousands, comma_delimits: false };
    let mut profiles = Profiles::new(builder, fields.len(), hints);
    let missing = builder.missing_words().to_vec();
    let pass = |profiles: &mut Profiles, take: fn(&mut Profiles, usize, &str, &[String])| {
        each_row(reader, path, &texts, |_, row| {
            for ((_, field), &at) in row.get_column_iter().zip(&texts) {
                if let Field::Str(text) = field {
                    take(profiles, at, text.trim(), &missing);
                }
            }
            Ok(())
        })
    };
    if !texts.is_empty() {
        pass(&mut profiles, Profiles::take_plain)?;
    }
    if profiles.are_open() && !texts.is_empty() {
        pass(&mut profiles, Profiles::take)?;
    }
    profiles.decide(builder).map_err(|(at, fault)| {
        let fault = format!("{}: {fault}", numbered(at, Some(fields[at].name())));
        Error::data(path.display().to_string(), fault)
    })
}

/// Visits the rows of these columns, with their numbers from 1.
fn each_row<R: ChunkReader + 'static>(
    reader: &SerializedFileReader<R>,
    path: &Path,
    columns: &[usize],
    mut visit: impl FnMut(usize, &Row) -> Result<(), Error>,
) -> Result<(), Error> {
    let damaged = |error: ParquetError| Error::format(path, error.to_string(), DAMAGED);
    let panicked = || Error::format(path, "a page is not what its header says", DAMAGED);
    let schema = reader.metadata().file_metadata().schema();
    let projected: Vec<TypePtr> = columns.iter().map(|&at| schema.get_fields()[at].clone()).collect();
    let projection =
        Type::group_type_builder(schema.name()).with_fields(projected).build().map_err(damaged)?;
    let rows = guarded(|| reader.get_row_iter(Some(projection)));
    let (mut rows, mut number) = (rows.ok_or_else(panicked)?.map_err(damaged)?, 0);
    while let Some(row) = guarded(|| rows.next()).ok_or_else(panicked)? {
        number += 1;
        visit(number, &row.map_err(damaged)?)?;
    }
    Ok(())
}

/// How a column is read, and the form of its numbers if it holds dates; or what it holds, if that is not read.
fn reading(field: &Arc<Type>) -> Result<(Reading, Option<NumberForm>), String> {
    if !field.is_primitive() {
        return Err("nested values".to_owned());
    }
    let info = field.get_basic_info();
    if info.has_repetition() && info.repetition() == ::parquet::basic::Repetition::REPEATED {
        return Err("lists".to_owned());
    }
    let (logical, converted) = (info.logical_type_ref(), info.converted_type());
    let date = |zoned: bool| Some(NumberForm::Date(if zoned { DateForm::IsoZoned } else { DateForm::Iso }));
    let time_of_day = Some(NumberForm::Date(DateForm::TimeOfDay));
    let per_second = |unit: &TimeUnit| match unit {
        TimeUnit::MILLIS => 1_000,
        TimeUnit::MICROS => 1_000_000,
        TimeUnit::NANOS => 1_000_000_000,
    };
    match (field.get_physical_type(), logical) {
        (Physical::INT64, Some(LogicalType::Timestamp(stamp))) => {
            return Ok((Reading::Times(per_second(&stamp.unit)), date(stamp.is_adjusted_to_u_t_c)));
        }
        (Physical::INT32 | Physical::INT64, Some(LogicalType::Time(time))) => {
            return Ok((Reading::Times(per_second(&time.unit)), time_of_day));
        }
        (_, Some(LogicalType::Uuid)) => return Err("UUIDs".to_owned()),
        (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::Float16)) => return Ok((Reading::Plain, None)),
        _ => {}
    }
    match (field.get_physical_type(), converted) {
        (Physical::INT32, ConvertedType::DATE) => Ok((Reading::Plain, date(false))),
        (Physical::INT32, ConvertedType::TIME_MILLIS) => Ok((Reading::Times(1_000), time_of_day)),
        (Physical::INT64, ConvertedType::TIME_MICROS) => Ok((Reading::Times(1_000_000), time_of_day)),
        (Physical::INT64, ConvertedType::TIMESTAMP_MILLIS) => Ok((Reading::Times(1_000), date(true))),
        (Physical::INT64, ConvertedType::TIMESTAMP_MICROS) => Ok((Reading::Times(1_000_000), date(true))),
        (Physical::INT96, _) => Ok((Reading::Times(1_000), date(false))),
        (Physical::BOOLEAN | Physical::FLOAT | Physical::DOUBLE, _)
        | (
            Physical::INT32,
            ConvertedType::NONE
            | ConvertedType::INT_8
            | ConvertedType::INT_16
            | ConvertedType::INT_32
            | ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32
            | ConvertedType::DECIMAL,
        )
        | (
            Physical::INT64,
            ConvertedType::NONE | ConvertedType::INT_64 | ConvertedType::UINT_64 | ConvertedType::DECIMAL,
        )
        | (
            Physical::BYTE_ARRAY,
            ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON | ConvertedType::DECIMAL,
        )
        | (Physical::FIXED_LEN_BYTE_ARRAY, ConvertedType::DECIMAL) => Ok((Reading::Plain, None)),
        (
            Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY,
            ConvertedType::NONE | ConvertedType::BSON,
        ) => Err("bytes".to_owned()),
        (_, ConvertedType::INTERVAL) => Err("intervals of time".to_owned()),
        (physical, converted) => Err(format!("{physical} as {converted}")),
    }
}

fn push<A: Scalar>(
    builder: &mut Builder<A>,
    row: &Row,
    wanted: &[usize],
    readings: &[Reading],
) -> Result<(), (usize, String)> {
    for (((_, field), &at), &reading) in row.get_column_iter().zip(wanted).zip(readings) {
        if builder.keeps(at) {
            builder.keep(at, &spelled(field));
        }
        let text;
        let cell = match field {
            Field::Null => Cell::Missing,
            Field::Bool(x) => Cell::Text(if *x { "True" } else { "False" }),
            Field::Byte(x) => Cell::Integer((*x).into()),
            Field::Short(x) => Cell::Integer((*x).into()),
            Field::Int(x) => whole(i64::from(*x), reading),
            Field::Long(x) | Field::TimestampMillis(x) | Field::TimestampMicros(x) | Field::TimeMicros(x) => {
                whole(*x, reading)
            }
            Field::UByte(x) => Cell::Integer((*x).into()),
            Field::UShort(x) => Cell::Integer((*x).into()),
            Field::UInt(x) => Cell::Integer((*x).into()),
            Field::ULong(x) => Cell::Integer((*x).into()),
            Field::Float16(x) => Cell::Number(f64::from(x.to_f32())),
            Field::Float(x) => Cell::Number(f64::from(*x)),
            Field::Double(x) => Cell::Number(*x),
            Field::Date(days) => Cell::Number(f64::from(*days)),
            Field::TimeMillis(x) => whole((*x).into(), reading),
            Field::Str(x) => Cell::Text(x.trim()),
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

/// A value in text.
fn spelled(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        _ => field.to_string(),
    }
}

/// A whole number as its column is read.
fn whole(x: i64, reading: Reading) -> Cell<'static> {
    match reading {
        Reading::Plain => Cell::Integer(x.into()),
        Reading::Times(per_second) => Cell::Number(days_since_1970(0, x, per_second)),
    }
}
