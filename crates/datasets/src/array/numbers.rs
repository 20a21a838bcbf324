use chainrule_tensor::Scalar;
use chainrule_tensor::half::half;

/// The type of the numbers in a file, of either byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NumberType {
    /// NumPy's code: the kind (`f`, `i`, `u`, `b`) and the number of bytes.
    code: &'static str,
    big_endian: bool,
}

/// The codes that are read.
const KNOWN: [&str; 12] = ["f2", "f4", "f8", "b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"];

impl NumberType {
    /// Unsigned bytes, as IDX files have them.
    pub(crate) const BYTES: Self = Self { code: "u1", big_endian: false };

    /// The type with NumPy's descriptor: byte order, kind and size, such as `<f4`.
    pub(crate) fn of_descriptor(descriptor: &str) -> Option<Self> {
        let code = KNOWN.into_iter().find(|known| descriptor.get(1..) == Some(*known))?;
        Some(Self { code, big_endian: descriptor.starts_with('>') })
    }

    /// Bytes per number.
    pub(crate) fn size(self) -> usize {
        usize::from(self.code.as_bytes()[1] - b'0')
    }

    pub(crate) fn are_bytes(self) -> bool {
        self.code == "u1"
    }

    /// Whether there are numbers of this type that `f32` rounds.
    pub(crate) fn are_wide(self) -> bool {
        matches!(self.code, "f8" | "i4" | "u4" | "i8" | "u8")
    }

    pub(crate) fn are_booleans(self) -> bool {
        self.code == "b1"
    }

    /// Numbers from their bytes.
    pub(crate) fn decode<A: Scalar>(self, bytes: &[u8], out: &mut [A]) {
        match self.code {
            "f2" => self.each(bytes, out, |b| half(u16::from_le_bytes(b))),
            "f4" => self.each(bytes, out, |b| f32::from_le_bytes(b).into()),
            "f8" => self.each(bytes, out, f64::from_le_bytes),
            "i1" => self.each(bytes, out, |b| i8::from_le_bytes(b).into()),
            "i2" => self.each(bytes, out, |b| i16::from_le_bytes(b).into()),
            "u2" => self.each(bytes, out, |b| u16::from_le_bytes(b).into()),
            "i4" => self.each(bytes, out, |b| i32::from_le_bytes(b).into()),
            "u4" => self.each(bytes, out, |b| u32::from_le_bytes(b).into()),
            "i8" => self.each(bytes, out, |b| i64::from_le_bytes(b) as f64),
            "u8" => self.each(bytes, out, |b| u64::from_le_bytes(b) as f64),
            _ => self.each(bytes, out, |[b]: [u8; 1]| b.into()),
        }
    }

    /// The whole number in these bytes; `None` if the type is not one of whole numbers.
    pub(crate) fn integer(self, bytes: &[u8]) -> Option<i128> {
        let kind = self.code.as_bytes()[0];
        if kind == b'f' || bytes.len() != self.size() {
            return None;
        }
        let digit = |n: u64, &byte: &u8| n << 8 | u64::from(byte);
        let n = if self.big_endian { bytes.iter().fold(0, digit) } else { bytes.iter().rev().fold(0, digit) };
        let unused = 64 - 8 * self.size() as u32;
        Some(if kind == b'i' { i128::from((n << unused) as i64 >> unused) } else { n.into() })
    }

    fn each<A: Scalar, const N: usize>(self, bytes: &[u8], out: &mut [A], number: impl Fn([u8; N]) -> f64) {
        for (x, &bytes) in out.iter_mut().zip(bytes.as_chunks::<N>().0) {
            let mut bytes = bytes;
            if self.big_endian {
                bytes.reverse();
            }
            *x = A::of(number(bytes));
        }
    }
}

/// Every byte has an exact float; of all conversions `from_u8` is the one that vectorises.
#[inline]
pub(crate) fn from_bytes<A: Scalar>(bytes: &[u8], out: &mut [A]) {
    for (y, &byte) in out.iter_mut().zip(bytes) {
        *y = A::from_u8(byte).unwrap_or_default();
    }
}
