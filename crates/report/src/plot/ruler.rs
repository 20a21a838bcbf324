//! From numbers to places on an axis, and the round numbers written along it.

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub(super) label: String,
    pub(super) log: bool,
}

/// An axis with its range, and the pixels it runs over.
pub(super) struct Ruler {
    log: bool,
    low: f64,
    high: f64,
    pub(super) pixels: (f64, f64),
    pub(super) ticks: Vec<(f64, String)>,
}

impl Ruler {
    pub(super) fn new(
        values: impl Iterator<Item = f64>,
        axis: &Axis,
        pixels: (f64, f64),
        from_zero: bool,
    ) -> Self {
        let measure = |value: f64| if axis.log { value.log10() } else { value };
        let (mut low, mut high) = values
            .map(measure)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            (low, high) = if axis.log { (-1.0, 0.0) } else { (0.0, 1.0) };
        }
        if from_zero && !axis.log {
            low = low.min(0.0);
        }
        if high - low <= 1e-12 * high.abs().max(low.abs()) {
            let room = if high == 0.0 || axis.log { 0.5 } else { 0.1 * high.abs() };
            (low, high) = (low - room, high + room);
        }
        let margin = 0.03 * (high - low);
        let bottom = if from_zero && low == 0.0 { 0.0 } else { low - margin };
        let (low, high) = (bottom, high + margin);
        let ticks = if axis.log { decades(low, high) } else { round_numbers(low, high) };
        Self { log: axis.log, low, high, pixels, ticks }
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        let value = if self.log { value.log10() } else { value };
        let share = (value - self.low) / (self.high - self.low);
        self.pixels.0 + share * (self.pixels.1 - self.pixels.0)
    }
}

/// Multiples of 1, 2 or 5 times a power of ten, some six of them.
fn round_numbers(low: f64, high: f64) -> Vec<(f64, String)> {
    let raw = (high - low) / 6.0;
    let power = 10.0_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|m| m * power)
        .into_iter()
        .find(|&s| s >= (1.0 - 1e-9) * raw)
        .unwrap_or(raw);
    let digits = (-(step.log10() + 1e-9).floor()).max(0.0) as usize;
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    let far = high.abs().max(low.abs()) >= 1e6 || digits > 5;
    let label = |value: f64| if far { format!("{value:.1e}") } else { format!("{value:.digits$}") };
    (first..=last)
        .map(|i| i as f64 * step)
        .map(|value| (value, label(if value == 0.0 { 0.0 } else { value })))
        .collect()
}

/// Powers of ten, or with few of them 1, 2 and 5 times each.
fn decades(low: f64, high: f64) -> Vec<(f64, String)> {
    let (first, last) = (low.floor() as i32, high.ceil() as i32);
    let every = ((last - first) / 8).max(1);
    let parts: &[f64] = if high - low < 2.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let mut ticks = Vec::new();
    for exponent in (first..=last).filter(|exponent| exponent.rem_euclid(every) == 0) {
        for part in parts {
            let value = part * 10.0_f64.powi(exponent);
            if (low..=high).contains(&value.log10()) {
                ticks.push((
                    value,
                    if (-3..5).contains(&exponent) {
                        format!("{}", plain(value))
                    } else {
                        format!("{value:.0e}")
                    },
                ));
            }
        }
    }
    ticks
}

/// The number without the digits that a power of ten has too many.
fn plain(value: f64) -> f64 {
    let scale = 10.0_f64.powi(6);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_lie_within() {
        let labels = |ticks: Vec<(f64, String)>| ticks.into_iter().map(|t| t.1).collect::<Vec<_>>();
        assert_eq!(labels(round_numbers(-0.1, 1.1)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(round_numbers(0.0, 60.0)), ["0", "10", "20", "30", "40", "50", "60"]);
        assert_eq!(labels(decades(-2.1, 1.0)), ["0.01", "0.1", "1", "10"]);
        assert_eq!(labels(decades(-0.1, 0.9)), ["1", "2", "5"]);
    }
}
