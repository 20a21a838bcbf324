//! NumPy's `.npz` files: several arrays under their names, stored or deflated.

use std::io::{self, Read, Write};
use std::path::Path;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::ArrayD;
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveEntryWayfinder, ZipArchiveWriter, ZipSliceArchive};

use super::npy;
use crate::atomic::write_atomic;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::features::Features;
use crate::file::read_file;
use crate::memory;
use crate::options::ReadOptions;
use crate::parts::Parts;
use crate::table::column::Column;
use crate::target::Target;
use crate::task::TaskKind;

const DAMAGED: &str = "it is damaged or no .npz file, get it again";
/// Arrays in a file at most.
const MOST_ARRAYS: usize = 64;
/// Deflate packs at most 1,032 bytes into one; an entry that announces more is wrong.
const LARGEST_RATIO: u64 = 1_032;
/// The most that a deflated array is unpacked to.
const LARGEST_UNPACKED: u64 = 1 << 30;
/// The names of the features and of the target, in any case.
const FEATURES: [&str; 4] = ["x", "data", "features", "images"];
const TARGETS: [&str; 5] = ["y", "target", "targets", "labels", "label"];

/// Reads a file as [`decode`] does its bytes.
pub(crate) fn read<A: Scalar>(path: &Path, options: &ReadOptions) -> Result<Parts<A>, Error> {
    decode(&read_file(path)?, path, options)
}

/// Reads a data set from the bytes of a file: features as `x`, `data`, `features` or `images`, and a target as `y`, `target`,
/// `targets`, `labels`, `label` or the name in the options, one number or one row of numbers per row. With the suffixes `_train`, `_val` and
/// `_test` on these names there are several parts. A single matrix is a table with the target among its columns.
///
/// # Errors
/// If the file is damaged, or its arrays do not form a data set. Nothing is allocated beyond what the file's own bytes justify,
/// and an array is not unpacked beyond the size in its entry.
pub fn decode<A: Scalar>(bytes: &[u8], path: &Path, options: &ReadOptions) -> Result<Parts<A>, Error> {
    let arrays = Arrays::open(bytes, path, options)?;
    let named = match options.target.only() {
        Some(Column::Name(wanted)) => arrays.entries.iter().position(|entry| entry.name == *wanted),
        _ => None,
    };
    let part = |x: usize, y: usize, options: &ReadOptions| -> Result<Dataset<A>, Error> {
        options.refuse_columns(path)?;
        let y = npy::decode_target::<A>(&arrays.unpacked(y)?, path, options)?;
        npy::decode_array(&arrays.unpacked(x)?, path)?.for_model(path, options)?.into_dataset(path, y)
    };
    if let (Some(x), Some(y)) = (arrays.find(&FEATURES, "_train"), arrays.find(&TARGETS, "_train")) {
        let train = part(x, y, options)?;
        // The task is found once, on the training part.
        let task =
            if matches!(train.target(), Target::Real { .. }) { TaskKind::Regression } else { options.task };
        let (classes, labels) = (train.class_names().to_vec(), train.target().labels().to_vec());
        let like_train = ReadOptions { task, classes, labels, ..options.clone() };
        let other = |suffixes: &[&str]| -> Result<Option<Dataset<A>>, Error> {
            for suffix in suffixes {
                let found = (arrays.find(&FEATURES, suffix), arrays.find(&TARGETS, suffix));
                let (Some(x), Some(y)) = found else { continue };
                let data = part(x, y, &like_train)?;
                if data.outputs() != train.outputs() {
                    let (wide, outputs) = (data.outputs(), train.outputs());
                    let fault =
                        format!("the target of x{suffix} has {wide} columns, that of x_train {outputs}");
                    return Err(Error::format(path, fault, "give all parts the same targets"));
                }
                if data.inputs() != train.inputs() {
                    let (wide, inputs) = (data.inputs(), train.inputs());
                    let fault =
                        format!("an example of x{suffix} has {wide} numbers, one of x_train {inputs}");
                    return Err(Error::format(path, fault, "give all parts the same columns"));
                }
                return Ok(Some(data));
            }
            Ok(None)
        };
        let (validation, test) = (other(&["_val", "_validation", "_valid"])?, other(&["_test"])?);
        return Ok(Parts { train, validation, test });
    }
    let target = named.or_else(|| arrays.find(&TARGETS, ""));
    match (arrays.find(&FEATURES, ""), target, arrays.entries.len()) {
        (Some(x), Some(y), _) if x != y => Ok(part(x, y, options)?.into()),
        (None, Some(y), 2) => Ok(part(1 - y, y, options)?.into()),
        (_, None, 1) => Ok(npy::decode_table(&arrays.unpacked(0)?, path, options)?.into()),
        _ => {
            let fault = format!("no features and target among its arrays {}", arrays.names());
            Err(Error::format(path, fault, "save them as x and y, or as x_train, y_train, x_test and y_test"))
        }
    }
}

