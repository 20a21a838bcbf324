//! Which of many numbers are shown.

/// The places of all numbers, the largest first, whatever their sign; of equal ones that with the larger `tie`, where there are ties.
///
/// ```
/// use chainrule_report::largest::by_size;
///
/// assert_eq!(by_size(&[1.0, 0.5, -1.0], &[0.1, 9.0, -0.3]), [2, 0, 1]);
/// ```
pub fn by_size(values: &[f64], ties: &[f64]) -> Vec<usize> {
    let size = |values: &[f64], i: usize| values.get(i).map_or(0.0, |x| x.abs());
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| {
        let by = |values: &[f64]| size(values, b).total_cmp(&size(values, a));
        by(values).then_with(|| by(ties))
    });
    order
}

/// The first `limit` of some places, in their order.
///
/// ```
/// use chainrule_report::largest::first;
///
/// assert_eq!(first(vec![7, 0, 3, 5], 3), [0, 3, 7]);
/// ```
pub fn first(mut order: Vec<usize>, limit: usize) -> Vec<usize> {
    order.truncate(limit);
    order.sort_unstable();
    order
}

/// The places of the largest numbers, whatever their sign, at most `limit`, in their order.
///
/// ```
/// use chainrule_report::largest::largest;
///
/// assert_eq!(largest(&[0.5, -2.0, 0.0, 1.0], 2), [1, 3]);
/// ```
pub fn largest(values: &[f64], limit: usize) -> Vec<usize> {
    first(by_size(values, &[]), limit)
}
