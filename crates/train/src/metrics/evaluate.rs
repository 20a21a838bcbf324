use chainrule_datasets::{Batches, Dataset, Encoding, Pipeline, Target};
use chainrule_layers::Layer;
use chainrule_loss::Loss;
use chainrule_tensor::ndarray::Axis;
use chainrule_tensor::{Scalar, rows, vector};
use thiserror::Error;

use crate::metrics::classification::Confusion;
use crate::metrics::multi_label::MultiLabelMetrics;
use crate::metrics::regression::RegressionMetrics;
use crate::objective::division::{Division, share};
use crate::objective::workspace::Workspace;
use crate::run::culprit::culprit;
use crate::run::process_group::{ProcessGroup, Unreadable, all_read};
use crate::weights::Weights;

/// The rows of one forward pass.
const ROWS: usize = 256;

/// How a network does on data.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The mean loss of an example.
    pub loss: f64,
    /// All else that is measured.
    pub metrics: Metrics,
}

/// Why a network could not be measured.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// A file that the examples stay in can no longer be read.
    #[error(transparent)]
    Data(#[from] Unreadable),
    /// The network overflows: an output is NaN or infinite, and says nothing of its class or number.
    #[error(
        "{data}, example {example}: {place} is not finite: the network overflows there; {}train with a lower learning rate or with --dtype f64",
        if *is_standardised { "" } else { "standardise the input, or " }
    )]
    Overflow {
        /// The name of the data.
        data: String,
        /// The first such example, from 1.
        example: usize,
        /// The first place of the network that holds a number that is not finite.
        place: String,
        /// Whether the inputs are standardised, so that to do so is no cure.
        is_standardised: bool,
    },
}

/// What is measured besides the loss.
#[derive(Debug, Clone, PartialEq)]
pub enum Metrics {
    /// Predicted against true classes.
    Classification(Confusion),
    /// R² and the root mean square error.
    Regression(RegressionMetrics),
    /// Predicted against true labels.
    MultiLabel(MultiLabelMetrics),
}

impl Metrics {
    /// The accuracy, of a classification; with several labels that of exact matches.
    pub fn accuracy(&self) -> Option<f64> {
        match self {
            Metrics::Classification(confusion) => Some(confusion.accuracy()),
            Metrics::MultiLabel(metrics) => Some(metrics.accuracy()),
            Metrics::Regression(_) => None,
        }
    }

    /// R², of a regression each of whose targets varies.
    pub fn r_squared(&self) -> Option<f64> {
        match self {
            Metrics::Classification(_) | Metrics::MultiLabel(_) => None,
            Metrics::Regression(metrics) => {
                (0..metrics.columns()).all(|column| metrics.varies(column)).then(|| metrics.r_squared())
            }
        }
    }

    /// The figure to report first: the accuracy of a classification, R² of a regression, by convention also where it is not defined.
    pub fn headline(&self) -> f64 {
        match self {
            Metrics::Classification(confusion) => confusion.accuracy(),
            Metrics::Regression(metrics) => metrics.r_squared(),
            Metrics::MultiLabel(metrics) => metrics.accuracy(),
        }
    }
}

/// Measures `model` with `weights` on `data`, example by example in their order, with dropout off.
///
/// # Errors
/// If a file that the examples stay in can no longer be read, or an output of the network is NaN or infinite.
///
/// # Panics
/// If the encoding does not fit the targets, the model the data, or the statistics in `weights` the model.
///
/// ```
/// use chainrule_datasets::{Encoding, Pipeline, synthetic};
/// use chainrule_layers::{Dense, Layer};
/// use chainrule_loss::SoftmaxCrossEntropy;
/// use chainrule_train::evaluate;
///
/// let data = synthetic::moons::<f64>(100, 0.1, 1);
/// let (model, loss) = (Dense::new(2, 2), SoftmaxCrossEntropy::default());
/// // At θ = 0 both classes are equally likely, and the cross-entropy is ln 2.
/// let result = evaluate(&model, &loss, Encoding::Index, &Pipeline::new(), &[0.0; 6], &data)?;
/// assert!((result.loss - 2.0_f64.ln()).abs() < 1e-12);
/// assert_eq!(result.metrics.accuracy(), Some(0.5));
/// # Ok::<(), chainrule_train::EvaluateError>(())
/// ```
pub fn evaluate<'a, A: Scalar>(
    model: &dyn Layer<A>,
    loss: &dyn Loss<A>,
    encoding: Encoding,
    transform: &Pipeline,
    weights: impl Into<Weights<'a, A>>,
    data: &Dataset<A>,
) -> Result<Evaluation, EvaluateError> {
    let word = share_of(Division::default(), model, loss, encoding, transform, weights.into(), data)
        .map_err(Unreadable::from)?;
    joined(&[word], model.outputs(), transform, data)
}

