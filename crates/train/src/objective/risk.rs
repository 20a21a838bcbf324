use std::ops::Range;

use chainrule_layers::{Dual, Grad, Layer, Mode, Point, Tangent};
use chainrule_loss::Loss;
use chainrule_optim::{Objective, central_difference};
use chainrule_tensor::math::flush_subnormal;
use chainrule_tensor::ndarray::{ArrayRef2, CowArray, Ix2};
use chainrule_tensor::rows::{self, slices, slices_mut};
use chainrule_tensor::vector::{axpy, dot};
use chainrule_tensor::{Accum, Scalar};

use crate::objective::target::IntoTarget;
use crate::objective::weighted::Weighted;
use crate::objective::workspace::Workspace;
use crate::telemetry::meter::Probe;

/// The empirical risk C(θ) = 1/N Σₙ ℓ(f(θ, xₙ), tₙ): a model, a loss and a batch as the objective of an optimizer.
///
/// `value_and_grad` is the whole algorithm of back-propagation: forward, error signal, backward.
///
/// # References
/// Rumelhart, Hinton and Williams 1986; Vapnik, "Principles of risk minimization for learning theory", 1991.
///
/// ```
/// use chainrule_layers::Dense;
/// use chainrule_loss::SquaredError;
/// use chainrule_optim::Objective;
/// use chainrule_tensor::ndarray::array;
/// use chainrule_train::Risk;
///
/// let (model, loss) = (Dense::new(1, 1), SquaredError::default());
/// let (x, target) = (array![[2.0]], array![[1.0]]);
/// let mut risk = Risk::new(&model, &loss, &x, &target);
/// let mut grad = [0.0; 2];
/// // o = 3·2 + 0, so C = (6 − 1)² and ∂C/∂w = 2·(6 − 1)·2.
/// assert_eq!(risk.value_and_grad(&[3.0, 0.0], &mut grad), 25.0);
/// assert_eq!(grad, [20.0, 10.0]);
/// ```
#[derive(Debug)]
pub struct Risk<'a, A: Scalar> {
    model: &'a dyn Layer<A>,
    loss: &'a dyn Loss<A>,
    x: &'a ArrayRef2<A>,
    target: CowArray<'a, A, Ix2>,
    /// How much each row counts; 1 where there are none.
    weights: Option<&'a [A]>,
    mode: Mode<'a, A>,
    /// N, the rows of the whole batch where this is a shard of one.
    batch: usize,
    /// 1/N, so that shards just add.
    scale: A,
    memory: Memory<'a, A>,
    probe: Probe<'a>,
}

/// The workspace of a risk.
#[derive(Debug)]
enum Memory<'a, A> {
    /// Made at the first pass.
    Own(Option<Box<Workspace<A>>>),
    Lent(&'a mut Workspace<A>),
}

impl<A: Scalar> Memory<'_, A> {
    fn of(&mut self, model: &dyn Layer<A>, rows: usize) -> &mut Workspace<A> {
        match self {
            Memory::Own(own) => own.get_or_insert_with(|| Box::new(Workspace::new(model, rows))),
            Memory::Lent(workspace) => workspace,
        }
    }
}

impl<'a, A: Scalar> Risk<'a, A> {
    /// The mean loss over the rows of `x` and `target`, for a network in the mode of prediction, with memory of its own.
    ///
    /// # Panics
    /// If x and target differ in rows, or the target names a negative class.
    #[track_caller]
    pub fn new(
        model: &'a dyn Layer<A>,
        loss: &'a dyn Loss<A>,
        x: &'a ArrayRef2<A>,
        target: impl IntoTarget<'a, A>,
    ) -> Self {
        let (rows, target) = (x.nrows(), target.into_target());
        assert_eq!(rows, target.nrows(), "risk: {rows} rows of x but {} of targets", target.nrows());
        let scale = A::of(rows as f64).recip();
        let (memory, probe) = (Memory::Own(None), Probe::default());
        Self { model, loss, x, target, weights: None, mode: Mode::EVAL, batch: rows, scale, memory, probe }
    }

    /// The same in another mode: in training, or with the statistics of a trained network.
    ///
    /// # Panics
    /// If `mode` has other statistics than the model.
    #[must_use]
    #[track_caller]
    pub fn mode(self, mode: Mode<'a, A>) -> Self {
        mode.assert_fits(self.model.statistics());
        Self { mode, ..self }
    }

    /// The same in memory that is there already: what evaluates one batch after the other makes it once.
    ///
    /// # Panics
    /// If the memory is for fewer rows.
    #[must_use]
    #[track_caller]
    pub fn within(self, workspace: &'a mut Workspace<A>) -> Self {
        let rows = self.x.nrows();
        assert!(rows <= workspace.rows(), "risk: {rows} rows but memory for {}", workspace.rows());
        Self { memory: Memory::Lent(workspace), ..self }
    }

