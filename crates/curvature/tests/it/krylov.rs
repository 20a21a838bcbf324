//! Krylov spaces and Lanczos' method where every number is known.

use std::ops::ControlFlow;
use std::panic::catch_unwind;

use chainrule_curvature::{Krylov, Lanczos};
use chainrule_tensor::ndarray::{Array1, Array2, array};
use chainrule_tensor::vector;

use crate::scripted::diagonal;

/// 2 on the diagonal, −1 beside it.
fn second_differences(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, n), |(i, j)| [2.0, -1.0, 0.0][i.abs_diff(j).min(2)])
}

fn close(a: &Array2<f64>, b: &Array2<f64>, most: f64) -> bool {
    a.dim() == b.dim() && (a - b).iter().all(|x| x.abs() <= most)
}

#[test]
fn from_the_first_unit_vector_a_tridiagonal_matrix_is_its_own_projection() {
    for (steps, beta) in [(1, 1.0), (2, 1.0), (4, 1.0), (5, 0.0), (9, 0.0)] {
        let space = Krylov::from(&mut second_differences(5), &[3.0, 0.0, 0.0, 0.0, 0.0], steps);
        let m = steps.min(5);
        // The sign of a Lanczos vector is that of the product, so that all β are positive.
        let expected = Array2::from_shape_fn((m, m), |(i, j)| [2.0, 1.0, 0.0][i.abs_diff(j).min(2)]);
        assert_eq!((&space.projected, space.beta, space.basis.len()), (&expected, beta, m), "{steps}");
        for (j, v) in space.basis.iter().enumerate() {
            let unit: Vec<f64> =
                (0..5).map(|i| if i == j { (-1.0_f64).powi(j as i32) } else { 0.0 }).collect();
            assert_eq!(v, &unit);
        }
        let weights: Vec<f64> = (1..=m).map(|i| i as f64).collect();
        let sum: Vec<f64> =
            (0..5).map(|i| if i < m { (-1.0_f64).powi(i as i32) * weights[i] } else { 0.0 }).collect();
        assert_eq!(space.combine(&weights), sum);
    }
}

#[test]
fn a_start_without_a_direction_or_of_another_length_is_refused() {
    for start in [&[0.0, 0.0][..], &[f64::NAN, 1.0], &[1.0, 1.0, 1.0]] {
        assert!(catch_unwind(|| Krylov::from(&mut diagonal(&[1.0, 2.0]), start, 1)).is_err(), "{start:?}");
    }
}

#[test]
fn a_space_ends_where_it_is_invariant_at_every_scale() {
    // I + u·uᵀ has two eigenvalues, and so two dimensions from any start.
    let u = [1.0, -2.0, 0.5, 3.0, 1.5, -0.7];
    let matrix = Array2::from_shape_fn((6, 6), |(i, j)| u[i] * u[j] + f64::from(u8::from(i == j)));
    for scale in [1e-20, 1.0, 1e20] {
        let space = Krylov::from(&mut (&matrix * scale), &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 6);
        assert_eq!((space.basis.len(), space.beta, space.projected.dim()), (2, 0.0, (2, 2)), "{scale}");
        // The trace of both eigenvalues: 1 and 1 + ‖u‖² = 17.99.
        assert!((space.projected.diag().sum() / scale - 18.99).abs() < 1e-12);
    }
    let space = Krylov::from(&mut Array2::<f64>::zeros((3, 3)), &[1.0, 2.0, 2.0], 3);
    assert_eq!((space.projected, space.beta), (array![[0.0]], 0.0));
}

#[test]
fn a_direction_is_appended_unless_it_lies_in_the_space_at_every_scale() {
    let mut matrix = Array2::from_shape_fn((6, 6), |(i, j)| 1.0 / (1.0 + (i + j) as f64));
    let start = [1.0, 2.0, -3.0, 0.3, 0.7, 0.1];
    for scale in [1e-20, 1.0, 1e20] {
        let mut space = Krylov::from(&mut matrix, &start, 2);
        let inside = space.combine(&[0.3 * scale, -0.7 * scale]);
        space.append(&mut matrix, &inside);
        space.append(&mut matrix, &[0.0; 6]);
        assert_eq!((space.basis.len(), space.projected.dim()), (2, (2, 2)), "{scale}");
        let outside: Vec<f64> = [0.5, -1.0, 0.25, 1.0, 2.0, -0.5].iter().map(|x| x * scale).collect();
        space.append(&mut matrix, &outside);
        let basis =
            Array2::from_shape_vec((3, 6), space.basis.concat()).expect("three vectors of six numbers");
        assert!(close(&basis.dot(&basis.t()), &Array2::eye(3), 1e-14), "{scale}");
        assert!(close(&basis.dot(&matrix).dot(&basis.t()), &space.projected, 1e-14), "{scale}");
        // What was appended can be put together again.
        let along: Vec<f64> = space.basis.iter().map(|v| vector::dot(v, &outside)).collect();
        let again = space.combine(&along);
        assert!(again.iter().zip(&outside).all(|(a, b)| (a - b).abs() < 1e-14 * scale), "{scale}");
    }
    let mut whole = Krylov::from(&mut second_differences(3), &[1.0, 0.0, 0.0], 3);
    whole.append(&mut second_differences(3), &[0.1, 0.2, 0.3]);
    assert_eq!(whole.basis.len(), 3);
}

