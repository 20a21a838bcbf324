//! A decoded image, and the bounds within which one is decoded.

use super::shape::ImageShape;

/// Pixels of an image at most: its header is not trusted with more memory.
const MOST_PIXELS: usize = 1 << 26;
/// Pixels of a side at most, as in a JPEG.
const LONGEST_SIDE: usize = (1 << 16) - 1;
/// Pixels that a byte of a PNG or JPEG can stand for at most: a block of 64 in a JPEG takes two bits or more for each
/// channel, and deflate packs 1,032 bytes into one, of eight pixels each where they are black or white.
const MOST_PIXELS_A_BYTE: usize = 8 * 1_032;

/// A decoded image file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedImage {
    /// Its height, width and channels.
    pub shape: ImageShape,
    /// Row by row, and within a pixel channel by channel.
    pub pixels: Vec<u8>,
}

impl DecodedImage {
    /// Drops the alpha channel.
    pub(super) fn new(pixels: Vec<u8>, height: usize, width: usize, samples: usize) -> Self {
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

/// Why an image is not decoded.
pub(super) enum Refusal {
    Damaged(String),
    /// Sound, but not of a kind that is read.
    Unread(String),
    /// More pixels than are read.
    Large(String),
    /// It needs this number of bytes.
    Memory(u64),
}

impl From<String> for Refusal {
    fn from(fault: String) -> Self {
        Refusal::Damaged(fault)
    }
}

/// Refuses what a header announces beyond the bounds. `bytes` are those of a PNG or JPEG, which compress a plain surface well, but
/// not beyond a ratio.
pub(super) fn within_reason(
    height: usize,
    width: usize,
    bytes: Option<&[u8]>,
    bytes_per_pixel: u64,
    limit: u64,
) -> Result<(), Refusal> {
    let announced = || format!("its header announces {height} x {width} pixels");
    let pixels = height.saturating_mul(width);
    if bytes.is_some_and(|bytes| pixels / MOST_PIXELS_A_BYTE > bytes.len()) {
        return Err(Refusal::Damaged(format!("{}, more than its bytes can hold", announced())));
    }
    if pixels > MOST_PIXELS || height.max(width) > LONGEST_SIDE {
        return Err(Refusal::Large(format!(
            "{}, and {MOST_PIXELS} with {LONGEST_SIDE} a side are read",
            announced()
        )));
    }
    let needed = pixels as u64 * bytes_per_pixel;
    if needed > limit { Err(Refusal::Memory(needed)) } else { Ok(()) }
}
