use chainrule_tensor::Scalar;

use super::augmentation::Augmentation;
use super::draws::{Draws, Use};
use crate::image::shape::ImageShape;

/// Brightness and contrast in random order; numbers stay from 0 to `full`, if there is a full scale.
pub(super) fn jitter<A: Scalar>(
    what: &Augmentation,
    draws: Draws,
    channels: usize,
    full: Option<A>,
    image: &mut [A],
) {
    let factor =
        |wanted: f64, number: Use| A::of(draws.uniform(number, (1.0 - wanted).max(0.0), 1.0 + wanted));
    let contrast_first = draws.coin(Use::ContrastFirst);
    for of_contrast in [contrast_first, !contrast_first] {
        if of_contrast && what.contrast > 0.0 {
            let (f, mean) = (factor(what.contrast, Use::Contrast), mean_luma(channels, image));
            let rest = (A::one() - f) * mean;
            each(image, full, |x| f * x + rest);
        } else if !of_contrast && what.brightness > 0.0 {
            let f = factor(what.brightness, Use::Brightness);
            each(image, full, |x| f * x);
        }
    }
}

fn each<A: Scalar>(image: &mut [A], full: Option<A>, f: impl Fn(A) -> A) {
    match full {
        Some(full) => image.iter_mut().for_each(|x| *x = f(*x).max(A::zero()).min(full)),
        None => image.iter_mut().for_each(|x| *x = f(*x)),
    }
}

/// The mean of 0.2989·R + 0.587·G + 0.114·B, as torchvision has it; the mean of all numbers where there are not three channels.
fn mean_luma<A: Scalar>(channels: usize, image: &[A]) -> A {
    let pixels = (image.len() / channels) as f64;
    if channels == 3 {
        let sums = image.as_chunks::<3>().0.iter().fold([0.0; 3], |[r, g, b], pixel| {
            [r + pixel[0].as_f64(), g + pixel[1].as_f64(), b + pixel[2].as_f64()]
        });
        return A::of((0.2989 * sums[0] + 0.587 * sums[1] + 0.114 * sums[2]) / pixels);
    }
    A::of(image.iter().map(|x| x.as_f64()).sum::<f64>() / image.len() as f64)
}

/// Erases a square around a random pixel.
pub(super) fn cutout<A: Scalar>(side: usize, draws: Draws, shape: ImageShape, image: &mut [A]) {
    let ImageShape { height, width, channels } = shape;
    let range = |centre: usize, length: usize| {
        let start = centre.saturating_sub(side / 2);
        start..(centre + side - side / 2).min(length)
    };
    let columns = range(draws.below(Use::CutoutAcross, width), width);
    let rows = range(draws.below(Use::CutoutDown, height), height);
    for row in rows {
        let start = row * width * channels;
        image[start + columns.start * channels..start + columns.end * channels].fill(A::zero());
    }
}
