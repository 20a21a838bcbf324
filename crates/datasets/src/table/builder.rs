use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::Array2;

use super::coded::{Coded, filling};
use super::{Column, Feature, Kind, MOST_COLUMNS, MOST_WORDS, Options, Schema};
use crate::labels::Labels;
use crate::{Dataset, Error, Features};

/// What stands in a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Text, which may be a number, a word, or a sign that something is missing.
    Text(&'a str),
    /// A number, of a format that has numbers; NaN is missing.
    Number(f64),
    /// Nothing.
    #[cfg_attr(
        not(feature = "parquet"),
        expect(dead_code, reason = "only a format with types has empty cells")
    )]
    Missing,
}

/// Whether a text says that its cell is missing.
pub(crate) fn is_missing(text: &str) -> bool {
    text.is_empty() || ["?", "na", "n/a", "nan", "null"].iter().any(|sign| text.eq_ignore_ascii_case(sign))
}

impl Cell<'_> {
    fn is_missing(&self) -> bool {
        match self {
            Cell::Text(text) => is_missing(text),
            Cell::Number(x) => x.is_nan(),
            Cell::Missing => true,
        }
    }
}

/// Cells of any format, row by row, on their way to a data set.
pub(crate) struct Builder<A> {
    /// What each column of the file is.
    roles: Vec<Role>,
    columns: Vec<Growing>,
    x: Vec<A>,
    /// The row under way: a file may have its columns in another order than the model.
    row: Vec<A>,
    target: Option<Labels<A>>,
    target_at: (String, usize),
    named: bool,
    /// Whether a cell may be missing.
    lenient: bool,
    impute: Option<super::Impute>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Feature(usize),
    Target,
    Ignored,
}

/// A column of features while its rows come in.
struct Growing {
    name: String,
    place: usize,
    cells: Cells,
    fill: Option<f64>,
}

enum Cells {
    /// None has come yet.
    Unknown,
    Numbers,
    /// The places of words as they came.
    Words {
        known: HashMap<Box<str>, u32>,
        origin: Origin,
    },
}

/// Why a column is one of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Its first cell is one, and so must be the others.
    Found,
    /// It was asked for, so that a number is a word too.
    Asked,
    /// A model knows it so, and no other words.
    Model,
}

impl Cells {
    fn words(origin: Origin) -> Self {
        Cells::Words { known: HashMap::new(), origin }
    }
}

impl<A: Scalar> Builder<A> {
    /// For a file with so many columns, of these names if it has a header; with a target, or features alone.
    pub(crate) fn new(
        path: &Path,
        names: &[String],
        width: usize,
        target: bool,
        options: &Options,
    ) -> Result<Self, Error> {
        if width > MOST_COLUMNS {
            let fault = format!("it has {width} columns, and a table has at most {MOST_COLUMNS}");
            return Err(Error::format(path, fault, "save wide data as .npy"));
        }
        let find = |column: &Column| {
            column.find(names, width).ok_or_else(|| {
                let among = if names.is_empty() {
                    format!("{width} columns without names")
                } else {
                    shortened(names)
                };
                let fault = format!("there is no column {column} among {among}");
                Error::format(path, fault, "name one of these, or count from 0")
            })
        };
        let target_at = if target { Some(find(&options.target)?) } else { None };
        let mut builder = Self {
            roles: vec![Role::Ignored; width],
            columns: Vec::new(),
            x: Vec::new(),
            row: Vec::new(),
            target: target.then(|| Labels::new(options.task, &options.classes)),
            target_at: target_at.map_or_else(
                || (String::new(), width),
                |at| (names.get(at).cloned().unwrap_or_else(|| "y".to_owned()), at),
            ),
            named: !names.is_empty() && all_differ(names),
            lenient: options.impute.is_some(),
            impute: options.impute,
        };
        if let Some(at) = target_at {
            builder.roles[at] = Role::Target;
        }
        if let Some(schema) = &options.schema {
            builder.take_schema(schema, path, names, width)?;
        } else {
            let mark = |columns: &[Column]| {
                let mut marked = vec![false; width];
                columns.iter().try_for_each(|column| find(column).map(|at| marked[at] = true))?;
                Ok::<_, Error>(marked)
            };
            let (ignored, asked) = (mark(&options.ignored)?, mark(&options.categories)?);
            let places = (0..width).filter(|&i| Some(i) != target_at && !ignored[i]);
            for (at, place) in places.enumerate() {
                builder.roles[place] = Role::Feature(at);
                let name = names.get(place).cloned().unwrap_or_else(|| format!("x{at}"));
                let cells = if asked[place] { Cells::words(Origin::Asked) } else { Cells::Unknown };
                builder.columns.push(Growing { name, place, cells, fill: None });
            }
        }
        if builder.columns.is_empty() {
            let fault = format!("its rows have {width} cells, so there is no feature beside the target");
            return Err(Error::format(path, fault, "check the delimiter"));
        }
        builder.row = vec![A::zero(); builder.columns.len()];
        Ok(builder)
    }

