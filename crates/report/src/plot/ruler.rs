//! From numbers to places on an axis, and the round numbers written along it.

use crate::digits::typeset;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub(super) label: String,
    pub(super) log: bool,
}

impl Axis {
    /// What is written beside it.
    pub(super) fn text(&self) -> String {
        if self.log { format!("{} (log scale)", self.label) } else { self.label.clone() }
    }
}

/// The values of an axis, from the lowest to the highest, in its own measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    log: bool,
    /// Whether all values are whole numbers, such as those of epochs.
    whole: bool,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// A span on the pixels it runs over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ruler {
    pub(super) span: Span,
    pub(super) pixels: (f64, f64),
}

/// A place with its label.
pub(super) type Tick = (f64, String);

impl Span {
    /// The span of these values; with 0 in it if `from_zero`. What is counted, such as epochs, has whole ticks where all values are.
    pub(super) fn of(
        values: impl Iterator<Item = f64>,
        (log, counted): (bool, bool),
        from_zero: bool,
    ) -> Self {
        let (mut low, mut high, mut whole) = (f64::INFINITY, f64::NEG_INFINITY, counted && !log);
        for value in values {
            whole &= value.fract() == 0.0;
            let value = if log { value.log10() } else { value };
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = if log { (-1.0, 0.0) } else { (0.0, 1.0) };
        }
        if from_zero && !log {
            low = low.min(0.0);
        }
        if high - low <= 1e-12 * high.abs().max(low.abs()) {
            let room = if high == 0.0 || log { 0.5 } else { 0.1 * high.abs() };
            (low, high) = (low - room, high + room);
        }
        let margin = 0.03 * (high - low);
        let bottom = if from_zero && low == 0.0 { 0.0 } else { low - margin };
        Self { log, whole, low: bottom, high: high + margin }
    }

    /// Round numbers along the axis, at most so many of them: two at least, whatever the span.
    pub(super) fn ticks(&self, most: usize) -> Vec<Tick> {
        let most = most.max(2);
        if !self.log {
            return round_numbers(self.low, self.high, most, self.whole);
        }
        let (first, last) = (self.low.ceil() as i32, self.high.floor() as i32);
        let powers = usize::try_from(last - first + 1).unwrap_or(0);
        if powers >= 3 {
            let every = i32::try_from(powers.div_ceil(most)).unwrap_or(1);
            let at = (first..=last).filter(|exponent| exponent.rem_euclid(every) == 0);
            return at.map(|exponent| power(1.0, exponent)).collect();
        }
        // Of the multiples of each power as many as there is room for.
        for (parts, fewest) in [(&[1.0, 2.0, 5.0][..], 3), (&[1.0, 3.0], 3), (&[1.0], 2)] {
            let ticks: Vec<Tick> = (first - 1..=last)
                .flat_map(|exponent| parts.iter().map(move |&part| power(part, exponent)))
                .filter(|(value, _)| (self.low..=self.high).contains(&value.log10()))
                .collect();
            if (fewest..=most).contains(&ticks.len()) {
                return ticks;
            }
        }
        let fine = round_numbers(10.0_f64.powf(self.low), 10.0_f64.powf(self.high), most, false);
        fine.into_iter().filter(|(value, _)| *value > 0.0).collect()
    }
}

impl Ruler {
    pub(super) fn at(&self, value: f64) -> f64 {
        let Span { log, low, high, .. } = self.span;
        let value = if log { value.log10() } else { value };
        let share = (value - low) / (high - low);
        self.pixels.0 + share * (self.pixels.1 - self.pixels.0)
    }

    /// As many labelled ticks as stand `apart` pixels from each other, each as long as `length` says of its label.
    pub(super) fn ticks(&self, apart: f64, length: impl Fn(&str) -> f64) -> Vec<Tick> {
        let room = (self.pixels.1 - self.pixels.0).abs();
        for most in (2..=7).rev() {
            let ticks = self.span.ticks(most);
            let needed = |pair: &[Tick]| f64::midpoint(length(&pair[0].1), length(&pair[1].1)) + apart;
            let fits = |pair: &[Tick]| (self.at(pair[1].0) - self.at(pair[0].0)).abs() >= needed(pair);
            if ticks.len() >= 2 && ticks.windows(2).all(fits) {
                return ticks;
            }
        }
        // On a logarithmic axis round numbers lie close at the upper end: those that have room are kept.
        let mut kept: Vec<Tick> = Vec::new();
        for tick in self.span.ticks(3) {
            let apart = apart + length(&tick.1);
            if kept.last().is_none_or(|last| (self.at(tick.0) - self.at(last.0)).abs() >= apart.min(room)) {
                kept.push(tick);
            }
        }
        kept
    }
}

