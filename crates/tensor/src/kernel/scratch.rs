//! Scratch memory that a thread makes once.

use std::cell::Cell;
use std::thread::LocalKey;

/// A thread's memory for numbers of either type: made at the first use, and grown when more is asked for.
#[derive(Default)]
pub(super) struct Scratch(Vec<Line>);

/// A cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    _bytes: [u8; 64],
}

impl Scratch {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// The thread's scratch memory, until the result is dropped. A product that begins meanwhile, within the epilogue of this
    /// one, gets another.
    #[inline]
    pub(super) fn borrow(of: &'static LocalKey<Cell<Scratch>>) -> Borrowed {
        Borrowed { scratch: of.take(), of }
    }
}

/// Scratch memory that goes back to its thread.
pub(super) struct Borrowed {
    scratch: Scratch,
    of: &'static LocalKey<Cell<Scratch>>,
}

impl Borrowed {
    /// Memory for `numbers` numbers, valid until the next call or the end of the borrow.
    #[inline]
    pub(super) fn of<A>(&mut self, numbers: usize) -> *mut A {
        let lines = &mut self.scratch.0;
        let needed = (numbers * size_of::<A>()).div_ceil(size_of::<Line>());
        if lines.len() < needed {
            lines.resize(needed, Line { _bytes: [0; 64] });
        }
        lines.as_mut_ptr().cast()
    }
}

impl Drop for Borrowed {
    #[inline]
    fn drop(&mut self) {
        self.of.set(std::mem::take(&mut self.scratch));
    }
}

thread_local! {
    /// A thread's place for packed numbers.
    pub(super) static PACKED: Cell<Scratch> = const { Cell::new(Scratch::new()) };
}
