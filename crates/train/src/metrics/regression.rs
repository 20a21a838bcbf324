use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::rows::slices;

/// How well real targets are met: R² = 1 − Σ(y − t)² / Σ(t − t̄)², and the root of the mean square error.
///
/// Both sums run over all columns, each centred on its own mean, in one pass (Welford 1962).
///
/// ```
/// use chainrule_tensor::ndarray::array;
/// use chainrule_train::RegressionMetrics;
///
/// let mut metrics = RegressionMetrics::new(1);
/// metrics.add(&array![[1.0], [2.0], [4.0]], &array![[1.0], [2.0], [3.0]]);
/// assert!((metrics.r_squared() - 0.5).abs() < 1e-12);
/// assert!((metrics.rmse() - (1.0_f64 / 3.0).sqrt()).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RegressionMetrics {
    rows: f64,
    residual: f64,
    /// Mean and sum of squared deviations of each column of the targets.
    spread: Vec<(f64, f64)>,
}

impl RegressionMetrics {
    /// No examples yet, of targets with `columns` columns.
    pub fn new(columns: usize) -> Self {
        Self { rows: 0.0, residual: 0.0, spread: vec![(0.0, 0.0); columns] }
    }

    /// Counts a batch of predictions against its targets.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn add<A: Scalar>(&mut self, y: &ArrayRef2<A>, target: &ArrayRef2<A>) {
        assert_eq!(y.dim(), target.dim(), "regression metrics: predictions and targets differ in shape");
        for (y, target) in slices(y).zip(slices(target)) {
            self.rows += 1.0;
            for ((y, t), (mean, squares)) in y.iter().zip(target).zip(&mut self.spread) {
                let (y, t) = (y.as_f64(), t.as_f64());
                self.residual += (y - t) * (y - t);
                let before = t - *mean;
                *mean += before / self.rows;
                *squares += before * (t - *mean);
            }
        }
    }

    /// Counts what another has counted after this, too.
    ///
    /// # References
    /// Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979, eq. 2.1.
    ///
    /// # Panics
    /// If it is of another number of columns.
    #[track_caller]
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.spread.len(), other.spread.len(), "regression metrics: targets differ in columns");
        let rows = self.rows + other.rows;
        if other.rows == 0.0 {
            return;
        }
        for ((mean, squares), (mean_after, squares_after)) in self.spread.iter_mut().zip(&other.spread) {
            let apart = mean_after - *mean;
            *mean += apart * other.rows / rows;
            *squares += squares_after + apart * apart * self.rows * other.rows / rows;
        }
        self.residual += other.residual;
        self.rows = rows;
    }

    /// All that was counted.
    pub(crate) fn numbers(&mut self) -> impl Iterator<Item = &mut f64> {
        let spread = self.spread.iter_mut().flat_map(|(mean, squares)| [mean, squares]);
        [&mut self.rows, &mut self.residual].into_iter().chain(spread)
    }

    /// R²: 1 for a perfect fit, 0 for the mean, below for worse; 0 where the targets do not vary at all.
    pub fn r_squared(&self) -> f64 {
        let total: f64 = self.spread.iter().map(|(_, squares)| squares).sum();
        if total == 0.0 { 0.0 } else { 1.0 - self.residual / total }
    }

    /// The root of the mean square error of one number.
    pub fn rmse(&self) -> f64 {
        (self.residual / (self.rows * self.spread.len() as f64)).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule_tensor::ndarray::{Array2, s};

    #[test]
    fn what_is_counted_apart_comes_to_the_same() {
        let y = Array2::from_shape_fn((9, 2), |(i, j)| (i * i) as f64 / (2 + j) as f64);
        let target = Array2::from_shape_fn((9, 2), |(i, j)| 7.0 + (i * (3 + j)) as f64);
        let part = |from: usize, to: usize| {
            let mut metrics = RegressionMetrics::new(2);
            metrics.add(&y.slice(s![from..to, ..]), &target.slice(s![from..to, ..]));
            metrics
        };
        let (mut merged, whole) = (part(0, 0), part(0, 9));
        for (from, to) in [(0, 4), (4, 4), (4, 5), (5, 9)] {
            merged.merge(&part(from, to));
        }
        assert!((merged.r_squared() - whole.r_squared()).abs() < 1e-12 * whole.r_squared().abs());
        assert!((merged.rmse() - whole.rmse()).abs() < 1e-12);
    }

    #[test]
    fn nothing_counted_is_no_division_by_zero() {
        assert_eq!(RegressionMetrics::new(1).r_squared(), 0.0);
    }
}
