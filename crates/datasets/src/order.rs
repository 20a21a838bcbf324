use chainrule_tensor::hash;

use crate::array::file_rows::FileRows;
use crate::error::Error;
use crate::streams;

/// Blocks of a file in memory at once: about 32 MiB.
const WINDOW: usize = 128;

/// The order of the examples of a pass, a function of (seed, epoch).
#[derive(Debug)]
pub(crate) enum Order {
    /// Data in memory: a list of all indices.
    Whole(Vec<usize>),
    /// A streamed file: shuffled blocks, and shuffled rows within a window of blocks.
    Windows(Windows),
}

/// A pass through the blocks of a file: the blocks are shuffled, then the rows of each window of 128 blocks. A block is
/// read at once, and memory holds one window.
#[derive(Debug)]
pub(crate) struct Windows {
    rows: FileRows,
    /// The blocks in the order of this pass.
    blocks: Vec<u32>,
    /// Seed and epoch; `None` keeps the order of the file.
    shuffled: Option<(u64, u64)>,
    /// The window in memory.
    window: Option<Window>,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Window {
    /// The position of its first row in the pass.
    start: usize,
    /// The index of each row in the data, and the offset of its bytes.
    rows: Vec<(usize, usize)>,
}

impl Windows {
    pub(crate) fn new(rows: &FileRows) -> Self {
        let blocks = (0..rows.blocks() as u32).collect();
        Self { rows: rows.clone(), blocks, shuffled: None, window: None, bytes: Vec::new() }
    }

    pub(crate) fn sequential(&mut self) {
        self.blocks.sort_unstable();
        (self.shuffled, self.window) = (None, None);
    }

    pub(crate) fn shuffle(&mut self, seed: u64, epoch: u64) {
        self.sequential();
        streams::epoch(seed, epoch).shuffle(&mut self.blocks);
        self.shuffled = Some((seed, epoch));
    }

    /// The index of the row at this position of the pass, its file, and its bytes.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn row(&mut self, at: usize) -> Result<(usize, &FileRows, &[u8]), Error> {
        let inside = |window: &Window| (window.start..window.start + window.rows.len()).contains(&at);
        if !self.window.as_ref().is_some_and(inside) {
            self.load(at)?;
        }
        let window = self.window.as_ref().expect("just loaded");
        let (row, byte) = window.rows[at - window.start];
        Ok((row, &self.rows, &self.bytes[byte..byte + self.rows.stride()]))
    }

    /// Reads the window that holds this position of the pass.
    fn load(&mut self, at: usize) -> Result<(), Error> {
        let (full, stride) = (WINDOW * self.rows.per_block(), self.rows.stride());
        // One block may be short; everything after it begins earlier by that much.
        let begins = |number: usize| {
            let before = &self.blocks[..self.blocks.len().min(number * WINDOW)];
            let missing = |&block: &u32| self.rows.per_block() - self.rows.rows_at(block as usize);
            number * full - before.iter().map(missing).sum::<usize>()
        };
        let mut number = at / full;
        while begins(number + 1) <= at {
            number += 1;
        }
        let start = begins(number);
        let blocks = &self.blocks[number * WINDOW..self.blocks.len().min((number + 1) * WINDOW)];
        // The memory of the window before; nothing is left of it if a block cannot be read.
        let mut rows = self.window.take().map_or_else(Vec::new, |before| before.rows);
        rows.clear();
        let mut window = Window { start, rows };
        self.bytes.clear();
        for &block in blocks {
            let (first, byte) = (block as usize * self.rows.per_block(), self.bytes.len());
            self.rows.read(block as usize, &mut self.bytes)?;
            window
                .rows
                .extend((0..self.rows.rows_at(block as usize)).map(|i| (first + i, byte + i * stride)));
        }
        if let Some((seed, epoch)) = self.shuffled {
            streams::window(seed, hash(0, epoch, number as u64)).shuffle(&mut window.rows);
        }
        self.window = Some(window);
        Ok(())
    }
}
