use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::Array2;

use super::numbers::{NumberType, from_bytes};
use crate::error::Error;
use crate::split::{self, HoldOut};

/// Bytes of a block: what is read at once.
const BLOCK: usize = 1 << 18;
/// Rows per block at most, however short they are: each takes memory in the order of a window.
const MOST_ROWS: usize = 4_096;
/// Blocks at least, if there are enough rows: a test part is a set of blocks, and their order is shuffled.
const FEWEST: usize = 64;

/// Rows of numbers that are streamed from a file, block by block, in the number type of the file. So memory does not grow
/// with the file.
///
/// A block is a run of neighbouring rows, about 256 KiB. A part of the data is a set of blocks.
#[derive(Debug, Clone)]
pub struct FileRows {
    file: Arc<File>,
    path: Arc<PathBuf>,
    numbers: NumberType,
    /// Where the first row begins, in bytes.
    offset: u64,
    /// Numbers per row, and the column that is the target.
    columns: usize,
    target: Option<usize>,
    /// Rows of the whole file, and per block.
    rows: usize,
    per_block: usize,
    /// The blocks of this part, ascending: only the last can be shorter than the others.
    blocks: Arc<[u32]>,
}

/// The same rows of the same file.
impl PartialEq for FileRows {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.target == other.target && self.blocks == other.blocks
    }
}

impl FileRows {
    /// All rows of a file whose length has been checked.
    pub(crate) fn new(
        path: &Path,
        numbers: NumberType,
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

    /// The number of rows.
    pub fn len(&self) -> usize {
        match self.blocks.last() {
            Some(&last) => (self.blocks.len() - 1) * self.per_block + self.rows_of(last),
            None => 0,
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Features per row.
    pub fn inputs(&self) -> usize {
        self.columns - usize::from(self.target.is_some())
    }

    /// The number of blocks.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Rows per block.
    pub(crate) fn per_block(&self) -> usize {
        self.per_block
    }

    /// Rows of the block at this position of the part.
    pub(crate) fn rows_at(&self, place: usize) -> usize {
        self.rows_of(self.blocks[place])
    }

    fn rows_of(&self, block: u32) -> usize {
        self.per_block.min(self.rows - block as usize * self.per_block)
    }

    /// Bytes per row.
    pub(crate) fn stride(&self) -> usize {
        self.columns * self.numbers.size()
    }

    /// Whether a row is bytes, all of them features.
    pub(crate) fn is_plain_bytes(&self) -> bool {
        self.target.is_none() && self.numbers.are_bytes()
    }

    /// Appends the block at this position of the part to `bytes`.
    pub(crate) fn read(&self, place: usize, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let (start, row) = (bytes.len(), self.blocks[place] as usize * self.per_block);
        bytes.resize(start + self.rows_at(place) * self.stride(), 0);
        self.read_at(row, &mut bytes[start..])
    }

    /// Reads rows of the file from this one on.
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

    /// Whether there are numbers in the file that `f32` rounds.
    pub(crate) fn are_wide(&self) -> bool {
        self.numbers.are_wide()
    }

    /// Visits the features of a row in full precision.
    pub(crate) fn each(&self, row: &[u8], mut visit: impl FnMut(usize, f64)) {
        const CHUNK: usize = 64;
        let (size, target) = (self.numbers.size(), self.target.unwrap_or(usize::MAX));
        let mut numbers = [0.0; CHUNK];
        for (chunk, bytes) in row.chunks(CHUNK * size).enumerate() {
            let count = bytes.len() / size;
            self.numbers.decode(bytes, &mut numbers[..count]);
            for (i, &x) in numbers[..count].iter().enumerate() {
                let column = chunk * CHUNK + i;
                if column != target {
                    visit(column - usize::from(column > target), x);
                }
            }
        }
    }

    /// The number in the file of row `i` of this part.
    fn place(&self, i: usize) -> usize {
        self.blocks[i / self.per_block] as usize * self.per_block + i % self.per_block
    }

    /// Refuses row `i` of this part, which is not finite.
    pub(crate) fn refused(&self, i: usize) -> Error {
        let row = self.place(i);
        let fault = format!("row {row} (from 0) holds NaN, infinity or a number beyond the network's type");
        Error::format(&self.path, fault, "replace it or drop the row")
    }

    /// Writes row `i` of this part.
    #[track_caller]
    pub(crate) fn row<A: Scalar>(&self, i: usize, out: &mut [A]) {
        let mut bytes = vec![0; self.stride()];
        self.read_at(self.place(i), &mut bytes).unwrap_or_else(|error| panic!("{error}"));
        self.decode(&bytes, out);
    }

    /// These rows, in memory.
    #[track_caller]
    pub(crate) fn select<A: Scalar>(&self, indices: &[usize]) -> Array2<A> {
        let mut x = Array2::zeros((indices.len(), self.inputs()));
        for (&i, mut row) in indices.iter().zip(x.outer_iter_mut()) {
            self.row(i, row.as_slice_mut().expect("a new matrix is row-major"));
        }
        x
    }

    /// Visits all rows in order, a block at a time, with the index of its first row and its bytes.
    ///
    /// # Errors
    /// If the file cannot be read, or `visit` fails.
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

    /// The bytes of the targets in a block, one per row.
    pub(crate) fn targets<'a>(&'a self, block: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + 'a {
        let (at, size) = (self.target.unwrap_or(0) * self.numbers.size(), self.numbers.size());
        block.chunks_exact(self.stride()).map(move |row| &row[at..at + size])
    }

    /// The type of its numbers.
    pub(crate) fn numbers(&self) -> NumberType {
        self.numbers
    }

    /// The rest and the held-out part, each an ascending list of positions of blocks.
    ///
    /// # Errors
    /// If either side would be empty.
    pub(crate) fn divide(&self, hold_out: HoldOut, seed: u64) -> Result<[Vec<usize>; 2], Error> {
        let hold_out = match hold_out {
            HoldOut::Count(rows) => HoldOut::Count(rows.div_ceil(self.per_block)),
            fraction @ HoldOut::Fraction(_) => fraction,
        };
        let split = split::plain(self.blocks(), hold_out, seed)?;
        Ok([split.rest, split.held_out])
    }

    /// The part with the blocks at these positions.
    pub(crate) fn within(&self, places: &[usize]) -> Self {
        let blocks = places.iter().map(|&place| self.blocks[place]).collect();
        Self { blocks, ..self.clone() }
    }

    /// The rows of the blocks at these positions.
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
