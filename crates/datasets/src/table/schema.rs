use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::column::{Column, Impute, TargetColumns, numbered};
use super::date_parts;
use super::dialect::{Dialect, USUAL_MISSING};
use super::form::NumberForm;

/// The columns that a model was trained on: enough to read another table for it.
///
#[cfg_attr(feature = "csv", doc = "```")]
#[cfg_attr(not(feature = "csv"), doc = "```ignore")]
/// use chainrule_datasets::{Impute, ReadOptions, TableOptions, csv};
///
/// # fn main() -> Result<(), chainrule_datasets::Error> {
/// let text = b"colour,size,fits\nred,1.5,yes\nblue,2.5,no\nred,,no\n";
/// let table = TableOptions { impute: Some(Impute::Mean), ..TableOptions::default() };
/// let options = ReadOptions { table, ..ReadOptions::default() };
/// let data = csv::decode::<f64>(text, "hats.csv".as_ref(), &options)?;
/// let schema = data.schema().unwrap();
/// assert_eq!(schema.inputs(), 3);
/// assert_eq!(schema.input_names(), ["colour=blue", "colour=red", "size"]);
/// assert_eq!(schema.features[1].fill, Some(2.0));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "StoredSchema")]
pub struct Schema {
    /// The features, in the order of the network's inputs.
    pub features: Vec<Feature>,
    /// The target columns; none if the file was read without them.
    pub targets: Vec<SchemaTarget>,
    /// The number of columns of the file.
    pub width: usize,
    /// Whether the file had a header: then columns are matched by name, else by position.
    pub named: bool,
    /// How missing cells are imputed; `None` if a missing cell is an error.
    pub impute: Option<Impute>,
    /// The dialect of the file, if it was a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
}

/// A target column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaTarget {
    /// Its name in the header, or `"y"`, or `"y0"`, `"y1"`, ….
    pub name: String,
    /// Its position in the file, from 0.
    pub place: usize,
    /// How its cells spell numbers.
    #[serde(default, skip_serializing_if = "NumberForm::is_plain")]
    pub form: NumberForm,
}

/// A schema as a file holds it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSchema {
    features: Vec<Feature>,
    #[serde(default)]
    targets: Vec<SchemaTarget>,
    width: usize,
    named: bool,
    #[serde(default)]
    impute: Option<Impute>,
    #[serde(default)]
    dialect: Option<Dialect>,
    /// Name and position of the only target, in files of earlier versions.
    #[serde(default)]
    target: Option<(String, usize)>,
    #[serde(default)]
    target_form: NumberForm,
}

impl From<StoredSchema> for Schema {
    fn from(stored: StoredSchema) -> Self {
        let StoredSchema { features, mut targets, width, named, impute, dialect, target, target_form } =
            stored;
        targets.extend(target.map(|(name, place)| SchemaTarget { name, place, form: target_form }));
        Self { features, targets, width, named, impute, dialect }
    }
}

/// A column of features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Its name in the header, or `"x0"`, `"x1"`, ….
    pub name: String,
    /// Its position in the file, from 0.
    pub place: usize,
    /// The kind of its cells.
    pub kind: ColumnKind,
    /// The imputed value: a number, or the code of a word.
    #[serde(default)]
    pub fill: Option<f64>,
    /// How its cells spell numbers.
    #[serde(default, skip_serializing_if = "NumberForm::is_plain")]
    pub form: NumberForm,
    /// Which of how many columns with this name it is, if there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin: Option<(usize, usize)>,
}

/// The kind of the cells of a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnKind {
    /// Numbers: one input.
    Number,
    /// One of these words: one input per word.
    Category(Vec<String>),
    /// Dates with their cyclic parts: the days, and sine and cosine of the time of day, the day of the week and the day of the year.
    Date {
        /// Whether the dates have times; else that part is left out.
        with_time: bool,
    },
}

impl Schema {
    /// The names that several columns share which are features or targets, each with the positions of these columns, from 0.
    ///
    #[cfg_attr(feature = "csv", doc = "```")]
    #[cfg_attr(not(feature = "csv"), doc = "```ignore")]
    /// use chainrule_datasets::{ReadOptions, csv};
    ///
    /// # fn main() -> Result<(), chainrule_datasets::Error> {
    /// let data = csv::decode::<f32>(b"a,b,a,k\n1,2,3,0\n4,5,6,1\n", "t.csv".as_ref(), &ReadOptions::default())?;
    /// assert_eq!(data.schema().unwrap().twins(), [("a", vec![0, 2])]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn twins(&self) -> Vec<(&str, Vec<usize>)> {
        let features = self.features.iter().map(|feature| (feature.name.as_str(), feature.place));
        let targets = self.targets.iter().map(|target| (target.name.as_str(), target.place));
        let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (name, place) in features.chain(targets).filter(|_| self.named) {
            places.entry(name).or_default().push(place);
        }
        let mut twins: Vec<_> = places.into_iter().filter(|(_, places)| places.len() > 1).collect();
        for (_, places) in &mut twins {
            places.sort_unstable();
        }
        twins.sort_by_key(|(_, places)| places[0]);
        twins
    }
}

