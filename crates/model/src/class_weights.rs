use serde::{Deserialize, Serialize};

use crate::fit_error::FitError;

/// How much the examples of each class count in the loss.
///
/// ```
/// use chainrule_model::ClassWeights;
///
/// assert_eq!(ClassWeights::balanced(&[6, 3, 1]), [10.0 / 18.0, 10.0 / 9.0, 10.0 / 3.0]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassWeights {
    /// All alike.
    #[default]
    Equal,
    /// By [`balanced`](Self::balanced), so that all classes together count alike.
    Balanced,
    /// By these, one for each class in ascending order.
    Each(Vec<f64>),
}

impl ClassWeights {
    /// The weight of each class, from its number of examples; an empty list if all are 1.
    ///
    /// # Errors
    /// If there is not a positive number for each class.
    pub(crate) fn of(&self, counts: &[usize]) -> Result<Vec<f64>, FitError> {
        match self {
            Self::Equal => Ok(Vec::new()),
            Self::Balanced => Ok(Self::balanced(counts)),
            Self::Each(weights) if weights.len() != counts.len() => {
                Err(FitError::ClassWeightCount { weights: weights.len(), classes: counts.len() })
            }
            Self::Each(weights) => {
                match weights.iter().find(|weight| !(weight.is_finite() && **weight > 0.0)) {
                    Some(&weight) => Err(FitError::ClassWeight(weight)),
                    None => Ok(weights.clone()),
                }
            }
        }
    }

    /// n / (k·n_c) for a class with n_c of the n examples, where k classes occur, and 1 for a class that does not occur.
    ///
    /// # References
    /// scikit-learn, `compute_class_weight("balanced", …)`, after G. King, L. Zeng, "Logistic Regression in Rare Events Data",
    /// Political Analysis 9, 2001.
    pub fn balanced(counts: &[usize]) -> Vec<f64> {
        let examples: usize = counts.iter().sum();
        let classes = counts.iter().filter(|&&count| count > 0).count();
        let weight = |&count: &usize| {
            if count == 0 { 1.0 } else { examples as f64 / (classes as f64 * count as f64) }
        };
        counts.iter().map(weight).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_weights_are_those_of_scikit_learn() {
        // compute_class_weight("balanced", classes=[0, 1, 2], y=[0]*6 + [1]*3 + [2])
        assert_eq!(ClassWeights::balanced(&[6, 3, 1]), [10.0 / 18.0, 10.0 / 9.0, 10.0 / 3.0]);
        assert_eq!(ClassWeights::balanced(&[2, 0, 2]), [1.0, 1.0, 1.0]);
    }
}
