//! When L-BFGS asks, remembers and forgets, seen by what it asks for and by its state.

use chainrule_optim::testing::{Quadratic, Rosenbrock};
use chainrule_optim::{Lbfgs, Objective, Optimizer, QuasiNewtonSpec};

/// The numbers of pairs kept, of the place of the next one, of a known value, and of the vectors.
fn counts(lbfgs: &mut dyn Optimizer<f64>) -> [u64; 4] {
    let mut counts = [0; 4];
    lbfgs.state(&mut |name, numbers| match name {
        "pairs" => counts[0] = numbers[0] as u64,
        "next" => counts[1] = numbers[0] as u64,
        "known" => counts[2] = numbers[0] as u64,
        _ => counts[3] += 1,
    });
    counts
}

/// C with a note of how often it was asked for.
struct Counting<'a>(&'a mut dyn Objective<f64>, usize);

impl Objective<f64> for Counting<'_> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn value(&mut self, theta: &[f64]) -> f64 {
        self.0.value(theta)
    }
    fn value_and_grad(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
        self.1 += 1;
        self.0.value_and_grad(theta, grad)
    }
}

/// C and ∂C/∂θ at the start, which is 0, and at every other place.
struct Two {
    here: (f64, f64),
    elsewhere: (f64, f64),
}

impl Objective<f64> for Two {
    fn dim(&self) -> usize {
        1
    }
    fn value(&mut self, theta: &[f64]) -> f64 {
        if theta[0] == 0.0 { self.here.0 } else { self.elsewhere.0 }
    }
    fn value_and_grad(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
        grad[0] = if theta[0] == 0.0 { self.here.1 } else { self.elsewhere.1 };
        self.value(theta)
    }
}

#[test]
fn an_objective_that_may_change_is_asked_again_and_a_full_batch_is_not() {
    // From 4 on ½θ²: the gradient is 4, the first trial a step of 1 against it, and the slope of −12 there is flat enough.
    for (full_batch, value) in [(false, 0.5 * 3.0 * 9.0), (true, 0.5 * 9.0)] {
        let (mut lbfgs, mut theta) = (Lbfgs::new(1).full_batch(full_batch), [4.0]);
        assert_eq!(lbfgs.step(&mut Quadratic::new(vec![1.0]), &mut theta), 8.0);
        assert_eq!(theta, [3.0]);
        assert_eq!(lbfgs.step(&mut Quadratic::new(vec![3.0]), &mut theta), value);
    }
}

#[test]
fn a_loss_that_is_not_finite_moves_nothing_whatever_its_gradient() {
    for value in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        let (mut lbfgs, mut theta) = (Lbfgs::new(1), [0.0]);
        let mut cliff = Two { here: (value, 1.0), elsewhere: (0.0, 0.0) };
        let mut asked = Counting(&mut cliff, 0);
        assert_eq!(lbfgs.step(&mut asked, &mut theta).to_bits(), value.to_bits());
        assert_eq!((theta, asked.1, counts(&mut lbfgs)[2]), ([0.0], 1, 0), "{value}");
    }
}

#[test]
fn where_the_gradient_is_zero_nothing_is_searched_and_nothing_forgotten() {
    let (mut lbfgs, mut theta) = (Lbfgs::new(1).history(1), [4.0]);
    lbfgs.step(&mut Quadratic::new(vec![1.0]), &mut theta);
    let before = counts(&mut lbfgs);
    assert_eq!(before[0], 1);
    let mut flat = Quadratic::new(vec![0.0]);
    let mut asked = Counting(&mut flat, 0);
    assert_eq!(lbfgs.step(&mut asked, &mut theta), 0.0);
    assert_eq!((theta, asked.1, counts(&mut lbfgs)), ([3.0], 1, before));
}

