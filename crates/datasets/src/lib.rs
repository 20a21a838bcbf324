//! Data sets from files, from the crate itself or synthetic, with transforms, splits and shuffled batches.
//!
//! | Source | Function |
//! |---|---|
//! | 1,797 handwritten digits of 8x8, inside the crate | [`digits`] |
//! | MNIST and Fashion-MNIST, from a folder | [`mnist()`], [`fashion_mnist`] |
//! | a file or folder of any format | [`read`] |
//! | tables of text | `csv` |
//! | NumPy's arrays | [`npy`], [`npz`] |
//! | LeCun's IDX files | [`idx`] |
//! | spirals, moons, blobs, XOR, MNIST-1D, a teacher network | [`synthetic`] |
//!
//! # How the pieces fit
//!
//! A [`Dataset`] stores examples in compact form: pixels stay bytes, words of a table stay codes, and the rows of a large
//! file can be streamed from disk. A [`Pipeline`] of [`Transform`]s, fitted on the training part alone and kept with the
//! model, turns them into a network's input. [`Batches`] draws shuffled examples and writes them, transformed, into one
//! [`Batch`] that lives as long as the run. All transforms are affine in each feature, so a pipeline folds into one
//! subtraction and one product per number, done while the batch is filled. An [`Augmentation`] varies training images before
//! that, anew in each epoch.
//!
//! # Features
//!
//! | Feature | Reads |
//! |---|---|
//! | `csv` | tables of text |
//! | `parquet` | Parquet files |
//! | `images` | folders of PNG and JPEG files |
//!
//! All are on by default. Without them there are arrays in memory, NumPy and IDX files, the digits, MNIST and synthetic data.
//!
//! # Trust
//!
//! Files are not trusted: no header makes a reader allocate more than the file's own bytes justify, no bytes make it
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

mod array;
mod atomic;
mod augment;
mod batch;
mod batches;
mod dataset;
mod digits;
mod encoding;
mod error;
mod features;
mod file;
mod finite;
mod gaussian;
#[cfg(any(feature = "images", feature = "parquet"))]
mod guard;
mod image;
mod input;
mod labels;
mod memory;
mod mnist;
mod options;
mod order;
mod parts;
mod read;
mod rows;
pub mod split;
mod streams;
mod summary;
pub mod synthetic;
mod table;
mod target;
mod target_cells;
mod task;
mod transform;

pub use array::file_rows::FileRows;
#[cfg(feature = "files")]
pub use array::npz;
pub use array::{idx, npy};
pub use atomic::{sweep_temporaries, write_atomic};
pub use augment::augmentation::Augmentation;
pub use augment::words::ParseAugmentationError;
pub use batch::Batch;
pub use batches::Batches;
pub use dataset::Dataset;
pub use digits::{digits, digits_whole};
pub use encoding::Encoding;
pub use error::{Error, unreadable};
pub use features::Features;
#[cfg(feature = "images")]
pub use image::decode::decode as decode_image;
#[cfg(feature = "images")]
pub use image::decoded::DecodedImage;
#[cfg(feature = "images")]
pub use image::folder::{image_files, is_image_file, read_images};
pub use image::options::ImageOptions;
pub use image::shape::ImageShape;
pub use input::Input;
pub use mnist::{DataDirs, fashion_mnist, mnist};
pub use options::ReadOptions;
pub use parts::Parts;
pub use read::{FileFormat, read, read_features, read_features_and_kept, read_pair};
pub use summary::{Summary, counted};
pub use table::column::{Column, HeaderRow, Impute, TargetColumns};
pub use table::columns::Columns;
#[cfg(feature = "csv")]
pub use table::csv;
pub use table::date::DateForm;
pub use table::dialect::Dialect;
pub use table::form::{Decoration, NumberForm};
pub use table::kept::KeptColumn;
pub use table::options::TableOptions;
#[cfg(feature = "parquet")]
pub use table::parquet;
pub use table::schema::{ColumnKind, Feature, Schema, SchemaTarget};
pub use target::{Label, Target};
pub use task::TaskKind;
pub use transform::pipeline::Pipeline;
pub use transform::statistics::moments;
pub use transform::transforms::{Scaling, Transform};
