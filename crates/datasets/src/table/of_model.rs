//! What the columns of a model rule out of the options for a table.

use super::column::{Column, Impute};
use super::options::TableOptions;
use super::schema::{ColumnKind, Schema};

/// An option that asks for something else than the model was trained with, in words, and what to do.
pub(super) fn contradiction(table: &TableOptions, model: &Schema) -> Option<(String, &'static str)> {
    let used = |columns: &[Column], among: &dyn Fn(&ColumnKind) -> bool| {
        let mut features = model.features.iter().filter(|feature| among(&feature.kind));
        let names = |column: &Column, name: &str, place: usize| match column {
            Column::Name(given) => given == name,
            Column::Index(given) => *given == place,
            Column::Last => place + 1 == model.width,
        };
        let found = features.find(|feature| {
            columns.iter().any(|column| column.any(|one| names(one, &feature.name, feature.place)))
        })?;
        Some(format!("the model was trained on the column {:?}", found.name))
    };
    if let Some(found) = used(&table.drop, &|_| true) {
        return Some((found, "omit --drop, or train another model with it"));
    }
    let is_category = |kind: &ColumnKind| matches!(kind, ColumnKind::Category(_));
    if let Some(found) = used(&table.categorical, &|kind| !is_category(kind)) {
        return Some((format!("{found} as numbers"), "omit --categorical, or train another model with it"));
    }
    if table.impute.is_some() && table.impute != model.impute {
        let with = match model.impute {
            None => "without --impute",
            Some(Impute::Mean) => "with --impute mean",
            Some(Impute::Median) => "with --impute median",
        };
        return Some((
            format!("the model was trained {with}"),
            "omit --impute, or train another model with it",
        ));
    }
    if table.date_parts && !model.has_date_parts() {
        return Some((
            "the model was trained without the parts of dates".to_owned(),
            "omit --dates, or train another model with it",
        ));
    }
    None
}
