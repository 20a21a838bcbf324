//! Numerical derivatives: the witness against which every exact derivative is checked.
//!
//! A central difference D(h) = (f(h) − f(−h)) / 2h errs by O(h²). Richardson's extrapolation (4·D(h/2) − D(h)) / 3
//! errs by O(h⁴), so that in `f64` a step of [`STEP`] leaves some twelve digits.
//!
//! # References
//! Richardson, "The deferred approach to the limit", Phil. Trans. A 226, 1927.

/// The step h of the differences. A point must stay a few such steps away from a kink to be a fair witness.
pub const STEP: f64 = 2e-4;

/// f'(0) of a function of one number.
///
/// ```
/// use chainrule_tensor::difference;
///
/// let slope = difference::derivative(|e| (1.0 + e).powi(5));
/// assert!((slope - 5.0).abs() < 1e-10);
/// ```
pub fn derivative(mut f: impl FnMut(f64) -> f64) -> f64 {
    let mut slope = |h: f64| (f(h) - f(-h)) / (2.0 * h);
    let (coarse, fine) = (slope(STEP), slope(STEP / 2.0));
    (4.0 * fine - coarse) / 3.0
}

/// f'(0) of a vector-valued function of one number; `f(e, out)` writes f(e).
///
/// ```
/// use chainrule_tensor::difference;
///
/// let slope = difference::derivative_of_vector(2, |e, out| out.copy_from_slice(&[e.sin(), (2.0 * e).exp()]));
/// assert!((slope[0] - 1.0).abs() < 1e-10 && (slope[1] - 2.0).abs() < 1e-10);
/// ```
pub fn derivative_of_vector(len: usize, mut f: impl FnMut(f64, &mut [f64])) -> Vec<f64> {
    let mut slope = |h: f64| {
        let (mut above, mut below) = (vec![0.0; len], vec![0.0; len]);
        f(h, &mut above);
        f(-h, &mut below);
        above.iter().zip(&below).map(|(a, b)| (a - b) / (2.0 * h)).collect::<Vec<f64>>()
    };
    let (coarse, fine) = (slope(STEP), slope(STEP / 2.0));
    fine.iter().zip(&coarse).map(|(fine, coarse)| (4.0 * fine - coarse) / 3.0).collect()
}

/// The largest relative error max |aᵢ − bᵢ| / max(|aᵢ|, |bᵢ|, ‖b‖∞/1000) over the coordinates.
///
/// A coordinate that is next to nothing beside the others is measured against a thousandth of the largest: the
/// cancellation in a difference is of the size of the function, not of that coordinate. NaN counts as infinite.
///
/// ```
/// use chainrule_tensor::difference::relative_error;
///
/// assert!((relative_error(&[1.0, 2.2], &[1.0, 2.0]) - 0.2 / 2.2).abs() < 1e-15);
/// assert_eq!(relative_error(&[0.0], &[0.0]), 0.0);
/// assert_eq!(relative_error(&[f64::NAN], &[0.0]), f64::INFINITY);
/// ```
#[track_caller]
pub fn relative_error(a: &[f64], b: &[f64]) -> f64 {
    relative_error_above(1e-3, a, b)
}

/// The same, where no component counts as smaller than `floor` times the largest of `b`: with 1, every difference is
/// relative to the largest component, as befits components that round-off in a difference would drown.
#[track_caller]
pub fn relative_error_above(floor: f64, a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "relative_error: lengths differ");
    let floor = crate::vector::norm_max(b) * floor;
    a.iter().zip(b).fold(0.0, |worst: f64, (a, b)| {
        let difference = (a - b).abs();
        if difference == 0.0 {
            return worst;
        }
        let error = difference / a.abs().max(b.abs()).max(floor);
        if error.is_nan() { f64::INFINITY } else { worst.max(error) }
    })
}

/// |⟨a, b⟩ − ⟨c, d⟩| relative to the inner products, or to a thousandth of ‖a‖·‖b‖ where they all but cancel: 0 where the
/// two belong to an operator and its adjoint, or to a symmetric one.
///
/// ```
/// use chainrule_tensor::difference::inner_error;
///
/// assert_eq!(inner_error((&[1.0, 2.0], &[3.0, 4.0]), (&[11.0, 0.0], &[1.0, 5.0])), 0.0);
/// assert_eq!(inner_error((&[1.0], &[1.0]), (&[1.0], &[f64::NAN])), f64::INFINITY);
/// ```
pub fn inner_error((a, b): (&[f64], &[f64]), (c, d): (&[f64], &[f64])) -> f64 {
    use crate::vector::{dot, norm};
    let (left, right) = (dot(a, b), dot(c, d));
    let error = (left - right).abs() / left.abs().max(right.abs()).max(1e-3 * norm(a) * norm(b));
    match error {
        _ if left == right => 0.0,
        // `f64::max` would pass over a NaN.
        nan if nan.is_nan() => f64::INFINITY,
        error => error,
    }
}

/// How large a relative error may be for derivatives computed in this number type: of first order, of second order.
///
/// In `f64`, 10⁻⁸ and 10⁻⁷, near what the difference itself is worth; in `f32`, what its round-off leaves after a few
/// layers, on components down to a thousandth of the largest.
///
/// ```
/// assert_eq!(chainrule_tensor::difference::bars::<f64>(), (1e-8, 1e-7));
/// ```
pub fn bars<A: crate::scalar::Scalar>() -> (f64, f64) {
    if A::NAME == <f64 as crate::scalar::Scalar>::NAME { (1e-8, 1e-7) } else { (2e-3, 2e-3) }
}
