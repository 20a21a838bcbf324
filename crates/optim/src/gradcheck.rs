//! The harness that proves the derivatives of an objective, as the crates of layers and losses have one for theirs.

use chainrule_tensor::difference::{self, inner_error, relative_error_above};
use chainrule_tensor::{Rng, Scalar, vector};

use crate::objective::Objective;

/// How much to try.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// The largest number of coordinates of θ that are differenced one by one: a seeded sample if θ has more.
    pub coordinates: usize,
    /// No component counts as smaller than this share of the largest: see
    /// [`relative_error_above`].
    pub floor: f64,
    /// The step of the differences: [`difference::STEP`], or less where a kink is nearer.
    pub step: f64,
    /// The seed of the sample and of the directions.
    pub seed: u64,
}

/// The largest relative error that each of the checks found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ObjectiveErrors {
    /// C(θ) by both methods against the witness's.
    pub value: f64,
    /// ∇C(θ) against differences of C, coordinate by coordinate.
    pub gradient: f64,
    /// ⟨u, G·v⟩ against ⟨v, G·u⟩: the model's J against its Jᵀ.
    pub gauss_newton: f64,
    /// H·v against differences of exact gradients along v.
    pub hessian: f64,
    /// ⟨u, H·v⟩ against ⟨v, H·u⟩.
    pub symmetry: f64,
    /// How many coordinates were differenced one by one.
    pub coordinates: usize,
    /// What rounding alone may add to these errors.
    pub rounding: Rounding,
}

/// What rounding alone may add to relative errors: next to nothing, unless a derivative is tiny, as on an example that a network
/// predicts with certainty. A derivative of which rounding may be a large part cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rounding {
    /// Of [`ObjectiveErrors::value`].
    pub value: f64,
    /// Of [`ObjectiveErrors::gradient`].
    pub gradient: f64,
    /// Of [`ObjectiveErrors::hessian`].
    pub hessian: f64,
}

impl Rounding {
    /// Of an objective in `A` with this value and these largest components, whose derivatives are compared with differences.
    fn of<A: Scalar>(value: f64, gradient: f64, hessian: f64, step: f64) -> Self {
        // A loss and its derivative come from a few operations on numbers near 1, or near C.
        let size = 16.0 * value.abs().max(1.0);
        let own = size * A::epsilon().as_f64();
        let differences = size * f64::EPSILON / step;
        let share = |error: f64, of: f64| if of == 0.0 { f64::INFINITY } else { error / of.abs() };
        Self {
            value: share(own, value),
            gradient: share(own + differences, gradient),
            hessian: share(own + differences, hessian),
        }
    }
}

impl ObjectiveErrors {
    /// Whether every error is within its bar: `gradient` for first derivatives, `hessian` for second.
    pub fn within(&self, gradient: f64, hessian: f64) -> bool {
        self.value.max(self.gradient).max(self.gauss_newton) <= gradient
            && self.hessian.max(self.symmetry) <= hessian
    }
}

/// Checks `objective` at θ against `witness`, the same objective in `f64`. Differences are those of the witness, so an
/// `f32` objective is judged by its own rounding; θ should be exact in its number type.
///
/// Nothing here knows where C has kinks: the caller keeps θ away from them.
///
/// ```
/// use chainrule_optim::{gradcheck::{Effort, check}, testing::Rosenbrock};
/// use chainrule_tensor::difference::STEP;
///
/// let effort = Effort { coordinates: 100, floor: 1e-3, step: STEP, seed: 1 };
/// let report = check::<f64>(&mut Rosenbrock, &mut Rosenbrock, &[-1.5, 1.25], effort);
/// assert!(report.within(1e-8, 1e-7));
/// ```
pub fn check<A: Scalar>(
    objective: &mut dyn Objective<A>,
    witness: &mut dyn Objective<f64>,
    theta: &[f64],
    effort: Effort,
) -> ObjectiveErrors {
    let at: Vec<A> = theta.iter().map(|&t| A::of(t)).collect();
    let mut gradient = vec![A::nan(); at.len()];
    let values = [objective.value_and_grad(&at, &mut gradient), objective.value(&at)];
    let gradient = wide(&gradient);

    let chosen = coordinates(theta.len(), effort);
    // A difference in units of this scale has the step that is wanted.
    let scale = effort.step / difference::STEP;
    let mut moved = theta.to_vec();
    let mut slope = |i: usize| {
        let slope = difference::derivative(|e| {
            moved[i] = theta[i] + scale * e;
            witness.value(&moved)
        });
        moved[i] = theta[i];
        slope / scale
    };
    let differences: Vec<f64> = chosen.iter().map(|&i| slope(i)).collect();
    let picked: Vec<f64> = chosen.iter().map(|&i| gradient[i]).collect();

    let rng = &mut Rng::stream(effort.seed, 2);
    let (u, v) = (direction(theta.len(), rng), direction(theta.len(), rng));
    let mut product = |v: &[f64], gauss_newton: bool| {
        let (v, mut out) = (narrow::<A>(v), vec![A::nan(); at.len()]);
        if gauss_newton {
            objective.gauss_newton_vector(&at, &v, &mut out);
        } else {
            objective.hessian_vector(&at, &v, &mut out);
        }
        wide(&out)
    };
    let (hu, hv, gu, gv) = (product(&u, false), product(&v, false), product(&u, true), product(&v, true));
    let mut along = difference::derivative_of_vector(theta.len(), |e, out| {
        let mut moved = theta.to_vec();
        vector::axpy(scale * e, &v, &mut moved);
        witness.value_and_grad(&moved, out);
    });
    for slope in &mut along {
        *slope /= scale;
    }
    let exact = witness.value(theta);
    let largest = (vector::norm_max(&differences), vector::norm_max(&along));
    ObjectiveErrors {
        value: relative_error_above(1.0, &values.map(A::as_f64), &[exact, exact]),
        gradient: relative_error_above(effort.floor, &picked, &differences),
        gauss_newton: inner_error((&u, &gv), (&v, &gu)),
        hessian: relative_error_above(effort.floor, &hv, &along),
        symmetry: inner_error((&u, &hv), (&v, &hu)),
        coordinates: chosen.len(),
        rounding: Rounding::of::<A>(exact, largest.0, largest.1, effort.step),
    }
}

