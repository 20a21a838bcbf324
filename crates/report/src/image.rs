//! Small images inside a page: PNG as data URIs.

use base64::{Engine, engine::general_purpose::STANDARD};
use maud::{Markup, html};
use png::{BitDepth, ColorType, Encoder};

/// Height and width of an image with its bytes, row by row: one byte a pixel for grey, three for colours, four for colours and how
/// far they cover what is behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width · height` bytes, or three or four times as many.
    pub pixels: Vec<u8>,
}

impl Image {
    /// Numbers as colours: blue below 0, white at 0, red above, saturated at the largest magnitude.
    pub fn diverging(width: usize, height: usize, values: &[f64]) -> Self {
        Self::diverging_to(
            width,
            height,
            values,
            values.iter().fold(0.0, |limit: f64, value| limit.max(value.abs())),
        )
    }

    /// The same, saturated at this magnitude.
    pub fn diverging_to(width: usize, height: usize, values: &[f64], limit: f64) -> Self {
        let pixels = values.iter().flat_map(|&value| diverging(value, limit)).collect();
        Self { width, height, pixels }
    }

    /// Numbers of a colour each, three for a pixel, as colours around a middle grey, saturated at the largest magnitude.
    pub fn colours(width: usize, height: usize, values: &[f64]) -> Self {
        let limit = values.iter().fold(f64::MIN_POSITIVE, |limit: f64, value| limit.max(value.abs()));
        let pixels = values.iter().map(|value| (128.0 + 127.0 * value / limit).round() as u8).collect();
        Self { width, height, pixels }
    }

    /// The colour of a pixel.
    pub(crate) fn colour(&self, at: usize) -> [u8; 3] {
        match self.pixels.len() / (self.width * self.height).max(1) {
            1 => [self.pixels[at]; 3],
            n => [0, 1, 2].map(|channel| self.pixels[n * at + channel]),
        }
    }

    /// The image as an element.
    pub(crate) fn markup(&self, alt: &str) -> Markup {
        html! { img.pixels width=(self.width) height=(self.height) alt=(alt) src=(self.source()); }
    }

    /// The image as an element of this width in the unit of letters.
    pub(crate) fn scaled(&self, alt: &str, width: f64) -> Markup {
        let style = format!("width:{width:.1}rem");
        html! { img.pixels width=(self.width) height=(self.height) alt=(alt) style=(style) src=(self.source()); }
    }

    fn source(&self) -> String {
        format!("data:image/png;base64,{}", STANDARD.encode(self.png()))
    }

    fn png(&self) -> Vec<u8> {
        let kind = match self.pixels.len() / (self.width * self.height).max(1) {
            1 => ColorType::Grayscale,
            3 => ColorType::Rgb,
            _ => ColorType::Rgba,
        };
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, self.width as u32, self.height as u32);
        encoder.set_color(kind);
        encoder.set_depth(BitDepth::Eight);
        let mut writer = encoder.write_header().expect("an image has pixels");
        writer.write_image_data(&self.pixels).expect("one byte a pixel, or three, or four");
        writer.finish().expect("memory takes every write");
        file
    }
}

/// Blue below 0, white at 0, red above, full at ±`limit`; in steps that no eye sees, which make files small.
pub(crate) fn diverging(value: f64, limit: f64) -> [u8; 3] {
    const STEPS: f64 = 40.0;
    let t = if limit > 0.0 { (STEPS * (value / limit).clamp(-1.0, 1.0)).round() / STEPS } else { 0.0 };
    let end: [f64; 3] = if t < 0.0 { [33.0, 102.0, 172.0] } else { [178.0, 24.0, 43.0] };
    end.map(|channel| (247.0 + (channel - 247.0) * t.abs()).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_reads_back_pixel_by_pixel() {
        let image = Image { width: 3, height: 2, pixels: vec![0, 255, 7, 200, 1, 9] };
        let markup = image.markup("six").into_string();
        let data = markup.split_once("base64,").unwrap().1.strip_suffix("\">").unwrap();
        let bytes = STANDARD.decode(data).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut back = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut back).unwrap();
        assert_eq!((info.width, info.height, &back[..]), (3, 2, &image.pixels[..]));
    }

    #[test]
    fn zero_is_white_and_signs_are_opposite() {
        assert_eq!(diverging(0.0, 1.0), [247; 3]);
        assert_eq!(diverging(-5.0, 1.0), [33, 102, 172]);
        assert_eq!(diverging(1.0, 0.0), [247; 3]);
        assert_eq!(Image::diverging(2, 1, &[0.0, -2.0]).pixels, [247, 247, 247, 33, 102, 172]);
    }
}
