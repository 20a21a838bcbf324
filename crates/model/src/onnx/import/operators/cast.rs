//! Numbers of other types.

use chainrule_tensor::half::{bfloat_bits, half, half_bits};

use super::operator::Operator;
use crate::onnx::import::array::{Array, BATCH, BFLOAT, DOUBLE, FLOAT, HALF, Numbers};
use crate::onnx::import::error::ImportError;
use crate::onnx::import::steps::Activation;

/// Of `TensorProto.DataType`, those of real numbers.
const REAL: [i64; 4] = [FLOAT, HALF, DOUBLE, BFLOAT];
// Those of whole numbers.
const UINT8: i64 = 2;
const INT8: i64 = 3;
const UINT16: i64 = 4;
const INT16: i64 = 5;
const INT32: i64 = 6;
const INT64: i64 = 7;
const BOOL: i64 = 9;
const UINT32: i64 = 12;

/// The first input as it is: dropout in evaluation, and other types of real numbers.
pub(super) fn same(operator: &Operator<'_, '_>) -> Result<Activation, ImportError> {
    if operator.node.operator == "Cast" && !REAL.contains(&operator.int("to", FLOAT)?) {
        return Err(operator.form("it makes whole numbers or text of values that depend on the example"));
    }
    operator.live(0).cloned()
}

/// A constant in another type: rounded to a real one, cut to a whole one. `None` where that has no such number, or is no number.
pub(super) fn cast(operator: &Operator<'_, '_>, x: &Array) -> Option<Array> {
    let to = operator.int("to", FLOAT).ok()?;
    let whole = |least: f64, most: f64| {
        let number = move |x: f64| (x.trunc() >= least && x.trunc() <= most).then_some(x as i64);
        match &x.numbers {
            Numbers::Real(numbers) => numbers.iter().map(|&x| number(x)).collect::<Option<Vec<i64>>>(),
            Numbers::Whole(numbers) => {
                let fits = |&x: &i64| x == BATCH || (x as f64 >= least && x as f64 <= most);
                numbers.iter().all(fits).then(|| numbers.clone())
            }
            Numbers::Text(_) => None,
        }
    };
    let real =
        |number: fn(f64) -> Option<f64>| x.reals()?.into_iter().map(number).collect::<Option<Vec<f64>>>();
    let numbers = match to {
        FLOAT => Numbers::Real(real(|x| Some(f64::from(x as f32)))?),
        HALF => Numbers::Real(real(|x| half_bits(x).map(half))?),
        BFLOAT => Numbers::Real(real(|x| {
            bfloat_bits(x).map(|bits| f64::from(f32::from_bits(u32::from(bits) << 16)))
        })?),
        DOUBLE => Numbers::Real(x.reals()?),
        BOOL => Numbers::Whole(x.reals()?.into_iter().map(|x| i64::from(x != 0.0)).collect()),
        UINT8 => Numbers::Whole(whole(0.0, 255.0)?),
        INT8 => Numbers::Whole(whole(-128.0, 127.0)?),
        UINT16 => Numbers::Whole(whole(0.0, 65_535.0)?),
        INT16 => Numbers::Whole(whole(-32_768.0, 32_767.0)?),
        INT32 => Numbers::Whole(whole(f64::from(i32::MIN), f64::from(i32::MAX))?),
        UINT32 => Numbers::Whole(whole(0.0, f64::from(u32::MAX))?),
        // Just below 2⁶³ there is no number of f64.
        INT64 => Numbers::Whole(whole(-9.2e18, 9.2e18)?),
        _ => return None,
    };
    Some(Array { dims: x.dims.clone(), numbers })
}
