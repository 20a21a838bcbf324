use std::collections::HashMap;
use std::path::Path;

use chainrule_datasets::write_atomic;
use chainrule_layers::Layer;
use chainrule_tensor::{Entry, Layout, Scalar, Storage};
use chainrule_train::Weights;
use chainrule_train::tensors::{self, TensorBytes, TensorFile, TensorFileError};
use serde::{Deserialize, Serialize};

use crate::checkpoint_error::{CheckpointError, VERSION};
use crate::decided::Decided;
use crate::foreign::{Unmapped, find, is_parameter, widths};
use crate::model_card::ModelCard;
use crate::name_map::NameMap;
use crate::parameter_map::ParameterMap;

/// A trained model as a file: safetensors, named and laid out as PyTorch's `nn.Sequential` does it.
///
/// A matrix W of shape `(inputs, outputs)` is stored transposed, as `0.weight` of shape `(outputs, inputs)`; activations
/// count as places. So `load_state_dict` takes these files, and [`Checkpoint::load_as`] takes PyTorch's. All else that a
/// prediction needs is JSON under the key `chainrule` of the metadata, with the CRC-64/XZ of this text and of all arrays in it. A file of
/// another program has no such text.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint<A> {
    /// What the numbers mean.
    pub card: ModelCard,
    /// The parameters, flat.
    pub theta: Vec<A>,
    /// What training measured beside them, in the layout of `Layer::statistics`; empty for most networks.
    pub statistics: Vec<A>,
}

/// What a checkpoint file says of itself before its parameters are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The metadata; `None` in a file of another program.
    pub card: Option<ModelCard>,
    /// The number type of the parameters, `"f32"` or `"f64"`.
    pub dtype: &'static str,
    /// What PyTorch's wrappers have put before all names, such as `module.`; it is passed over.
    pub prefix: String,
    /// The widths of a perceptron with such parameters, if a file of another program has shapes that tell.
    pub widths: Option<Vec<usize>>,
    /// The shapes of the arrays that may be parameters.
    pub shapes: Vec<Vec<usize>>,
}

const KEY: &str = "chainrule";

/// The key of the metadata of a network with layers that are not of the library.
pub(crate) const OWN_LAYERS: &str = "chainrule-own-layers";

/// The first version whose files have a checksum.
const WITH_CHECKSUM: u32 = 3;

/// The first version whose files hold the weights behind a flattened picture as PyTorch does, channels first.
pub(crate) const CHANNELS_FIRST: u32 = 4;

/// The first version whose files do so in branches, behind them and for a bias of as many numbers, too.
const IN_BRANCHES: u32 = 5;

/// The metadata as they are written.
#[derive(Serialize)]
struct Versioned<'c> {
    /// Of the text with [`NO_CHECKSUM`] in this place, and of all arrays. It is no key of its own, because the keys of a file come in
    /// any order, and the same model gives the same bytes.
    checksum: &'static str,
    version: u32,
    #[serde(flatten)]
    card: &'c ModelCard,
}

/// What is read of the metadata first.
#[derive(Default, Deserialize)]
struct Format {
    #[serde(default)]
    version: u32,
    #[serde(default)]
    checksum: Option<String>,
}

/// The placeholder for the checksum in the text that it is computed from.
const NO_CHECKSUM: &str = "0000000000000000";

