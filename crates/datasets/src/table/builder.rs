use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::Array2;

use super::cells::{Cell, Cells, FeatureCells, Origin, shortened};
use super::column::{Column, Impute};
use super::columns::Columns;
use super::schema::{ColumnKind, Schema};
use crate::dataset::Dataset;
use crate::error::Error;
use crate::features::Features;
use crate::labels::Labels;
use crate::options::ReadOptions;

/// Columns a table has at most: beyond, what is known about each would outgrow the file.
pub(crate) const MOST_COLUMNS: usize = 1 << 16;

/// Collects the cells of a table of any format, row by row, into a data set.
pub(crate) struct Builder<A> {
    /// The role of each column of the file.
    roles: Vec<Role>,
    columns: Vec<FeatureCells>,
    x: Vec<A>,
    /// The current row, in the order of the model, which may not be that of the file.
    row: Vec<A>,
    target: Option<Labels<A>>,
    target_at: (String, usize),
    named: bool,
    /// Whether a cell may be missing.
    lenient: bool,
    impute: Option<Impute>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Feature(usize),
    Target,
    Ignored,
}

impl<A: Scalar> Builder<A> {
    /// For a file with `width` columns, with these names if it has a header; with a target, or with features only.
    pub(crate) fn new(
        path: &Path,
        names: &[String],
        width: usize,
        target: bool,
        options: &ReadOptions,
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
            lenient: options.table.impute.is_some(),
            impute: options.table.impute,
        };
        if let Some(at) = target_at {
            builder.roles[at] = Role::Target;
        }
        if let Some(schema) = &options.table.schema {
            builder.take_schema(schema, path, names, width)?;
        } else {
            let mark = |columns: &[Column]| {
                let mut marked = vec![false; width];
                columns.iter().try_for_each(|column| find(column).map(|at| marked[at] = true))?;
                Ok::<_, Error>(marked)
            };
            let (ignored, asked) = (mark(&options.table.drop)?, mark(&options.table.categorical)?);
            let places = (0..width).filter(|&i| Some(i) != target_at && !ignored[i]);
            for (at, place) in places.enumerate() {
                builder.roles[place] = Role::Feature(at);
                let name = names.get(place).cloned().unwrap_or_else(|| format!("x{at}"));
                let cells = if asked[place] { Cells::words(Origin::Asked) } else { Cells::Unknown };
                builder.columns.push(FeatureCells { name, place, cells, fill: None });
            }
        }
        if builder.columns.is_empty() {
            let fault = format!("its rows have {width} cells, so there is no feature besides the target");
            return Err(Error::format(path, fault, "check the delimiter"));
        }
        builder.row = vec![A::zero(); builder.columns.len()];
        Ok(builder)
    }

    /// The columns of a model, found by name if both files have a header, else by position.
    fn take_schema(
        &mut self,
        schema: &Schema,
        path: &Path,
        names: &[String],
        width: usize,
    ) -> Result<(), Error> {
        let by_name = self.named && schema.named;
        if !by_name && width + 1 != schema.width && width != schema.width {
            let fault = format!("it has {width} columns, but the training data has {}", schema.width);
            return Err(Error::format(path, fault, "leave out only the target, or give both files a header"));
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
                ColumnKind::Number => Cells::Numbers,
                ColumnKind::Category(words) => {
                    let known = words.iter().zip(0..).map(|(word, code)| (word.as_str().into(), code));
                    Cells::Words { known: known.collect(), origin: Origin::Model }
                }
            };
            let (name, place) = (feature.name.clone(), feature.place);
            self.columns.push(FeatureCells { name, place, cells, fill: feature.fill });
        }
        self.impute = schema.impute;
        self.lenient = schema.impute.is_some();
        Ok(())
    }

    /// Takes the next cell; `column` is its position in the file.
    ///
    /// # Errors
    /// What is wrong with it, and the cure.
    pub(crate) fn cell(&mut self, column: usize, cell: Cell<'_>) -> Result<(), String> {
        match self.roles[column] {
            Role::Ignored => Ok(()),
            Role::Feature(at) => {
                self.row[at] = self.columns[at].take(cell, self.lenient)?;
                Ok(())
            }
            Role::Target => {
                let target = self.target.as_mut().expect("it has a place");
                match cell {
                    _ if cell.is_missing() => Err(match cell {
                        Cell::Text(text) if !text.is_empty() => {
                            format!("{text:?} is no target value: correct it or drop the row")
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

    /// Ends a row after all of its cells.
    pub(crate) fn end_row(&mut self) {
        self.x.extend_from_slice(&self.row);
    }

    /// Whether there are no rows so far.
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

    /// The features only.
    ///
    /// # Errors
    /// If a column has no cell that is not missing.
    pub(crate) fn into_features(self, path: &Path) -> Result<Features<A>, Error> {
        let width = self.columns.len();
        let rows = self.x.len() / width;
        let mut x =
            Array2::from_shape_vec((rows, width), self.x).expect("every row has been checked to be as wide");
        let mut features = Vec::with_capacity(width);
        for (cells, column) in self.columns.into_iter().zip(x.columns_mut()) {
            let feature = cells
                .finish(self.impute, column)
                .map_err(|fault| Error::format(path, fault, "leave it out (--drop)"))?;
            features.push(feature);
        }
        let (target, named, impute) = (self.target_at, self.named, self.impute);
        let schema = Schema { features, target, width: self.roles.len(), named, impute };
        Ok(Features::Columns(Columns { x, schema: Arc::new(schema) }))
    }
}

/// Whether no name occurs twice, so that a name identifies a column.
fn all_differ(names: &[String]) -> bool {
    let known: HashSet<&String> = names.iter().collect();
    known.len() == names.len()
}
