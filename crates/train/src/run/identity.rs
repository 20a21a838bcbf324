//! What a snapshot's run is known by: its settings and its data.

use std::collections::BTreeMap;

use chainrule_datasets::{Dataset, Features, Target};
use chainrule_tensor::Scalar;
use serde::{Deserialize, Serialize};

use crate::tensors::{CRC, little_endian};

/// Settings and training data of a run: a snapshot of a run with others is not resumed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunIdentity {
    /// The [`fingerprint`] of the training data.
    pub data: u64,
    /// CRC-64/XZ of every row of data that stays in a file, if it is [small enough](every_row) to be read as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// The checksum of the file of the model whose weights the run started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<u64>,
    /// The [`fingerprint`] of test data that are in a file of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<u64>,
    /// The settings that a run keeps from its first step to its last, by their keys; `None` for one without a value.
    ///
    /// Snapshots of earlier versions have none, and a setting that a version did not know yet is not compared.
    #[serde(default)]
    pub settings: BTreeMap<String, Option<String>>,
}

/// What differs between two runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Difference {
    /// Numbers of a file, in words.
    File(&'static str),
    /// A setting by its key, in the snapshot and in the run, as `key = value`.
    Setting { key: String, was: String, now: String },
}

impl RunIdentity {
    /// How the run differs from the one that `saved` is of, settings first.
    pub(crate) fn difference(&self, saved: &Self) -> Option<Difference> {
        let line = |key: &str, value: &Option<String>| match value {
            Some(value) => format!("{key} = {value}"),
            None => format!("no {key}"),
        };
        let changed = saved.settings.iter().find_map(|(key, was)| {
            let now = self.settings.get(key).unwrap_or(&None);
            (now != was).then(|| Difference::Setting {
                key: key.clone(),
                was: line(key, was),
                now: line(key, now),
            })
        });
        // Not known of runs of earlier versions.
        let differ = |now: Option<u64>, was: Option<u64>| now.zip(was).is_some_and(|(now, was)| now != was);
        let files = [
            (
                differ(self.rows, saved.rows) || self.data != saved.data,
                "the training data is not what it was when the run began",
            ),
            (
                differ(self.model, saved.model),
                "the model that the run started from (--from) is not what it was: restore its file",
            ),
            (
                differ(self.test, saved.test),
                "the examples of --test are not what they were when the run began: restore their file",
            ),
        ];
        let changed_file = || files.into_iter().find(|(is_changed, _)| *is_changed);
        changed.or_else(|| changed_file().map(|(_, fault)| Difference::File(fault)))
    }
}

/// Rows of a file that its fingerprint has at most.
pub const SAMPLED_ROWS: usize = 1_024;

/// Bytes of streamed rows up to which all of them are compared.
const READ_AS_A_WHOLE: usize = 1 << 30;

/// CRC-64/XZ of a data set's numbers: what a resumed run knows its data by. Of rows that stay in a file, at most
/// [`SAMPLED_ROWS`], evenly spaced, are part of it.
pub fn fingerprint<A: Scalar>(data: &Dataset<A>) -> u64 {
    fingerprint_as::<A, A>(data)
}

/// The [`fingerprint`] that the same data have where they are read as numbers of type `B`, which must not be wider than `A`.
///
/// ```
/// use chainrule_datasets::{Dataset, Target};
/// use chainrule_tensor::ndarray::array;
/// use chainrule_train::{fingerprint, fingerprint_as};
///
/// let y = || Target::real(array![[0.3], [0.7]]);
/// let single = Dataset::new("d", array![[0.1_f32], [0.2]], y())?;
/// let double = Dataset::new("d", array![[0.1_f64], [0.2]], y())?;
/// assert_eq!(fingerprint_as::<f32, _>(&double), fingerprint(&single));
/// assert_ne!(fingerprint(&double), fingerprint(&single));
/// # Ok::<(), chainrule_datasets::Error>(())
/// ```
pub fn fingerprint_as<B: Scalar, A: Scalar>(data: &Dataset<A>) -> u64 {
    let mut digest = CRC.digest();
    let (examples, inputs) = data.features().dim();
    digest.update(&(examples as u64).to_le_bytes());
    digest.update(&(inputs as u64).to_le_bytes());
    match data.features() {
        Features::Bytes(x) => {
            for row in x.outer_iter() {
                digest.update(row.as_slice().expect("rows lie in one piece"));
            }
        }
        features => {
            let stored = features.is_streamed();
            let stride = if stored { examples.div_ceil(SAMPLED_ROWS).max(1) } else { 1 };
            rows::<B, A>(features, stride, &mut digest);
        }
    }
    match data.target() {
        Target::Classes { labels, .. } => labels.iter().for_each(|label| digest.update(&label.to_le_bytes())),
        Target::MultiLabel { values, .. } => {
            digest.update(&values.iter().map(|&holds| u8::from(holds)).collect::<Vec<u8>>());
        }
        Target::Real { values, .. } => {
            digest.update(&little_endian(&values.iter().map(|&x| B::of(x)).collect::<Vec<B>>()));
        }
    }
    digest.finalize()
}

/// CRC-64/XZ of all rows that stay in a file; `None` if they are in memory, or more than 1 GiB, whose reading would take as
/// long as an epoch.
pub fn every_row<A: Scalar>(data: &Dataset<A>) -> Option<u64> {
    let (examples, inputs) = data.features().dim();
    let bytes = examples.checked_mul(inputs)?.checked_mul(size_of::<A>())?;
    let streamed = data.features().is_streamed();
    (streamed && bytes <= READ_AS_A_WHOLE).then(|| {
        let mut digest = CRC.digest();
        rows::<A, A>(data.features(), 1, &mut digest);
        digest.finalize()
    })
}

/// Adds every `stride`-th row, as numbers of type `B`.
fn rows<B: Scalar, A: Scalar>(
    features: &Features<A>,
    stride: usize,
    digest: &mut crc::Digest<'_, u64, crc::Table<16>>,
) {
    let (examples, inputs) = features.dim();
    let (mut row, mut numbers) = (vec![A::zero(); inputs], vec![B::zero(); inputs]);
    for i in (0..examples).step_by(stride) {
        features.row(i, &mut row);
        numbers.iter_mut().zip(&row).for_each(|(number, x)| *number = B::of(x.as_f64()));
        digest.update(&little_endian(&numbers));
    }
}