fn with_checksum(json: &str, old: &str, new: &str) -> String {
    json.replacen(&format!(r#""checksum":"{old}""#), &format!(r#""checksum":"{new}""#), 1)
}

impl<A: Scalar> Checkpoint<A> {
    /// Writes the file by temp file, fsync and rename: at every moment there is the old one or the new one, whole.
    ///
    /// # Errors
    /// If the folder cannot be written to.
    ///
    /// # Panics
    /// If θ is not as long as the architecture says.
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        let bytes = self.to_bytes();
        write_atomic(path, |file| file.write_all(&bytes))?;
        Ok(())
    }

    /// The contents of the file.
    ///
    /// # Panics
    /// If θ is not as long as the architecture says.
    pub fn to_bytes(&self) -> Vec<u8> {
        let card = Versioned { checksum: NO_CHECKSUM, version: VERSION, card: &self.card };
        let json = serde_json::to_string(&card).expect("a card has string keys only");
        let arrays = encoded(self.arrays());
        let json = with_checksum(&json, NO_CHECKSUM, &tensors::checksum_with(&json, &arrays));
        tensors::to_bytes(&arrays, HashMap::from([(KEY.to_owned(), json)]))
    }

    /// Parameters and statistics by name, in shape and order as files hold them: checkpoints, ONNX and NumPy archives alike.
    ///
    /// # Panics
    /// If the vectors are not as long as the architecture says.
    #[track_caller]
    pub(crate) fn arrays(&self) -> Vec<Stored<A>> {
        self.arrays_as(|entry| entry.storage.clone())
    }

    pub(crate) fn arrays_as(&self, storage: impl Fn(&Entry) -> Storage) -> Vec<Stored<A>> {
        let network = self.card.architecture.build::<A>(None);
        let mut arrays = stored_as(network.layout(), &self.theta, &storage);
        arrays.extend(stored_as(network.statistics(), &self.statistics, &storage));
        arrays
    }

    /// Reads a file that [`save`](Self::save) wrote, in either number type.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or has no description of its network.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        Self::from_bytes(path, &tensors::read(path)?)
    }

    /// Reads the contents of a file; `path` serves the messages only.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, CheckpointError> {
        let file = TensorFile::parse(path, bytes)?;
        let no_card = || match file.metadata(OWN_LAYERS) {
            Some(_) => CheckpointError::OwnLayers { path: path.to_owned() },
            None => CheckpointError::NoCard { path: path.to_owned(), widths: widths(&file) },
        };
        let card = card_of(path, &file)?.ok_or_else(no_card)?;
        Ok(Self::decode(path, &file, card, &ParameterMap::default())?.0)
    }

    /// Reads the parameters of a network that `card` describes, whatever the file says of itself. Those of another program may have
    /// other names; see [`NameMap`].
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or holds other parameters, or parameters of one shape whose names do not tell their order.
    pub fn load_as(path: &Path, card: ModelCard) -> Result<Self, CheckpointError> {
        Ok(Self::from_bytes_as(path, &tensors::read(path)?, card, &ParameterMap::default())?.0)
    }

    /// Reads the contents of a file as [`load_as`](Self::load_as) does, where `map` does not say otherwise, and says which array was read
    /// as which parameter; `path` serves the messages only.
    ///
    /// # Errors
    /// As [`load_as`](Self::load_as), if `map` does not fit, or if it says something of a file that this program wrote.
    pub fn from_bytes_as(
        path: &Path,
        bytes: &[u8],
        card: ModelCard,
        map: &ParameterMap,
    ) -> Result<(Self, NameMap), CheckpointError> {
        Self::decode(path, &TensorFile::parse(path, bytes)?, card, map)
    }

    fn decode(
        path: &Path,
        file: &TensorFile<'_>,
        card: ModelCard,
        said: &ParameterMap,
    ) -> Result<(Self, NameMap), CheckpointError> {
        let network = card.architecture.build::<A>(None);
        let layouts = [network.layout(), network.statistics()];
        let (mut theta, map) = if let Some(json) = file.metadata(KEY) {
            if !said.is_empty() {
                return Err(CheckpointError::OwnNames { path: path.to_owned() });
            }
            // Whatever else the text says, if another description overrules it.
            let format = serde_json::from_str(json).unwrap_or_default();
            check(path, file, json, &format)?;
            (decode(path, file, &layouts)?, NameMap::default())
        } else {
            decode_foreign(path, file, &layouts, said)?
        };
        let statistics = theta.split_off(network.layout().len());
        Ok((Self { card, theta, statistics }, map))
    }

    /// The numbers of the network.
    pub fn weights(&self) -> Weights<'_, A> {
        Weights { theta: &self.theta, statistics: &self.statistics }
    }
}

impl Header {
    /// Reads what the file at `path` says of itself.
    ///
    /// # Errors
    /// If the file cannot be read or is damaged.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        Self::from_bytes(path, &tensors::read(path)?)
    }

    /// Reads what the contents of a file say; `path` serves the messages only.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, CheckpointError> {
        let file = TensorFile::parse(path, bytes)?;
        let card = card_of(path, &file)?;
        let widths = if card.is_none() { widths(&file) } else { None };
        let names = parameters(&file);
        let shapes = names.iter().filter_map(|name| file.shape(name)).collect();
        Ok(Self { card, dtype: file.dtype(), prefix: prefix(&names), widths, shapes })
    }
}