#[test]
fn a_pair_is_kept_where_its_curvature_is_above_the_bound_and_not_at_it() {
    // s = 2⁻¹⁷ against a gradient of −2⁻¹⁷, and y = sᵀy/s, without rounding: powers of two, and Sterbenz's lemma.
    let s = 0.5_f64.powi(17);
    for (curvature, kept) in [(1e-10, 0), (1.000_1e-10, 1)] {
        let y: f64 = curvature / s;
        let mut two = Two { here: (0.0, -s), elsewhere: (-1.0, y - s) };
        let (mut lbfgs, mut theta) = (Lbfgs::new(1), [0.0]);
        lbfgs.step(&mut two, &mut theta);
        assert_eq!((theta, counts(&mut lbfgs)[0]), ([s], kept), "sᵀy = {curvature}");
    }
}

#[test]
fn where_the_search_finds_nothing_the_pairs_are_forgotten() {
    let (mut lbfgs, mut theta) = (Lbfgs::new(1), [4.0]);
    lbfgs.step(&mut Quadratic::new(vec![1.0]), &mut theta);
    assert_eq!(counts(&mut lbfgs)[0], 1);
    // A gradient that is not that of C: whatever way it points, C rises.
    let (mut wrong, mut theta) = (Two { here: (0.0, 1.0), elsewhere: (1.0, 1.0) }, [0.0]);
    assert_eq!(lbfgs.step(&mut wrong, &mut theta), 0.0);
    assert_eq!((theta, counts(&mut lbfgs)[0]), ([0.0], 0));
}

#[test]
fn a_memory_of_another_size_begins_empty() {
    let (mut lbfgs, mut theta) = (Lbfgs::new(2).history(3), [-1.2, 1.0]);
    (0..2).for_each(|_| _ = lbfgs.step(&mut Rosenbrock, &mut theta));
    assert_eq!(counts(&mut lbfgs)[..2], [2, 2]);
    let mut lbfgs = lbfgs.history(1);
    assert_eq!(counts(&mut lbfgs), [0, 0, 1, 2 + 2]);
    let before = lbfgs.step(&mut Rosenbrock, &mut theta);
    assert!(Objective::<f64>::value(&mut Rosenbrock, &theta) < before);
}

#[test]
fn a_visit_changes_nothing_and_what_no_memory_can_hold_is_made_to_fit() {
    let spec: QuasiNewtonSpec = serde_json::from_str(r#"{ "name": "lbfgs", "history": 4 }"#).unwrap();
    let (mut lbfgs, mut theta) = (spec.build::<f64>(2), [-1.2, 1.0]);
    (0..3).for_each(|_| _ = lbfgs.step(&mut Rosenbrock, &mut theta));
    for _ in 0..2 {
        assert_eq!(counts(lbfgs.as_mut()), [3, 3, 1, 2 + 2 * 4]);
    }
    // As from a file of another version, or one that is corrupt.
    lbfgs.state(&mut |name, numbers| match name {
        "pairs" => numbers[0] = 9.0,
        "next" => numbers[0] = 11.0,
        "known" => numbers[0] = 5.0,
        _ => {}
    });
    assert_eq!(counts(lbfgs.as_mut())[..3], [4, 3, 1]);
}

#[test]
fn the_harness_tries_both_kinds_of_batch() {
    let spec: QuasiNewtonSpec = serde_json::from_str(r#"{ "name": "lbfgs" }"#).unwrap();
    let asked: Vec<_> = spec
        .cases::<f64>()
        .iter()
        .map(|case| {
            let (mut lbfgs, mut theta) = ((case.make)(1), [4.0]);
            let mut bowl = Quadratic::new(vec![1.0]);
            let mut asked = Counting(&mut bowl, 0);
            // From 4 to 3, and by the pair of the first step straight to 0: two evaluations each, or one at 3 less.
            (0..2).for_each(|_| _ = lbfgs.step(&mut asked, &mut theta));
            assert_eq!(theta, [0.0]);
            (case.name.clone(), asked.1)
        })
        .collect();
    assert_eq!(asked, [(String::new(), 4), ("full batch".to_owned(), 3)]);
}
