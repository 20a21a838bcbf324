//! The results of a training run.

use std::fmt::Write as _;
use std::time::Duration;

use chainrule::datasets::{Augmentation, Dataset, Parts};
use chainrule::model::ModelCard;
use chainrule::tensor::Scalar;
use chainrule::train::{Epoch, Evaluation, History, Metrics, Split, Stop};
use chainrule_report::clock;
use chainrule_report::diagnostics::Diagnostics;
use chainrule_report::digits::{duration, ratio, significant};
use chainrule_report::results::{
    self, Baseline, Communication, Figures, LossUnits, Results, Summary, TimeSplit,
};

use super::folder::RunFolder;
use super::machine::machine;
use crate::commands::evaluate;
use crate::table::{TableColumn, table};
use crate::terminal::wrapped;

/// What a run came to, on each part of the data.
pub(crate) struct Outcome {
    pub(crate) train: Evaluation,
    pub(crate) validation: Option<Evaluation>,
    pub(crate) test: Option<Evaluation>,
    pub(crate) history: History,
    /// Where the time of this process's steps went, and the seconds it spent on epochs in all.
    pub(crate) split: Split,
    pub(crate) in_epochs: f64,
    /// What the file of the data was taken for.
    pub(crate) taken_for: Option<String>,
    /// Epochs that were complete when the run was resumed, if it was.
    pub(crate) resumed: Option<usize>,
    /// How the training images were varied.
    pub(crate) augment: Option<Augmentation>,
    /// The messages between the ranks, if there are several.
    pub(crate) communication: Option<Communication>,
    /// What simpler predictions reach on the test data.
    pub(crate) baselines: Vec<Baseline>,
    /// That the targets are the same in all examples, if they are.
    pub(crate) constant: Option<String>,
    /// The loss, and the units of its values.
    pub(crate) loss: LossUnits,
    /// Epochs without a lower validation loss after which the run ends.
    pub(crate) patience: Option<usize>,
}

impl Outcome {
    /// The parts of the data and what was measured on each.
    fn parts(&self) -> impl Iterator<Item = (&'static str, &Evaluation)> {
        let parts = [
            ("training", Some(&self.train)),
            ("validation", self.validation.as_ref()),
            ("test", self.test.as_ref()),
        ];
        parts.into_iter().filter_map(|(name, evaluation)| Some((name, evaluation?)))
    }

    /// Whether the network predicts classes or labels; else it is a regression.
    fn classifies(&self) -> bool {
        !matches!(self.train.metrics, Metrics::Regression(_))
    }

    fn seconds(&self) -> f64 {
        self.history.epochs.iter().fold(0.0, |sum, epoch| sum + epoch.seconds)
    }

    fn examples_per_second(&self) -> f64 {
        let seen: usize = self.history.epochs.iter().map(|epoch| epoch.examples).sum();
        seen as f64 / self.seconds().max(f64::MIN_POSITIVE)
    }

    /// Whether more epochs would lower the loss further: all of them were done, and of all that the loss fell, more than a fiftieth
    /// fell in the last tenth of them: the training loss and, where there is one, the validation loss.
    fn is_still_falling(&self) -> bool {
        let epochs = &self.history.epochs;
        let [first, .., last] = &epochs[..] else { return false };
        let before = &epochs[epochs.len() - 1 - epochs.len().div_ceil(10)];
        let falls = |loss: fn(&Epoch) -> Option<f64>| match (loss(first), loss(before), loss(last)) {
            (Some(first), Some(before), Some(last)) => before - last > (first - last) / 50.0,
            _ => true,
        };
        self.history.stop == Stop::Finished
            && epochs.len() > 2
            && falls(|epoch| Some(epoch.train_loss))
            && falls(|epoch| epoch.validation_loss)
            && self.history.best.is_none_or(|best| best == last.epoch)
    }

    /// Whether each epoch had the loss of the first, to the bit.
    fn never_moved(&self) -> bool {
        let losses = || self.history.epochs.iter().map(|epoch| epoch.train_loss.to_bits());
        losses().count() > 1 && losses().all(|loss| Some(loss) == losses().next())
    }