impl Feature {
    /// A cell of the column as its file spells it: a word, a date, or a number with its currency or per cent sign; a missing one, NaN, with
    /// the value that is imputed.
    ///
    #[cfg_attr(feature = "csv", doc = "```")]
    #[cfg_attr(not(feature = "csv"), doc = "```ignore")]
    /// use chainrule_datasets::{Features, Impute, ReadOptions, csv};
    ///
    /// # fn main() -> Result<(), chainrule_datasets::Error> {
    /// let mut options = ReadOptions::default();
    /// options.table.impute = Some(Impute::Mean);
    /// let table = b"colour,on,price,y\nred,2024-03-01,5 %,1\nblue,2024-03-02,,2\n";
    /// let data = csv::decode::<f64>(table, "hats.csv".as_ref(), &options)?;
    /// let Features::Columns(columns) = data.features() else { unreachable!() };
    /// let spelled = |row: usize| -> Vec<String> {
    ///     let cells = columns.cells(row).into_iter();
    ///     columns.schema().features.iter().zip(cells).map(|(feature, x)| feature.spelled(x)).collect()
    /// };
    /// assert_eq!(spelled(0), ["red", "2024-03-01", "5 %"]);
    /// assert_eq!(spelled(1), ["blue", "2024-03-02", "missing, taken as 5 %"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn spelled(&self, x: f64) -> String {
        if x.is_nan() {
            let Some(fill) = self.fill.filter(|fill| !fill.is_nan()) else { return "missing".to_owned() };
            // A mean has more digits than anyone reads, and a date has none to lose.
            let is_mean = !matches!(self.form, NumberForm::Date(_)) && fill.fract() != 0.0;
            let shown = format!("{fill:.5e}").parse().ok().filter(|_| is_mean).unwrap_or(fill);
            return format!("missing, taken as {}", self.spelled(shown));
        }
        match (&self.kind, &self.form) {
            (ColumnKind::Category(words), _) => words.get(x as usize).cloned().unwrap_or_default(),
            (ColumnKind::Date { with_time: false }, NumberForm::Date(form)) => form.spelled(x.floor()),
            (_, form) => form.spelled(x),
        }
    }

    /// The parts of a date that are inputs too, in words; `None` of a column without them, or a missing cell.
    ///
    #[cfg_attr(feature = "csv", doc = "```")]
    #[cfg_attr(not(feature = "csv"), doc = "```ignore")]
    /// use chainrule_datasets::{Features, ReadOptions, csv};
    ///
    /// # fn main() -> Result<(), chainrule_datasets::Error> {
    /// let mut options = ReadOptions::default();
    /// options.table.date_parts = true;
    /// let data = csv::decode::<f64>(b"on,y\n2024-03-01,1\n2024-03-02,2\n", "hats.csv".as_ref(), &options)?;
    /// let Features::Columns(columns) = data.features() else { unreachable!() };
    /// let parts = columns.schema().features[0].date_parts(columns.cells(0)[0]);
    /// assert_eq!(parts.as_deref(), Some("Friday, day 61 of 366"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn date_parts(&self, x: f64) -> Option<String> {
        let ColumnKind::Date { .. } = self.kind else { return None };
        let x = if x.is_nan() { self.fill? } else { x };
        Some(date_parts::in_words(x))
    }
}

impl ColumnKind {
    /// The number of inputs that the column becomes.
    pub fn inputs(&self) -> usize {
        match self {
            ColumnKind::Number => 1,
            ColumnKind::Category(words) => words.len(),
            ColumnKind::Date { with_time } => date_parts::inputs(*with_time),
        }
    }
}

impl Schema {
    /// The number of inputs of a network for this table.
    pub fn inputs(&self) -> usize {
        self.features.iter().map(|feature| feature.kind.inputs()).sum()
    }

    /// Whether a column is dates with their cyclic parts.
    pub fn has_date_parts(&self) -> bool {
        self.features.iter().any(|feature| matches!(feature.kind, ColumnKind::Date { .. }))
    }