/// Writes vectors with the layout of a network's parameters, such as gradients, named and laid out as a checkpoint's.
///
/// # Errors
/// If the folder cannot be written to.
///
/// # Panics
/// If `flat` is not as long as the layout says.
pub fn save_vector<A: Scalar>(path: &Path, layout: &Layout, flat: &[A]) -> Result<(), CheckpointError> {
    let bytes = tensors::to_bytes(&encoded(stored(layout, flat)), HashMap::new());
    write_atomic(path, |file| file.write_all(&bytes))?;
    Ok(())
}

/// Reads a vector with the layout of a network's parameters.
///
/// # Errors
/// If the file cannot be read, is damaged, or holds other parameters.
pub fn load_vector<A: Scalar>(path: &Path, layout: &Layout) -> Result<Vec<A>, CheckpointError> {
    let bytes = tensors::read(path)?;
    decode(path, &TensorFile::parse(path, &bytes)?, &[layout])
}

pub(crate) fn card_of(path: &Path, file: &TensorFile<'_>) -> Result<Option<ModelCard>, CheckpointError> {
    let Some(json) = file.metadata(KEY) else { return Ok(None) };
    let broken = |fault: String| TensorFileError::format(path, format!("its description: {fault}"));
    let format: Format = serde_json::from_str(json).map_err(|error| broken(error.to_string()))?;
    let version = format.version;
    if version > VERSION {
        return Err(CheckpointError::Newer { path: path.to_owned(), version });
    }
    check(path, file, json, &format)?;
    let card: ModelCard = serde_json::from_str(json).map_err(|error| broken(error.to_string()))?;
    card.validated().map_err(broken)?;
    Ok(Some(card.with_targets()))
}

/// Checks that text and arrays are what they were when the file was written.
fn check(path: &Path, file: &TensorFile<'_>, json: &str, format: &Format) -> Result<(), TensorFileError> {
    let is_unchanged = match &format.checksum {
        Some(sum) => *sum == file.checksum_with(&with_checksum(json, sum, NO_CHECKSUM)),
        None => format.version < WITH_CHECKSUM,
    };
    let fault = "its checksum does not match: the weights or the description have changed";
    is_unchanged.then_some(()).ok_or_else(|| TensorFileError::format(path, fault))
}

/// An array as files hold it.
pub(crate) struct Stored<A> {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<A>,
    /// Whether they are whole numbers.
    pub(crate) is_whole: bool,
}

#[track_caller]
pub(crate) fn stored<A: Scalar>(layout: &Layout, flat: &[A]) -> Vec<Stored<A>> {
    stored_as(layout, flat, &|entry| entry.storage.clone())
}

#[track_caller]
fn stored_as<A: Scalar>(layout: &Layout, flat: &[A], storage: &dyn Fn(&Entry) -> Storage) -> Vec<Stored<A>> {
    assert_eq!(layout.len(), flat.len(), "checkpoint: the vector has not the layout's length");
    let array = |entry: &Entry| {
        let storage = storage(entry);
        let (shape, values) = (storage.shape().to_vec(), storage.to_file(&flat[entry.range()]));
        Stored { name: entry.name.clone(), shape, values, is_whole: entry.storage.is_whole() }
    };
    layout.entries().iter().map(array).collect()
}

pub(crate) fn encoded<A: Scalar>(arrays: Vec<Stored<A>>) -> Vec<TensorBytes> {
    let encode = |Stored { name, shape, values, is_whole }| {
        let new = if is_whole { TensorBytes::whole } else { TensorBytes::new };
        new(name, shape, &values)
    };
    arrays.into_iter().map(encode).collect()
}

/// What `DataParallel`, `DistributedDataParallel` and `torch.compile` put before the names of all parameters.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// The wrappers before all of these names.
fn prefix(names: &[&str]) -> String {
    let mut prefix = String::new();
    while let Some(wrapper) = WRAPPERS.iter().find(|wrapper| {
        let inner = |name: &&str| name.get(prefix.len()..).is_some_and(|rest| rest.starts_with(**wrapper));
        !names.is_empty() && names.iter().all(inner)
    }) {
        prefix.push_str(wrapper);
    }
    prefix
}

/// The names of the arrays that may be parameters.
fn parameters<'f>(file: &'f TensorFile<'_>) -> Vec<&'f str> {
    let mut names = file.names();
    names.retain(|name| is_parameter(file, name));
    names
}