    /// How the run ended, where that is worth a line: early, with the parameters of another epoch, or too early.
    fn ending(&self) -> Option<String> {
        let (epochs, best) = (self.history.epochs.len(), self.history.best);
        let restored =
            best.map(|best| format!("the model is that of epoch {best}, with the lowest validation loss"));
        match (self.history.stop, self.patience) {
            (Stop::Patience, Some(patience)) => {
                let for_long =
                    if patience == 1 { "an epoch".to_owned() } else { format!("{patience} epochs") };
                let since =
                    format!("stopped early after epoch {epochs}: no lower validation loss for {for_long}");
                Some([Some(since), restored].into_iter().flatten().collect::<Vec<_>>().join("; "))
            }
            _ if self.never_moved() => Some(
                "the loss never moved: the gradient is 0 at the initial weights, as at a saddle point, or each step too short to count: \
                 take other weights (--init, --seed) or another rate"
                    .to_owned(),
            ),
            _ if self.is_still_falling() => {
                let falling = format!("the loss is still falling: raise --epochs above {epochs}");
                Some(restored.map_or(falling.clone(), |restored| format!("{restored}; {falling}")))
            }
            _ => restored,
        }
    }

    /// Which epoch the best model is of, and its figures as the line of that epoch has them. Where the run has gone back to it, the last
    /// model is the same, and `ending` says so.
    fn best(&self) -> Option<String> {
        let epochs = &self.history.epochs;
        let loss = |epoch: &Epoch| epoch.validation_loss.unwrap_or(epoch.train_loss);
        let finite = epochs.iter().filter(|epoch| loss(epoch).is_finite());
        let best = finite.min_by(|a, b| loss(a).total_cmp(&loss(b)))?;
        let last = if best.epoch == epochs.len() { ", the last," } else { "" };
        let part = if best.validation_loss.is_some() { "validation" } else { "training" };
        let mut text =
            format!("epoch {}{last} has the lowest {part} loss, {}", best.epoch, significant(loss(best)));
        if let Some(metric) = best.validation_metric() {
            let name = if self.classifies() { "accuracy" } else { "R²" };
            put(&mut text, format_args!(", and {name} {}", ratio(metric)));
        }
        self.history.best.is_none().then_some(text)
    }

    /// All that `results.json` keeps.
    pub(crate) fn results<A: Scalar>(
        &self,
        card: &ModelCard,
        parameters: usize,
        folder: &RunFolder,
        parts: &Parts<A>,
    ) -> Results {
        let figures = |part: &Option<Dataset<A>>, evaluation: &Option<Evaluation>| {
            let (part, evaluation) = part.as_ref().zip(evaluation.as_ref())?;
            Some(evaluate::figures(part.target(), part.len(), evaluation))
        };
        let Split { forward, backward, update } = self.split;
        let [forward, backward, update] =
            [forward, backward, update].map(|part: Duration| part.as_secs_f64());
        let data = (self.in_epochs - forward - backward - update).max(0.0);
        Results {
            summary: self.summary(card, parameters, folder),
            taken_for: self.taken_for.clone(),
            loss: Some(self.loss.clone()),
            resumed: self.resumed,
            augment: self.augment.map(|augmentation| augmentation.to_string()),
            split: TimeSplit { data, forward, backward, update },
            communication: self.communication,
            machine: machine(),
            finished: clock::now(),
            test: figures(&parts.test, &self.test),
            validation: if parts.test.is_none() {
                figures(&parts.validation, &self.validation)
            } else {
                None
            },
            baselines: self.baselines.clone(),
            diagnostics: Diagnostics::default(),
        }
    }

    fn summary(&self, card: &ModelCard, parameters: usize, folder: &RunFolder) -> Summary {
        Summary {
            data: card.data.clone(),
            layers: card.architecture.summary(),
            parameters,
            epochs: self.history.epochs.len(),
            best_epoch: self.history.best,
            seconds: self.seconds(),
            samples_per_second: self.examples_per_second(),
            seed: card.seed,
            figures: self.figures(),
            model: folder.last().display().to_string(),
            report: folder.report().display().to_string(),
            run: folder.path().display().to_string(),
        }
    }

