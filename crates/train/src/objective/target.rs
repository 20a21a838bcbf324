use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, ArrayBase, ArrayRef2, CowArray, Data, Ix2};

/// What the outputs of a network are compared with: numbers, one row an example, or the class of each example.
///
/// Classes are integers, from 0: `&[usize]`, `&Vec<usize>`, `&[i64]` and the like.
///
/// ```
/// use chainrule_tensor::ndarray::array;
/// use chainrule_train::IntoTarget;
///
/// let classes = [2_i64, 0];
/// assert_eq!(IntoTarget::<f32>::into_target(&classes), array![[2.0], [0.0]]);
/// let numbers = array![[0.5_f32, 1.0]];
/// assert_eq!((&numbers).into_target(), numbers);
/// ```
pub trait IntoTarget<'a, A> {
    /// As a loss reads it: the numbers themselves, or one column of class indices.
    fn into_target(self) -> CowArray<'a, A, Ix2>;
}

impl<'a, A: Scalar, S: Data<Elem = A>> IntoTarget<'a, A> for &'a ArrayBase<S, Ix2> {
    fn into_target(self) -> CowArray<'a, A, Ix2> {
        self.view().into()
    }
}

impl<'a, A: Scalar> IntoTarget<'a, A> for &'a ArrayRef2<A> {
    fn into_target(self) -> CowArray<'a, A, Ix2> {
        self.view().into()
    }
}

/// An integer that may be the index of a class.
trait ClassIndex: Copy {
    fn index(self) -> Option<usize>;
}

macro_rules! class_indices {
    ($($Integer:ty),*) => {$(
        impl ClassIndex for $Integer {
            fn index(self) -> Option<usize> {
                self.try_into().ok()
            }
        }

        impl<'a, A: Scalar> IntoTarget<'a, A> for &[$Integer] {
            /// # Panics
            /// If a class is negative.
            #[track_caller]
            fn into_target(self) -> CowArray<'a, A, Ix2> {
                column(self).into()
            }
        }

        impl<'a, A: Scalar> IntoTarget<'a, A> for &Vec<$Integer> {
            #[track_caller]
            fn into_target(self) -> CowArray<'a, A, Ix2> {
                self.as_slice().into_target()
            }
        }

        impl<'a, A: Scalar, const N: usize> IntoTarget<'a, A> for &[$Integer; N] {
            #[track_caller]
            fn into_target(self) -> CowArray<'a, A, Ix2> {
                self.as_slice().into_target()
            }
        }
    )*};
}

class_indices!(usize, u8, u32, u64, i32, i64);

#[track_caller]
fn column<A: Scalar>(classes: &[impl ClassIndex]) -> Array2<A> {
    let index = |i: usize| classes[i].index().expect("target: the classes are counted from 0");
    Array2::from_shape_fn((classes.len(), 1), |(i, _)| A::of(index(i) as f64))
}
