use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chainrule_layers::{Grad, Layer, Mode, Point, SecondOrder, Station, Structure, Tape};
use chainrule_optim::{Objective, Optimizer};
use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::{Layout, Scalar, Shape, vector};

/// What a training step spends its time on, and how long the gradient is.
///
/// A meter stands around a model and around an optimizer, as a layer and as an optimizer: the loop between them does not
/// know. It reads the clock twice a pass; the gradient is measured only at steps that [`arm`](Self::arm) names.
///
/// ```
/// use chainrule_layers::{Dense, Layer, Mode};
/// use chainrule_loss::SquaredError;
/// use chainrule_optim::{Descent, Optimizer, Schedule, Sgd};
/// use chainrule_tensor::ndarray::array;
/// use chainrule_train::{Meter, Risk, Workspace};
///
/// let (meter, dense, loss) = (Meter::new(), Dense::new(1, 1), SquaredError::default());
/// let model = meter.model::<f64>(&dense);
/// let mut sgd = meter.optimizer(Box::new(Descent::new(Sgd, 2, Schedule::constant(0.1))), model.layout());
/// let (x, target, mut workspace) = (array![[2.0]], array![[1.0]], Workspace::new(&model, 1));
/// let mut risk = Risk::new(&model, &loss, &x, &target, Mode::EVAL, &mut workspace);
/// meter.arm();
/// sgd.step(&mut risk, &mut [3.0, 0.0]);
/// assert_eq!(meter.gradient(), [20.0, 10.0]); // ∂C/∂w and ∂C/∂b
/// assert!(meter.split().backward.as_nanos() > 0);
/// ```
#[derive(Debug, Default)]
pub struct Meter {
    /// Nanoseconds of all threads.
    forward: AtomicU64,
    backward: AtomicU64,
    /// Nanoseconds of the calling thread: in the objective, and in the whole step.
    objective: AtomicU64,
    step: AtomicU64,
    armed: AtomicBool,
    /// ‖∂C/∂p‖ for each parameter p of the layout.
    gradient: Mutex<Vec<f64>>,
}

/// Where the time of the steps went. Forward and backward share the time of the objective as their threads did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Split {
    /// Layers' forward passes.
    pub forward: Duration,
    /// Losses and layers' backward passes.
    pub backward: Duration,
    /// What the optimizer does itself.
    pub update: Duration,
}

impl Meter {
    /// A meter at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same model, with its passes timed.
    pub fn model<'a, A: Scalar>(&'a self, inner: &'a dyn Layer<A>) -> Metered<'a, A> {
        Metered { inner, meter: self }
    }

    /// The same optimizer, with its steps timed and its gradients measured.
    pub fn optimizer<'a, A: Scalar>(
        &'a self,
        inner: Box<dyn Optimizer<A>>,
        layout: &'a Layout,
    ) -> MeteredOptimizer<'a, A> {
        MeteredOptimizer { inner, layout, meter: self }
    }

    /// Measures the gradient of the next step.
    pub fn arm(&self) {
        self.armed.store(true, Relaxed);
    }

    /// The Euclidean norm of ∂C/∂p for each parameter p of the layout, when last measured.
    pub fn gradient(&self) -> Vec<f64> {
        self.gradient.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where the time went so far.
    pub fn split(&self) -> Split {
        let read = |counter: &AtomicU64| Duration::from_nanos(counter.load(Relaxed));
        let (forward, backward) = (read(&self.forward), read(&self.backward));
        let (objective, step) = (read(&self.objective), read(&self.step));
        let passes = (forward + backward).as_secs_f64();
        let forward =
            if passes > 0.0 { objective.mul_f64(forward.as_secs_f64() / passes) } else { Duration::ZERO };
        Split { forward, backward: objective.saturating_sub(forward), update: step.saturating_sub(objective) }
    }
}

fn timed<T>(counter: &AtomicU64, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    counter.fetch_add(start.elapsed().as_nanos() as u64, Relaxed);
    result
}

/// A model whose passes a [`Meter`] times.
#[derive(Debug)]
pub struct Metered<'a, A: Scalar> {
    inner: &'a dyn Layer<A>,
    meter: &'a Meter,
}

