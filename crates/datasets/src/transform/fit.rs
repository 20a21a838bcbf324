use chainrule_tensor::Scalar;

use super::pipeline::Pipeline;
use super::statistics::Statistics;
use super::transforms::Scaling;
use crate::dataset::Dataset;
use crate::error::Error;

impl Pipeline {
    /// Scalings fitted one after the other, each on the output of the earlier ones.
    ///
    /// # Errors
    /// If `data` is empty.
    pub fn fit<A: Scalar>(scalings: &[Scaling], data: &Dataset<A>) -> Result<Self, Error> {
        scalings.iter().try_fold(Self::new(), |pipeline, &scaling| pipeline.then_fit(scaling, data))
    }

    /// This pipeline, then a transform fitted on its output for `data`, whose examples count as their
    /// [weights](Dataset::with_weights) say.
    ///
    /// # Errors
    /// If `data` is empty, this pipeline is not for its features, or they are to be scaled by channels and are no images.
    pub fn then_fit<A: Scalar>(self, scaling: Scaling, data: &Dataset<A>) -> Result<Self, Error> {
        self.check(data.inputs())?;
        if data.is_empty() || data.inputs() == 0 {
            return Err(Error::data(data.name(), "there is nothing to fit a transform on: give it examples"));
        }
        let channels = match (scaling, data.image()) {
            (Scaling::ChannelStandardise, None) => {
                let fault = "its examples are no images, which alone have channels: standardise each feature";
                return Err(Error::data(data.name(), fault));
            }
            (Scaling::ChannelStandardise, Some(image)) => image.channels,
            _ => 1,
        };
        let raw = Statistics::of(data.features(), data.weights())?;
        if let Some(feature) = raw.variance.iter().position(|variance| !variance.is_finite()) {
            let fault = if raw.mean[feature].is_finite() {
                format!(
                    "the numbers of feature {feature} are too large to standardise: give it in another unit"
                )
            } else {
                // The rows of a streamed file are read here for the first time.
                format!("feature {feature} holds NaN or infinity: replace it or drop the examples")
            };
            return Err(Error::data(data.name(), fault));
        }
        let through = (0..data.inputs()).map(|feature| self.fold(feature));
        let transform = raw.mapped(through).into_transform(scaling, channels);
        Ok(self.then(transform))
    }
}
