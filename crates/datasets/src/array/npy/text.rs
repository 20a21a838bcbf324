//! Text in `.npy` files, which can be the classes of a target.

use super::literal;

/// A type of fixed length: characters of four bytes, or bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TextType {
    length: usize,
    wide: bool,
    big_endian: bool,
}

impl TextType {
    /// The type with NumPy's descriptor, such as `<U5` or `|S5`.
    pub(super) fn of_descriptor(descriptor: &str) -> Option<Self> {
        let length = descriptor.get(2..)?.parse().ok().filter(|&length| length < 1 << 20)?;
        let wide = match descriptor.as_bytes()[1] {
            b'U' => true,
            b'S' => false,
            _ => return None,
        };
        Some(Self { length, wide, big_endian: descriptor.starts_with('>') })
    }

    pub(super) fn length(self) -> usize {
        self.length
    }

    /// The text of one element, which ends before the first zero.
    fn decode(self, bytes: &[u8]) -> Option<String> {
        if !self.wide {
            let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
            return String::from_utf8(bytes[..end].to_vec()).ok();
        }
        let letters =
            bytes.as_chunks::<4>().0.iter().map(|&code| {
                if self.big_endian { u32::from_be_bytes(code) } else { u32::from_le_bytes(code) }
            });
        letters.take_while(|&code| code != 0).map(char::from_u32).collect()
    }
}

/// The texts in the bytes of a file that is a vector or matrix of them, row by row, and the texts of a row; `None` if it is
/// anything else.
pub(super) fn matrix(bytes: &[u8]) -> Option<(Vec<String>, usize)> {
    let (start, end) = literal::range(bytes)?;
    let text = std::str::from_utf8(bytes.get(start..end).filter(|_| end <= literal::LONGEST_HEADER)?).ok()?;
    let literal::Header { descriptor, shape, fortran } = literal::parse(text)?;
    let kind = TextType::of_descriptor(descriptor)?;
    let size = kind.length * if kind.wide { 4 } else { 1 };
    let (rows, width) = match shape[..] {
        [rows] => (rows, 1),
        [rows, width] if width > 0 && (width == 1 || !fortran) => (rows, width),
        _ => return None,
    };
    let fits = size > 0
        && rows.checked_mul(width).and_then(|texts| texts.checked_mul(size)) == Some(bytes.len() - end);
    if !fits {
        return None;
    }
    let texts: Option<Vec<String>> =
        bytes[end..].chunks_exact(size).map(|bytes| kind.decode(bytes)).collect();
    Some((texts?, width))
}
