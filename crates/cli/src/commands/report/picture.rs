//! Small pictures inside a page: PNG as data URIs.

use base64::{Engine, engine::general_purpose::STANDARD};
use png::{BitDepth, ColorType, Encoder};

/// An `<img>` of a grey (one byte a pixel) or coloured (three bytes) picture.
pub(super) fn img((width, height): (usize, usize), pixels: &[u8], alt: &str) -> String {
    let coloured = pixels.len() == 3 * width * height;
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(if coloured { ColorType::Rgb } else { ColorType::Grayscale });
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header().expect("a picture has pixels");
    writer.write_image_data(pixels).expect("as many as its shape says");
    writer.finish().expect("memory takes every write");
    format!(
        "<img class=\"pixels\" width=\"{width}\" height=\"{height}\" alt=\"{alt}\" src=\"data:image/png;base64,{}\">",
        STANDARD.encode(file)
    )
}

/// Blue below 0, white at 0, red above, full at ±`limit`.
pub(super) fn diverging(value: f64, limit: f64) -> [u8; 3] {
    let t = if limit > 0.0 { (value / limit).clamp(-1.0, 1.0) } else { 0.0 };
    let end: [f64; 3] = if t < 0.0 { [33.0, 102.0, 172.0] } else { [178.0, 24.0, 43.0] };
    end.map(|channel| (247.0 + (channel - 247.0) * t.abs()).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_reads_back_pixel_by_pixel() {
        let pixels = [0, 255, 7, 200, 1, 9];
        let img = img((3, 2), &pixels, "six");
        let data = img.split_once("base64,").unwrap().1.strip_suffix("\">").unwrap();
        let bytes = STANDARD.decode(data).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut back = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut back).unwrap();
        assert_eq!((info.width, info.height, &back[..]), (3, 2, &pixels[..]));
    }

    #[test]
    fn zero_is_white_and_signs_are_opposite() {
        assert_eq!(diverging(0.0, 1.0), [247; 3]);
        assert_eq!(diverging(-5.0, 1.0), [33, 102, 172]);
        assert_eq!(diverging(1.0, 0.0), [247; 3]);
    }
}