/// Reads the features of an archive for a model: `x`, `data`, `features` or `images`, else those of the test part, else its only
/// array.
///
/// # Errors
/// If the file is damaged, or has no such array.
pub(crate) fn read_features<A: Scalar>(path: &Path, options: &ReadOptions) -> Result<Features<A>, Error> {
    let bytes = read_file(path)?;
    let arrays = Arrays::open(&bytes, path, options)?;
    let only = (arrays.entries.len() == 1).then_some(0);
    let Some(x) = arrays.find(&FEATURES, "").or_else(|| arrays.find(&FEATURES, "_test")).or(only) else {
        let fault = format!("no features among its arrays {}", arrays.names());
        return Err(Error::format(path, fault, "save them as x"));
    };
    let features = arrays.unpacked(x)?;
    if let Some(schema) = &options.table.schema {
        // A lone array can be a table with its target, as one can be trained on.
        let is_table = only.is_some() && !schema.named && schema.dialect.is_none();
        let (width, wanted) = (npy::width(&features, path)?, schema.width - schema.targets.len());
        if !is_table && width > wanted {
            let name = &arrays.entries[x].name;
            let fault = format!(
                "array {name} has {width} columns, and the training data {wanted} without the target"
            );
            return Err(Error::format(
                path,
                fault,
                "give it the columns of the training data without the target",
            ));
        }
    }
    npy::decode_features(&features, path, options)
}

/// The arrays of an archive, still packed.
struct Arrays<'a> {
    path: &'a Path,
    limit: u64,
    archive: ZipSliceArchive<&'a [u8]>,
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    wayfinder: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
}

impl<'a> Arrays<'a> {
    fn open(bytes: &'a [u8], path: &'a Path, options: &ReadOptions) -> Result<Self, Error> {
        let damaged = |fault: String| Error::format(path, fault, DAMAGED);
        let archive =
            ZipArchive::from_slice(bytes).map_err(|error| damaged(format!("it is no archive ({error})")))?;
        let mut entries = Vec::new();
        let mut walk = archive.entries();
        while let Some(entry) = walk
            .next_entry()
            .map_err(|error| damaged(format!("its list of arrays cannot be read ({error})")))?
        {
            if entries.len() == MOST_ARRAYS {
                let fault = format!("it has more than {MOST_ARRAYS} arrays");
                return Err(Error::format(path, fault, "save x and y in a separate file"));
            }
            let name = String::from_utf8_lossy(entry.file_path().as_bytes()).into_owned();
            let name = name.strip_suffix(".npy").unwrap_or(&name).to_owned();
            let (wayfinder, method) = (entry.wayfinder(), entry.compression_method());
            entries.push(Entry { name, wayfinder, method });
        }
        Ok(Self { path, limit: options.memory(), archive, entries })
    }

