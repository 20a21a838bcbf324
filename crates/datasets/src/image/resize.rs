use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::Array2;

use super::shape::ImageShape;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::features::Features;

impl<A: Scalar> Dataset<A> {
    /// The same images with `height` x `width` pixels, by area averaging: a new pixel is the mean of the old pixels it
    /// covers, weighted by the shared area. Brightness is kept, and nothing aliases.
    ///
    /// ```
    /// use chainrule_datasets::digits;
    ///
    /// let small = digits::<f32>().train.resized(4, 4).unwrap();
    /// assert_eq!((small.inputs(), small.len()), (16, 1437));
    /// ```
    ///
    /// # Errors
    /// If the examples are no images, or a side is 0.
    pub fn resized(&self, height: usize, width: usize) -> Result<Self, Error> {
        let Some(old) = self.image() else {
            return Err(Error::data(
                self.name(),
                "its examples are no images, and only images can be resized",
            ));
        };
        if height == 0 || width == 0 {
            let fault = format!("images of {height} x {width} pixels are empty: take at least 1 x 1");
            return Err(Error::data(self.name(), fault));
        }
        let new = ImageShape { height, width, channels: old.channels };
        let mut small = Array2::zeros((self.len(), height * width * old.channels));
        let mut pixels = vec![A::zero(); self.inputs()];
        for (n, image) in small.outer_iter_mut().enumerate() {
            self.features().row(n, &mut pixels);
            let resampled = means(old, height, width, |at| pixels[at].as_f64());
            image.into_iter().zip(resampled).for_each(|(y, mean)| *y = A::of(mean));
        }
        let resized =
            Self::new(self.name(), Features::Real(small), self.target().clone())?.with_image(new)?;
        Ok(match self.full_scale() {
            Some(full_scale) => resized.with_full_scale(full_scale),
            None => resized,
        })
    }
}

/// The pixels of an image with another height and width, to the nearest byte.
#[cfg(feature = "images")]
pub(super) fn resampled(pixels: &[u8], old: ImageShape, height: usize, width: usize) -> Vec<u8> {
    if (old.height, old.width) == (height, width) {
        return pixels.to_vec();
    }
    means(old, height, width, |at| f64::from(pixels[at])).into_iter().map(|mean| mean.round() as u8).collect()
}

/// The mean of the old pixels that each new pixel covers.
fn means(old: ImageShape, height: usize, width: usize, pixel: impl Fn(usize) -> f64) -> Vec<f64> {
    let (rows, columns) = (overlaps(old.height, height), overlaps(old.width, width));
    let mut means = Vec::with_capacity(height * width * old.channels);
    for row in &rows {
        for column in &columns {
            for channel in 0..old.channels {
                let mut mean = 0.0;
                for &(y, in_y) in row {
                    for &(x, in_x) in column {
                        mean += in_y * in_x * pixel((y * old.width + x) * old.channels + channel);
                    }
                }
                means.push(mean);
            }
        }
    }
    means
}

/// For each of `new` equal parts of a line of `old` cells: the cells under it, and the share of the part that each
/// covers.
fn overlaps(old: usize, new: usize) -> Vec<Vec<(usize, f64)>> {
    // In units of 1/(old·new) of the line, everything is whole.
    let share = |part: usize, cell: usize| {
        let (from, to) = ((part * old).max(cell * new), ((part + 1) * old).min((cell + 1) * new));
        to.saturating_sub(from) as f64 / old as f64
    };
    let cells = |part: usize| {
        (part * old / new..((part + 1) * old).div_ceil(new)).map(move |cell| (cell, share(part, cell)))
    };
    (0..new).map(|part| cells(part).collect()).collect()
}

#[cfg(test)]
mod tests {
    use chainrule_tensor::ndarray::array;

    use super::*;
    use crate::target::Target;
    use crate::transform::pipeline::Pipeline;

    fn images(pixels: Array2<u8>, height: usize, width: usize) -> Dataset<f64> {
        let labels = vec![0; pixels.nrows()];
        let shape = ImageShape { height, width, channels: 1 };
        Dataset::new("d", pixels, Target::numbered(labels, 1)).unwrap().with_image(shape).unwrap()
    }

    #[test]
    fn a_pixel_is_the_mean_of_what_lies_under_it() {
        let data = images(array![[1, 2, 3, 4, 5, 6, 7, 8, 9]], 3, 3);
        let small = data.resized(1, 1).unwrap().inputs_through(&Pipeline::new());
        assert!((small[(0, 0)] - 5.0).abs() < 1e-14);
        // Half of the middle belongs to each side.
        let halves = data.resized(3, 2).unwrap().inputs_through(&Pipeline::new());
        let expected = array![[4.0 / 3.0, 8.0 / 3.0, 13.0 / 3.0, 17.0 / 3.0, 22.0 / 3.0, 26.0 / 3.0]];
        assert!((&halves - &expected).iter().all(|d| d.abs() < 1e-14), "{halves}");
    }

    #[test]
    fn brightness_is_kept_at_any_size_and_the_same_size_changes_nothing() {
        let data = images(Array2::from_shape_fn((2, 49), |(n, i)| (n * 31 + i * 37 % 251) as u8), 7, 7);
        let mean = |data: &Dataset<f64>| data.inputs_through(&Pipeline::new()).mean().unwrap();
        for (height, width) in [(1, 1), (3, 5), (10, 4), (28, 28)] {
            assert!((mean(&data.resized(height, width).unwrap()) - mean(&data)).abs() < 1e-10);
        }
        let same = data.resized(7, 7).unwrap().inputs_through(&Pipeline::new());
        assert_eq!(same, data.inputs_through(&Pipeline::new()));
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let table = Dataset::new("t", array![[1.0, 2.0]], Target::numbered(vec![0], 1)).unwrap();
        assert!(table.resized(1, 1).unwrap_err().to_string().contains("no images"));
        assert!(images(array![[1]], 1, 1).resized(0, 1).is_err());
    }
}
