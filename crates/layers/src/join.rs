use std::fmt;
use std::str::FromStr;

use chainrule_tensor::math::flush_subnormal;
use chainrule_tensor::ndarray::{Array2, ArrayRef2};
use chainrule_tensor::rows::{self, positions, positions_mut, slices, slices_mut};
use chainrule_tensor::{Scalar, Shape};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::spec::SpecError;

/// How the outputs of branches become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Join {
    /// Σᵢ fᵢ(x).
    Sum,
    /// The features of all fᵢ(x) side by side, at each position.
    Concat,
    /// ∏ᵢ fᵢ(x), number by number.
    Product,
}

impl Join {
    /// What outputs of the shapes `first` and `next` become.
    pub(crate) fn shape(self, first: Shape, next: Shape) -> Result<Shape, SpecError> {
        if self != Join::Concat {
            return if first == next {
                Ok(first)
            } else {
                let fault = format!("a {self} needs branches of one shape, not {first} and {next}");
                Err(SpecError::here(fault))
            };
        }
        if first.with_features(1) == next.with_features(1) {
            return Ok(first.with_features(first.features().saturating_add(next.features())));
        }
        Err(SpecError::here(format!(
            "a concat joins the features of the same positions, not the shapes {first} and {next}"
        )))
    }
}

/// As in words: `concat`.
impl fmt::Display for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Join::Sum => "sum",
            Join::Concat => "concat",
            Join::Product => "product",
        })
    }
}

/// A word that is no [`Join`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("write sum, concat or product")]
pub struct JoinError;

impl FromStr for Join {
    type Err = JoinError;

    fn from_str(text: &str) -> Result<Self, JoinError> {
        let all = [Join::Sum, Join::Concat, Join::Product];
        all.into_iter().find(|join| join.to_string() == text).ok_or(JoinError)
    }
}

/// p ← p ⊙ y.
pub(crate) fn multiply<A: Scalar>(y: &ArrayRef2<A>, p: &mut ArrayRef2<A>) {
    rows::map([y], p, |[y], p| *p = flush_subnormal(*p * y));
}

/// R{p} ← R{p ⊙ y}, then p ← p ⊙ y.
pub(crate) fn multiply_dual<A: Scalar>(
    p: &mut ArrayRef2<A>,
    r_p: &mut ArrayRef2<A>,
    y: &ArrayRef2<A>,
    r_y: &ArrayRef2<A>,
) {
    rows::map([p, y, r_y], r_p, |[p, y, r_y], r_p| *r_p = flush_subnormal(*r_p * y + p * r_y));
    multiply(y, p);
}

/// y ← the numbers of all `outputs` side by side, at each position; `features` says how many each has there.
pub(crate) fn concatenate<A: Scalar>(
    features: impl Iterator<Item = usize> + Clone,
    outputs: &[Array2<A>],
    y: &mut ArrayRef2<A>,
) {
    let (n, mut from) = (y.nrows(), 0);
    let mut y = positions_mut(y, features.clone().sum());
    for (features, output) in features.zip(outputs) {
        let output = rows::first(output, n);
        for (y, part) in slices_mut(&mut y).zip(slices(&positions(&output, features))) {
            y[from..from + features].copy_from_slice(part);
        }
        from += features;
    }
}

/// The reverse: `parts` ← their numbers of `whole`.
pub(crate) fn split<A: Scalar>(
    features: impl Iterator<Item = usize> + Clone,
    whole: &ArrayRef2<A>,
    parts: &mut [Array2<A>],
) {
    let (n, mut from) = (whole.nrows(), 0);
    let whole = positions(whole, features.clone().sum());
    for (features, part) in features.zip(parts) {
        let mut part = rows::first_mut(part, n);
        for (part, whole) in slices_mut(&mut positions_mut(&mut part, features)).zip(slices(&whole)) {
            part.copy_from_slice(&whole[from..from + features]);
        }
        from += features;
    }
}
