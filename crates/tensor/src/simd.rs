//! Loops compiled for the best vector registers that the CPU has, chosen at run time.
//!
//! [`dispatch`] runs a loop as compiled for AVX-512, for AVX2 or for the target's baseline, which is SSE2 on x86-64 and
//! NEON on 64-bit ARM; a build at `opt-level = 0` has the baseline alone. [`map`] is the loop that nearly all of them are: `out[i]` ← f(`x[i]`, …).
//!
//! # The same bits
//!
//! An elementwise result has the same bits on every level and every machine. Each number goes through the same additions,
//! multiplications, divisions and roots, which IEEE 754 rounds in one way only; which lane of which register it passes
//! through changes nothing. The one instruction that would break this, the fused multiply-add, is not enabled at any
//! level, so no compiler may contract a·b + c here.

#![allow(unsafe_code)]

use std::sync::OnceLock;

/// Numbers that [`map`] works on at once: one register of AVX-512 in `f32`.
pub const LANES: usize = 16;

/// A set of vector instructions that loops are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every CPU of the target has: SSE2 on x86-64, NEON on 64-bit ARM.
    Portable,
    /// 256 bits, x86-64.
    Avx2,
    /// 512 bits, x86-64: the subsets F, BW, DQ and VL.
    Avx512,
}

impl Level {
    /// The best level of this CPU, asked once.
    #[inline]
    pub fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(detect)
    }

    /// All levels that this CPU has.
    pub fn available() -> impl Iterator<Item = Self> {
        [Self::Portable, Self::Avx2, Self::Avx512].into_iter().filter(|&level| level <= Self::best())
    }
}

#[cfg(all(target_arch = "x86_64", not(unoptimised)))]
fn detect() -> Level {
    let has_avx2 = is_x86_feature_detected!("avx2");
    let has_avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    match (has_avx2, has_avx512) {
        (true, true) => Level::Avx512,
        (true, false) => Level::Avx2,
        (false, _) => Level::Portable,
    }
}

#[cfg(not(all(target_arch = "x86_64", not(unoptimised))))]
fn detect() -> Level {
    Level::Portable
}

/// Runs `f` as compiled for the best level of this CPU.
///
/// Only what is inlined into `f` is compiled so: give it and its helpers `#[inline(always)]`.
///
/// ```
/// use chainrule_tensor::simd;
///
/// let mut x = [1.0_f32, 2.0, 3.0];
/// simd::dispatch(|| x.iter_mut().for_each(|x| *x *= 2.0));
/// assert_eq!(x, [2.0, 4.0, 6.0]);
/// ```
#[inline(always)]
pub fn dispatch<R>(f: impl FnOnce() -> R) -> R {
    dispatch_at(Level::best(), f)
}

/// Runs `f` as compiled for `level`: for tests and measurements.
///
/// # Panics
/// If this CPU does not have the level.
#[inline(always)]
#[track_caller]
pub fn dispatch_at<R>(level: Level, f: impl FnOnce() -> R) -> R {
    assert!(level <= Level::best(), "simd: this CPU has no {level:?}");
    match level {
        #[cfg(all(target_arch = "x86_64", not(unoptimised)))]
        // SAFETY: `best` has found this level or a higher one, and each has all that the lower ones have.
        Level::Avx512 => unsafe { avx512(f) },
        #[cfg(all(target_arch = "x86_64", not(unoptimised)))]
        // SAFETY: as above.
        Level::Avx2 => unsafe { avx2(f) },
        _ => f(),
    }
}

#[cfg(all(target_arch = "x86_64", not(unoptimised)))]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn avx512<R>(f: impl FnOnce() -> R) -> R {
    f()
}

