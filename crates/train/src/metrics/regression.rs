use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::rows::slices;

/// How well real targets are met: R² = 1 − Σ(y − t)² / Σ(t − t̄)², the root of the mean square error and the mean absolute error, of
/// each column.
///
/// Of several columns the unweighted mean is reported, scikit-learn's `uniform_average`. The sums are formed in one pass (Welford
/// 1962).
///
/// ```
/// use chainrule_tensor::ndarray::array;
/// use chainrule_train::RegressionMetrics;
///
/// let mut metrics = RegressionMetrics::new(1);
/// metrics.add(&array![[1.0], [2.0], [4.0]], &array![[1.0], [2.0], [3.0]]);
/// assert!((metrics.r_squared() - 0.5).abs() < 1e-12);
/// assert!((metrics.rmse() - (1.0_f64 / 3.0).sqrt()).abs() < 1e-12);
/// assert!((metrics.mae() - 1.0 / 3.0).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RegressionMetrics {
    rows: f64,
    /// The sum of squared errors of each column.
    residual: Vec<f64>,
    /// The sum of absolute errors of each column.
    absolute: Vec<f64>,
    /// Mean and sum of squared deviations of each column of the targets.
    spread: Vec<(f64, f64)>,
}

impl RegressionMetrics {
    /// No examples yet, of targets with `columns` columns.
    pub fn new(columns: usize) -> Self {
        let zeros = || vec![0.0; columns];
        Self { rows: 0.0, residual: zeros(), absolute: zeros(), spread: vec![(0.0, 0.0); columns] }
    }

    /// Counts a batch of predictions against its targets, which may have more digits.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn add<A: Scalar, T: Scalar>(&mut self, y: &ArrayRef2<A>, target: &ArrayRef2<T>) {
        assert_eq!(y.dim(), target.dim(), "regression metrics: predictions and targets differ in shape");
        for (y, target) in slices(y).zip(slices(target)) {
            self.rows += 1.0;
            let columns = self.spread.iter_mut().zip(&mut self.residual).zip(&mut self.absolute);
            for ((y, t), (((mean, squares), residual), absolute)) in y.iter().zip(target).zip(columns) {
                let (y, t) = (y.as_f64(), t.as_f64());
                *residual += (y - t) * (y - t);
                *absolute += (y - t).abs();
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
        self.residual.iter_mut().zip(&other.residual).for_each(|(residual, other)| *residual += other);
        self.absolute.iter_mut().zip(&other.absolute).for_each(|(absolute, other)| *absolute += other);
        self.rows = rows;
    }

    /// All that was counted.
    pub(crate) fn numbers(&mut self) -> impl Iterator<Item = &mut f64> {
        let spread = self.spread.iter_mut().flat_map(|(mean, squares)| [mean, squares]);
        std::iter::once(&mut self.rows).chain(&mut self.residual).chain(&mut self.absolute).chain(spread)
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.spread.len()
    }

    /// Whether the targets of a column differ between examples, without which R² is not defined.
    ///
    /// # Panics
    /// If there is no such column.
    pub fn varies(&self, column: usize) -> bool {
        self.spread[column].1 > 0.0
    }

    /// R² of a column: 1 for a perfect fit, 0 for the mean, below for worse. Where the targets do not vary at all, it is 1 if all
    /// are met exactly, else 0.
    ///
    /// # Panics
    /// If there is no such column.
    pub fn r_squared_of(&self, column: usize) -> f64 {
        let (residual, total) = (self.residual[column], self.spread[column].1);
        match total == 0.0 {
            true if residual == 0.0 && self.rows > 0.0 => 1.0,
            true => 0.0,
            false => 1.0 - residual / total,
        }
    }

    /// The root of the mean square error of a column.
    ///
    /// # Panics
    /// If there is no such column.
    pub fn rmse_of(&self, column: usize) -> f64 {
        (self.residual[column] / self.rows).sqrt()
    }

    /// The mean absolute error of a column.
    ///
    /// # Panics
    /// If there is no such column.
    pub fn mae_of(&self, column: usize) -> f64 {
        self.absolute[column] / self.rows
    }

    /// The mean of R² over the columns.
    pub fn r_squared(&self) -> f64 {
        self.mean(|column| self.r_squared_of(column))
    }

    /// The mean of the root mean square error over the columns.
    pub fn rmse(&self) -> f64 {
        self.mean(|column| self.rmse_of(column))
    }

    /// The mean of the mean absolute error over the columns.
    pub fn mae(&self) -> f64 {
        self.mean(|column| self.mae_of(column))
    }

    fn mean(&self, of: impl Fn(usize) -> f64) -> f64 {
        (0..self.columns()).map(of).sum::<f64>() / self.columns() as f64
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

    /// Figures by scikit-learn 1.9.1:
    ///
    /// ```text
    /// python -c 'import numpy as np; np.set_printoptions(precision=17); from sklearn.metrics import *
    /// n, k = np.indices((40, 3)); t = n * (k + 3) % 7 / 2 + k; y = t + (n * (k + 2) % 5 - 2) / 4
    /// t[:, 2] = 5.5; y[:, 2] = 5.5 + n[:, 2] % 2
    /// for f in r2_score, root_mean_squared_error: print(f(t, y, multioutput="raw_values"), f(t, y))'
    /// ```
    #[test]
    fn figures_of_several_columns_are_those_of_scikit_learn() {
        let target = Array2::from_shape_fn((40, 3), |(n, k)| {
            if k == 2 { 5.5 } else { (n * (k + 3) % 7) as f64 / 2.0 + k as f64 }
        });
        let y = Array2::from_shape_fn((40, 3), |(n, k)| {
            let error = if k == 2 { (n % 2) as f64 } else { ((n * (k + 2) % 5) as f64 - 2.0) / 4.0 };
            target[(n, k)] + error
        });
        let mut metrics = RegressionMetrics::new(3);
        for part in [s![..17, ..], s![17.., ..]] {
            let mut one = RegressionMetrics::new(3);
            one.add(&y.slice(part), &target.slice(part));
            metrics.merge(&one);
        }
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a}, {b}");
        let known = [
            (0.877_281_791_685_841_4, 0.353_553_390_593_273_8),
            (0.874_035_584_947_252_4, 0.353_553_390_593_273_8),
            (0.0, 0.5_f64.sqrt()),
        ];
        for (column, (r_squared, rmse)) in known.into_iter().enumerate() {
            close(metrics.r_squared_of(column), r_squared);
            close(metrics.rmse_of(column), rmse);
        }
        close(metrics.r_squared(), 0.583_772_458_877_697_9);
        close(metrics.rmse(), 0.471_404_520_791_031_73);
        // force_finite: constant targets that are met exactly.
        let mut exact = RegressionMetrics::new(1);
        exact.add(&target.slice(s![.., 2..]), &target.slice(s![.., 2..]));
        assert_eq!(exact.r_squared(), 1.0);
        assert!(metrics.varies(0) && !exact.varies(0) && !RegressionMetrics::new(1).varies(0));
    }

    #[test]
    fn nothing_counted_is_no_division_by_zero() {
        assert_eq!(RegressionMetrics::new(1).r_squared(), 0.0);
    }
}
