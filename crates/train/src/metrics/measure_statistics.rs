use chainrule_datasets::{Batches, Dataset, Encoding, Error, Pipeline};
use chainrule_layers::{Layer, Mode};
use chainrule_tensor::{Scalar, hash, rows, vector};

use crate::objective::workspace::Workspace;

/// The statistics of `model` at θ as a function of θ and the data alone ("precise batch normalisation"): the means of those of its
/// batches, `batch` examples each, in an order that `seed` decides, as training would see them.
///
/// The running statistics of a training run are those of the θ of many steps, the latest of which count most. What is measured at the
/// last θ fits it better where θ still moves fast, and it does not depend on how θ was found. A last batch that is not full is left
/// out. All batches count alike; a count, such as `num_batches_tracked`, is 1.
///
/// # Errors
/// If a file that the examples stay in can no longer be read.
///
/// # Panics
/// If `batch` is 0, the data is empty, or a batch has fewer rows than a layer takes.
///
/// # References
/// Wu and Johnson, "Rethinking 'batch' in batch normalization", 2021 (arXiv 2105.07576), §3.
///
/// ```
/// use chainrule_datasets::{Pipeline, synthetic};
/// use chainrule_layers::{BatchNorm, Layer};
/// use chainrule_train::measure_statistics;
///
/// let (model, data) = (BatchNorm::new(2), synthetic::moons::<f64>(100, 0.1, 1));
/// let statistics = measure_statistics(&model, &[1.0, 1.0, 0.0, 0.0], &Pipeline::new(), &data, 100, 0)?;
/// // The means of both columns, their variances, and the number of steps.
/// assert_eq!(statistics.len(), 5);
/// assert!((statistics[0] - 0.5).abs() < 0.1);
/// # Ok::<(), chainrule_datasets::Error>(())
/// ```
pub fn measure_statistics<A: Scalar>(
    model: &dyn Layer<A>,
    theta: &[A],
    transform: &Pipeline,
    data: &Dataset<A>,
    batch: usize,
    seed: u64,
) -> Result<Vec<A>, Error> {
    let size = batch.min(data.len());
    let encodings = [Encoding::Index, Encoding::Real, Encoding::MultiHot];
    let encoding = encodings.into_iter().find(|encoding| encoding.fits(data.target()));
    let encoding = encoding.expect("a target has an encoding");
    let mut batches = Batches::new(data, transform, encoding, size).drop_last(true);
    batches.shuffle(seed, 0);
    let mut workspace = Workspace::new(model, size);
    let mut mean = vec![A::zero(); model.statistics().len()];
    let (count, mut batch) = (batches.count(), batches.buffer());
    for place in 0..count {
        batches.fill(&mut batch)?;
        let mode = Mode::Train { seed: hash(seed, place as u64, 0), row: 0 };
        let mut y = rows::first_mut(&mut workspace.y, batch.rows());
        model.forward(mode, theta, &batch.x(), &mut y, &mut workspace.tape);
        model.observe(&workspace.tape, &mut workspace.observed);
        vector::axpy(A::of(1.0 / count as f64), &workspace.observed, &mut mean);
    }
    Ok(mean)
}
