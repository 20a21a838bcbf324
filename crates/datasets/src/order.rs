use chainrule_tensor::hash;

use crate::{Error, Stored, streams};

/// Blocks of a file in memory at once: 32 MiB or so.
const WINDOW: usize = 128;

/// The order of the examples of a pass, a function of (seed, epoch).
#[derive(Debug)]
pub(crate) enum Order {
    /// In memory: one list of all.
    Whole(Vec<usize>),
    /// In a file: its blocks in their order, and the rows of some of them at a time in theirs.
    Windows(Windows),
}

/// A pass through the blocks of a file: they are shuffled, then the rows of each 128 neighbours in that order. What is
/// read at once lies together in the file, and memory holds one window.
#[derive(Debug)]
pub(crate) struct Windows {
    rows: Stored,
    /// The places of the blocks.
    blocks: Vec<u32>,
    /// Seed and epoch; none goes through the rows as they stand.
    shuffled: Option<(u64, u64)>,
    /// The window in memory.
    window: Option<Window>,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Window {
    /// The place of its first row in the pass.
    start: usize,
    /// The number of each row in the data, and where its bytes lie.
    rows: Vec<(usize, usize)>,
}

impl Windows {
    pub(crate) fn new(rows: &Stored) -> Self {
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

    /// The number of the row at a place of the pass, its file, and its bytes.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn row(&mut self, at: usize) -> Result<(usize, &Stored, &[u8]), Error> {
        let inside = |window: &Window| (window.start..window.start + window.rows.len()).contains(&at);
        if !self.window.as_ref().is_some_and(inside) {
            self.load(at)?;
        }
        let window = self.window.as_ref().expect("just loaded");
        let (row, byte) = window.rows[at - window.start];
        Ok((row, &self.rows, &self.bytes[byte..byte + self.rows.stride()]))
    }

    /// Brings the window with a place of the pass to memory.
    fn load(&mut self, at: usize) -> Result<(), Error> {
        let (full, stride) = (WINDOW * self.rows.per_block(), self.rows.stride());
        // One block may be short; behind it everything begins so much earlier.
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
        let mut window = Window { start, rows: Vec::new() };
        self.window = None;
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
