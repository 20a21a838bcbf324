//! WebP, GIF, BMP and TIFF, by the crate `image`.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::decoded::{DecodedImage, Refusal, within_reason};

/// Decodes the file of a format that has been recognised.
pub(super) fn decode(bytes: &[u8], name: &str, limit: u64) -> Result<DecodedImage, Refusal> {
    let format = match name {
        "WebP" => ImageFormat::WebP,
        "GIF" => ImageFormat::Gif,
        "BMP" => ImageFormat::Bmp,
        _ => ImageFormat::Tiff,
    };
    let refused = |error: ImageError| {
        let fault = error.to_string().replace('\n', " ");
        match error {
            ImageError::Unsupported(_) => Refusal::Unread(format!("as {name}, {fault}")),
            _ => Refusal::Damaged(fault),
        }
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(limit);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(refused)?;
    let (width, height) = decoder.dimensions();
    let (height, width) = (height as usize, width as usize);
    // The decoder's pixels and those that are kept.
    let bytes_per_pixel = 3 + u64::from(decoder.color_type().bytes_per_pixel());
    within_reason(height, width, None, bytes_per_pixel, limit)?;
    let image = DynamicImage::from_decoder(decoder).map_err(refused)?;
    Ok(if image.color().has_color() {
        DecodedImage::new(image.into_rgb8().into_raw(), height, width, 3)
    } else {
        DecodedImage::new(image.into_luma8().into_raw(), height, width, 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_file_of_a_kind_that_is_not_read_is_not_called_damaged() {
        // One pixel of 32 floating-point bits: width, height, bits, compression, meaning, place, samples, rows, bytes, kind of number.
        let entries: [(u16, u32); 10] = [
            (256, 1),
            (257, 1),
            (258, 32),
            (259, 1),
            (262, 1),
            (273, 134),
            (277, 1),
            (278, 1),
            (279, 4),
            (339, 3),
        ];
        let mut tiff = b"II*\0\x08\0\0\0\x0a\0".to_vec();
        for (tag, value) in entries {
            tiff.extend(
                [&tag.to_le_bytes()[..], &4_u16.to_le_bytes(), &1_u32.to_le_bytes(), &value.to_le_bytes()]
                    .concat(),
            );
        }
        tiff.extend([0; 4]);
        assert_eq!(tiff.len(), 134);
        tiff.extend(0.5_f32.to_le_bytes());
        let Err(Refusal::Unread(fault)) = decode(&tiff, "TIFF", 1 << 20) else {
            panic!("it is read, or damaged")
        };
        assert!(fault.starts_with("as TIFF, "), "{fault}");
        tiff.truncate(60);
        assert!(matches!(decode(&tiff, "TIFF", 1 << 20), Err(Refusal::Damaged(_))));
    }
}
