//! The numbers of a layer as small pictures, side by side in one image.

use maud::{Markup, html};

use crate::image::{Image, diverging};

/// Pixels of a side that are drawn at most; larger maps are averaged.
const SIDE: usize = 64;
/// Numbers without a place in a row.
const ROW: usize = 64;

/// Some maps of a layer, all of one size.
#[derive(Debug, Clone, PartialEq)]
pub struct Maps {
    /// Rows of a map.
    pub height: usize,
    /// Numbers in a row.
    pub width: usize,
    /// How many maps the layer has in all.
    pub total: usize,
    /// Numbers of the maps that are here, from 0.
    pub chosen: Vec<usize>,
    values: Vec<Vec<f64>>,
}

impl Maps {
    /// The maps of numbers that lie along `axes`, channels last: a map for each channel of a picture that `chosen` names, one with a
    /// row for each feature of a sequence, and one of rows of 64 for numbers without a place.
    ///
    /// ```
    /// use chainrule_report::sheet::Maps;
    ///
    /// let y = [1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0];
    /// let maps = Maps::of(&[2, 2, 2], &y, &[1]);
    /// assert_eq!((maps.height, maps.width, maps.total), (2, 2, 2));
    /// assert_eq!(maps.values(), [[10.0, 20.0, 30.0, 40.0]]);
    /// ```
    ///
    /// # Panics
    /// If there are not as many numbers as the axes say, or a channel is out of range.
    #[track_caller]
    pub fn of(axes: &[usize], values: &[f64], chosen: &[usize]) -> Self {
        assert_eq!(values.len(), axes.iter().product::<usize>(), "maps: the numbers do not fill {axes:?}");
        let whole = |height: usize, width: usize, values: Vec<f64>| Self {
            height,
            width,
            total: 1,
            chosen: vec![0],
            values: vec![values],
        };
        match *axes {
            [height, width, channels] => {
                let of_channel = |&channel: &usize| {
                    assert!(channel < channels, "maps: there are {channels} channels and no {channel}");
                    values.iter().skip(channel).step_by(channels).copied().collect()
                };
                let maps = chosen.iter().map(of_channel).collect();
                Self { height, width, total: channels, chosen: chosen.to_vec(), values: maps }.averaged()
            }
            [time, features] => {
                let at = |i: usize| values[i % time * features + i / time];
                whole(features, time, (0..values.len()).map(at).collect()).averaged()
            }
            _ => {
                let height = values.len().div_ceil(ROW).max(1);
                let width = values.len().div_ceil(height).max(1);
                let filled = values.iter().copied().chain(std::iter::repeat(f64::NAN)).take(width * height);
                whole(height, width, filled.collect())
            }
        }
    }

    /// The numbers of each map, row by row.
    pub fn values(&self) -> &[Vec<f64>] {
        &self.values
    }

    /// The same with means of neighbours in place of more pixels than are drawn.
    fn averaged(self) -> Self {
        let by = self.height.max(self.width).div_ceil(SIDE);
        if by <= 1 {
            return self;
        }
        let (height, width) = (self.height.div_ceil(by), self.width.div_ceil(by));
        let mean = |map: &Vec<f64>, row: usize, column: usize| {
            let rows = by * row..self.height.min(by * (row + 1));
            let block = || {
                let columns = by * column..self.width.min(by * (column + 1));
                rows.clone().flat_map(move |i| columns.clone().map(move |j| (i, j)))
            };
            block().map(|(i, j)| map[i * self.width + j]).sum::<f64>() / block().count() as f64
        };
        let small =
            |map: &Vec<f64>| (0..height * width).map(|at| mean(map, at / width, at % width)).collect();
        let values = self.values.iter().map(small).collect();
        Self { height, width, values, ..self }
    }

    fn limit(&self) -> f64 {
        let all = self.values.iter().flatten().filter(|value| value.is_finite());
        all.fold(0.0, |limit: f64, value| limit.max(value.abs()))
    }

