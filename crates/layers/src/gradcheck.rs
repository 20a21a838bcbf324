//! The harness that proves a layer's derivatives: one function, the whole zoo, no layer excused.
//!
//! With random u it takes the scalar C(θ, x) = ⟨u, f(θ, x)⟩ and confronts
//!
//! 1. ∂C/∂θ and ∂C/∂x from `backward` with ⟨u, ∂f⟩, where ∂f is a Richardson-extrapolated central difference of f, coordinate by
//!    coordinate;
//! 2. ⟨u, J·v⟩ from `r_forward` with ⟨Jᵀ·u, v⟩ from `backward`;
//! 3. R{∂C/∂θ}, R{∂C/∂x} from `r_backward` with differences of exact gradients along the direction;
//! 4. ⟨u, H·v⟩ with ⟨v, H·u⟩ for two random directions;
//! 5. `Accum::Add` with `Accum::Replace`.
//!
//! The exact side runs in the number type under test, the differences always in `f64` on a witness layer, so an `f32`
//! layer is judged by its own rounding and not by that of a difference. Memory is filled with NaN before use and is
//! larger than the batch: what a layer reads without having written it, it is caught reading.

use chainrule_tensor::difference::{self, STEP, inner_error, relative_error};
use chainrule_tensor::ndarray::{Array2, ArrayRef2, s};
use chainrule_tensor::{Accum, Rng, Scalar, hash, vector};

use crate::layer::{Layer, Station};
use crate::mode::Mode;
use crate::point::{Grad, Point};
use crate::second_order::{Dual, Tangent};
use crate::tape::{Tape, TapeKind};
use crate::walk::{least_rows, leaves};

/// What to try on a layer.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The rows of the batch.
    pub rows: usize,
    /// The rows the memory is made for; more than `rows` imitates the ragged last batch of an epoch.
    pub capacity: usize,
    /// The seed of all that is drawn.
    pub seed: u64,
    /// At most so many coordinates are differenced one by one: all if there are no more, else a seeded sample.
    pub coordinates: usize,
}

/// The largest relative error that each of the checks found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// f(θ, x) against the witness's.
    pub value: f64,
    /// ∂C/∂θ and ∂C/∂x against differences.
    pub gradient: f64,
    /// ⟨u, J·v⟩ against ⟨Jᵀ·u, v⟩.
    pub adjoint: f64,
    /// R{∂C/∂θ} and R{∂C/∂x} against differences of gradients; `None` for a layer without second order.
    pub hessian: Option<f64>,
    /// ⟨u, H·v⟩ against ⟨v, H·u⟩; `None` for a layer without second order.
    pub symmetry: Option<f64>,
    /// The gradient added to a buffer against the gradient written over it.
    pub accumulation: f64,
    /// How many coordinates were differenced one by one.
    pub coordinates: usize,
}

impl Report {
    /// Whether every error is within its bar: `gradient` for first derivatives, `hessian` for second.
    pub fn within(&self, gradient: f64, hessian: f64) -> bool {
        let first = self.value.max(self.gradient).max(self.adjoint).max(self.accumulation);
        let second = self.hessian.unwrap_or(0.0).max(self.symmetry.unwrap_or(0.0));
        first <= gradient && second <= hessian
    }
}

