use chainrule_tensor::Scalar;

use crate::split::{self, Share};
use crate::{Dataset, Error, Features};

/// The parts of a data set: to learn from, to choose by, to be judged on.
///
/// ```
/// use chainrule_datasets::{Parts, split::Share, synthetic};
///
/// # fn main() -> Result<(), chainrule_datasets::Error> {
/// let parts = Parts::from(synthetic::moons::<f64>(200, 0.1, 1));
/// let parts = parts.hold_out_test(Share::Count(40), 1)?.hold_out_validation(Share::Fraction(0.25), 1)?;
/// assert_eq!(parts.test.map(|data| data.len()), Some(40));
/// assert_eq!(parts.validation.map(|data| data.len()), Some(40));
/// assert_eq!(parts.train.len(), 120);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Parts<A> {
    /// What is learned from; transforms are fitted on it alone.
    pub train: Dataset<A>,
    /// What chooses between models, by early stopping or by hand.
    pub validation: Option<Dataset<A>>,
    /// What judges the chosen model, once.
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
    /// If the share leaves nothing on either side.
    pub fn hold_out_validation(self, share: Share, seed: u64) -> Result<Self, Error> {
        let (train, held_out) = divide(&self.train, share, seed)?;
        // What is filled in is found in the training part alone, whatever was held out before.
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
    /// If the share leaves nothing on either side.
    pub fn hold_out_test(self, share: Share, seed: u64) -> Result<Self, Error> {
        let (train, held_out) = divide(&self.train, share, seed)?;
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

/// The rest and the share: stratified where there are classes. What is filled in is found in the rest alone.
fn divide<A: Scalar>(data: &Dataset<A>, share: Share, seed: u64) -> Result<(Dataset<A>, Dataset<A>), Error> {
    if let Features::Stored(rows) = data.features() {
        let [rest, held_out] = rows.divide(share, seed)?;
        return Ok((data.within(&rest), data.within(&held_out)));
    }
    let division = match data.labels() {
        Some(labels) => split::stratified(labels, share, seed)?,
        None => split::plain(data.len(), share, seed)?,
    };
    Ok(Dataset::refitted(data.select(&division.rest), data.select(&division.held_out)))
}
