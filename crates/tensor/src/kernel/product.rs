//! A product as the tiles see it: where its matrices lie, and what is done with the result.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ops::Range;

use super::width::Width;
use crate::epilogue::Epilogue;

/// A product whose matrices lie as the tiles want them.
#[derive(Clone, Copy)]
pub(super) struct Product<'a, A> {
    pub(super) width: Width,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) depth: usize,
    /// The longest chain of the sum over the depth; the sums of the chains are added in their order.
    pub(super) chain: usize,
    pub(super) alpha: A,
    pub(super) a: Matrix<*const A>,
    /// How the depth of A lies, where it is no matrix; then its chain is as long as its depth.
    pub(super) fold: Option<Fold<'a>>,
    pub(super) b: Matrix<*const A>,
    pub(super) beta: A,
    /// The row vector that β is a factor of, for each row of C; null where it is C itself.
    pub(super) base: *const A,
    /// Its columns are contiguous.
    pub(super) c: Matrix<*mut A>,
    /// What is done with the parts of C as they are finished.
    pub(super) epilogue: Option<&'a Epilogue<'a, A>>,
    pub(super) matrices: PhantomData<&'a mut A>,
}

/// Where a matrix begins, with the distances to the next row and to the next column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<P> {
    pub(super) at: P,
    pub(super) row: usize,
    pub(super) column: usize,
}

/// How the depth of A lies in memory: in segments of some length, each of which begins at an offset of its own.
///
/// A matrix is one segment. The window of a convolution is one for each row of its kernel, so that no matrix of windows need be
/// made: it is folded up in the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fold<'a> {
    pub(super) segment: usize,
    pub(super) offsets: &'a [usize],
}

impl Fold<'_> {
    /// A matrix.
    #[inline]
    pub(super) const fn none(depth: usize) -> Self {
        Self { segment: depth, offsets: &[0] }
    }
}

impl<A> Matrix<*mut A> {
    /// The same, to be read.
    #[inline]
    pub(super) fn read(self) -> Matrix<*const A> {
        Matrix { at: self.at.cast_const(), row: self.row, column: self.column }
    }
}

// SAFETY: a product borrows its matrices, C exclusively, and hands out no part of them; the code that computes parts of it
// on several threads makes the parts disjoint.
unsafe impl<A: Sync> Sync for Product<'_, A> {}

impl<A> Product<'_, A> {
    /// What β is a factor of, from that row and column of C on.
    #[inline]
    pub(super) fn base(&self, row: usize, column: usize) -> Matrix<*const A> {
        let (at, step) =
            if self.base.is_null() { (self.c.at.cast_const(), self.c.row) } else { (self.base, 0) };
        Matrix { at: at.wrapping_add(row * step + column), row: step, column: 1 }
    }

    /// Applies the epilogue to finished rows and columns of C.
    ///
    /// # Safety
    /// They lie within C, and no other thread has them.
    #[inline(never)]
    pub(super) unsafe fn finish(&self, rows: Range<usize>, columns: Range<usize>) {
        let Some(epilogue) = self.epilogue else { return };
        let part = |row: usize, len: usize| {
            // SAFETY: the caller's contract.
            let part = unsafe {
                std::slice::from_raw_parts_mut(self.c.at.add(row * self.c.row + columns.start), len)
            };
            epilogue(row * self.columns + columns.start, part);
        };
        if columns.len() == self.columns && self.c.row == self.columns {
            return part(rows.start, rows.len() * columns.len());
        }
        rows.for_each(|row| part(row, columns.len()));
    }
}
