//! Which array of another program's file was read as which parameter: a table.

use std::fmt;

/// Which array of another program's file was loaded as which parameter of the network.
///
/// The order of the arrays in a safetensors file means nothing, because programs that write one sort them by type and name. Arrays are
/// therefore matched in this order:
///
/// 1. by a [`ParameterMap`](crate::ParameterMap), if one is given;
/// 2. by name, if the names in the file are those of the network;
/// 3. by shape. If several arrays have the same shape, the numbers in their names (`fc1.weight`, `fc2.weight`) give their order.
///    A bias belongs to the weight of the same layer name.
///
/// Its `Display` form is a table whose lines are valid in a `ParameterMap` file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameMap {
    /// The arrays, in the order of the network.
    pub arrays: Vec<MappedArray>,
    /// The biases that are missing in the file and are set to 0.
    pub without_bias: Vec<String>,
    /// Arrays that were not loaded: integers, single numbers, the state of an optimizer, and those that a `ParameterMap` leaves out.
    pub passed_over: Vec<String>,
}

/// An array of a file and the parameter that it was loaded as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedArray {
    /// Its name in the file.
    pub theirs: String,
    /// The name of the parameter.
    pub ours: String,
    /// The shape in the file.
    pub shape: Vec<usize>,
    /// How it was matched.
    pub found_by: FoundBy,
    /// Whether its name differs from the parameter's by more than a prefix that all names share.
    pub is_renamed: bool,
}

/// How an array of a file was matched to a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundBy {
    /// By its name.
    Name,
    /// By a `ParameterMap`.
    Map,
    /// By its shape, which is unique in the file.
    Shape,
    /// By its shape and the order of the numbers in the names.
    Order,
    /// A bias by its layer's name, which is also that of a weight.
    Layer,
}

impl fmt::Display for FoundBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "by name",
            Self::Map => "by the map",
            Self::Shape => "by shape",
            Self::Order => "by shape and order",
            Self::Layer => "with its weight",
        })
    }
}

impl NameMap {
    /// Whether the file has the network's names and nothing else.
    pub fn is_empty(&self) -> bool {
        self.renamed().next().is_none() && self.without_bias.is_empty() && self.passed_over.is_empty()
    }

    /// The arrays that have another name in the network.
    pub fn renamed(&self) -> impl Iterator<Item = &MappedArray> {
        self.arrays.iter().filter(|array| array.is_renamed)
    }

    /// What is missing in the file, and what was not read of it, a line each.
    pub fn notes(&self) -> Vec<String> {
        let of = [("no bias, taken as 0: ", &self.without_bias), ("passed over: ", &self.passed_over)];
        let note = |(what, names): (&str, &Vec<String>)| {
            let names: Vec<String> = names.iter().map(|name| cut(name)).collect();
            (!names.is_empty()).then(|| format!("{what}{}", first_few(&names)))
        };
        of.into_iter().filter_map(note).collect()
    }
}

impl fmt::Display for NameMap {
    /// A line for each array, if names differ, and the notes as comments.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrays = if self.renamed().next().is_some() { &self.arrays[..] } else { &[] };
        let rows: Vec<[String; 2]> =
            arrays.iter().map(|array| [cut(&array.theirs), cut(&array.ours)]).collect();
        let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or_default();
        let [theirs, ours] = [width(0), width(1)];
        let row = |(row, array): (&[String; 2], &MappedArray)| {
            let MappedArray { shape, found_by, .. } = array;
            format!("{:theirs$} = {:ours$}  # {shape:?}, {found_by}", row[0], row[1])
        };
        let lines = rows.iter().zip(arrays).map(row);
        let notes = self.notes().into_iter().map(|note| format!("# {note}"));
        f.write_str(&lines.chain(notes).collect::<Vec<_>>().join("\n"))
    }
}

/// How many names a message has at most.
const SHOWN: usize = 3;

/// The first few of some words, and how many there are.
pub(crate) fn first_few(words: &[String]) -> String {
    let shown = words[..words.len().min(SHOWN)].join(", ");
    if words.len() > SHOWN { format!("{shown}, … ({} in all)", words.len()) } else { shown }
}

/// A name of a file, which may be of any length, as a message shows it.
pub(crate) fn cut(name: &str) -> String {
    const LONGEST: usize = 60;
    if name.chars().count() <= LONGEST {
        return name.to_owned();
    }
    name.chars().take(LONGEST).chain(['…']).collect()
}