    /// The same with the loss of each row multiplied by its weight: 1/N Σₙ wₙ·ℓ(f(θ, xₙ), tₙ).
    ///
    /// # Panics
    /// If there are not as many weights as rows.
    #[must_use]
    #[track_caller]
    pub fn weighted(self, weights: Option<&'a [A]>) -> Self {
        let (rows, given) = (self.x.nrows(), weights.map(<[A]>::len));
        assert!(given.is_none_or(|given| given == rows), "risk: {rows} rows but {given:?} weights");
        Self { weights, ..self }
    }

    /// The same rows as a shard of a batch of `rows` rows: their sum divided by `rows`.
    #[must_use]
    pub fn of(self, rows: usize) -> Self {
        Self { batch: rows, scale: A::of(rows as f64).recip(), ..self }
    }

    /// The same, its passes observed by a meter.
    #[must_use]
    pub fn probed(self, probe: Probe<'a>) -> Self {
        Self { probe, ..self }
    }

    /// C(θ), with ∇C(θ) put into `grad` as `accum` says.
    pub fn accumulate(&mut self, theta: &[A], grad: &mut [A], accum: Accum) -> A {
        self.back_propagate(theta, Grad::new(grad, accum))
    }

    /// C(θ), with ∇C(θ) put into `grad`: forward pass, error signal, backward pass.
    pub(crate) fn back_propagate(&mut self, theta: &[A], grad: Grad<'_, A>) -> A {
        let Self { model, x, mode, scale, probe, .. } = *self;
        let Workspace { y, delta, tape, .. } = self.memory.of(model, x.nrows());
        let (mut y, mut delta) = (rows::first_mut(y, x.nrows()), rows::first_mut(delta, x.nrows()));

        probe.forward(|| model.forward(mode, theta, x, &mut y, tape));
        let cost =
            scale * Weighted::of(self.loss, &self.target, self.weights).value_and_delta(&y, &mut delta);
        multiply(&mut delta, scale);
        probe.backward(|| model.backward(Point { theta, x, y: &y }, &delta, None, Some(grad), tape));
        cost
    }

    /// Puts the statistics of these rows, weighted by their share of the batch, into `out` as `accum` says.
    pub(crate) fn observe(&mut self, theta: &[A], out: &mut [A], accum: Accum) {
        let Workspace { y, tape, observed, .. } = self.memory.of(self.model, self.x.nrows());
        let n = self.x.nrows();
        let mut y = rows::first_mut(y, n);
        self.probe.forward(|| self.model.forward(self.mode, theta, self.x, &mut y, tape));
        self.model.observe(tape, observed);
        if accum == Accum::Replace {
            out.fill(A::zero());
        }
        axpy(A::of(n as f64 / self.batch as f64), observed, out);
    }

    /// Adds the product of `curvature` with v to `out`; `None` if the model has no second order.
    pub fn accumulate_product(
        &mut self,
        curvature: Curvature,
        theta: &[A],
        v: &[A],
        out: &mut [A],
    ) -> Option<()> {
        self.model.second_order()?;
        self.linearise(curvature, theta);
        self.accumulate_along(curvature, theta, v, out)
    }

    /// All of a product that does not depend on v: the forward pass and, for the Hessian, the error signals.
    pub(crate) fn linearise(&mut self, curvature: Curvature, theta: &[A]) {
        let n = self.x.nrows();
        let workspace = self.memory.of(self.model, n);
        workspace.ensure_complete(self.model);
        let Workspace { y, delta, tape, .. } = workspace;
        let (mut y, mut delta) = (rows::first_mut(y, n), rows::first_mut(delta, n));
        self.probe.forward(|| self.model.forward(self.mode, theta, self.x, &mut y, tape));
        if curvature == Curvature::Hessian {
            // r_backward wants the error signals of every layer, but nobody wants their gradient again.
            Weighted::of(self.loss, &self.target, self.weights).value_and_delta(&y, &mut delta);
            multiply(&mut delta, self.scale);
            let at = Point { theta, x: self.x, y: &y };
            self.probe.backward(|| self.model.backward(at, &delta, None, None, tape));
        }
    }

