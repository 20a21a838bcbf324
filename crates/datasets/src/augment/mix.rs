use std::ops::Range;

use chainrule_tensor::{Rng, Scalar};

use super::augmentation::Augmentation;
use crate::image::shape::ImageShape;

/// How the examples of one batch are mixed in pairs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mixing {
    /// λ: the share that an example keeps of itself.
    keeps: f64,
    /// The rows of a rectangle and the numbers within each, if a rectangle is exchanged; else all numbers are mixed.
    rectangle: Option<(Range<usize>, Range<usize>)>,
    /// Numbers in a row of the image.
    row: usize,
}

/// An example that is mixed with another one.
pub(crate) struct Mixed<'b, A> {
    /// Its image.
    pub(crate) x: &'b mut [A],
    /// Its shares of the classes, or its numbers.
    pub(crate) target: &'b mut [A],
    /// How much it counts.
    pub(crate) weight: &'b mut A,
}

impl Mixing {
    pub(super) fn draw(what: &Augmentation, shape: ImageShape, rng: &mut Rng) -> Self {
        let ImageShape { height, width, channels } = shape;
        let of_mixup = what.cutmix == 0.0 || (what.mixup > 0.0 && rng.below(2) == 0);
        let row = width * channels;
        if of_mixup {
            return Self { keeps: rng.beta(what.mixup, what.mixup), rectangle: None, row };
        }
        let side = (1.0 - rng.beta(what.cutmix, what.cutmix)).max(0.0).sqrt();
        let mut range = |length: usize| {
            let (half, centre) = ((length as f64 * side) as usize / 2, rng.below(length));
            centre.saturating_sub(half)..(centre + half).min(length)
        };
        let (columns, rows) = (range(width), range(height));
        let keeps = 1.0 - (columns.len() * rows.len()) as f64 / (width * height) as f64;
        Self { keeps, rectangle: Some((rows, columns.start * channels..columns.end * channels)), row }
    }

    /// Mixes two examples with each other.
    pub(crate) fn mix<A: Scalar>(&self, [one, other]: [Mixed<'_, A>; 2]) {
        match &self.rectangle {
            Some((rows, columns)) => {
                for row in rows.clone() {
                    let numbers = row * self.row + columns.start..row * self.row + columns.end;
                    one.x[numbers.clone()].swap_with_slice(&mut other.x[numbers]);
                }
            }
            None => exchange(A::of(self.keeps), A::of(1.0 - self.keeps), one.x, other.x),
        }
        // A loss that is linear in the target then is w·λ·ℓ(t) + w′·(1 − λ)·ℓ(t′).
        let (keeps, gives) = (A::of(self.keeps), A::of(1.0 - self.keeps));
        let (w, v) = (*one.weight, *other.weight);
        let [of_one, of_other] = [keeps * w + gives * v, keeps * v + gives * w];
        for (a, b) in one.target.iter_mut().zip(other.target) {
            let mean = |[w, x, v, y, sum]: [A; 5]| {
                if sum > A::zero() { (keeps * w * x + gives * v * y) / sum } else { keeps * x + gives * y }
            };
            (*a, *b) = (mean([w, *a, v, *b, of_one]), mean([v, *b, w, *a, of_other]));
        }
        (*one.weight, *other.weight) = (of_one, of_other);
    }
}

/// (a, b) ← (λa + (1 − λ)b, λb + (1 − λ)a).
fn exchange<A: Scalar>(keeps: A, gives: A, one: &mut [A], other: &mut [A]) {
    for (a, b) in one.iter_mut().zip(other) {
        (*a, *b) = (keeps * *a + gives * *b, keeps * *b + gives * *a);
    }
}