#[cfg(all(target_arch = "x86_64", not(unoptimised)))]
#[target_feature(enable = "avx2")]
fn avx2<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// f on each number of `x` and `y` in turn, which may change those of `y`: `y[i]` ← f(`x[i]`, `y[i]`).
///
/// The last numbers are worked on as a whole block, some twice, so a length of 10 is as quick as one of 16. What f captures is
/// best moved into it: through a reference it would be read again for each block.
///
/// # Panics
/// If the lengths differ.
///
/// ```
/// use chainrule_tensor::simd;
///
/// let mut y = [1.0, 1.0];
/// simd::map([&[1.0, 2.0], &[3.0, 4.0]], [&mut y], |[a, b], [y]| *y += a * b);
/// assert_eq!(y, [4.0, 9.0]);
/// ```
#[inline(always)]
#[track_caller]
pub fn map<A: Copy + Default, const N: usize, const M: usize>(
    x: [&[A]; N],
    y: [&mut [A]; M],
    f: impl Fn([A; N], &mut [A; M]),
) {
    map_at(Level::best(), x, y, f);
}

/// [`map`] as compiled for `level`: for tests and measurements.
///
/// # Panics
/// If the lengths differ, or this CPU does not have the level.
#[inline(always)]
#[track_caller]
pub fn map_at<A: Copy + Default, const N: usize, const M: usize>(
    level: Level,
    x: [&[A]; N],
    y: [&mut [A]; M],
    f: impl Fn([A; N], &mut [A; M]),
) {
    let len = common_length(&x, &y);
    dispatch_at(
        level,
        #[inline(always)]
        move || {
            // The captures of f and the number of blocks are read and checked once, not in each iteration.
            let (f, blocks) = (f, len / LANES);
            let (x, mut y) = (chunks(x, blocks), chunks_mut(y, blocks));
            for i in 0..blocks {
                let (mut x_block, mut y_block) = ([[A::default(); LANES]; N], [[A::default(); LANES]; M]);
                for j in 0..N {
                    x_block[j] = x[j].0[i];
                }
                for j in 0..M {
                    y_block[j] = y[j].0[i];
                }
                block(&x_block, &mut y_block, &f);
                for j in 0..M {
                    y[j].0[i] = y_block[j];
                }
                // Nothing, which the compiler must take for something: it keeps it from turning the two loops inside
                // out, where short bodies would become gathers.
                std::hint::black_box(());
            }
            if !len.is_multiple_of(LANES) {
                let (x_block, mut y_block) = last_block(&x, &y);
                block(&x_block, &mut y_block, &f);
                store_last(&y_block, &mut y);
            }
        },
    );
}

// What follows does not know f, so that it is compiled once for a number type and not for each f. Loops stand for the arrays'
// own `map` and `from_fn`, which take a dozen functions a call: they were three quarters of the time to compile `layers`.

/// Whole blocks, and the numbers after them.
type Chunks<'a, A> = (&'a [[A; LANES]], &'a [A]);
type ChunksMut<'a, A> = (&'a mut [[A; LANES]], &'a mut [A]);

#[inline(always)]
#[track_caller]
fn common_length<A, const N: usize, const M: usize>(x: &[&[A]; N], y: &[&mut [A]; M]) -> usize {
    let len = y.first().map_or(0, |y| y.len());
    assert!(
        x.iter().all(|x| x.len() == len) && y.iter().all(|y| y.len() == len),
        "simd: lengths differ: {:?} and {:?}",
        x.map(<[A]>::len),
        y.each_ref().map(|y| y.len())
    );
    len
}

#[inline(always)]
fn chunks<A, const N: usize>(x: [&[A]; N], blocks: usize) -> [Chunks<'_, A>; N] {
    x.map(|x| {
        let (whole, rest) = x.as_chunks();
        (&whole[..blocks], rest)
    })
}

#[inline(always)]
fn chunks_mut<A, const M: usize>(y: [&mut [A]; M], blocks: usize) -> [ChunksMut<'_, A>; M] {
    y.map(|y| {
        let (whole, rest) = y.as_chunks_mut();
        (&mut whole[..blocks], rest)
    })
}

