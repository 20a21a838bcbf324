use chainrule_tensor::{Scalar, simd};

use super::augmentation::Augmentation;
use super::draws::{Draws, Use};
use super::elastic::Field;
use crate::image::shape::ImageShape;

/// The movement of one image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Motion {
    flip: bool,
    /// Radians, in the direction from x to y.
    angle: f64,
    scale: f64,
    /// The tangent of the angle of the shear.
    shear: f64,
    /// Pixels across and down.
    shift: [f64; 2],
}

impl Motion {
    pub(super) fn draw(what: &Augmentation, draws: Draws) -> Self {
        let around = |wanted: f64, number: Use| {
            if wanted > 0.0 { draws.uniform(number, -wanted, wanted) } else { 0.0 }
        };
        let whole = |pixels: usize, number: Use| {
            if pixels > 0 { draws.below(number, 2 * pixels + 1) as f64 - pixels as f64 } else { 0.0 }
        };
        let is_whole = what.shift.fract() == 0.0;
        let shift = |number: Use| {
            if is_whole { whole(what.shift as usize, number) } else { around(what.shift, number) }
        };
        Self {
            flip: what.flip && draws.coin(Use::Flip),
            angle: around(what.rotate, Use::Rotate).to_radians(),
            scale: 1.0 + around(what.scale, Use::Scale) / 100.0,
            shear: around(what.shear, Use::Shear).to_radians().tan(),
            shift: [
                shift(Use::ShiftAcross) + whole(what.crop, Use::CropAcross),
                shift(Use::ShiftDown) + whole(what.crop, Use::CropDown),
            ],
        }
    }

    /// Whether it takes each pixel to the place of another one.
    pub(super) fn is_exact(&self) -> bool {
        (self.angle, self.scale, self.shear) == (0.0, 1.0, 0.0)
            && self.shift.iter().all(|shift| shift.fract() == 0.0)
    }

    /// From a pixel of the result to a place in the image.
    fn inverse(&self, shape: ImageShape) -> Affine {
        let (sin, cos) = self.angle.sin_cos();
        let (k, mirror) = (1.0 / self.scale, if self.flip { -1.0 } else { 1.0 });
        // H⁻¹·R⁻¹ = [1 −t; 0 1]·[cos sin; −sin cos], then S⁻¹ and F.
        let t = self.shear;
        let [a, b] = [mirror * k * (cos + t * sin), mirror * k * (sin - t * cos)];
        let [c, d] = [-k * sin, k * cos];
        let [x, y] = [shape.width, shape.height].map(|side| (side as f64 - 1.0) / 2.0);
        let [u, v] = [x + self.shift[0], y + self.shift[1]];
        Affine { across: [a, b, x - a * u - b * v], down: [c, d, y - c * u - d * v] }
    }
}

/// (x, y) ↦ (a₀x + a₁y + a₂, d₀x + d₁y + d₂).
#[derive(Debug, Clone, Copy)]
struct Affine {
    across: [f64; 3],
    down: [f64; 3],
}

/// Moves an image by whole pixels: 0 where nothing of it comes to lie.
pub(super) fn copy<A: Scalar>(motion: &Motion, shape: ImageShape, image: &[A], out: &mut [A]) {
    let ImageShape { width, height, channels } = shape;
    let [across, down] = motion.shift.map(|shift| shift as isize);
    let (row, lost) = (width * channels, across.unsigned_abs().min(width));
    let (left, right) = if across < 0 { (0, lost) } else { (lost, 0) };
    for (y, out) in out.chunks_exact_mut(row).enumerate() {
        let from = y as isize - down;
        if from < 0 || from >= height as isize {
            out.fill(A::zero());
            continue;
        }
        let image = &image[from as usize * row..][..row];
        out[..left * channels].fill(A::zero());
        out[row - right * channels..].fill(A::zero());
        let out = &mut out[left * channels..row - right * channels];
        if motion.flip {
            // The pixel at x comes from the place x − across of the mirrored row.
            let image = &image[left * channels..row - right * channels];
            if channels == 1 {
                out.iter_mut().zip(image.iter().rev()).for_each(|(out, &pixel)| *out = pixel);
            } else {
                let pixels = image.chunks_exact(channels).rev();
                out.chunks_exact_mut(channels)
                    .zip(pixels)
                    .for_each(|(out, pixel)| out.copy_from_slice(pixel));
            }
        } else {
            out.copy_from_slice(&image[right * channels..row - left * channels]);
        }
    }
}