    fn figures(&self) -> Figures {
        let loss = |part: &Option<Evaluation>| part.as_ref().map(|evaluation| evaluation.loss);
        let score = |part: &Option<Evaluation>| {
            part.as_ref().map(|evaluation| evaluate::headline(&evaluation.metrics))
        };
        let (train_loss, train) = (self.train.loss, evaluate::headline(&self.train.metrics));
        let (validation_loss, validation) = (loss(&self.validation), score(&self.validation));
        let (test_loss, test) = (loss(&self.test), score(&self.test));
        if self.classifies() {
            Figures::Classification {
                train_loss,
                train_accuracy: train,
                validation_loss,
                validation_accuracy: validation,
                test_loss,
                test_accuracy: test,
            }
        } else {
            Figures::Regression {
                train_loss,
                train_r2: train,
                validation_loss,
                validation_r2: validation,
                test_loss,
                test_r2: test,
            }
        }
    }

    /// A table, and where everything lies.
    ///
    /// What is laid out has at most `columns` characters; other lines are folded where they are printed.
    pub(crate) fn table(&self, folder: &RunFolder, results: &Results, columns: usize) -> String {
        let each = match &results.test {
            Some(results::Evaluation::Regression { targets, .. }) if !targets.is_empty() => {
                Some(evaluate::target_table(targets, columns))
            }
            Some(results::Evaluation::MultiLabel { labels, .. }) => {
                Some(evaluate::class_table("label", labels, &[], columns))
            }
            _ => None,
        };
        let of_parts =
            self.parts().map(|(name, part)| (name, Some(part.loss), evaluate::headline(&part.metrics)));
        let of_baselines = self.baselines.iter().map(|one| (one.name.as_str(), one.loss, one.metric.value()));
        let rows: Vec<_> = of_parts.chain(of_baselines).collect();
        let names = rows.iter().map(|(name, ..)| (*name).to_owned());
        let losses = rows.iter().map(|(_, loss, _)| loss.map_or_else(|| "–".to_owned(), significant));
        let scores = rows.iter().map(|(.., score)| ratio(*score));
        let score = if self.classifies() { "accuracy" } else { "R²" };
        let figures = vec![
            TableColumn::words(0, "", names).at_least(13),
            TableColumn::numbers(0, "loss", losses).at_least(9),
            TableColumn::numbers(0, score, scores).at_least(8),
        ];
        let mut text = format!("{}\n", table(figures, columns));
        if let Some(constant) = &self.constant {
            put(&mut text, format_args!("\n{constant}\n"));
        }
        if let Some(each) = each {
            put(&mut text, format_args!("\non the test data:\n{each}\n"));
        }
        if let Some(ended) = self.ending() {
            put(&mut text, format_args!("\n{ended}\n"));
        }
        let rate = self.examples_per_second();
        let mut loss = format!("loss        {}, mean over the examples", self.loss.in_words());
        if let (true, Some(unit)) = (self.loss.is_standardised(), &self.loss.unit_in_training) {
            put(&mut loss, format_args!("; during training in {unit}"));
        }
        put(&mut text, format_args!("\n{loss}\n"));
        put(&mut text, format_args!("time        {}, {rate:.0} examples/s\n", duration(self.seconds())));
        put(&mut text, format_args!("model       {}\n", folder.last().display()));
        if let Some(best) = self.best() {
            put(&mut text, format_args!("best        {}: {best}\n", folder.best().display()));
        }
        let headline = match &self.test {
            Some(test) => match &test.metrics {
                Metrics::Classification(confusion) => {
                    format!("test accuracy {:.2} %", 100.0 * confusion.accuracy())
                }
                Metrics::MultiLabel(metrics) => {
                    format!("test accuracy {:.2} % (all labels of an example)", 100.0 * metrics.accuracy())
                }
                Metrics::Regression(fit) if fit.columns() > 1 => {
                    format!(
                        "test R² {} (mean of {} targets)",
                        ratio(evaluate::headline(&test.metrics)),
                        fit.columns()
                    )
                }
                Metrics::Regression(_) if test.metrics.r_squared().is_none() => {
                    format!("test loss {}", significant(test.loss))
                }
                Metrics::Regression(fit) => format!("test R² {}", ratio(fit.r_squared())),
            },
            None => format!("training loss {}", significant(self.train.loss)),
        };
        let last = [headline, format!("the report is {}", folder.report().display())];
        put(&mut text, format_args!("{}\n", wrapped(&last, "; ", columns)));
        text
    }
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("a string takes every write");
}