/// Checks `layer` against `witness`, the same layer in `f64`, on more rows than one where it needs several.
///
/// ```
/// use chainrule_layers::{Dense, gradcheck};
///
/// let (dense, case) = (Dense::new(4, 3), gradcheck::Case { rows: 5, capacity: 8, seed: 1, coordinates: 100 });
/// assert!(gradcheck::check::<f64>(&dense, &dense, case).within(1e-8, 1e-7));
/// ```
pub fn check<A: Scalar>(layer: &dyn Layer<A>, witness: &dyn Layer<f64>, case: Case) -> Report {
    // One more than it takes: of two values, x̂ is ±1 whatever they are, and all derivatives are rounding.
    let case = Case { rows: case.rows.max(2 * least_rows(layer).0 - 1), ..case };
    let sample = Sample::draw(witness, case);
    let exact = Run::new(layer, case, &sample.point);
    let gradient = exact.gradient(&sample.u, Accum::Replace);

    let chosen = sample.coordinates(case);
    // Output by output, so that those that a coordinate does not move add no round-off.
    let slope_along = |i: usize| {
        let slopes = difference::derivative_of_vector(sample.u.len(), |e, out| {
            let mut moved = sample.point.clone();
            moved[i] += e;
            out.copy_from_slice(&Run::new(witness, case, &moved).y());
        });
        vector::dot(&sample.u, &slopes)
    };
    let differences: Vec<f64> = chosen.iter().map(|&i| slope_along(i)).collect();
    let picked: Vec<f64> = chosen.iter().map(|&i| gradient[i]).collect();

    let jv = if layer.second_order().is_some() {
        exact.r_forward(&sample.v)
    } else {
        difference::derivative_of_vector(sample.u.len(), |e, out| {
            out.copy_from_slice(&Run::new(witness, case, &moved(&sample.point, e, &sample.v)).y());
        })
    };
    let added: Vec<f64> = exact.gradient(&sample.u, Accum::Add).iter().map(|g| g - 1.0).collect();
    let parameters = layer.layout().len();

    let second = layer.second_order().is_some().then(|| {
        let product = exact.r_gradient(&sample.u, &sample.v, &sample.w);
        let expected = difference::derivative_of_vector(product.len(), |e, out| {
            let run = Run::new(witness, case, &moved(&sample.point, e, &sample.v));
            out.copy_from_slice(&run.gradient(&moved(&sample.u, e, &sample.w), Accum::Replace));
        });
        let still = vec![0.0; sample.u.len()];
        let (hv, ht) =
            (exact.r_gradient(&sample.u, &sample.v, &still), exact.r_gradient(&sample.u, &sample.t, &still));
        (relative_error(&product, &expected), inner_error((&sample.t, &hv), (&sample.v, &ht)))
    });
    Report {
        value: relative_error(&exact.y(), &Run::new(witness, case, &sample.point).y()),
        gradient: relative_error(&picked, &differences),
        adjoint: inner_error((&sample.u, &jv), (&gradient, &sample.v)),
        hessian: second.map(|(hessian, _)| hessian),
        symmetry: second.map(|(_, symmetry)| symmetry),
        accumulation: relative_error(&added[..parameters], &gradient[..parameters]),
        coordinates: chosen.len(),
    }
}

fn moved(point: &[f64], e: f64, direction: &[f64]) -> Vec<f64> {
    let mut moved = point.to_vec();
    vector::axpy(e, direction, &mut moved);
    moved
}

/// Where and along what a layer is checked. Points are θ followed by the rows of x; all numbers are exact in `f32`.
struct Sample {
    point: Vec<f64>,
    /// Directions in the space of points.
    v: Vec<f64>,
    t: Vec<f64>,
    /// Error signals in the space of y.
    u: Vec<f64>,
    w: Vec<f64>,
}

impl Sample {
    fn draw(layer: &dyn Layer<f64>, case: Case) -> Self {
        let rng = &mut Rng::stream(case.seed, 0);
        let mut theta = layer.layout().init::<f64>(rng).to_vec();
        // Off the initialiser's special values: zero biases would hide a bias that is never read.
        for t in &mut theta {
            *t = round(*t + rng.normal::<f64>(0.1));
        }
        let mut point = theta.clone();
        // Where the outputs of a row depend on the others, all are drawn at once.
        let together = if layer.statistics().is_empty() { 1 } else { case.rows };
        for row in (0..case.rows).step_by(together) {
            let mode = Mode::Train { seed: case.seed, row };
            point.extend(rows_away_from_kinks(layer, mode, &theta, together, rng));
        }
        let mut normals = |len: usize| (0..len).map(|_| round(rng.normal(1.0))).collect::<Vec<f64>>();
        let (dim, outputs) = (point.len(), case.rows * layer.outputs());
        Self { v: normals(dim), t: normals(dim), u: normals(outputs), w: normals(outputs), point }
    }

