use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::rows::{slices, slices_mut};

/// A row of targets as the terms of a loss see it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Row<'a, A> {
    /// One number for each output.
    Each(&'a [A]),
    /// The index of the class whose target is 1.
    Class(usize),
}

impl<A: Scalar> Row<'_, A> {
    #[inline]
    pub(crate) fn at(self, i: usize) -> A {
        match self {
            Row::Each(target) => target[i],
            Row::Class(class) if class == i => A::one(),
            Row::Class(_) => A::zero(),
        }
    }
}

/// The rows of a target: as wide as the output, or one column of class indices.
///
/// # Panics
/// If the target has neither shape, or names a class that is not there.
#[track_caller]
pub(crate) fn targets<'a, A: Scalar>(
    y: &ArrayRef2<A>,
    target: &'a ArrayRef2<A>,
) -> impl Iterator<Item = Row<'a, A>> {
    let outputs = y.ncols();
    let indices = target.ncols() == 1 && outputs > 1;
    assert!(
        y.nrows() == target.nrows() && (indices || target.ncols() == outputs),
        "loss: the target {:?} fits neither the output {:?} nor a column of classes",
        target.dim(),
        y.dim()
    );
    slices(target).map(move |row| {
        if !indices {
            return Row::Each(row);
        }
        let class = row[0].as_f64();
        assert!(
            class >= 0.0 && class < outputs as f64 && class.fract() == 0.0,
            "loss: {class} is not one of {outputs} classes"
        );
        Row::Class(class as usize)
    })
}

/// Writes the targets to `out`, one number for each output.
pub(crate) fn copy_targets<A: Scalar>(y: &ArrayRef2<A>, target: &ArrayRef2<A>, out: &mut ArrayRef2<A>) {
    for (out, target) in slices_mut(out).zip(targets(y, target)) {
        match target {
            Row::Each(target) => out.copy_from_slice(target),
            Row::Class(class) => {
                out.fill(A::zero());
                out[class] = A::one();
            }
        }
    }
}

/// # Panics
/// If the direction R{y} has another shape than y: a narrower one would be repeated, a longer one cut.
#[track_caller]
pub(crate) fn assert_same_shape<A>(y: &ArrayRef2<A>, r_y: &ArrayRef2<A>) {
    let (y, r_y) = (y.dim(), r_y.dim());
    assert!(y == r_y, "loss: the output {y:?} and its direction {r_y:?} differ in shape");
}

/// Σ over rows of what `loss` gives for each, added up in `f64`.
pub(crate) fn sum_rows<'a, A: Scalar>(
    y: &ArrayRef2<A>,
    target: &'a ArrayRef2<A>,
    mut loss: impl FnMut(&[A], Row<'a, A>) -> A,
) -> A {
    A::of(slices(y).zip(targets(y, target)).map(|(y, target)| loss(y, target).as_f64()).sum())
}

/// The same, while `loss` fills the row of `out` as well.
#[inline]
pub(crate) fn sum_rows_into<'a, A: Scalar>(
    y: &ArrayRef2<A>,
    target: &'a ArrayRef2<A>,
    out: &mut ArrayRef2<A>,
    mut loss: impl FnMut(&[A], Row<'a, A>, &mut [A]) -> A,
) -> A {
    assert_eq!(y.dim(), out.dim(), "loss: the output and its error signal differ in shape");
    let rows = slices(y).zip(targets(y, target)).zip(slices_mut(out));
    A::of(rows.map(|((y, target), out)| loss(y, target, out).as_f64()).sum())
}
