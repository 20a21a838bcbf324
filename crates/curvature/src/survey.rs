//! A survey of the critical points of a cost: where they lie, and how their index relates to their cost.
//!
//! Dauphin et al., "Identifying and attacking the saddle point problem in high-dimensional non-convex optimization",
//! 2014, section 3.

use chainrule_optim::{Adam, Descent, Objective, Optimizer, Schedule};
use chainrule_tensor::{Rng, Scalar, vector};
use serde::{Deserialize, Serialize};

use crate::critical::{CriticalPointSearch, Verdict, examine};

/// Learning rate of the run that the starting points are taken from.
const RATE: f64 = 0.03;

/// How the points of a survey are found.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// Steps of Adam in the run that the starting points are taken from.
    pub run: usize,
    /// The search from a starting point.
    pub search: CriticalPointSearch,
}

/// A point of a survey, with the way it was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurveyPoint {
    /// Steps of Adam before the search.
    pub run: usize,
    /// Length of the random perturbation before the search, relative to ‖θ‖; 0 for none.
    pub perturbed: f64,
    /// C where the search started.
    pub start: f64,
    /// Steps of the search.
    pub steps: usize,
    /// C where it ended.
    pub loss: f64,
    /// ‖∇C‖ there.
    pub gradient: f64,
    /// ‖H·∇C‖/‖∇C‖ there.
    pub flatness: f64,
    /// Fraction of negative eigenvalues of the Hessian there.
    pub index: f64,
    /// What the point is.
    pub verdict: Verdict,
    /// The eigenvalues of the Hessian there, ascending.
    pub spectrum: Vec<f64>,
}

impl Survey {
    /// Moves θ to a point of the survey: through a random number of steps of Adam, if `perturb` by a random step from a
    /// hundredth of ‖θ‖ up to ‖θ‖, and by the search.
    ///
    /// # Panics
    /// If a derivative at the end of the search is not finite.
    pub fn find<A: Scalar>(
        &self,
        objective: &mut dyn Objective<A>,
        theta: &mut [A],
        perturb: bool,
        rng: &mut Rng,
    ) -> SurveyPoint {
        let run = rng.below(self.run + 1);
        let mut adam = Descent::new(Adam::default(), theta.len(), Schedule::constant(RATE));
        for _ in 0..run {
            adam.step(objective, theta);
        }
        let mut perturbed = 0.0;
        if perturb {
            perturbed = 10.0_f64.powf(rng.uniform::<f64>(-2.0, 0.0));
            let each = perturbed * vector::norm(theta).as_f64() / (theta.len() as f64).sqrt();
            for t in theta.iter_mut() {
                *t += rng.normal::<A>(each);
            }
        }
        let start = objective.value(theta).as_f64();
        let steps = self.search.run(objective, theta);
        let point = examine(objective, theta);
        SurveyPoint {
            run,
            perturbed,
            start,
            steps,
            loss: point.value,
            gradient: point.gradient,
            flatness: point.flatness,
            index: point.index(),
            verdict: point.verdict(self.search.tolerance),
            spectrum: point.spectrum,
        }
    }
}

/// What a survey says about the critical points among its points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SurveySummary {
    /// Points at which ‖∇C‖ is within the tolerance.
    pub critical: usize,
    /// Critical points with a negative eigenvalue.
    pub saddles: usize,
    /// Points that only look critical: see [`Verdict::GradientFlat`].
    pub gradient_flat: usize,
    /// Pearson's correlation of index and cost over the critical points, where it is defined.
    pub correlation: Option<f64>,
}

impl SurveySummary {
    /// The summary of these points.
    pub fn of<'a>(points: impl IntoIterator<Item = &'a SurveyPoint>) -> Self {
        let (critical, others): (Vec<&SurveyPoint>, Vec<&SurveyPoint>) =
            points.into_iter().partition(|point| point.verdict == Verdict::Critical);
        let figure = |of: fn(&SurveyPoint) -> f64| critical.iter().map(|point| of(point)).collect::<Vec<_>>();
        Self {
            critical: critical.len(),
            saddles: critical.iter().filter(|point| point.index > 0.0).count(),
            gradient_flat: others.iter().filter(|point| point.verdict == Verdict::GradientFlat).count(),
            correlation: correlation(&figure(|point| point.index), &figure(|point| point.loss)),
        }
    }
}