/// The vectors of some layouts, one after the other.
pub(crate) fn decode<A: Scalar>(
    path: &Path,
    file: &TensorFile<'_>,
    layouts: &[&Layout],
) -> Result<Vec<A>, CheckpointError> {
    let entries = || layouts.iter().flat_map(|layout| layout.entries());
    let mismatch = |fault: String| CheckpointError::Mismatch { path: path.to_owned(), fault };
    let prefix = prefix(&file.names());
    let known = |name: &str| entries().any(|entry| name.strip_prefix(prefix.as_str()) == Some(&entry.name));
    if let Some(name) = file.names().into_iter().find(|name| !known(name)) {
        return Err(mismatch(format!("it has a parameter {name:?} that the network has not")));
    }
    let format = |key| file.metadata(key).and_then(|json| serde_json::from_str::<Format>(json).ok());
    let own = || format(OWN_LAYERS).map(|format| format.version.max(CHANNELS_FIRST));
    let version = format(KEY).map(|format| format.version).or_else(own).unwrap_or(VERSION);
    // Grows with what the file really holds, not with what its description claims.
    let mut theta = Vec::new();
    for entry in entries() {
        let name = format!("{prefix}{}", entry.name);
        let Some(shape) = file.shape(&name) else {
            return Err(mismatch(format!("it has no parameter {:?}", entry.name)));
        };
        let storage = match version {
            ..CHANNELS_FIRST => entry.storage_as_it_lies(),
            CHANNELS_FIRST..IN_BRANCHES => entry.fourth.clone().unwrap_or_else(|| entry.storage_as_it_lies()),
            IN_BRANCHES.. => entry.storage.clone(),
        };
        let expected = storage.shape();
        if shape != expected {
            let fault = format!("{:?} has shape {shape:?}, the network's {expected:?}", entry.name);
            return Err(mismatch(fault));
        }
        theta.extend(storage.from_file(&values_of::<A>(path, file, &name, entry)?));
    }
    Ok(theta)
}

/// The numbers of an entry in a file.
fn values_of<A: Scalar>(
    path: &Path,
    file: &TensorFile<'_>,
    name: &str,
    entry: &Entry,
) -> Result<Vec<A>, CheckpointError> {
    if entry.storage.is_whole() { Ok(file.whole_values(name)?) } else { finite(path, file, name) }
}

/// The vectors of some layouts, one after the other, from a file of another program.
fn decode_foreign<A: Scalar>(
    path: &Path,
    file: &TensorFile<'_>,
    layouts: &[&Layout],
    said: &ParameterMap,
) -> Result<(Vec<A>, NameMap), CheckpointError> {
    let entries: Vec<&Entry> = layouts.iter().flat_map(|layout| layout.entries()).collect();
    let (names, prefix) = (file.names(), prefix(&parameters(file)));
    let decided = Decided::new(file, &names, &prefix, &entries, said)?;
    let counts = decided.sources.clone();
    let is_number = |entry: &&Entry| !entry.storage.is_whole();
    let numbers: Vec<&Entry> = entries.iter().copied().filter(is_number).collect();
    let decided = decided.of(entries.iter().map(is_number));
    let (sources, mut map) = find(file, &names, &prefix, &numbers, &decided).map_err(|fault| {
        let path = path.to_owned();
        match fault {
            Unmapped::Mismatch(fault) => CheckpointError::Mismatch { path, fault },
            Unmapped::Ambiguous(fault) => CheckpointError::Ambiguous { path, fault },
        }
    })?;
    let (mut theta, mut sources) = (Vec::new(), sources.into_iter());
    for (entry, decided) in entries.into_iter().zip(counts) {
        // A count is found by its name alone, and is 0 in a file without it.
        let count = format!("{prefix}{}", entry.name);
        let source = match names.iter().copied().find(|name| *name == count) {
            found if entry.storage.is_whole() => {
                decided.or(found).filter(|name| file.shape(name).as_deref() == Some(&[]))
            }
            _ => sources.next().flatten(),
        };
        match source {
            Some(name) => {
                map.passed_over.retain(|passed| passed != name);
                theta.extend(entry.storage.from_file(&values_of::<A>(path, file, name, entry)?));
            }
            None => theta.resize(theta.len() + entry.size(), A::zero()),
        }
    }
    Ok((theta, map))
}

/// The numbers of an array, none of which is NaN or infinite.
fn finite<A: Scalar>(path: &Path, file: &TensorFile<'_>, name: &str) -> Result<Vec<A>, CheckpointError> {
    let values: Vec<A> = file.values(name)?;
    if values.iter().any(|x| !x.is_finite()) {
        return Err(TensorFileError::NotFinite { path: path.to_owned(), array: name.to_owned() }.into());
    }
    Ok(values)
}
