//! Operators that work number by number.

use std::rc::Rc;

use chainrule_tensor::Scalar;

use super::operator::{Operator, Value};
use crate::onnx::import::array::Array;
use crate::onnx::import::error::ImportError;
use crate::onnx::import::fold::stretch;
use crate::onnx::import::labels::{Labels, Permutation, features_at};
use crate::onnx::import::pointwise::one;
use crate::onnx::import::steps::{Activation, Argument, Function, Kind, Steps};

/// A setting that is an array.
pub(super) fn tensor_setting(operator: &Operator<'_, '_>, name: &str) -> Result<Option<Array>, ImportError> {
    let tensor = operator.node.attribute(name)?.map(|attribute| attribute.tensor()).transpose()?.flatten();
    tensor.map(|tensor| operator.reader.read(&tensor)).transpose()
}

pub(super) fn constant(operator: &Operator<'_, '_>) -> Result<Array, ImportError> {
    if let Some(array) = tensor_setting(operator, "value")? {
        return Ok(array);
    }
    let attribute = |name: &str| operator.node.attribute(name);
    if let Some(float) = attribute("value_float")? {
        return Ok(Array::real(Vec::new(), vec![float.float()?.unwrap_or(0.0)]));
    }
    if let Some(int) = attribute("value_int")? {
        return Ok(Array::whole(Vec::new(), vec![int.int()?.unwrap_or(0)]));
    }
    if let Some(floats) = attribute("value_floats")? {
        let floats = floats.floats()?;
        return Ok(Array::real(vec![floats.len()], floats));
    }
    if let Some(ints) = attribute("value_ints")? {
        let ints = ints.ints()?;
        return Ok(Array::whole(vec![ints.len()], ints));
    }
    Err(operator.form("its value is of a kind that is not read"))
}

/// The name by which [`pointwise`](crate::onnx::import::pointwise) knows an operator, with its settings.
fn function(operator: &Operator<'_, '_>) -> Result<(&'static str, [f64; 2]), ImportError> {
    let float = |name: &str, usual| operator.float(name, usual);
    let plain = |name| Ok((name, [0.0; 2]));
    match operator.node.operator {
        "Relu" => plain("Relu"),
        "LeakyRelu" => Ok(("LeakyRelu", [float("alpha", 0.01)?, 0.0])),
        "PRelu" => plain("PRelu"),
        "Elu" => Ok(("Elu", [float("alpha", 1.0)?, 0.0])),
        "Celu" => Ok(("Celu", [float("alpha", 1.0)?, 0.0])),
        "Selu" => {
            Ok(("Selu", [float("alpha", 1.673_263_242_354_377_2)?, float("gamma", 1.050_700_987_355_480_5)?]))
        }
        "Gelu" if operator.text("approximate", "none")? == "tanh" => plain("GeluTanh"),
        "Gelu" => plain("Gelu"),
        "Sigmoid" => plain("Sigmoid"),
        "Tanh" => plain("Tanh"),
        "Softplus" => plain("Softplus"),
        "Softsign" => plain("Softsign"),
        "HardSwish" => plain("HardSwish"),
        "Swish" => Ok(("Swish", [float("alpha", 1.0)?, 0.0])),
        "Mish" => plain("Mish"),
        "Erf" => plain("Erf"),
        "Abs" => plain("Abs"),
        "Neg" => plain("Neg"),
        "Exp" => plain("Exp"),
        "Log" => plain("Log"),
        "Sqrt" => plain("Sqrt"),
        "Reciprocal" => plain("Reciprocal"),
        "Add" => plain("Add"),
        "Sub" => plain("Sub"),
        "Mul" => plain("Mul"),
        "Div" => plain("Div"),
        "Pow" => plain("Pow"),
        "Min" => plain("Min"),
        "Max" => plain("Max"),
        "Sum" => plain("Sum"),
        "Greater" => plain("Greater"),
        "GreaterOrEqual" => plain("GreaterOrEqual"),
        "Less" => plain("Less"),
        "LessOrEqual" => plain("LessOrEqual"),
        "Where" => plain("Where"),
        _ => Err(operator.unknown()),
    }
}

/// An operator of one number or of several.
pub(super) fn pointwise<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    match operator.node.operator {
        "Clip" => return clip(operator, steps),
        "HardSigmoid" => {
            let (alpha, beta) = (operator.float("alpha", 0.2)?, operator.float("beta", 0.5)?);
            let x = operator.live(0)?;
            let scaled = of_one(steps, x, "Mul", [0.0; 2], Some(alpha))?;
            let shifted = of_one(steps, &scaled, "Add", [0.0; 2], Some(beta))?;
            return of_one(steps, &shifted, "Clip", [0.0, 1.0], None);
        }
        _ => {}
    }
    let (name, settings) = function(operator)?;
    if operator.opset < 7 && operator.node.attribute("axis")?.is_some() && operator.inputs.len() > 1 {
        return Err(operator.form("it stretches an input from an axis on, as no version after 6 does"));
    }
    let count = operator.inputs.len();
    let is_counted = match name {
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "PRelu" | "Greater" | "GreaterOrEqual" | "Less"
        | "LessOrEqual" => count == 2,
        "Where" => count == 3,
        "Min" | "Max" => (1..=2).contains(&count),
        "Sum" => count > 0,
        _ => count == 1,
    };
    if !is_counted {
        return Err(operator.form(format!("it has {count} inputs")));
    }
    combined(operator, steps, name, settings)
}