    /// The coordinates to difference: all, or a seeded sample without repetition.
    fn coordinates(&self, case: Case) -> Vec<usize> {
        let mut all: Vec<usize> = (0..self.point.len()).collect();
        if all.len() > case.coordinates {
            Rng::stream(case.seed, 1).shuffle(&mut all);
            all.truncate(case.coordinates);
        }
        all
    }
}

/// Draws rows until they are further from every kink than a difference can reach.
fn rows_away_from_kinks(
    layer: &dyn Layer<f64>,
    mode: Mode<'_, f64>,
    theta: &[f64],
    rows: usize,
    rng: &mut Rng,
) -> Vec<f64> {
    // A coordinate moved by STEP moves a unit by no more than STEP times the largest weight or input on the way.
    let radius = 25.0 * STEP;
    for _ in 0..10_000 {
        let drawn = Array2::from_shape_simple_fn((rows, layer.inputs()), || round(rng.normal(1.0)));
        if !near_kink(layer, mode, theta, &drawn, radius) {
            return drawn.into_raw_vec_and_offset().0;
        }
    }
    panic!("check: no input of {layer:?} stays {radius} away from its kinks");
}

/// Whether any layer of a network comes nearer than `radius` to a kink at some row of x. A difference quotient across a
/// kink says nothing about a derivative.
pub fn near_kink<A: Scalar>(
    network: &dyn Layer<A>,
    mode: Mode<'_, A>,
    theta: &[A],
    x: &ArrayRef2<A>,
    radius: A,
) -> bool {
    let (mut y, mut tape) =
        (Array2::zeros((x.nrows(), network.outputs())), network.tape(TapeKind::Complete, x.nrows()));
    network.forward(mode, theta, x, &mut y, &mut tape);
    let station = Station::network(network).after_forward(x, &y, &tape);
    leaves(station).iter().any(|leaf| {
        let x = &leaf.values.as_ref().expect("a walk after a forward pass").x;
        leaf.layer.near_kink_in_network(&theta[leaf.window.clone()], x, radius)
    })
}

/// The nearest number that `f32` has too.
fn round(x: f64) -> f64 {
    f64::from(x as f32)
}

/// One forward pass at a point, in the number type under test.
struct Run<'a, A: Scalar> {
    layer: &'a dyn Layer<A>,
    case: Case,
    theta: Vec<A>,
    x: Array2<A>,
    y: Array2<A>,
    tape: Tape<A>,
}

impl<'a, A: Scalar> Run<'a, A> {
    fn new(layer: &'a dyn Layer<A>, case: Case, point: &[f64]) -> Self {
        let mode = Mode::Train { seed: case.seed, row: 0 };
        let (theta, x) = point.split_at(layer.layout().len());
        let theta = cast(theta);
        let x = Array2::from_shape_vec((case.rows, layer.inputs()), cast(x))
            .expect("a point has the layer's size");
        let mut y = Array2::from_elem((case.rows, layer.outputs()), A::nan());
        let mut tape = spoiled(layer, case);
        layer.forward(mode, &theta, &x, &mut y, &mut tape);
        Self { layer, case, theta, x, y, tape }
    }

    fn y(&self) -> Vec<f64> {
        self.y.iter().map(|y| y.as_f64()).collect()
    }

    fn outputs(&self, values: &[f64]) -> Array2<A> {
        Array2::from_shape_vec(self.y.dim(), cast(values)).expect("an error signal has the size of y")
    }

