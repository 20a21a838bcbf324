use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::Array2;

use super::pipeline::Pipeline;
use super::transforms::Transform;
use crate::dataset::Dataset;

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
        let folded = pipeline.fold_all(self.inputs());
        let mut x = Array2::zeros(self.features().dim());
        for (i, row) in x.outer_iter_mut().enumerate() {
            folded.fill(self.features(), i, row.into_slice().expect("a new matrix is row-major"));
        }
        x
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
