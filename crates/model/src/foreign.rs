//! Parameters of another program, under names of their own: which is which.

use chainrule_tensor::Entry;
use chainrule_train::tensors::TensorFile;

use crate::decided::{Decided, Sources};
use crate::name_map::{FoundBy, MappedArray, NameMap, cut, first_few};

/// Parts of names that mean the state of an optimizer, or a count.
const NO_PARAMETERS: [&str; 14] = [
    "optimizer",
    "optimizers",
    "optimizer_state",
    "optimizer_states",
    "optimizer_state_dict",
    "optim",
    "scheduler",
    "lr_scheduler",
    "exp_avg",
    "exp_avg_sq",
    "max_exp_avg_sq",
    "momentum_buffer",
    "square_avg",
    "num_batches_tracked",
];

/// Whether an array of a file of another program can be a parameter of a network. A weight of integers is one, so that its type is named.
pub(crate) fn is_parameter(file: &TensorFile<'_>, name: &str) -> bool {
    let is_array = file.shape(name).is_some_and(|shape| !shape.is_empty());
    let is_number = || file.is_real(name) || name.ends_with("weight") || name.ends_with("bias");
    is_array && is_number() && !name.split('.').any(|part| NO_PARAMETERS.contains(&part))
}

/// An array that may be a parameter.
#[derive(Debug)]
struct Array<'n> {
    /// In the file.
    name: &'n str,
    /// Without what wrappers put before all names.
    own: &'n str,
    shape: Vec<usize>,
}

impl Array<'_> {
    fn is_weight(&self) -> bool {
        self.shape.len() >= 2
    }

    /// The name of the layer, if the name has one.
    fn layer(&self) -> Option<&str> {
        self.own.rsplit_once('.').map(|(layer, _)| layer)
    }

    /// Whether both belong to one layer: they share what is before the last dot or, without dots, their numbers.
    fn is_beside(&self, other: &Self) -> bool {
        match (self.layer(), other.layer()) {
            (None, None) => {
                let numbers = numbers(self.own);
                !numbers.is_empty() && numbers == self::numbers(other.own)
            }
            (one, other) => one == other,
        }
    }
}

/// The numbers in a name, each as a text without leading zeros, after its length: so they sort by value.
fn numbers(name: &str) -> Vec<(usize, &str)> {
    let digits = name.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
    digits.map(|digits| digits.trim_start_matches('0')).map(|digits| (digits.len(), digits)).collect()
}

/// A name without its numbers.
fn words(name: &str) -> Vec<&str> {
    name.split(|c: char| c.is_ascii_digit()).filter(|word| !word.is_empty()).collect()
}

/// Whether names differ in their numbers alone, and ascend.
fn ascend<'n>(names: impl Iterator<Item = &'n str> + Clone) -> bool {
    let pairs = names.clone().zip(names.skip(1));
    pairs.into_iter().all(|(a, b)| words(a) == words(b) && numbers(a) < numbers(b))
}

/// Whether a name means a bias: `bias`, `b1`, `output_bias`.
fn is_bias(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let word = |part: &str| {
        let part = part.trim_end_matches(|c: char| c.is_ascii_digit()).to_ascii_lowercase();
        ["b", "bias", "biases"].contains(&part.as_str())
    };
    last.split('_').any(word)
}

/// Why the arrays of a file are not the parameters of a network.
#[derive(Debug)]
pub(crate) enum Unmapped {
    /// An array is missing, or there is no place for one.
    Mismatch(String),
    /// The names do not tell apart arrays of one shape.
    Ambiguous(String),
}

