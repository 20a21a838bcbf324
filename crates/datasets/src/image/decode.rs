//! Decoders of image files: 8 bits per channel, without transparency.

use std::io::Cursor;
use std::path::Path;

use jpeg_decoder::PixelFormat;
use png::Transformations;

use super::decoded::{DecodedImage, Refusal, within_reason};
use crate::error::Error;
use crate::guard::guarded;
use crate::memory;

/// Decodes an image file: 8 bits per channel, without transparency; `path` is used in messages only. PNG and JPEG are read, and
/// with the feature `image-formats` WebP, GIF (its first image), BMP and TIFF.
///
/// # Errors
/// If the bytes are of another format, are damaged, or announce more than 67 million pixels.
pub fn decode(bytes: &[u8], path: &Path) -> Result<DecodedImage, Error> {
    decode_within(bytes, path, memory::default_limit())
}

/// Decodes an image file within a limit on its memory in bytes.
pub(super) fn decode_within(bytes: &[u8], path: &Path, limit: u64) -> Result<DecodedImage, Error> {
    let panicked = || Error::format(path, "its decoder fails", "it is damaged, get it again");
    guarded(|| decode_by_kind(bytes, path, limit)).ok_or_else(panicked)?
}

fn decode_by_kind(bytes: &[u8], path: &Path, limit: u64) -> Result<DecodedImage, Error> {
    let damaged = |name: &str, fault: String| {
        Error::format(path, format!("as {name}, {fault}"), "it is damaged, get it again")
    };
    let refused = |name: &str, refusal: Refusal| match refusal {
        Refusal::Damaged(fault) => damaged(name, fault),
        Refusal::Unread(fault) => Error::format(path, fault, "save it as PNG with 8 bits per channel"),
        Refusal::Large(fault) => Error::format(path, fault, "make it smaller"),
        Refusal::Memory(needed) => Error::Memory { path: path.to_owned(), needed, limit },
    };
    if bytes.starts_with(b"\x89PNG") {
        return decode_png(bytes, limit).map_err(|refusal| refused("PNG", refusal));
    }
    if bytes.starts_with(&[0xff, 0xd8]) {
        return decode_jpeg(bytes, limit).map_err(|refusal| refused("JPEG", refusal));
    }
    let name = match bytes {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "WebP",
        [b'G', b'I', b'F', b'8', ..] => "GIF",
        [b'B', b'M', ..] => "BMP",
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => "TIFF",
        _ => {
            let fault = "it is damaged or no image: its first bytes are those of no format that is read";
            return Err(Error::format(path, fault, "save it as PNG"));
        }
    };
    #[cfg(feature = "image-formats")]
    return super::formats::decode(bytes, name, limit).map_err(|refusal| refused(name, refusal));
    #[cfg(not(feature = "image-formats"))]
    Err(refused(
        name,
        Refusal::Unread(format!("this build does not read {name} (feature \"image-formats\")")),
    ))
}

fn decode_png(bytes: &[u8], limit: u64) -> Result<DecodedImage, Refusal> {
    // What the decoder itself may take, besides the pixels.
    let limits = png::Limits { bytes: 1 << 26 };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let (height, width) = (reader.info().height as usize, reader.info().width as usize);
    within_reason(height, width, Some(bytes), 8, limit)?;
    let size = reader.output_buffer_size().ok_or_else(|| "it is too large".to_owned())?;
    let mut pixels = vec![0; size];
    let frame = reader.next_frame(&mut pixels).map_err(|error| error.to_string())?;
    pixels.truncate(frame.buffer_size());
    Ok(DecodedImage::new(pixels, height, width, frame.color_type.samples()))
}

fn decode_jpeg(bytes: &[u8], limit: u64) -> Result<DecodedImage, Refusal> {
    let mut decoder = jpeg_decoder::Decoder::new(Cursor::new(bytes));
    decoder.read_info().map_err(|error| error.to_string())?;
    let info = decoder.info().ok_or_else(|| "its header cannot be read".to_owned())?;
    let (height, width) = (usize::from(info.height), usize::from(info.width));
    within_reason(height, width, Some(bytes), 8, limit)?;
    let samples = match info.pixel_format {
        PixelFormat::L8 => 1,
        PixelFormat::RGB24 => 3,
        PixelFormat::L16 => {
            let fault = "it is greyscale with 16 bits per pixel, and 8 are read";
            return Err(Refusal::Unread(fault.to_owned()));
        }
        PixelFormat::CMYK32 => {
            let pixels = decoder.decode().map_err(|error| error.to_string())?;
            return Ok(DecodedImage::new(rgb_of_cmyk(&pixels), height, width, 3));
        }
    };
    let pixels = decoder.decode().map_err(|error| error.to_string())?;
    Ok(DecodedImage::new(pixels, height, width, samples))
}

/// The colours of ink on paper: each ink and black take their part of the light.
fn rgb_of_cmyk(pixels: &[u8]) -> Vec<u8> {
    let light = |ink: u8, black: u8| {
        let light = u32::from(255 - ink) * u32::from(255 - black);
        ((light + 127) / 255) as u8
    };
    pixels
        .as_chunks()
        .0
        .iter()
        .flat_map(|&[c, m, y, k]: &[u8; 4]| [c, m, y].map(|ink| light(ink, k)))
        .collect()
}
