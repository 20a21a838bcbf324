//! Densities and traces by numbers worked out by hand.

use std::panic::catch_unwind;

use chainrule_curvature::{Density, Estimate, hutch_pp, hutchinson};
use chainrule_tensor::ndarray::{Array2, array};

use crate::scripted::diagonal;

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * b.abs().max(1.0)
}

#[test]
fn a_smoothed_density_is_a_weighted_sum_of_normal_densities() {
    let density = Density { nodes: vec![0.0, 1.0], weights: vec![0.25, 0.75] };
    // SciPy: 0.25·norm.pdf(t, 0, σ) + 0.75·norm.pdf(t, 1, σ).
    for (t, sigma, expected) in [
        (0.25, 0.5, 0.370_309_056_880_987),
        (1.0, 0.5, 0.625_408_903_858_743),
        (-2.0, 2.0, 0.078_815_438_939_602),
    ] {
        assert!(close(density.smoothed(t, sigma), expected), "{t} {sigma}");
    }
}

#[test]
fn a_share_of_the_spectrum_leaves_out_its_bound_and_the_zeros_on_either_side() {
    let density = Density::of_values(&[4.0, -5e-8, -3e-8, -1.0]);
    assert_eq!((&density.nodes[..], &density.weights[..]), (&[-1.0, -5e-8, -3e-8, 4.0][..], &[0.25; 4][..]));
    assert_eq!((density.below(-1.0), density.below(4.0), density.below(4.1)), (0.0, 0.75, 1.0));
    // 10⁻⁸ of the largest is 4·10⁻⁸.
    assert_eq!(density.negative(), 0.5);
    assert!(close(Density { nodes: vec![-2.0, 3.0], weights: vec![0.25, 0.75] }.mean(), 1.75));
    let empty = Density::of_values(&[]);
    assert!(empty.negative() == 0.0 && empty.negative().is_sign_positive());
}

#[test]
fn on_a_diagonal_matrix_every_probe_finds_the_whole_spectrum_in_equal_parts() {
    // A vector of signs has the same share of every unit vector.
    let density = Density::estimate::<f64>(&mut diagonal(&[3.0, -1.0, 2.0, 7.0]), 2, 4, 1);
    for (i, expected) in [-1.0, -1.0, 2.0, 2.0, 3.0, 3.0, 7.0, 7.0].iter().enumerate() {
        assert!(close(density.nodes[i], *expected) && close(density.weights[i], 0.125), "{density:?}");
    }
    assert_eq!(density.nodes.len(), 8);
}

#[test]
fn an_estimate_from_nothing_is_refused() {
    let says = |run: fn(&mut Array2<f64>)| {
        let panic = catch_unwind(|| run(&mut diagonal(&[1.0, 2.0]))).unwrap_err();
        panic
            .downcast_ref::<String>()
            .cloned()
            .unwrap_or_else(|| (*panic.downcast::<&str>().unwrap()).to_owned())
    };
    assert!(says(|m| drop(Density::estimate(m, 0, 3, 1))).contains("0 probes of 3 steps"));
    assert!(says(|m| drop(Density::estimate(m, 3, 0, 1))).contains("3 probes of 0 steps"));
    assert!(says(|m| assert!(hutchinson(m, 0, 1).value > 0.0)).contains("0 samples"));
    assert!(says(|m| assert!(hutch_pp(m, 2, 1).value > 0.0)).contains("a third of 2"));
}

#[test]
fn hutchinson_is_exact_on_a_diagonal_matrix_and_off_it_by_twice_the_rest() {
    let exact = hutchinson::<f64>(&mut diagonal(&[1.0, 2.0, -7.0]), 5, 3);
    assert_eq!(exact, Estimate { value: -4.0, error: 0.0, products: 5 });
    assert_eq!(hutchinson::<f64>(&mut diagonal(&[1.0]), 1, 3).error, f64::INFINITY);
    // zᵀMz = 3 ± 2·½: of n samples, k of them 4, the mean is 2 + 2k/n and the variance 4·k(n − k)/(n(n − 1)).
    let n = 40.0;
    let rough = hutchinson::<f64>(&mut array![[1.0, 0.5], [0.5, 2.0]], 40, 3);
    let k = (rough.value - 2.0) * n / 2.0;
    assert!(close(k, k.round()) && (8.0..33.0).contains(&k), "{rough:?}");
    assert!(close(rough.error, (4.0 * k * (n - k) / (n * (n - 1.0)) / n).sqrt()), "{rough:?}");
}

#[test]
fn hutch_pp_is_exact_on_few_dimensions_at_every_scale() {
    // Of rank 2 with trace 19: 16 on the pair of the first two, 3 on the third.
    let matrix =
        array![[8.0, 8.0, 0.0, 0.0], [8.0, 8.0, 0.0, 0.0], [0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 0.5, 1.0]];
    let matrix = {
        let mut m: Array2<f64> = matrix;
        m[(2, 3)] = 2_f64.sqrt();
        m[(3, 2)] = 2_f64.sqrt();
        m
    };
    for scale in [1e-20, 1.0, 1e20] {
        let trace = hutch_pp::<f64>(&mut (&matrix * scale), 12, 2);
        assert!(close(trace.value / scale, 19.0) && trace.error / scale < 1e-12, "{scale}: {trace:?}");
        // Four products with random vectors, two with what they span, four samples.
        assert_eq!(trace.products, 10, "{scale}");
    }
    let nothing = hutch_pp::<f64>(&mut Array2::zeros((3, 3)), 7, 1);
    assert_eq!(nothing, Estimate { value: 0.0, error: 0.0, products: 4 });
    assert_eq!(hutch_pp::<f64>(&mut diagonal(&[2.0, 3.0]), 60, 1).products, 6);
}

#[test]
fn hutch_pp_adds_the_sample_outside_to_the_trace_inside() {
    // On diag(2, 1) with q = (2, ±1)/√5: 9/5 inside, and outside 6/5 times a squared cosine of (2 ± 1)²/5.
    let mut found = [0; 2];
    for seed in 0..20 {
        let trace = hutch_pp::<f64>(&mut diagonal(&[2.0, 1.0]), 3, seed);
        let kind = usize::from(trace.value > 3.0);
        assert!(close(trace.value, [2.04, 3.96][kind]), "{trace:?}");
        assert_eq!((trace.products, trace.error), (3, f64::INFINITY));
        found[kind] += 1;
    }
    assert!(found.iter().all(|&count| count > 2), "{found:?}");
}
