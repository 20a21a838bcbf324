use std::io::{self, Write};

use crc::{CRC_32_ISCSI, Crc};

/// Writes scalars as a TensorBoard event file.
///
/// The file is a TFRecord of `Event` messages, the first of which names the version; only the fields that scalars need
/// are written. A record is its length as 8 bytes, the length's checksum, the message, the message's checksum, all
/// little-endian; a checksum is a CRC-32C, rotated and shifted so that a CRC over data with CRCs in it stays one.
///
/// # References
/// TensorFlow: `core/util/event.proto`, `core/framework/summary.proto`, `core/lib/io/record_writer.cc`,
/// `core/lib/hash/crc32c.h`.
///
/// ```
/// use chainrule_train::EventFile;
///
/// # fn main() -> std::io::Result<()> {
/// let mut bytes = Vec::new();
/// EventFile::new(&mut bytes, 0.0)?.scalars(1.5, 7, [("loss/train", 0.25)])?;
/// // An event of 24 bytes names the version: 8 + 4 + 24 + 4.
/// assert_eq!(&bytes[..8], &24_u64.to_le_bytes());
/// assert_eq!(&bytes[40..48], &32_u64.to_le_bytes());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct EventFile<W> {
    out: W,
}

const CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

impl<W: Write> EventFile<W> {
    /// Begins a file at `time`, in seconds since 1970.
    ///
    /// # Errors
    /// As `out`.
    pub fn new(out: W, time: f64) -> io::Result<Self> {
        let mut file = Self { out };
        file.event(time, 0, 3, b"brain.Event:2")?;
        Ok(file)
    }

    /// Says that a run goes on here with `step`: readers drop what an earlier file of it has from there on.
    ///
    /// # Errors
    /// As the writer beneath.
    pub fn restart(&mut self, time: f64, step: u64) -> io::Result<()> {
        // SessionLog { status: START }
        self.event(time, step, 7, &[1 << 3, 1])
    }

    /// One number for each name, at a step.
    ///
    /// # Errors
    /// As the writer beneath.
    pub fn scalars<'a>(
        &mut self,
        time: f64,
        step: u64,
        values: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> io::Result<()> {
        let mut summary = Vec::new();
        for (name, value) in values {
            let mut entry = Vec::new();
            delimited(1, name.as_bytes(), &mut entry);
            entry.push(2 << 3 | FIXED_32);
            entry.extend((value as f32).to_le_bytes());
            delimited(1, &entry, &mut summary);
        }
        self.event(time, step, 5, &summary)
    }

    /// An event whose content is the message or text of that field.
    fn event(&mut self, time: f64, step: u64, field: u8, content: &[u8]) -> io::Result<()> {
        let mut event = vec![1 << 3 | FIXED_64];
        event.extend(time.to_le_bytes());
        if step > 0 {
            event.push(2 << 3);
            varint(step, &mut event);
        }
        delimited(field, content, &mut event);
        let length = (event.len() as u64).to_le_bytes();
        let record = [&length[..], &masked(&length), &event, &masked(&event)].concat();
        // In one piece, so that an interrupt leaves whole records.
        self.out.write_all(&record)?;
        self.out.flush()
    }
}

/// Wire types of protocol buffers.
const FIXED_64: u8 = 1;
const DELIMITED: u8 = 2;
const FIXED_32: u8 = 5;

fn delimited(field: u8, content: &[u8], out: &mut Vec<u8>) {
    out.push(field << 3 | DELIMITED);
    varint(content.len() as u64, out);
    out.extend_from_slice(content);
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn masked(bytes: &[u8]) -> [u8; 4] {
    CRC32C.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_the_one_of_the_rfc() {
        // RFC 3720, appendix B.4: 32 bytes of zeros, and of ones.
        assert_eq!(CRC32C.checksum(&[0; 32]), 0x8a91_36aa);
        assert_eq!(CRC32C.checksum(&[0xff; 32]), 0x62a8_ab43);
    }

    #[test]
    fn an_event_has_its_time_its_step_unless_it_is_the_first_and_its_content() {
        let mut bytes = Vec::new();
        let mut file = EventFile::new(&mut bytes, 2.0).unwrap();
        file.restart(2.0, 300).unwrap();
        // Without length and checksums: wall_time = 1, step = 2, file_version = 3 and session_log = 7 of event.proto.
        let time = [&[0x09][..], &2.0_f64.to_le_bytes()].concat();
        let first = [&time[..], &[0x1a, 13], b"brain.Event:2"].concat();
        let second = [&time[..], &[0x10, 0xac, 0x02, 0x3a, 2, 0x08, 1]].concat();
        let (start, end) = (12 + first.len() + 4, bytes.len() - 4);
        assert_eq!(bytes[12..12 + first.len()], first);
        assert_eq!(bytes[start + 12..end], second);
    }

    #[test]
    fn a_varint_has_seven_bits_a_byte() {
        let mut out = Vec::new();
        varint(300, &mut out);
        assert_eq!(out, [0xac, 0x02]);
    }
}
