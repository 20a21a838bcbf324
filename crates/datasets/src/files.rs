//! Data in a file of one's own, of whatever format.

use std::ffi::OsStr;
use std::path::Path;

use chainrule_tensor::Scalar;

use crate::table::Options;
use crate::{Dataset, Error, Features, Parts, archive, csv, idx, images, npy, read_file};

/// A format, by the name of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// `.csv`, `.tsv`, `.txt`: a table of text.
    Text,
    /// `.npy`: an array of NumPy's.
    Npy,
    /// `.npz`: several of them.
    Npz,
    /// `.parquet`: a table with types.
    Parquet,
    /// `…-ubyte`, `.idx`, both also with `.gz` behind: bytes in the format of MNIST.
    Idx,
    /// A folder with a folder of pictures for each class.
    Images,
}

impl Format {
    /// What the path seems to be; `None` if nothing that is read here.
    ///
    /// ```
    /// use chainrule_datasets::Format;
    ///
    /// assert_eq!(Format::of("iris.csv".as_ref()), Some(Format::Text));
    /// assert_eq!(Format::of("train-images-idx3-ubyte.gz".as_ref()), Some(Format::Idx));
    /// assert_eq!(Format::of("mnist".as_ref()), None);
    /// ```
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
        let idx = name.strip_suffix(".gz").unwrap_or(&name);
        if idx.ends_with("ubyte") || idx.rsplit_once('.').is_some_and(|(_, extension)| extension == "idx") {
            return Some(Format::Idx);
        }
        match name.rsplit_once('.') {
            Some((_, "csv" | "tsv" | "txt")) => Some(Format::Text),
            Some((_, "npy")) => Some(Format::Npy),
            Some((_, "npz")) => Some(Format::Npz),
            Some((_, "parquet" | "pq")) => Some(Format::Parquet),
            _ => path.is_dir().then_some(Format::Images),
        }
    }
}

/// Reads examples with their targets from a file of any of the formats; an archive may have a test part of its own.
///
/// # Errors
/// If the file cannot be read, is of no known format, or does not hold examples with targets.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("flats.csv");
/// std::fs::write(&path, "rooms,town,rent\n3,Ulm,700.5\n1,Bonn,500.0\n")?;
/// let parts = chainrule_datasets::read::<f32>(&path, &Default::default())?;
/// assert_eq!((parts.train.inputs(), parts.train.labels()), (3, None));
/// # Ok(())
/// # }
/// ```
pub fn read<A: Scalar>(path: &Path, options: &Options) -> Result<Parts<A>, Error> {
    match format(path)? {
        Format::Text => Ok(csv::read(path, options)?.into()),
        Format::Npy => Ok(npy::table(path, options)?.into()),
        Format::Npz => archive::read(path, options),
        Format::Parquet => Ok(parquet(path, options)?.into()),
        Format::Images => Ok(images::read(path, options)?.into()),
        Format::Idx => {
            let fault = "it holds features, and no target";
            Err(Error::format(path, fault, "name the file of the target with --target"))
        }
    }
}

/// Reads features from one file and their targets, one number each, from another; either is `.npy` or IDX.
///
/// # Errors
/// As [`read`]; or if the files do not fit together.
pub fn read_pair<A: Scalar>(features: &Path, target: &Path, options: &Options) -> Result<Dataset<A>, Error> {
    let y = match format(target)? {
        Format::Npy => npy::decode_target(&read_file(target)?, target, options.task, &options.classes)?,
        Format::Idx => idx::target(target, options.task, &options.classes)?,
        _ => return Err(Error::format(target, "it is neither .npy nor IDX", "save the target as .npy")),
    };
    let stream = stream(features, options)?;
    let x = match format(features)? {
        Format::Npy if stream => npy::stored(features, None)?,
        Format::Npy => npy::decode_array(&read_file(features)?, features)?,
        Format::Idx if stream => idx::stored(features)?,
        Format::Idx => idx::examples(idx::read(features)?, features)?,
        _ => return Err(Error::format(features, "it is neither .npy nor IDX", "save the features as .npy")),
    };
    x.into_dataset(features, y)
}

/// Reads the features of a file for a model; the schema in the options says which columns.
///
/// # Errors
/// As [`read`]; or if a column of the model is not there.
pub fn read_features<A: Scalar>(path: &Path, options: &Options) -> Result<Features<A>, Error> {
    match format(path)? {
        Format::Text => csv::read_features(path, options),
        Format::Npy => npy::features(path, options),
        Format::Parquet => parquet_features(path, options),
        Format::Idx => Ok(idx::examples(idx::read(path)?, path)?.features),
        Format::Npz | Format::Images => {
            Err(Error::format(path, "it is no table", "give the rows as .csv, .npy or .parquet"))
        }
    }
}

/// Files above this size stay on disk while a network trains, where nothing else is asked for.
const LARGEST_IN_MEMORY: u64 = 1 << 30;

/// Whether the rows of a file stay there.
pub(crate) fn stream(path: &Path, options: &Options) -> Result<bool, Error> {
    let length =
        std::fs::metadata(path).map_err(|source| Error::Read { path: path.to_owned(), source })?.len();
    Ok(options.stream.unwrap_or(length > LARGEST_IN_MEMORY))
}

fn format(path: &Path) -> Result<Format, Error> {
    Format::of(path).ok_or_else(|| {
        let (fault, cure) =
            ("its format is not known by its name", "name it .csv, .tsv, .npy, .npz, .parquet or .idx");
        Error::format(path, fault, cure)
    })
}

#[cfg(feature = "parquet")]
use crate::parquet::{read as parquet, read_features as parquet_features};

#[cfg(not(feature = "parquet"))]
fn parquet<A: Scalar>(path: &Path, _: &Options) -> Result<Dataset<A>, Error> {
    Err(without_parquet(path))
}

#[cfg(not(feature = "parquet"))]
fn parquet_features<A: Scalar>(path: &Path, _: &Options) -> Result<Features<A>, Error> {
    Err(without_parquet(path))
}

#[cfg(not(feature = "parquet"))]
fn without_parquet(path: &Path) -> Error {
    let cure = "save it as .csv, or build with --features parquet";
    Error::format(path, "this build does not read Parquet", cure)
}
