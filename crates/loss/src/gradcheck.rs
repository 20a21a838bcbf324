//! The harness that proves a loss's derivatives, as `chainrule-layers` has one for layers.
//!
//! The exact side runs in the number type under test, the differences in `f64` on a witness.

use chainrule_tensor::difference::{self, STEP, inner_error, relative_error};
use chainrule_tensor::ndarray::{Array2, s};
use chainrule_tensor::{Rng, Scalar};

use crate::loss::Loss;
use crate::target::TargetKind;

/// The largest relative error that each of the checks found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossErrors {
    /// The two ways to the value, and the witness's, against one another.
    pub value: f64,
    /// δ against differences of the value.
    pub gradient: f64,
    /// R{δ} against differences of δ along the direction.
    pub hessian: f64,
    /// ⟨u, H·v⟩ against ⟨v, H·u⟩.
    pub symmetry: f64,
    /// How many coordinates were differenced one by one.
    pub coordinates: usize,
}

impl LossErrors {
    /// Whether every error is within its bar: `gradient` for first derivatives, `hessian` for second.
    pub fn within(&self, gradient: f64, hessian: f64) -> bool {
        self.value.max(self.gradient) <= gradient && self.hessian.max(self.symmetry) <= hessian
    }
}

/// Checks `loss` against `witness`, the same loss in `f64`, on a random batch.
///
/// ```
/// use chainrule_loss::{SquaredError, TargetKind, gradcheck};
///
/// let loss = SquaredError::default();
/// assert!(gradcheck::check::<f64>(&loss, &loss, TargetKind::Real, (3, 2), 1).within(1e-8, 1e-7));
/// ```
pub fn check<A: Scalar>(
    loss: &dyn Loss<A>,
    witness: &dyn Loss<f64>,
    kind: TargetKind,
    (rows, outputs): (usize, usize),
    seed: u64,
) -> LossErrors {
    let rng = &mut Rng::new(seed);
    let normals = |rng: &mut Rng| Array2::from_shape_simple_fn((rows, outputs), || round(rng.normal(1.0)));
    let (y, target) = loop {
        let (y, target) = (normals(rng), kind.draw(rows, outputs, rng).mapv(round));
        if !witness.near_kink(&y, &target, 4.0 * STEP) {
            break (y, target);
        }
    };
    let (v, u) = (normals(rng), normals(rng));
    let cast = |m: &Array2<f64>| m.mapv(A::of);
    let wide = |m: &Array2<A>| m.iter().map(|x| x.as_f64()).collect::<Vec<f64>>();

    let (y_a, target_a) = (cast(&y), cast(&target));
    let mut delta = Array2::from_elem(y.dim(), A::nan());
    let values = [loss.value_and_delta(&y_a, &target_a, &mut delta), loss.value(&y_a, &target_a)];

    // Row by row: a loss is a sum over rows, and the other rows would only add their round-off to a difference.
    let row = |n: usize| (y.slice(s![n..=n, ..]).to_owned(), target.slice(s![n..=n, ..]));
    let expected: f64 = (0..rows).map(&row).map(|(y, target)| witness.value(&y, &target)).sum();
    let slope = |(n, k): (usize, usize)| {
        let (y, target) = row(n);
        difference::derivative(|e| {
            let mut moved = y.clone();
            moved[(0, k)] += e;
            witness.value(&moved, &target)
        })
    };
    let differences: Vec<f64> = y.indexed_iter().map(|(at, _)| slope(at)).collect();

    let product = |direction: &Array2<f64>| {
        let mut r_delta = Array2::from_elem(y.dim(), A::nan());
        loss.r_delta(&y_a, &target_a, &cast(direction), &mut r_delta);
        wide(&r_delta)
    };
    let along = difference::derivative_of_vector(y.len(), |e, out| {
        let mut delta = Array2::zeros(y.dim());
        witness.value_and_delta(&(&y + &(&v * e)), &target, &mut delta);
        out.copy_from_slice(delta.as_slice().expect("a new array is contiguous"));
    });
    let (hv, hu) = (product(&v), product(&u));
    LossErrors {
        value: relative_error(&values.map(A::as_f64), &[expected, expected]),
        gradient: relative_error(&wide(&delta), &differences),
        hessian: relative_error(&hv, &along),
        symmetry: inner_error((&wide(&cast(&u)), &hv), (&wide(&cast(&v)), &hu)),
        coordinates: y.len(),
    }
}

/// The nearest number that `f32` has too.
fn round(x: f64) -> f64 {
    f64::from(x as f32)
}
