use chainrule_tensor::Scalar;

use crate::norm::columns::Columns;

/// Rows that the longest loop reads, and sums that the longest takes.
const ROWS: usize = 10;
const SUMS: usize = 5;

/// The normalisation x̂ = (x − μ)/σ of some positions, in groups of neighbouring channels: what batch, group and instance normalisation
/// do to a batch or to an example.
///
/// With ⟨·⟩ the mean over a group, σ² = ⟨(x − μ)²⟩ + ε, y = γx̂ + β and g = γδ:
/// ```text
/// ∂C/∂x       = (g − ⟨g⟩ − x̂⟨g·x̂⟩)/σ
/// R{x̂}        = (R{x} − ⟨R{x}⟩ − x̂⟨x̂·R{x}⟩)/σ
/// R{∂C/∂x}    = −∂C/∂x·⟨x̂·R{x}⟩/σ + (R{g} − ⟨R{g}⟩ − R{x̂}⟨g·x̂⟩ − x̂⟨R{g}·x̂ + g·R{x̂}⟩)/σ
/// ```
/// Where μ and σ are given and not measured, all means are 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Channels {
    columns: Columns,
    /// The channels of a group.
    group: usize,
    epsilon: f64,
}

/// Memory for the passes over a cell, which is the positions that are normalised together.
#[derive(Debug)]
pub(super) struct Memory<'a, A> {
    sums: &'a mut [A],
    rows: &'a mut [A],
    partial: &'a mut [A],
}

impl<'a, A> Memory<'a, A> {
    /// Of three vectors with the lengths of [`Channels::memory`].
    pub(super) fn of([sums, rows, partial]: &'a mut [Vec<A>; 3]) -> Self {
        Self { sums, rows, partial }
    }
}

/// A cell and what its normalisation is made of, by channel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'a, A> {
    pub(super) x: &'a [A],
    pub(super) mean: &'a [A],
    /// 1/σ.
    pub(super) inverse: &'a [A],
    /// Whether μ and σ are given, and not those of x.
    pub(super) frozen: bool,
    /// γ; without it, every factor is 1.
    pub(super) gain: Option<&'a [A]>,
}

/// The direction of a second-order pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct Along<'a, A> {
    pub(super) r_x: Option<&'a [A]>,
    /// The parts of v for γ and β.
    pub(super) v_gain: Option<&'a [A]>,
    pub(super) v_shift: Option<&'a [A]>,
}

/// A number of each channel, or `default` without them.
fn channel<A: Scalar>(values: Option<&[A]>, default: A) -> impl Fn(usize) -> A {
    move |c| values.map_or(default, |values| values[c])
}

impl Channels {
    /// For positions of `features` features in groups of `group`; `positions` is the least number of positions in a pass.
    pub(super) fn new(features: usize, positions: usize, group: usize, epsilon: f64) -> Self {
        Self { columns: Columns::new(features, positions), group, epsilon }
    }

    /// The lengths of the vectors of a [`Memory`] for inputs of at most `numbers` numbers; `complete` includes the second order.
    pub(super) fn memory(&self, numbers: usize, complete: bool) -> [usize; 3] {
        let (sums, rows) = if complete { (SUMS, ROWS) } else { (2, 4) };
        let width = self.columns.width();
        [sums * self.columns.features(), rows * width, sums * width * self.columns.blocks(numbers)]
    }

    /// How many numbers a group of a cell has.
    pub(super) fn group_size(&self, numbers: usize) -> usize {
        numbers / self.columns.features() * self.group
    }

    /// μ, 1/σ and, where it is wanted, the unbiased variance of the groups of x, for each channel: in one pass over x, block by block,
    /// whose moments are then joined.
    ///
    /// # References
    /// Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979, eq. 1.5.
    pub(super) fn moments<A: Scalar>(
        &self,
        x: &[A],
        mean: &mut [A],
        inverse: &mut [A],
        unbiased: Option<&mut [A]>,
        memory: &mut Memory<'_, A>,
    ) {
        let (columns, features) = (self.columns, self.columns.features());
        let (width, size) = (columns.width(), self.group_size(x.len()) as f64);
        let positions = |block: usize| {
            let start = block * columns.block();
            ((x.len() - start).min(columns.block()) / features) as f64
        };
        let blocks = columns.by_block(x.len(), 2, memory.partial, |range, out| {
            let count = A::of((range.len() / features) as f64);
            let (mean, squares) = out.split_at_mut(width);
            columns.row_sums([&x[range.clone()]], [], mean, |[x], []| [x]);
            mean[..features].iter_mut().for_each(|sum| *sum /= count);
            columns.repeat(mean);
            columns.row_sums(
                [&x[range]],
                [&*mean],
                squares,
                #[inline(always)]
                |[x], [mean]| [(x - mean) * (x - mean)],
            );
        });
        let of_blocks = |place: usize| blocks.iter().skip(place).step_by(2 * width).map(|x| x.as_f64());
        let mut unbiased = unbiased;
        for first in (0..features).step_by(self.group) {
            let channels = first..first + self.group;
            let sum_of = |c| of_blocks(c).enumerate().map(|(b, mean)| positions(b) * mean).sum::<f64>();
            let centre = channels.clone().map(sum_of).sum::<f64>() / size;
            let spread = |c| {
                let means = of_blocks(c).enumerate().map(|(b, mean)| positions(b) * (mean - centre).powi(2));
                of_blocks(width + c).zip(means).map(|(within, between)| within + between).sum::<f64>()
            };
            let squares = channels.clone().map(spread).sum::<f64>();
            mean[channels.clone()].fill(A::of(centre));
            inverse[channels.clone()].fill(A::of((squares / size + self.epsilon).sqrt().recip()));
            if let Some(unbiased) = &mut unbiased {
                unbiased[channels].fill(A::of(squares / (size - 1.0)));
            }
        }
    }