fn clip<A: Scalar>(operator: &Operator<'_, '_>, steps: &mut Steps<A>) -> Result<Activation, ImportError> {
    let bound = |place: usize, name: &str, usual: f64| {
        if !operator.is_given(place) {
            return operator.float(name, usual);
        }
        match operator.reals(place)?[..] {
            [bound] => Ok(bound),
            _ => Err(operator.form("a bound is no single number")),
        }
    };
    let bounds = [bound(1, "min", f64::NEG_INFINITY)?, bound(2, "max", f64::INFINITY)?];
    of_one(steps, operator.live(0)?, "Clip", bounds, None)
}

/// A function of one activation and perhaps of one number.
fn of_one<A: Scalar>(
    steps: &mut Steps<A>,
    x: &Activation,
    operator: &'static str,
    settings: [f64; 2],
    number: Option<f64>,
) -> Result<Activation, ImportError> {
    let arguments = [Argument::Input(0)].into_iter().chain(number.map(one)).collect();
    let function = Function { operator, settings, arguments, is_stretched: false };
    let inner = Labels { seen: None, ..x.labels.clone() };
    let made = steps.push(Kind::Pointwise(function), vec![x.step], inner)?;
    // It does not ask for other axes.
    Ok(Activation { step: made.step, labels: x.labels.clone() })
}

/// A constant with the axes of the graph: its lengths, the examples' left out, and its numbers.
struct Stretched {
    dims: Vec<usize>,
    numbers: Vec<f64>,
}

impl Stretched {
    /// For values with `rank` axes beside that of the examples.
    fn of(
        operator: &Operator<'_, '_>,
        place: usize,
        rank: usize,
        is_merged: bool,
    ) -> Result<Self, ImportError> {
        let array = operator.constant(place)?;
        let numbers = operator.reals(place)?;
        let mut dims = array.dims.clone();
        // Of a parametric ReLU, one slope for each feature, before axes were stretched from the end.
        if operator.node.operator == "PRelu" && operator.opset < 7 && dims.len() == 1 {
            dims.resize(rank.max(1), 1);
        }
        while dims.len() > rank && dims[0] == 1 {
            dims.remove(0);
        }
        if dims.len() > rank {
            return Err(operator.form("a constant has another number for each example"));
        }
        while dims.len() < rank {
            dims.insert(0, 1);
        }
        // (N·T, F): the first axis is counted with the examples.
        if is_merged && dims.first().is_some_and(|&length| length != 1) {
            return Err(operator.form("a constant has another number for each example"));
        }
        Ok(Self { dims, numbers })
    }

    /// The axes along which it changes.
    fn long(&self) -> Vec<usize> {
        (0..self.dims.len()).filter(|&axis| self.dims[axis] > 1).collect()
    }
}

fn combined<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
    name: &'static str,
    settings: [f64; 2],
) -> Result<Activation, ImportError> {
    let is_single = |value: &Option<Value>| matches!(value, Some(Value::Known(array)) if array.len() == 1);
    let lives = operator.inputs.iter().filter(|value| matches!(value, Some(Value::Live(_)))).count();
    let singles = operator.inputs.iter().filter(|value| is_single(value)).count();
    if lives + singles < operator.inputs.len() || lives > 1 {
        return of_several(operator, steps, name, settings);
    }
    // Single numbers do not ask for axes.
    let mut x = None;
    let mut arguments = Vec::new();
    for place in 0..operator.inputs.len() {
        if is_single(&operator.inputs[place]) {
            arguments.push(one(operator.reals(place)?[0]));
        } else {
            x = Some(operator.live(place)?);
            arguments.push(Argument::Input(0));
        }
    }
    let x = x.ok_or_else(|| operator.form("it has no input that depends on the example"))?;
    let inner = Labels { seen: None, ..x.labels.clone() };
    let function = Function { operator: name, settings, arguments, is_stretched: false };
    let made = steps.push(Kind::Pointwise(function), vec![x.step], inner)?;
    Ok(Activation { step: made.step, labels: x.labels.clone() })
}