/// Bilinear interpolation of one image after another, in memory of its own.
#[derive(Debug, Clone)]
pub(super) struct Sampler<A> {
    shape: ImageShape,
    /// The image with a border of 0: one pixel on the left and above, two on the right and below.
    padded: Vec<A>,
    /// No displacement.
    still: Vec<f32>,
    /// Of each pixel of a row of the result: the padded pixel at its upper left, and how far it is from there.
    corner: Vec<i32>,
    across: Vec<f32>,
    down: Vec<f32>,
}

impl<A: Scalar> Sampler<A> {
    pub(super) fn new(shape: ImageShape) -> Self {
        let ImageShape { width, height, channels } = shape;
        Self {
            shape,
            padded: vec![A::zero(); (height + 3) * (width + 3) * channels],
            still: vec![0.0; width],
            corner: vec![0; width],
            across: vec![0.0; width],
            down: vec![0.0; width],
        }
    }

    /// Writes the image, moved and distorted.
    pub(super) fn sample(&mut self, motion: &Motion, field: Option<&Field>, image: &[A], out: &mut [A]) {
        let ImageShape { width, channels, .. } = self.shape;
        let (row, stride) = (width * channels, (width + 3) * channels);
        let padded = self.padded[stride..].chunks_exact_mut(stride);
        for (padded, image) in padded.zip(image.chunks_exact(row)) {
            padded[channels..channels + row].copy_from_slice(image);
        }
        let map = motion.inverse(self.shape);
        simd::dispatch(
            #[inline(always)]
            || match channels {
                1 => self.rows::<1>(&map, field, out),
                3 => self.rows::<3>(&map, field, out),
                _ => self.rows::<0>(&map, field, out),
            },
        );
    }

    /// Row by row; C is the number of channels, 0 for one that is known at run time only.
    #[inline(always)]
    fn rows<const C: usize>(&mut self, map: &Affine, field: Option<&Field>, out: &mut [A]) {
        let Self { shape, padded, still, corner, across, down } = self;
        let channels = if C > 0 { C } else { shape.channels };
        let columns = shape.width + 3;
        let stride = columns * channels;
        for (y, out) in out.chunks_exact_mut(shape.width * channels).enumerate() {
            let moved = field.map_or((&still[..], &still[..]), |field| field.row(y));
            places(map, y, moved, *shape, (corner, across, down));
            let pixels = out.chunks_exact_mut(channels).zip(&*corner).zip(across.iter().zip(&*down));
            for ((out, &corner), (&across, &down)) in pixels {
                let (across, down) = (A::of(f64::from(across)), A::of(f64::from(down)));
                let start = corner as usize * channels;
                let (above, below) =
                    (&padded[start..][..2 * channels], &padded[start + stride..][..2 * channels]);
                for channel in 0..channels {
                    let between =
                        |row: &[A]| row[channel] + across * (row[channel + channels] - row[channel]);
                    let (above, below) = (between(above), between(below));
                    out[channel] = above + down * (below - above);
                }
            }
        }
    }
}