/// Finds the arrays of some entries in a file of another program. `decided` has the same entries.
///
/// # Errors
/// If an entry has no array, an array no entry, or the names do not tell apart arrays of one shape.
pub(crate) fn find<'n>(
    file: &TensorFile<'_>,
    names: &[&'n str],
    prefix: &str,
    entries: &[&Entry],
    decided: &Decided<'n>,
) -> Result<(Sources<'n>, NameMap), Unmapped> {
    let may_be = |name: &str| {
        let is_named = decided.sources.contains(&Some(name));
        is_named || is_parameter(file, name) && !decided.left_out.contains(name)
    };
    let (parameters, others): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| may_be(name));
    let arrays: Vec<Array<'_>> = parameters
        .into_iter()
        .map(|name| Array {
            name,
            own: name.strip_prefix(prefix).unwrap_or(name),
            shape: file.shape(name).unwrap_or_default(),
        })
        .collect();
    let mut search = Search { taken: Vec::new(), found: Vec::new(), arrays, entries };
    search.start(decided);
    if !search.by_name() {
        search.start(decided);
        search.weights()?;
        search.vectors()?;
    }
    search.check()?;
    let mut map =
        NameMap { passed_over: others.iter().map(|&name| name.to_owned()).collect(), ..NameMap::default() };
    for (entry, found) in entries.iter().zip(&search.found) {
        let Some(Found { array, by: found_by }) = *found else {
            map.without_bias.push(entry.name.clone());
            continue;
        };
        let Array { name, own, shape } = &search.arrays[array];
        let (theirs, ours, is_renamed) = ((*name).to_owned(), entry.name.clone(), *own != entry.name);
        map.arrays.push(MappedArray { theirs, ours, shape: shape.clone(), found_by, is_renamed });
    }
    let sources =
        search.found.iter().map(|found| found.map(|found| search.arrays[found.array].name)).collect();
    Ok((sources, map))
}

/// An array, and how it was found.
#[derive(Debug, Clone, Copy)]
struct Found {
    /// Its index.
    array: usize,
    by: FoundBy,
}

struct Search<'a, 'n> {
    arrays: Vec<Array<'n>>,
    entries: &'a [&'a Entry],
    /// The array of each entry.
    found: Vec<Option<Found>>,
    /// Whether an array has an entry.
    taken: Vec<bool>,
}

impl Search<'_, '_> {
    /// Takes what was decided, and nothing else.
    fn start(&mut self, decided: &Decided<'_>) {
        self.taken = vec![false; self.arrays.len()];
        self.found = vec![None; self.entries.len()];
        for (entry, source) in decided.sources.iter().enumerate() {
            if let Some(array) =
                source.and_then(|name| self.arrays.iter().position(|array| array.name == name))
            {
                self.take(entry, array, FoundBy::Map);
            }
        }
    }

    /// Takes the arrays with the names of the entries; whether that leaves no entry but biases.
    fn by_name(&mut self) -> bool {
        for entry in 0..self.entries.len() {
            if self.found[entry].is_some() {
                continue;
            }
            let Entry { name, storage, .. } = self.entries[entry];
            let named = self.free(|array| array.own == *name).first().copied();
            let fits = named.map(|at| self.arrays[at].shape == storage.shape());
            if !fits.unwrap_or(is_bias(name)) {
                return false;
            }
            if let Some(array) = named {
                self.take(entry, array, FoundBy::Name);
            }
        }
        self.found.iter().any(Option::is_some)
    }

