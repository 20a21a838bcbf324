//! Data for training: from files, from the crate itself or from a seed, as batches in one reused buffer.
//!
//! | Source | Function |
//! |---|---|
//! | 1,797 handwritten digits of 8x8, inside the crate | [`digits`] |
//! | MNIST and Fashion-MNIST, from a folder | [`mnist()`], [`fashion_mnist`] |
//! | a file or folder of one's own, of any format | [`read`] |
//! | tables of text | [`csv`] |
//! | NumPy's arrays | [`npy`] |
//! | LeCun's IDX files | [`idx`] |
//! | spirals, moons, blobs, XOR, a teacher network | [`synthetic`] |
//!
//! # How the pieces fit
//!
//! A [`Dataset`] holds examples as they were found: pixels stay bytes, words of a table the places of words, and rows of a large
//! file may stay there. A [`Pipeline`] of [`Transform`]s, fitted on the
//! training part alone and kept with the model, says how they become a network's input. [`Batches`] draws shuffled
//! examples and writes them, transformed, into one [`Batch`] that lives as long as the run. All transforms are affine
//! in each feature, so a pipeline folds into one subtraction and one product per number, done while the batch is
//! filled.
//!
//! # Trust
//!
//! A file is an outsider: no header makes a reader allocate more than the file's own bytes justify, no bytes make it
//! panic, and an [`Error`] names the file, the fault and the cure. No function here uses the network.
//!
//! ```
//! use chainrule_datasets::{Batches, Encoding, digits};
//!
//! let parts = digits::<f32>();
//! let mut batches = Batches::new(&parts.train, &parts.train.pixel_scaling(), Encoding::OneHot, 32);
//! batches.shuffle(7, 1);
//! let mut examples = 0;
//! while let Some(batch) = batches.next_batch() {
//!     assert_eq!(batch.x().ncols(), 64);
//!     assert_eq!(batch.target().ncols(), 10);
//!     examples += batch.rows();
//! }
//! assert_eq!(examples, 1_437);
//! ```

mod affine;
mod archive;
mod atomic;
mod batches;
pub mod csv;
mod dataset;
mod digits;
mod encoding;
mod error;
mod features;
mod files;
pub mod idx;
mod images;
mod labels;
mod mnist;
pub mod npy;
pub mod npz;
mod order;
#[cfg(feature = "parquet")]
mod parquet;
mod parts;
mod resize;
pub mod split;
mod stored;
mod streams;
pub mod synthetic;
mod table;
mod transform;

pub use atomic::{sweep_temporaries, write_atomic};
pub use batches::{Batch, Batches};
pub use dataset::Dataset;
pub use digits::{digits, digits_whole};
pub use encoding::Encoding;
pub use error::Error;
pub use features::{Features, ImageShape, Input, Target};
pub use files::{Format, read, read_features, read_pair};
pub use images::{Look, Picture, decode as decode_picture, is_picture, pictures, read_pictures};
pub use labels::Task;
pub use mnist::{Search, fashion_mnist, mnist};
pub use parts::Parts;
pub use stored::Stored;
pub use table::Coded;
pub use transform::{Method, Pipeline, Transform};

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// The bytes of a regular file. Devices and pipes are refused: they may never end.
fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Error::format(path, "not a regular file", "name a file on disk"));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}
