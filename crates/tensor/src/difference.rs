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
    assert_eq!(a.len(), b.len(), "relative_error: lengths differ");
    let floor = crate::vector::norm_max(b) * 1e-3;
    a.iter().zip(b).fold(0.0, |worst: f64, (a, b)| {
        let difference = (a - b).abs();
        if difference == 0.0 {
            return worst;
        }
        let error = difference / a.abs().max(b.abs()).max(floor);
        if error.is_nan() { f64::INFINITY } else { worst.max(error) }
    })
}