impl<A: Scalar> Layer<A> for Metered<'_, A> {
    fn inputs(&self) -> usize {
        self.inner.inputs()
    }

    fn outputs(&self) -> usize {
        self.inner.outputs()
    }

    fn layout(&self) -> &Layout {
        self.inner.layout()
    }

    fn tape(&self, batch: usize) -> Tape<A> {
        self.inner.tape(batch)
    }

    fn gradient_tape(&self, batch: usize) -> Tape<A> {
        self.inner.gradient_tape(batch)
    }

    fn forward(
        &self,
        mode: Mode<'_, A>,
        theta: &[A],
        x: &ArrayRef2<A>,
        y: &mut ArrayRef2<A>,
        tape: &mut Tape<A>,
    ) {
        timed(&self.meter.forward, || self.inner.forward(mode, theta, x, y, tape));
    }

    fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        grad: Option<Grad<'_, A>>,
        tape: &mut Tape<A>,
    ) {
        timed(&self.meter.backward, || self.inner.backward(at, delta, delta_x, grad, tape));
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        self.inner.second_order()
    }

    fn input_shape(&self) -> Shape {
        self.inner.input_shape()
    }

    fn output_shape(&self) -> Shape {
        self.inner.output_shape()
    }

    fn is_view(&self) -> bool {
        self.inner.is_view()
    }

    fn statistics(&self) -> &Layout {
        self.inner.statistics()
    }

    fn observe(&self, tape: &Tape<A>, observed: &mut [A]) {
        self.inner.observe(tape, observed);
    }

    fn track(&self, observed: &[A], statistics: &mut [A]) {
        self.inner.track(observed, statistics);
    }

    fn structure(&self) -> Structure {
        self.inner.structure()
    }

    fn each_part<'p>(&'p self, station: &Station<'p, A>, visit: &mut dyn FnMut(Station<'p, A>)) {
        self.inner.each_part(station, visit);
    }

    fn near_kink(&self, theta: &[A], x: &ArrayRef2<A>, radius: A) -> bool {
        self.inner.near_kink(theta, x, radius)
    }
}

/// An optimizer whose steps a [`Meter`] times and whose gradients it measures.
pub struct MeteredOptimizer<'a, A: Scalar> {
    inner: Box<dyn Optimizer<A>>,
    layout: &'a Layout,
    meter: &'a Meter,
}

impl<A: Scalar> fmt::Debug for MeteredOptimizer<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeteredOptimizer").field("meter", self.meter).finish_non_exhaustive()
    }
}

impl<A: Scalar> Optimizer<A> for MeteredOptimizer<'_, A> {
    fn step(&mut self, objective: &mut dyn Objective<A>, theta: &mut [A]) -> A {
        let Self { inner, layout, meter } = self;
        let armed = meter.armed.swap(false, Relaxed);
        let mut seen = Seen { objective, meter, layout: armed.then_some(*layout) };
        timed(&meter.step, || inner.step(&mut seen, theta))
    }

    fn state(&mut self, visit: &mut dyn FnMut(&str, &mut [A])) {
        self.inner.state(visit);
    }

    fn learning_rate(&self) -> Option<f64> {
        self.inner.learning_rate()
    }

    fn observe(&mut self, loss: f64) {
        self.inner.observe(loss);
    }
}

/// An objective as the optimizer inside sees it.
struct Seen<'a, A: Scalar> {
    objective: &'a mut dyn Objective<A>,
    meter: &'a Meter,
    /// The parameters whose gradients are wanted, if any.
    layout: Option<&'a Layout>,
}

impl<A: Scalar> Objective<A> for Seen<'_, A> {
    fn dim(&self) -> usize {
        self.objective.dim()
    }

    fn value(&mut self, theta: &[A]) -> A {
        timed(&self.meter.objective, || self.objective.value(theta))
    }

    fn value_and_grad(&mut self, theta: &[A], grad: &mut [A]) -> A {
        let value = timed(&self.meter.objective, || self.objective.value_and_grad(theta, grad));
        if let Some(layout) = self.layout {
            let mut norms = self.meter.gradient.lock().unwrap_or_else(PoisonError::into_inner);
            norms.clear();
            norms.extend(layout.entries().iter().map(|entry| vector::norm(&grad[entry.range()]).as_f64()));
        }
        value
    }

    fn hessian_vector(&mut self, theta: &[A], v: &[A], hv: &mut [A]) {
        timed(&self.meter.objective, || self.objective.hessian_vector(theta, v, hv));
    }

    fn gauss_newton_vector(&mut self, theta: &[A], v: &[A], gv: &mut [A]) {
        timed(&self.meter.objective, || self.objective.gauss_newton_vector(theta, v, gv));
    }
}
