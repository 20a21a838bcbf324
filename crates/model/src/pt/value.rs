//! What a description of tensors may consist of.

/// Axes of a tensor.
pub(super) const MOST_AXES: usize = 8;

/// A part of a storage with axes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tensor<'p> {
    pub(super) storage: Storage<'p>,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

impl Tensor<'_> {
    /// How many numbers it has; `None` beyond `usize`.
    pub(super) fn count(&self) -> Option<usize> {
        self.shape.iter().try_fold(1_usize, |count, &length| count.checked_mul(length))
    }
}

/// An entry of the archive: the type of its numbers and its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Storage<'p> {
    pub(super) kind: &'p str,
    pub(super) key: &'p str,
}

/// Where a value lies: values refer to each other by place, so that none is dropped by recursion, however deep.
pub(super) type Place = usize;

#[derive(Debug, Clone)]
pub(super) enum Value<'p> {
    /// None, a truth value or a real number, which no tensor needs.
    Plain,
    Int(i64),
    Text(&'p str),
    Sequence(Vec<Place>),
    Dict(Vec<(Place, Place)>),
    /// A name of the list below.
    Name(Known<'p>),
    Storage(Storage<'p>),
    Tensor(Tensor<'p>),
}

/// What may be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known<'p> {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(&'p str),
    Size,
}

const STORAGES: [&str; 10] = [
    "FloatStorage",
    "DoubleStorage",
    "HalfStorage",
    "BFloat16Storage",
    "LongStorage",
    "IntStorage",
    "ShortStorage",
    "BoolStorage",
    "ByteStorage",
    "CharStorage",
];

/// What a name means; `None` for all that a state dict does not need.
pub(super) fn known<'p>(module: &str, name: &'p str) -> Option<Known<'p>> {
    Some(match (module, name) {
        ("collections", "OrderedDict") => Known::OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2") => Known::RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => Known::RebuildParameter,
        ("torch", "Size") => Known::Size,
        ("torch" | "torch.storage", name) if STORAGES.contains(&name) => Known::Storage(name),
        _ => return None,
    })
}
