use crate::feature_order::FeatureOrder;
use crate::scalar::Scalar;

/// How a file holds a parameter: its numbers as an array whose axes are put into another order, and some of them joined.
///
/// Here the outputs of a weight are its last axis, as the product needs them; files hold them as PyTorch does, outputs
/// first. Checkpoints, ONNX and NumPy archives all go through this one description.
///
/// ```
/// use chainrule_tensor::Storage;
///
/// let storage = Storage::permuted(&[2, 3], &[1, 0]);
/// assert_eq!(storage.shape(), [3, 2]);
/// assert_eq!(storage.to_file(&[1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0]), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// The axes here.
    axes: Vec<usize>,
    /// Which axis here each axis of the permuted array is.
    order: Vec<usize>,
    /// For each axis here, in which order the file has its places, where it is another.
    orders: Vec<Option<FeatureOrder>>,
    /// The shape in the file.
    shape: Vec<usize>,
    /// Whether a file holds whole numbers.
    whole: bool,
}

impl Storage {
    /// The usual form: a matrix transposed, everything else as it is.
    pub fn usual(shape: &[usize]) -> Self {
        let mut order: Vec<usize> = (0..shape.len()).collect();
        if let [_, _] = shape {
            order.reverse();
        }
        Self::permuted(shape, &order)
    }

    /// Axis k of the stored array is axis `order[k]` of the array of shape `axes`.
    ///
    /// # Panics
    /// If `order` does not name each axis once.
    #[track_caller]
    pub fn permuted(axes: &[usize], order: &[usize]) -> Self {
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        let each_once = sorted.iter().copied().eq(0..axes.len());
        assert!(each_once, "storage: {order:?} is no order of the axes of {axes:?}");
        let shape = order.iter().map(|&axis| axes[axis]).collect();
        Self {
            axes: axes.to_vec(),
            order: order.to_vec(),
            orders: vec![None; axes.len()],
            shape,
            whole: false,
        }
    }

    /// The same with another order along an axis here.
    ///
    /// ```
    /// use chainrule_tensor::{FeatureOrder, Storage};
    ///
    /// let storage = Storage::usual(&[4]).along(0, FeatureOrder::features_first(2, 2));
    /// assert_eq!(storage.to_file(&[0.0, 1.0, 2.0, 3.0]), [0.0, 2.0, 1.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If the axis has another length.
    #[must_use]
    #[track_caller]
    pub fn along(mut self, axis: usize, order: FeatureOrder) -> Self {
        assert_eq!(order.len(), self.axes[axis], "storage: an order of another length than axis {axis}");
        self.orders[axis] = Some(order);
        self
    }

    /// The same numbers under another shape, such as a matrix whose inputs are the pixels of a picture.
    ///
    /// # Panics
    /// If the shape is of another size.
    #[must_use]
    #[track_caller]
    pub fn reshaped(self, shape: &[usize]) -> Self {
        assert_eq!(
            self.size(),
            shape.iter().product::<usize>(),
            "storage: {shape:?} has not the size of {:?}",
            self.axes
        );
        Self { shape: shape.to_vec(), ..self }
    }

    /// The same held as whole numbers of 64 bits: a count, which no file of another program has to have.
    #[must_use]
    pub fn whole(self) -> Self {
        Self { whole: true, ..self }
    }

    /// Whether a file holds whole numbers.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// The shape in the file.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many numbers there are.
    pub fn size(&self) -> usize {
        self.axes.iter().product()
    }

    /// The numbers in the file's order.
    ///
    /// # Panics
    /// If `values` are not [`size`](Self::size) numbers.
    pub fn to_file<A: Scalar>(&self, values: &[A]) -> Vec<A> {
        assert_eq!(
            values.len(),
            self.size(),
            "storage: {} numbers for the axes {:?}",
            values.len(),
            self.axes
        );
        self.places().map(|place| values[place]).collect()
    }

    /// The numbers of a file in the order here.
    ///
    /// # Panics
    /// If `stored` are not [`size`](Self::size) numbers.
    pub fn from_file<A: Scalar>(&self, stored: &[A]) -> Vec<A> {
        assert_eq!(
            stored.len(),
            self.size(),
            "storage: {} numbers for the axes {:?}",
            stored.len(),
            self.axes
        );
        let mut values = vec![A::zero(); stored.len()];
        self.places().zip(stored).for_each(|(place, &value)| values[place] = value);
        values
    }

    /// The place here of each number of the file.
    fn places(&self) -> impl Iterator<Item = usize> + '_ {
        let mut strides = vec![1; self.axes.len()];
        for axis in (1..self.axes.len()).rev() {
            strides[axis - 1] = strides[axis] * self.axes[axis];
        }
        let at = move |axis: usize, i: usize| {
            strides[axis] * self.orders[axis].as_ref().map_or(i, |order| order.place(i))
        };
        let mut index = vec![0; self.order.len()];
        let is_empty = self.size() == 0;
        let mut place = if is_empty { 0 } else { (0..self.axes.len()).map(|axis| at(axis, 0)).sum() };
        (0..self.size()).map(move |_| {
            let here = place;
            for (&axis, i) in self.order.iter().zip(&mut index).rev() {
                place -= at(axis, *i);
                *i = (*i + 1) % self.axes[axis];
                place += at(axis, *i);
                if *i > 0 {
                    break;
                }
            }
            here
        })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_permutation_of_ndarray_and_comes_back(
            (axes, order) in prop::collection::vec(1_usize..5, 0..5)
                .prop_flat_map(|axes| {
                    let order: Vec<usize> = (0..axes.len()).collect();
                    (Just(axes), Just(order).prop_shuffle())
                })
        ) {
            let size = axes.iter().product::<usize>();
            let values: Vec<f64> = (0..size).map(|i| i as f64).collect();
            let array = ArrayD::from_shape_vec(axes.clone(), values.clone()).unwrap();
            let permuted = array.permuted_axes(order.clone());
            let storage = Storage::permuted(&axes, &order);
            prop_assert_eq!(permuted.shape(), storage.shape());
            let stored = storage.to_file(&values);
            prop_assert!(permuted.iter().eq(&stored));
            prop_assert_eq!(storage.from_file(&stored), values);
        }
    }

    #[test]
    fn each_axis_has_an_order_of_its_own() {
        // Four inputs and four outputs here, (out, in) in the file.
        let order = FeatureOrder::features_first(2, 2);
        let storage = Storage::usual(&[4, 4]).along(0, order.clone()).along(1, order);
        let here: Vec<f64> = (0..16).map(f64::from).collect();
        let stored = storage.to_file(&here);
        assert_eq!(stored[..8], [0.0, 8.0, 4.0, 12.0, 2.0, 10.0, 6.0, 14.0]);
        assert_eq!(storage.from_file(&stored), here);
    }

    #[test]
    #[should_panic(expected = "is no order")]
    fn an_order_names_each_axis_once() {
        let _ = Storage::permuted(&[2, 3], &[0, 0]);
    }
}
