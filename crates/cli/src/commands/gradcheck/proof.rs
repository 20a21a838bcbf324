//! What the comparison of derivatives comes to.

use chainrule::optim::gradcheck::ObjectiveErrors;
use chainrule::tensor::{Scalar, difference};

use super::examples::Chosen;
use crate::table::{TableColumn, table};
use crate::terminal::{Stream, columns};

/// Where rounding alone may cause an error as large as this, nothing is compared.
const MEANINGLESS: f64 = 0.1;

/// The errors of the derivatives at some examples, and what each may be.
pub(super) struct Proof<'a> {
    pub(super) chosen: &'a Chosen,
    pub(super) errors: ObjectiveErrors,
    pub(super) checks: [Check; 5],
}

/// One comparison.
pub(super) struct Check {
    name: &'static str,
    error: f64,
    tolerance: f64,
}

impl Check {
    pub(super) fn is_meaningful(&self) -> bool {
        self.tolerance < MEANINGLESS
    }

    fn tolerance_in_words(&self) -> String {
        if self.is_meaningful() { format!("{:.0e}", self.tolerance) } else { "–".to_owned() }
    }

    fn verdict(&self) -> &'static str {
        match self.error <= self.tolerance {
            _ if !self.is_meaningful() => "not checked: lost in rounding",
            true => "ok",
            false => "TOO LARGE",
        }
    }
}

impl<'a> Proof<'a> {
    pub(super) fn new<A: Scalar>(chosen: &'a Chosen, errors: ObjectiveErrors) -> Self {
        let (gradient, hessian) = difference::bars::<A>();
        let rounding = errors.rounding;
        let check =
            |name, error, tolerance: f64, rounding| Check { name, error, tolerance: tolerance.max(rounding) };
        let checks = [
            check("C vs. f64", errors.value, gradient, rounding.value),
            check("gradient vs. differences", errors.gradient, gradient, rounding.gradient),
            check("<u, Gv> vs. <v, Gu>", errors.gauss_newton, gradient, rounding.hessian),
            check("Hv vs. differences", errors.hessian, hessian, rounding.hessian),
            check("<u, Hv> vs. <v, Hu>", errors.symmetry, hessian, rounding.hessian),
        ];
        Self { chosen, errors, checks }
    }

    /// Whether no error is larger than it may be.
    pub(super) fn holds(&self) -> bool {
        self.checks.iter().all(|check| !check.is_meaningful() || check.error <= check.tolerance)
    }

    /// Whether a derivative was compared with differences at all.
    pub(super) fn proves_something(&self) -> bool {
        self.checks[1].is_meaningful()
    }

    pub(super) fn table(&self) -> String {
        let of = |text: &dyn Fn(&Check) -> String| self.checks.iter().map(text).collect::<Vec<_>>();
        let lines = vec![
            TableColumn::words(0, "check", of(&|check| check.name.to_owned())),
            TableColumn::numbers(0, "error", of(&|check| format!("{:.1e}", check.error))),
            TableColumn::numbers(1, "tolerance", of(&|check| check.tolerance_in_words())),
            TableColumn::words(0, "", of(&|check| check.verdict().to_owned())),
        ];
        table(lines, columns(Stream::Stdout))
    }
}
