//! Data in a file of any format.

use std::ffi::OsStr;
use std::path::Path;

use chainrule_tensor::Scalar;

use crate::array::{idx, npy};
use crate::dataset::Dataset;
use crate::error::Error;
use crate::features::Features;
use crate::options::ReadOptions;
use crate::parts::Parts;
use crate::table::kept::KeptColumn;

/// A format, by the name of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileFormat {
    /// `.csv`, `.tsv`, `.txt`, also with `.gz` or `.zst`, and `-`, the standard input: a table of text.
    Text,
    /// `.npy`: a NumPy array.
    Npy,
    /// `.npz`: several NumPy arrays.
    Npz,
    /// `.parquet`: a table with types.
    Parquet,
    /// `…-ubyte`, `.idx`, also with `.gz`: bytes in the format of MNIST.
    Idx,
    /// A folder with a folder of image files for each class.
    Images,
}

impl FileFormat {
    /// How the names of files end that are read, for a message.
    pub const ENDINGS: &str =
        ".csv, .tsv or .txt (each also with .gz or .zst), .npy, .npz, .parquet, .idx or -ubyte";

    /// The format that the path names; `None` if it is unknown.
    ///
    /// ```
    /// use chainrule_datasets::FileFormat;
    ///
    /// assert_eq!(FileFormat::of("iris.csv".as_ref()), Some(FileFormat::Text));
    /// assert_eq!(FileFormat::of("train-images-idx3-ubyte.gz".as_ref()), Some(FileFormat::Idx));
    /// assert_eq!(FileFormat::of("iris.csv.gz".as_ref()), Some(FileFormat::Text));
    /// assert_eq!(FileFormat::of("iris.csv.zst".as_ref()), Some(FileFormat::Text));
    /// assert_eq!(FileFormat::of("mnist".as_ref()), None);
    /// ```
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
        let idx = name.strip_suffix(".gz").unwrap_or(&name);
        let unpacked = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst"));
        if idx.ends_with("ubyte") || idx.rsplit_once('.').is_some_and(|(_, extension)| extension == "idx") {
            return Some(FileFormat::Idx);
        }
        let text = |name: &str| matches!(name.rsplit_once('.'), Some((_, "csv" | "tsv" | "txt")));
        if name == "-" || unpacked.is_some_and(text) {
            return Some(FileFormat::Text);
        }
        match name.rsplit_once('.') {
            _ if text(&name) => Some(FileFormat::Text),
            Some((_, "npy")) => Some(FileFormat::Npy),
            Some((_, "npz")) => Some(FileFormat::Npz),
            Some((_, "parquet" | "pq")) => Some(FileFormat::Parquet),
            _ => path.is_dir().then_some(FileFormat::Images),
        }
    }
}

/// Reads examples with their targets from a file of any of the formats; an archive may have a test part.
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
pub fn read<A: Scalar>(path: &Path, options: &ReadOptions) -> Result<Parts<A>, Error> {
    match format(path)? {
        #[cfg(feature = "csv")]
        FileFormat::Text => Ok(crate::table::csv::read(path, options)?.into()),
        #[cfg(not(feature = "csv"))]
        FileFormat::Text => Err(not_built(path, "tables of text", "csv")),
        FileFormat::Npy => Ok(npy::table(path, options)?.into()),
        #[cfg(feature = "files")]
        FileFormat::Npz => crate::array::npz::read(path, options),
        #[cfg(not(feature = "files"))]
        FileFormat::Npz => Err(not_built(path, "archives of arrays", "files")),
        #[cfg(feature = "parquet")]
        FileFormat::Parquet => Ok(crate::table::parquet::read(path, options)?.into()),
        #[cfg(not(feature = "parquet"))]
        FileFormat::Parquet => Err(not_built(path, "Parquet", "parquet")),
        #[cfg(feature = "images")]
        FileFormat::Images => {
            options.refuse_columns(path)?;
            crate::image::parts::read(path, options)
        }
        #[cfg(not(feature = "images"))]
        FileFormat::Images => Err(not_built(path, "image files", "images")),
        FileFormat::Idx => {
            let fault = "it holds features, and no target";
            Err(Error::format(path, fault, "name the file of the target with --target"))
        }
    }
}