    /// The maps as pictures on one scale: blue below 0, white at 0, red above.
    pub fn pictures(&self) -> Vec<Image> {
        let limit = self.limit();
        self.drawn(|_, _, value| diverging(value, limit))
    }

    /// The maps in grey, from the smallest number to the largest, with the numbers of `signal` over them in blue and red.
    ///
    /// # Panics
    /// If `signal` has maps of another size or number.
    #[track_caller]
    pub fn overlaid(&self, signal: &Self) -> Vec<Image> {
        let sizes = |maps: &Self| (maps.height, maps.width, maps.values.len());
        assert_eq!(sizes(self), sizes(signal), "maps: those below and those above differ in size");
        let finite = || self.values.iter().flatten().filter(|value| value.is_finite());
        let low = finite().fold(f64::INFINITY, |low: f64, value| low.min(*value));
        let high = finite().fold(f64::NEG_INFINITY, |high: f64, value| high.max(*value));
        let limit = signal.limit();
        self.drawn(|map, at, value| {
            let grey = if high > low { 0.25 + 0.65 * (value - low) / (high - low) } else { 0.6 };
            over(grey, signal.values[map][at], limit)
        })
    }

    fn drawn(&self, colour: impl Fn(usize, usize, f64) -> [u8; 3]) -> Vec<Image> {
        let image = |(map, values): (usize, &Vec<f64>)| {
            let pixel = |(at, &value): (usize, &f64)| {
                if value.is_nan() {
                    return [0; 4];
                }
                let [r, g, b] = colour(map, at, value);
                [r, g, b, 255]
            };
            let pixels = values.iter().enumerate().flat_map(pixel).collect();
            Image { width: self.width, height: self.height, pixels }
        };
        self.values.iter().enumerate().map(image).collect()
    }
}

/// A picture in grey with a number for each pixel over it in blue and red; `values` has as many numbers as the picture has pixels.
///
/// # Panics
/// If it has not.
#[track_caller]
pub fn overlay(picture: &Image, values: &[f64]) -> Image {
    assert_eq!(values.len(), picture.width * picture.height, "overlay: a number for each pixel");
    let limit = values.iter().fold(0.0, |limit: f64, value| limit.max(value.abs()));
    let pixels = values.iter().enumerate().flat_map(|(at, &value)| {
        let [r, g, b] = picture.colour(at).map(f64::from);
        over(0.25 + 0.65 * (0.299 * r + 0.587 * g + 0.114 * b) / 255.0, value, limit)
    });
    Image { width: picture.width, height: picture.height, pixels: pixels.collect() }
}

/// A brightness from 0 to 1 under the colour of a number, the more covered the larger the number is.
fn over(grey: f64, value: f64, limit: f64) -> [u8; 3] {
    let cover = if limit > 0.0 { (value.abs() / limit).min(1.0).sqrt() } else { 0.0 };
    // In steps that no eye sees, which make files small.
    let cover = (20.0 * cover).round() / 20.0;
    let base = (32.0 * grey).round() / 32.0 * 255.0;
    let full = diverging(value.signum(), 1.0);
    full.map(|channel| (base + (f64::from(channel) - base) * cover).round() as u8)
}

/// Pictures of one size, side by side in one image with gaps between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    image: Image,
    columns: usize,
    /// Width of a picture on the page, in the unit of letters.
    tile: f64,
}

