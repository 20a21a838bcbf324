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

#[cfg(test)]
mod tests {
    use chainrule_tensor::ndarray::array;

    use super::*;

    #[test]
    fn reflections_are_applied_last_first_and_transposed_first_first() {
        // H₁ = I − v·vᵀ with v = (0, 1, −1) swaps the last two, and H₂ = I − 2·e₃·e₃ᵀ turns the last about. What is not
        // read has a 9.
        let vectors = array![[9.0, 9.0, -1.0], [9.0, 9.0, 9.0], [9.0, 9.0, 9.0]];
        let q = Reflections { vectors, tau: vec![1.0, 2.0, 9.0] };
        let mut v = [1.0, 2.0, 3.0];
        q.apply(&mut v);
        assert_eq!(v, [1.0, -3.0, 2.0]);
        q.apply_transposed(&mut v);
        assert_eq!(v, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn a_reflection_of_four_is_the_identity_less_an_outer_product() {
        // v = (0, 1, 2, −1) and τ = ½ on (5, 1, 2, 3): vᵀx = 2, and x − v.
        let mut vectors = Array2::zeros((4, 4));
        (vectors[(0, 2)], vectors[(0, 3)]) = (2.0, -1.0);
        let q = Reflections { vectors, tau: vec![0.5, 0.0, 0.0, 0.0] };
        let mut x = [5.0, 1.0, 2.0, 3.0];
        q.apply(&mut x);
        assert_eq!(x, [5.0, 0.0, 0.0, 4.0]);
    }
}
