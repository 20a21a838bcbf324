//! Which kernels a process computes its products with.

use std::env;
use std::sync::atomic::{AtomicU8, Ordering};

use thiserror::Error;

use super::has_tiles;
use crate::blas;
use crate::registry::UnknownName;

/// The variable of the environment that decides where nobody has called [`choose`].
pub const VARIABLE: &str = "CHAINRULE_GEMM";

crate::names! {
    /// Which kernels compute the products of a process.
    ///
    /// ```
    /// use chainrule_tensor::kernel::Choice;
    ///
    /// assert_eq!("openblas".parse(), Ok(Choice::OpenBlas));
    /// ```
    pub enum Choice: "choice of kernels for products" {
        /// The rule of [`kernel`](crate::kernel#the-rule).
        Auto = "auto",
        /// OpenBLAS, for every product.
        OpenBlas = "openblas",
        /// Register tiles of our own, for every product.
        Tiles = "tiles",
    }
}

/// Why a choice cannot be made.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChoiceError {
    /// It is none of the names.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// OpenBLAS is not linked.
    #[error("this program links no OpenBLAS but {0}: build it with the feature `openblas`, or choose auto")]
    NotLinked(&'static str),
    /// The CPU has no registers for the tiles.
    #[error("this CPU has no tiles, which need AVX2 and FMA: choose auto or openblas")]
    NoTiles,
    /// Products have been computed, and two kernels in one process would be two kinds of bits.
    #[error("this process already computes its products by {0}: choose before the first product")]
    Late(Choice),
}

/// `Choice as u8 + 1`; 0 where nothing is decided yet.
static CHOSEN: AtomicU8 = AtomicU8::new(0);

impl Choice {
    /// What [`VARIABLE`] says, or why that cannot be; `None` where it says nothing.
    pub fn of_environment() -> Option<Result<Self, ChoiceError>> {
        let word = env::var(VARIABLE).ok().filter(|word| !word.is_empty())?;
        let named = word.parse().map_err(ChoiceError::from);
        Some(named.and_then(|choice: Self| choice.possible().map(|()| choice)))
    }

    /// Whether this build and this CPU have its kernels.
    ///
    /// # Errors
    /// Says what is missing.
    fn possible(self) -> Result<(), ChoiceError> {
        match self {
            Choice::OpenBlas if !cfg!(feature = "openblas") => Err(ChoiceError::NotLinked(blas::name())),
            Choice::Tiles if !has_tiles() => Err(ChoiceError::NoTiles),
            _ => Ok(()),
        }
    }
}

/// Decides how this process computes its products, before it computes the first. It may be said twice, but not changed.
///
/// # Errors
/// If this build or this CPU does not have the kernels, or if the process has begun with others.
///
/// ```
/// use chainrule_tensor::kernel::{Choice, choose, chosen};
///
/// choose(Choice::Auto).unwrap();
/// assert_eq!(chosen(), Choice::Auto);
/// ```
pub fn choose(choice: Choice) -> Result<(), ChoiceError> {
    choice.possible()?;
    match CHOSEN.compare_exchange(0, choice as u8 + 1, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => Ok(()),
        Err(earlier) if earlier == choice as u8 + 1 => Ok(()),
        Err(_) => Err(ChoiceError::Late(chosen())),
    }
}

/// What was decided: by [`choose`], or by `CHAINRULE_GEMM` in the environment when the first product is computed. A value there
/// that is no choice, or that this build does not have, counts as `auto`.
#[inline]
pub fn chosen() -> Choice {
    match CHOSEN.load(Ordering::Relaxed) {
        0 => decide(),
        n => Choice::ALL[usize::from(n) - 1],
    }
}

#[cold]
fn decide() -> Choice {
    let said = Choice::of_environment().and_then(Result::ok);
    // Another thread may have been quicker: its word counts.
    let _ = choose(said.unwrap_or(Choice::Auto));
    Choice::ALL[usize::from(CHOSEN.load(Ordering::Relaxed)) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_made_once() {
        let first = chosen();
        assert_eq!(choose(first), Ok(()));
        let other = Choice::ALL.iter().copied().find(|&other| other != first && other.possible().is_ok());
        if let Some(other) = other {
            assert_eq!(choose(other), Err(ChoiceError::Late(first)));
        }
        assert_eq!(chosen(), first);
    }
}
