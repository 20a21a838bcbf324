use chainrule_tensor::Scalar;

use crate::array::file_rows::FileRows;
use crate::features::Features;

/// A whole pipeline folded into y = (x − shift)·scale for each feature, in the number type of the network.
#[derive(Debug, Clone)]
pub(crate) struct Folded<A> {
    shift: Vec<A>,
    scale: Vec<A>,
}

impl<A: Scalar> Folded<A> {
    pub(super) fn new(shift: Vec<A>, scale: Vec<A>) -> Self {
        Self { shift, scale }
    }

    /// Writes the transformed example `i`.
    #[inline]
    pub(crate) fn fill(&self, features: &Features<A>, i: usize, out: &mut [A]) {
        const BY_ROWS: &str = "a data set is laid out by rows";
        match features {
            // Every byte has an exact float; of all conversions `from_u8` is the one that vectorises.
            Features::Bytes(x) => self.bytes(x.row(i).to_slice().expect(BY_ROWS), out),
            Features::Real(x) => self.map(x.row(i).to_slice().expect(BY_ROWS), out, |x| x),
            Features::Columns(_) | Features::FileRows(_) => {
                features.row(i, out);
                self.apply(out);
            }
        }
    }

    /// Writes a row of a streamed file, transformed.
    #[inline]
    pub(crate) fn file_row(&self, rows: &FileRows, row: &[u8], out: &mut [A]) {
        if rows.is_plain_bytes() {
            return self.bytes(row, out);
        }
        rows.decode(row, out);
        self.apply(out);
    }

    #[inline]
    fn bytes(&self, row: &[u8], out: &mut [A]) {
        self.map(row, out, |byte| A::from_u8(byte).unwrap_or_default());
    }

    #[inline]
    fn map<T: Copy>(&self, row: &[T], out: &mut [A], number: impl Fn(T) -> A) {
        for ((y, &x), (&shift, &scale)) in out.iter_mut().zip(row).zip(self.shift.iter().zip(&self.scale)) {
            *y = (number(x) - shift) * scale;
        }
    }

    pub(crate) fn apply<'a>(&self, row: impl IntoIterator<Item = &'a mut A>) {
        for (x, (&shift, &scale)) in row.into_iter().zip(self.shift.iter().zip(&self.scale)) {
            *x = (*x - shift) * scale;
        }
    }

    pub(crate) fn invert<'a>(&self, row: impl IntoIterator<Item = &'a mut A>) {
        for (x, (&shift, &scale)) in row.into_iter().zip(self.shift.iter().zip(&self.scale)) {
            *x = *x / scale + shift;
        }
    }
}
