//! Decoders of image files: 8 bits per channel, without transparency.

use std::io::Cursor;
use std::path::Path;

use jpeg_decoder::PixelFormat;
use png::Transformations;

use super::shape::ImageShape;
use crate::error::Error;

/// Pixels of a image at most: its header is not trusted with more memory.
const MOST_PIXELS: usize = 1 << 26;
/// Pixels that a byte of a file can stand for at most: a block of 64 in a JPEG takes two bits or more for each channel,
/// and deflate packs 1,032 bytes into one, of eight pixels each where they are black or white.
const MOST_PIXELS_A_BYTE: usize = 8 * 1_032;
/// A decoded image file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedImage {
    /// Its height, width and channels.
    pub shape: ImageShape,
    /// Row by row, and within a pixel channel by channel.
    pub pixels: Vec<u8>,
}

/// Decodes a PNG or JPEG file: 8 bits a channel, transparency left out; `path` serves the messages only.
///
/// # Errors
/// If the bytes are not of these formats, are damaged, or announce more than 67 million pixels.
pub fn decode(bytes: &[u8], path: &Path) -> Result<DecodedImage, Error> {
    let damaged =
        |fault: String| Error::format(path, fault, "it is damaged or no PNG or JPEG file, get it again");
    if bytes.starts_with(b"\x89PNG") {
        return decode_png(bytes).map_err(damaged);
    }
    if bytes.starts_with(&[0xff, 0xd8]) {
        return decode_jpeg(bytes).map_err(damaged);
    }
    Err(damaged("its first bytes are those of neither".to_owned()))
}

fn decode_png(bytes: &[u8]) -> Result<DecodedImage, String> {
    // What the decoder itself may take, besides the pixels.
    let limits = png::Limits { bytes: 1 << 26 };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let (height, width) = (reader.info().height as usize, reader.info().width as usize);
    within_reason(height, width, bytes)?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("it is too large")?];
    let frame = reader.next_frame(&mut pixels).map_err(|error| error.to_string())?;
    pixels.truncate(frame.buffer_size());
    Ok(DecodedImage::new(pixels, height, width, frame.color_type.samples()))
}

fn decode_jpeg(bytes: &[u8]) -> Result<DecodedImage, String> {
    let mut decoder = jpeg_decoder::Decoder::new(Cursor::new(bytes));
    decoder.read_info().map_err(|error| error.to_string())?;
    let info = decoder.info().ok_or("its header cannot be read")?;
    let (height, width) = (usize::from(info.height), usize::from(info.width));
    within_reason(height, width, bytes)?;
    let samples = match info.pixel_format {
        PixelFormat::L8 => 1,
        PixelFormat::RGB24 => 3,
        PixelFormat::L16 => return Err("it is greyscale with 16 bits per pixel, and 8 are read".to_owned()),
        PixelFormat::CMYK32 => return Err("its colours are for print".to_owned()),
    };
    let pixels = decoder.decode().map_err(|error| error.to_string())?;
    Ok(DecodedImage::new(pixels, height, width, samples))
}

/// Both formats compress a plain surface well, but not beyond this ratio.
fn within_reason(height: usize, width: usize, bytes: &[u8]) -> Result<(), String> {
    let pixels = height.checked_mul(width).filter(|&pixels| pixels <= MOST_PIXELS);
    if pixels.is_none_or(|pixels| pixels / MOST_PIXELS_A_BYTE > bytes.len()) {
        return Err(format!("its header announces {height} x {width} pixels"));
    }
    Ok(())
}

impl DecodedImage {
    /// Drops the alpha channel.
    fn new(pixels: Vec<u8>, height: usize, width: usize, samples: usize) -> Self {
        let (pixels, channels) = match samples {
            2 => (pixels.into_iter().step_by(2).collect(), 1),
            4 => (pixels.chunks_exact(4).flat_map(|pixel| &pixel[..3]).copied().collect(), 3),
            n => (pixels, n),
        };
        Self { shape: ImageShape { height, width, channels }, pixels }
    }

    /// Greyscale by the luma of ITU-R BT.601 in fixed point, or RGB.
    pub(super) fn with_channels(self, channels: usize) -> Self {
        let pixels: Vec<u8> = match (self.shape.channels, channels) {
            (3, 1) => {
                let (pixels, _) = self.pixels.as_chunks();
                let luma = |&[r, g, b]: &[u8; 3]| {
                    let [r, g, b] = [r, g, b].map(u32::from);
                    ((19_595 * r + 38_470 * g + 7_471 * b + (1 << 15)) >> 16) as u8
                };
                pixels.iter().map(luma).collect()
            }
            (1, 3) => self.pixels.iter().flat_map(|&grey| [grey; 3]).collect(),
            _ => self.pixels,
        };
        Self { shape: ImageShape { channels, ..self.shape }, pixels }
    }
}
