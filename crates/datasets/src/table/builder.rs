use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::Array2;

use super::cells::{Cell, Cells, Dates, FeatureCells, MissingCells, Origin, shortened};
use super::column::{Column, Impute};
use super::columns::Columns;
use super::dialect::Dialect;
use super::form::NumberForm;
use super::kept::{Keeper, KeptColumn};
use super::names::Names;
use super::of_model::contradiction;
use super::roles::{leave_out_indices, target_places};
use super::schema::{Schema, SchemaTarget};
use crate::dataset::Dataset;
use crate::error::Error;
use crate::features::Features;
use crate::options::ReadOptions;
use crate::target_cells::{TargetCells, usual_names};

/// Columns a table has at most: beyond, what is known about each would outgrow the file.
pub(crate) const MOST_COLUMNS: usize = 1 << 16;
/// What to do about words where only numbers are taken.
pub(super) const NUMBERS_ONLY: &str = "give it numbers only";
/// What to do about a column that could be several.
const SEVERAL: &str = "give the columns different names, count from 0, or write a number that is a name in quotes, as in '\"0\"' ('\"\"' for a column without a name)";
const LEAVE_OUT: &str = "leave it out (--drop), or make it a category all the same (--categorical)";

/// Collects the cells of a table of any format, row by row, into a data set.
pub(crate) struct Builder<A> {
    /// The role of each column of the file.
    roles: Vec<Role>,
    columns: Vec<FeatureCells>,
    x: Vec<f64>,
    /// The current row, in the order of the model, which may not be that of the file.
    row: Vec<f64>,
    targets: Option<TargetCells>,
    target_at: Vec<SchemaTarget>,
    named: bool,
    /// Whether the columns are those of a model.
    #[cfg(any(feature = "csv", feature = "parquet"))]
    has_model: bool,
    missing: MissingCells,
    impute: Option<Impute>,
    dialect: Option<Dialect>,
    keeper: Keeper,
    number: PhantomData<A>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Feature(usize),
    Target(usize),
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
        let lost = |column: &str, several: Option<String>| {
            if let Some(fault) = several {
                return Error::format(path, fault, SEVERAL);
            }
            let among =
                if names.is_empty() { format!("{width} columns without names") } else { shortened(names) };
            let fault = format!("there is no column {column} among {among}");
            Error::format(path, fault, "name one of these, or count from 0")
        };
        let find = |columns: &[Column]| -> Result<Vec<usize>, Error> {
            let find = |column: &Column| column.find_all(names, width);
            let places: Result<Vec<Vec<usize>>, _> = columns.iter().map(find).collect();
            Ok(places.map_err(|(column, several)| lost(&column, several))?.concat())
        };
        // Of a model's columns none is left out.
        let mark = |columns: &[Column]| -> Result<Vec<bool>, Error> {
            let mut marked = vec![false; width];
            for place in find(if options.table.schema.is_some() { &[] } else { columns })? {
                marked[place] = true;
            }
            Ok(marked)
        };
        let (mut ignored, asked) = (mark(&options.table.drop)?, mark(&options.table.categorical)?);
        let places = if target {
            target_places(path, names, options, &mut ignored, &asked, &lost)?
        } else {
            leave_out_indices(names, options, &[], &mut ignored);
            Vec::new()
        };
        let cells = |columns| {
            TargetCells::new(columns, options)
                .map_err(|fault| Error::data(path.display().to_string(), format!("the target: {fault}")))
        };
        let targets = target.then(|| cells(places.len())).transpose()?;
        let usual = usual_names(places.len());
        let keeper = Keeper::new(find(&options.table.keep)?, names);
        let by_name = Names::new(names);
        let at = |(place, usual): (usize, String)| SchemaTarget {
            name: names.get(place).cloned().unwrap_or(usual),
            place,
            form: NumberForm::Plain,
        };
        let target_at: Vec<SchemaTarget> = places.into_iter().zip(usual).map(at).collect();
        let mut builder = Self {
            roles: vec![Role::Ignored; width],
            columns: Vec::new(),
            x: Vec::new(),
            row: Vec::new(),
            targets,
            target_at,
            named: !names.is_empty(),
            #[cfg(any(feature = "csv", feature = "parquet"))]
            has_model: options.table.schema.is_some(),
            missing: MissingCells {
                words: options.table.missing.clone(),
                imputed: options.table.impute.is_some(),
            },
            impute: options.table.impute,
            dialect: None,
            keeper,
            number: PhantomData,
        };
        for (at, target) in builder.target_at.iter().enumerate() {
            builder.roles[target.place] = Role::Target(at);
        }
        if let Some(schema) = &options.table.schema {
            if let Some((fault, cure)) = contradiction(&options.table, schema) {
                return Err(Error::format(path, fault, cure));
            }
            builder.take_schema(schema, path, &by_name, width)?;
            let is_feature = |target: &&SchemaTarget| matches!(builder.roles[target.place], Role::Feature(_));
            if let Some(target) = builder.target_at.iter().find(is_feature) {
                let fault = format!(
                    "the column {:?} is to be the target, and the model takes it as an input",
                    target.name
                );
                return Err(Error::format(path, fault, "name another target (--target)"));
            }
        } else {
            builder.take_features(&by_name, &ignored, &asked, options.table.date_parts);
        }
        if builder.columns.is_empty() {
            if ignored.contains(&true) {
                let fault = "--drop leaves no column besides the target";
                return Err(Error::format(path, fault, "leave out fewer columns"));
            }
            let fault = format!("its rows have {width} cells, so there is no feature besides the target");
            return Err(Error::format(path, fault, "check the delimiter (--delimiter)"));
        }
        builder.row = vec![0.0; builder.columns.len()];
        Ok(builder)
    }

    /// The columns that are neither targets nor ignored; `asked` are those that are to be categories.
    fn take_features(&mut self, names: &Names<'_>, ignored: &[bool], asked: &[bool], date_parts: bool) {
        let is_feature = |&i: &usize| self.roles[i] == Role::Ignored && !ignored[i];
        let features: Vec<usize> = (0..ignored.len()).filter(is_feature).collect();
        for (at, place) in features.into_iter().enumerate() {
            self.roles[place] = Role::Feature(at);
            let name = names.name(place).unwrap_or_else(|| format!("x{at}"));
            let cells = if asked[place] { Cells::words(Origin::Asked) } else { Cells::Unknown };
            let (form, twin) = (NumberForm::Plain, names.twin(place));
            let dates = if date_parts { Dates::WithParts } else { Dates::Numbers };
            self.columns.push(FeatureCells {
                name,
                place,
                cells,
                fill: None,
                form,
                twin,
                dates,
                known: false,
            });
        }
    }

    /// The columns of a model, found by name if both files have a header, else by position.
    fn take_schema(
        &mut self,
        schema: &Schema,
        path: &Path,
        names: &Names<'_>,
        width: usize,
    ) -> Result<(), Error> {
        let by_name = self.named && schema.named;
        if !by_name && !schema.fits(width) {
            let fault = format!("it has {width} columns, but the training data has {}", schema.width);
            return Err(Error::format(path, fault, "leave out only the target, or give both files a header"));
        }
        for (at, feature) in schema.features.iter().enumerate() {
            let place = if by_name {
                names.find(&feature.name, feature.twin)
            } else {
                let place = Some(schema.place(feature, width)).filter(|&place| place < width);
                place.ok_or_else(|| format!("it has no column {:?}", feature.name))
            }
            .map_err(|fault| {
                Error::format(path, fault, "give it the columns of the training data, by the same names")
            })?;
            self.roles[place] = Role::Feature(at);
            self.columns.push(FeatureCells::of_model(feature));
        }
        self.impute = schema.impute;
        self.missing.imputed = schema.impute.is_some();
        if let Some(targets) = &mut self.targets {
            for (at, target) in schema.targets.iter().enumerate().take(self.target_at.len()) {
                targets.column(at).set_form(target.form.clone());
            }
        }
        Ok(())
    }

    /// Keeps the dialect of a text for the schema; its words for missing cells hold from here on.
    #[cfg(feature = "csv")]
    pub(crate) fn set_dialect(&mut self, dialect: Dialect) {
        self.missing.words.clone_from(&dialect.missing);
        self.dialect = Some(dialect);
    }

    /// The words for missing cells; none for the usual ones.
    #[cfg(feature = "parquet")]
    pub(crate) fn missing_words(&self) -> &[String] {
        &self.missing.words
    }

    /// Whether a column of the file is a feature, the target, or kept.
    #[cfg(feature = "parquet")]
    pub(crate) fn is_wanted(&self, column: usize) -> bool {
        self.roles[column] != Role::Ignored || self.keeps(column)
    }

    /// Whether the text of a column is kept.
    #[cfg(any(feature = "csv", feature = "parquet"))]
    pub(crate) fn keeps(&self, column: usize) -> bool {
        self.keeper.wants(column)
    }

    /// Keeps the text of the next cell of a column of the file, if it is asked for.
    #[cfg(any(feature = "csv", feature = "parquet"))]
    pub(crate) fn keep(&mut self, column: usize, text: &str) {
        self.keeper.take(column, text);
    }

    /// The form of the numbers of a column in the training data of a model; `None` if it holds none, or there is no model.
    #[cfg(any(feature = "csv", feature = "parquet"))]
    pub(crate) fn model_form(&self, column: usize) -> Option<&NumberForm> {
        let form = match self.roles[column] {
            Role::Feature(at) => {
                let FeatureCells { known, cells, form, .. } = &self.columns[at];
                Some(form).filter(|_| *known && matches!(cells, Cells::Numbers))
            }
            Role::Target(at) => {
                let targets =
                    self.targets.as_ref().filter(|targets| self.has_model && targets.wants_form(at));
                targets.map(|targets| targets.form(at))
            }
            Role::Ignored => None,
        };
        form.filter(|form| !matches!(form, NumberForm::Date(_)))
    }

    /// Whether the form of the numbers of a column is to be found.
    #[cfg(any(feature = "csv", feature = "parquet"))]
    pub(crate) fn wants_form(&self, column: usize) -> bool {
        match self.roles[column] {
            _ if self.has_model => false,
            Role::Ignored => false,
            Role::Feature(at) => matches!(self.columns[at].cells, Cells::Unknown),
            Role::Target(at) => self.targets.as_ref().is_some_and(|targets| targets.wants_form(at)),
        }
    }

    /// Declares that all cells of a column are numbers in this form; a model's dates and categories keep theirs.
    #[cfg(any(feature = "csv", feature = "parquet"))]
    pub(crate) fn set_form(&mut self, column: usize, form: NumberForm) {
        match self.roles[column] {
            Role::Feature(at)
                if matches!(self.columns[at].cells, Cells::Unknown) || self.model_form(column).is_some() =>
            {
                self.columns[at].form = form;
                self.columns[at].cells = Cells::Numbers;
            }
            Role::Ignored | Role::Feature(_) => {}
            Role::Target(at) => {
                if let Some(targets) = &mut self.targets {
                    targets.column(at).set_numbers(form);
                }
            }
        }
    }

    /// Takes the next cell; `column` is its position in the file.
    ///
    /// # Errors
    /// What is wrong with it, and the cure.
    pub(crate) fn cell(&mut self, column: usize, cell: Cell<'_>) -> Result<(), String> {
        match self.roles[column] {
            Role::Ignored => Ok(()),
            Role::Feature(at) => {
                self.row[at] = self.columns[at].take::<A>(cell, &self.missing)?;
                Ok(())
            }
            Role::Target(at) => {
                let target = self.targets.as_mut().expect("it has a place").column(at);
                match cell {
                    _ if cell.is_missing(&self.missing.words) => Err(match cell {
                        Cell::Text(text) if !text.is_empty() => {
                            format!("{text:?} is no target value: correct it or drop the row")
                        }
                        _ => "the cell is empty, and it is the target: fill it in or drop the row".to_owned(),
                    }),
                    Cell::Text(text) => target.push::<A>(text),
                    Cell::Number(x) => target.push_number::<A>(x),
                    Cell::Integer(n) => target.push_integer(n),
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
        let cells = self.targets.take().expect("it was built with a target");
        for (at, target) in self.target_at.iter_mut().enumerate() {
            target.form = cells.form(at).clone();
        }
        let names: Vec<String> = self.target_at.iter().map(|target| target.name.clone()).collect();
        let target = cells.finish(&names).map_err(|fault| Error::data(path.display().to_string(), fault))?;
        let stem = path.file_stem().map_or_else(|| "table".into(), |stem| stem.to_string_lossy());
        Dataset::new(stem, self.into_features(path)?.0, target)
    }

    /// The features only, and the columns that are kept.
    ///
    /// # Errors
    /// If a column has no cell that is not missing.
    pub(crate) fn into_features(self, path: &Path) -> Result<(Features<A>, Vec<KeptColumn>), Error> {
        let width = self.columns.len();
        let rows = self.x.len() / width;
        let mut x =
            Array2::from_shape_vec((rows, width), self.x).expect("every row has been checked to be as wide");
        let mut features = Vec::with_capacity(width);
        for (cells, column) in self.columns.into_iter().zip(x.columns_mut()) {
            // Where there is no target, a model or a program wants numbers.
            let cure = match self.target_at[..] {
                [] => NUMBERS_ONLY,
                _ if cells.is_empty() => "leave it out (--drop)",
                _ => LEAVE_OUT,
            };
            let feature = cells
                .finish(self.impute, column, self.named)
                .map_err(|fault| Error::format(path, fault, cure))?;
            features.push(feature);
        }
        let (targets, named, impute) = (self.target_at, self.named, self.impute);
        let (width, dialect) = (self.roles.len(), self.dialect);
        let schema = Schema { features, targets, width, named, impute, dialect };
        Ok((Features::Columns(Columns { x, schema: Arc::new(schema) }), self.keeper.into_columns()))
    }
}
