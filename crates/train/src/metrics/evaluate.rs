use chainrule_datasets::{Batches, Dataset, Encoding, Error, Pipeline};
use chainrule_layers::Layer;
use chainrule_loss::Loss;
use chainrule_tensor::{Scalar, rows};

use crate::metrics::classification::Confusion;
use crate::metrics::regression::RegressionMetrics;
use crate::objective::division::{Division, share};
use crate::objective::workspace::Workspace;
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

/// What is measured besides the loss.
#[derive(Debug, Clone, PartialEq)]
pub enum Metrics {
    /// Predicted against true classes.
    Classification(Confusion),
    /// R² and the root mean square error.
    Regression(RegressionMetrics),
}

impl Metrics {
    /// The accuracy, of a classification.
    pub fn accuracy(&self) -> Option<f64> {
        match self {
            Metrics::Classification(confusion) => Some(confusion.accuracy()),
            Metrics::Regression(_) => None,
        }
    }

    /// R², of a regression.
    pub fn r_squared(&self) -> Option<f64> {
        match self {
            Metrics::Classification(_) => None,
            Metrics::Regression(metrics) => Some(metrics.r_squared()),
        }
    }

    /// The figure to report first: the accuracy of a classification, R² of a regression.
    pub fn headline(&self) -> f64 {
        match self {
            Metrics::Classification(confusion) => confusion.accuracy(),
            Metrics::Regression(metrics) => metrics.r_squared(),
        }
    }
}

/// Measures `model` with `weights` on `data`, example by example in their order, with dropout off.
///
/// # Errors
/// If a file that the examples stay in can no longer be read; data in memory never fails.
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
/// # Ok::<(), chainrule_datasets::Error>(())
/// ```
pub fn evaluate<'a, A: Scalar>(
    model: &dyn Layer<A>,
    loss: &dyn Loss<A>,
    encoding: Encoding,
    transform: &Pipeline,
    weights: impl Into<Weights<'a, A>>,
    data: &Dataset<A>,
) -> Result<Evaluation, Error> {
    let word = share_of(Division::default(), model, loss, encoding, transform, weights.into(), data)?;
    Ok(joined(&[word], model.outputs(), data))
}

/// The same by several processes, to the bit: each looks at its share of the data, and all get the whole result.
///
/// # Errors
/// If one of them cannot read its share, on all.
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
) -> Result<Evaluation, Unreadable> {
    let share = share_of(group.division(), model, loss, encoding, transform, weights.into(), data);
    let word = all_read(group, share)?;
    Ok(joined(&group.gather(&word), model.outputs(), data))
}

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
) -> Result<Vec<u8>, Error> {
    weights.eval().assert_fits(model.statistics());
    let mut batches = Batches::new(data, transform, encoding, ROWS);
    let mut workspace = Workspace::new(model, ROWS.min(data.len()));
    let own = share(batches.count(), division.size, division.rank);
    batches.seek(own.start);
    let (mut losses, mut fits, mut confusion) = (Vec::new(), Vec::new(), confusion(model.outputs(), data));
    let mut batch = batches.buffer();
    for _ in own {
        batches.fill(&mut batch)?;
        let mut y = rows::first_mut(&mut workspace.y, batch.rows());
        model.forward(weights.eval(), weights.theta, &batch.x(), &mut y, &mut workspace.tape);
        losses.push(loss.value(&y, &batch.target()).as_f64().to_bits());
        if let Some(labels) = data.labels() {
            let truth: Vec<usize> = batch.indices().iter().map(|&i| labels[i] as usize).collect();
            confusion.add(&y, &truth);
        } else {
            let mut fit = RegressionMetrics::new(model.outputs());
            fit.add(&y, &batch.target());
            fits.extend(fit.numbers().map(|number| number.to_bits()));
        }
    }
    Ok(losses.into_iter().chain(confusion.words()).chain(fits).flat_map(u64::to_le_bytes).collect())
}

/// The shares of all processes as one result.
fn joined<A: Scalar>(words: &[Vec<u8>], outputs: usize, data: &Dataset<A>) -> Evaluation {
    let batches = data.len().div_ceil(ROWS);
    let (mut total, mut fit, mut confusion) =
        (0.0, RegressionMetrics::new(outputs), confusion(outputs, data));
    for (rank, word) in words.iter().enumerate() {
        let mut numbers =
            word.chunks_exact(8).map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight")));
        let losses = numbers.by_ref().take(share(batches, words.len(), rank).len());
        total = losses.fold(total, |total, loss| total + f64::from_bits(loss));
        confusion.add_words(&mut numbers);
        while let Some(first) = numbers.next() {
            let mut one = RegressionMetrics::new(outputs);
            let rest = numbers.by_ref();
            one.numbers()
                .zip(std::iter::once(first).chain(rest))
                .for_each(|(n, bits)| *n = f64::from_bits(bits));
            fit.merge(&one);
        }
    }
    let metrics =
        if data.labels().is_some() { Metrics::Classification(confusion) } else { Metrics::Regression(fit) };
    Evaluation { loss: total / data.len().max(1) as f64, metrics }
}

/// An empty table of all classes; of none for a regression.
fn confusion<A: Scalar>(outputs: usize, data: &Dataset<A>) -> Confusion {
    Confusion::new(if data.labels().is_some() { outputs } else { 0 })
}

#[cfg(test)]
mod tests {
    use chainrule_datasets::{Column, ReadOptions, npy, read};
    use chainrule_layers::Dense;
    use chainrule_loss::SquaredError;
    use chainrule_tensor::ndarray::Array2;

    use super::*;

    #[test]
    fn a_file_that_is_cut_while_it_is_read_is_an_error_and_no_panic() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        npy::write(&path, &Array2::from_elem((1000, 3), 0.5)).unwrap();
        let options = ReadOptions { stream: Some(true), target: Column::Index(0), ..ReadOptions::default() };
        let data = read::<f64>(&path, &options).unwrap().train;
        let judge = || {
            let loss = SquaredError::default();
            evaluate(&Dense::new(2, 1), &loss, Encoding::Real, &Pipeline::new(), &[0.0; 3], &data)
        };
        assert!(judge().is_ok());
        std::fs::File::options().write(true).open(&path).unwrap().set_len(10_000).unwrap();
        assert!(judge().unwrap_err().to_string().contains("x.npy"));
    }
}
