use std::path::Path;

use chainrule_tensor::Scalar;

use crate::dataset::Dataset;
use crate::error::Error;
use crate::features::Features;
use crate::image::shape::ImageShape;
use crate::options::ReadOptions;
use crate::target::Target;

/// The features of an array whose first axis counts the examples.
pub(crate) struct ArrayExamples<A> {
    pub(crate) features: Features<A>,
    /// Those of an example.
    pub(crate) axes: Vec<usize>,
    pub(crate) image: Option<ImageShape>,
    pub(crate) full_scale: Option<f64>,
}

impl<A: Scalar> ArrayExamples<A> {
    /// These examples, for a model that takes the pictures in `options`, if they are for one.
    ///
    /// # Errors
    /// If the axes say that they are pictures of another shape: channels first, there may be as many numbers.
    pub(crate) fn for_model(self, path: &Path, options: &ReadOptions) -> Result<Self, Error> {
        let Some(wanted) = options.pictures else { return Ok(self) };
        let ImageShape { height, width, channels } = wanted;
        let fits = match self.axes[..] {
            [a, b, c] => [a, b, c] == [height, width, channels],
            [a, b] if channels == 1 => [a, b] == [height, width],
            _ => true,
        };
        if fits {
            return Ok(self);
        }
        let cure = if self.axes == [channels, height, width] {
            "put its channels last: x.transpose(0, 2, 3, 1)"
        } else {
            "resize its pictures"
        };
        let fault = format!(
            "each of its examples has the axes {:?}, and the model takes pictures of {wanted}",
            self.axes
        );
        Err(Error::format(path, fault, cure))
    }

    /// The data set of these features and a target.
    ///
    /// # Errors
    /// If there is not one target per row, or the numbers are not finite.
    pub(crate) fn into_dataset(self, path: &Path, target: Target) -> Result<Dataset<A>, Error> {
        let stem = path.file_stem().map_or_else(|| "array".into(), |stem| stem.to_string_lossy());
        let rows = self.features.dim().0;
        if rows != target.len() {
            let fault = format!("it has {rows} rows, but its target has {}", target.len());
            return Err(Error::format(path, fault, "give one target for each row"));
        }
        let mut data = Dataset::new(stem, self.features, target)?;
        if let Some(image) = self.image {
            data = data.with_image(image)?;
        }
        Ok(match self.full_scale {
            Some(full_scale) => data.with_full_scale(full_scale),
            None => data,
        })
    }
}
