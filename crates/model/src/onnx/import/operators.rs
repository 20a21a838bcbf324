//! The operators of ONNX: what each of them does to arrays, and to values that depend on the example.

mod averages;
mod axes;
mod cast;
mod conv;
mod dense;
mod norms;
mod numbers;
mod operator;
mod pad;
mod pools;
mod resize;
mod window;

use std::rc::Rc;

use chainrule_tensor::Scalar;

use super::array::{Array, BATCH};
use super::error::ImportError;
use super::fold;
use super::steps::Steps;
pub(super) use operator::{Operator, Value};

/// What a node gives.
pub(super) fn read<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Value, ImportError> {
    let is_live = operator.inputs.iter().flatten().any(|input| matches!(input, Value::Live(_)));
    let domain = operator.node.domain;
    if domain == "ai.onnx.ml" && operator.node.operator == "Scaler" && is_live {
        return numbers::scaler(operator, steps).map(Value::Live);
    }
    if !["", "ai.onnx"].contains(&domain) {
        return Err(operator.unknown());
    }
    if !is_live {
        return known(operator).map(|array| Value::Known(Rc::new(array)));
    }
    let live = match operator.node.operator {
        "Shape" => return shape(operator).map(|array| Value::Known(Rc::new(array))),
        "Identity" | "Dropout" | "Cast" => cast::same(operator)?,
        "Reshape" => axes::reshape(operator)?,
        "Flatten" => axes::flatten(operator)?,
        "Squeeze" => axes::squeeze(operator)?,
        "Unsqueeze" => axes::unsqueeze(operator)?,
        "Transpose" => axes::transpose(operator, steps)?,
        "Concat" => axes::concat(operator, steps)?,
        "Softmax" => axes::softmax(operator, steps)?,
        "Gemm" => dense::gemm(operator, steps)?,
        "MatMul" => dense::mat_mul(operator, steps)?,
        "Conv" => conv::conv(operator, steps)?,
        "ConvTranspose" => conv::conv_transpose(operator, steps)?,
        "MaxPool" => pools::max_pool(operator, steps)?,
        "AveragePool" => pools::average_pool(operator, steps)?,
        "GlobalAveragePool" => pools::global_average_pool(operator, steps)?,
        "GlobalMaxPool" => pools::global_max_pool(operator, steps)?,
        "Pad" => pad::pad(operator, steps)?,
        "Resize" | "Upsample" => resize::resize(operator, steps)?,
        "BatchNormalization" => norms::batch(operator, steps)?,
        "LayerNormalization" => norms::layer(operator, steps)?,
        "RMSNormalization" | "SimplifiedLayerNormalization" => norms::root_mean_square(operator, steps)?,
        "InstanceNormalization" => norms::instance(operator, steps)?,
        "GroupNormalization" => norms::group(operator, steps)?,
        "ReduceMean" => norms::mean(operator, steps)?,
        _ => numbers::pointwise(operator, steps)?,
    };
    Ok(Value::Live(live))
}

/// The lengths of an activation, as an array.
fn shape(operator: &Operator<'_, '_>) -> Result<Array, ImportError> {
    let (dims, is_merged) = operator.live(0)?.labels.visible();
    let rest = if is_merged { &dims[1..] } else { dims };
    let lengths: Vec<i64> = [BATCH].into_iter().chain(rest.iter().map(|&length| length as i64)).collect();
    from_start_to_end(operator, lengths)?.ok_or_else(|| operator.form("its range of axes is wrong"))
}

/// The lengths of the axes that the settings of a `Shape` choose.
fn from_start_to_end(operator: &Operator<'_, '_>, lengths: Vec<i64>) -> Result<Option<Array>, ImportError> {
    let all = Array::whole(vec![lengths.len()], lengths);
    let (start, end) = (operator.int("start", 0)?, operator.int("end", i64::MAX)?);
    Ok(fold::slice(&all, &[start], &[end], &[0], &[1]))
}

/// What a node makes of constants.
fn known(operator: &Operator<'_, '_>) -> Result<Array, ImportError> {
    let name = operator.node.operator;
    let x = |place: usize| operator.constant(place);
    let ints = |name: &str, place: usize| operator.ints_or_input(name, place);
    let result = match name {
        "Identity" | "Dropout" => Some(Array::clone(x(0)?)),
        "Cast" => cast::cast(operator, x(0)?),
        "Shape" => {
            let lengths: Vec<i64> = x(0)?.dims.iter().map(|&length| length as i64).collect();
            from_start_to_end(operator, lengths)?
        }
        "Reshape" => ints("shape", 1)?.and_then(|target| fold::reshape(operator.inputs_first()?, &target)),
        "Transpose" => {
            let rank = x(0)?.dims.len();
            let order = operator.ints("perm")?.unwrap_or_else(|| (0..rank as i64).rev().collect());
            axes::order(&order, rank)
                .map(|order| fold::transpose(operator.inputs_first().expect("it is there"), &order))
        }
        "Squeeze" => {
            let dims = fold::squeeze(&x(0)?.dims, ints("axes", 1)?.as_deref());
            dims.map(|dims| Array {
                dims,
                numbers: operator.inputs_first().expect("it is there").numbers.clone(),
            })
        }
        "Unsqueeze" => {
            let dims =
                ints("axes", 1)?.and_then(|axes| fold::unsqueeze(&operator.inputs_first()?.dims, &axes));
            dims.map(|dims| Array {
                dims,
                numbers: operator.inputs_first().expect("it is there").numbers.clone(),
            })
        }
        "Concat" => {
            let arrays = (0..operator.inputs.len())
                .map(|place| Ok(&**x(place)?))
                .collect::<Result<Vec<_>, ImportError>>()?;
            fold::concat(&arrays, operator.int("axis", 0)?)
        }
        "Gather" => fold::gather(x(0)?, x(1)?, operator.int("axis", 0)?),
        "Slice" => {
            let (starts, ends) =
                (ints("starts", 1)?.unwrap_or_default(), ints("ends", 2)?.unwrap_or_default());
            let axes = ints("axes", 3)?.unwrap_or_default();
            fold::slice(x(0)?, &starts, &ends, &axes, &operator.wholes(4)?.unwrap_or_default())
        }
        "ConstantOfShape" => {
            let value = numbers::tensor_setting(operator, "value")?;
            let value = value.unwrap_or_else(|| Array::real(vec![1], vec![0.0]));
            operator.wholes(0)?.and_then(|lengths| fold::filled(&lengths, &value))
        }
        "Neg" | "Abs" | "Sqrt" | "Exp" | "Log" | "Floor" | "Ceil" | "Reciprocal" => fold::unary(name, x(0)?),
        "Add" | "Sub" | "Mul" | "Div" | "Mod" | "Pow" | "Min" | "Max" => fold::binary(name, x(0)?, x(1)?),
        "Constant" => return numbers::constant(operator),
        _ => return Err(operator.unknown()),
    };
    result.ok_or_else(|| {
        operator.form("its constants do not fit each other, or it is no operator on such constants here")
    })
}