    /// The bytes of an array, as its `.npy` file has them.
    fn unpacked(&self, at: usize) -> Result<Vec<u8>, Error> {
        let (path, Entry { name, wayfinder, method }) = (self.path, &self.entries[at]);
        let failed = |fault: String| Error::format(path, format!("array {name}: {fault}"), DAMAGED);
        let entry = self.archive.get_entry(*wayfinder).map_err(|error| failed(error.to_string()))?;
        let data = entry.data();
        let claimed = wayfinder.uncompressed_size_hint();
        let most = match *method {
            CompressionMethod::STORE => data.len() as u64,
            _ => LARGEST_RATIO * data.len() as u64,
        };
        if claimed > most {
            return Err(failed(format!("{claimed} bytes cannot be packed into {}", data.len())));
        }
        if *method != CompressionMethod::STORE && claimed > LARGEST_UNPACKED {
            let fault =
                format!("array {name}: {claimed} bytes, and a compressed one may hold {LARGEST_UNPACKED}");
            return Err(Error::format(path, fault, "save it with numpy.savez"));
        }
        memory::check(path, Some(claimed), self.limit)?;
        // Room for the likely size, not for the claimed one.
        let mut unpacked = Vec::with_capacity(claimed.min(4 * data.len() as u64) as usize);
        let mut read = |source: &mut dyn Read| source.take(claimed + 1).read_to_end(&mut unpacked);
        match *method {
            CompressionMethod::STORE => read(&mut entry.verifying_reader(data)),
            CompressionMethod::DEFLATE => {
                read(&mut entry.verifying_reader(flate2::read::DeflateDecoder::new(data)))
            }
            other => {
                return Err(failed(format!(
                    "its compression is {other:?}: numpy.savez and numpy.savez_compressed are read"
                )));
            }
        }
        .map_err(|error| failed(format!("it cannot be unpacked ({error})")))?;
        Ok(unpacked)
    }

    /// The array with one of these names and this suffix, in any case.
    fn find(&self, known: &[&str], suffix: &str) -> Option<usize> {
        self.entries.iter().position(|entry| {
            known.iter().any(|known| entry.name.eq_ignore_ascii_case(&format!("{known}{suffix}")))
        })
    }

    fn names(&self) -> String {
        if self.entries.is_empty() {
            return "(it has none)".to_owned();
        }
        let names: Vec<&str> = self.entries.iter().map(|entry| entry.name.as_str()).collect();
        names.join(", ")
    }
}

/// Writes arrays in their own number type, as `numpy.savez` does; `numpy.load` reads them.
///
/// # Errors
/// If the file cannot be written; an existing file stays as it was.
///
/// ```
/// use chainrule_tensor::ndarray::array;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("line.npz");
/// let arrays = [("slope".to_owned(), array![[2.0_f32, 1.0]].into_dyn()), ("height".to_owned(), array![0.5].into_dyn())];
/// chainrule_datasets::npz::write(&path, &arrays)?;
/// let mut file = ndarray_npy::NpzReader::new(std::fs::File::open(&path)?)?;
/// assert_eq!(file.names()?, ["slope", "height"]);
/// # Ok(())
/// # }
/// ```
pub fn write<A: Scalar>(path: &Path, arrays: &[(String, ArrayD<A>)]) -> Result<(), Error> {
    write_atomic(path, |file| pack(file, arrays))
}

fn pack<A: Scalar>(writer: &mut dyn Write, arrays: &[(String, ArrayD<A>)]) -> io::Result<()> {
    let mut archive = ZipArchiveWriter::new(writer);
    for (name, array) in arrays {
        let name = format!("{name}.npy");
        let (mut entry, config) = archive.new_file(name.as_str()).start().map_err(io::Error::other)?;
        let mut data = config.wrap(&mut entry);
        npy::write_to(&mut data, array)?;
        let (_, descriptor) = data.finish().map_err(io::Error::other)?;
        entry.finish(descriptor).map_err(io::Error::other)?;
    }
    archive.finish().map_err(io::Error::other)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use chainrule_tensor::ndarray::{Array2, array};
    use ndarray_npy::NpzReader;

    use super::*;

    #[test]
    fn arrays_come_back_under_their_names_and_the_bytes_are_the_same_each_time() {
        let arrays = [
            ("0.weight".to_owned(), array![[1.5, -2.0]].into_dyn()),
            ("b".to_owned(), array![0.1].into_dyn()),
        ];
        let packed = || {
            let mut bytes = Vec::new();
            pack::<f64>(&mut bytes, &arrays).unwrap();
            bytes
        };
        let bytes = packed();
        assert_eq!(bytes, packed());
        let mut file = NpzReader::new(Cursor::new(bytes)).unwrap();
        assert_eq!(file.by_name::<_, _>("0.weight").map(|x: Array2<f64>| x).unwrap(), array![[1.5, -2.0]]);
    }
}
