//! How a product is computed: decided from its shape and layout alone, never by a clock.

use super::product::Product;
use crate::pool::{UNIT, slab};
use crate::scalar::Scalar;

/// Below this number of rows, a product with a transposed B is one of inner products.
const FEW_ROWS: usize = 4;

/// From this depth on, h·W is the sum of two chains, for two threads.
pub(super) const HALVED: usize = 256;
/// A row of at most this many columns is summed in one or two registers, where each multiply-add waits for the one before.
const NARROW: usize = 32;
/// Such a row is the sum of two chains from this depth on; they are computed side by side.
const HALVED_IF_NARROW: usize = 32;
/// No chain is longer: a panel of B of this height stays in the second cache.
const LONGEST_CHAIN: usize = 1024;

/// B is packed panel by panel from this number of rows on.
const ROWS_TO_PACK: usize = 96;
/// The same where a packed panel would not stay in the first cache either, a page holds two rows of B or more, and the CPU has
/// AVX-512: those with AVX2 alone have a smaller and less associative first cache, where rows a page apart drive each other out.
const ROWS_TO_PACK_NEAR: usize = 640;
/// The bytes of a register of AVX-512.
const WIDEST: usize = 64;
/// A panel of more rows of B does not stay in the first cache.
const LOW: usize = 192;
/// Bytes of a page of memory. Rows of A that lie a multiple of it apart fall into the same sets of the caches, and are packed.
const PAGE: usize = 4096;
/// Above this number of bytes, A does not stay in the second cache while the panels of B pass by; then some panels that fill
/// as many bytes stay there, and A passes by.
pub(super) const HALF_CACHE: usize = 512 * 1024;

impl<A: Scalar> Product<'_, A> {
    /// Whether its numbers are computed as inner products: few rows by a transposed B, or a row by a column.
    #[inline]
    pub(super) fn is_inner(&self) -> bool {
        let is_transposed = self.b.column != 1 || self.columns == 1 && self.depth > 1;
        is_transposed && self.rows < FEW_ROWS && self.a.column == 1 && self.b.row == 1
    }

    /// Whether neither factor is transposed: h·W, the way up through a layer.
    pub(super) fn is_plain(&self) -> bool {
        self.a.column == 1 && self.b.column == 1 && !self.is_inner()
    }

    /// The length of the chains that a sum over the depth is cut into.
    pub(super) fn longest_chain(&self) -> usize {
        let halved = if self.columns <= NARROW { HALVED_IF_NARROW } else { HALVED };
        if self.is_plain() && self.depth >= halved {
            let second = slab(self.depth, UNIT, 2, 1);
            return second.start.max(second.len()).min(LONGEST_CHAIN);
        }
        self.depth.min(LONGEST_CHAIN)
    }

    /// Whether C is so wide that to copy factors pays, in registers of `lanes` numbers.
    pub(super) fn is_wide(&self, lanes: usize) -> bool {
        self.columns >= 16 * lanes
    }

    /// Whether B is packed: where it is transposed, or many rows share the effort, which those of a convolution do not.
    pub(super) fn packs_b(&self, lanes: usize) -> bool {
        let number = size_of::<A>();
        let is_near = self.depth > LOW && 2 * self.b.row * number <= PAGE && lanes * number == WIDEST;
        self.b.column != 1
            || self.fold.is_none() && self.rows >= if is_near { ROWS_TO_PACK_NEAR } else { ROWS_TO_PACK }
    }

    /// Whether `m` rows of A do not stay in the second cache while the panels of B pass by.
    pub(super) fn a_is_large(&self, m: usize, lanes: usize) -> bool {
        let depth = self.depth.min(self.chain);
        self.packs_b(lanes) && self.is_wide(lanes) && m * depth * size_of::<A>() > HALF_CACHE
    }

    /// Whether `m` rows of A are packed: where they are strewn over memory, as the columns of h in hᵀ·δ, and are read for many
    /// panels; where they get in each other's way in the caches; or where they are too many.
    pub(super) fn packs_a(&self, m: usize, lanes: usize) -> bool {
        if self.fold.is_some() {
            return false;
        }
        let is_strewn = self.a.row == 1 && self.columns >= 32 * lanes;
        let aliases = (self.a.row.max(self.a.column) * size_of::<A>()).is_multiple_of(PAGE);
        is_strewn || self.is_wide(lanes) && aliases || self.a_is_large(m, lanes)
    }
}