/// The same by several processes, to the bit: each looks at its share of the data, and all get the whole result.
///
/// # Errors
/// If one of them cannot read its share or the network overflows there, on all.
///
/// # Panics
/// As [`evaluate`].
pub fn evaluate_together<'a, A: Scalar>(
    model: &dyn Layer<A>,
    loss: &dyn Loss<A>,
    encoding: Encoding,
    transform: &Pipeline,
    weights: impl Into<Weights<'a, A>>,
    data: &Dataset<A>,
    group: &mut dyn ProcessGroup<A>,
) -> Result<Evaluation, EvaluateError> {
    let share = share_of(group.division(), model, loss, encoding, transform, weights.into(), data);
    let word = all_read(group, share)?;
    joined(&group.gather(&word), model.outputs(), transform, data)
}

/// What the words of a share begin with: that its numbers follow, or the first example whose output is not finite.
const MEASURED: u8 = 0;
const OVERFLOW: u8 = 1;

/// How the network does on one process's share of the batches: whole numbers add in any order; what is rounded stays apart,
/// batch by batch, for all to add in the same order.
fn share_of<A: Scalar>(
    division: Division,
    model: &dyn Layer<A>,
    loss: &dyn Loss<A>,
    encoding: Encoding,
    transform: &Pipeline,
    weights: Weights<'_, A>,
    data: &Dataset<A>,
) -> Result<Vec<u8>, chainrule_datasets::Error> {
    weights.eval().assert_fits(model.statistics());
    let mut batches = Batches::new(data, transform, encoding, ROWS);
    let mut workspace = Workspace::new(model, ROWS.min(data.len()));
    let own = share(batches.count(), division.size, division.rank);
    batches.seek(own.start);
    let (mut losses, mut fits, mut confusion) = (Vec::new(), Vec::new(), confusion(model.outputs(), data));
    let mut labels = MultiLabelMetrics::new(data.target().labels().len());
    let mut batch = batches.buffer();
    for _ in own {
        batches.fill(&mut batch)?;
        let mut y = rows::first_mut(&mut workspace.y, batch.rows());
        model.forward(weights.eval(), weights.theta, &batch.x(), &mut y, &mut workspace.tape);
        if let Some(row) = rows::slices(&y).position(|row| !vector::is_finite(row)) {
            let example = (batch.indices()[row] as u64).to_le_bytes();
            let place = culprit(model, weights.eval(), weights.theta, &batch.x());
            return Ok([&[OVERFLOW], &example[..], place.as_bytes()].concat());
        }
        losses.push(loss.value_in_f64(&y, &batch.target()).to_bits());
        match data.target() {
            Target::Classes { labels, .. } => {
                let truth: Vec<usize> = batch.indices().iter().map(|&i| labels[i] as usize).collect();
                confusion.add(&y, &truth);
            }
            Target::MultiLabel { .. } => labels.add(&y, &batch.target()),
            Target::Real { values, .. } => {
                let mut fit = RegressionMetrics::new(model.outputs());
                // In the numbers of the data: rounded to the network's, two targets may be one.
                fit.add(&y, &values.select(Axis(0), batch.indices()));
                fits.extend(fit.numbers().map(|number| number.to_bits()));
            }
        }
    }
    let counts = confusion.words().into_iter().chain(labels.words());
    let numbers = losses.into_iter().chain(counts).chain(fits).flat_map(u64::to_le_bytes);
    Ok(std::iter::once(MEASURED).chain(numbers).collect())
}

