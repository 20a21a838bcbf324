//! State dicts that PyTorch's `torch.save` has written, read without executing anything.

mod pickle;
mod value;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::io::{copy, sink};

use chainrule_tensor::half::half;
use chainrule_train::tensors::{TensorBytes, to_bytes};
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveEntryWayfinder, ZipSliceArchive};
use thiserror::Error;

use self::pickle::Machine;
use self::value::{Storage, Tensor};

/// Why a file of `torch.save` could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateDictError {
    /// The bytes are no archive of `torch.save`, or a corrupted one.
    #[error(
        "not a readable file of torch.save ({fault}): it is corrupted, of another format, or of a PyTorch before 1.6"
    )]
    Archive {
        /// What is wrong with it.
        fault: String,
    },
    /// The description of the tensors has more in it than tensors.
    #[error("{fault}: save the state dict alone, torch.save(model.state_dict(), …)")]
    Pickle {
        /// What is in it, or wrong with it.
        fault: String,
    },
    /// A tensor is quantised, sparse, complex, or seen through a sign.
    #[error(
        "it holds {kind}, and tensors of real numbers are read: before torch.save, make it one by .float(), .dequantize(), .to_dense() or .clone()"
    )]
    Kind {
        /// What PyTorch calls it, quoted.
        kind: String,
    },
    /// A tensor's numbers are missing, or of a type that is not read.
    #[error("the tensor {name}: {fault}")]
    Tensor {
        /// The tensor, quoted.
        name: String,
        /// What is wrong with it.
        fault: String,
    },
}

impl StateDictError {
    fn archive(fault: impl Into<String>) -> Self {
        Self::Archive { fault: fault.into() }
    }

    fn pickle(fault: impl Into<String>) -> Self {
        Self::Pickle { fault: fault.into() }
    }
}

/// A name of a file as a message shows it.
fn quoted(name: &str) -> String {
    format!("{:?}", name.chars().take(60).collect::<String>())
}

/// Entries of an archive, one for each storage.
const MOST_ENTRIES: usize = 100_000;
/// The bytes of the description.
const LONGEST_PICKLE: usize = 16 << 20;
/// Numbers of all tensors beyond those that the file has: tensors may share a storage.
const SLACK: usize = 1 << 20;

/// The tensors of a state dict as the contents of a safetensors file, as `safetensors.torch.save_file` writes it: `f64` stays, other
/// real numbers become `f32`.
///
/// Only the instructions and the names that a state dict needs are known, and none of them runs code. A dict inside of a dict, such as
/// `{"model_state_dict": …, "epoch": 3}`, gives names with dots; what is no tensor is passed over.
///
/// # Errors
/// If it is no archive of `torch.save`, holds more than tensors and plain values, or a tensor reaches beyond its storage.
pub fn to_safetensors(bytes: &[u8]) -> Result<Vec<u8>, StateDictError> {
    let archive = Archive::open(bytes)?;
    let text = archive.description()?;
    let tensors = Machine::new(text).run()?;
    let inner = inner_dict(&tensors);
    // Two bytes a number, if they are of half precision.
    let mut left = (bytes.len() / 2).saturating_add(SLACK);
    let mut arrays = Vec::new();
    for (name, tensor) in &tensors {
        let Some(name) = name.strip_prefix(&inner) else { continue };
        let count = tensor.count().filter(|&count| count <= left);
        let count = count.ok_or_else(|| StateDictError::Tensor {
            name: quoted(name),
            fault: format!("its shape {:?} has more numbers than the file justifies", tensor.shape),
        })?;
        left -= count;
        arrays.push(archive.array(name, tensor)?);
    }
    if arrays.is_empty() {
        return Err(StateDictError::pickle("there is no tensor in it"));
    }
    Ok(to_bytes(&arrays, HashMap::new()))
}

