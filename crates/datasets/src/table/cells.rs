//! Cells, and a column of them while the rows of a table come in.

use std::collections::HashMap;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::ArrayViewMut1;

use super::column::Impute;
use super::columns::filling;
use super::schema::{ColumnKind, Feature};

/// Different words a category has at most: a column with more holds names or prose.
const MOST_WORDS: usize = 1_000;

/// A cell of a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Text, which may be a number, a word, or a marker for a missing value.
    #[cfg_attr(
        not(any(feature = "csv", feature = "parquet")),
        expect(dead_code, reason = "only these formats have text")
    )]
    Text(&'a str),
    /// A number in a format with types; NaN is missing.
    Number(f64),
    /// No value.
    #[cfg_attr(
        not(feature = "parquet"),
        expect(dead_code, reason = "only a format with types has empty cells")
    )]
    Missing,
}

/// Whether a text marks a missing value.
pub(crate) fn is_missing(text: &str) -> bool {
    text.is_empty() || ["?", "na", "n/a", "nan", "null"].iter().any(|sign| text.eq_ignore_ascii_case(sign))
}

impl Cell<'_> {
    pub(super) fn is_missing(&self) -> bool {
        match self {
            Cell::Text(text) => is_missing(text),
            Cell::Number(x) => x.is_nan(),
            Cell::Missing => true,
        }
    }
}

/// A column of features while the rows come in.
pub(super) struct FeatureCells {
    pub(super) name: String,
    pub(super) place: usize,
    pub(super) cells: Cells,
    pub(super) fill: Option<f64>,
}

pub(super) enum Cells {
    /// No cell so far.
    Unknown,
    Numbers,
    /// The codes of the words, in order of appearance.
    Words {
        known: HashMap<Box<str>, u32>,
        origin: Origin,
    },
}

/// Why a column holds words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Its first cell is a word, so all must be.
    Found,
    /// The options say so, and a number is a word too.
    Asked,
    /// A model was trained on these words and knows no others.
    Model,
}

impl Cells {
    pub(super) fn words(origin: Origin) -> Self {
        Cells::Words { known: HashMap::new(), origin }
    }
}

impl FeatureCells {
    /// Takes the next cell: its number, or the code of its word.
    ///
    /// # Errors
    /// What is wrong with it, and the cure.
    pub(super) fn take<A: Scalar>(&mut self, cell: Cell<'_>, impute: bool) -> Result<A, String> {
        if cell.is_missing() {
            return if impute {
                Ok(A::of(f64::NAN))
            } else {
                let seen = match cell {
                    Cell::Text(text) if !text.is_empty() => format!("{text:?} is no finite number"),
                    _ => "the cell is empty".to_owned(),
                };
                Err(format!("{seen}: fill it in, drop the row, or impute it (--impute mean or median)"))
            };
        }
        let spelled;
        let (text, number) = match cell {
            Cell::Text(text) => (text, text.parse::<f64>().ok()),
            Cell::Number(x) => {
                spelled = x.to_string();
                (spelled.as_str(), Some(x))
            }
            Cell::Missing => unreachable!("checked above"),
        };
        if matches!(self.cells, Cells::Unknown) {
            self.cells = if number.is_some() { Cells::Numbers } else { Cells::words(Origin::Found) };
        }
        match &mut self.cells {
            Cells::Numbers => {
                let x = number.map(A::of).ok_or_else(|| {
                    format!("{text:?} is no number, but the cells above it are numbers: correct it, or make the column a category (--categorical)")
                })?;
                if x.is_finite() {
                    Ok(x)
                } else {
                    Err(format!("{text:?} is no finite {}: correct it or drop the row", A::NAME))
                }
            }
            Cells::Words { known, origin } => {
                if *origin == Origin::Found && number.is_some() {
                    return Err(format!(
                        "{text:?} is a number, but the cells above it are words: correct it, or make the column a category (--categorical)"
                    ));
                }
                if let Some(&code) = known.get(text) {
                    return Ok(A::of(f64::from(code)));
                }
                if *origin == Origin::Model {
                    let mut words: Vec<String> = known.keys().map(ToString::to_string).collect();
                    words.sort_unstable();
                    return Err(format!(
                        "{text:?} is not one of the words that the model knows: {}",
                        shortened(&words)
                    ));
                }
                if known.len() == MOST_WORDS {
                    return Err(format!(
                        "{text:?} is one more than {MOST_WORDS} different words: leave the column out (--drop)"
                    ));
                }
                let code = known.len() as u32;
                known.insert(text.into(), code);
                Ok(A::of(f64::from(code)))
            }
            Cells::Unknown => unreachable!("set above"),
        }
    }

    /// The column of the schema. Words found in this file get their codes by the alphabet.
    ///
    /// # Errors
    /// If the column has no cell that is not missing.
    pub(super) fn finish<A: Scalar>(
        self,
        impute: Option<Impute>,
        mut column: ArrayViewMut1<'_, A>,
    ) -> Result<Feature, String> {
        let Self { name, place, cells, mut fill } = self;
        let is_empty = match &cells {
            Cells::Unknown => true,
            // The options can ask for a category that has no words.
            Cells::Words { known, .. } => known.is_empty(),
            Cells::Numbers => false,
        };
        if is_empty {
            return Err(format!("column {} ({name}) has no cell that is not missing", place + 1));
        }
        let kind = match cells {
            Cells::Unknown | Cells::Numbers => ColumnKind::Number,
            Cells::Words { known, origin } => {
                let mut words: Vec<(Box<str>, u32)> = known.into_iter().collect();
                if origin == Origin::Model {
                    words.sort_unstable_by_key(|&(_, code)| code);
                } else {
                    words.sort_unstable();
                    let mut code = vec![A::zero(); words.len()];
                    for (new, &(_, old)) in words.iter().enumerate() {
                        code[old as usize] = A::of(new as f64);
                    }
                    column.iter_mut().filter(|x| !x.is_nan()).for_each(|x| *x = code[x.as_f64() as usize]);
                }
                ColumnKind::Category(words.into_iter().map(|(word, _)| word.into()).collect())
            }
        };
        if let (None, Some(impute)) = (fill, impute) {
            fill = filling(&kind, impute, &column.view());
        }
        Ok(Feature { name, place, kind, fill })
    }
}

/// A list for a message, which stays on one line.
pub(super) fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(", …");
    }
    text
}