/// Multiples of 1, 2 or 5 times a power of ten, at most `most` of them, and whole ones if so wanted.
fn round_numbers(low: f64, high: f64, most: usize, whole: bool) -> Vec<Tick> {
    let least = (high - low) / most as f64;
    let first_power = least.log10().floor();
    let steps =
        (0..4).flat_map(|power| [1.0, 2.0, 5.0].map(|m| m * 10.0_f64.powf(first_power + f64::from(power))));
    let count = |step: f64| (high / step + 1e-9).floor() - (low / step - 1e-9).ceil() + 1.0;
    let step = steps
        .filter(|&step| !whole || step >= 1.0 - 1e-9)
        .find(|&step| count(step) <= most as f64)
        .unwrap_or(if whole { least.max(1.0).ceil() } else { least });
    let digits = (-(step.log10() + 1e-9).floor()).max(0.0) as usize;
    let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
    let size = high.abs().max(low.abs());
    let far = size >= 1e6 || digits > 5;
    // As many digits as tell one from the next.
    let exact = (size.log10().floor() - step.log10().floor()).max(0.0) as usize;
    let label = |value: f64| match value {
        0.0 if far => "0".to_owned(),
        value if far => typeset(&format!("{value:.exact$e}")),
        value => typeset(&format!("{value:.digits$}")),
    };
    // No −0.
    (first..=last).map(|i| i as f64 * step + 0.0).map(|value| (value, label(value))).collect()
}

/// A multiple of a power of ten, as it is written.
fn power(part: f64, exponent: i32) -> Tick {
    let value = part * 10.0_f64.powi(exponent);
    let digits = usize::try_from(-exponent).unwrap_or(0);
    let label = if (-3..5).contains(&exponent) {
        format!("{value:.digits$}")
    } else {
        typeset(&format!("{value:.0e}"))
    };
    (value, label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.1.as_str()).collect()
    }

    fn log(low: f64, high: f64) -> Span {
        Span { log: true, whole: false, low, high }
    }

    #[test]
    fn ticks_are_round_and_lie_within() {
        assert_eq!(labels(&round_numbers(-0.1, 1.1, 7, false)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&round_numbers(0.0, 60.0, 7, false)), ["0", "10", "20", "30", "40", "50", "60"]);
        assert_eq!(labels(&log(-2.1, 1.0).ticks(7)), ["0.01", "0.1", "1", "10"]);
        assert_eq!(labels(&log(-0.1, 0.9).ticks(7)), ["1", "2", "5"]);
        let wide = Span::of([0.012, 4.5].into_iter(), (true, false), false);
        assert_eq!(labels(&wide.ticks(7)), ["0.03", "0.1", "0.3", "1", "3"]);
        assert_eq!(labels(&wide.ticks(4)), ["0.1", "1"]);
    }

    #[test]
    fn epochs_have_no_halves() {
        let span = Span::of([1.0, 2.0].into_iter(), (false, true), false);
        assert_eq!(labels(&span.ticks(7)), ["1", "2"]);
        let span = Span::of((1..=30).map(f64::from), (false, true), false);
        assert_eq!(labels(&span.ticks(7)), ["5", "10", "15", "20", "25", "30"]);
    }

    #[test]
    fn every_span_has_two_labelled_ticks_at_least() {
        for (low, high) in [(0.31, 0.33), (0.5, 0.9), (1e-9, 1e9), (0.97, 1.03), (3.0, 4.0), (2e-5, 2.1e-5)] {
            for is_log in [false, true] {
                let span = Span::of([low, high].into_iter(), (is_log, false), false);
                for most in 2..8 {
                    let ticks = span.ticks(most);
                    let distinct = ticks.windows(2).all(|pair| pair[0].1 != pair[1].1);
                    assert!(distinct, "{low} to {high}, log {is_log}, {most}: {ticks:?}");
                    if most >= 4 {
                        assert!(ticks.len() >= 2, "{low} to {high}, log {is_log}, {most}: {ticks:?}");
                    }
                }
                let ruler = Ruler { span, pixels: (400.0, 20.0) };
                assert!(ruler.ticks(14.0, |_| 12.0).len() >= 2, "{low} to {high}, log {is_log}");
            }
        }
    }

    #[test]
    fn labels_do_not_touch() {
        let span = Span::of((0..2000).map(|i| f64::from(i) * 1000.0), (false, true), false);
        let ruler = Ruler { span, pixels: (50.0, 250.0) };
        let length = |label: &str| 7.0 * label.chars().count() as f64;
        let ticks = ruler.ticks(10.0, length);
        assert!(ticks.len() >= 2, "{ticks:?}");
        for pair in ticks.windows(2) {
            let apart = ruler.at(pair[1].0) - ruler.at(pair[0].0);
            assert!(apart >= f64::midpoint(length(&pair[0].1), length(&pair[1].1)) + 10.0, "{ticks:?}");
        }
    }
}
