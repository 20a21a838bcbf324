//! Numbers in words and tables.

/// A loss or an error with five decimals or, where those would hide its size, with six significant digits.
///
/// ```
/// use chainrule_report::digits::significant;
///
/// assert_eq!([0.25, 0.0, 1234.5].map(significant), ["0.25000", "0.00000", "1234.50000"]);
/// assert_eq!([2.5e-29, -1e31, 0.00012345678].map(significant), ["2.50000e-29", "-1.00000e31", "1.23457e-4"]);
/// ```
pub fn significant(x: f64) -> String {
    if x == 0.0 || !x.is_finite() || (1e-3..1e9).contains(&x.abs()) {
        format!("{x:.5}")
    } else {
        format!("{x:.5e}")
    }
}
