//! Operators on arrays that are known before any example is: exporters calculate shapes and constants in the graph.

use super::array::{Array, BATCH, Numbers};

/// Numbers of an array that an operator makes from smaller ones.
const MOST: usize = 1 << 20;

/// The same where it only sets arrays of the file side by side.
const MOST_BESIDE: usize = 1 << 24;

/// Row-major steps from one index of an axis to the next.
fn strides(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis] * dims[axis];
    }
    strides
}

/// The places, in an array with these steps along the axes, of the elements of an array of shape `dims`.
pub(super) fn places(dims: &[usize], strides: &[usize]) -> Vec<usize> {
    let size = dims.iter().product();
    let (mut index, mut place, mut places) = (vec![0; dims.len()], 0, Vec::with_capacity(size));
    for _ in 0..size {
        places.push(place);
        for axis in (0..dims.len()).rev() {
            index[axis] += 1;
            place += strides[axis];
            if index[axis] < dims[axis] {
                break;
            }
            place -= strides[axis] * dims[axis];
            index[axis] = 0;
        }
    }
    places
}

/// The numbers at these places.
fn at(numbers: &Numbers, places: &[usize]) -> Numbers {
    match numbers {
        Numbers::Real(numbers) => Numbers::Real(places.iter().map(|&place| numbers[place]).collect()),
        Numbers::Whole(numbers) => Numbers::Whole(places.iter().map(|&place| numbers[place]).collect()),
        Numbers::Text(texts) => Numbers::Text(places.iter().map(|&place| texts[place].clone()).collect()),
    }
}

/// Axis k of the result is axis `order[k]`.
pub(super) fn transpose(array: &Array, order: &[usize]) -> Array {
    let steps = strides(&array.dims);
    let dims: Vec<usize> = order.iter().map(|&axis| array.dims[axis]).collect();
    let along: Vec<usize> = order.iter().map(|&axis| steps[axis]).collect();
    let numbers = at(&array.numbers, &places(&dims, &along));
    Array { dims, numbers }
}

/// An axis that may be counted from the end.
pub(super) fn axis(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 { axis.checked_add(rank as i64)? } else { axis };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}

/// The lengths that a `Reshape` to `target` gives an array of so many numbers.
pub(super) fn reshape(array: &Array, target: &[i64]) -> Option<Array> {
    let mut dims = Vec::new();
    for (at, &length) in target.iter().enumerate() {
        dims.push(match length {
            0 => *array.dims.get(at)?,
            -1 => 1,
            _ => usize::try_from(length).ok()?,
        });
    }
    let known = dims.iter().try_fold(1_usize, |size, &length| size.checked_mul(length))?;
    if let Some(open) = target.iter().position(|&length| length == -1) {
        dims[open] = array.len().checked_div(known)?;
    }
    let size = dims.iter().try_fold(1_usize, |size, &length| size.checked_mul(length))?;
    (size == array.len()).then(|| Array { dims, numbers: array.numbers.clone() })
}

/// Without these axes of length 1, or without all of them.
pub(super) fn squeeze(dims: &[usize], axes: Option<&[i64]>) -> Option<Vec<usize>> {
    let dropped: Vec<usize> = match axes {
        Some(axes) => axes.iter().map(|&at| axis(at, dims.len())).collect::<Option<_>>()?,
        None => (0..dims.len()).filter(|&at| dims[at] == 1).collect(),
    };
    let fits = dropped.iter().all(|&at| dims[at] == 1);
    fits.then(|| (0..dims.len()).filter(|at| !dropped.contains(at)).map(|at| dims[at]).collect())
}

/// With axes of length 1 in these places of the result.
pub(super) fn unsqueeze(dims: &[usize], axes: &[i64]) -> Option<Vec<usize>> {
    let rank = dims.len().checked_add(axes.len()).filter(|&rank| rank <= 16)?;
    let new: Vec<usize> = axes.iter().map(|&at| axis(at, rank)).collect::<Option<_>>()?;
    let mut rest = dims.iter().copied();
    (0..rank).map(|at| if new.contains(&at) { Some(1) } else { rest.next() }).collect()
}

/// Side by side along an axis.
pub(super) fn concat(arrays: &[&Array], along: i64) -> Option<Array> {
    let first = arrays.first()?;
    let along = axis(along, first.dims.len())?;
    let mut dims = first.dims.clone();
    dims[along] = 0;
    let before: usize = dims[..along].iter().product();
    for array in arrays {
        let mut like = array.dims.clone();
        if like.len() != dims.len() {
            return None;
        }
        dims[along] += std::mem::take(&mut like[along]);
        if (0..dims.len()).any(|at| at != along && like[at] != dims[at]) {
            return None;
        }
    }
    if arrays.iter().try_fold(0_usize, |size, array| size.checked_add(array.len()))? > MOST_BESIDE {
        return None;
    }
    let run = |array: &Array, row: usize| {
        let run = array.len() / before;
        row * run..(row + 1) * run
    };
    if arrays.iter().any(|array| matches!(array.numbers, Numbers::Real(_))) {
        let reals = arrays.iter().map(|array| array.reals()).collect::<Option<Vec<_>>>()?;
        let beside = || arrays.iter().zip(&reals);
        let rows = (0..before).flat_map(|row| beside().map(move |(array, reals)| reals.get(run(array, row))));
        return Some(Array { dims, numbers: Numbers::Real(rows.collect::<Option<Vec<_>>>()?.concat()) });
    }
    let mut numbers = Vec::new();
    for row in 0..before {
        for array in arrays {
            let Numbers::Whole(own) = &array.numbers else { return None };
            numbers.extend(own.get(run(array, row))?);
        }
    }
    Some(Array { dims, numbers: Numbers::Whole(numbers) })
}

