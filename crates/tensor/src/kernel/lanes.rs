//! The registers of the tile kernel: some numbers side by side, with the few operations that a product needs.
#![allow(unsafe_code)]

// A list of thirty intrinsics would say no more.
#[allow(clippy::wildcard_imports)]
use std::arch::x86_64::*;

/// A vector register of `LEN` numbers.
///
/// # Safety
/// Its functions may be called only where the CPU has the register's instructions (and are inlined only into functions
/// compiled for them). Pointers must be good for the numbers that are read or written.
pub(super) trait Lanes: Copy {
    type Number: Copy;
    /// Which lanes a partial load or store touches.
    type Mask: Copy;
    const LEN: usize;

    unsafe fn zero() -> Self;
    unsafe fn splat(x: Self::Number) -> Self;
    unsafe fn load(from: *const Self::Number) -> Self;
    unsafe fn store(self, to: *mut Self::Number);
    /// The first `n` lanes, at most `LEN`.
    unsafe fn mask(n: usize) -> Self::Mask;
    /// The masked lanes; the others are zero, and their memory is not touched.
    unsafe fn load_some(mask: Self::Mask, from: *const Self::Number) -> Self;
    unsafe fn store_some(self, mask: Self::Mask, to: *mut Self::Number);
    /// Register `j` of a row of them: a whole one, or the lanes of `last`.
    #[inline(always)]
    unsafe fn load_of(row: *const Self::Number, j: usize, is_whole: bool, last: Self::Mask) -> Self {
        // SAFETY: the caller's contract, here and below.
        unsafe {
            let from = row.add(j * Self::LEN);
            if is_whole { Self::load(from) } else { Self::load_some(last, from) }
        }
    }
    #[inline(always)]
    unsafe fn store_of(self, row: *mut Self::Number, j: usize, is_whole: bool, last: Self::Mask) {
        // SAFETY: as above.
        unsafe {
            let to = row.add(j * Self::LEN);
            if is_whole { self.store(to) } else { self.store_some(last, to) }
        }
    }
    /// Asks for the cache line of an address, which may be any.
    #[inline(always)]
    unsafe fn prefetch(at: *const Self::Number) {
        // SAFETY: it changes nothing but the cache.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }
    unsafe fn mul(self, a: Self) -> Self;
    /// self·a + b, rounded once.
    unsafe fn mul_add(self, a: Self, b: Self) -> Self;
    /// The sums of the lanes of each: the halves of a register are added, then those of the half, and so on.
    unsafe fn sums(of: [Self; 4]) -> [Self::Number; 4];
}

macro_rules! lanes {
    ($name:ident = $register:ident of $len:literal $number:ident, $mask:ident by $make_mask:ident:
     $zero:ident $splat:ident $load:ident $store:ident $load_some:ident $store_some:ident $mul:ident $mul_add:ident $half:ident $sums:ident) => {
        #[derive(Clone, Copy)]
        pub(super) struct $name($register);

        impl Lanes for $name {
            type Number = $number;
            type Mask = $mask;
            const LEN: usize = $len;

            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: the caller's contract, here and below.
                Self(unsafe { $zero() })
            }
            #[inline(always)]
            unsafe fn splat(x: $number) -> Self {
                // SAFETY: as above.
                Self(unsafe { $splat(x) })
            }
            #[inline(always)]
            unsafe fn load(from: *const $number) -> Self {
                // SAFETY: as above.
                Self(unsafe { $load(from) })
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $number) {
                // SAFETY: as above.
                unsafe { $store(to, self.0) }
            }
            #[inline(always)]
            unsafe fn mask(n: usize) -> $mask {
                // SAFETY: as above.
                unsafe { $make_mask(n) }
            }
            #[inline(always)]
            unsafe fn load_some(mask: $mask, from: *const $number) -> Self {
                // SAFETY: as above.
                Self(unsafe { $load_some(mask, from) })
            }
            #[inline(always)]
            unsafe fn store_some(self, mask: $mask, to: *mut $number) {
                // SAFETY: as above.
                unsafe { $store_some(to, mask, self.0) }
            }
            #[inline(always)]
            unsafe fn mul(self, a: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $mul(self.0, a.0) })
            }
            #[inline(always)]
            unsafe fn mul_add(self, a: Self, b: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $mul_add(self.0, a.0, b.0) })
            }
            #[inline(always)]
            unsafe fn sums([a, b, c, d]: [Self; 4]) -> [$number; 4] {
                // SAFETY: as above.
                unsafe { $sums([$half(a.0), $half(b.0), $half(c.0), $half(d.0)]) }
            }
        }
    };
}

lanes!(F32x16 = __m512 of 16 f32, __mmask16 by first_of_16:
    _mm512_setzero_ps _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_maskz_loadu_ps _mm512_mask_storeu_ps
    _mm512_mul_ps _mm512_fmadd_ps half_ps sums_ps);
lanes!(F64x8 = __m512d of 8 f64, __mmask8 by first_of_8:
    _mm512_setzero_pd _mm512_set1_pd _mm512_loadu_pd _mm512_storeu_pd _mm512_maskz_loadu_pd _mm512_mask_storeu_pd
    _mm512_mul_pd _mm512_fmadd_pd half_pd sums_pd);
