//! Each part of Hessian-free optimisation, on functions scripted so that its steps are known.

use chainrule_curvature::HessianFree;
use chainrule_optim::Optimizer;
use chainrule_tensor::ndarray::{Array2, array};

use crate::scripted::{Scripted, diagonal};

/// So small that it adds nothing to a curvature.
const UNDAMPED: f64 = 1e-300;

/// Where a step from 0 ends, C being 0 there.
fn step(
    method: &mut HessianFree<f64>,
    matrix: &Array2<f64>,
    slope: &[f64],
    value: &dyn Fn(&[f64]) -> f64,
) -> Vec<f64> {
    let mut theta = vec![0.0; slope.len()];
    let mut at = |theta: &[f64]| if theta.iter().all(|&x| x == 0.0) { 0.0 } else { value(theta) };
    let gradient = |_: &[f64]| slope.to_vec();
    method.step(&mut Scripted { value: &mut at, gradient: &gradient, matrix: matrix.clone() }, &mut theta);
    theta
}

/// A tridiagonal matrix L·Lᵀ in which conjugate gradients from the first unit vector lower the quadratic by ½ at each
/// of the first `even` iterations and by no more than 5·10⁻⁷ at those after. Iterate i has i coordinates that are not 0.
fn chain(n: usize, even: usize) -> Array2<f64> {
    let lower = Array2::from_shape_fn((n, n), |(i, j)| match (i, i.wrapping_sub(j)) {
        (_, 0) => 1.0,
        (i, 1) if i == even => -1e-3,
        (_, 1) => -1.0,
        _ => 0.0,
    });
    lower.dot(&lower.t())
}

fn first_unit(n: usize) -> Vec<f64> {
    (0..n).map(|i| f64::from(u8::from(i == 0))).collect()
}

fn support(theta: &[f64]) -> usize {
    theta.iter().filter(|&&x| x != 0.0).count()
}

#[test]
fn conjugate_gradients_solve_the_damped_system() {
    // (G + λI)·d = −g with λ = ½: NumPy's solve.
    let matrix = array![[4.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 2.0]];
    let found = step(&mut HessianFree::new(3).damping(0.5), &matrix, &[1.0, -2.0, 3.0], &|theta| {
        -theta[0].abs() - 9.0
    });
    let expected = [-0.180_327_868_852_459, 0.327_868_852_459_016, -1.032_786_885_245_901];
    assert!(found.iter().zip(expected).all(|(a, b): (&f64, f64)| (a - b).abs() < 1e-12), "{found:?}");
}

#[test]
fn the_run_ends_by_relative_progress_over_a_tenth_of_its_iterations_or_ten() {
    // After e even falls and m more, k − m of the last k were even: the end is where (k − m)/e < k/2000 with
    // k = max(10, ⌊i/10⌋) and i = e + m. The even falls alone end at 250 at the latest.
    for (even, last) in [(40, 50), (150, 165), (400, 250)] {
        let n = 400;
        let theta =
            step(&mut HessianFree::new(n).damping(UNDAMPED), &chain(n, even), &first_unit(n), &|theta| {
                -1.0 - support(theta) as f64
            });
        assert_eq!(support(&theta), last, "{even}");
        // The inverse of the leading block: i, i − 1, …, 1 in its first column.
        if even == 400 {
            assert!(theta.iter().zip(0..250).all(|(x, i)| (x + f64::from(250 - i)).abs() < 1e-9));
        }
    }
}

#[test]
fn the_iterates_that_are_kept_lie_in_geometric_distances() {
    let kept = [1, 2, 3, 4, 6, 7, 9, 12, 15, 20, 26, 33, 43, 56, 72, 94, 122, 158, 205, 250];
    let n = 300;
    let tried = std::cell::RefCell::new(Vec::new());
    // Each earlier one is lower, so that all are tried.
    let theta = step(&mut HessianFree::new(n).damping(UNDAMPED), &chain(n, n), &first_unit(n), &|theta| {
        tried.borrow_mut().push(support(theta));
        -1.0 / support(theta) as f64
    });
    tried.borrow_mut().reverse();
    assert_eq!((tried.into_inner(), support(&theta)), (kept.to_vec(), 1));
}

