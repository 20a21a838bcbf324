//! Columns that are not read but passed on, as the names of the rows are from a table to its predictions.

/// A column as the file has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptColumn {
    /// Its name, or its place from 0 in a file without a header.
    pub name: String,
    /// The text of each cell; empty for a missing value.
    pub cells: Vec<String>,
}

/// Keeps cells while the rows come in.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    /// The places of the columns in the file.
    #[cfg_attr(
        not(any(feature = "csv", feature = "parquet")),
        expect(dead_code, reason = "only these formats have text to keep")
    )]
    places: Vec<usize>,
    columns: Vec<KeptColumn>,
}

impl Keeper {
    /// For the columns at these places.
    pub(super) fn new(places: Vec<usize>, names: &[String]) -> Self {
        let name = |&place: &usize| names.get(place).cloned().unwrap_or_else(|| place.to_string());
        let columns =
            places.iter().map(|place| KeptColumn { name: name(place), cells: Vec::new() }).collect();
        Self { places, columns }
    }

    /// Whether a column of the file is kept.
    #[cfg(any(feature = "csv", feature = "parquet"))]
    pub(super) fn wants(&self, column: usize) -> bool {
        self.places.contains(&column)
    }

    /// Takes the next cell of a column of the file, if it is kept.
    #[cfg(any(feature = "csv", feature = "parquet"))]
    pub(super) fn take(&mut self, column: usize, text: &str) {
        let kept = self.places.iter().zip(&mut self.columns).filter(|&(&place, _)| place == column);
        kept.for_each(|(_, kept)| kept.cells.push(text.to_owned()));
    }

    /// The columns in the order in which they were named.
    pub(super) fn into_columns(self) -> Vec<KeptColumn> {
        self.columns
    }
}
