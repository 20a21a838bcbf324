//! A curve in one line of text.

use std::fmt;

/// The most columns of a line; half of them are left when it is full and two become one.
const COLUMNS: usize = 24;
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The course of a number over any number of steps, on a logarithmic scale where it stays above 0.
#[derive(Debug)]
pub(crate) struct Sparkline {
    columns: Vec<f64>,
    /// Steps a column stands for.
    width: u32,
    /// Sum and number of steps of the column under way.
    sum: f64,
    count: u32,
}

impl Default for Sparkline {
    fn default() -> Self {
        Self { columns: Vec::with_capacity(COLUMNS), width: 1, sum: 0.0, count: 0 }
    }
}

impl Sparkline {
    pub(crate) fn push(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
        if self.count < self.width {
            return;
        }
        if self.columns.len() == COLUMNS {
            for i in 0..COLUMNS / 2 {
                self.columns[i] = f64::midpoint(self.columns[2 * i], self.columns[2 * i + 1]);
            }
            self.columns.truncate(COLUMNS / 2);
            self.width *= 2;
            return;
        }
        self.columns.push(self.sum / f64::from(self.count));
        (self.sum, self.count) = (0.0, 0);
    }
}

impl fmt::Display for Sparkline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let positive = self.columns.iter().all(|&value| value > 0.0);
        let scale = |value: f64| if positive { value.ln() } else { value };
        let (low, high) = self.columns.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| {
            (low.min(scale(x)), high.max(scale(x)))
        });
        for &value in &self.columns {
            let share = if high > low { (scale(value) - low) / (high - low) } else { 0.5 };
            let level = (share * (LEVELS.len() - 1) as f64).round() as usize;
            fmt::Write::write_char(f, LEVELS[level])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_falling_curve_falls_however_long_it_is() {
        for steps in [8, 24, 25, 1000] {
            let mut line = Sparkline::default();
            (0..steps).for_each(|i| line.push((-f64::from(i) / 100.0).exp()));
            let text = line.to_string();
            assert!(text.starts_with('█') && text.ends_with('▁'), "{steps} steps: {text}");
            assert!(text.chars().count() <= COLUMNS, "{steps} steps: {text}");
            assert!(text.chars().zip(text.chars().skip(1)).all(|(a, b)| a >= b), "{steps} steps: {text}");
        }
    }

    #[test]
    fn a_flat_curve_stays_in_the_middle() {
        let mut line = Sparkline::default();
        (0..3).for_each(|_| line.push(0.0));
        assert_eq!(line.to_string(), "▅▅▅");
    }
}
