//! Scratch memory that a thread makes once.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::thread::LocalKey;

use crate::scalar::Scalar;

/// A thread's memory for numbers of either type: made at the first use, and grown when more is asked for.
#[derive(Default)]
pub(crate) struct Scratch(Vec<Line>);

/// A cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    _bytes: [u8; 64],
}

impl Scratch {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// The thread's scratch memory, until the result is dropped. A product that begins meanwhile, within the epilogue of this
    /// one, gets another.
    #[inline]
    pub(crate) fn borrow(of: &'static LocalKey<Cell<Scratch>>) -> Borrowed {
        Borrowed { scratch: of.take(), of }
    }
}

/// Scratch memory that goes back to its thread.
pub(crate) struct Borrowed {
    scratch: Scratch,
    of: &'static LocalKey<Cell<Scratch>>,
}

impl Borrowed {
    /// Memory for `numbers` numbers, valid until the next call or the end of the borrow.
    #[inline]
    pub(crate) fn of<A>(&mut self, numbers: usize) -> *mut A {
        let lines = &mut self.scratch.0;
        let needed = (numbers * size_of::<A>()).div_ceil(size_of::<Line>());
        if lines.len() < needed {
            lines.resize(needed, Line { _bytes: [0; 64] });
        }
        lines.as_mut_ptr().cast()
    }
}

impl Borrowed {
    /// The same as a slice of numbers that the last user left.
    #[inline]
    pub(crate) fn slice<A: Scalar>(&mut self, numbers: usize) -> &mut [A] {
        let at = self.of::<A>(numbers);
        // SAFETY: there are so many bytes, all of them written, aligned for any number; and any bytes are an `f32` or an `f64`.
        unsafe { std::slice::from_raw_parts_mut(at, numbers) }
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
