//! The width of the vector registers.

/// The registers of this CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    #[cfg(not(unoptimised))]
    /// AVX-512: 32 registers of 512 bits.
    Avx512,
    /// AVX2 and FMA: 16 registers of 256 bits.
    Avx2,
}

impl Width {
    /// The widest that this CPU has, if it has either; a build at `opt-level = 0` knows AVX2 alone, with the same bits.
    #[inline]
    pub(super) fn of_this_cpu() -> Option<Self> {
        #[cfg(not(unoptimised))]
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
            return Some(Width::Avx512);
        }
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Width::Avx2)
    }
}
