//! The encoding of protocol buffers, read in place: a message is its fields, and nothing is copied.

use super::error::ImportError;

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Eight([u8; 8]),
    Four([u8; 4]),
    /// Text, a message, or packed numbers.
    Bytes(&'a [u8]),
}

impl<'a> Wire<'a> {
    /// As bytes; empty where it is a number.
    pub(super) fn bytes(self) -> &'a [u8] {
        if let Wire::Bytes(bytes) = self { bytes } else { &[] }
    }

    pub(super) fn text(self) -> Result<&'a str, ImportError> {
        str::from_utf8(self.bytes()).map_err(|_| ImportError::format("a name in it is no text"))
    }

    /// As a whole number; 0 where it is none.
    pub(super) fn whole(self) -> i64 {
        if let Wire::Varint(value) = self { value as i64 } else { 0 }
    }
}

/// The fields of a message, in the order of the file, each with its number.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn field(&mut self) -> Option<(u64, Wire<'a>)> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Eight(self.take(8)?.try_into().ok()?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => Wire::Four(self.take(4)?.try_into().ok()?),
            _ => return None,
        };
        Some((key >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Wire<'a>), ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            // One error is enough.
            self.rest = &[];
        }
        Some(field.ok_or_else(|| ImportError::format("it ends early or is corrupted")))
    }
}

/// The numbers of a repeated field: packed, or one in each field.
pub(super) fn packed_varints(value: Wire<'_>) -> impl Iterator<Item = Result<i64, ImportError>> {
    let (mut fields, mut lone) = match value {
        Wire::Varint(value) => (Fields::of(&[]), Some(value)),
        other => (Fields::of(other.bytes()), None),
    };
    std::iter::from_fn(move || {
        if let Some(value) = lone.take() {
            return Some(Ok(value as i64));
        }
        if fields.rest.is_empty() {
            return None;
        }
        let value = fields.varint();
        if value.is_none() {
            fields.rest = &[];
        }
        Some(value.map(|value| value as i64).ok_or_else(|| ImportError::format("a number in it is cut off")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_field_is_read_in_order() {
        let message = [0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x1d, 1, 2, 3, 4, 0x21, 1, 2, 3, 4, 5, 6, 7, 8];
        let fields: Vec<_> = Fields::of(&message).collect::<Result<_, _>>().unwrap();
        let expected = [
            (1, Wire::Varint(150)),
            (2, Wire::Bytes(b"hi")),
            (3, Wire::Four([1, 2, 3, 4])),
            (4, Wire::Eight([1, 2, 3, 4, 5, 6, 7, 8])),
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn a_message_that_is_cut_off_is_one_error() {
        let message = [0x12, 2, b'h', b'i'];
        for end in 1..message.len() {
            let fields: Vec<_> = Fields::of(&message[..end]).collect();
            assert!(matches!(fields[..], [Err(_)]), "{end}: {fields:?}");
        }
        // A varint of eleven bytes, a group, and a length beyond memory.
        for message in
            [&[0xff; 12][..], &[0x0b, 0x0c], &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]]
        {
            assert!(Fields::of(message).all(|field| field.is_err()));
        }
    }

    #[test]
    fn packed_and_single_numbers_are_the_same() {
        let packed: Vec<i64> = packed_varints(Wire::Bytes(&[3, 0x96, 1])).collect::<Result<_, _>>().unwrap();
        assert_eq!(packed, [3, 150]);
        let lone: Vec<i64> = packed_varints(Wire::Varint(7)).collect::<Result<_, _>>().unwrap();
        assert_eq!(lone, [7]);
        assert!(packed_varints(Wire::Bytes(&[0x96])).any(|number| number.is_err()));
    }
}
