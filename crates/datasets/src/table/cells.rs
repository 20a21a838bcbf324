//! Cells, and a column of them while the rows of a table come in.

use std::collections::HashMap;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::ArrayViewMut1;

use super::column::{Impute, numbered};
use super::columns::filling;
use super::dialect::USUAL_MISSING;
use super::form::{NumberForm, plain, spelling, too_large};
use super::schema::{ColumnKind, Feature};
use super::unread::looks_like;

/// Different words a category has at most: a column with more holds names or prose.
const MOST_WORDS: usize = 1_000;
/// Rows from which a column of words that nearly all differ is refused, and the part of them that may differ.
const FEWEST_ROWS: usize = 20;
const MOST_DIFFERENT: f64 = 0.8;

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
    /// A whole number in a format with types.
    Integer(i128),
    /// No value.
    #[cfg_attr(
        not(feature = "parquet"),
        expect(dead_code, reason = "only a format with types has empty cells")
    )]
    Missing,
}

/// Whether some programs write this word for a missing value, though it is no default of ours.
pub(crate) fn is_marker(word: &str) -> bool {
    const MARKERS: [&str; 12] =
        ["-", "--", ".", "none", "nil", "missing", "unknown", "#n/a", "#na", "n.a.", "inf", "-inf"];
    MARKERS.iter().any(|marker| word.eq_ignore_ascii_case(marker))
}

/// Whether a text marks a missing value.
pub(crate) fn is_missing(text: &str, words: &[String]) -> bool {
    text.is_empty()
        || words.iter().any(|word| word == text)
        || words.is_empty() && USUAL_MISSING.iter().any(|word| text.eq_ignore_ascii_case(word))
}

impl Cell<'_> {
    pub(super) fn is_missing(&self, words: &[String]) -> bool {
        match self {
            Cell::Text(text) => is_missing(text, words),
            // A word for a missing cell can be a number, as -999 or inf are.
            Cell::Number(x) => x.is_nan() || words.iter().any(|word| word.parse() == Ok(*x)),
            Cell::Integer(n) => words.iter().any(|word| word.parse() == Ok(*n)),
            Cell::Missing => true,
        }
    }
}

/// How missing cells are spelled, and whether they are imputed.
#[derive(Debug, Clone, Default)]
pub(super) struct MissingCells {
    pub(super) words: Vec<String>,
    pub(super) imputed: bool,
}

/// A column of features while the rows come in.
pub(super) struct FeatureCells {
    pub(super) name: String,
    pub(super) place: usize,
    pub(super) cells: Cells,
    pub(super) fill: Option<f64>,
    pub(super) form: NumberForm,
    pub(super) twin: Option<(usize, usize)>,
    pub(super) dates: Dates,
    /// Whether it is a column of a model.
    pub(super) known: bool,
}

