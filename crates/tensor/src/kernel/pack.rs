//! Copies of A and B that a tile reads from one end to the other.
#![allow(unsafe_code)]

use super::lanes::{Lanes, transpose_8x8};
use super::product::Matrix;
use crate::Scalar;

/// Copies some rows of A so that a tile reads them one after the other: `to[l·count + i] = A[i, l]`.
#[inline(always)]
pub(super) unsafe fn pack_rows<A: Scalar>(a: Matrix<*const A>, count: usize, depth: usize, to: *mut A) {
    // SAFETY: `run` calls this for numbers of A, and its buffer has `count·depth` places at `to`.
    unsafe {
        if a.row == 1 {
            for l in 0..depth {
                to.add(l * count).copy_from_nonoverlapping(a.at.add(l * a.column), count);
            }
        } else {
            for i in 0..count {
                for l in 0..depth {
                    *to.add(l * count + i) = *a.at.add(i * a.row + l * a.column);
                }
            }
        }
    }
}

/// Copies `n` columns of B in panels of `width`, each row by row: `to[j₀·depth + l·width + j − j₀] = B[l, j]` for the panel
/// that begins at column j₀.
#[inline(always)]
pub(super) unsafe fn pack_panels<V: Lanes>(
    b: Matrix<*const V::Number>,
    n: usize,
    depth: usize,
    to: *mut V::Number,
) {
    let width = 2 * V::LEN;
    // SAFETY: `run` calls this for numbers of B, and its buffer has `depth` places at `to` for each column of the panels.
    unsafe {
        if b.column == 1 {
            // Across the panels, as B lies in memory.
            for l in 0..depth {
                for j in (0..n).step_by(width) {
                    let (from, to) = (b.at.add(l * b.row + j), to.add(j * depth + l * width));
                    if n - j >= width {
                        // A call of `memcpy` takes longer than such a copy.
                        V::load(from).store(to);
                        V::load(from.add(V::LEN)).store(to.add(V::LEN));
                    } else {
                        to.copy_from_nonoverlapping(from, width.min(n - j));
                    }
                }
            }
            return;
        }
        // Blocks of 8 × 8 by registers where there are such; the edges, and `f64`, number by number.
        let blocks =
            if size_of::<V::Number>() == 4 && b.row == 1 { (n / 8 * 8, depth / 8 * 8) } else { (0, 0) };
        let place = |l: usize, j: usize| to.add(j / width * width * depth + l * width + j % width);
        for j in (0..blocks.0).step_by(8) {
            for l in (0..blocks.1).step_by(8) {
                let from = b.at.add(l + j * b.column);
                transpose_8x8(from.cast(), b.column, place(l, j).cast(), width);
            }
        }
        for j in 0..n {
            for l in if j < blocks.0 { blocks.1 } else { 0 }..depth {
                *place(l, j) = *b.at.add(l * b.row + j * b.column);
            }
        }
    }
}
