//! A training step as a user of the library writes it.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use chainrule::layers::{Layer, Mode, Sequential, Tape, TapeKind};
use chainrule::loss::Loss;
use chainrule::ndarray::{Array2, Axis};
use chainrule::optim::Optimizer;
use chainrule::tensor::pool::UNIT;
use chainrule::tensor::{Aligned, Pool, Rng};
use chainrule::train::{Risk, ShardBuffers, Sharded, Workspace};

use crate::workload::{Batches, Data, Workload, optimizer};

/// A network that learns, or only predicts, batch after batch.
pub struct Training<'a> {
    batches: Batches<'a>,
    model: Sequential<f32>,
    loss: Box<dyn Loss<f32>>,
    optimizer: Box<dyn Optimizer<f32>>,
    theta: Aligned<f32>,
    memory: Memory,
    /// Steps taken.
    steps: u64,
}

/// What lies between forward and backward, for one thread or many.
#[derive(Debug)]
enum Memory {
    Alone(Workspace<f32>),
    Together {
        buffers: ShardBuffers<f32>,
        pool: Pool,
    },
    /// Predictions: each thread has rows of its own, or they share the products of a batch too small for that.
    Predictions {
        parts: Vec<Mutex<(Array2<f32>, Tape<f32>)>>,
        pool: Pool,
    },
}

impl fmt::Debug for Training<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Training").field("model", &self.model).finish_non_exhaustive()
    }
}

impl<'a> Training<'a> {
    /// The network at its initial θ.
    pub fn new(workload: &Workload, data: &'a Data, threads: usize) -> Self {
        let model = workload.architecture.build::<f32>(None);
        let theta = model.layout().init::<f32>(&mut Rng::new(1));
        let memory = if workload.forward_only {
            let rows = workload.batch.div_ceil(threads).max(UNIT.min(workload.batch));
            let part =
                || Mutex::new((Array2::zeros((rows, model.outputs())), model.tape(TapeKind::Gradient, rows)));
            let parts = (0..workload.batch.div_ceil(rows)).map(|_| part()).collect();
            Memory::Predictions { parts, pool: Pool::new(threads) }
        } else if threads == 1 {
            Memory::Alone(Workspace::new(&model, workload.batch))
        } else {
            Memory::Together { buffers: ShardBuffers::new(&model, workload.batch), pool: Pool::new(threads) }
        };
        let optimizer = optimizer(workload.optimizer, model.layout());
        Self {
            batches: data.batches(),
            loss: workload.loss.spec().build(),
            model,
            optimizer,
            theta,
            memory,
            steps: 0,
        }
    }

    /// One step on the next batch. Returns the loss before it, or 0 where nothing is trained.
    ///
    /// # Panics
    /// If there are no data.
    pub fn step(&mut self) -> f32 {
        let (x, target) = self.batches.next().expect("there is a batch");
        self.steps += 1;
        let (model, loss) = (&self.model, &*self.loss);
        let mode = Mode::Train { seed: self.steps, row: 0 };
        match &mut self.memory {
            Memory::Alone(workspace) => {
                let mut risk = Risk::new(model, loss, &x, &target).mode(mode).within(workspace);
                self.optimizer.step(&mut risk, &mut self.theta)
            }
            Memory::Together { buffers, pool } => {
                let mut risk = Sharded::new(model, loss, &x, &target, mode, buffers, pool);
                pool.enter(|| self.optimizer.step(&mut risk, &mut self.theta))
            }
            Memory::Predictions { parts, pool } => {
                let rows = x.nrows().div_ceil(parts.len());
                let forward = |i: usize| {
                    let x = x.axis_chunks_iter(Axis(0), rows).nth(i).expect("one chunk a part");
                    let mut part = parts[i].lock().unwrap_or_else(PoisonError::into_inner);
                    let (y, tape) = &mut *part;
                    let mut y = y.slice_axis_mut(Axis(0), (..x.nrows()).into());
                    model.forward(Mode::EVAL, &self.theta, &x, &mut y, tape);
                };
                match parts.len() {
                    1 => pool.enter(|| forward(0)),
                    parts => pool.run(parts, &forward),
                }
                0.0
            }
        }
    }

    /// Takes `steps` steps and returns the last loss.
    ///
    /// # Panics
    /// If it is not finite: a step that is skipped for want of a gradient must not count as fast.
    pub fn run(&mut self, steps: usize) -> f32 {
        let mut loss = 0.0;
        for _ in 0..steps {
            loss = self.step();
        }
        assert!(loss.is_finite(), "the loss became {loss}: this is no measurement of training");
        loss
    }
}
