use std::fmt;

use chainrule_datasets::{Dataset, Features, Target};
use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, ArrayBase, ArrayRef2, Data, Ix1, Ix2};
use chainrule_train::{History, RegressionMetrics};
use serde::{Deserialize, Serialize};

use crate::class_weights::ClassWeights;
use crate::fit_error::FitError;
use crate::model::Model;
use crate::perceptron::{Perceptron, settings};
use crate::task::usual_loss;

/// A multilayer perceptron that predicts numbers, one or several for each row, from arrays in one line.
///
/// It minimises the mean squared error by Adam over shuffled batches, on inputs and targets brought to mean 0 and variance 1, with a
/// learning rate that goes through one cycle; its predictions are in the units of the targets. The settings and their defaults
/// are those of [`Perceptron`].
///
/// ```
/// use chainrule_tensor::ndarray::{Array2, array};
/// use chainrule_model::Regressor;
///
/// # fn main() -> Result<(), chainrule_model::FitError> {
/// let x = Array2::from_shape_fn((200, 1), |(i, _)| i as f64 / 100.0 - 1.0);
/// let y: Vec<f64> = x.iter().map(|x| 1000.0 + 50.0 * x * x).collect();
/// let regressor = Regressor::new([32]).fit(&x, &y)?;
/// assert!(regressor.r_squared(&x, &y) > 0.98);
/// let price = regressor.predict(&array![[0.5]])[(0, 0)];
/// assert!((price - 1012.5).abs() < 5.0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Regressor {
    perceptron: Perceptron,
}

/// The numbers that belong to rows: one each, as a slice, a `Vec` or an array, or a row of them each.
pub trait IntoNumbers<A> {
    /// As a matrix, one row an example.
    fn into_numbers(self) -> Array2<A>;
}

impl<A: Scalar> IntoNumbers<A> for &[A] {
    fn into_numbers(self) -> Array2<A> {
        Array2::from_shape_fn((self.len(), 1), |(i, _)| self[i])
    }
}

impl<A: Scalar> IntoNumbers<A> for &Vec<A> {
    fn into_numbers(self) -> Array2<A> {
        self.as_slice().into_numbers()
    }
}

impl<A: Scalar, const N: usize> IntoNumbers<A> for &[A; N] {
    fn into_numbers(self) -> Array2<A> {
        self.as_slice().into_numbers()
    }
}

impl<A: Scalar, S: Data<Elem = A>> IntoNumbers<A> for &ArrayBase<S, Ix1> {
    fn into_numbers(self) -> Array2<A> {
        Array2::from_shape_fn((self.len(), 1), |(i, _)| self[i])
    }
}

impl<A: Scalar, S: Data<Elem = A>> IntoNumbers<A> for &ArrayBase<S, Ix2> {
    fn into_numbers(self) -> Array2<A> {
        self.to_owned()
    }
}

impl Regressor {
    settings!();

    /// Learns the numbers y of the rows of x.
    ///
    /// # Errors
    /// If x and y differ in length, are empty, or hold a number that is not finite; if a width is 0, the learning rate is not
    /// above 0, or the loss becomes NaN or infinite.
    pub fn fit<A: Scalar>(
        &self,
        x: &ArrayRef2<A>,
        y: impl IntoNumbers<A>,
    ) -> Result<FittedRegressor<A>, FitError> {
        if self.perceptron.class_weights != ClassWeights::Equal {
            return Err(FitError::ClassWeights);
        }
        let data = Dataset::new("x", Features::Real(x.to_owned()), Target::real(y.into_numbers()))?;
        let data = self.perceptron.described(data)?;
        let (model, history) = self.perceptron.fit(&data, usual_loss(data.target()))?;
        Ok(FittedRegressor { model, history })
    }
}

/// What [`Regressor::fit`] learned.
pub struct FittedRegressor<A: Scalar> {
    model: Model<A>,
    history: History,
}

impl<A: Scalar> FittedRegressor<A> {
    /// The numbers of each row of x, in the units of the targets.
    ///
    /// # Panics
    /// If x has not as many columns as the examples had.
    #[track_caller]
    pub fn predict(&self, x: &ArrayRef2<A>) -> Array2<A> {
        self.model.predict(x)
    }

    /// R², as [`RegressionMetrics::r_squared`] has it: 1 for a perfect fit, 0 for the mean.
    ///
    /// # Panics
    /// If x and y differ in length, or are not like the examples.
    #[track_caller]
    pub fn r_squared(&self, x: &ArrayRef2<A>, y: impl IntoNumbers<A>) -> f64 {
        let (guess, y) = (self.predict(x), y.into_numbers());
        let mut metrics = RegressionMetrics::new(y.ncols());
        metrics.add(&guess, &y);
        metrics.r_squared()
    }

    /// How the training went.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The model.
    pub fn into_model(self) -> Model<A> {
        self.model
    }
}

impl<A: Scalar> fmt::Debug for FittedRegressor<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FittedRegressor({:?})", self.model.network())
    }
}