/// With several activations, or with constants that have several numbers.
fn of_several<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
    name: &'static str,
    settings: [f64; 2],
) -> Result<Activation, ImportError> {
    let mut lives = Vec::new();
    for value in operator.inputs.iter().flatten() {
        if let Value::Live(x) = value {
            lives.push(steps.resolved(x)?);
        }
    }
    let first = lives.first().ok_or_else(|| operator.form("it has no input that depends on the example"))?;
    let (rank, is_merged) = (first.labels.dims.len(), first.labels.is_merged);
    if lives.iter().any(|x| x.labels.dims.len() != rank || x.labels.is_merged != is_merged) {
        return Err(operator.form("its inputs have different numbers of axes"));
    }
    let mut dims = first.labels.dims.clone();
    for x in &lives {
        for (length, &other) in dims.iter_mut().zip(&x.labels.dims) {
            if *length == 1 || *length == other {
                *length = other;
            } else if other != 1 {
                let shapes = [&first.labels.dims, &x.labels.dims];
                return Err(
                    operator.form(format!("its inputs have the shapes {:?} and {:?}", shapes[0], shapes[1]))
                );
            }
        }
    }
    let mut constants = Vec::new();
    for place in 0..operator.inputs.len() {
        if let Some(Some(Value::Known(_))) = operator.inputs.get(place) {
            let constant = Stretched::of(operator, place, rank, is_merged)?;
            if constant.long().iter().any(|&axis| constant.dims[axis] != dims[axis]) {
                let fault = format!("a constant of shape {:?} for values of shape {dims:?}", constant.dims);
                return Err(operator.form(fault));
            }
            constants.push(constant);
        }
    }
    // The order of an input that lies otherwise than in the graph; or, where none does, that of a constant for each channel.
    let plain: Vec<usize> = (0..rank).collect();
    let decided = lives.iter().find(|x| !x.labels.lie_alike(&plain)).map(|x| x.labels.order.clone());
    let by_channel = rank > 1 && !is_merged && constants.iter().any(|constant| constant.long() == [0]);
    let order =
        decided.unwrap_or_else(|| if by_channel { features_at(0, rank) } else { first.labels.order.clone() });
    let is_stretched = lives.iter().any(|x| {
        let own = &x.labels.dims;
        let by_feature = || {
            (0..rank).all(
                |axis| if Some(&axis) == order.last() { own[axis] == dims[axis] } else { own[axis] == 1 },
            )
        };
        *own != dims && !by_feature()
    });
    let mut inputs = Vec::new();
    for x in &lives {
        inputs.push(steps.ordered(x, order.clone())?.step);
    }
    let (mut constants, mut live) = (constants.into_iter(), 0..);
    let mut arguments = Vec::new();
    for value in operator.inputs.iter().flatten() {
        arguments.push(match value {
            Value::Live(_) => Argument::Input(live.next().unwrap_or_default()),
            Value::Known(_) => {
                let constant = constants.next().ok_or_else(|| operator.form("a constant is missing"))?;
                let numbers = match constant.long()[..] {
                    [] => constant.numbers,
                    [axis] if Some(&axis) == order.last() => constant.numbers,
                    _ => {
                        steps.take(dims.iter().product())?;
                        let all = stretch(&constant.dims, &dims);
                        let moved =
                            Permutation { dims: dims.clone(), from: plain.clone(), to: order.clone() };
                        moved.sources().into_iter().map(|place| constant.numbers[all[place]]).collect()
                    }
                };
                Argument::Constant(Rc::new(numbers))
            }
        });
    }
    let labels = Labels { is_merged, ..Labels::ordered(dims, order) };
    let function = Function { operator: name, settings, arguments, is_stretched };
    steps.push(Kind::Pointwise(function), inputs, labels)
}

/// scikit-learn's scaler: (x − offset)·scale.
pub(super) fn scaler<A: Scalar>(
    operator: &Operator<'_, '_>,
    steps: &mut Steps<A>,
) -> Result<Activation, ImportError> {
    let floats = |name: &str| operator.node.attribute(name)?.map(|attribute| attribute.floats()).transpose();
    let x = steps.resolved(operator.live(0)?)?;
    let features = x.labels.dims.iter().product::<usize>();
    let (offset, scale) = (floats("offset")?.unwrap_or_default(), floats("scale")?.unwrap_or_default());
    if x.labels.dims.len() != 1
        || [&offset, &scale].iter().any(|numbers| numbers.len() != features && numbers.len() != 1)
    {
        return Err(operator.form(format!(
            "{} offsets and {} scales for {features} features",
            offset.len(),
            scale.len()
        )));
    }
    let mut value = x;
    for (operator, numbers) in [("Sub", offset), ("Mul", scale)] {
        let arguments = vec![Argument::Input(0), Argument::Constant(Rc::new(numbers))];
        let function = Function { operator, settings: [0.0; 2], arguments, is_stretched: false };
        value = steps.push(Kind::Pointwise(function), vec![value.step], value.labels)?;
    }
    Ok(value)
}
