//! The columns of a file by their names.

use std::collections::HashMap;

use super::cells::shortened;

/// Names with the places that have them.
pub(super) struct Names<'a> {
    names: &'a [String],
    places: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Names<'a> {
    pub(super) fn new(names: &'a [String]) -> Self {
        let mut places: HashMap<&str, Vec<usize>> = HashMap::with_capacity(names.len());
        for (place, name) in names.iter().enumerate() {
            places.entry(name).or_default().push(place);
        }
        Self { names, places }
    }

    /// The name of a column; `None` if the file has no header.
    pub(super) fn name(&self, place: usize) -> Option<String> {
        self.names.get(place).cloned()
    }

    /// Which of how many columns with its name a column is, if there are several.
    pub(super) fn twin(&self, place: usize) -> Option<(usize, usize)> {
        let places = &self.places[self.names.get(place)?.as_str()];
        let at = places.binary_search(&place).ok()?;
        (places.len() > 1).then_some((at, places.len()))
    }

    /// The column with a name in another file, where as many must have it.
    ///
    /// # Errors
    /// What is wrong.
    pub(super) fn find(&self, name: &str, twin: Option<(usize, usize)>) -> Result<usize, String> {
        let places = self.places.get(name).map(Vec::as_slice).unwrap_or_default();
        let (at, all) = twin.unwrap_or((0, 1));
        match places.get(at) {
            Some(&place) if places.len() == all => Ok(place),
            Some(_) => Err(format!(
                "{} of its columns have the name {name:?}, and {all} of the training data",
                places.len()
            )),
            None => {
                let other = self.names.iter().find(|other| other.eq_ignore_ascii_case(name));
                let hint = other.map_or_else(
                    || shortened(self.names),
                    |other| format!("{other:?}, which is another name"),
                );
                Err(format!("it has no column {name:?}, which the model was trained on, but {hint}"))
            }
        }
    }
}
