//! Which units of a wide layer are shown.

use chainrule_report::largest::{by_size, first, largest};

use super::trace::Trace;

impl Trace {
    /// What layer `l` sees, the unit first whose weights have the largest derivatives: ∂C/∂W = below·δᵀ, so that |below| decides. Many
    /// pixels are equally bright, and of those ∂C/∂below decides.
    fn rows_by_size(&self, l: usize) -> Vec<usize> {
        let signal = if l == 1 { &self.x_signal } else { &self.layers[l - 2].signal };
        by_size(&self.layers[l - 1].below, signal)
    }

    /// The rows of ∂C/∂W of layer `l` with the largest numbers, at most `limit`.
    pub(super) fn rows(&self, l: usize, limit: usize) -> Vec<usize> {
        first(self.rows_by_size(l), limit)
    }

    /// The columns of ∂C/∂W of layer `l` with the largest numbers, which are those of the largest |δ|, at most `limit`.
    pub(super) fn columns(&self, l: usize, limit: usize) -> Vec<usize> {
        largest(&self.layers[l - 1].delta, limit)
    }

    /// Units of each layer, those of the input first, with the largest derivatives in the weights to them and in those from them, by
    /// turns: what a drawing with one set of units for a layer shows.
    pub(super) fn drawn(&self, limit: usize) -> Vec<Vec<usize>> {
        let last = self.layers.len();
        let of_layer = |l: usize| {
            let to = if l > 0 { by_size(&self.layers[l - 1].delta, &[]) } else { Vec::new() };
            let from = if l < last { self.rows_by_size(l + 1) } else { Vec::new() };
            let places = to.len().max(from.len());
            let turns = (0..places).flat_map(|at| [to.get(at), from.get(at)]).flatten();
            let mut units: Vec<usize> = Vec::new();
            for &unit in turns {
                if units.len() < limit && !units.contains(&unit) {
                    units.push(unit);
                }
            }
            units.sort_unstable();
            units
        };
        (0..=last).map(of_layer).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_wide_layer_the_largest_numbers_are_shown_in_their_order() {
        let mut signal = vec![0.0; 100];
        (signal[70], signal[30], signal[99]) = (-9.0, 3.0, f64::NAN);
        assert_eq!(largest(&signal, 3), [30, 70, 99]);
        assert_eq!(largest(&[0.0; 6], 6), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn of_equally_bright_pixels_those_that_move_the_cost_are_shown() {
        assert_eq!(first(by_size(&[1.0, 0.5, -1.0, 1.0], &[0.1, 9.0, -0.3, 0.2]), 2), [2, 3]);
    }
}
