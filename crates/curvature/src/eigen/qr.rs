//! The eigensolver without LAPACK, in loops that call no BLAS: the same bits on every CPU.

use chainrule_tensor::ndarray::{Array2, ArrayRef2, Axis, aview1, s};
use chainrule_tensor::rows::{in_one_piece, slices, slices_mut};
use chainrule_tensor::vector;

use super::decomposition::Eigen;
use super::reflections::Reflections;

/// Reflections to a tridiagonal matrix, and its implicit QR algorithm.
pub(super) fn solve(matrix: &ArrayRef2<f64>) -> Eigen {
    let n = matrix.nrows();
    let mut a = Array2::from_shape_fn((n, n), |(i, j)| matrix[(i.min(j), i.max(j))]);
    // Squares of what is at most 1 do not overflow.
    let largest = vector::norm_max(in_one_piece(&a));
    let scale = if largest > 0.0 { largest } else { 1.0 };
    a /= scale;
    let (tridiagonal, reflections) = tridiagonal(a);
    let (values, vectors) = tridiagonal.solve();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut vectors = vectors.select(Axis(0), &order);
    slices_mut(&mut vectors).for_each(|vector| reflections.apply(vector));
    Eigen { values: order.iter().map(|&i| values[i] * scale).collect(), vectors }
}

/// A symmetric tridiagonal matrix T.
struct Tridiagonal {
    diagonal: Vec<f64>,
    /// Tᵢ,ᵢ₊₁, and a 0.
    beside: Vec<f64>,
}

impl Tridiagonal {
    /// The eigenvalues of T, and its eigenvectors, one a row, by the QR algorithm with Wilkinson's shifts (Golub and Van
    /// Loan, algorithm 8.3.3, from below as `imtql2` of EISPACK has it).
    fn solve(self) -> (Vec<f64>, Array2<f64>) {
        let Self { diagonal: mut d, beside: mut e } = self;
        let n = d.len();
        let mut vectors = Array2::eye(n);
        for first in 0..n {
            loop {
                // T comes apart where a number beside the diagonal is lost in the rounding of its neighbours on it.
                let is_lost = |&i: &usize| {
                    e[i].abs() <= f64::max(f64::EPSILON * (d[i].abs() + d[i + 1].abs()), f64::MIN_POSITIVE)
                };
                let last = (first..n - 1).find(is_lost).unwrap_or(n - 1);
                if last == first {
                    break;
                }
                sweep(&mut d, &mut e, &mut vectors, first, last);
            }
        }
        (d, vectors)
    }
}

/// One step T ← Gᵀ·T·G on the rows from `first` to `last`: each rotation in G moves the number that the one before has
/// left outside of the three diagonals, up and out.
fn sweep(d: &mut [f64], e: &mut [f64], vectors: &mut Array2<f64>, first: usize, last: usize) {
    let half = (d[first + 1] - d[first]) / (2.0 * e[first]);
    let shift = d[first] - e[first] / (half + hypot(half, 1.0).copysign(half));
    let (mut sine, mut cosine, mut moved) = (1.0, 1.0, 0.0);
    let mut g = d[last] - shift;
    for i in (first..last).rev() {
        let (f, b) = (sine * e[i], cosine * e[i]);
        let r = hypot(f, g);
        e[i + 1] = r;
        if r == 0.0 {
            d[i + 1] -= moved;
            e[last] = 0.0;
            return;
        }
        (sine, cosine) = (f / r, g / r);
        g = d[i + 1] - moved;
        let r = (d[i] - g) * sine + 2.0 * cosine * b;
        moved = sine * r;
        d[i + 1] = g + moved;
        g = cosine * r - b;
        let (above, below) = vectors.multi_slice_mut((s![i, ..], s![i + 1, ..]));
        for (x, y) in above.into_iter().zip(below) {
            (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
        }
    }
    d[first] -= moved;
    e[first] = g;
    e[last] = 0.0;
}

/// T = Qᵀ·A·Q and Q, by Householder's reflections (Golub and Van Loan, algorithm 8.3.1).
fn tridiagonal(mut a: Array2<f64>) -> (Tridiagonal, Reflections) {
    let n = a.nrows();
    let (mut beside, mut tau) = (vec![0.0; n], vec![0.0; n]);
    for k in 0..n.saturating_sub(1) {
        let mut v = a.slice(s![k, k + 1..]).to_vec();
        let (first, rest) = (v[0], vector::norm(&v[1..]));
        if rest == 0.0 {
            beside[k] = first;
            continue;
        }
        beside[k] = -hypot(first, rest).copysign(first);
        tau[k] = (beside[k] - first) / beside[k];
        v[0] = 1.0;
        v[1..].iter_mut().for_each(|x| *x /= first - beside[k]);
        a.slice_mut(s![k, k + 1..]).assign(&aview1(&v));
        // A ← H·A·H = A − v·wᵀ − w·vᵀ with p = τ·A·v and w = p − ½τ·(pᵀv)·v.
        let mut below = a.slice_mut(s![k + 1.., k + 1..]);
        let mut w: Vec<f64> = slices(&below).map(|row| tau[k] * vector::dot(row, &v)).collect();
        vector::axpy(-0.5 * tau[k] * vector::dot(&w, &v), &v, &mut w);
        for ((row, &vi), &wi) in slices_mut(&mut below).zip(&v).zip(&w) {
            vector::axpy(-vi, &w, row);
            vector::axpy(-wi, &v, row);
        }
    }
    (Tridiagonal { diagonal: a.diag().to_vec(), beside }, Reflections { vectors: a, tau })
}

/// √(x² + y²). The standard library's has other bits on other systems.
fn hypot(x: f64, y: f64) -> f64 {
    let (small, large) = if x.abs() < y.abs() { (x, y) } else { (y, x) };
    if large == 0.0 { 0.0 } else { large.abs() * (1.0 + (small / large).powi(2)).sqrt() }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    #[test]
    fn second_differences_have_their_known_eigenvalues_at_every_scale() {
        for (n, scale) in [(1, 1.0), (2, 1e-300), (2, 5e-324), (40, 1e300), (40, 1.0), (40, 1e-300)] {
            let matrix = Array2::from_shape_fn((n, n), |(i, j)| match i.abs_diff(j) {
                0 => 2.0 * scale,
                1 => -scale,
                _ => 0.0,
            });
            let eigen = solve(&matrix);
            for (k, value) in eigen.values.iter().enumerate() {
                let angle = (k + 1) as f64 * PI / (n + 1) as f64;
                assert!((value / scale - (2.0 - 2.0 * angle.cos())).abs() < 1e-13, "{n} {scale}: {value}");
            }
        }
    }

    #[test]
    fn numbers_near_the_least_come_to_an_end() {
        let graded = Array2::from_shape_fn((12, 12), |(i, j)| 10_f64.powi(-30 * (i + j) as i32));
        let eigen = solve(&graded);
        assert!((eigen.values[11] - 1.0).abs() < 1e-13 && eigen.values[..11].iter().all(|x| x.abs() < 1e-13));
        let alternating = Array2::from_shape_fn((9, 9), |(i, j)| f64::from(u8::from((i + j) % 2 == 1)));
        // Of rank 2: ±√(5·4), and 0 seven times.
        let eigen = solve(&alternating);
        assert!(
            (eigen.values[8] - 20_f64.sqrt()).abs() < 1e-13
                && eigen.values[1..8].iter().all(|x| x.abs() < 1e-13)
        );
    }
}
