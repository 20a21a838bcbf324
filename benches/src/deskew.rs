//! Images of handwriting set upright.

use chainrule::datasets::{Dataset, Features};
use chainrule::ndarray::Array2;

/// The images of a data set, each sheared until its principal axis is vertical. Other data stay as they are.
///
/// A row y moves by α(y − ȳ) with α = μ₁₁/μ₀₂ of the image's second moments, between pixels by linear interpolation.
///
/// # References
/// LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE 86(11), 1998,
/// §III-A (the deslanted set).
///
/// # Panics
/// Never: an image keeps its shape.
pub fn deskewed(data: &Dataset<f32>) -> Dataset<f32> {
    let (Some(shape), Features::Bytes(images)) = (data.image(), data.features()) else { return data.clone() };
    let mut upright = Array2::zeros(images.dim());
    for (image, mut upright) in images.rows().into_iter().zip(upright.rows_mut()) {
        let (image, upright) = (image.to_slice(), upright.as_slice_mut());
        shear(image.expect("rows are contiguous"), upright.expect("rows are contiguous"), shape.width);
    }
    Dataset::new(data.name(), upright, data.target().clone())
        .and_then(|upright| upright.with_image(shape))
        .expect("as many images of the same shape")
}

fn shear(image: &[u8], upright: &mut [u8], width: usize) {
    let [mut mass, mut mean_x, mut mean_y] = [0.0_f32; 3];
    let rows = || image.chunks_exact(width).enumerate().map(|(y, row)| (y as f32, row));
    for (y, row) in rows() {
        for (x, &ink) in row.iter().enumerate() {
            let ink = f32::from(ink);
            mass += ink;
            mean_x += ink * x as f32;
            mean_y += ink * y;
        }
    }
    (mean_x, mean_y) = (mean_x / mass.max(1.0), mean_y / mass.max(1.0));
    let [mut xy, mut yy] = [0.0_f32; 2];
    for (y, row) in rows() {
        let along = row.iter().enumerate().map(|(x, &ink)| f32::from(ink) * (x as f32 - mean_x)).sum::<f32>();
        let ink = row.iter().map(|&ink| f32::from(ink)).sum::<f32>();
        xy += along * (y - mean_y);
        yy += ink * (y - mean_y) * (y - mean_y);
    }
    let alpha = xy / yy.max(1.0);
    for ((y, row), upright) in rows().zip(upright.chunks_exact_mut(width)) {
        let shift = alpha * (y - mean_y);
        let (whole, part) = (shift.floor(), shift - shift.floor());
        let ink = |x: isize| row.get(x.cast_unsigned()).map_or(0.0, |&ink| f32::from(ink));
        for (x, out) in upright.iter_mut().enumerate() {
            let x = x as isize + whole as isize;
            *out = ((1.0 - part) * ink(x) + part * ink(x + 1)).round() as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of ink that leans by `slope` pixels a row.
    fn line(slope: isize) -> Vec<u8> {
        (0..9_isize)
            .flat_map(|y| (0..9_isize).map(move |x| if x == 4 + slope * (y - 4) / 2 { 200 } else { 0 }))
            .collect()
    }

    #[test]
    fn a_leaning_line_stands_upright_and_an_upright_one_stays() {
        for slope in [-2, 0, 2] {
            let mut upright = vec![0; 81];
            shear(&line(slope), &mut upright, 9);
            assert_eq!(upright, line(0), "slope {slope}");
        }
    }

    #[test]
    fn an_empty_image_stays_empty() {
        let mut upright = vec![7; 81];
        shear(&[0; 81], &mut upright, 9);
        assert_eq!(upright, [0; 81]);
    }
}
