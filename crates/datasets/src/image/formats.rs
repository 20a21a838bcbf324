//! WebP, GIF, BMP and TIFF, by the crate `image`.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::decoded::{DecodedImage, Refusal, within_reason};

/// Decodes the file of a format that has been recognised.
pub(super) fn decode(bytes: &[u8], name: &str, limit: u64) -> Result<DecodedImage, Refusal> {
    let format = match name {
        "WebP" => ImageFormat::WebP,
        "GIF" => ImageFormat::Gif,
        "BMP" => ImageFormat::Bmp,
        _ => ImageFormat::Tiff,
    };
    let damaged = |error: image::ImageError| Refusal::Damaged(error.to_string().replace('\n', " "));
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(limit);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    let (height, width) = (height as usize, width as usize);
    // The decoder's pixels and those that are kept.
    let bytes_per_pixel = 3 + u64::from(decoder.color_type().bytes_per_pixel());
    within_reason(height, width, None, bytes_per_pixel, limit)?;
    let image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    Ok(if image.color().has_color() {
        DecodedImage::new(image.into_rgb8().into_raw(), height, width, 3)
    } else {
        DecodedImage::new(image.into_luma8().into_raw(), height, width, 1)
    })
}
