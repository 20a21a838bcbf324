use chacha20::ChaCha8Rng;
use rand::rand_core::{Infallible, TryRng};
use rand::{RngExt, SeedableRng};
use rand_distr::{Beta, StandardNormal};

use crate::scalar::Scalar;

/// A seeded, counter-based stream of random bits: ChaCha with 8 rounds.
///
/// The n-th word of stream s under a seed is a pure function of (seed, s, n), so every use of randomness has a stream
/// of its own, and none depends on how much another has drawn. There is no global generator: randomness comes only
/// from the seed passed in.
///
/// It implements [`rand::Rng`], so all distributions of `rand` and `rand_distr` apply.
///
/// # References
/// Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011 (counter-based generators);
/// Bernstein, "ChaCha, a variant of Salsa20", 2008.
///
/// ```
/// use chainrule_tensor::Rng;
///
/// let draw = |seed, stream| Rng::stream(seed, stream).uniform::<f64>(0.0, 1.0);
/// assert_eq!(draw(1, 0), draw(1, 0));
/// assert_ne!(draw(1, 0), draw(1, 1));
/// assert_ne!(draw(1, 0), draw(2, 0));
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Rng(ChaCha8Rng);

impl Rng {
    /// Stream 0 of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// One of the 2⁶⁴ independent streams of `seed`.
    pub fn stream(seed: u64, stream: u64) -> Self {
        let mut rng = Self::new(seed);
        rng.0.set_stream(stream);
        rng
    }

    /// A number drawn uniformly from `[low, high)`.
    pub fn uniform<A: Scalar>(&mut self, low: f64, high: f64) -> A {
        A::of(low + (high - low) * self.random::<f64>())
    }

    /// A number drawn from the normal distribution of the given standard deviation around 0.
    pub fn normal<A: Scalar>(&mut self, deviation: f64) -> A {
        let z: f64 = self.sample(StandardNormal);
        A::of(deviation * z)
    }

    /// A number drawn from Beta(α, β), the distribution on \[0, 1\] with a density proportional to x^(α − 1)·(1 − x)^(β − 1).
    ///
    /// # Panics
    /// If α or β is not above 0.
    ///
    /// ```
    /// let share = chainrule_tensor::Rng::new(1).beta(0.2, 0.2);
    /// assert!((0.0..=1.0).contains(&share));
    /// ```
    #[track_caller]
    pub fn beta(&mut self, alpha: f64, beta: f64) -> f64 {
        self.sample(Beta::new(alpha, beta).expect("beta: both parameters are above 0"))
    }

    /// A whole number drawn uniformly from `0..n`.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        self.random_range(0..n as u64) as usize
    }

    /// Shuffles `items` uniformly (Fisher and Yates).
    ///
    /// ```
    /// let mut order: Vec<u32> = (0..100).collect();
    /// chainrule_tensor::Rng::new(3).shuffle(&mut order);
    /// assert_ne!(order[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    /// order.sort_unstable();
    /// assert!(order.into_iter().eq(0..100));
    /// ```
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

impl TryRng for Rng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.try_next_u64()
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.try_fill_bytes(out)
    }
}

/// 64 well-mixed bits that depend on nothing but (seed, row, column): the coin of a dropout mask.
///
/// A pure function, so a mask is the same for every sharding of the batch and at every point of a line search.
///
/// # References
/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014 (SplitMix64's finaliser).
///
/// ```
/// use chainrule_tensor::hash;
///
/// assert_eq!(hash(1, 2, 3), hash(1, 2, 3));
/// assert_ne!(hash(1, 2, 3), hash(1, 3, 2));
/// ```
#[inline(always)]
pub fn hash(seed: u64, row: u64, column: u64) -> u64 {
    const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let of_row = mix(mix(seed.wrapping_add(GAMMA)).wrapping_add(row.wrapping_mul(GAMMA)));
    mix(of_row.wrapping_add(column.wrapping_add(1).wrapping_mul(GAMMA)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_does_not_depend_on_what_another_drew() {
        let mut one = Rng::stream(5, 1);
        let mut two = Rng::stream(5, 2);
        let _: Vec<f64> = (0..1000).map(|_| one.normal(1.0)).collect();
        assert_eq!(two.random::<u64>(), Rng::stream(5, 2).random::<u64>());
    }

    #[test]
    fn normal_has_the_stated_moments() {
        let mut rng = Rng::new(11);
        let draws: Vec<f64> = (0..100_000).map(|_| rng.normal(3.0)).collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e5;
        // Five standard errors: 3/√1e5 for the mean, 9·√(2/1e5) for the variance.
        assert!(mean.abs() < 0.05 && (variance - 9.0).abs() < 0.2, "{mean} {variance}");
    }

    #[test]
    fn beta_has_the_moments_of_its_formula() {
        for (alpha, beta) in [(0.2, 0.2), (1.0, 1.0), (2.0, 5.0)] {
            let (mut rng, n) = (Rng::new(12), 100_000);
            let draws: Vec<f64> = (0..n).map(|_| rng.beta(alpha, beta)).collect();
            let mean = draws.iter().sum::<f64>() / f64::from(n);
            let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
            let sum: f64 = alpha + beta;
            let expected = alpha * beta / (sum * sum * (sum + 1.0));
            assert!(
                (mean - alpha / sum).abs() < 0.01 && (variance - expected).abs() < 0.005,
                "{mean} {variance}"
            );
        }
    }

    #[test]
    fn hash_sets_each_bit_half_of_the_time() {
        let n = 20_000;
        let mut ones = [0_u32; 64];
        for i in 0..n {
            let bits = hash(9, i / 100, i % 100);
            for (bit, count) in ones.iter_mut().enumerate() {
                *count += u32::from(bits >> bit & 1 == 1);
            }
        }
        // Five standard deviations of a fair coin: 5·√(n/4) ≈ 354.
        assert!(ones.iter().all(|&count| count.abs_diff(n as u32 / 2) < 354), "{ones:?}");
    }
}