/// Reads features from one file and their targets, a number or a row of numbers each, from another; either is `.npy` or IDX.
///
/// # Errors
/// As [`read`]; or if the files do not fit together.
pub fn read_pair<A: Scalar>(
    features: &Path,
    target: &Path,
    options: &ReadOptions,
) -> Result<Dataset<A>, Error> {
    options.refuse_columns(features)?;
    let y = match format(target)? {
        FileFormat::Npy => npy::decode_target::<A>(&options.read_file(target)?, target, options)?,
        FileFormat::Idx => idx::target(target, options)?,
        _ => return Err(Error::format(target, "it is neither .npy nor IDX", "save the target as .npy")),
    };
    let stream = options.streams(features)?;
    let x = match format(features)? {
        FileFormat::Npy if stream => npy::file_rows(features, None)?,
        FileFormat::Npy => npy::decode_array(&options.read_file(features)?, features)?,
        FileFormat::Idx if stream => idx::file_rows(features)?,
        FileFormat::Idx => idx::examples(idx::read_within(features, options.memory())?, features)?,
        _ => return Err(Error::format(features, "it is neither .npy nor IDX", "save the features as .npy")),
    };
    x.for_model(features, options)?.into_dataset(features, y)
}

/// Reads the features of a file for a model; the schema in the options says which columns.
///
/// # Errors
/// As [`read`]; or if a column of the model is not there.
pub fn read_features<A: Scalar>(path: &Path, options: &ReadOptions) -> Result<Features<A>, Error> {
    Ok(read_features_and_kept(path, options)?.0)
}

/// Reads the features of a file as [`read_features`] does, and the text of the columns that
/// [`TableOptions::keep`](crate::TableOptions) names; arrays have none.
///
/// # Errors
/// As [`read_features`]; or if a column that is to be kept is not there.
///
/// ```
/// use chainrule_datasets::{ReadOptions, csv, read_features_and_kept};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("new.csv");
/// let train = csv::decode::<f32>(b"size,fits\n7,1\n9,0\n", "hats.csv".as_ref(), &ReadOptions::default())?;
/// let mut options = ReadOptions::default();
/// options.table.schema = train.schema().cloned();
/// options.table.keep = vec!["owner".parse()?];
/// std::fs::write(&path, "owner,size\nAda,7\n")?;
/// let (features, kept) = read_features_and_kept::<f32>(&path, &options)?;
/// assert_eq!((features.dim(), kept[0].cells[0].as_str()), ((1, 1), "Ada"));
/// # Ok(())
/// # }
/// ```
pub fn read_features_and_kept<A: Scalar>(
    path: &Path,
    options: &ReadOptions,
) -> Result<(Features<A>, Vec<KeptColumn>), Error> {
    let array = |features| Ok((features, Vec::new()));
    match format(path)? {
        #[cfg(feature = "csv")]
        FileFormat::Text => crate::table::csv::read_features(path, options),
        #[cfg(not(feature = "csv"))]
        FileFormat::Text => Err(not_built(path, "tables of text", "csv")),
        FileFormat::Npy => array(npy::features(path, options)?),
        #[cfg(feature = "parquet")]
        FileFormat::Parquet => crate::table::parquet::read_features(path, options),
        #[cfg(not(feature = "parquet"))]
        FileFormat::Parquet => Err(not_built(path, "Parquet", "parquet")),
        FileFormat::Idx => {
            let examples = idx::examples(idx::read_within(path, options.memory())?, path)?;
            array(examples.for_model(path, options)?.features)
        }
        #[cfg(feature = "files")]
        FileFormat::Npz => array(crate::array::npz::read_features(path, options)?),
        #[cfg(not(feature = "files"))]
        FileFormat::Npz => Err(not_built(path, "archives of arrays", "files")),
        FileFormat::Images => {
            Err(Error::format(path, "it is no table", "give the rows as .csv, .npy, .npz or .parquet"))
        }
    }
}

fn format(path: &Path) -> Result<FileFormat, Error> {
    FileFormat::of(path).ok_or_else(|| {
        let fault =
            format!("its format is not known by its name, which has to end in {}", FileFormat::ENDINGS);
        Error::format(path, fault, "rename it")
    })
}

#[cfg(not(all(feature = "csv", feature = "files", feature = "parquet", feature = "images")))]
fn not_built(path: &Path, format: &str, feature: &str) -> Error {
    let fault = format!(
        "this build does not read {format}: build with the feature {feature:?}, or save the data as .npy"
    );
    Error::data(path.display().to_string(), fault)
}