/// The entries of an axis with these indices.
pub(super) fn gather(array: &Array, indices: &Array, along: i64) -> Option<Array> {
    let along = axis(along, array.dims.len())?;
    let length = array.dims[along];
    let indices_of = indices.wholes()?;
    let rows: Vec<usize> = indices_of.iter().map(|&index| axis(index, length)).collect::<Option<_>>()?;
    let (before, after) = (&array.dims[..along], &array.dims[along + 1..]);
    let (outer, inner): (usize, usize) = (before.iter().product(), after.iter().product());
    if outer.checked_mul(rows.len())?.checked_mul(inner)? > MOST {
        return None;
    }
    let places: Vec<usize> = (0..outer)
        .flat_map(|outer| {
            rows.iter().flat_map(move |&row| {
                (0..inner).map(move |inner_at| (outer * length + row) * inner + inner_at)
            })
        })
        .collect();
    let dims = [before, &indices.dims, after].concat();
    Some(Array { dims, numbers: at(&array.numbers, &places) })
}

/// `array[start:end:step]` along some axes.
pub(super) fn slice(
    array: &Array,
    starts: &[i64],
    ends: &[i64],
    axes: &[i64],
    steps: &[i64],
) -> Option<Array> {
    let mut array = array.clone();
    for (at_axis, (&start, &end)) in starts.iter().zip(ends).enumerate() {
        let along = axes.get(at_axis).copied().unwrap_or(at_axis as i64);
        let (step, length) = (
            steps.get(at_axis).copied().unwrap_or(1),
            *array.dims.get(axis(along, array.dims.len())?)? as i64,
        );
        let clamped = |place: i64, least: i64, most: i64| {
            let place = if place < 0 { place.saturating_add(length) } else { place };
            place.clamp(least, most)
        };
        let indices: Vec<i64> = if step > 0 {
            (clamped(start, 0, length)..clamped(end, 0, length))
                .step_by(usize::try_from(step).ok()?)
                .collect()
        } else {
            let (start, end) = (clamped(start, -1, length - 1), clamped(end, -1, length - 1));
            let step = usize::try_from(step.checked_neg()?).ok().filter(|&step| step > 0)?;
            (end + 1..=start).rev().step_by(step).collect()
        };
        array = gather(&array, &Array::whole(vec![indices.len()], indices), along)?;
    }
    Some(array)
}

/// An array with the shape `lengths` and one value.
pub(super) fn filled(lengths: &[i64], value: &Array) -> Option<Array> {
    let dims: Vec<usize> =
        lengths.iter().map(|&length| usize::try_from(length).ok()).collect::<Option<_>>()?;
    let size = dims
        .iter()
        .try_fold(1_usize, |size, &length| size.checked_mul(length))
        .filter(|&size| size <= MOST)?;
    (value.len() == 1).then(|| Array { dims, numbers: at(&value.numbers, &vec![0; size]) })
}

/// The shape that two arrays are stretched to.
fn stretched(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let length =
        |dims: &[usize], axis: usize| (axis + dims.len()).checked_sub(rank).map_or(1, |axis| dims[axis]);
    let both = |axis: usize| match (length(a, axis), length(b, axis)) {
        (1, length) | (length, 1) => Some(length),
        (one, other) => (one == other).then_some(one),
    };
    (0..rank).map(both).collect()
}

/// The places of an array whose axes of length 1 are stretched.
pub(super) fn stretch(dims: &[usize], to: &[usize]) -> Vec<usize> {
    let steps = strides(dims);
    let missing = to.len() - dims.len();
    let step =
        |axis: usize| if axis < missing || dims[axis - missing] == 1 { 0 } else { steps[axis - missing] };
    places(to, &(0..to.len()).map(step).collect::<Vec<_>>())
}

