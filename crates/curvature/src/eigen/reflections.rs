//! An orthogonal matrix as a product of Householder reflections.

use chainrule_tensor::ndarray::Array2;
use chainrule_tensor::vector;

/// Q = H₁·H₂ ⋯ Hₙ₋₁ with Hᵢ = I − τᵢ·vᵢ·vᵢᵀ.
pub(super) struct Reflections {
    /// In row i, from column i + 2 on, what of vᵢ follows its zeros and a 1 at i + 1.
    pub(super) vectors: Array2<f64>,
    pub(super) tau: Vec<f64>,
}

impl Reflections {
    /// v ← Q·v.
    pub(super) fn apply(&self, v: &mut [f64]) {
        (0..v.len()).rev().for_each(|i| self.reflect(i, v));
    }

    /// v ← Qᵀ·v.
    pub(super) fn apply_transposed(&self, v: &mut [f64]) {
        (0..v.len()).for_each(|i| self.reflect(i, v));
    }

    /// v ← Hᵢ·v.
    fn reflect(&self, i: usize, v: &mut [f64]) {
        let Some((first, rest)) = v.get_mut(i + 1..).and_then(<[f64]>::split_first_mut) else { return };
        let row = self.vectors.row(i);
        let below = &row.to_slice().expect("rows are contiguous")[i + 2..];
        let share = self.tau[i] * (*first + vector::dot(below, rest));
        *first -= share;
        vector::axpy(-share, below, rest);
    }
}
