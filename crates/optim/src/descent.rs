use std::ops::Range;

use chainrule_tensor::{Aligned, CACHE_LINE, Entry, Layout, Scalar, pool};

use crate::clip::Clip;
use crate::objective::Objective;
use crate::optimizer::Optimizer;
use crate::rule::{Rule, SLOTS, Step, WINDOW, Window};
use crate::schedule::Schedule;
use crate::state::visit_count;

/// The threads of a pool share an update from this many numbers on.
const LEAST_SHARED: usize = 1 << 15;

/// First-order descent θ ← θ − ηₜ·u: one gradient a step, turned into the update u by a [`Rule`].
///
/// All rules of a chain work on one window of θ before the next window's turn, so a step is one pass over θ, the
/// gradient and the memory, however long the chain.
///
/// ```
/// use chainrule_optim::{Descent, Momentum, Optimizer, Schedule, testing::Quadratic};
///
/// let mut descent = Descent::new(Momentum::default(), 2, Schedule::constant(0.1));
/// let (mut objective, mut theta) = (Quadratic::new(vec![1.0, 2.0]), [1.0, 1.0]);
/// for _ in 0..200 {
///     descent.step(&mut objective, &mut theta);
/// }
/// assert!(theta.iter().all(|t: &f64| t.abs() < 1e-3));
/// ```
#[derive(Debug)]
pub struct Descent<A, R> {
    rule: R,
    schedule: Schedule,
    clip: Option<Clip>,
    names: Vec<&'static str>,
    memory: Vec<Aligned<A>>,
    gradient: Aligned<A>,
    /// The parts of θ that threads share, one after the other.
    segments: Vec<Segment>,
    /// Steps taken.
    t: u64,
}

/// A part of θ, and the multiple of numbers at which threads cut it.
#[derive(Debug, Clone)]
struct Segment {
    range: Range<usize>,
    unit: usize,
}

impl<A: Scalar, R: Rule<A>> Descent<A, R> {
    /// A descent in `dim` dimensions.
    ///
    /// # Panics
    /// If the rule remembers more than six vectors.
    pub fn new(rule: R, dim: usize, schedule: Schedule) -> Self {
        let names = rule.memory();
        assert!(names.len() <= SLOTS, "descent: a rule may remember {SLOTS} vectors, not {}", names.len());
        let memory = names.iter().map(|_| Aligned::zeros(dim)).collect();
        let segments = vec![Segment { range: 0..dim, unit: WINDOW }];
        Self { rule, schedule, clip: None, names, memory, gradient: Aligned::zeros(dim), segments, t: 0 }
    }

    /// Shares each matrix of a layout among the threads as products with it do: a thread then updates the rows that it
    /// multiplies, and they stay in its cache. The result has the same bits.
    ///
    /// # Panics
    /// If the layout is for another dimension.
    #[must_use]
    #[track_caller]
    pub fn along(self, layout: &Layout) -> Self {
        assert_eq!(layout.len(), self.gradient.len(), "descent: made for another dimension");
        if layout.len() < LEAST_SHARED {
            return self;
        }
        let segment = |entry: &Entry| Segment {
            range: entry.range(),
            unit: pool::UNIT * entry.shape.iter().skip(1).product::<usize>(),
        };
        Self { segments: layout.entries().iter().map(segment).collect(), ..self }
    }

    /// Clips each gradient before the rule sees it.
    #[must_use]
    pub fn clip(self, clip: Clip) -> Self {
        Self { clip: Some(clip), ..self }
    }

    /// θ ← θ − ηₜ·u for the gradient in `self.gradient`.
    fn update(&mut self, theta: &mut [A]) {
        if let Some(clip) = self.clip {
            clip.apply(&mut self.gradient);
        }
        let eta = A::of(self.schedule.rate(self.t));
        self.t += 1;
        let step = Step { t: self.t, eta };
        for Segment { range, unit } in &self.segments {
            let mut slots = self.memory.iter_mut();
            let [m0, m1, m2, m3, m4, m5] = std::array::from_fn::<&mut [A], SLOTS, _>(|_| {
                slots.next().map_or(&mut [][..], |slot| &mut slot[range.clone()])
            });
            let (theta, gradient) = (&mut theta[range.clone()], &mut self.gradient[range.clone()]);
            let (rule, vectors) = (&self.rule, [theta, gradient, m0, m1, m2, m3, m4, m5]);
            pool::sweep(vectors, *unit, LEAST_SHARED, |from, vectors| {
                sweep_windows(rule, step, range.start + from, vectors);
            });
        }
    }
}