/// The numbers after the whole blocks as blocks of their own.
#[inline(always)]
fn last_block<A: Copy + Default, const N: usize, const M: usize>(
    x: &[Chunks<'_, A>; N],
    y: &[ChunksMut<'_, A>; M],
) -> ([[A; LANES]; N], [[A; LANES]; M]) {
    let (mut x_block, mut y_block) = ([[A::default(); LANES]; N], [[A::default(); LANES]; M]);
    for j in 0..N {
        fill(&mut x_block[j], x[j].1);
    }
    for j in 0..M {
        fill(&mut y_block[j], y[j].1);
    }
    (x_block, y_block)
}

#[inline(always)]
fn store_last<A: Copy, const M: usize>(y_block: &[[A; LANES]; M], y: &mut [ChunksMut<'_, A>; M]) {
    for j in 0..M {
        let rest = &mut *y[j].1;
        let len = rest.len();
        if len >= HALF {
            let (first, last) = y_block[j].split_at(HALF);
            rest[..HALF].copy_from_slice(first);
            rest[len - HALF..].copy_from_slice(last);
        } else {
            rest.copy_from_slice(&y_block[j][..len]);
        }
    }
}

const HALF: usize = LANES / 2;

/// At least half a block as a whole one: the first and the last numbers, of which those in both come out the same twice. A
/// block that is filled by a copy of any other length is slow to read, as it reaches memory in odd pieces.
#[inline(always)]
fn fill<A: Copy>(block: &mut [A; LANES], x: &[A]) {
    if x.len() >= HALF {
        let (first, last) = block.split_at_mut(HALF);
        first.copy_from_slice(&x[..HALF]);
        last.copy_from_slice(&x[x.len() - HALF..]);
    } else {
        block[..x.len()].copy_from_slice(x);
    }
}

/// On local arrays, which cannot overlap, the loop over the lanes becomes straight vector code.
#[inline(always)]
fn block<A: Copy + Default, const N: usize, const M: usize>(
    x: &[[A; LANES]; N],
    y: &mut [[A; LANES]; M],
    f: &impl Fn([A; N], &mut [A; M]),
) {
    for lane in 0..LANES {
        let (mut input, mut out) = ([A::default(); N], [A::default(); M]);
        for j in 0..N {
            input[j] = x[j][lane];
        }
        for j in 0..M {
            out[j] = y[j][lane];
        }
        f(input, &mut out);
        for j in 0..M {
            y[j][lane] = out[j];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_and_every_level_is_the_plain_loop() {
        for len in 0..=3 * LANES {
            let number = |i: usize, salt: u64| (crate::rng::hash(salt, 0, i as u64) % 1000) as f32 / 7.0;
            let (a, b): (Vec<_>, Vec<_>) = (0..len).map(|i| (number(i, 1), number(i, 2))).unzip();
            let step = |[a, b]: [f32; 2], [y, z]: &mut [f32; 2]| {
                *y += a * b;
                *z = *y / (b.sqrt() + 0.1);
            };
            let mut plain = vec![[3.0, f32::NAN]; len];
            plain.iter_mut().enumerate().for_each(|(i, out)| step([a[i], b[i]], out));
            for level in Level::available() {
                let (mut y, mut z) = (vec![3.0; len], vec![f32::NAN; len]);
                map_at(level, [&a, &b], [&mut y, &mut z], step);
                assert!(
                    y.iter().zip(&z).map(|(&y, &z)| [y, z]).eq(plain.iter().copied()),
                    "{level:?}, {len}"
                );
            }
        }
    }

    #[test]
    #[should_panic(expected = "simd: lengths differ: [2] and [3]")]
    fn lengths_that_differ_are_named() {
        map([&[1.0, 2.0]], [&mut [0.0; 3]], |[x], [y]| *y = x);
    }
}