    /// 1/σ of a given variance.
    pub(super) fn inverse_of<A: Scalar>(&self, variance: A) -> A {
        A::of((variance.as_f64() + self.epsilon).sqrt().recip())
    }

    /// y ← γ·x̂ + β
    pub(super) fn forward<A: Scalar>(
        &self,
        cell: Cell<'_, A>,
        shift: Option<&[A]>,
        y: &mut [A],
        memory: &mut Memory<'_, A>,
    ) {
        let gain = channel(cell.gain, A::one());
        let scale = |c| cell.inverse[c] * gain(c);
        let shift = channel(shift, A::zero());
        let rows = self.columns.rows(memory.rows, [&|c| cell.mean[c], &scale, &shift]);
        self.columns.map(
            [cell.x],
            rows,
            y,
            #[inline(always)]
            |[x], [mean, scale, shift]| (x - mean) * scale + shift,
        );
    }

    /// The mean of a group, for each of its channels; 0 where μ and σ are given.
    fn means<A: Scalar>(&self, cell: Cell<'_, A>, sums: &mut [A]) {
        if cell.frozen {
            return sums.fill(A::zero());
        }
        let size = self.group_size(cell.x.len()) as f64;
        for group in sums.chunks_exact_mut(self.group) {
            let mean = group.iter().map(|sum| sum.as_f64()).sum::<f64>() / size;
            group.fill(A::of(mean));
        }
    }