/// The name of the dict that has the parameters, where the file has others beside it.
fn inner_dict(tensors: &[(String, Tensor<'_>)]) -> String {
    const KNOWN: [&str; 5] = ["model_state_dict.", "state_dict.", "model.", "net.", "network."];
    let has = |known: &&&str| tensors.iter().any(|(name, _)| name.starts_with(**known));
    let others = |known: &str| tensors.iter().any(|(name, _)| !name.starts_with(known));
    let found = KNOWN.iter().find(has).copied().unwrap_or_default();
    // A module may have that name, too: then its names stay, unless nothing but the state of an optimizer is beside it.
    let beside_is_state = tensors.iter().all(|(name, _)| {
        name.starts_with(found)
            || name.starts_with("optimizer")
            || name.starts_with("scheduler")
            || name.starts_with("ema")
    });
    if others(found) && !beside_is_state && !found.contains("state_dict") {
        String::new()
    } else {
        found.to_owned()
    }
}

struct Archive<'b> {
    /// By name, without the folder that has all of them.
    entries: HashMap<String, ZipArchiveEntryWayfinder>,
    zip: ZipSliceArchive<&'b [u8]>,
    /// The entries whose checksums were found right.
    verified: RefCell<HashSet<String>>,
}

impl<'b> Archive<'b> {
    fn open(bytes: &'b [u8]) -> Result<Self, StateDictError> {
        let archive =
            ZipArchive::from_slice(bytes).map_err(|error| StateDictError::archive(error.to_string()))?;
        let mut entries = HashMap::new();
        let mut walk = archive.entries();
        while let Some(entry) =
            walk.next_entry().map_err(|error| StateDictError::archive(error.to_string()))?
        {
            if entries.len() == MOST_ENTRIES {
                return Err(StateDictError::archive(format!("it has more than {MOST_ENTRIES} entries")));
            }
            if entry.compression_method() != CompressionMethod::STORE {
                return Err(StateDictError::archive("its entries are compressed, as torch.save does not"));
            }
            let name = String::from_utf8_lossy(entry.file_path().as_bytes()).into_owned();
            let name = name.split_once('/').map_or(name.as_str(), |(_, name)| name);
            entries.insert(name.to_owned(), entry.wayfinder());
        }
        Ok(Self { entries, zip: archive, verified: RefCell::default() })
    }

    fn entry(&self, name: &str, longest: usize) -> Result<&[u8], StateDictError> {
        let missing = || StateDictError::archive(format!("it has no entry {}", quoted(name)));
        let wayfinder = self.entries.get(name).ok_or_else(missing)?;
        let entry =
            self.zip.get_entry(*wayfinder).map_err(|error| StateDictError::archive(error.to_string()))?;
        let data = entry.data();
        if data.len() > longest {
            return Err(StateDictError::archive(format!("its entry {} is too long", quoted(name))));
        }
        if !self.verified.borrow().contains(name) {
            copy(&mut entry.verifying_reader(data), &mut sink())
                .map_err(|error| StateDictError::archive(error.to_string()))?;
            self.verified.borrow_mut().insert(name.to_owned());
        }
        Ok(data)
    }

    fn description(&self) -> Result<&[u8], StateDictError> {
        if self.entries.contains_key("byteorder") && self.entry("byteorder", 16)? != b"little" {
            return Err(StateDictError::archive("its numbers are big-endian"));
        }
        self.entry("data.pkl", LONGEST_PICKLE)
    }

    /// A tensor with its numbers in C order.
    fn array(&self, name: &str, tensor: &Tensor<'_>) -> Result<TensorBytes, StateDictError> {
        let fault = |fault: String| StateDictError::Tensor { name: quoted(name), fault };
        let Tensor { storage: Storage { kind, key }, offset, shape, strides } = tensor;
        let raw = self.entry(&format!("data/{key}"), usize::MAX)?;
        let overflows = || fault("its strides overflow".to_owned());
        let is_contiguous = *strides == contiguous(shape);
        let places: Box<dyn Iterator<Item = usize>> = if is_contiguous {
            let end = tensor.count().and_then(|count| offset.checked_add(count)).ok_or_else(overflows)?;
            Box::new(*offset..end)
        } else {
            Box::new(places(*offset, shape, strides).ok_or_else(overflows)?.into_iter())
        };
        let (name, shape) = (name.to_owned(), shape.clone());
        let beyond = || fault("it reaches beyond its storage".to_owned());
        macro_rules! numbers {
            ($width:literal, $of:expr) => {{
                let all = raw.as_chunks::<$width>().0;
                places
                    .map(|place| all.get(place).copied().map($of))
                    .collect::<Option<Vec<_>>>()
                    .ok_or_else(beyond)?
            }};
        }
        Ok(match *kind {
            "DoubleStorage" => TensorBytes::new(name, shape, &numbers!(8, f64::from_le_bytes)),
            "FloatStorage" => TensorBytes::new(name, shape, &numbers!(4, f32::from_le_bytes)),
            "HalfStorage" => {
                TensorBytes::new(name, shape, &numbers!(2, |two| half(u16::from_le_bytes(two)) as f32))
            }
            "BFloat16Storage" => {
                // The upper half of an f32.
                TensorBytes::new(
                    name,
                    shape,
                    &numbers!(2, |[low, high]: [u8; 2]| f32::from_le_bytes([0, 0, low, high])),
                )
            }
            "LongStorage" => {
                TensorBytes::whole(name, shape, &numbers!(8, |eight| i64::from_le_bytes(eight) as f64))
            }
            "IntStorage" => {
                TensorBytes::whole(name, shape, &numbers!(4, |four| f64::from(i32::from_le_bytes(four))))
            }
            "ShortStorage" => {
                TensorBytes::whole(name, shape, &numbers!(2, |two| f64::from(i16::from_le_bytes(two))))
            }
            "CharStorage" => {
                TensorBytes::whole(name, shape, &numbers!(1, |one| f64::from(i8::from_le_bytes(one))))
            }
            "ByteStorage" | "BoolStorage" => {
                TensorBytes::whole(name, shape, &numbers!(1, |[one]: [u8; 1]| f64::from(one)))
            }
            other => return Err(fault(format!("numbers of the kind {}, which are not read", quoted(other)))),
        })
    }
}

/// The strides of an array in C order.
fn contiguous(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1_usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
    }
    strides
}

/// The places of the numbers of a tensor in its storage.
fn places(offset: usize, shape: &[usize], strides: &[usize]) -> Option<Vec<usize>> {
    let mut places = vec![offset];
    for (&length, &stride) in shape.iter().zip(strides) {
        let mut next = Vec::with_capacity(places.len().checked_mul(length)?);
        for place in places {
            for at in 0..length {
                next.push(place.checked_add(at.checked_mul(stride)?)?);
            }
        }
        places = next;
    }
    Some(places)
}

#[cfg(test)]
mod tests;
