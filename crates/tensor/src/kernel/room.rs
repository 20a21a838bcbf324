//! Scratch memory that a thread makes once.

use std::cell::Cell;
use std::thread::LocalKey;

/// A thread's memory for numbers of either type: made at the first use, and grown when more is asked for.
#[derive(Default)]
pub(super) struct Room(Vec<Line>);

/// A cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    _bytes: [u8; 64],
}

impl Room {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// The thread's room, until the result is dropped. A product that begins meanwhile, within the work on a part of this
    /// one, has a room of its own.
    #[inline]
    pub(super) fn borrow(of: &'static LocalKey<Cell<Room>>) -> Borrowed {
        Borrowed { room: of.take(), of }
    }
}

/// A room that goes back to its thread.
pub(super) struct Borrowed {
    room: Room,
    of: &'static LocalKey<Cell<Room>>,
}

impl Borrowed {
    /// Place for so many numbers, good until the next call or the end of the borrow.
    #[inline]
    pub(super) fn of<A>(&mut self, numbers: usize) -> *mut A {
        let lines = &mut self.room.0;
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
        self.of.set(std::mem::take(&mut self.room));
    }
}