lanes!(F32x8 = __m256 of 8 f32, __m256i by first_8_of_32_bits:
    _mm256_setzero_ps _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps maskload_ps _mm256_maskstore_ps
    _mm256_mul_ps _mm256_fmadd_ps whole sums_ps);
lanes!(F64x4 = __m256d of 4 f64, __m256i by first_4_of_64_bits:
    _mm256_setzero_pd _mm256_set1_pd _mm256_loadu_pd _mm256_storeu_pd maskload_pd _mm256_maskstore_pd
    _mm256_mul_pd _mm256_fmadd_pd whole sums_pd);

#[inline(always)]
unsafe fn first_of_16(n: usize) -> __mmask16 {
    ((1_u32 << n) - 1) as __mmask16
}

#[inline(always)]
unsafe fn first_of_8(n: usize) -> __mmask8 {
    ((1_u32 << n) - 1) as __mmask8
}

#[inline(always)]
unsafe fn first_8_of_32_bits(n: usize) -> __m256i {
    // SAFETY: the caller's contract, as for all that follow.
    unsafe { _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)) }
}

#[inline(always)]
unsafe fn first_4_of_64_bits(n: usize) -> __m256i {
    // SAFETY: as above.
    unsafe { _mm256_cmpgt_epi64(_mm256_set1_epi64x(n as i64), _mm256_setr_epi64x(0, 1, 2, 3)) }
}

#[inline(always)]
unsafe fn maskload_ps(mask: __m256i, from: *const f32) -> __m256 {
    // SAFETY: as above.
    unsafe { _mm256_maskload_ps(from, mask) }
}

#[inline(always)]
unsafe fn maskload_pd(mask: __m256i, from: *const f64) -> __m256d {
    // SAFETY: as above.
    unsafe { _mm256_maskload_pd(from, mask) }
}

#[inline(always)]
unsafe fn whole<V>(x: V) -> V {
    x
}

/// The sum of the halves.
#[inline(always)]
unsafe fn half_ps(x: __m512) -> __m256 {
    // SAFETY: as above.
    unsafe {
        let high = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(x));
        _mm256_add_ps(_mm512_castps512_ps256(x), _mm256_castpd_ps(high))
    }
}

#[inline(always)]
unsafe fn half_pd(x: __m512d) -> __m256d {
    // SAFETY: as above.
    unsafe { _mm256_add_pd(_mm512_castpd512_pd256(x), _mm512_extractf64x4_pd::<1>(x)) }
}

// `map` on arrays would not be inlined.
#[inline(always)]
unsafe fn sums_ps([a, b, c, d]: [__m256; 4]) -> [f32; 4] {
    // SAFETY: as above.
    unsafe {
        let half = |x| _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
        let quarters = |a, b| _mm_add_ps(_mm_movelh_ps(a, b), _mm_movehl_ps(b, a));
        let (ab, cd) = (quarters(half(a), half(b)), quarters(half(c), half(d)));
        std::mem::transmute(_mm_add_ps(_mm_shuffle_ps::<0x88>(ab, cd), _mm_shuffle_ps::<0xDD>(ab, cd)))
    }
}

#[inline(always)]
unsafe fn sums_pd([a, b, c, d]: [__m256d; 4]) -> [f64; 4] {
    // SAFETY: as above.
    unsafe {
        let half = |x| _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd::<1>(x));
        let whole = |a, b| _mm_add_pd(_mm_unpacklo_pd(a, b), _mm_unpackhi_pd(a, b));
        std::mem::transmute([whole(half(a), half(b)), whole(half(c), half(d))])
    }
}

/// Transposes an 8 × 8 block of `f32`: `to[l·to_row + j] = from[j·from_row + l]`.
///
/// # Safety
/// The CPU has AVX; both blocks lie in memory of the caller's.
#[inline(always)]
pub(super) unsafe fn transpose_8x8(from: *const f32, from_row: usize, to: *mut f32, to_row: usize) {
    // SAFETY: the caller's contract.
    unsafe {
        // Halves of rows j and j + 4 side by side, so that the shuffles below, which stay in their halves, suffice.
        let pair = |j: usize, l: usize| {
            let half = |j: usize| _mm_loadu_ps(from.add(j * from_row + l));
            _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(half(j)), half(j + 4))
        };
        for l in [0, 4] {
            let (a, b, c, d) = (pair(0, l), pair(1, l), pair(2, l), pair(3, l));
            let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
            let (ab_high, cd_high) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
            let to = to.add(l * to_row);
            _mm256_storeu_ps(to, _mm256_shuffle_ps::<0x44>(ab, cd));
            _mm256_storeu_ps(to.add(to_row), _mm256_shuffle_ps::<0xEE>(ab, cd));
            _mm256_storeu_ps(to.add(2 * to_row), _mm256_shuffle_ps::<0x44>(ab_high, cd_high));
            _mm256_storeu_ps(to.add(3 * to_row), _mm256_shuffle_ps::<0xEE>(ab_high, cd_high));
        }
    }
}