/// θ ← θ − η·u on windows of vectors that begin at the place `from` of θ: θ, its gradient, and the rule's memory.
fn sweep_windows<A: Scalar, R: Rule<A>>(
    rule: &R,
    step: Step<A>,
    from: usize,
    [theta, gradient, mut memory @ ..]: [&mut [A]; SLOTS + 2],
) {
    // Long vectors begin at the same place of a cache line, and the windows after the first at the start of one.
    let len = theta.len();
    let first = theta.as_ptr().align_offset(CACHE_LINE).min(WINDOW).min(len);
    let windows = 1 + (len - first).div_ceil(WINDOW);
    // From the end, where the backward pass has just been, to the start, where the next forward pass begins: what is used
    // again soon is still in the caches.
    for i in (0..windows).rev() {
        let end = len.min(first + i * WINDOW);
        let window = if i == 0 { 0..first } else { first + (i - 1) * WINDOW..end };
        let (theta, gradient) = (&mut theta[window.clone()], &gradient[window.clone()]);
        let memory = memory.each_mut().map(|slot| slot.get_mut(window.clone()).unwrap_or_default());
        let range = from + window.start..from + window.end;
        rule.descend(step, &mut Window { range, theta, memory, taken: 0 }, gradient);
    }
}

impl<A: Scalar, R: Rule<A>> Optimizer<A> for Descent<A, R> {
    /// # Panics
    /// If `theta` does not have the dimension this descent was made for.
    fn step(&mut self, objective: &mut dyn Objective<A>, theta: &mut [A]) -> A {
        assert_eq!(theta.len(), self.gradient.len(), "descent: made for another dimension");
        let value = objective.value_and_grad(theta, &mut self.gradient);
        if value.is_finite() {
            self.update(theta);
        }
        value
    }

    fn state(&mut self, visit: &mut dyn FnMut(&str, &mut [A])) {
        visit_count("step", &mut self.t, visit);
        for (name, memory) in self.names.iter().zip(&mut self.memory) {
            visit(name, memory);
        }
        self.schedule.state(visit);
    }

    fn learning_rate(&self) -> Option<f64> {
        Some(self.schedule.rate(self.t))
    }

    fn observe(&mut self, loss: f64) {
        self.schedule.observe(loss);
    }
}

#[cfg(test)]
mod tests {
    use chainrule_tensor::Init;

    use super::*;
    use crate::sgd::Sgd;

    /// Where threads share θ, and in what multiples, along a layout of arrays with these shapes.
    fn segments(shapes: &[&[usize]]) -> Vec<(Range<usize>, usize)> {
        let mut layout = Layout::new();
        for &shape in shapes {
            layout.push("array", shape, Init::Zeros);
        }
        let descent = Descent::<f32, _>::new(Sgd, layout.len(), Schedule::constant(0.1)).along(&layout);
        descent.segments.iter().map(|segment| (segment.range.clone(), segment.unit)).collect()
    }

    #[test]
    fn threads_share_a_long_vector_by_blocks_of_16_rows_and_a_short_one_in_one_piece() {
        assert_eq!(segments(&[&[2, 3], &[3]]), [(0..9, 1024)]);
        assert_eq!(segments(&[&[32, 1000], &[767]]), [(0..32_767, 1024)]);
        let shared = [(0..32_000, 16 * 1000), (32_000..32_768, 16)];
        assert_eq!(segments(&[&[32, 1000], &[768]]), shared);
        assert_eq!(segments(&[&[100, 20, 30], &[5]]), [(0..60_000, 16 * 600), (60_000..60_005, 16)]);
    }
}