    /// The columns of a model, found by their names where both have names, else by their places.
    fn take_schema(
        &mut self,
        schema: &Schema,
        path: &Path,
        names: &[String],
        width: usize,
    ) -> Result<(), Error> {
        let by_name = self.named && schema.named;
        if !by_name && width + 1 != schema.width && width != schema.width {
            let fault = format!("it has {width} columns, the training data {}", schema.width);
            return Err(Error::format(path, fault, "leave out none but the target, or give both a header"));
        }
        for (at, feature) in schema.features.iter().enumerate() {
            let place = if by_name {
                names.iter().position(|name| *name == feature.name)
            } else {
                Some(schema.place(feature, width)).filter(|&place| place < width)
            };
            let Some(place) = place else {
                let fault = format!("it has no column {:?}, which the model was trained on", feature.name);
                return Err(Error::format(path, fault, "give it the columns of the training data"));
            };
            self.roles[place] = Role::Feature(at);
            let cells = match &feature.kind {
                Kind::Number => Cells::Numbers,
                Kind::Category(words) => {
                    let known = words.iter().zip(0..).map(|(word, code)| (word.as_str().into(), code));
                    Cells::Words { known: known.collect(), origin: Origin::Model }
                }
            };
            let (name, place) = (feature.name.clone(), feature.place);
            self.columns.push(Growing { name, place, cells, fill: feature.fill });
        }
        self.impute = schema.impute;
        self.lenient = schema.impute.is_some();
        Ok(())
    }

    /// Takes the next cell; `column` is its place in the file.
    ///
    /// # Errors
    /// What is wrong with it, and the cure.
    pub(crate) fn cell(&mut self, column: usize, cell: Cell<'_>) -> Result<(), String> {
        match self.roles[column] {
            Role::Ignored => Ok(()),
            Role::Feature(at) => {
                self.row[at] = self.feature(at, cell)?;
                Ok(())
            }
            Role::Target => {
                let target = self.target.as_mut().expect("it has a place");
                match cell {
                    _ if cell.is_missing() => Err(match cell {
                        Cell::Text(text) if !text.is_empty() => {
                            format!("{text:?} is no target: correct it or drop the row")
                        }
                        _ => "the cell is empty, and it is the target: fill it in or drop the row".to_owned(),
                    }),
                    Cell::Text(text) => target.push(text),
                    Cell::Number(x) => target.push_number(x),
                    Cell::Missing => unreachable!("just asked"),
                }
            }
        }
    }

    fn feature(&mut self, at: usize, cell: Cell<'_>) -> Result<A, String> {
        if cell.is_missing() {
            return if self.lenient {
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
            Cell::Missing => unreachable!("just asked"),
        };
        let growing = &mut self.columns[at];
        if matches!(growing.cells, Cells::Unknown) {
            growing.cells = if number.is_some() { Cells::Numbers } else { Cells::words(Origin::Found) };
        }
        match &mut growing.cells {
            Cells::Numbers => {
                let x = number.map(A::of).ok_or_else(|| {
                    format!("{text:?} is no number, as the cells above it are: correct it, or make the column a category (--categorical)")
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
                        "{text:?} is a number, and the cells above it are words: correct it, or make the column a category (--categorical)"
                    ));
                }
                if let Some(&code) = known.get(text) {
                    return Ok(A::of(f64::from(code)));
                }
                if *origin == Origin::Model {
                    let mut words: Vec<String> = known.keys().map(ToString::to_string).collect();
                    words.sort_unstable();
                    return Err(format!(
                        "{text:?} is none of the words the model knows: {}",
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
            Cells::Unknown => unreachable!("it has just become known"),
        }
    }

    /// Ends a row, of which every column has been given.
    pub(crate) fn end_row(&mut self) {
        self.x.extend_from_slice(&self.row);
    }

    /// Whether no row has come.
    pub(crate) fn is_empty(&self) -> bool {
        self.x.is_empty()
    }

    /// The data set.
    ///
    /// # Errors
    /// As [`into_features`](Self::into_features).
    pub(crate) fn into_dataset(mut self, path: &Path) -> Result<Dataset<A>, Error> {
        let name = self.target_at.0.clone();
        let target = self.target.take().expect("it was built with a target").finish(&name);
        let stem = path.file_stem().map_or_else(|| "table".into(), |stem| stem.to_string_lossy());
        Dataset::new(stem, self.into_features(path)?, target)
    }

    /// The features alone.
    ///
    /// # Errors
    /// If a column has no cell that is not missing.
    pub(crate) fn into_features(self, path: &Path) -> Result<Features<A>, Error> {
        let width = self.columns.len();
        let rows = self.x.len() / width;
        let mut x =
            Array2::from_shape_vec((rows, width), self.x).expect("every row has been checked to be as wide");
        let mut features = Vec::with_capacity(width);
        for (growing, mut column) in self.columns.into_iter().zip(x.columns_mut()) {
            let Growing { name, place, cells, mut fill } = growing;
            // A category that was asked for has no words either.
            let is_empty = match &cells {
                Cells::Unknown => true,
                Cells::Words { known, .. } => known.is_empty(),
                Cells::Numbers => false,
            };
            if is_empty {
                let fault = format!("column {} ({name}) has no cell that is not missing", place + 1);
                return Err(Error::format(path, fault, "leave it out (--drop)"));
            }
            let kind = match cells {
                Cells::Unknown | Cells::Numbers => Kind::Number,
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
                        column
                            .iter_mut()
                            .filter(|x| !x.is_nan())
                            .for_each(|x| *x = code[x.as_f64() as usize]);
                    }
                    Kind::Category(words.into_iter().map(|(word, _)| word.into()).collect())
                }
            };
            if let (None, Some(impute)) = (fill, self.impute) {
                fill = filling(&kind, impute, &column.view());
            }
            features.push(Feature { name, place, kind, fill });
        }
        let (target, named, impute) = (self.target_at, self.named, self.impute);
        let schema = Schema { features, target, width: self.roles.len(), named, impute };
        Ok(Features::Coded(Coded { x, schema: Arc::new(schema) }))
    }
}

/// Whether each has a name of its own, by which it can be found again.
fn all_differ(names: &[String]) -> bool {
    let known: HashSet<&String> = names.iter().collect();
    known.len() == names.len()
}

/// A list for a message, which stays one line.
fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(", …");
    }
    text
}
