//! How fast this CPU could be.
#![allow(unsafe_code)]

use std::hint::black_box;
use std::time::Instant;

use super::lanes::{F32x8, F32x16, Lanes};
use super::width::Width;

/// Billions of `f32` operations a second of a loop that does nothing else: see [`peak`](super::peak).
pub(super) fn peak(width: Width) -> f64 {
    #[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
    unsafe fn avx512(rounds: usize) -> f64 {
        // SAFETY: the caller's contract, here and below.
        unsafe { multiply_adds::<F32x16, 24>(rounds) }
    }
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2(rounds: usize) -> f64 {
        // SAFETY: as above.
        unsafe { multiply_adds::<F32x8, 12>(rounds) }
    }
    let pace = |rounds: usize| {
        let start = Instant::now();
        // SAFETY: `of_this_cpu` found the width.
        let operations = unsafe {
            match width {
                #[cfg(not(unoptimised))]
                Width::Avx512 => avx512(rounds),
                Width::Avx2 => avx2(rounds),
            }
        };
        operations / start.elapsed().as_secs_f64() / 1e9
    };
    // Some milliseconds each, so that the clock rate of these instructions has settled.
    (0..9).map(|_| pace(200_000)).fold(0.0, f64::max)
}

/// As many chains of multiply-adds as hide the latency of one; returns how many operations that is.
#[inline(always)]
unsafe fn multiply_adds<V: Lanes<Number = f32>, const CHAINS: usize>(rounds: usize) -> f64 {
    // SAFETY: the caller's contract.
    unsafe {
        let (factor, term) = (V::splat(black_box(0.999)), V::splat(black_box(0.001)));
        let mut chains = [V::splat(1.0); CHAINS];
        for _ in 0..rounds {
            for chain in &mut chains {
                *chain = chain.mul_add(factor, term);
            }
        }
        black_box(chains.map(|chain| V::sums([chain; 4])));
    }
    (2 * rounds * CHAINS * V::LEN) as f64
}
