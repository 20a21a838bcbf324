use chainrule_tensor::{Scalar, simd};

use crate::array::file_rows::FileRows;
use crate::features::Features;

/// A whole pipeline folded into y = (x − shift)·scale for each feature, in the number type of the network.
#[derive(Debug, Clone)]
pub(crate) struct Folded<A> {
    shift: Vec<A>,
    scale: Vec<A>,
    /// The same in full precision, for numbers that are centred before they are rounded.
    exact: Vec<(f64, f64)>,
}

impl<A: Scalar> Folded<A> {
    /// From the shift and the divisor of each feature.
    pub(super) fn new(folded: impl Iterator<Item = (f64, f64)>) -> Self {
        let exact: Vec<(f64, f64)> = folded.map(|(shift, divisor)| (shift, 1.0 / divisor)).collect();
        let (shift, scale) = exact.iter().map(|&(shift, scale)| (A::of(shift), A::of(scale))).unzip();
        Self { shift, scale, exact }
    }

    /// Writes the transformed example `i`.
    #[inline]
    pub(crate) fn fill(&self, features: &Features<A>, i: usize, out: &mut [A]) {
        const BY_ROWS: &str = "a data set is laid out by rows";
        match features {
            // Every byte has an exact float; of all conversions `from_u8` is the one that vectorises.
            Features::Bytes(x) => self.bytes(x.row(i).to_slice().expect(BY_ROWS), out),
            Features::Real(x) => self.map(x.row(i).to_slice().expect(BY_ROWS), out, |x| x),
            Features::Wide(x) => {
                for ((y, &x), &(shift, scale)) in out.iter_mut().zip(x.row(i)).zip(&self.exact) {
                    *y = A::of((x - shift) * scale);
                }
            }
            Features::Columns(columns) => columns.each(i, |at, x| {
                let (shift, scale) = self.exact[at];
                out[at] = A::of((x - shift) * scale);
            }),
            Features::FileRows(_) => {
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
        if rows.are_wide() && A::NAME != <f64 as Scalar>::NAME {
            return rows.each(row, |at, x| {
                let (shift, scale) = self.exact[at];
                out[at] = A::of((x - shift) * scale);
            });
        }
        rows.decode(row, out);
        self.apply(out);
    }

    #[inline]
    fn bytes(&self, row: &[u8], out: &mut [A]) {
        self.map(row, out, |byte| A::from_u8(byte).unwrap_or_default());
    }

    #[inline(always)]
    fn map<T: Copy>(&self, row: &[T], out: &mut [A], number: impl Fn(T) -> A) {
        simd::dispatch(
            #[inline(always)]
            || {
                let affine = self.shift.iter().zip(&self.scale);
                for ((y, &x), (&shift, &scale)) in out.iter_mut().zip(row).zip(affine) {
                    *y = (number(x) - shift) * scale;
                }
            },
        );
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
