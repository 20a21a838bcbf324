//! How a model is trained, and how it went.

use std::cell::RefCell;
use std::ops::ControlFlow;

use chainrule::datasets::Dataset;
use chainrule::loss::LossKind;
use chainrule::model::{Model, Task, Trainer};
use chainrule::optim::{Clip, OptimizerKind, RuleKind, ScheduleKind};
use chainrule::tensor::Scalar;
use chainrule::train::{Epoch, History, Stop};
use pyo3::prelude::*;
use serde::Deserialize;

use crate::faults::{fit_error, value_error};
use crate::signals::Signals;

/// How a model is trained.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Training {
    epochs: Option<usize>,
    batch: Option<usize>,
    optimizer: Option<String>,
    learning_rate: Option<f64>,
    schedule: Option<String>,
    weight_decay: Option<f64>,
    clip: Option<f64>,
    patience: Option<usize>,
    loss: Option<String>,
    augment: Option<String>,
    seed: u64,
    threads: usize,
}

/// What happened in an epoch.
#[derive(IntoPyObject)]
struct EpochReport {
    epoch: usize,
    train_loss: f64,
    validation_loss: Option<f64>,
    validation_score: Option<f64>,
    learning_rate: Option<f64>,
    seconds: f64,
}

/// How a training went.
#[derive(IntoPyObject)]
pub(crate) struct Report {
    epochs: Vec<EpochReport>,
    best: Option<usize>,
    stop: &'static str,
    error: Option<PyErr>,
}

pub(super) fn fit<A: Scalar>(
    model: &mut Model<A>,
    train: &Dataset<A>,
    validation: Option<&Dataset<A>>,
    training: &Training,
    signals: &mut Signals,
) -> PyResult<History> {
    let mut task = Task::new(train);
    if let Some(validation) = validation {
        task = task.validation(validation);
    }
    if let Some(loss) = &training.loss {
        let loss: LossKind = loss.parse().map_err(value_error)?;
        task = task.boxed_loss(loss.spec().build());
    }
    let signals = RefCell::new(signals);
    let mut trainer = Trainer::new(&task)
        .seed(training.seed)
        .threads(training.threads)
        .on_step(|_| flow(signals.borrow_mut().interrupted()))
        .on_epoch(|epoch: &Epoch| {
            flow(signals.borrow_mut().ends(epoch.epoch, epoch.train_loss, epoch.validation_metric()))
        });
    if let Some(batch) = training.batch {
        trainer = trainer.batch(batch);
    }
    if let Some(epochs) = training.epochs {
        trainer = trainer.epochs(epochs);
    }
    if let Some(norm) = training.clip {
        trainer = trainer.clip(Clip::Norm(norm));
    }
    if let Some(patience) = training.patience {
        trainer = trainer.patience(patience);
    }
    if let Some(augment) = &training.augment {
        trainer = trainer.augment(augment.parse().map_err(value_error)?);
    }
    let optimizer = training.optimizer.as_deref().map(str::parse::<OptimizerKind>).transpose();
    trainer = match optimizer.map_err(value_error)? {
        Some(OptimizerKind::QuasiNewton(kind)) => {
            trainer.batch(train.len()).optimizer_with(move |layout, _| kind.spec().build(layout.len()))
        }
        Some(OptimizerKind::Rule(rule)) => descent(trainer, Some(rule), training)?,
        None => descent(trainer, None, training)?,
    };
    trainer.fit(model).map_err(fit_error)
}

/// How the program descends: as its recipe does where nothing is chosen, else at a constant rate and with the weight decay of the rule.
fn descent<'a, A: Scalar>(
    trainer: Trainer<'a, A>,
    rule: Option<RuleKind>,
    training: &Training,
) -> PyResult<Trainer<'a, A>> {
    let Training { learning_rate, weight_decay, .. } = *training;
    let schedule =
        training.schedule.as_deref().map(str::parse::<ScheduleKind>).transpose().map_err(value_error)?;
    if rule.is_none() && learning_rate.is_none() && weight_decay.is_none() && schedule.is_none() {
        return Ok(trainer);
    }
    let rule = rule.unwrap_or(RuleKind::Adam).spec();
    let trainer = trainer
        .weight_decay(weight_decay.unwrap_or(rule.weight_decay()))
        .schedule(schedule.unwrap_or(ScheduleKind::Constant))
        .learning_rate(learning_rate.unwrap_or(rule.learning_rate()));
    Ok(trainer.optimizer(rule))
}

fn flow(ends: bool) -> ControlFlow<()> {
    if ends { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

pub(super) fn report(history: History, error: Option<PyErr>) -> Report {
    let epoch = |epoch: Epoch| EpochReport {
        epoch: epoch.epoch,
        train_loss: epoch.train_loss,
        validation_loss: epoch.validation_loss,
        validation_score: epoch.validation_metric(),
        learning_rate: epoch.learning_rate,
        seconds: epoch.seconds,
    };
    let stop = match history.stop {
        Stop::Finished => "finished",
        Stop::Patience => "patience",
        Stop::Tolerance => "tolerance",
        Stop::Callback => "callback",
    };
    Report { epochs: history.epochs.into_iter().map(epoch).collect(), best: history.best, stop, error }
}
