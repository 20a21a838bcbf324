use chainrule_tensor::Scalar;
use chainrule_tensor::pool::sweep;
use chainrule_tensor::simd::{self, LANES};

use crate::norm::columns::{Columns, LEAST_SHARED, at, lane, map_row, tile};

/// The normalisation x̂ = (x − μ)/σ of the features of each position, with μ their mean or 0.
///
/// With ⟨·⟩ the mean over the features, σ² = ⟨(x − μ)²⟩ + ε, y = γx̂ + β and g = γδ, the derivatives are those of
/// [`Channels`](super::channels::Channels); without a mean to subtract, ⟨g⟩, ⟨R{x}⟩ and ⟨R{g}⟩ are 0. μ and σ are computed anew in each
/// pass, in which a position is read from the cache.
#[derive(Debug, Clone, Copy)]
pub(super) struct Features {
    columns: Columns,
    is_centred: bool,
}

/// γ and, where there is one, β; or the parts of a direction that stand in their place.
pub(super) type Affine<'a, A> = (&'a [A], Option<&'a [A]>);

/// μ and 1/σ of a position.
#[derive(Debug, Clone, Copy)]
struct Moments<A> {
    mean: A,
    inverse: A,
}

impl<A: Scalar> Moments<A> {
    #[inline(always)]
    fn hat(self, x: A) -> A {
        (x - self.mean) * self.inverse
    }
}

/// R{x} and its means ⟨R{x}⟩ and ⟨x̂·R{x}⟩ at a position.
#[derive(Debug, Clone, Copy)]
struct Moves<A> {
    /// 1, or 0 where x does not move.
    share: A,
    across: A,
    along: A,
}

impl<A: Scalar> Moves<A> {
    /// R{x̂}
    #[inline(always)]
    fn hat(self, moments: Moments<A>, x_hat: A, r_x: A) -> A {
        moments.inverse * (self.share * r_x - self.across - x_hat * self.along)
    }
}

impl Features {
    pub(super) fn new(features: usize, is_centred: bool) -> Self {
        Self { columns: Columns::new(features, 1), is_centred }
    }

    /// How much memory the gradient of γ and β wants, for so many numbers.
    pub(super) fn memory(self, numbers: usize) -> usize {
        2 * self.columns.width() * self.columns.blocks(numbers)
    }

    /// The mean of what is 0 where no mean is subtracted.
    #[inline(always)]
    fn centre<A: Scalar>(self, sum: A, share: A) -> A {
        if self.is_centred { sum * share } else { A::zero() }
    }

    #[inline(always)]
    fn share<A: Scalar>(self) -> A {
        A::of(1.0 / self.columns.features() as f64)
    }

    #[inline(always)]
    fn moments<A: Scalar>(self, epsilon: A, x: &[A]) -> Moments<A> {
        let share = self.share();
        let mean = if self.is_centred { sums([x], |[x]| [x])[0] * share } else { A::zero() };
        let [squares] = sums([x], |[x]| [(x - mean) * (x - mean)]);
        Moments { mean, inverse: (squares * share + epsilon).sqrt().recip() }
    }

    #[inline(always)]
    fn moves<A: Scalar>(self, moments: Moments<A>, x: &[A], r_x: Option<&[A]>) -> Moves<A> {
        let Some(r_x) = r_x else { return Moves { share: A::zero(), across: A::zero(), along: A::zero() } };
        let [across, along] = sums([x, r_x], |[x, r_x]| [r_x, moments.hat(x) * r_x]);
        let share = self.share();
        Moves { share: A::one(), across: self.centre(across, share), along: along * share }
    }

    /// `work` on the place and the output of each position; the threads share them.
    fn each<A: Scalar>(self, out: &mut [A], work: impl Fn(std::ops::Range<usize>, &mut [A]) + Sync) {
        let width = self.columns.features();
        sweep([out], width, LEAST_SHARED, |from, [out]| {
            simd::dispatch(
                #[inline(always)]
                || {
                    for (i, out) in out.chunks_exact_mut(width).enumerate() {
                        let start = from + i * width;
                        work(start..start + width, out);
                    }
                },
            );
        });
    }