/// Two arrays, number by number.
pub(super) fn binary(operator: &str, a: &Array, b: &Array) -> Option<Array> {
    let dims = stretched(&a.dims, &b.dims)?;
    let size = dims.iter().try_fold(1_usize, |size, &length| size.checked_mul(length))?;
    if size > MOST.max(a.len()).max(b.len()) {
        return None;
    }
    let (of_a, of_b) = (stretch(&a.dims, &dims), stretch(&b.dims, &dims));
    let pairs = of_a.into_iter().zip(of_b);
    if let (Numbers::Whole(a), Numbers::Whole(b)) = (&a.numbers, &b.numbers) {
        if a.contains(&BATCH) || b.contains(&BATCH) {
            return None;
        }
        let of = |a: i64, b: i64| match operator {
            "Add" => a.checked_add(b),
            "Sub" => a.checked_sub(b),
            "Mul" => a.checked_mul(b),
            "Div" => a.checked_div(b),
            "Mod" => a.checked_rem_euclid(b),
            "Min" => Some(a.min(b)),
            "Max" => Some(a.max(b)),
            _ => None,
        };
        let numbers = pairs.map(|(i, j)| of(a[i], b[j])).collect::<Option<_>>()?;
        return Some(Array::whole(dims, numbers));
    }
    let of: fn(f64, f64) -> f64 = real_function(operator)?;
    let (a, b) = (a.reals()?, b.reals()?);
    Some(Array::real(dims, pairs.map(|(i, j)| of(a[i], b[j])).collect()))
}

/// A function of two real numbers.
pub(super) fn real_function(operator: &str) -> Option<fn(f64, f64) -> f64> {
    Some(match operator {
        "Add" => |a, b| a + b,
        "Sub" => |a, b| a - b,
        "Mul" => |a, b| a * b,
        "Div" => |a, b| a / b,
        "Pow" => f64::powf,
        // Written so that NaN passes through.
        "Min" => |a, b| if a < b || a.is_nan() { a } else { b },
        "Max" => |a, b| if a > b || a.is_nan() { a } else { b },
        _ => return None,
    })
}

/// A function of one real number.
pub(super) fn unary(operator: &str, array: &Array) -> Option<Array> {
    let of: fn(f64) -> f64 = match operator {
        "Neg" => |x| -x,
        "Abs" => f64::abs,
        "Sqrt" => f64::sqrt,
        "Exp" => f64::exp,
        "Log" => f64::ln,
        "Floor" => f64::floor,
        "Ceil" => f64::ceil,
        "Reciprocal" => f64::recip,
        _ => return None,
    };
    if let Numbers::Whole(numbers) = &array.numbers {
        let of: fn(i64) -> Option<i64> = match operator {
            "Neg" => i64::checked_neg,
            "Abs" => i64::checked_abs,
            _ => return None,
        };
        return Some(Array::whole(
            array.dims.clone(),
            numbers.iter().map(|&x| of(x)).collect::<Option<_>>()?,
        ));
    }
    Some(Array::real(array.dims.clone(), array.reals()?.into_iter().map(of).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(dims: &[usize]) -> Array {
        Array::whole(dims.to_vec(), (0..dims.iter().product::<usize>() as i64).collect())
    }

    fn numbers(array: &Array) -> Vec<i64> {
        array.wholes().unwrap()
    }

    #[test]
    fn values_are_those_of_numpy() {
        // a = np.arange(6).reshape(2, 3)
        let a = whole(&[2, 3]);
        assert_eq!(numbers(&transpose(&a, &[1, 0])), [0, 3, 1, 4, 2, 5]);
        assert_eq!(numbers(&gather(&a, &Array::whole(vec![2], vec![-1, 0]), 1).unwrap()), [2, 0, 5, 3]);
        assert_eq!(numbers(&concat(&[&a, &a], 1).unwrap()), [0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5]);
        // a[::-1, 1:], as PyTorch turns the borders of a pad around.
        let turned = slice(&a, &[-1, 1], &[i64::MIN + 1, i64::MAX], &[0, 1], &[-1, 1]).unwrap();
        assert_eq!((numbers(&turned), turned.dims), (vec![4, 5, 1, 2], vec![2, 2]));
        let sum = binary("Add", &a, &Array::whole(vec![2, 1], vec![10, 20])).unwrap();
        assert_eq!(numbers(&sum), [10, 11, 12, 23, 24, 25]);
        assert_eq!(reshape(&a, &[3, -1]).unwrap().dims, [3, 2]);
        assert_eq!(reshape(&a, &[0, 3]).unwrap().dims, [2, 3]);
        assert_eq!(unsqueeze(&[2, 3], &[0, -1]).unwrap(), [1, 2, 3, 1]);
        assert_eq!(squeeze(&[1, 2, 1], Some(&[-1])).unwrap(), [1, 2]);
    }

    #[test]
    fn what_does_not_fit_is_none() {
        let a = whole(&[2, 3]);
        assert_eq!(binary("Add", &a, &whole(&[2])), None);
        assert_eq!(reshape(&a, &[4, -1]), None);
        assert_eq!(reshape(&a, &[i64::MAX, i64::MAX]), None);
        assert_eq!(gather(&a, &Array::whole(vec![1], vec![3]), 1), None);
        assert_eq!(filled(&[i64::MAX, i64::MAX], &whole(&[1])), None);
        assert_eq!(squeeze(&[2, 3], Some(&[0])), None);
        // The number of examples is no number to calculate with.
        assert_eq!(binary("Mul", &Array::whole(vec![1], vec![BATCH]), &whole(&[1])), None);
    }
}
