use std::env;
use std::path::{Path, PathBuf};

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::Array2;

use crate::array::idx;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::image::shape::ImageShape;
use crate::parts::Parts;
use crate::target::Target;

/// The folders to search for data sets that are not inside the crate.
///
/// In each folder, the subfolder with the name of the data set comes before the folder itself. A folder named by the user
/// is the only one searched; otherwise the search goes through `$CHAINRULE_DATA`, the user's cache folder and the
/// system's data sets, in this order. The first folder that has all files wins.
///
/// ```no_run
/// use chainrule_datasets::{DataDirs, mnist};
///
/// # fn main() -> Result<(), chainrule_datasets::Error> {
/// let parts = mnist::<f32>(&DataDirs::from_env())?;
/// let same = mnist::<f32>(&DataDirs::only("data"))?; // data/mnist, or data itself
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataDirs {
    /// The folder named by the user: if given, no other is searched.
    pub data_dir: Option<PathBuf>,
    /// The other folders, in search order.
    pub folders: Vec<PathBuf>,
}

impl DataDirs {
    /// `$CHAINRULE_DATA`, then `chainrule` in the user's cache folder, then `/usr/share/datasets`.
    pub fn from_env() -> Self {
        let named = env::var_os("CHAINRULE_DATA").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let cache = cache_dir().map(|cache| cache.join("chainrule"));
        let system = cfg!(unix).then(|| PathBuf::from("/usr/share/datasets"));
        Self { data_dir: None, folders: [named, cache, system].into_iter().flatten().collect() }
    }

    /// This folder and no other.
    pub fn only(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: Some(data_dir.into()), folders: Vec::new() }
    }

    /// This folder and no other if it is given, else the same folders as before.
    pub fn or_only(self, data_dir: Option<PathBuf>) -> Self {
        Self { data_dir, ..self }
    }

    /// The first folder that has all files of the set of this name, `mnist` or `fashion-mnist`.
    ///
    /// ```
    /// use chainrule_datasets::DataDirs;
    ///
    /// assert_eq!(DataDirs::only("no-such-folder").holding("mnist"), None);
    /// ```
    pub fn holding(&self, name: &str) -> Option<PathBuf> {
        let set = SETS.iter().find(|set| set.folder == name)?;
        self.places(set).into_iter().find(|place| files(place).is_some())
    }

    /// The folders where the files of a set can be, in search order.
    fn places(&self, set: &Set) -> Vec<PathBuf> {
        let folders = match &self.data_dir {
            Some(folder) => std::slice::from_ref(folder),
            None => &self.folders,
        };
        // All sets of this family have the same file names, so a folder with the name of another set is skipped.
        let other = |folder: &Path| {
            SETS.iter().any(|other| other.folder != set.folder && folder.ends_with(other.folder))
        };
        let pairs = folders.iter().map(|folder| [folder.join(set.folder), folder.clone()]);
        pairs.flatten().filter(|folder| !other(folder)).collect()
    }
}

/// The user's folder for caches, by the conventions of each system.
fn cache_dir() -> Option<PathBuf> {
    let folder = |variable| env::var_os(variable).map(PathBuf::from).filter(|folder| folder.is_absolute());
    if cfg!(windows) {
        return folder("LOCALAPPDATA");
    }
    let home = env::home_dir().filter(|home| home.is_absolute());
    if cfg!(target_os = "macos") {
        return home.map(|home| home.join("Library/Caches"));
    }
    folder("XDG_CACHE_HOME").or_else(|| home.map(|home| home.join(".cache")))
}