/// Where the pixels of row y of the result are in the padded image. Beyond its border there is nothing but 0, so that a place
/// farther away becomes one on the border.
#[inline(always)]
fn places(
    map: &Affine,
    y: usize,
    (moved_across, moved_down): (&[f32], &[f32]),
    shape: ImageShape,
    (corner, across, down): (&mut [i32], &mut [f32], &mut [f32]),
) {
    let [a, b, c] = map.across.map(|x| x as f32);
    let [d, e, f] = map.down.map(|x| x as f32);
    let (right, bottom, columns) =
        ((shape.width + 1) as f32, (shape.height + 1) as f32, (shape.width + 3) as i32);
    let (y, length) = (y as f32, corner.len());
    let (moved_across, moved_down) = (&moved_across[..length], &moved_down[..length]);
    let (across, down) = (&mut across[..length], &mut down[..length]);
    for x in 0..length {
        let (u, v) = (x as f32 + moved_across[x], y + moved_down[x]);
        let from_left = (a * u + b * v + c + 1.0).clamp(0.0, right);
        let from_top = (d * u + e * v + f + 1.0).clamp(0.0, bottom);
        let (column, row) = (from_left as i32, from_top as i32);
        corner[x] = row * columns + column;
        across[x] = from_left - column as f32;
        down[x] = from_top - row as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STILL: Motion = Motion { flip: false, angle: 0.0, scale: 1.0, shear: 0.0, shift: [0.0; 2] };

    fn image(shape: ImageShape) -> Vec<f64> {
        (0..shape.numbers().unwrap()).map(|i| ((i * 37) % 101) as f64).collect()
    }

    fn sampled(motion: &Motion, shape: ImageShape) -> Vec<f64> {
        let mut out = vec![f64::NAN; shape.numbers().unwrap()];
        Sampler::new(shape).sample(motion, None, &image(shape), &mut out);
        out
    }

    #[track_caller]
    fn close(found: &[f64], expected: &[f64], by: f64) {
        assert_eq!(found.len(), expected.len());
        for (i, (a, b)) in found.iter().zip(expected).enumerate() {
            assert!((a - b).abs() < by, "{i}: {a} {b}");
        }
    }

    #[test]
    fn a_quarter_turn_is_the_transposed_and_mirrored_image() {
        for channels in [1, 2, 3] {
            let shape = ImageShape { height: 6, width: 6, channels };
            let (image, turned) =
                (image(shape), sampled(&Motion { angle: std::f64::consts::FRAC_PI_2, ..STILL }, shape));
            let at = |y: usize, x: usize, c: usize| image[(y * 6 + x) * channels + c];
            let expected: Vec<f64> = (0..6 * 6 * channels)
                .map(|i| (i / channels / 6, i / channels % 6, i % channels))
                .map(|(y, x, c)| at(5 - x, y, c))
                .collect();
            close(&turned, &expected, 1e-4);
        }
    }

    #[test]
    fn all_motions_at_once_are_the_affine_transform_of_scipy() {
        // scipy.ndimage.affine_transform(image, …, order=1, mode="grid-constant").
        let shape = ImageShape { height: 5, width: 7, channels: 1 };
        let motion = Motion { flip: true, angle: 0.3, scale: 1.2, shear: 0.25, shift: [1.5, -0.75] };
        let expected = [
            [3.210_374, 36.493_368, 70.151_902, 37.118_752, 36.450_526, 50.993_456, 52.222_851],
            [10.910_622, 69.816_475, 75.248_222, 63.541_86, 39.265_669, 50.295_594, 60.206_774],
            [10.370_409, 68.561_906, 47.663_47, 26.765_034, 49.991_12, 57.504_316, 65.069_727],
            [5.117_053, 32.037_424, 11.176_774, 51.309_429, 53.179_076, 63.143_536, 30.696_579],
            [0.0, 0.0, 1.858_334, 27.790_768, 32.356_681, 67.010_72, 74.327_242],
        ];
        close(&sampled(&motion, shape), expected.as_flattened(), 1e-4);
    }

    #[test]
    fn a_shift_by_whole_pixels_is_a_slice_of_the_padded_image() {
        for channels in [1, 2, 3] {
            let shape = ImageShape { height: 5, width: 4, channels };
            let image = image(shape);
            for (across, down, flip) in
                (-6..=6_i32).flat_map(|a| (-6..=6).flat_map(move |d| [(a, d, false), (a, d, true)]))
            {
                let motion = Motion { flip, shift: [f64::from(across), f64::from(down)], ..STILL };
                let mut out = vec![f64::NAN; image.len()];
                copy(&motion, shape, &image, &mut out);
                let expected: Vec<f64> = (0..image.len() as i32)
                    .map(|i| {
                        (
                            i / channels as i32 / 4 - down,
                            i / channels as i32 % 4 - across,
                            i % channels as i32,
                        )
                    })
                    .map(|(y, x, c)| {
                        let x = if flip { 3 - x } else { x };
                        let inside = (0..5).contains(&y) && (0..4).contains(&x);
                        if inside { image[((y * 4 + x) * channels as i32 + c) as usize] } else { 0.0 }
                    })
                    .collect();
                assert_eq!(out, expected, "{motion:?}");
                assert!(motion.is_exact());
                // The interpolation comes to the same numbers where it has nothing to interpolate.
                close(&sampled(&motion, shape), &expected, 1e-4);
            }
        }
    }

    #[test]
    fn one_pixel_and_an_image_that_leaves_itself_are_no_trouble() {
        let pixel = ImageShape { height: 1, width: 1, channels: 3 };
        assert_eq!(sampled(&Motion { angle: 1.0, ..STILL }, pixel), image(pixel));
        let far = Motion { scale: 0.1, shift: [1000.0, -1000.0], ..STILL };
        let shape = ImageShape { height: 3, width: 3, channels: 1 };
        assert_eq!(sampled(&far, shape), [0.0; 9]);
    }
}
