//! One row of a table, as somebody types it.

use std::path::Path;
use std::sync::Arc;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::Array2;

use super::records::{Records, Syntax};
use crate::error::Error;
use crate::summary::counted;
use crate::table::cells::{Cell, FeatureCells, MissingCells, is_missing};
use crate::table::column::numbered;
use crate::table::columns::Columns;
use crate::table::schema::{ColumnKind, Feature, Schema};

/// Reads the cells of one row for the model with this schema, in the order of its file: the features alone, or all columns with or without
/// the targets. They are separated as in the training data or, where that delimiter is not in the text, by commas. `path` is used in
/// messages.
///
/// # Errors
/// If their number is another, or a cell is not what its column has; with the column.
///
/// ```
/// use chainrule_datasets::{ReadOptions, csv};
///
/// # fn main() -> Result<(), chainrule_datasets::Error> {
/// let table = b"hue;size;fits\nred;1,5;1\nblue;2,5;0\n";
/// let train = csv::decode::<f32>(table, "hats.csv".as_ref(), &ReadOptions::default())?;
/// let schema = train.schema().unwrap();
/// let row = csv::decode_row::<f32>("blue; 0,1", "--input".as_ref(), schema)?;
/// assert_eq!(row.cells(0), [0.0, 0.1]);
/// let error = csv::decode_row::<f32>("green;1", "--input".as_ref(), schema).unwrap_err().to_string();
/// assert!(error.starts_with("--input, column 1 (hue): \"green\" is not one of the words"), "{error}");
/// # Ok(())
/// # }
/// ```
pub fn decode_row<A: Scalar>(text: &str, path: &Path, schema: &Schema) -> Result<Columns, Error> {
    let cells = split(text, path, schema)?;
    let places = places(schema, cells.len()).ok_or_else(|| {
        let names: Vec<&str> = schema.features.iter().map(|feature| feature.name.as_str()).collect();
        let (found, needed) = (counted(cells.len(), "cell"), counted(names.len(), "column"));
        let fault = format!("{found}, but the model has {needed} ({})", names.join(", "));
        Error::format(path, fault, "give a cell for each of them")
    })?;
    let dialect = schema.dialect.as_ref();
    let missing = MissingCells {
        words: dialect.map_or_else(Vec::new, |dialect| dialect.missing.clone()),
        imputed: schema.impute.is_some(),
    };
    let take = |(feature, place): (&Feature, usize)| {
        let cell = cells[place].as_str();
        let number = match feature.kind {
            ColumnKind::Number | ColumnKind::Date { .. }
                if !is_missing(cell, &missing.words) && feature.form.parse(cell).is_none() =>
            {
                // The forms of a file can be given by options; this is no file.
                let form = &feature.form;
                Err(format!(
                    "{cell:?} is no number as the training data has them ({form}): write it in that form"
                ))
            }
            _ => FeatureCells::of_model(feature).take::<A>(Cell::Text(cell), &missing),
        };
        number.map_err(|fault| {
            let column = numbered(place, Some(feature.name.as_str()).filter(|_| schema.named));
            Error::data(format!("{}, {column}", path.display()), fault)
        })
    };
    let row: Vec<f64> = schema.features.iter().zip(places).map(take).collect::<Result<_, _>>()?;
    let x = Array2::from_shape_vec((1, row.len()), row).expect("a cell for each feature");
    Ok(Columns { x, schema: Arc::new(schema.clone()) })
}

/// The cells of the row.
fn split(text: &str, path: &Path, schema: &Schema) -> Result<Vec<String>, Error> {
    let own = schema.dialect.as_ref().map(|dialect| dialect.delimiter);
    // Blanks may follow commas too.
    let separates = |own: &char| text.contains(*own) && !(*own == ' ' && text.contains(','));
    let delimiter = own.filter(separates).and_then(|own| u8::try_from(own).ok());
    let syntax = Syntax { delimiter: delimiter.unwrap_or(b','), comment: None };
    let mut records = Records::new(text.as_bytes(), syntax, 0);
    let mut cells = Vec::new();
    // An empty text is one empty cell.
    while records.begin().is_some() {
        let row = records.whole(usize::MAX).map_err(|fault| fault.into_error(path))?;
        if !cells.is_empty() {
            return Err(Error::format(path, "several rows", "give one row"));
        }
        cells.extend(row.into_iter().flatten().map(|cell| cell.text.into_owned()));
    }
    Ok(if cells.is_empty() { vec![String::new()] } else { cells })
}

/// The index of each feature's cell in a row of this length; `None` if the row has neither a cell for each feature nor one for each column
/// of the file.
fn places(schema: &Schema, cells: usize) -> Option<Vec<usize>> {
    let features = &schema.features;
    if cells == features.len() {
        let before = |feature: &Feature| features.iter().filter(|other| other.place < feature.place).count();
        return Some(features.iter().map(before).collect());
    }
    schema.fits(cells).then(|| features.iter().map(|feature| schema.place(feature, cells)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::ReadOptions;
    use crate::table::column::{Column, Impute};
    use crate::table::csv;

    #[test]
    fn a_typed_row_is_the_row_of_the_file() {
        let table = b"id,colour,on,price,y\n1,red,2024-03-01,5 %,1\n2,\"blue, dark\",2024-03-02,7 %,2\n3,red,2024-03-03,,1\n";
        let mut options = ReadOptions::default();
        options.table.impute = Some(Impute::Mean);
        options.table.drop = vec![Column::Name("id".to_owned())];
        let data = csv::decode::<f64>(table, "t.csv".as_ref(), &options).unwrap();
        let schema = data.schema().unwrap();
        let row = |text: &str| decode_row::<f64>(text, "--input".as_ref(), schema).map(|row| row.cells(0));
        let whole = row("2,\"blue, dark\",2024-03-02,7 %,2").unwrap();
        assert_eq!(whole[0], 0.0);
        assert_eq!(whole[2], 7.0);
        // Without the target, and the features alone.
        assert_eq!(row("2,\"blue, dark\",2024-03-02,7 %").unwrap(), whole);
        assert_eq!(row("\"blue, dark\", 2024-03-02, 7 %").unwrap(), whole);
        assert!(row("red,2024-03-02,").unwrap()[2].is_nan());
        for (text, words) in [
            ("red,2024-03-02", "2 cells, but the model has 3 columns (colour, on, price)"),
            ("red,2024-03-02,x", "column 3 (price)"),
            ("red,soon,5 %", "column 2 (on)"),
            ("", "1 cell, but"),
        ] {
            let error = row(text).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
