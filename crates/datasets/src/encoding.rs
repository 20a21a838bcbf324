use chainrule_tensor::Scalar;

use crate::target::Target;

/// The form in which a loss takes the target.
///
/// ```
/// use chainrule_datasets::{Dataset, Encoding, Target};
/// use chainrule_tensor::ndarray::array;
///
/// # fn main() -> Result<(), chainrule_datasets::Error> {
/// let data = Dataset::new("two", array![[0.5], [0.7]], Target::numbered(vec![2, 0], 3))?;
/// assert_eq!(data.encode(Encoding::Index), array![[2.0], [0.0]]);
/// assert_eq!(data.encode(Encoding::OneHot), array![[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// One column: the index of the class, exact up to 2²⁴ in `f32`.
    Index,
    /// One column per class: 1 at the class of the example, 0 elsewhere.
    OneHot,
    /// The target columns of a regression.
    Real,
    /// One column per label: 1 where the label holds, 0 elsewhere.
    MultiHot,
}

impl Encoding {
    /// Whether the target can be encoded like this.
    pub fn fits(self, target: &Target) -> bool {
        match target {
            Target::Classes { .. } => matches!(self, Encoding::Index | Encoding::OneHot),
            Target::Real { .. } => self == Encoding::Real,
            Target::MultiLabel { .. } => self == Encoding::MultiHot,
        }
    }

    /// Numbers per example.
    ///
    /// # Panics
    /// If the encoding does not fit the target.
    #[track_caller]
    pub fn columns(self, target: &Target) -> usize {
        match (self, target) {
            (Encoding::Index, Target::Classes { .. }) => 1,
            (Encoding::OneHot, Target::Classes { names, .. }) => names.len(),
            (Encoding::Real, Target::Real { values, .. }) => values.ncols(),
            (Encoding::MultiHot, Target::MultiLabel { labels, .. }) => labels.len(),
            (encoding, Target::Classes { .. }) => panic!("encoding: {encoding:?} of a target of classes"),
            (encoding, Target::Real { .. }) => panic!("encoding: {encoding:?} of a target of real numbers"),
            (encoding, Target::MultiLabel { .. }) => panic!("encoding: {encoding:?} of a target of labels"),
        }
    }

    /// Writes the target of example `i`. The caller has called [`columns`](Self::columns), so the two fit.
    #[inline]
    pub(crate) fn fill<A: Scalar>(self, target: &Target, i: usize, out: &mut [A]) {
        match target {
            Target::Classes { labels, .. } if self == Encoding::Index => out[0] = A::of(f64::from(labels[i])),
            Target::Classes { labels, .. } => {
                out.fill(A::zero());
                out[labels[i] as usize] = A::one();
            }
            Target::Real { values, .. } => {
                for (out, &value) in out.iter_mut().zip(values.row(i)) {
                    *out = A::of(value);
                }
            }
            Target::MultiLabel { values, .. } => {
                for (out, &holds) in out.iter_mut().zip(values.row(i)) {
                    *out = if holds { A::one() } else { A::zero() };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_fits_its_kind_of_target_only() {
        let classes = Target::numbered(vec![0], 1);
        assert!(
            Encoding::Index.fits(&classes)
                && Encoding::OneHot.fits(&classes)
                && !Encoding::Real.fits(&classes)
        );
    }

    #[test]
    #[should_panic(expected = "Real of a target of classes")]
    fn a_misfit_is_named() {
        Encoding::Real.columns(&Target::numbered(vec![0], 1));
    }
}
