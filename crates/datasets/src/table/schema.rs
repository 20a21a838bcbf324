use serde::{Deserialize, Serialize};

use super::column::{Column, Impute};
use super::dialect::Dialect;
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
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The features, in the order of the network's inputs.
    pub features: Vec<Feature>,
    /// The name of the target, and its position in the file from 0.
    pub target: (String, usize),
    /// The number of columns of the file.
    pub width: usize,
    /// Whether the file had a header: then columns are matched by name, else by position.
    pub named: bool,
    /// How missing cells are imputed; `None` if a missing cell is an error.
    #[serde(default)]
    pub impute: Option<Impute>,
    /// The dialect of the file, if it was a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
    /// How the target spells numbers.
    #[serde(default, skip_serializing_if = "NumberForm::is_plain")]
    pub target_form: NumberForm,
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
}

impl ColumnKind {
    /// The number of inputs that the column becomes.
    pub fn inputs(&self) -> usize {
        match self {
            ColumnKind::Number => 1,
            ColumnKind::Category(words) => words.len(),
        }
    }
}

impl Schema {
    /// The number of inputs of a network for this table.
    pub fn inputs(&self) -> usize {
        self.features.iter().map(|feature| feature.kind.inputs()).sum()
    }

    /// The name of each input: that of the column, for a category followed by the word.
    pub fn input_names(&self) -> Vec<String> {
        let of_feature = |feature: &Feature| match &feature.kind {
            ColumnKind::Number => vec![feature.name.clone()],
            ColumnKind::Category(words) => {
                words.iter().map(|word| format!("{}={word}", feature.name)).collect()
            }
        };
        self.features.iter().flat_map(of_feature).collect()
    }

    /// The position of the feature in a table with the columns of the training data, or with all of them except the target.
    pub(crate) fn place(&self, feature: &Feature, width: usize) -> usize {
        let has_no_target = width + 1 == self.width;
        feature.place - usize::from(has_no_target && feature.place > self.target.1)
    }

    /// The target column of a table with these columns.
    pub fn target_column(&self) -> Column {
        if self.named { Column::Name(self.target.0.clone()) } else { Column::Index(self.target.1) }
    }

    /// Checks a schema that was read from a file.
    ///
    /// # Errors
    /// If an imputed value does not fit its column, or a category has no words.
    pub fn check(&self) -> Result<(), String> {
        for Feature { name, kind, fill, .. } in &self.features {
            let fits = |fill: f64| match kind {
                ColumnKind::Number => fill.is_finite(),
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