    /// y ← γ·x̂ + β
    pub(super) fn forward<A: Scalar>(self, epsilon: A, x: &[A], (gain, shift): Affine<'_, A>, y: &mut [A]) {
        let (shift, has_shift) = present(shift, gain);
        self.each(
            y,
            #[inline(always)]
            |place, y| {
                let x = &x[place];
                let moments = self.moments(epsilon, x);
                let rows = [gain, shift];
                map_row(&[x], &rows, y, &|[x], [gain, shift]| gain * moments.hat(x) + has_shift * shift);
            },
        );
    }

    /// `delta_x` ← ∂C/∂x
    pub(super) fn backward<A: Scalar>(self, epsilon: A, x: &[A], gain: &[A], delta: &[A], delta_x: &mut [A]) {
        let share = self.share();
        self.each(
            delta_x,
            #[inline(always)]
            |place, out| {
                let (x, delta) = (&x[place.clone()], &delta[place]);
                let moments = self.moments(epsilon, x);
                let [across, along] = sums([x, delta, gain], |[x, delta, gain]| {
                    let g = gain * delta;
                    [g, g * moments.hat(x)]
                });
                let (across, along) = (self.centre(across, share), along * share);
                map_row(&[x, delta], &[gain], out, &|[x, delta], [gain]| {
                    moments.inverse * (gain * delta - across - moments.hat(x) * along)
                });
            },
        );
    }

    /// ∂C/∂γ = Σ δ·x̂ and ∂C/∂β = Σ δ, of which the second is not taken where nobody wants it.
    pub(super) fn gradient<A: Scalar>(
        self,
        epsilon: A,
        x: &[A],
        delta: &[A],
        memory: &mut [A],
        out: [&mut [A]; 2],
    ) {
        self.parameter_sums(x.len(), memory, out, |place, [gain, shift]| {
            let (x, delta) = (&x[place.clone()], &delta[place]);
            let moments = self.moments(epsilon, x);
            for ((gain, shift), (&x, &delta)) in gain.iter_mut().zip(shift).zip(x.iter().zip(delta)) {
                *gain += delta * moments.hat(x);
                *shift += delta;
            }
        });
    }

    /// Sums over all positions, to which `add` adds those of one; block by block, as those of [`Columns`] are.
    fn parameter_sums<A: Scalar>(
        self,
        numbers: usize,
        memory: &mut [A],
        out: [&mut [A]; 2],
        add: impl Fn(std::ops::Range<usize>, [&mut [A]; 2]) + Sync,
    ) {
        let width = self.columns.features();
        let partial = self.columns.by_block(numbers, 2, memory, |range, sums| {
            sums.fill(A::zero());
            let (first, second) = sums.split_at_mut(width);
            simd::dispatch(
                #[inline(always)]
                || {
                    for start in range.step_by(width) {
                        add(start..start + width, [&mut *first, &mut *second]);
                    }
                },
            );
        });
        self.columns.join(partial, out);
    }

    /// R{y} = γ·R{x̂} + v_γ·x̂ + v_β
    pub(super) fn r_forward<A: Scalar>(
        self,
        epsilon: A,
        [x, gain]: [&[A]; 2],
        (v_gain, v_shift): Affine<'_, A>,
        r_x: Option<&[A]>,
        r_y: &mut [A],
    ) {
        let (v_shift, has_shift) = present(v_shift, gain);
        self.each(r_y, |place, out| {
            let (x, r_x) = (&x[place.clone()], r_x.map(|r_x| &r_x[place]));
            let moments = self.moments(epsilon, x);
            let moves = self.moves(moments, x, r_x);
            let rows = [gain, v_gain, v_shift];
            map_row(&[x, r_x.unwrap_or(x)], &rows, out, &|[x, r_x], [gain, v_gain, v_shift]| {
                let x_hat = moments.hat(x);
                gain * moves.hat(moments, x_hat, r_x) + v_gain * x_hat + has_shift * v_shift
            });
        });
    }

