//! Products whose A is folded up in a picture: the door of convolutions to the tiles.
#![allow(unsafe_code)]

use std::marker::PhantomData;

use super::product::{Fold, Matrix, Product};
use super::width::Width;
use crate::scalar::Scalar;

/// C ← A·B + β·base, where A is a picture: its number (i, l) is `a[i·row + offsets[l / segment] + l % segment·column]`.
pub(crate) struct Folded<'a, A> {
    /// The picture.
    pub(crate) a: &'a [A],
    /// From one row of A to the next.
    pub(crate) row: usize,
    /// From one number of a segment to the next; 1 unless `row` is.
    pub(crate) column: usize,
    /// Where the segments of the depth begin.
    pub(crate) offsets: &'a [usize],
    /// How long each of them is.
    pub(crate) segment: usize,
    /// The first column of B; all of them lie in rows of `b_row` numbers.
    pub(crate) b: &'a [A],
    pub(crate) b_row: usize,
    pub(crate) columns: usize,
    pub(crate) beta: A,
    /// What β is a factor of in each row; else C itself.
    pub(crate) base: Option<&'a [A]>,
}

impl<A: Scalar> Folded<'_, A> {
    /// Computes `rows` rows of C, which lie `c_row` numbers apart. Each number is one chain over the depth, in its order.
    ///
    /// # Panics
    /// If a matrix ends before its last number.
    pub(crate) fn compute(&self, rows: usize, c: &mut [A], c_row: usize) {
        let Self { a, row, column, offsets, segment, b, b_row, columns, beta, base } = *self;
        let depth = segment * offsets.len();
        if rows == 0 || columns == 0 || depth == 0 {
            return;
        }
        let furthest = offsets.iter().max().map_or(0, |&offset| offset);
        assert!((rows - 1) * row + furthest + (segment - 1) * column < a.len(), "folded: A ends too early");
        assert!((depth - 1) * b_row + columns <= b.len(), "folded: B ends too early");
        assert!((rows - 1) * c_row + columns <= c.len(), "folded: C ends too early");
        assert!(base.is_none_or(|base| base.len() == columns), "folded: the base is no row of C");
        assert!(row == 1 || column == 1, "folded: A has no unit stride");
        let product = Product {
            width: Width::of_this_cpu().expect("folded: asked only where there are tiles"),
            rows,
            columns,
            depth,
            chain: depth,
            alpha: A::one(),
            a: Matrix { at: a.as_ptr(), row, column },
            fold: Some(Fold { segment, offsets }),
            b: Matrix { at: b.as_ptr(), row: b_row, column: 1 },
            beta,
            base: base.map_or(std::ptr::null(), <[A]>::as_ptr),
            c: Matrix { at: c.as_mut_ptr(), row: c_row, column: 1 },
            epilogue: None,
            matrices: PhantomData,
        };
        // SAFETY: the CPU has the registers, and the assertions say that all numbers lie within their slices.
        unsafe { A::tiles(product.width, &product, 0..rows, 0..columns) }
    }
}