    /// The name of each input: that of the column, for a category followed by the word, for a part of a date by the part.
    pub fn input_names(&self) -> Vec<String> {
        let of_feature = |feature: &Feature| match &feature.kind {
            ColumnKind::Number => vec![feature.name.clone()],
            ColumnKind::Category(words) => {
                words.iter().map(|word| format!("{}={word}", feature.name)).collect()
            }
            ColumnKind::Date { with_time } => date_parts::names(&feature.name, *with_time),
        };
        self.features.iter().flat_map(of_feature).collect()
    }

    /// A line for each column whose numbers are spelled in another form than in the training data of a model; of a table that was read for
    /// this model.
    pub fn forms_unlike(&self, model: &Schema) -> Vec<String> {
        let features =
            self.features.iter().zip(&model.features).map(|(a, b)| (&a.name, a.place, &a.form, &b.form));
        let targets =
            self.targets.iter().zip(&model.targets).map(|(a, b)| (&a.name, a.place, &a.form, &b.form));
        let unlike = features.chain(targets).filter(|(.., new, old)| new != old);
        let numbers = |form: &NumberForm| match form.to_string() {
            form if form == "plain" => "plain numbers".to_owned(),
            form => format!("numbers with {form}"),
        };
        let line = |(name, place, new, old): (&String, usize, &NumberForm, &NumberForm)| {
            let (new, old, name) = (numbers(new), numbers(old), Some(name.as_str()).filter(|_| self.named));
            format!("{}: read as {new}; the training data has {old}", numbered(place, name))
        };
        unlike.map(line).collect()
    }

    /// Every text that a cell of a table of text has where it is missing: none, and the words of the dialect, or the usual ones in any case.
    pub fn missing_texts(&self) -> Vec<String> {
        let mut texts = vec![String::new()];
        match &self.dialect {
            Some(dialect) if !dialect.missing.is_empty() => texts.extend(dialect.missing.iter().cloned()),
            _ => texts.extend(USUAL_MISSING.iter().flat_map(|word| in_any_case(word))),
        }
        texts
    }

    /// Whether a table of this width has the columns of the training data, or all of them except the targets.
    pub(crate) fn fits(&self, width: usize) -> bool {
        width == self.width || width + self.targets.len() == self.width
    }

    /// The position of the feature in a table that [`fits`](Self::fits).
    pub(crate) fn place(&self, feature: &Feature, width: usize) -> usize {
        let before = self.targets.iter().filter(|target| target.place < feature.place).count();
        feature.place - if width == self.width { 0 } else { before }
    }

    /// The target columns of a table with these columns.
    pub fn target_columns(&self) -> TargetColumns {
        let column = |target: &SchemaTarget| {
            if self.named { Column::Name(target.name.clone()) } else { Column::Index(target.place) }
        };
        self.targets.iter().map(column).collect::<Vec<_>>().into()
    }

    /// Checks a schema that was read from a file.
    ///
    /// # Errors
    /// If an imputed value does not fit its column, or a category has no words.
    pub fn check(&self) -> Result<(), String> {
        for Feature { name, kind, fill, .. } in &self.features {
            let fits = |fill: f64| match kind {
                ColumnKind::Number | ColumnKind::Date { .. } => fill.is_finite(),
                ColumnKind::Category(words) => {
                    fill.fract() == 0.0 && (0.0..words.len() as f64).contains(&fill)
                }
            };
            if kind.inputs() == 0 || !fill.is_none_or(fits) {
                return Err(format!("its column {name:?} has no words, or an impossible imputed value"));
            }
        }
        Ok(())
    }
}

/// A word with each letter small or large.
fn in_any_case(word: &str) -> Vec<String> {
    word.chars().fold(vec![String::new()], |texts, letter| {
        let (small, large) = (letter.to_ascii_lowercase(), letter.to_ascii_uppercase());
        let letters = if small == large { vec![small] } else { vec![small, large] };
        texts.iter().flat_map(|text| letters.iter().map(move |letter| format!("{text}{letter}"))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::cells::is_missing;

    #[test]
    fn the_texts_of_missing_cells_are_those_that_are_read_as_missing() {
        let own = Dialect { missing: vec!["none".to_owned()], ..Dialect::default() };
        for dialect in [None, Some(Dialect::default()), Some(own)] {
            let words = dialect.as_ref().map_or_else(Vec::new, |dialect| dialect.missing.clone());
            let schema = Schema {
                features: Vec::new(),
                targets: Vec::new(),
                width: 0,
                named: true,
                impute: None,
                dialect,
            };
            let texts = schema.missing_texts();
            assert!(texts.iter().all(|text| is_missing(text, &words)), "{texts:?}");
            assert_eq!(texts.contains(&"none".to_owned()), !words.is_empty());
            assert_eq!(texts.len(), if words.is_empty() { 1 + 1 + 4 + 4 + 8 + 16 } else { 2 });
        }
    }
}