/// Whether dates get their cyclic parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dates {
    Numbers,
    WithParts,
    /// As a model has them.
    Model {
        with_time: bool,
    },
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
    /// A column of a model.
    pub(super) fn of_model(feature: &Feature) -> Self {
        let dates = match feature.kind {
            ColumnKind::Date { with_time } => Dates::Model { with_time },
            _ => Dates::Numbers,
        };
        let cells = match &feature.kind {
            ColumnKind::Number | ColumnKind::Date { .. } => Cells::Numbers,
            ColumnKind::Category(words) => {
                let known = words.iter().zip(0..).map(|(word, code)| (word.as_str().into(), code));
                Cells::Words { known: known.collect(), origin: Origin::Model }
            }
        };
        let Feature { name, place, fill, form, twin, .. } = feature.clone();
        Self { name, place, cells, fill, form, twin, dates, known: true }
    }

    /// Takes the next cell: its number, or the code of its word.
    ///
    /// # Errors
    /// What is wrong with it, and the cure.
    pub(super) fn take<A: Scalar>(&mut self, cell: Cell<'_>, missing: &MissingCells) -> Result<f64, String> {
        if cell.is_missing(&missing.words) {
            return if missing.imputed {
                Ok(f64::NAN)
            } else {
                let seen = match cell {
                    Cell::Text(text) if !text.is_empty() => format!("{text:?} is no finite number"),
                    _ => "the cell is empty".to_owned(),
                };
                Err(format!("{seen}: fill it in, drop the row, or train with --impute mean or median"))
            };
        }
        let spelled;
        let (text, number) = match cell {
            Cell::Text(text) => (text, self.form.parse(text)),
            Cell::Number(x) => {
                spelled = x.to_string();
                (spelled.as_str(), Some(x))
            }
            Cell::Integer(n) => {
                spelled = n.to_string();
                (spelled.as_str(), Some(n as f64))
            }
            Cell::Missing => unreachable!("checked above"),
        };
        // Where not all cells are numbers, one that begins as 7e812 is a word.
        let is_number = number.is_some_and(f64::is_finite);
        if matches!(self.cells, Cells::Unknown) {
            self.cells = if is_number { Cells::Numbers } else { Cells::words(Origin::Found) };
        }
        match &mut self.cells {
            Cells::Numbers => {
                let Some(x) = number else { return Err(self.no_number(text)) };
                if A::of(x).is_finite() {
                    Ok(x)
                } else {
                    // A number of a format with types may have hundreds of digits.
                    let short = if matches!(cell, Cell::Text(_)) { text } else { &format!("{x:e}") };
                    Err(too_large::<A>(short, x))
                }
            }
            Cells::Words { known, origin } => {
                if let (Some(word), true) = (known.keys().find(|word| is_marker(word)), is_number)
                    && *origin == Origin::Found
                {
                    return Err(format!(
                        "{text:?} is a number, but {word:?} above it is none: if that marks a missing cell, name it (--missing)"
                    ));
                }
                if *origin == Origin::Found && is_number {
                    return Err(format!(
                        "{text:?} is a number, but the cells above it are words: correct it, or make the column a category (--categorical)"
                    ));
                }
                // Programs write a whole number as 1 or as 1.0.
                let text = if *origin == Origin::Asked { spelling(text) } else { text };
                let code = known.get(text).copied().or_else(|| {
                    let is_new = *origin != Origin::Model;
                    let equal = || known.get(spelling(text)).copied().or_else(|| equal_number(text, known));
                    if is_new { None } else { equal() }
                });
                if let Some(code) = code {
                    return Ok(f64::from(code));
                }
                // Programs spell booleans in capitals or not.
                if *origin == Origin::Model
                    && is_boolean(text)
                    && let Some((_, &code)) = known.iter().find(|(word, _)| word.eq_ignore_ascii_case(text))
                {
                    return Ok(f64::from(code));
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
                Ok(f64::from(code))
            }
            Cells::Unknown => unreachable!("set above"),
        }
    }

    /// What is wrong with a cell among numbers, and the cure.
    fn no_number(&self, text: &str) -> String {
        let form = &self.form;
        if let NumberForm::Date(_) = form {
            return format!(
                "{text:?} is no date in the form of the others: correct it, or name it as a missing cell (--missing, with --impute mean)"
            );
        }
        if is_marker(text) {
            return format!("{text:?} is no number: if it marks a missing cell, name it (--missing)");
        }
        if self.known
            && let Some(example) = form.example(text)
        {
            return format!(
                "{text:?} is no number in the form of the training data ({form}): write it as {example}"
            );
        }
        if self.known {
            return format!(
                "{text:?} is no number in the form of the training data ({form}): correct it, or say how numbers are spelled (--decimal, --thousands)"
            );
        }
        format!(
            "{text:?} is no number, but the cells above it are numbers: correct it, or make the column a category (--categorical)"
        )
    }

    /// Whether every cell is missing.
    pub(super) fn is_empty(&self) -> bool {
        match &self.cells {
            Cells::Unknown => true,
            // The options can ask for a category that has no words.
            Cells::Words { known, .. } => known.is_empty(),
            Cells::Numbers => false,
        }
    }

    /// The column of the schema. Words found in this file get their codes by the alphabet.
    ///
    /// # Errors
    /// If the column has no cell that is not missing, or nearly as many words as rows.
    pub(super) fn finish(
        self,
        impute: Option<Impute>,
        mut column: ArrayViewMut1<'_, f64>,
        named: bool,
    ) -> Result<Feature, String> {
        let is_empty = self.is_empty();
        let Self { name, place, cells, mut fill, form, twin, dates, known: _ } = self;
        let column_in_words = || numbered(place, Some(name.as_str()).filter(|_| named));
        if is_empty {
            return Err(format!("{} has no cell that is not missing", column_in_words()));
        }
        if let Cells::Words { known, origin: Origin::Found } = &cells {
            let (words, rows) = (known.len(), column.len());
            if rows >= FEWEST_ROWS && words as f64 > MOST_DIFFERENT * rows as f64 {
                let shown: Vec<&Box<str>> = known.keys().take(100).collect();
                let says = looks_like(&shown).map_or_else(
                    || "so it names rows and says little else".to_owned(),
                    |looks| format!("which {looks}"),
                );
                let column = column_in_words();
                return Err(format!("{column} has {words} different words in {rows} rows, {says}"));
            }
        }
        let kind = match cells {
            Cells::Unknown | Cells::Numbers => match (dates, &form) {
                (Dates::Model { with_time }, _) => ColumnKind::Date { with_time },
                (Dates::WithParts, NumberForm::Date(form)) if form.has_day() => {
                    ColumnKind::Date { with_time: column.iter().any(|x| !x.is_nan() && x.fract() != 0.0) }
                }
                _ => ColumnKind::Number,
            },
            Cells::Words { known, origin } => {
                let mut words: Vec<(Box<str>, u32)> = known.into_iter().collect();
                if origin == Origin::Model {
                    words.sort_unstable_by_key(|&(_, code)| code);
                } else {
                    words.sort_unstable();
                    let mut code = vec![0.0; words.len()];
                    for (new, &(_, old)) in words.iter().enumerate() {
                        code[old as usize] = new as f64;
                    }
                    column.iter_mut().filter(|x| !x.is_nan()).for_each(|x| *x = code[*x as usize]);
                }
                ColumnKind::Category(words.into_iter().map(|(word, _)| word.into()).collect())
            }
        };
        if let (None, Some(impute)) = (fill, impute) {
            fill = filling(&kind, impute, &column.view());
        }
        Ok(Feature { name, place, kind, fill, form, twin })
    }
}

/// The code of the only word that is the same number.
fn equal_number(text: &str, known: &HashMap<Box<str>, u32>) -> Option<u32> {
    let x = plain(text)?;
    let mut equal = known.iter().filter(|(word, _)| plain(word) == Some(x));
    equal.next().filter(|_| equal.next().is_none()).map(|(_, &code)| code)
}

/// Whether a text is `true` or `false`, in any case.
fn is_boolean(text: &str) -> bool {
    text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
}

/// A list for a message, which stays on one line.
pub(crate) fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(", …");
    }
    text
}
