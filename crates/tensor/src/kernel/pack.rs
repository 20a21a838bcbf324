//! Copies of A and B that a tile reads from one end to the other.
#![allow(unsafe_code)]

use super::lanes::{Lanes, transpose_8x8};
use super::product::Matrix;
use crate::scalar::Scalar;

/// Copies some rows of A so that a tile reads them one after the other: `to[l·count + i] = A[i, l]`.
#[inline(always)]
pub(super) unsafe fn pack_rows<A: Scalar>(a: Matrix<*const A>, count: usize, depth: usize, to: *mut A) {
    // SAFETY: `run` calls this for numbers of A, and its buffer has `count·depth` places at `to`.
    unsafe {
        if a.row == 1 {
            for l in 0..depth {
                let (from, to) = (a.at.add(l * a.column), to.add(l * count));
                // A call of `memcpy` takes longer than such a copy.
                if count == 8 {
                    to.cast::<[A; 8]>().write_unaligned(from.cast::<[A; 8]>().read_unaligned());
                } else {
                    to.copy_from_nonoverlapping(from, count);
                }
            }
        } else {
            // Blocks of 8 × 8 by registers where there are such; the rest, and `f64`, number by number.
            let blocks = if size_of::<A>() == 4 && a.column == 1 && count == 8 { depth / 8 * 8 } else { 0 };
            for l in (0..blocks).step_by(8) {
                transpose_8x8(a.at.add(l).cast(), a.row, to.add(l * count).cast(), count);
            }
            for i in 0..count {
                for l in blocks..depth {
                    *to.add(l * count + i) = *a.at.add(i * a.row + l * a.column);
                }
            }
        }
    }
}

/// Copies `n` columns of B in panels of at most `REGISTERS` registers, row by row: `to[j₀·depth + l·width + j] = B[l, j₀ + j]`
/// for the panel that begins at column j₀ and fills registers of `width` numbers.
#[inline(always)]
pub(super) unsafe fn pack_panels<V: Lanes, const REGISTERS: usize>(
    b: Matrix<*const V::Number>,
    n: usize,
    depth: usize,
    to: *mut V::Number,
) {
    let panels = || pieces(n, REGISTERS * V::LEN, V::LEN);
    // SAFETY: `run` calls this for numbers of B, and its buffer has `depth` places at `to` for each column of the panels.
    unsafe {
        if b.column == 1 {
            // Across the panels, as B lies in memory.
            for l in 0..depth {
                for (j, used) in panels() {
                    let width = used.next_multiple_of(V::LEN);
                    let (from, to) = (b.at.add(l * b.row + j), to.add(j * depth + l * width));
                    // A call of `memcpy` takes longer than such a copy.
                    for k in (0..used / V::LEN * V::LEN).step_by(V::LEN) {
                        V::load(from.add(k)).store(to.add(k));
                    }
                    if used < width {
                        let whole = width - V::LEN;
                        V::load_some(V::mask(used - whole), from.add(whole)).store(to.add(whole));
                    }
                }
            }
            return;
        }
        for (first, used) in panels() {
            let (row, column) = (b.row, b.column);
            let (b, to) = (b.at.add(first * column), to.add(first * depth));
            let width = used.next_multiple_of(V::LEN);
            // Likewise.
            let blocks =
                if size_of::<V::Number>() == 4 && row == 1 { (used / 8 * 8, depth / 8 * 8) } else { (0, 0) };
            for j in (0..blocks.0).step_by(8) {
                for l in (0..blocks.1).step_by(8) {
                    transpose_8x8(b.add(l + j * column).cast(), column, to.add(l * width + j).cast(), width);
                }
            }
            for j in 0..used {
                for l in if j < blocks.0 { blocks.1 } else { 0 }..depth {
                    *to.add(l * width + j) = *b.add(l * row + j * column);
                }
            }
        }
    }
}

/// Cuts `0..n` into pieces of `most`, and what is left into two halves that are multiples of `unit`: where they begin and how
/// long they are.
#[inline(always)]
pub(super) fn pieces(n: usize, most: usize, unit: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut begin = 0;
    std::iter::from_fn(move || {
        let left = n - begin;
        let piece = match left {
            0 => return None,
            _ if left <= most => left,
            _ if left < 2 * most => left.div_ceil(2).next_multiple_of(unit),
            _ => most,
        };
        begin += piece;
        Some((begin - piece, piece))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_follow_each_other_and_none_is_small() {
        for (most, unit) in [(8, 1), (6, 1), (48, 16), (16, 8), (144, 16)] {
            for n in 0..400 {
                let mut end = 0;
                for (begin, len) in pieces(n, most, unit) {
                    assert_eq!(begin, end, "{n} by {most}");
                    assert!(len <= most && (len == n || 2 * len + 2 * unit > most), "{n} by {most}: {len}");
                    end += len;
                    assert!(end == n || len.is_multiple_of(unit), "{n} by {most}: {len}");
                }
                assert_eq!(end, n);
            }
        }
    }
}