    /// Writes ∂C/∂x to `delta_x` and returns ∂C/∂γ and ∂C/∂β.
    pub(super) fn backward<'m, A: Scalar>(
        &self,
        cell: Cell<'_, A>,
        delta: &[A],
        delta_x: Option<&mut [A]>,
        memory: &'m mut Memory<'_, A>,
    ) -> [&'m [A]; 2] {
        let (columns, features) = (self.columns, self.columns.features());
        let Memory { sums, rows, partial } = memory;
        let (along, across) = sums[..2 * features].split_at_mut(features);
        columns.sums(
            [delta, cell.x],
            columns.rows(rows, [&|c| cell.mean[c]]),
            partial,
            [&mut *across, &mut *along],
            #[inline(always)]
            |[delta, x], [mean]| [delta, delta * (x - mean)],
        );
        along.iter_mut().zip(cell.inverse).for_each(|(sum, &inverse)| *sum *= inverse);
        if let Some(delta_x) = delta_x {
            let gain = channel(cell.gain, A::one());
            // ⟨g·x̂⟩ and ⟨g⟩, in the memory of the partial sums.
            let (g_along, g_across) = partial[..2 * features].split_at_mut(features);
            for c in 0..features {
                (g_along[c], g_across[c]) = (gain(c) * along[c], gain(c) * across[c]);
            }
            self.means(cell, g_along);
            self.means(cell, g_across);
            let inverse = cell.inverse;
            let rows = columns.rows(
                rows,
                [&|c| cell.mean[c], &|c| inverse[c] * gain(c), &|c| inverse[c] * g_across[c], &|c| {
                    inverse[c] * inverse[c] * g_along[c]
                }],
            );
            columns.map(
                [delta, cell.x],
                rows,
                delta_x,
                #[inline(always)]
                |[delta, x], [mean, scale, across, along]| scale * delta - across - along * (x - mean),
            );
        }
        [along, across]
    }

    /// R{y} = γ·R{x̂} + v_γ·x̂ + v_β; writes ⟨R{x}⟩ and ⟨x̂·R{x}⟩ to `means`.
    pub(super) fn r_forward<A: Scalar>(
        &self,
        cell: Cell<'_, A>,
        along: Along<'_, A>,
        r_y: &mut [A],
        means: [&mut [A]; 2],
        memory: &mut Memory<'_, A>,
    ) {
        let columns = self.columns;
        let Memory { rows, partial, .. } = memory;
        let [across, inner] = means;
        match along.r_x {
            None => {
                across.fill(A::zero());
                inner.fill(A::zero());
            }
            Some(r_x) => columns.sums(
                [r_x, cell.x],
                columns.rows(rows, [&|c| cell.mean[c], &|c| cell.inverse[c]]),
                partial,
                [&mut *across, &mut *inner],
                #[inline(always)]
                |[r_x, x], [mean, inverse]| [r_x, r_x * (x - mean) * inverse],
            ),
        }
        self.means(cell, across);
        self.means(cell, inner);
        let (r_x, moves) = moving(along.r_x, cell.x);
        let rows = columns.rows(
            rows,
            [
                &|c| cell.mean[c],
                &|c| cell.inverse[c],
                &channel(cell.gain, A::one()),
                &channel(along.v_gain, A::zero()),
                &channel(along.v_shift, A::zero()),
                &|c| across[c],
                &|c| inner[c],
            ],
        );
        columns.map(
            [cell.x, r_x],
            rows,
            r_y,
            #[inline(always)]
            |[x, r_x], [mean, inverse, gain, v_gain, v_shift, across, inner]| {
                let x_hat = (x - mean) * inverse;
                gain * inverse * (moves * r_x - across - x_hat * inner) + v_gain * x_hat + v_shift
            },
        );
    }

    /// Writes R{∂C/∂x} to `r_delta_x` and returns R{∂C/∂γ} and R{∂C/∂β}; `means` as `r_forward` left them.
    pub(super) fn r_backward<'m, A: Scalar>(
        &self,
        cell: Cell<'_, A>,
        along: Along<'_, A>,
        [delta, r_delta]: [&[A]; 2],
        r_delta_x: Option<&mut [A]>,
        [across, inner]: [&[A]; 2],
        memory: &'m mut Memory<'_, A>,
    ) -> [&'m [A]; 2] {
        let (columns, features) = (self.columns, self.columns.features());
        let Memory { sums, rows, partial } = memory;
        let (r_x, moves) = moving(along.r_x, cell.x);
        let mut each = sums.chunks_exact_mut(features);
        let [s, s_hat, r, r_hat, s_r_hat] = [(); SUMS].map(|()| each.next().expect("norm: a complete tape"));
        columns.sums(
            [delta, r_delta, cell.x, r_x],
            columns.rows(rows, [&|c| cell.mean[c], &|c| cell.inverse[c], &|c| across[c], &|c| inner[c]]),
            partial,
            [&mut *s, &mut *s_hat, &mut *r, &mut *r_hat, &mut *s_r_hat],
            #[inline(always)]
            |[delta, r_delta, x, r_x], [mean, inverse, across, inner]| {
                let x_hat = (x - mean) * inverse;
                let r_x_hat = inverse * (moves * r_x - across - x_hat * inner);
                [delta, delta * x_hat, r_delta, r_delta * x_hat, delta * r_x_hat]
            },
        );
        let (gain, v_gain) = (channel(cell.gain, A::one()), channel(along.v_gain, A::zero()));
        if let Some(r_delta_x) = r_delta_x {
            let mut each = partial.chunks_exact_mut(features);
            let [g, g_hat, r_g, r_g_hat] = [(); 4].map(|()| each.next().expect("norm: a complete tape"));
            for c in 0..features {
                (g[c], g_hat[c]) = (gain(c) * s[c], gain(c) * s_hat[c]);
                r_g[c] = v_gain(c) * s[c] + gain(c) * r[c];
                r_g_hat[c] = v_gain(c) * s_hat[c] + gain(c) * (r_hat[c] + s_r_hat[c]);
            }
            for sums in [&mut *g, &mut *g_hat, &mut *r_g, &mut *r_g_hat] {
                self.means(cell, sums);
            }
            let rows = columns.rows(
                rows,
                [
                    &|c| cell.mean[c],
                    &|c| cell.inverse[c],
                    &gain,
                    &v_gain,
                    &|c| across[c],
                    &|c| inner[c],
                    &|c| g[c],
                    &|c| g_hat[c],
                    &|c| r_g[c],
                    &|c| r_g_hat[c],
                ],
            );
            columns.map(
                [delta, r_delta, cell.x, r_x],
                rows,
                r_delta_x,
                #[inline(always)]
                |[delta, r_delta, x, r_x],
                 [mean, inverse, gain, v_gain, across, inner, g, g_hat, r_g, r_g_hat]| {
                    let x_hat = (x - mean) * inverse;
                    let r_x_hat = inverse * (moves * r_x - across - x_hat * inner);
                    let delta_x = inverse * (gain * delta - g - x_hat * g_hat);
                    let r_own = v_gain * delta + gain * r_delta;
                    inverse * (r_own - r_g - r_x_hat * g_hat - x_hat * r_g_hat - delta_x * inner)
                },
            );
        }
        r_hat.iter_mut().zip(&*s_r_hat).for_each(|(sum, &other)| *sum += other);
        [r_hat, r]
    }
}

/// R{x} and 1, or anything as long and 0 where x does not move.
fn moving<'a, A: Scalar>(r_x: Option<&'a [A]>, x: &'a [A]) -> (&'a [A], A) {
    r_x.map_or((x, A::zero()), |r_x| (r_x, A::one()))
}
