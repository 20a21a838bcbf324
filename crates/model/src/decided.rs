//! What a user says of the arrays of a file, looked up in the file and in the network.

use std::collections::HashSet;

use chainrule_tensor::Entry;
use chainrule_train::tensors::TensorFile;

use crate::name_map::{cut, first_few};
use crate::parameter_map::{ParameterMap, ParameterMapError};

/// The array of each entry, `None` for a bias that the file does not have.
pub(crate) type Sources<'n> = Vec<Option<&'n str>>;

/// What a [`ParameterMap`] says of a file and a network.
pub(crate) struct Decided<'n> {
    /// The array of each entry that it names.
    pub(crate) sources: Sources<'n>,
    /// The arrays that it leaves out.
    pub(crate) left_out: HashSet<&'n str>,
}

impl<'n> Decided<'n> {
    /// Looks up the names of a map. Without the prefix of all names they count, too.
    ///
    /// # Errors
    /// If the file or the network has no such name, or the shapes differ.
    pub(crate) fn new(
        file: &TensorFile<'_>,
        names: &[&'n str],
        prefix: &str,
        entries: &[&Entry],
        map: &ParameterMap,
    ) -> Result<Self, ParameterMapError> {
        let mut decided = Self { sources: vec![None; entries.len()], left_out: HashSet::new() };
        for line in map.lines() {
            let known = |name: &str| names.binary_search(&name).ok().map(|at| names[at]);
            let found = known(&line.theirs).or_else(|| known(&format!("{prefix}{}", line.theirs)));
            let Some(theirs) = found else {
                let theirs = cut(&line.theirs);
                let all = first_few(&names.iter().map(|name| cut(name)).collect::<Vec<_>>());
                return Err(map.misfit(line, format!("the model file has no array {theirs:?}: it has {all}")));
            };
            // The same array with its prefix and without it.
            if decided.left_out.contains(theirs) || decided.sources.contains(&Some(theirs)) {
                return Err(
                    map.misfit(line, format!("{:?} is in another line, too: name each once", cut(theirs)))
                );
            }
            let Some(ours) = &line.ours else {
                decided.left_out.insert(theirs);
                continue;
            };
            let Some(at) = entries.iter().position(|entry| entry.name == *ours) else {
                let all = first_few(&entries.iter().map(|entry| entry.name.clone()).collect::<Vec<_>>());
                let fault = format!("the network has no parameter {:?}: it has {all}", cut(ours));
                return Err(map.misfit(line, fault));
            };
            let (shape, expected) = (file.shape(theirs).unwrap_or_default(), entries[at].storage.shape());
            if shape != expected {
                let theirs = cut(theirs);
                let fault = format!("{theirs:?} has shape {shape:?}, and {ours:?} {expected:?}");
                return Err(map.misfit(line, fault));
            }
            decided.sources[at] = Some(theirs);
        }
        Ok(decided)
    }

    /// The same for some of the entries.
    pub(crate) fn of(self, wanted: impl Iterator<Item = bool>) -> Self {
        let sources =
            self.sources.into_iter().zip(wanted).filter_map(|(source, wanted)| wanted.then_some(source));
        Self { sources: sources.collect(), ..self }
    }
}
