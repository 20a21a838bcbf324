//! Which columns of a table are targets, and which are left out unasked.

use std::path::Path;

use super::column::numbered;
use crate::error::Error;
use crate::options::ReadOptions;

/// Leaves the columns out that are an index of pandas, as it writes one without a name to Parquet. Of a model's columns none is left
/// out, and a target is one.
pub(super) fn leave_out_indices(
    names: &[String],
    options: &ReadOptions,
    targets: &[usize],
    ignored: &mut [bool],
) {
    let is_index = |name: &String| {
        let level = name.strip_prefix("__index_level_").and_then(|rest| rest.strip_suffix("__"));
        options.table.schema.is_none() && level.is_some_and(|level| level.parse::<usize>().is_ok())
    };
    for (place, ignored) in ignored.iter_mut().enumerate() {
        *ignored |= names.get(place).is_some_and(is_index) && !targets.contains(&place);
    }
}

/// Where the targets are, which are neither left out nor asked to be categories.
pub(super) fn target_places(
    path: &Path,
    names: &[String],
    options: &ReadOptions,
    ignored: &mut [bool],
    asked: &[bool],
    lost: &dyn Fn(&str, Option<String>) -> Error,
) -> Result<Vec<usize>, Error> {
    let mut unused = ignored.to_vec();
    leave_out_indices(names, options, &[], &mut unused);
    let places = options.target.find(names, &unused).map_err(|(column, several)| lost(&column, several))?;
    leave_out_indices(names, options, &places, ignored);
    if let Some(&place) = places.iter().find(|&&place| ignored[place]) {
        let name = names.get(place).map_or_else(|| place.to_string(), |name| format!("{name:?}"));
        let fault = format!("the column {name} is the target and is to be left out");
        return Err(Error::format(path, fault, "name another target (--target), or keep it (--drop)"));
    }
    if let Some(&place) = places.iter().find(|&&place| asked[place]) {
        let fault = format!("{} is the target", numbered(place, names.get(place).map(String::as_str)));
        let cure = "omit --categorical, or make it classes (--task classification)";
        return Err(Error::format(path, fault, cure));
    }
    Ok(places)
}
