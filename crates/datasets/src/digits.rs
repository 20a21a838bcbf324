use std::path::Path;

use chainrule_tensor::Scalar;

use crate::array::idx;
use crate::dataset::Dataset;
use crate::image::shape::ImageShape;
use crate::parts::Parts;
use crate::split::HoldOut;
use crate::target::Target;

const IMAGES: &[u8] = include_bytes!("../data/digits-images-idx3-ubyte");
const LABELS: &[u8] = include_bytes!("../data/digits-labels-idx1-ubyte");

/// The seed of the split, which is part of the definition of the data set: results are comparable only on the same split.
const SEED: u64 = 0;

/// Handwritten digits in 8x8 pixels of 0 to 16, inside the crate: 1,437 to train on and 360 to test on.
///
/// Each pixel counts the ink in a block of 4x4 of a bitmap of 32x32. The split is fixed and stratified.
///
/// # References
/// E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998,
/// <https://doi.org/10.24432/C50P49>, CC BY 4.0. This is its test set, written by 13 people.
///
/// ```
/// let parts = chainrule_datasets::digits::<f32>();
/// assert_eq!(parts.train.len(), 1_437);
/// assert_eq!(parts.test.unwrap().len(), 360);
/// ```
pub fn digits<A: Scalar>() -> Parts<A> {
    let parts = Parts::from(digits_whole()).hold_out_test(HoldOut::Count(360), SEED);
    parts.expect("360 of 1,797 can be held out")
}

/// All 1,797 images of [`digits`], in the order of the source.
///
/// ```
/// let data = chainrule_datasets::digits_whole::<f32>();
/// assert_eq!((data.len(), data.inputs(), data.outputs()), (1_797, 64, 10));
/// ```
pub fn digits_whole<A: Scalar>() -> Dataset<A> {
    let read = |bytes, name| idx::decode(bytes, Path::new(name)).expect("the embedded digits are sound");
    let (images, labels) = (read(IMAGES, "digits: images"), read(LABELS, "digits: labels"));
    let labels = labels.into_data().into_iter().map(u32::from).collect();
    let pixels = images.into_matrix().expect("the embedded digits are sound");
    Dataset::new("digits", pixels, Target::numbered(labels, 10))
        .and_then(|data| data.with_image(ImageShape { height: 8, width: 8, channels: 1 }))
        .expect("the embedded digits are sound")
        .with_full_scale(16.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Features;
    use chainrule_tensor::ndarray::Array2;

    fn pixels(data: &Dataset<f64>) -> &Array2<u8> {
        match data.features() {
            Features::Bytes(x) => x,
            _ => panic!("digits are bytes"),
        }
    }

    fn ink(data: &Dataset<f64>) -> u64 {
        pixels(data).iter().map(|&b| u64::from(b)).sum()
    }

    /// Expected numbers from Python, on the table as scikit-learn distributes it.
    #[test]
    fn the_digits_are_those_of_the_source() {
        let data = digits_whole::<f64>();
        assert_eq!(data.class_counts().unwrap(), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        let (x, labels) = (pixels(&data), data.labels().unwrap());
        assert_eq!((ink(&data), x.iter().max()), (561_718, Some(&16)));
        assert_eq!(x.row(0).to_vec()[..16], [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0]);
        assert_eq!((labels[0], labels[1796]), (0, 8));
        // Weights that tell apart an exchange of rows, of columns, and of pixels with labels.
        let mut weighted = 0;
        for (i, row) in x.outer_iter().enumerate() {
            let cells = row.iter().map(|&b| u64::from(b)).chain([u64::from(labels[i])]);
            weighted += (i as u64 % 1009 + 1) * cells.zip(1..).map(|(cell, j)| j * cell).sum::<u64>();
        }
        assert_eq!(weighted, 8_618_036_113);
    }

    #[test]
    fn the_division_keeps_the_classes_in_proportion() {
        let parts = digits::<f64>();
        let (whole, test) = (digits_whole::<f64>(), parts.test.unwrap());
        let (train, held_out) = (parts.train.class_counts().unwrap(), test.class_counts().unwrap());
        for (class, n) in whole.class_counts().unwrap().into_iter().enumerate() {
            assert_eq!(train[class] + held_out[class], n);
            assert!((held_out[class] as f64 - n as f64 * 360.0 / 1797.0).abs() < 1.0);
        }
        assert_eq!(ink(&parts.train) + ink(&test), 561_718);
    }
}
