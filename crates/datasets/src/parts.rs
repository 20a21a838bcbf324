use chainrule_tensor::Scalar;

use crate::dataset::Dataset;
use crate::error::Error;
use crate::features::Features;
use crate::split::{self, HoldOut};

/// The parts of a data set: training, validation and test.
///
/// ```
/// use chainrule_datasets::{Parts, split::HoldOut, synthetic};
///
/// # fn main() -> Result<(), chainrule_datasets::Error> {
/// let parts = Parts::from(synthetic::moons::<f64>(200, 0.1, 1));
/// let parts = parts.hold_out_test(HoldOut::Count(40), 1)?.hold_out_validation(HoldOut::Fraction(0.25), 1)?;
/// assert_eq!(parts.test.map(|data| data.len()), Some(40));
/// assert_eq!(parts.validation.map(|data| data.len()), Some(40));
/// assert_eq!(parts.train.len(), 120);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Parts<A> {
    /// The examples to learn from; transforms are fitted on these alone.
    pub train: Dataset<A>,
    /// The examples that choose between models, for example by early stopping.
    pub validation: Option<Dataset<A>>,
    /// The examples that judge the chosen model.
    pub test: Option<Dataset<A>>,
}

impl<A> From<Dataset<A>> for Parts<A> {
    fn from(train: Dataset<A>) -> Self {
        Self { train, validation: None, test: None }
    }
}

impl<A: Scalar> Parts<A> {
    /// Takes a validation part out of the training part; classes keep their proportions.
    ///
    /// # Errors
    /// If either side would be empty.
    pub fn hold_out_validation(self, hold_out: HoldOut, seed: u64) -> Result<Self, Error> {
        let (train, held_out) = divide(self.train, hold_out, seed)?;
        // Imputed values come from the training part alone, whatever was held out before.
        let (train, test) = match self.test {
            Some(test) => {
                let (train, test) = Dataset::refitted(train, test);
                (train, Some(test))
            }
            None => (train, None),
        };
        Ok(Self { train, validation: Some(held_out), test })
    }

    /// Takes a test part out of the training part; classes keep their proportions.
    ///
    /// # Errors
    /// If either side would be empty.
    pub fn hold_out_test(self, hold_out: HoldOut, seed: u64) -> Result<Self, Error> {
        let (train, held_out) = divide(self.train, hold_out, seed)?;
        let (train, validation) = match self.validation {
            Some(validation) => {
                let (train, validation) = Dataset::refitted(train, validation);
                (train, Some(validation))
            }
            None => (train, None),
        };
        Ok(Self { train, validation, test: Some(held_out) })
    }
}

impl<A: Scalar> Dataset<A> {
    /// Whether a part that is held out from these examples has each class in proportion; of a streamed file, blocks of rows are held out.
    pub fn is_split_by_class(&self) -> bool {
        self.labels().is_some() && !self.features().is_streamed()
    }
}

/// The rest and the held-out part, stratified by class. Imputed values come from the rest alone.
fn divide<A: Scalar>(
    data: Dataset<A>,
    hold_out: HoldOut,
    seed: u64,
) -> Result<(Dataset<A>, Dataset<A>), Error> {
    if let Features::FileRows(rows) = data.features() {
        let [rest, held_out] = rows.divide(hold_out, seed)?;
        return Ok((data.within(&rest), data.within(&held_out)));
    }
    let split = match data.labels() {
        Some(labels) => split::stratified(labels, hold_out, seed)?,
        None => split::plain(data.len(), hold_out, seed)?,
    };
    let (rest, held_out) = data.divided(&split);
    Ok(Dataset::refitted(rest, held_out))
}
