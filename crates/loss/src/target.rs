use chainrule_tensor::Rng;
use chainrule_tensor::ndarray::Array2;

/// What a loss is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// Any real numbers.
    Real,
    /// A distribution over the outputs in each row.
    Distribution,
    /// One column of class indices.
    Class,
    /// Numbers from 0 to 1.
    Share,
}

impl TargetKind {
    /// Draws targets for a batch.
    pub fn draw(self, rows: usize, outputs: usize, rng: &mut Rng) -> Array2<f64> {
        let mut real =
            |columns: usize| Array2::from_shape_simple_fn((rows, columns), || rng.normal::<f64>(1.0));
        match self {
            TargetKind::Real => real(outputs),
            TargetKind::Share => real(outputs).mapv(|t| 1.0 / (1.0 + t.exp())),
            TargetKind::Class => Array2::from_shape_simple_fn((rows, 1), || rng.below(outputs) as f64),
            TargetKind::Distribution => {
                let mut t = real(outputs).mapv(f64::exp);
                for mut row in t.rows_mut() {
                    row /= row.sum();
                }
                t
            }
        }
    }
}