#[test]
fn the_step_goes_back_as_long_as_c_falls_and_no_further() {
    let n = 300;
    for (values, chosen) in [
        ([(250, -1.0), (205, -1.5), (158, -2.0), (122, -2.0), (94, -5.0)], 158),
        ([(250, -1.0), (205, -0.5), (158, -2.0), (122, -2.0), (94, -5.0)], 250),
        ([(250, f64::NAN), (205, -5.0), (158, -4.9), (122, -9.0), (94, -9.0)], 205),
    ] {
        let theta =
            step(&mut HessianFree::new(n).damping(UNDAMPED), &chain(n, n), &first_unit(n), &|theta| {
                values.iter().find(|value| value.0 == support(theta)).map_or(-0.1, |value| value.1)
            });
        assert_eq!(support(&theta), chosen, "{values:?}");
    }
}

#[test]
fn damping_follows_the_fall_of_c_over_that_of_the_undamped_quadratic() {
    // G = 3, λ = 1, g = 4: d = −1, and −4 + 3/2 is promised. The next step is −4/(3 + λ) with λ of 3/2, 1 or 2/3.
    for (fall, next) in
        [(-1.9, -12.0 / 11.0), (-1.875, -1.0), (-0.625, -1.0), (-0.62, -8.0 / 9.0), (7.0, -8.0 / 9.0)]
    {
        let mut method = HessianFree::new(1).damping(1.0);
        step(&mut method, &array![[3.0]], &[4.0], &|theta| if theta[0] == -1.0 { fall } else { 9.0 });
        let theta = step(&mut method, &array![[3.0]], &[4.0], &|_| -9.0);
        assert!((theta[0] - next).abs() < 1e-14, "{fall}: {theta:?}");
    }
}

#[test]
fn the_line_search_shortens_by_a_fifth_until_c_falls_by_a_hundredth_of_the_slope() {
    // d = −1 with slope −4: C must come to −0.04·share.
    let values = |theta: &[f64]| match theta[0] {
        -1.0 => -0.039,
        -0.8 => -0.033,
        _ => 1.0,
    };
    assert_eq!(step(&mut HessianFree::new(1), &array![[3.0]], &[4.0], &values), [-0.8]);
    assert_eq!(step(&mut HessianFree::new(1), &array![[3.0]], &[4.0], &|_| 1.0), [0.0]);
}

#[test]
fn against_negative_curvature_the_step_is_the_negative_gradient() {
    let mut method = HessianFree::new(2).damping(0.5);
    let tried = step(&mut method, &diagonal(&[-2.0, -2.0]), &[3.0, -1.0], &|_| -100.0);
    assert_eq!(tried, [-3.0, 1.0]);
    // ‖g‖² = 10 was promised and 100 came: λ falls to ⅓, and (1 + ⅓)·d = −g.
    let next = step(&mut method, &diagonal(&[1.0, 1.0]), &[3.0, -1.0], &|_| -100.0);
    assert!((next[0] + 2.25).abs() < 1e-14 && (next[1] - 0.75).abs() < 1e-14, "{next:?}");
    // Where the curvature ends only later, what was found so far is enough.
    let later =
        step(&mut HessianFree::new(2).damping(0.5), &diagonal(&[2.0, -1.0]), &[2.0, 1.0], &|_| -100.0);
    assert!((later[0] / later[1] - 2.0).abs() < 1e-14, "{later:?}");
}

#[test]
fn the_next_run_starts_from_095_of_the_last_solution() {
    // The last solution is −4/(3 + 1), and half of the promise came, which keeps λ = 1. What the next run starts from
    // solves its system already, so that there is nothing to step to.
    let mut method = HessianFree::new(1).damping(1.0);
    assert_eq!(step(&mut method, &array![[3.0]], &[4.0], &|_| -1.25), [-1.0]);
    let slope = 3.0 * 0.95 + 0.95;
    assert_eq!(step(&mut method, &array![[3.0]], &[slope], &|_| panic!("a trial of no step")), [0.0]);
}