/// The shares of all processes as one result.
fn joined<A: Scalar>(
    words: &[Vec<u8>],
    outputs: usize,
    transform: &Pipeline,
    data: &Dataset<A>,
) -> Result<Evaluation, EvaluateError> {
    let batches = data.len().div_ceil(ROWS);
    let (mut total, mut fit, mut confusion) =
        (0.0, RegressionMetrics::new(outputs), confusion(outputs, data));
    let mut labels = MultiLabelMetrics::new(data.target().labels().len());
    for (rank, word) in words.iter().enumerate() {
        let (kind, word) = word.split_first().expect("a share is not empty");
        if *kind == OVERFLOW {
            let (example, place) = word.split_first_chunk().expect("the number of an example");
            return Err(EvaluateError::Overflow {
                data: data.name().to_owned(),
                example: u64::from_le_bytes(*example) as usize + 1,
                place: String::from_utf8_lossy(place).into_owned(),
                is_standardised: transform.is_standardising(),
            });
        }
        let mut numbers =
            word.chunks_exact(8).map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight")));
        let losses = numbers.by_ref().take(share(batches, words.len(), rank).len());
        total = losses.fold(total, |total, loss| total + f64::from_bits(loss));
        confusion.add_words(&mut numbers);
        labels.add_words(&mut numbers);
        while let Some(first) = numbers.next() {
            let mut one = RegressionMetrics::new(outputs);
            let rest = numbers.by_ref();
            one.numbers()
                .zip(std::iter::once(first).chain(rest))
                .for_each(|(n, bits)| *n = f64::from_bits(bits));
            fit.merge(&one);
        }
    }
    let metrics = match data.target() {
        Target::Classes { .. } => Metrics::Classification(confusion),
        Target::Real { .. } => Metrics::Regression(fit),
        Target::MultiLabel { .. } => Metrics::MultiLabel(labels),
    };
    Ok(Evaluation { loss: total / data.len().max(1) as f64, metrics })
}

/// An empty table of all classes; of none for other targets.
fn confusion<A: Scalar>(outputs: usize, data: &Dataset<A>) -> Confusion {
    Confusion::new(if data.labels().is_some() { outputs } else { 0 })
}

#[cfg(test)]
mod tests {
    use chainrule_datasets::{Column, ReadOptions, npy, read, synthetic};
    use chainrule_layers::{Dense, Sequential};
    use chainrule_loss::{SoftmaxCrossEntropy, SquaredError};
    use chainrule_tensor::ndarray::Array2;

    use super::*;

    #[test]
    fn a_file_that_is_cut_while_it_is_read_is_an_error_and_no_panic() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        npy::write(&path, &Array2::from_elem((1000, 3), 0.5)).unwrap();
        let options =
            ReadOptions { stream: Some(true), target: Column::Index(0).into(), ..ReadOptions::default() };
        let data = read::<f64>(&path, &options).unwrap().train;
        let judge = || {
            let loss = SquaredError::default();
            evaluate(&Dense::new(2, 1), &loss, Encoding::Real, &Pipeline::new(), &[0.0; 3], &data)
        };
        assert!(judge().is_ok());
        std::fs::File::options().write(true).open(&path).unwrap().set_len(10_000).unwrap();
        assert!(judge().unwrap_err().to_string().contains("x.npy"));
    }

    #[test]
    fn a_network_that_overflows_has_no_accuracy() {
        let data = synthetic::moons::<f32>(300, 0.1, 1);
        let model = Sequential::input(2).then(|n| Dense::new(n, 2)).then(|n| Dense::new(n, 2));
        let loss = SoftmaxCrossEntropy::default();
        let mut theta = vec![1e30_f32; 12];
        theta[4..6].fill(0.0);
        let judged = evaluate(&model, &loss, Encoding::Index, &Pipeline::new(), &theta, &data);
        let EvaluateError::Overflow { example, place, .. } = judged.unwrap_err() else {
            panic!("no overflow")
        };
        assert!(example >= 1 && place.starts_with("the output of layer 1"), "{example}: {place}");
    }
}
