use std::ops::Range;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::Array2;

use super::pipeline::Pipeline;
use super::transforms::Transform;
use crate::dataset::Dataset;
use crate::features::Features;

impl<A: Scalar> Features<A> {
    /// The examples of a range as numbers, transformed: the same bits that [`Batches`](crate::Batches) writes into a batch.
    ///
    /// # Panics
    /// If the pipeline was fitted on another number of features, or the range goes beyond the examples.
    #[track_caller]
    pub fn transformed(&self, pipeline: &Pipeline, examples: Range<usize>) -> Array2<A> {
        let inputs = self.dim().1;
        let folded = pipeline.fold_all(inputs);
        let mut x = Array2::zeros((examples.len(), inputs));
        for (i, row) in examples.zip(x.outer_iter_mut()) {
            folded.fill(self, i, row.into_slice().expect("a new matrix is row-major"));
        }
        x
    }
}

impl<A: Scalar> Dataset<A> {
    /// The transform x / full scale, which brings pixels to \[0, 1\]; the identity without a full scale.
    pub fn pixel_scaling(&self) -> Pipeline {
        self.full_scale()
            .map_or_else(Pipeline::new, |divisor| Pipeline::new().then(Transform::Scale { divisor }))
    }

    /// All inputs as numbers, transformed: the same bits that [`Batches`](crate::Batches) writes into a batch.
    ///
    /// # Panics
    /// If the pipeline was fitted on another number of features.
    #[track_caller]
    pub fn inputs_through(&self, pipeline: &Pipeline) -> Array2<A> {
        self.features().transformed(pipeline, 0..self.len())
    }

    /// The same data set with all inputs transformed once, for data that is small or read often.
    ///
    /// # Panics
    /// If the pipeline was fitted on another number of features.
    #[track_caller]
    pub fn materialize(&self, pipeline: &Pipeline) -> Self {
        let full_scale = self.full_scale().filter(|_| pipeline.is_identity());
        self.with_numbers(self.inputs_through(pipeline), full_scale)
    }
}
