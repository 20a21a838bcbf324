use serde::{Deserialize, Serialize};

use super::{Column, Impute};

/// The columns that a model was trained on: enough to read another table for it.
///
/// ```
/// use chainrule_datasets::csv::{self, Impute, Options};
///
/// # fn main() -> Result<(), chainrule_datasets::Error> {
/// let text = b"colour,size,fits\nred,1.5,yes\nblue,2.5,no\nred,,no\n";
/// let options = Options { impute: Some(Impute::Mean), ..Options::default() };
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
    /// The target's name, and its place in the file from 0.
    pub target: (String, usize),
    /// How many columns the file had.
    pub width: usize,
    /// Whether the file had a header: then columns are known by their names, else by their places.
    pub named: bool,
    /// How the fillings were found; none where nothing may be missing.
    #[serde(default)]
    pub impute: Option<Impute>,
}

/// A column of features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Its name in the header, or `"x0"`, `"x1"`, ….
    pub name: String,
    /// Its place in the file, from 0.
    pub place: usize,
    /// What its cells are.
    pub kind: Kind,
    /// What stands for a missing cell: a number, or the place of a word.
    #[serde(default)]
    pub fill: Option<f64>,
}

/// What the cells of a column are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Numbers: one input.
    Number,
    /// One of these words: an input for each.
    Category(Vec<String>),
}

impl Kind {
    /// How many inputs of the network the column is.
    pub fn inputs(&self) -> usize {
        match self {
            Kind::Number => 1,
            Kind::Category(words) => words.len(),
        }
    }
}

impl Schema {
    /// How many inputs a network for it has.
    pub fn inputs(&self) -> usize {
        self.features.iter().map(|feature| feature.kind.inputs()).sum()
    }

    /// A name for each input: the column's, for a category with the word.
    pub fn input_names(&self) -> Vec<String> {
        let of_feature = |feature: &Feature| match &feature.kind {
            Kind::Number => vec![feature.name.clone()],
            Kind::Category(words) => words.iter().map(|word| format!("{}={word}", feature.name)).collect(),
        };
        self.features.iter().flat_map(of_feature).collect()
    }

    /// Where the feature stands in a table of so many columns, which are the training data's, or all of them but the target.
    pub(crate) fn place(&self, feature: &Feature, width: usize) -> usize {
        let has_no_target = width + 1 == self.width;
        feature.place - usize::from(has_no_target && feature.place > self.target.1)
    }

    /// Where the target stands in a table with this header.
    pub fn target_column(&self) -> Column {
        if self.named { Column::Name(self.target.0.clone()) } else { Column::Index(self.target.1) }
    }

    /// Checks one that comes from outside.
    ///
    /// # Errors
    /// If a filling is none, or a category has no words.
    pub fn check(&self) -> Result<(), String> {
        for Feature { name, kind, fill, .. } in &self.features {
            let fits = |fill: f64| match kind {
                Kind::Number => fill.is_finite(),
                Kind::Category(words) => fill.fract() == 0.0 && (0.0..words.len() as f64).contains(&fill),
            };
            if kind.inputs() == 0 || !fill.is_none_or(fits) {
                return Err(format!("its column {name:?} has no words, or no sound filling"));
            }
        }
        Ok(())
    }
}