    /// `r_delta_x` ← R{∂C/∂x}
    pub(super) fn r_backward<A: Scalar>(
        self,
        epsilon: A,
        [x, gain, v_gain]: [&[A]; 3],
        r_x: Option<&[A]>,
        [delta, r_delta]: [&[A]; 2],
        r_delta_x: &mut [A],
    ) {
        let share = self.share();
        self.each(r_delta_x, |place, out| {
            let (x, r_x) = (&x[place.clone()], r_x.map(|r_x| &r_x[place.clone()]));
            let (delta, r_delta) = (&delta[place.clone()], &r_delta[place]);
            let moments = self.moments(epsilon, x);
            let moves = self.moves(moments, x, r_x);
            let r_x = r_x.unwrap_or(x);
            let [g, g_hat, r_g, r_g_hat] =
                sums([x, r_x, delta, r_delta, gain, v_gain], |[x, r_x, delta, r_delta, gain, v_gain]| {
                    let x_hat = moments.hat(x);
                    let (g, r_g) = (gain * delta, v_gain * delta + gain * r_delta);
                    [g, g * x_hat, r_g, r_g * x_hat + g * moves.hat(moments, x_hat, r_x)]
                });
            let (g, r_g) = (self.centre(g, share), self.centre(r_g, share));
            let (g_hat, r_g_hat) = (g_hat * share, r_g_hat * share);
            map_row(
                &[x, r_x, delta, r_delta],
                &[gain, v_gain],
                out,
                &|[x, r_x, delta, r_delta], [gain, v_gain]| {
                    let x_hat = moments.hat(x);
                    let r_x_hat = moves.hat(moments, x_hat, r_x);
                    let delta_x = moments.inverse * (gain * delta - g - x_hat * g_hat);
                    let r_own = v_gain * delta + gain * r_delta;
                    moments.inverse
                        * (r_own - r_g - r_x_hat * g_hat - x_hat * r_g_hat - delta_x * moves.along)
                },
            );
        });
    }

    /// R{∂C/∂γ} = Σ R{δ}·x̂ + δ·R{x̂} and R{∂C/∂β} = Σ R{δ}.
    pub(super) fn r_gradient<A: Scalar>(
        self,
        epsilon: A,
        [x, delta, r_delta]: [&[A]; 3],
        r_x: Option<&[A]>,
        memory: &mut [A],
        out: [&mut [A]; 2],
    ) {
        self.parameter_sums(x.len(), memory, out, |place, [gain, shift]| {
            let (x, r_x) = (&x[place.clone()], r_x.map(|r_x| &r_x[place.clone()]));
            let moments = self.moments(epsilon, x);
            let moves = self.moves(moments, x, r_x);
            let r_x = r_x.unwrap_or(x);
            let (delta, r_delta) = (&delta[place.clone()], &r_delta[place]);
            for c in 0..x.len() {
                let x_hat = moments.hat(x[c]);
                gain[c] += r_delta[c] * x_hat + delta[c] * moves.hat(moments, x_hat, r_x[c]);
                shift[c] += r_delta[c];
            }
        });
    }
}

/// A shift and 1, or anything as long and 0 where there is none.
fn present<'a, A: Scalar>(shift: Option<&'a [A]>, default: &'a [A]) -> (&'a [A], A) {
    shift.map_or((default, A::zero()), |shift| (shift, A::one()))
}

/// Σ f over the features of a position, in a lane for each of sixteen neighbours.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "a loop over lanes of several arrays becomes vector code")]
fn sums<A: Scalar, const N: usize, const M: usize>(
    inputs: [&[A]; N],
    f: impl Fn([A; N]) -> [A; M],
) -> [A; M] {
    let len = inputs[0].len();
    let (whole, mut lanes) = (len / LANES * LANES, [[A::zero(); LANES]; M]);
    for from in (0..whole).step_by(LANES) {
        let x: [[A; LANES]; N] = tile(&inputs, from);
        for j in 0..LANES {
            let terms = f(lane(&x, j));
            for m in 0..M {
                lanes[m][j] += terms[m];
            }
        }
    }
    for i in whole..len {
        let terms = f(at(&inputs, i));
        for m in 0..M {
            lanes[m][i - whole] += terms[m];
        }
    }
    lanes.map(|lanes| {
        // The same tree for every length.
        let mut half = LANES / 2;
        let mut lanes = lanes;
        while half > 0 {
            for j in 0..half {
                let other = lanes[j + half];
                lanes[j] += other;
            }
            half /= 2;
        }
        lanes[0]
    })
}
