//! Pictures of examples, of what layers make of them, and of filters.

use chainrule::datasets::ImageShape;
use chainrule::tensor::{Entry, Scalar, Shape, vector};
use chainrule_report::image::Image;
use chainrule_report::sheet::Maps;

/// Numbers up to `full` as an image, grey or coloured.
pub(crate) fn picture<A: Scalar>(row: &[A], shape: ImageShape, full: f64) -> Image {
    let bytes: Vec<u8> = row.iter().map(|x| (x.as_f64() / full * 255.0).clamp(0.0, 255.0) as u8).collect();
    let pixels =
        if shape.channels == 3 { bytes } else { bytes.into_iter().step_by(shape.channels).collect() };
    Image { width: shape.width, height: shape.height, pixels }
}

/// The channels with the largest numbers, at most `most` of them, in their order; all where they are few.
pub(crate) fn loudest_channels(shape: Shape, numbers: &[f64], most: usize) -> Vec<usize> {
    let channels = shape.features();
    let mut order: Vec<usize> = (0..channels).collect();
    if channels > most {
        let size = |channel: usize| {
            let own: Vec<f64> = numbers.iter().skip(channel).step_by(channels).copied().collect();
            vector::norm(&own)
        };
        order.sort_by_cached_key(|&channel| std::cmp::Reverse(ordered(size(channel))));
        order.truncate(most);
        order.sort_unstable();
    }
    order
}

/// A number that is not negative, in an order.
fn ordered(size: f64) -> u64 {
    size.to_bits()
}

/// Whether a layer's numbers have places.
pub(crate) fn has_positions(shape: Shape) -> bool {
    shape.positions() > 1
}

/// Height, width and channels of the weights of a convolution over pictures, as they lie; `None` of other parameters.
pub(crate) fn filter_axes(entry: &Entry) -> Option<[usize; 4]> {
    <[usize; 4]>::try_from(entry.shape.as_slice()).ok()
}

/// Number `filter` of the weights of a convolution, as numbers with `channels` last.
pub(crate) fn filter<A: Scalar>(
    weight: &[A],
    [height, width, channels, filters]: [usize; 4],
    filter: usize,
) -> Vec<f64> {
    debug_assert_eq!(weight.len(), height * width * channels * filters);
    weight.iter().skip(filter).step_by(filters).map(|w| w.as_f64()).collect()
}

/// A filter as a picture: of three channels in colour, of others the first one.
pub(crate) fn filter_picture(values: &[f64], [height, width, channels, _]: [usize; 4]) -> Image {
    if channels == 3 {
        return Image::colours(width, height, values);
    }
    let first: Vec<f64> = values.iter().step_by(channels).copied().collect();
    Image::diverging(width, height, &first)
}

/// The kernels of filters, a row for each filter of `filters` and a column for each channel of `channels`.
pub(crate) fn kernels<A: Scalar>(
    weight: &[A],
    axes: [usize; 4],
    filters: &[usize],
    channels: usize,
) -> Vec<Image> {
    let [height, width, seen, _] = axes;
    let shown: Vec<usize> = (0..seen.min(channels)).collect();
    let mut numbers = Vec::new();
    for &number in filters {
        let maps = Maps::of(&[height, width, seen], &filter(weight, axes, number), &shown);
        numbers.extend(maps.values().iter().cloned());
    }
    let limit = numbers.iter().flatten().fold(0.0, |limit: f64, value| limit.max(value.abs()));
    numbers.iter().map(|kernel| Image::diverging_to(width, height, kernel, limit)).collect()
}

/// Characters from dark to bright.
const BRIGHTNESS: &[u8] = b" .:-=+*#%@";

/// A picture in characters, for a terminal: two for a pixel of a small picture, else one for two pixels of a column. Empty for a
/// picture that is wider than `columns`.
pub(crate) fn in_characters(image: &Image, columns: usize) -> String {
    const SMALL: usize = 16;
    let is_small = image.width <= SMALL;
    if image.width * if is_small { 2 } else { 1 } > columns {
        return String::new();
    }
    let channels = image.pixels.len() / (image.width * image.height).max(1);
    let grey = |x: usize, y: usize| -> f64 {
        let pixel = &image.pixels[channels * (y * image.width + x)..][..channels.min(3)];
        pixel.iter().map(|&byte| f64::from(byte)).sum::<f64>() / pixel.len() as f64
    };
    let character = |brightness: f64| {
        let place = (brightness / 256.0 * BRIGHTNESS.len() as f64) as usize;
        char::from(BRIGHTNESS[place.min(BRIGHTNESS.len() - 1)])
    };
    let by = if is_small { 1 } else { 2 };
    let line = |y: usize| -> String {
        let line: String = (0..image.width)
            .flat_map(|x| {
                let rows = y..(y + by).min(image.height);
                let mean = rows.clone().map(|y| grey(x, y)).sum::<f64>() / rows.len() as f64;
                std::iter::repeat_n(character(mean), if is_small { 2 } else { 1 })
            })
            .collect();
        format!("  {}\n", line.trim_end())
    };
    (0..image.height).step_by(by).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_in_characters_is_bright_where_it_is_bright() {
        let image = Image { width: 2, height: 2, pixels: vec![0, 255, 255, 0] };
        assert_eq!(in_characters(&image, 80), "    @@\n  @@\n");
        let wide = Image { width: 20, height: 3, pixels: [[0; 20], [255; 20], [255; 20]].concat() };
        assert_eq!(in_characters(&wide, 80), format!("  {}\n  {}\n", "=".repeat(20), "@".repeat(20)));
        assert_eq!(in_characters(&wide, 10), "");
    }

    #[test]
    fn filters_are_read_as_they_lie() {
        // Height 1, width 2, two channels, three filters.
        let weight: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let axes = [1, 2, 2, 3];
        assert_eq!(filter(&weight, axes, 1), [1.0, 4.0, 7.0, 10.0]);
        assert_eq!(kernels(&weight, axes, &[0, 2], 2).len(), 4);
        // The largest weight of all is full red.
        let last = &kernels(&weight, axes, &[0, 2], 2)[3];
        assert_eq!(last.pixels[3..], [178, 24, 43]);
    }

    #[test]
    fn the_loudest_channels_are_kept_in_their_order() {
        let numbers = [1.0, -9.0, 0.0, 3.0, 2.0, 8.0, 0.0, -4.0];
        assert_eq!(loudest_channels(Shape::image(2, 1, 4), &numbers, 2), [1, 3]);
        assert_eq!(loudest_channels(Shape::image(2, 1, 4), &numbers, 4), [0, 1, 2, 3]);
    }
}