    /// The rest of it: adds the product to `out`, where `linearise`, or `accumulate`, was last at the same θ.
    pub(crate) fn accumulate_along(
        &mut self,
        curvature: Curvature,
        theta: &[A],
        v: &[A],
        out: &mut [A],
    ) -> Option<()> {
        let second = self.model.second_order()?;
        let along_trained;
        let v = if self.model.layout().frozen().next().is_none() {
            v
        } else {
            along_trained = still(v, self.model.layout().frozen());
            &along_trained
        };
        let n = self.x.nrows();
        let workspace = self.memory.of(self.model, n);
        workspace.ensure_tangent(self.model);
        let Workspace { y, delta, tape, tangent, .. } = workspace;
        let Workspace { y: r_y, delta: r_delta, tape: r_tape, .. } = tangent.as_deref_mut()?;
        let loss = Weighted::of(self.loss, &self.target, self.weights);
        let (y, mut delta) = (rows::first(y, n), rows::first_mut(delta, n));
        let (mut r_y, mut r_delta) = (rows::first_mut(r_y, n), rows::first_mut(r_delta, n));
        let mut tapes = Dual { value: tape, tangent: r_tape };

        let at = Point { theta, x: self.x, y: &y };
        second.r_forward(at, v, None, &mut r_y, tapes.reborrow());
        match curvature {
            Curvature::Hessian => {
                loss.r_delta(&y, &r_y, &mut r_delta);
                multiply(&mut r_delta, self.scale);
                let deltas = Dual { value: &*delta, tangent: &*r_delta };
                second.r_backward(at, Tangent { v, r_x: None, r_y: &r_y }, deltas, None, out, tapes);
                return Some(());
            }
            Curvature::GaussNewton => {
                loss.r_delta(&y, &r_y, &mut r_delta);
                multiply(&mut r_delta, self.scale);
            }
            Curvature::EmpiricalFisher => {
                // gₙᵀv = ⟨δₙ, Jₙv⟩, so that R{δₙ} = wₙ·δₙ·⟨δₙ, R{yₙ}⟩: a row of weight 2 counts as the row twice.
                Weighted::of(self.loss, &self.target, None).value_and_delta(&y, &mut delta);
                let weight = |row: usize| self.weights.map_or(A::one(), |weights| weights[row]);
                for (row, ((r, delta), r_y)) in
                    slices_mut(&mut r_delta).zip(slices(&delta)).zip(slices(&r_y)).enumerate()
                {
                    let along = self.scale * weight(row) * dot(delta, r_y);
                    r.iter_mut().zip(delta).for_each(|(r, &delta)| *r = along * delta);
                }
            }
        }
        // G·v = Jᵀ·R{δ}: it goes back through the model as an error signal would.
        let (grad, tape) = (Grad::new(out, Accum::Add), tapes.value);
        self.probe.backward(|| self.model.backward(at, &r_delta, None, Some(grad), tape));
        Some(())
    }
}

/// δ ← δ/N. A class that is all but impossible has an error signal that would be subnormal then, and slow from there on.
pub(crate) fn multiply<A: Scalar>(delta: &mut ArrayRef2<A>, by: A) {
    rows::map(
        [],
        delta,
        #[inline(always)]
        move |[], delta| *delta = flush_subnormal(by * *delta),
    );
}

/// v with the components of frozen parameters set to 0.
fn still<A: Scalar>(v: &[A], frozen: impl Iterator<Item = Range<usize>>) -> Vec<A> {
    let mut v = v.to_vec();
    frozen.for_each(|window| v[window].fill(A::zero()));
    v
}

/// A matrix of second derivatives of a risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curvature {
    /// H = ∇²C, exact (Pearlmutter 1994).
    Hessian,
    /// G = 1/N Σₙ Jₙᵀ·∇²ℓₙ·Jₙ, positive semi-definite for a convex loss (Schraudolph 2002).
    GaussNewton,
    /// F = 1/N Σₙ gₙ·gₙᵀ with the gradients gₙ of the examples (Kunstner, Balles and Hennig 2019, eq. 3).
    EmpiricalFisher,
}

impl<A: Scalar> Objective<A> for Risk<'_, A> {
    fn dim(&self) -> usize {
        self.model.layout().len()
    }

    fn value(&mut self, theta: &[A]) -> A {
        let Workspace { y, tape, .. } = self.memory.of(self.model, self.x.nrows());
        let mut y = rows::first_mut(y, self.x.nrows());
        self.probe.forward(|| self.model.forward(self.mode, theta, self.x, &mut y, tape));
        self.scale * Weighted::of(self.loss, &self.target, self.weights).value(&y)
    }

    fn value_and_grad(&mut self, theta: &[A], grad: &mut [A]) -> A {
        self.accumulate(theta, grad, Accum::Replace)
    }

    fn hessian_vector(&mut self, theta: &[A], v: &[A], hv: &mut [A]) {
        hv.fill(A::zero());
        if self.accumulate_product(Curvature::Hessian, theta, v, hv).is_none() {
            central_difference(self, theta, v, hv);
        }
    }

    /// # Panics
    /// If a layer of the model has no second order.
    fn gauss_newton_vector(&mut self, theta: &[A], v: &[A], gv: &mut [A]) {
        gv.fill(A::zero());
        self.accumulate_product(Curvature::GaussNewton, theta, v, gv)
            .expect("risk: a Gauss-Newton product needs the second order of every layer");
    }
}