/// Pearson's correlation coefficient of pairs; `None` for fewer than three, or where one side is constant.
///
/// # Panics
/// If the two sides differ in length.
pub fn correlation(x: &[f64], y: &[f64]) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "pairs have two sides");
    let n = x.len() as f64;
    let centred = |values: &[f64]| -> Vec<f64> {
        let mean = values.iter().sum::<f64>() / n;
        values.iter().map(|value| value - mean).collect()
    };
    let (x, y) = (centred(x), centred(y));
    let length = vector::norm(&x) * vector::norm(&y);
    (n >= 3.0 && length > 0.0).then(|| vector::dot(&x, &y) / length)
}

/// How many of the ascending `values` lie in each of 60 equal intervals, and at the upper end: middle and count.
pub fn histogram(values: &[f64]) -> Vec<(f64, f64)> {
    const BINS: u32 = 60;
    let (Some(&low), Some(&high)) = (values.first(), values.last()) else { return Vec::new() };
    let width = ((high - low) / f64::from(BINS)).max(f64::MIN_POSITIVE);
    let mut counts = [0.0; BINS as usize + 1];
    for value in values {
        counts[(((value - low) / width) as usize).min(BINS as usize)] += 1.0;
    }
    (0..=BINS).map(|bin| (low + width * (f64::from(bin) + 0.5), counts[bin as usize])).collect()
}

#[cfg(test)]
mod tests {
    use chainrule_optim::testing::Rosenbrock;

    use super::*;

    #[test]
    fn a_straight_line_correlates_wholly_and_a_constant_not_at_all() {
        let x = [0.0, 1.0, 2.0, 5.0];
        assert!((correlation(&x, &x.map(|x| 3.0 - 2.0 * x)).unwrap() + 1.0).abs() < 1e-15);
        assert!((correlation(&[1.0, 2.0, 3.0], &[1.0, 2.0, 2.0]).unwrap() - 0.75_f64.sqrt()).abs() < 1e-15);
        assert_eq!(correlation(&x, &[7.0; 4]), None);
        assert_eq!(correlation(&x[..2], &x[..2]), None);
    }

    #[test]
    fn a_histogram_counts_each_value_once() {
        let values = [-1.0, -0.99, 0.0, 0.5, 2.0];
        let bars = histogram(&values);
        assert_eq!(bars.iter().map(|bar| bar.1).sum::<f64>(), 5.0);
        assert_eq!((bars[0].1, bars[60].1), (2.0, 1.0));
        assert_eq!(histogram(&[3.0, 3.0]).iter().map(|bar| bar.1).sum::<f64>(), 2.0);
        assert!(histogram(&[]).is_empty());
    }

    #[test]
    fn the_minimum_of_rosenbrock_is_found_and_has_index_0() {
        let survey = Survey { run: 50, search: CriticalPointSearch::default() };
        let points: Vec<SurveyPoint> = (0..4)
            .map(|number| {
                let rng = &mut Rng::stream(1, number);
                let mut theta = [rng.uniform::<f64>(-1.0, 1.0), rng.uniform::<f64>(-1.0, 1.0)];
                survey.find(&mut Rosenbrock, &mut theta, number % 2 == 1, rng)
            })
            .collect();
        assert!(points.iter().any(|point| point.verdict == Verdict::Critical), "{points:?}");
        for point in points.iter().filter(|point| point.verdict == Verdict::Critical) {
            assert!(point.index == 0.0 && point.loss < 1e-12 && point.gradient <= 1e-8, "{point:?}");
        }
        let summary = SurveySummary::of(&points);
        assert_eq!(summary.saddles, 0);
        assert!(points[0].perturbed == 0.0 && (0.01..=1.0).contains(&points[1].perturbed));
    }
}