    fn at(&self) -> Point<'_, A> {
        Point { theta: &self.theta, x: &self.x, y: &self.y }
    }

    /// (∂C/∂θ, ∂C/∂x) as one vector; with `Add`, added to ones.
    fn gradient(&self, u: &[f64], accum: Accum) -> Vec<f64> {
        let start = if accum == Accum::Add { A::one() } else { A::nan() };
        let mut grad = vec![start; self.theta.len()];
        let mut delta_x = Array2::from_elem(self.x.dim(), A::nan());
        let mut tape = self.tape.clone();
        let into = Grad::new(&mut grad, accum);
        self.layer.backward(self.at(), &self.outputs(u), Some(&mut delta_x), Some(into), &mut tape);
        joined(&grad, &delta_x)
    }

    /// J·v.
    fn r_forward(&self, v: &[f64]) -> Vec<f64> {
        let mut tapes = (self.tape.clone(), spoiled(self.layer, self.case));
        self.r_output(v, &mut tapes).iter().map(|r| r.as_f64()).collect()
    }

    fn r_output(&self, v: &[f64], tapes: &mut (Tape<A>, Tape<A>)) -> Array2<A> {
        let (v_theta, r_x) = self.direction(v);
        let mut r_y = Array2::from_elem(self.y.dim(), A::nan());
        let second = self.layer.second_order().expect("asked only where there is one");
        let tapes = Dual { value: &mut tapes.0, tangent: &mut tapes.1 };
        second.r_forward(self.at(), &v_theta, Some(&r_x), &mut r_y, tapes);
        r_y
    }

    /// (R{∂C/∂θ}, R{∂C/∂x}) along v, while the error signal moves along w.
    fn r_gradient(&self, u: &[f64], v: &[f64], w: &[f64]) -> Vec<f64> {
        let mut tapes = (self.tape.clone(), spoiled(self.layer, self.case));
        let (delta, r_delta) = (self.outputs(u), self.outputs(w));
        let mut delta_x = Array2::from_elem(self.x.dim(), A::nan());
        self.layer.backward(self.at(), &delta, Some(&mut delta_x), None, &mut tapes.0);
        let r_y = self.r_output(v, &mut tapes);
        let (v_theta, r_x) = self.direction(v);
        let (mut r_grad, mut r_delta_x) =
            (vec![A::zero(); self.theta.len()], Array2::from_elem(self.x.dim(), A::nan()));
        self.layer.second_order().expect("asked only where there is one").r_backward(
            self.at(),
            Tangent { v: &v_theta, r_x: Some(&r_x), r_y: &r_y },
            Dual { value: &delta, tangent: &r_delta },
            Some(&mut r_delta_x),
            &mut r_grad,
            Dual { value: &mut tapes.0, tangent: &mut tapes.1 },
        );
        joined(&r_grad, &r_delta_x)
    }

    fn direction(&self, v: &[f64]) -> (Vec<A>, Array2<A>) {
        let (theta, x) = v.split_at(self.theta.len());
        (
            cast(theta),
            Array2::from_shape_vec(self.x.dim(), cast(x)).expect("a direction has the size of a point"),
        )
    }
}

fn cast<A: Scalar>(values: &[f64]) -> Vec<A> {
    values.iter().map(|&x| A::of(x)).collect()
}

fn joined<A: Scalar>(grad: &[A], delta_x: &Array2<A>) -> Vec<f64> {
    grad.iter().chain(delta_x).map(|g| g.as_f64()).collect()
}

/// A tape full of NaN: whatever is read from it before it is written poisons the result.
fn spoiled<A: Scalar>(layer: &dyn Layer<A>, case: Case) -> Tape<A> {
    fn spoil<A: Scalar>(tape: &mut Tape<A>) {
        tape.arrays.iter_mut().for_each(|array| array.slice_mut(s![.., ..]).fill(A::nan()));
        tape.vectors.iter_mut().for_each(|vector| vector.fill(A::nan()));
        tape.children.iter_mut().for_each(spoil);
    }
    let mut tape = layer.tape(TapeKind::Complete, case.capacity.max(case.rows));
    spoil(&mut tape);
    tape
}

/// The cases that every layer is tried on: one row, an odd number of rows, and a batch smaller than its memory.
pub fn cases(seed: u64) -> [Case; 3] {
    let case = |rows, capacity| Case { rows, capacity, seed: hash(seed, rows as u64, 0), coordinates: 400 };
    [case(1, 1), case(7, 7), case(5, 8)]
}
