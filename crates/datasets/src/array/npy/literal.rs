//! The Python literal in the header of a `.npy` file: a dictionary of a string (or a list, for structured types), a
//! boolean and a tuple of whole numbers.

/// The header of a matrix takes 118 bytes; NumPy itself refuses headers above 10,000.
pub(super) const LONGEST_HEADER: usize = 1024;

/// The three entries of a header.
pub(super) struct Header<'a> {
    /// The descriptor, or the text of the list that describes a structured type.
    pub(super) descriptor: &'a str,
    pub(super) fortran: bool,
    pub(super) shape: Vec<usize>,
}

/// Where the dictionary begins and ends, as the file claims it.
pub(super) fn range(bytes: &[u8]) -> Option<(usize, usize)> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    match *rest {
        [1, 0, a, b, ..] => Some((10, 10 + usize::from(u16::from_le_bytes([a, b])))),
        [2 | 3, 0, a, b, c, d, ..] => {
            Some((12, 12_usize.checked_add(u32::from_le_bytes([a, b, c, d]) as usize)?))
        }
        _ => None,
    }
}

/// The header of a text that is exactly one such dictionary, with blanks around it.
pub(super) fn parse(text: &str) -> Option<Header<'_>> {
    let mut rest = Rest(text);
    let (mut descriptor, mut fortran, mut shape) = (None, None, None);
    rest.token('{')?;
    loop {
        if rest.token('}').is_some() {
            break;
        }
        let key = rest.string()?;
        rest.token(':')?;
        match key {
            "descr" if rest.peek() == Some('[') => descriptor = Some(rest.list()?),
            "descr" => descriptor = Some(rest.string()?),
            "fortran_order" => fortran = Some(rest.boolean()?),
            "shape" => shape = Some(rest.tuple()?),
            _ => return None,
        }
        if rest.token(',').is_none() {
            rest.token('}')?;
            break;
        }
    }
    rest.0.trim().is_empty().then_some(Header { descriptor: descriptor?, fortran: fortran?, shape: shape? })
}

/// What is left of the text.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn peek(&mut self) -> Option<char> {
        self.0 = self.0.trim_start();
        self.0.chars().next()
    }

    fn token(&mut self, token: char) -> Option<()> {
        self.peek();
        self.0 = self.0.strip_prefix(token)?;
        Some(())
    }

    /// A string without escapes, in single or double quotes.
    fn string(&mut self) -> Option<&'a str> {
        let quote = self.peek().filter(|&quote| quote == '\'' || quote == '"')?;
        let (string, rest) = self.0[1..].split_once(quote)?;
        self.0 = rest;
        (!string.contains('\\')).then_some(string)
    }

    fn boolean(&mut self) -> Option<bool> {
        self.peek();
        let (value, rest) = match self.0.strip_prefix("True") {
            Some(rest) => (true, rest),
            None => (false, self.0.strip_prefix("False")?),
        };
        self.0 = rest;
        Some(value)
    }

    /// Whole numbers in parentheses. Python 2 wrote an `L` behind a long one.
    fn tuple(&mut self) -> Option<Vec<usize>> {
        let mut numbers = Vec::new();
        self.token('(')?;
        while self.token(')').is_none() {
            self.peek();
            let digits = self.0.find(|c: char| !c.is_ascii_digit())?;
            numbers.push(self.0[..digits].parse().ok()?);
            self.0 = self.0[digits..].trim_start_matches('L');
            if self.token(',').is_none() {
                self.token(')')?;
                break;
            }
        }
        Some(numbers)
    }

    /// The text of a list, which is not read any further.
    fn list(&mut self) -> Option<&'a str> {
        let mut depth = 0_usize;
        let end = self.0.find(|c| {
            match c {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            depth == 0
        })?;
        let (list, rest) = self.0.split_at(end + 1);
        self.0 = rest;
        Some(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_writes_is_read() {
        let header = parse("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   \n").unwrap();
        assert_eq!((header.descriptor, header.fortran, header.shape), ("<f4", false, vec![3, 4]));
        let header = parse("{\"shape\":(7L,),'fortran_order':True,'descr':'|b1'}").unwrap();
        assert_eq!((header.descriptor, header.fortran, header.shape), ("|b1", true, vec![7]));
        let header =
            parse("{'descr': [('a', '<f4', (2,)), ('b', '<i8')], 'fortran_order': False, 'shape': ()}");
        let header = header.unwrap();
        assert_eq!((header.descriptor, header.shape), ("[('a', '<f4', (2,)), ('b', '<i8')]", vec![]));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "{}",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)} x",
            "{'descr': '<f4', 'fortran_order': 0, 'shape': (3, 4)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (,)}",
            "{'descr': '<f4' 'fortran_order': False, 'shape': (3,)}",
            "{'descr': [(, 'fortran_order': False, 'shape': (3,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'more': 1}",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