fn coordinates(dim: usize, effort: Effort) -> Vec<usize> {
    let mut all: Vec<usize> = (0..dim).collect();
    if dim > effort.coordinates {
        Rng::stream(effort.seed, 1).shuffle(&mut all);
        all.truncate(effort.coordinates);
    }
    all
}

/// A random direction, exact in `f32`. Its length is that of a few coordinates, however many there are: a difference
/// along it must not reach further than one along an axis, or it would step over kinks that those stay clear of.
fn direction(dim: usize, rng: &mut Rng) -> Vec<f64> {
    let mut v: Vec<f64> = (0..dim).map(|_| rng.normal::<f64>(1.0)).collect();
    let length = vector::norm(&v);
    for x in &mut v {
        *x = f64::from((*x * 2.0 / length) as f32);
    }
    v
}

fn narrow<A: Scalar>(values: &[f64]) -> Vec<A> {
    values.iter().map(|&x| A::of(x)).collect()
}

fn wide<A: Scalar>(values: &[A]) -> Vec<f64> {
    values.iter().map(|x| x.as_f64()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, PartialEq)]
    enum Fault {
        None,
        Value,
        Gradient,
        Hessian,
        Asymmetry,
        GaussNewton,
    }

    /// C(θ) = Σ θᵢ⁴, with one fault.
    struct Broken(Fault);

    impl Broken {
        fn factor(&self, fault: Fault) -> f64 {
            if self.0 == fault { 1.000_001 } else { 1.0 }
        }
    }

    impl Objective<f64> for Broken {
        fn dim(&self) -> usize {
            3
        }
        fn value(&mut self, theta: &[f64]) -> f64 {
            self.factor(Fault::Value) * theta.iter().map(|t| t.powi(4)).sum::<f64>()
        }
        fn value_and_grad(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
            let factor = self.factor(Fault::Gradient);
            grad.iter_mut().zip(theta).for_each(|(g, t)| *g = factor * 4.0 * t.powi(3));
            self.value(theta)
        }
        fn hessian_vector(&mut self, theta: &[f64], v: &[f64], hv: &mut [f64]) {
            let factor = self.factor(Fault::Hessian);
            hv.iter_mut().zip(theta).zip(v).for_each(|((h, t), v)| *h = factor * 12.0 * t * t * v);
            if self.0 == Fault::Asymmetry {
                hv[0] += 1e-5 * v[1];
            }
        }
        fn gauss_newton_vector(&mut self, theta: &[f64], v: &[f64], gv: &mut [f64]) {
            self.hessian_vector(theta, v, gv);
            if self.0 == Fault::GaussNewton {
                gv[2] += 1e-5 * v[1];
            }
        }
    }

    #[test]
    fn each_check_fails_for_its_own_fault() {
        let report = |fault| {
            let effort = Effort { coordinates: 2, floor: 1e-3, step: difference::STEP, seed: 7 };
            check(&mut Broken(fault), &mut Broken(Fault::None), &[0.5, -1.0, 1.5], effort)
        };
        assert!(report(Fault::None).within(1e-8, 1e-7));
        assert_eq!(report(Fault::None).coordinates, 2);
        assert!(report(Fault::Value).value > 1e-8);
        assert!(report(Fault::Gradient).gradient > 1e-8);
        assert!(report(Fault::Hessian).hessian > 1e-7);
        assert!(report(Fault::Asymmetry).symmetry > 1e-7);
        assert!(report(Fault::GaussNewton).gauss_newton > 1e-8);
        for fault in [Fault::Value, Fault::Gradient, Fault::Hessian, Fault::Asymmetry, Fault::GaussNewton] {
            assert!(!report(fault).within(1e-8, 1e-7));
        }
    }

    #[test]
    fn a_smaller_step_finds_the_same_derivatives_with_more_rounding() {
        let at = |step| {
            let effort = Effort { coordinates: 3, floor: 1e-3, step, seed: 7 };
            check(&mut Broken(Fault::None), &mut Broken(Fault::None), &[0.5, -1.0, 1.5], effort)
        };
        let (usual, small) = (at(difference::STEP), at(1e-6));
        assert!(small.within(1e-8, 1e-7), "{small:?}");
        assert!(
            small.gradient <= small.rounding.gradient && small.hessian <= small.rounding.hessian,
            "{small:?}"
        );
        assert!(usual.rounding.gradient < 1e-10 && small.rounding.gradient > 50.0 * usual.rounding.gradient);
        // Where a function is flat, all of its derivatives are rounding.
        let effort = Effort { coordinates: 3, floor: 1e-3, step: difference::STEP, seed: 7 };
        let flat = check(&mut Broken(Fault::None), &mut Broken(Fault::None), &[1e-8; 3], effort);
        assert!(flat.rounding.gradient > 1.0, "{flat:?}");
    }

    #[test]
    fn rounding_is_that_of_numbers_of_the_size_of_the_loss() {
        // Sixteen numbers near 3 in f32, ε = 2⁻²³, and their differences in f64 over a step of 2⁻¹⁰, ε = 2⁻⁵².
        let (own, differences) = (48.0 * 2.0_f64.powi(-23), 48.0 * 2.0_f64.powi(-42));
        let expected = Rounding {
            value: own / 3.0,
            gradient: (own + differences) * 2.0,
            hessian: (own + differences) / 4.0,
        };
        assert_eq!(Rounding::of::<f32>(-3.0, 0.5, -4.0, 2.0_f64.powi(-10)), expected);
        // A loss below 1 comes from numbers near 1, and all of a derivative of zero may be rounding.
        let expected = Rounding {
            value: 2.0_f64.powi(-46),
            gradient: f64::INFINITY,
            hessian: 2.0_f64.powi(-48) + 2.0_f64.powi(-38),
        };
        assert_eq!(Rounding::of::<f64>(0.25, 0.0, 1.0, 2.0_f64.powi(-10)), expected);
    }

    #[test]
    fn a_sample_of_coordinates_has_none_twice_and_as_many_as_there_are_is_all_in_order() {
        let sample = |dim, most| {
            coordinates(dim, Effort { coordinates: most, floor: 1e-3, step: difference::STEP, seed: 7 })
        };
        for most in [10, 11, usize::MAX] {
            assert_eq!(sample(10, most), (0..10).collect::<Vec<_>>());
        }
        let mut few = sample(100, 9);
        few.sort_unstable();
        few.dedup();
        assert!(few.len() == 9 && few[8] < 100, "{few:?}");
    }

    #[test]
    fn a_direction_has_length_2_in_any_dimension_and_is_exact_in_f32() {
        for dim in [1, 2, 1000] {
            let v = direction(dim, &mut Rng::stream(7, 2));
            assert!((vector::norm(&v) - 2.0).abs() < 1e-6, "{dim}: {}", vector::norm(&v));
            assert!(v.len() == dim && v.iter().all(|&x| f64::from(x as f32) == x));
        }
    }

    #[test]
    fn each_kind_of_error_has_to_be_within_its_own_bar() {
        let rounding = Rounding { value: 0.0, gradient: 0.0, hessian: 0.0 };
        let none = ObjectiveErrors {
            value: 0.0,
            gradient: 0.0,
            gauss_newton: 0.0,
            hessian: 0.0,
            symmetry: 0.0,
            coordinates: 0,
            rounding,
        };
        for (errors, gradient, hessian) in [
            (ObjectiveErrors { value: 0.5, ..none }, 0.5, 0.0),
            (ObjectiveErrors { gradient: 0.5, ..none }, 0.5, 0.0),
            (ObjectiveErrors { gauss_newton: 0.5, ..none }, 0.5, 0.0),
            (ObjectiveErrors { hessian: 0.5, ..none }, 0.0, 0.5),
            (ObjectiveErrors { symmetry: 0.5, ..none }, 0.0, 0.5),
        ] {
            assert!(errors.within(gradient, hessian) && !errors.within(hessian, gradient), "{errors:?}");
        }
    }
}
