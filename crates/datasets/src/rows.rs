//! The rows of a matrix in memory.

use chainrule_tensor::ndarray::{Array2, Axis};

use crate::split::Split;

/// The rest and the held-out rows; the rest moves together in the memory of the whole.
pub(crate) fn divided<T: Copy>(x: Array2<T>, split: &Split) -> (Array2<T>, Array2<T>) {
    let (held_out, width) = (x.select(Axis(0), &split.held_out), x.ncols());
    if !x.is_standard_layout() {
        return (x.select(Axis(0), &split.rest), held_out);
    }
    let (mut values, first) = x.into_raw_vec_and_offset();
    let first = first.unwrap_or(0);
    // The indices ascend, so no row is overwritten before it has moved.
    for (to, &from) in split.rest.iter().enumerate() {
        let from = first + from * width;
        values.copy_within(from..from + width, to * width);
    }
    values.truncate(split.rest.len() * width);
    values.shrink_to_fit();
    let rest = Array2::from_shape_vec((split.rest.len(), width), values).expect("a row for each index");
    (rest, held_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule_tensor::ndarray::s;

    #[test]
    fn the_rest_stays_where_it_is_and_both_parts_are_those_of_a_copy() {
        let split = Split { rest: vec![1, 2, 5, 6], held_out: vec![0, 3, 4] };
        let x = Array2::from_shape_fn((7, 3), |(i, j)| 10 * i + j);
        let copies = [&split.rest, &split.held_out].map(|indices| x.select(Axis(0), indices));
        let (begin, whole) = (x.as_ptr(), x.clone());
        let (rest, held_out) = divided(x, &split);
        assert_eq!([rest.clone(), held_out], copies);
        assert_eq!(rest.as_ptr(), begin);
        // By columns, and in the middle of a longer array.
        let by_columns = whole.t().as_standard_layout().into_owned().reversed_axes();
        assert!(!by_columns.is_standard_layout());
        assert_eq!(<[_; 2]>::from(divided(by_columns, &split)), copies);
        let mut longer = Array2::from_elem((9, 3), 99);
        longer.slice_mut(s![2.., ..]).assign(&whole);
        assert_eq!(<[_; 2]>::from(divided(longer.slice_move(s![2.., ..]), &split)), copies);
    }
}
