//! Times and their medians.

use std::time::Instant;

/// Seconds that `work` takes.
pub fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    std::hint::black_box(work());
    start.elapsed().as_secs_f64()
}

/// How many runs of one step fill `seconds`, by trying; this is the warm-up, too.
pub fn steps_in(seconds: f64, mut run: impl FnMut(usize)) -> usize {
    let mut steps = 1;
    loop {
        let took = self::seconds(|| run(steps)).max(1e-9);
        if took > seconds / 4.0 {
            return ((steps as f64 * seconds / took) as usize).max(1);
        }
        steps = ((steps as f64 * seconds / 2.0 / took) as usize).clamp(2 * steps, 16 * steps);
    }
}

/// The middle of the numbers; of an even count, the mean of the two.
///
/// # Panics
/// If there is none.
///
/// ```
/// use chainrule_benches::clock::median;
///
/// assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
/// assert_eq!(median(&[4.0, 1.0]), 2.5);
/// ```
pub fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// The least and the greatest of the numbers.
pub fn range(numbers: &[f64]) -> (f64, f64) {
    numbers.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), &x| (lo.min(x), hi.max(x)))
}