#[test]
fn a_multiple_eigenvalue_has_as_many_pairs_as_are_wanted() {
    let ends = Lanczos { top: 3, bottom: 9, ..Lanczos::default() }
        .run(&mut diagonal(&[1.0, 1.0, 3.0, 1.0, 1.0]), &mut |_, _| ControlFlow::Continue(()));
    assert_eq!((ends.top.len(), ends.bottom.len(), ends.converged, ends.products), (3, 5, true, 13));
    let basis: Vec<f64> = ends.bottom.iter().flat_map(|pair| pair.vector.clone()).collect();
    let basis = Array2::from_shape_vec((5, 5), basis).expect("five vectors");
    assert!(close(&basis.dot(&basis.t()), &Array2::eye(5), 1e-13));
    let values = ends.bottom.iter().map(|pair| pair.value);
    assert!(values.zip([1.0, 1.0, 1.0, 1.0, 3.0]).all(|(a, b): (f64, f64)| (a - b).abs() < 1e-14));
    assert!((ends.top[0].value - 3.0).abs() < 1e-14 && (ends.top[2].value - 1.0).abs() < 1e-14);
    // Every start is an eigenvector here.
    for value in [1.0, -0.5, 0.0] {
        let lanczos = Lanczos { top: 3, bottom: 9, ..Lanczos::default() };
        let ends = lanczos.run(&mut diagonal(&[value; 5]), &mut |_, _| ControlFlow::Continue(()));
        for pair in ends.top.iter().chain(&ends.bottom) {
            assert!((pair.value - value).abs() < 1e-14, "{}, not {value}", pair.value);
            let length = pair.vector.iter().map(|x| x * x).sum::<f64>();
            assert!((length - 1.0).abs() < 1e-13, "{length}");
        }
        assert_eq!((ends.top.len(), ends.bottom.len(), ends.converged), (3, 5, true));
    }
    let none =
        Lanczos::default().run(&mut Array2::<f64>::zeros((0, 0)), &mut |_, _| ControlFlow::Continue(()));
    assert_eq!((none.top.len(), none.bottom.len(), none.converged, none.products), (0, 0, true, 0));
}

#[test]
fn a_small_matrix_is_taken_apart_whatever_the_tolerance() {
    // 2 − 2·cos(kπ/6): 2 ∓ √3, 1, 2, 3.
    let lanczos = Lanczos { top: 2, bottom: 2, tolerance: 0.0, ..Lanczos::default() };
    let ends = lanczos.run(&mut second_differences(5), &mut |_, _| ControlFlow::Continue(()));
    assert!(ends.converged);
    let values: Vec<f64> = ends.bottom.iter().chain(&ends.top).map(|pair| pair.value).collect();
    let root = 3_f64.sqrt();
    assert!(values.iter().zip([2.0 - root, 1.0, 2.0 + root, 3.0]).all(|(a, b)| (a - b).abs() < 1e-13));
    assert!(ends.bottom.iter().chain(&ends.top).all(|pair| pair.residual < 1e-13));
}

#[test]
fn the_progress_that_is_watched_is_the_worst_residual_over_the_tolerance() {
    let mut matrix = diagonal(&Array1::linspace(-1.0, 3.0, 400).to_vec());
    for (tolerance, bar) in [(1e-9, 1e-9), (0.0, 8.0 * f64::EPSILON)] {
        let lanczos = Lanczos { top: 2, bottom: 1, tolerance, ..Lanczos::default() };
        let mut seen = Vec::new();
        let ends = lanczos.run(&mut matrix, &mut |products, quotient| {
            seen.push((products, quotient));
            if seen.len() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let pairs = || ends.top.iter().chain(&ends.bottom);
        let worst = pairs().map(|pair| pair.residual).fold(0.0, f64::max);
        let watched = seen[2].1 * bar * ends.top[0].value;
        assert!((watched / worst - 1.0).abs() < 1e-6 && !ends.converged, "{watched} {worst}");
        // Room for 2·3 + 20, of which 3 and a third of the rest are kept.
        assert_eq!(seen.iter().map(|seen| seen.0).collect::<Vec<_>>(), [26, 42, 58]);
        assert_eq!(ends.products, 58 + 3);
    }
}

#[test]
fn a_search_ends_once_its_products_are_spent() {
    let mut matrix = diagonal(&Array1::linspace(0.0, 1.0, 500).to_vec());
    // Room for 2·2 + 20, of which 2 and a third of the rest are kept: 24, 39 and 54 products.
    for (products, spent) in [(1, 24), (24, 24), (25, 39), (39, 39), (40, 54)] {
        let lanczos = Lanczos { tolerance: 0.0, products, ..Lanczos::default() };
        let ends = lanczos.run(&mut matrix, &mut |_, _| ControlFlow::Continue(()));
        assert_eq!((ends.products, ends.converged), (spent + 2, false), "{products}");
    }
}
