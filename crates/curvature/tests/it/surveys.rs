//! What a survey reports, by hand.

use chainrule_curvature::{CriticalPointSearch, Survey, SurveyPoint, SurveySummary, Verdict, histogram};
use chainrule_optim::testing::{Quadratic, Saddle};
use chainrule_tensor::{Rng, vector};

fn still() -> Survey {
    Survey { run: 0, search: CriticalPointSearch { steps: 0, ..CriticalPointSearch::default() } }
}

#[test]
fn a_point_is_reported_with_its_loss_gradient_and_index() {
    // C = 5x² − y² at (1, 1): C = 4, g = (10, −2), H = diag(10, −2).
    let mut theta = [1.0, 1.0];
    let point = still().find(&mut Saddle(5.0), &mut theta, false, &mut Rng::new(1));
    let expected = SurveyPoint {
        run: 0,
        perturbed: 0.0,
        start: 4.0,
        steps: 0,
        loss: 4.0,
        gradient: 104_f64.sqrt(),
        flatness: 10016_f64.sqrt() / 104_f64.sqrt(),
        index: 0.5,
        verdict: Verdict::Neither,
        spectrum: vec![-2.0, 10.0],
    };
    assert_eq!((point, theta), (expected, [1.0, 1.0]));
    let search = Survey { run: 0, search: CriticalPointSearch::default() };
    let found = search.find(&mut Saddle(5.0), &mut theta, false, &mut Rng::new(1));
    assert_eq!((found.start, found.steps, found.verdict), (4.0, 1, Verdict::Critical));
}

#[test]
fn a_run_has_any_number_of_steps_up_to_the_last() {
    let runs = Survey { run: 2, ..still() };
    let mut seen = [0; 3];
    for seed in 0..60 {
        let mut theta = [1.0];
        let run = runs.find(&mut Quadratic::new(vec![1.0]), &mut theta, false, &mut Rng::new(seed)).run;
        // Adam's first steps have the length of the learning rate, 0.03.
        assert!((theta[0] - (1.0 - 0.03 * run as f64)).abs() < 1e-3, "{run} {theta:?}");
        seen[run] += 1;
    }
    assert!(seen.iter().all(|&count| count > 5), "{seen:?}");
}

#[test]
fn a_perturbation_has_the_length_that_is_reported() {
    let mut lengths = Vec::new();
    for seed in 0..20 {
        let (start, mut theta) = (vec![3.0; 100], vec![3.0; 100]);
        let mut flat = Quadratic::new(vec![0.0; 100]);
        let point = still().find(&mut flat, &mut theta, true, &mut Rng::new(seed));
        vector::axpy(-1.0, &start, &mut theta);
        // Of 100 normal numbers, the length deviates by 7 %.
        let ratio = vector::norm(&theta) / (30.0 * point.perturbed);
        assert!((0.7..1.3).contains(&ratio), "{ratio}");
        lengths.push(point.perturbed);
    }
    assert!(lengths.iter().all(|length| (0.01..=1.0).contains(length)), "{lengths:?}");
    assert!(lengths.iter().any(|&length| length < 0.1) && lengths.iter().any(|&length| length > 0.1));
}

#[test]
fn a_summary_counts_saddles_and_flat_points_and_correlates_the_critical_ones_alone() {
    let point = |verdict, index, loss| {
        let point = still().find(&mut Saddle(5.0), &mut [1.0, 1.0], false, &mut Rng::new(1));
        SurveyPoint { verdict, index, loss, ..point }
    };
    let points = [
        point(Verdict::Critical, 0.0, 1.0),
        point(Verdict::Critical, 0.1, 2.0),
        point(Verdict::Critical, 0.3, 4.0),
        point(Verdict::GradientFlat, 0.9, -7.0),
        point(Verdict::Neither, 0.9, -7.0),
        point(Verdict::Neither, 0.9, -7.0),
    ];
    let SurveySummary { critical, saddles, gradient_flat, correlation } = SurveySummary::of(&points);
    assert_eq!((critical, saddles, gradient_flat), (3, 2, 1));
    assert!((correlation.unwrap() - 1.0).abs() < 1e-14);
}

#[test]
fn a_histogram_has_the_middles_of_sixty_intervals_and_one_for_the_end() {
    let bars = histogram(&[10.0, 11.5, 12.2, 40.0, 69.0, 70.0]);
    let full: Vec<(f64, f64)> = bars.iter().copied().filter(|bar| bar.1 > 0.0).collect();
    assert_eq!(full, [(10.5, 1.0), (11.5, 1.0), (12.5, 1.0), (40.5, 1.0), (69.5, 1.0), (70.5, 1.0)]);
    assert_eq!(bars.len(), 61);
}
