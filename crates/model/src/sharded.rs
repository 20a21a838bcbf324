//! State dicts in several safetensors files, the shards, with an index of which array is in which: `model.safetensors.index.json` beside
//! `model-00001-of-00002.safetensors` and so on.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use chainrule_train::tensors::{TensorBytes, TensorFile, TensorFileError, read as read_file, to_bytes};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use crate::name_map::cut;

/// Why a state dict in shards could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ShardError {
    /// The index or a shard cannot be read, or a shard is no safetensors file.
    #[error(transparent)]
    File(#[from] TensorFileError),
    /// The index is none, or a corrupted one.
    #[error("{}: not a readable index of safetensors files ({fault}): it is corrupted or of another format", path.display())]
    Index {
        /// The index.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// The index and the shards contradict each other.
    #[error("{}: {fault}: the index and its shards are not of one model, or one of them is incomplete", path.display())]
    Contradiction {
        /// The index.
        path: PathBuf,
        /// What contradicts.
        fault: String,
    },
}

/// Bytes of an index, shards of a model.
const LONGEST_INDEX: usize = 4 << 20;
const TOO_LONG: &str = "it has more than 4 MiB";
const MOST_SHARDS: usize = 10_000;

/// An index as it is in JSON.
#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    metadata: Option<Metadata>,
    weight_map: Places,
}

#[derive(Deserialize)]
struct Metadata {
    /// Bytes of all arrays.
    #[serde(default)]
    total_size: Option<f64>,
}

/// The arrays, sorted by name, and the shard of each.
#[derive(Default)]
struct Places {
    shards: Vec<String>,
    arrays: Vec<(String, usize)>,
}

impl<'de> Deserialize<'de> for Places {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PlacesVisitor)
    }
}

struct PlacesVisitor;

impl<'de> Visitor<'de> for PlacesVisitor {
    type Value = Places;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names of arrays with the names of files")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Places, M::Error> {
        let (mut places, mut known) = (Places::default(), HashMap::new());
        while let Some((array, shard)) = map.next_entry::<String, String>()? {
            let at = match known.get(&shard) {
                Some(&at) => at,
                None if places.shards.len() == MOST_SHARDS => {
                    return Err(M::Error::custom(format!("it names more than {MOST_SHARDS} files")));
                }
                None => {
                    if !is_plain(&shard) {
                        let shard = cut(&shard);
                        let fault =
                            format!("{shard:?} is no name of a .safetensors file in the folder of the index");
                        return Err(M::Error::custom(fault));
                    }
                    places.shards.push(shard.clone());
                    known.insert(shard, places.shards.len() - 1);
                    places.shards.len() - 1
                }
            };
            places.arrays.push((array, at));
        }
        places.arrays.sort_unstable();
        match places.arrays.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(M::Error::custom(format!("{:?} is in it twice", cut(&pair[0].0)))),
            None => Ok(places),
        }
    }
}

/// Whether a name leads to a file in the folder itself: without folders, drives and streams.
fn is_plain(name: &str) -> bool {
    let leads_away = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':');
    name.strip_suffix(".safetensors").is_some_and(|stem| !stem.is_empty()) && !name.contains(leads_away)
}

/// Whether a file is an index of shards, by its name.
pub fn is_index(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase());
    name.is_some_and(|name| name.ends_with(".safetensors.index.json"))
}

/// The arrays of the shards in the folder of an index, as the contents of one safetensors file.
///
/// # Errors
/// As [`to_safetensors`], or if a file cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, ShardError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    // Before it is in memory.
    if std::fs::metadata(path).is_ok_and(|file| file.len() > LONGEST_INDEX as u64) {
        return Err(ShardError::Index { path: path.to_owned(), fault: TOO_LONG.to_owned() });
    }
    to_safetensors(path, &read_file(path)?, |shard| read_file(&folder.join(shard)))
}

/// The arrays of the shards of an index, as the contents of one safetensors file. `shard` reads one by its name; `path`, that of the
/// index, serves the messages only. One shard at a time is in memory beside the arrays.
///
/// # Errors
/// If the index is none, names a file outside of its folder, or contradicts the shards: an array that is missing, in another shard, in
/// two of them or not in the index, or another number of bytes.
pub fn to_safetensors(
    path: &Path,
    index: &[u8],
    mut shard: impl FnMut(&str) -> Result<Vec<u8>, TensorFileError>,
) -> Result<Vec<u8>, ShardError> {
    let no_index = |fault: String| ShardError::Index { path: path.to_owned(), fault };
    let contradiction = |fault: String| Err(ShardError::Contradiction { path: path.to_owned(), fault });
    if index.len() > LONGEST_INDEX {
        return Err(no_index(TOO_LONG.to_owned()));
    }
    let Index { metadata, weight_map: Places { shards, arrays } } =
        serde_json::from_slice(index).map_err(|error| no_index(error.to_string()))?;
    if arrays.is_empty() {
        return Err(no_index("it names no array".to_owned()));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut expected = vec![0; shards.len()];
    for &(_, shard) in &arrays {
        expected[shard] += 1;
    }
    let mut read: Vec<TensorBytes> = Vec::new();
    for (at, name) in shards.iter().enumerate() {
        let (place, bytes) = (folder.join(name), shard(name)?);
        let file = TensorFile::parse(&place, &bytes)?;
        let before = read.len();
        for array in file.names() {
            let listed = arrays.binary_search_by(|(other, _)| other.as_str().cmp(array));
            match listed.map(|listed| arrays[listed].1) {
                Ok(listed) if listed == at => read.extend(file.array(array)),
                Ok(listed) => {
                    let (array, listed) = (cut(array), &shards[listed]);
                    return contradiction(format!("{array:?} is in {name}, and the index says {listed}"));
                }
                Err(_) => {
                    return contradiction(format!(
                        "{name} has {:?}, which the index does not name",
                        cut(array)
                    ));
                }
            }
        }
        if read.len() - before < expected[at] {
            let missing = arrays.iter().find(|(array, shard)| *shard == at && file.shape(array).is_none());
            let array = missing.map_or("", |(array, _)| array);
            return contradiction(format!("{name} has no array {:?}, which the index names", cut(array)));
        }
    }
    let bytes: usize = read.iter().map(|array| array.bytes().len()).sum();
    if let Some(total) = metadata.and_then(|metadata| metadata.total_size)
        && total != bytes as f64
    {
        return contradiction(format!("the index says {total} bytes of arrays, and its shards have {bytes}"));
    }
    Ok(to_bytes(&read, HashMap::new()))
}

#[cfg(test)]
mod tests;
