use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::Array2;

use crate::features::from_bytes;
use crate::npy::Numbers;
use crate::split::{self, Share};
use crate::{Error, Features};

/// Bytes of a block: what is read at once.
const BLOCK: usize = 1 << 18;
/// Rows of a block at most, however short they are: each has a place in the order.
const MOST_ROWS: usize = 4_096;
/// Blocks there are at least, where there are rows enough: a share of them is held out, and their order is shuffled.
const FEWEST: usize = 64;

/// Rows of numbers in a file, read block by block when they are needed and kept as they are in the file until then. So
/// the memory they take does not grow with the file.
///
/// A block is a run of neighbouring rows, about 256 KiB. A part of the data is a set of blocks.
#[derive(Debug, Clone)]
pub struct Stored {
    file: Arc<File>,
    path: Arc<PathBuf>,
    numbers: Numbers,
    /// Where the first row begins, in bytes.
    offset: u64,
    /// Numbers a row, and the one of them that is no feature.
    columns: usize,
    target: Option<usize>,
    /// Rows of the whole file, and of a block.
    rows: usize,
    per_block: usize,
    /// The blocks of this part, ascending: none but the last can be shorter than the others.
    blocks: Arc<[u32]>,
}

/// The same rows of the same file.
impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.target == other.target && self.blocks == other.blocks
    }
}

impl Stored {
    /// All rows of a file whose length is known to fit.
    pub(crate) fn new(
        path: &Path,
        numbers: Numbers,
        offset: u64,
        (rows, columns): (usize, usize),
        target: Option<usize>,
    ) -> Result<Self, Error> {
        let file = File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let most = MOST_ROWS.min(rows / FEWEST).max(1);
        let per_block = (BLOCK / (columns * numbers.size()).max(1)).clamp(1, most);
        let blocks: Arc<[u32]> = (0..rows.div_ceil(per_block) as u32).collect();
        let (file, path) = (Arc::new(file), Arc::new(path.to_owned()));
        Ok(Self { file, path, numbers, offset, columns, target, rows, per_block, blocks })
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        match self.blocks.last() {
            Some(&last) => (self.blocks.len() - 1) * self.per_block + self.rows_of(last),
            None => 0,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Features a row.
    pub fn inputs(&self) -> usize {
        self.columns - usize::from(self.target.is_some())
    }

    /// How many blocks there are.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Rows a block.
    pub(crate) fn per_block(&self) -> usize {
        self.per_block
    }

    /// Rows of the block at a place of this part.
    pub(crate) fn rows_at(&self, place: usize) -> usize {
        self.rows_of(self.blocks[place])
    }

    fn rows_of(&self, block: u32) -> usize {
        self.per_block.min(self.rows - block as usize * self.per_block)
    }

    /// Bytes a row.
    pub(crate) fn stride(&self) -> usize {
        self.columns * self.numbers.size()
    }

    /// Whether a row is bytes and nothing but features.
    pub(crate) fn is_plain_bytes(&self) -> bool {
        self.target.is_none() && self.numbers.are_bytes()
    }

    /// Reads the block at a place of this part to the end of `bytes`.
    pub(crate) fn read(&self, place: usize, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let (start, row) = (bytes.len(), self.blocks[place] as usize * self.per_block);
        bytes.resize(start + self.rows_at(place) * self.stride(), 0);
        self.read_at(row, &mut bytes[start..])
    }

    /// Reads rows from that of the file on.
    fn read_at(&self, row: usize, bytes: &mut [u8]) -> Result<(), Error> {
        let at = self.offset + row as u64 * self.stride() as u64;
        read_exact_at(&self.file, bytes, at)
            .map_err(|source| Error::Read { path: self.path.to_path_buf(), source })
    }

    /// The features of a row.
    #[inline]
    pub(crate) fn decode<A: Scalar>(&self, row: &[u8], out: &mut [A]) {
        let Some(target) = self.target else {
            if self.numbers.are_bytes() {
                return from_bytes(row, out);
            }
            return self.numbers.decode(row, out);
        };
        let size = self.numbers.size();
        self.numbers.decode(&row[..target * size], &mut out[..target]);
        self.numbers.decode(&row[(target + 1) * size..], &mut out[target..]);
    }

    /// Writes row `i` of this part.
    #[track_caller]
    pub(crate) fn row<A: Scalar>(&self, i: usize, out: &mut [A]) {
        let mut bytes = vec![0; self.stride()];
        let row = self.blocks[i / self.per_block] as usize * self.per_block + i % self.per_block;
        self.read_at(row, &mut bytes).unwrap_or_else(|error| panic!("{error}"));
        self.decode(&bytes, out);
    }

    /// These rows, in memory.
    #[track_caller]
    pub(crate) fn select<A: Scalar>(&self, indices: &[usize]) -> Features<A> {
        let mut x = Array2::zeros((indices.len(), self.inputs()));
        for (&i, mut row) in indices.iter().zip(x.outer_iter_mut()) {
            self.row(i, row.as_slice_mut().expect("a new matrix is row-major"));
        }
        if self.is_plain_bytes() {
            Features::Bytes(x.mapv(|x: A| x.as_f64() as u8))
        } else {
            Features::Real(x)
        }
    }

    /// All rows in their order, a block at a time: `visit` gets the number of the first and the bytes.
    ///
    /// # Errors
    /// If the file cannot be read, or what `visit` says.
    pub(crate) fn each_block(
        &self,
        mut visit: impl FnMut(usize, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut bytes = Vec::new();
        for place in 0..self.blocks() {
            bytes.clear();
            self.read(place, &mut bytes)?;
            visit(place * self.per_block, &bytes)?;
        }
        Ok(())
    }

    /// The numbers of the column that is no feature, one a row of a block.
    pub(crate) fn targets<'a>(&'a self, block: &'a [u8]) -> impl Iterator<Item = f64> + 'a {
        let (at, size) = (self.target.unwrap_or(0) * self.numbers.size(), self.numbers.size());
        block.chunks_exact(self.stride()).map(move |row| {
            let mut x = [0.0];
            self.numbers.decode(&row[at..at + size], &mut x);
            x[0]
        })
    }

    /// The rest and the share, each a list of places of blocks, ascending.
    ///
    /// # Errors
    /// If the share leaves nothing on either side.
    pub(crate) fn divide(&self, share: Share, seed: u64) -> Result<[Vec<usize>; 2], Error> {
        let share = match share {
            Share::Count(rows) => Share::Count(rows.div_ceil(self.per_block)),
            fraction @ Share::Fraction(_) => fraction,
        };
        let division = split::plain(self.blocks(), share, seed)?;
        Ok([division.rest, division.held_out])
    }

    /// The part with the blocks at these places.
    pub(crate) fn within(&self, places: &[usize]) -> Self {
        let blocks = places.iter().map(|&place| self.blocks[place]).collect();
        Self { blocks, ..self.clone() }
    }

    /// The rows of the blocks at these places.
    pub(crate) fn rows_within(&self, places: &[usize]) -> impl Iterator<Item = usize> {
        places.iter().flat_map(|&place| {
            let start = place * self.per_block;
            start..start + self.rows_at(place)
        })
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], at: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> std::io::Result<()> {
    while !bytes.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, bytes, at)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        (bytes, at) = (&mut bytes[read..], at + read as u64);
    }
    Ok(())
}
