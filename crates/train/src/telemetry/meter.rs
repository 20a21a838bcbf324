use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chainrule_tensor::{Layout, Scalar, vector};

/// Measures what a training step spends its time on, and the length of its gradient.
///
/// The training loop and the objectives report to it through a [`Probe`]; nothing stands between them and what they call.
/// The clock is read twice a pass. The gradient is measured only at steps that [`arm`](Self::arm) asks for.
///
/// ```
/// use chainrule_layers::{Dense, Layer, Mode};
/// use chainrule_loss::SquaredError;
/// use chainrule_optim::{Descent, Optimizer, Schedule, Sgd};
/// use chainrule_tensor::{Pool, ndarray::array};
/// use chainrule_train::{Meter, ShardBuffers, Sharded};
///
/// let (meter, model, loss, pool) = (Meter::new(), Dense::new(1, 1), SquaredError::default(), Pool::new(1));
/// let mut sgd = Descent::new(Sgd, 2, Schedule::constant(0.1));
/// let (x, target, mut buffers) = (array![[2.0]], array![[1.0]], ShardBuffers::new(&model, 1));
/// let risk = Sharded::new(&model, &loss, &x, &target, Mode::EVAL, &mut buffers, &pool);
/// meter.arm();
/// meter.probe().step(|| sgd.step(&mut risk.probed(meter.probe()), &mut [3.0, 0.0]));
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
    /// Whether an objective is being computed: objectives within one another count once.
    is_inside: AtomicBool,
    /// Whether the next step's gradient is to be measured, and whether the present one's is.
    is_armed: AtomicBool,
    is_measuring: AtomicBool,
    /// ‖∂C/∂p‖ for each parameter p of the layout.
    gradient: Mutex<Vec<f64>>,
}

/// How the time of the steps divides. Forward and backward share the time of the objective as their threads did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Split {
    /// Layers' forward passes.
    pub forward: Duration,
    /// Losses and layers' backward passes.
    pub backward: Duration,
    /// The optimizer's own work.
    pub update: Duration,
}

impl Meter {
    /// A meter at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// What reports to this meter.
    pub fn probe(&self) -> Probe<'_> {
        Probe(Some(self))
    }

    /// Measures the gradient of the next step.
    pub fn arm(&self) {
        self.is_armed.store(true, Relaxed);
    }

    /// The Euclidean norm of ∂C/∂p for each parameter p of the layout, when last measured.
    pub fn gradient(&self) -> Vec<f64> {
        self.gradient.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How the time of the steps so far divides.
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

/// Reports to a [`Meter`], if there is one: runs each piece of work, and times it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Probe<'a>(Option<&'a Meter>);

impl Probe<'_> {
    /// A step of an optimizer.
    pub fn step<T>(self, work: impl FnOnce() -> T) -> T {
        let Some(meter) = self.0 else { return work() };
        meter.is_measuring.store(meter.is_armed.swap(false, Relaxed), Relaxed);
        let result = timed(&meter.step, work);
        meter.is_measuring.store(false, Relaxed);
        result
    }

    /// What an objective computes. Of objectives within one another, the outermost counts.
    pub fn objective<T>(self, work: impl FnOnce() -> T) -> T {
        let Some(meter) = self.0 else { return work() };
        if meter.is_inside.swap(true, Relaxed) {
            return work();
        }
        let result = timed(&meter.objective, work);
        meter.is_inside.store(false, Relaxed);
        result
    }

    /// The same for ∂C/∂θ, which `work` writes to `grad`, in `layout`; its norms are noted where they are asked for.
    pub fn gradient<A: Scalar>(self, layout: &Layout, grad: &mut [A], work: impl FnOnce(&mut [A]) -> A) -> A {
        let Some(meter) = self.0 else { return work(grad) };
        let is_outermost = !meter.is_inside.load(Relaxed);
        let value = self.objective(|| work(grad));
        if is_outermost && meter.is_measuring.load(Relaxed) {
            let mut norms = meter.gradient.lock().unwrap_or_else(PoisonError::into_inner);
            norms.clear();
            norms.extend(layout.entries().iter().map(|entry| vector::norm(&grad[entry.range()]).as_f64()));
        }
        value
    }

    /// A forward pass.
    pub fn forward(self, work: impl FnOnce()) {
        match self.0 {
            Some(meter) => timed(&meter.forward, work),
            None => work(),
        }
    }

    /// A backward pass.
    pub fn backward(self, work: impl FnOnce()) {
        match self.0 {
            Some(meter) => timed(&meter.backward, work),
            None => work(),
        }
    }
}

fn timed<T>(counter: &AtomicU64, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    counter.fetch_add(start.elapsed().as_nanos() as u64, Relaxed);
    result
}
