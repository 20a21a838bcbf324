use chainrule_tensor::Scalar;

use crate::{Features, Pipeline, Stored};

/// A whole pipeline folded into y = (x − shift)·scale for each feature, in the number type of the network.
#[derive(Debug, Clone)]
pub(crate) struct Affine<A> {
    shift: Vec<A>,
    scale: Vec<A>,
}

impl<A: Scalar> Affine<A> {
    #[track_caller]
    pub(crate) fn new(pipeline: &Pipeline, inputs: usize) -> Self {
        let (shift, scale) = pipeline.folded(inputs);
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
            Features::Coded(_) | Features::Stored(_) => {
                features.row(i, out);
                self.apply(out);
            }
        }
    }

    /// Writes a row of a file, transformed.
    #[inline]
    pub(crate) fn stored(&self, stored: &Stored, row: &[u8], out: &mut [A]) {
        if stored.is_plain_bytes() {
            return self.bytes(row, out);
        }
        stored.decode(row, out);
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