/// A data set in the files of MNIST.
struct Set {
    name: &'static str,
    folder: &'static str,
    classes: [&'static str; 10],
    cure: &'static str,
}

const MNIST: Set = Set {
    name: "MNIST",
    folder: "mnist",
    classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    cure: "download the four from https://ossci-datasets.s3.amazonaws.com/mnist/ (first published at \
           http://yann.lecun.com/exdb/mnist/) and name their folder by --data-dir or $CHAINRULE_DATA",
};

const FASHION: Set = Set {
    name: "Fashion-MNIST",
    folder: "fashion-mnist",
    classes: [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ],
    cure: "`apt-get install dataset-fashion-mnist` on Debian or Ubuntu, or download the four from \
           https://github.com/zalandoresearch/fashion-mnist and name their folder by --data-dir or $CHAINRULE_DATA",
};

const SETS: [&Set; 2] = [&MNIST, &FASHION];

/// Images and labels to train on, then to test on.
const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// MNIST: 60,000 handwritten digits of 28x28 pixels to train on and 10,000 to test on, from files.
///
/// The pixels stay bytes until a batch is filled. The four files may be gzipped, and names such as
/// `train-images.idx3-ubyte` are accepted too.
///
/// # Errors
/// [`Error::NotFound`] with the folders searched and how to get the files, or an error that says what is wrong with them.
///
/// # References
/// Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE
/// 86(11), 1998.
///
/// ```
/// use chainrule_datasets::{DataDirs, mnist};
///
/// let error = mnist::<f32>(&DataDirs::only("no-such-folder")).unwrap_err().to_string();
/// assert!(error.starts_with("MNIST not found") && error.contains("no-such-folder"));
/// ```
pub fn mnist<A: Scalar>(dirs: &DataDirs) -> Result<Parts<A>, Error> {
    load(&MNIST, dirs)
}

/// Fashion-MNIST: 60,000 articles of clothing of 28x28 pixels to train on and 10,000 to test on, from files named and
/// laid out as [`mnist()`]'s.
///
/// # Errors
/// [`Error::NotFound`] with the folders searched and how to get the files, or an error that says what is wrong with them.
///
/// # References
/// H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
/// algorithms", arXiv:1708.07747, 2017 (MIT licence).
///
/// ```
/// use chainrule_datasets::{DataDirs, fashion_mnist};
///
/// let error = fashion_mnist::<f32>(&DataDirs::only("no-such-folder")).unwrap_err().to_string();
/// assert!(error.contains("apt-get install dataset-fashion-mnist"));
/// ```
pub fn fashion_mnist<A: Scalar>(dirs: &DataDirs) -> Result<Parts<A>, Error> {
    load(&FASHION, dirs)
}

fn load<A: Scalar>(set: &Set, dirs: &DataDirs) -> Result<Parts<A>, Error> {
    let places = dirs.places(set);
    let Some([images, labels, test_images, test_labels]) = places.iter().find_map(|place| files(place))
    else {
        let listed: Vec<String> = places.iter().map(|place| describe(place)).collect();
        let searched = if listed.is_empty() { "the none given".to_owned() } else { listed.join(", ") };
        return Err(Error::NotFound { name: set.name, searched, files: FILES.join(", "), cure: set.cure });
    };
    let train = part(set, &images, &labels)?;
    let test = part(set, &test_images, &test_labels)?;
    Ok(Parts { train, validation: None, test: Some(test) })
}

/// The four files in a folder that has all.
fn files(folder: &Path) -> Option<[PathBuf; 4]> {
    let found: Vec<PathBuf> = FILES.iter().filter_map(|file| find(folder, file)).collect();
    found.try_into().ok()
}

/// The file under one of its spellings.
fn find(folder: &Path, file: &str) -> Option<PathBuf> {
    let dotted = file.replacen("-idx", ".idx", 1);
    let spellings = [file.to_owned(), format!("{file}.gz"), dotted.clone(), format!("{dotted}.gz")];
    spellings.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// A folder, and the files missing from it if it has some of them.
fn describe(folder: &Path) -> String {
    let missing: Vec<&str> = FILES.into_iter().filter(|file| find(folder, file).is_none()).collect();
    match missing.len() {
        4 => folder.display().to_string(),
        _ => format!("{} (without {})", folder.display(), missing.join(" and ")),
    }
}

fn part<A: Scalar>(set: &Set, images: &Path, labels: &Path) -> Result<Dataset<A>, Error> {
    let pixels = read_images(images)?;
    let bytes = read_labels(labels)?;
    if bytes.len() != pixels.nrows() {
        let fault = format!("{} labels, but {} has {} images", bytes.len(), images.display(), pixels.nrows());
        return Err(Error::format(labels, fault, "get both files from one place"));
    }
    let names = set.classes.map(str::to_owned).to_vec();
    let target = Target::Classes { labels: bytes.into_iter().map(u32::from).collect(), names };
    Dataset::new(set.folder, pixels, target)?
        .with_image(ImageShape { height: 28, width: 28, channels: 1 })
        .map(|data| data.with_full_scale(255.0))
}

fn read_images(path: &Path) -> Result<Array2<u8>, Error> {
    let images = idx::read(path)?;
    let wrong = |shape: &[usize]| {
        let fault = format!("its shape is {shape:?}, not that of images of 28 x 28");
        Error::format(path, fault, "is it another file under this name?")
    };
    let shape = images.shape().to_vec();
    if shape.len() != 3 || shape[1..] != [28, 28] {
        return Err(wrong(&shape));
    }
    images.into_matrix().ok_or_else(|| wrong(&shape))
}

fn read_labels(path: &Path) -> Result<Vec<u8>, Error> {
    let labels = idx::read(path)?;
    if labels.shape().len() != 1 {
        let fault = format!("its shape is {:?}, not that of a list of labels", labels.shape());
        return Err(Error::format(path, fault, "is it another file under this name?"));
    }
    if let Some(at) = labels.data().iter().position(|&label| label > 9) {
        let fault = format!("label {at} is {}, not 0 to 9", labels.data()[at]);
        return Err(Error::format(path, fault, "it is damaged or of another data set"));
    }
    Ok(labels.into_data())
}