impl Sheet {
    /// The pictures in rows of at most `columns`.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn new(pictures: &[Image], columns: usize) -> Self {
        let first = pictures.first().expect("a sheet has a picture");
        let columns = columns.min(pictures.len()).max(1);
        let gap = (first.width.max(first.height) / 14).max(1);
        let (across, down) = (first.width + gap, first.height + gap);
        let width = columns * across - gap;
        let height = pictures.len().div_ceil(columns) * down - gap;
        let mut pixels = vec![0; 4 * width * height];
        for (place, picture) in pictures.iter().enumerate() {
            let (left, top) = (place % columns * across, place / columns * down);
            let channels = picture.pixels.len() / (picture.width * picture.height).max(1);
            for at in 0..picture.width * picture.height {
                let (x, y) = (left + at % picture.width, top + at / picture.width);
                let [r, g, b] = picture.colour(at);
                let cover = if channels == 4 { picture.pixels[4 * at + 3] } else { 255 };
                pixels[4 * (y * width + x)..][..4].copy_from_slice(&[r, g, b, cover]);
            }
        }
        // Flat numbers are a strip, and small maps no larger than an eye needs.
        let tile = match first.width.max(first.height) {
            side if side <= 7 => 0.5 * side as f64,
            _ if first.width >= ROW.min(4 * first.height) && columns == 1 => 22.0,
            side => (side as f64 / 6.0).clamp(3.5, 6.0),
        };
        Self { image: Image { width, height, pixels }, columns, tile }
    }

    /// The same in small, for many kernels.
    #[must_use]
    pub fn small(self) -> Self {
        Self { tile: 0.55 * self.tile, ..self }
    }

    /// The sheet as an element.
    pub(crate) fn markup(&self, alt: &str) -> Markup {
        html! { (self.image.scaled(alt, self.tile * self.columns as f64)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_has_a_row_for_each_feature_and_flat_numbers_fill_rows() {
        let maps = Maps::of(&[3, 2], &[1.0, -1.0, 2.0, -2.0, 3.0, -3.0], &[]);
        assert_eq!((maps.height, maps.width), (2, 3));
        assert_eq!(maps.values(), [[1.0, 2.0, 3.0, -1.0, -2.0, -3.0]]);
        let flat = Maps::of(&[100], &[1.0; 100], &[]);
        assert_eq!((flat.height, flat.width), (2, 50));
        let odd = Maps::of(&[129], &[1.0; 129], &[]);
        assert_eq!((odd.height, odd.width), (3, 43));
        let uneven = Maps::of(&[67], &[1.0; 67], &[]);
        assert_eq!((uneven.height, uneven.width, uneven.values()[0].len()), (2, 34, 68));
        assert_eq!(uneven.pictures()[0].pixels[4 * 67..], [0; 4], "what is no number is not drawn");
    }

    #[test]
    fn large_maps_are_averaged() {
        let values: Vec<f64> = (0..200 * 130).map(|at| f64::from(at % 130 / 65)).collect();
        let maps = Maps::of(&[200, 130, 1], &values, &[0]);
        assert_eq!((maps.height, maps.width), (50, 33));
        assert_eq!((maps.values()[0][0], maps.values()[0][32]), (0.0, 1.0));
    }

    #[test]
    fn the_signal_colours_what_it_covers() {
        let values = Maps::of(&[1, 2, 1], &[0.0, 1.0], &[0]);
        let signal = Maps::of(&[1, 2, 1], &[0.0, -2.0], &[0]);
        let image = &values.overlaid(&signal)[0];
        let [r, g, b] = image.colour(0);
        assert!(r == g && g == b, "{r} {g} {b}");
        assert_eq!(image.colour(1), [33, 102, 172]);
    }

    #[test]
    fn pictures_stand_side_by_side_with_gaps() {
        let picture = |grey: u8| Image { width: 2, height: 1, pixels: vec![grey; 2] };
        let Sheet { image, .. } = Sheet::new(&[picture(1), picture(2), picture(3)], 2);
        assert_eq!((image.width, image.height), (5, 3));
        let at = |x: usize, y: usize| &image.pixels[4 * (5 * y + x)..][..4];
        assert_eq!((at(0, 0), at(2, 0), at(3, 0)), (&[1, 1, 1, 255][..], &[0; 4][..], &[2, 2, 2, 255][..]));
        assert_eq!((at(0, 2), at(3, 2)), (&[3, 3, 3, 255][..], &[0; 4][..]));
    }
}