    /// The arrays that no entry has, of these indices.
    fn free(&self, wanted: impl Fn(&Array<'_>) -> bool) -> Vec<usize> {
        let free = |&at: &usize| !self.taken[at] && wanted(&self.arrays[at]);
        (0..self.arrays.len()).filter(free).collect()
    }

    fn take(&mut self, entry: usize, array: usize, by: FoundBy) {
        self.found[entry] = Some(Found { array, by });
        self.taken[array] = true;
    }

    /// Gives the entries, all of one shape, the arrays, as many, in the order of the numbers in their names.
    fn in_order(&mut self, entries: &[usize], mut arrays: Vec<usize>) -> Result<(), Unmapped> {
        arrays.sort_by_key(|&at| numbers(self.arrays[at].own));
        if !ascend(arrays.iter().map(|&at| self.arrays[at].own)) {
            return Err(self.ambiguous(entries, &arrays));
        }
        let by = if entries.len() == 1 { FoundBy::Shape } else { FoundBy::Order };
        for (&entry, at) in entries.iter().zip(arrays) {
            self.take(entry, at, by);
        }
        Ok(())
    }

    fn ambiguous(&self, entries: &[usize], arrays: &[usize]) -> Unmapped {
        let names: Vec<String> = arrays.iter().map(|&at| cut(self.arrays[at].own)).collect();
        let ours: Vec<String> = entries.iter().map(|&entry| self.entries[entry].name.clone()).collect();
        Unmapped::Ambiguous(format!(
            "{} have the shape {:?}, and their order in the file need not be that of the layers: rename them in the order of the layers, as {}, or give --map FILE with lines such as `{} = {}`",
            first_few(&names),
            self.entries[entries[0]].storage.shape(),
            first_few(&ours),
            names.first().map_or("", |name| name),
            ours[0]
        ))
    }

    /// Matrices, by shape and, where several have one shape, by the numbers in their names.
    fn weights(&mut self) -> Result<(), Unmapped> {
        let weights: Vec<usize> =
            (0..self.entries.len()).filter(|&at| self.entries[at].storage.shape().len() >= 2).collect();
        let mut several = None;
        for &first in &weights {
            if self.found[first].is_some() {
                continue;
            }
            let shape = self.entries[first].storage.shape();
            let is_open = |at: usize| self.found[at].is_none() && self.entries[at].storage.shape() == shape;
            let alike: Vec<usize> = weights.iter().copied().filter(|&at| is_open(at)).collect();
            let arrays = self.free(|array| array.shape == shape);
            if arrays.len() != alike.len() {
                return Err(self.mismatch(first, alike.len(), &arrays));
            }
            if alike.len() > 1 {
                several = Some((alike.clone(), arrays.clone()));
            }
            self.in_order(&alike, arrays)?;
        }
        // Numbers that are not those of the layers elsewhere say nothing here.
        let guessed = |at: &usize| self.found[*at].filter(|found| found.by != FoundBy::Map);
        let own = |at: &usize| guessed(at).map(|found| self.arrays[found.array].own);
        let names: Vec<&str> = weights.iter().filter_map(own).collect();
        let counts = |(i, a): (usize, &&str)| {
            names[i + 1..].iter().all(|b| words(a) != words(b) || numbers(a) < numbers(b))
        };
        match several {
            Some((entries, arrays)) if !names.iter().enumerate().all(counts) => {
                Err(self.ambiguous(&entries, &arrays))
            }
            _ => Ok(()),
        }
    }

    /// Biases beside their weights, then whatever is left by shape.
    fn vectors(&mut self) -> Result<(), Unmapped> {
        let layer = |entry: &Entry| entry.name.rsplit_once('.').map(|(layer, _)| layer.to_owned());
        for at in 0..self.entries.len() {
            let entry = self.entries[at];
            let weight = self.entries.iter().zip(&self.found).find_map(|(other, found)| {
                let beside = other.storage.shape().len() >= 2 && layer(other) == layer(entry);
                (*found).filter(|_| beside)
            });
            let (None, Some(weight)) = (self.found[at], weight) else { continue };
            let weight = &self.arrays[weight.array];
            let beside = self.free(|array| {
                !array.is_weight()
                    && array.is_beside(weight)
                    && array.shape == entry.storage.shape()
                    && is_bias(array.own) == is_bias(&entry.name)
            });
            if let [one] = beside[..] {
                self.take(at, one, FoundBy::Layer);
            }
        }
        for first in 0..self.entries.len() {
            let entry = self.entries[first];
            let fits = |name: &str, shape: &[usize]| {
                shape == entry.storage.shape() && is_bias(name) == is_bias(&entry.name)
            };
            let open = |&at: &usize| {
                self.found[at].is_none() && fits(&self.entries[at].name, self.entries[at].storage.shape())
            };
            let alike: Vec<usize> = (0..self.entries.len()).filter(open).collect();
            let arrays = self.free(|array| fits(array.own, &array.shape));
            if alike.contains(&first) && arrays.len() == alike.len() {
                self.in_order(&alike, arrays)?;
            }
        }
        Ok(())
    }

    /// Checks that each entry but biases has an array, and each array an entry.
    fn check(&self) -> Result<(), Unmapped> {
        let mismatch = Unmapped::Mismatch;
        let missing = self
            .entries
            .iter()
            .zip(&self.found)
            .find(|(entry, found)| found.is_none() && !is_bias(&entry.name));
        if let Some((entry, _)) = missing {
            let shape = entry.storage.shape();
            return Err(mismatch(format!("it has no array of shape {shape:?} for {:?}", entry.name)));
        }
        match self.free(|_| true)[..] {
            [] => Ok(()),
            [first, ..] => {
                let Array { own, shape, .. } = &self.arrays[first];
                let name = cut(own);
                Err(mismatch(format!(
                    "it has {name:?} of shape {shape:?}, for which the network has no place"
                )))
            }
        }
    }

    fn mismatch(&self, entry: usize, entries: usize, arrays: &[usize]) -> Unmapped {
        let Entry { name, storage, .. } = self.entries[entry];
        let shape = storage.shape();
        let named = self.arrays.iter().find(|array| array.own == *name);
        let fault = match named {
            Some(array) if array.shape != shape => {
                format!("{name:?} has shape {:?}, the network's {shape:?}", array.shape)
            }
            _ => format!(
                "it has {} arrays of shape {shape:?}, and the network {entries}, the first of them {name:?}",
                arrays.len()
            ),
        };
        Unmapped::Mismatch(fault)
    }
}

/// The most matrices whose order is looked for in their shapes alone.
const MOST: usize = 8;

/// The widths of the perceptron whose weights the matrices of a file are: in the order of the numbers in their names or, if they have
/// none, in the only one in which the outputs of each are the inputs of the next.
pub(crate) fn widths(file: &TensorFile<'_>) -> Option<Vec<usize>> {
    let names = file.names();
    let parameters = names.iter().filter(|name| is_parameter(file, name));
    let mut matrices = Vec::new();
    for name in parameters {
        match file.shape(name)?[..] {
            [outputs, inputs] => matrices.push((*name, inputs, outputs)),
            [_] => {}
            _ => return None,
        }
    }
    matrices.sort_by_key(|&(name, ..)| numbers(name));
    let fits = |chain: &[(&str, usize, usize)]| chain.windows(2).all(|pair| pair[0].2 == pair[1].1);
    if !(ascend(matrices.iter().map(|matrix| matrix.0)) && fits(&matrices)) {
        if matrices.len() > MOST {
            return None;
        }
        let mut chains = Vec::new();
        extend(&mut Vec::new(), &matrices, &mut chains);
        let [chain] = &chains[..] else { return None };
        matrices.clone_from(chain);
    }
    let first = matrices.first()?;
    Some([first.1].into_iter().chain(matrices.iter().map(|matrix| matrix.2)).collect())
}

/// A matrix: its name, inputs and outputs.
type Matrix<'n> = (&'n str, usize, usize);

/// All orders of the rest that go on with a chain, up to two.
fn extend<'n>(chain: &mut Vec<Matrix<'n>>, rest: &[Matrix<'n>], chains: &mut Vec<Vec<Matrix<'n>>>) {
    if rest.is_empty() {
        chains.push(chain.clone());
    }
    for (at, &next) in rest.iter().enumerate() {
        if chains.len() < 2 && chain.last().is_none_or(|last| last.2 == next.1) {
            chain.push(next);
            extend(chain, &[&rest[..at], &rest[at + 1..]].concat(), chains);
            chain.pop();
        }
    }
}

#[cfg(test)]
mod tests;
