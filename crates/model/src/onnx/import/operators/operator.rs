//! A node with what it takes, as the readers of operators see it.

use std::rc::Rc;

use chainrule_tensor::Scalar;

use crate::onnx::import::array::{Array, Reader};
use crate::onnx::import::error::ImportError;
use crate::onnx::import::fold;
use crate::onnx::import::labels::features_at;
use crate::onnx::import::message::Node;
use crate::onnx::import::steps::{Activation, Steps};

/// A value that a node takes or gives.
#[derive(Debug, Clone)]
pub(in crate::onnx::import) enum Value {
    Known(Rc<Array>),
    Live(Activation),
}

/// A node with what it takes.
#[derive(Debug)]
pub(in crate::onnx::import) struct Operator<'n, 'a> {
    pub(in crate::onnx::import) node: &'n Node<'a>,
    pub(in crate::onnx::import) reader: &'n Reader<'a>,
    /// The version of its operator set.
    pub(in crate::onnx::import) opset: i64,
    /// `None` where an optional input is left out.
    pub(in crate::onnx::import) inputs: Vec<Option<Value>>,
    /// The number of examples, where the model fixes it.
    pub(in crate::onnx::import) batch: Option<usize>,
}

impl Operator<'_, '_> {
    /// The error that it is not known.
    pub(super) fn unknown(&self) -> ImportError {
        ImportError::Operator { node: self.node.shown(), operator: self.name(), opset: self.opset }
    }

    /// The error that it has a form that no layer has.
    pub(in crate::onnx::import) fn form(&self, fault: impl Into<String>) -> ImportError {
        let fault = fault.into();
        ImportError::Form { node: self.node.shown(), operator: self.name(), opset: self.opset, fault }
    }

    pub(super) fn name(&self) -> String {
        const LONGEST: usize = 60;
        let name = self.node.operator.chars().filter(|c| !c.is_control()).take(LONGEST).collect::<String>();
        if self.node.domain.is_empty() {
            return name;
        }
        let domain: String = self.node.domain.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        format!("{domain}.{name}")
    }

    pub(super) fn is_given(&self, place: usize) -> bool {
        self.inputs.get(place).is_some_and(Option::is_some)
    }

    /// The input in this place, which depends on the example.
    pub(super) fn live(&self, place: usize) -> Result<&Activation, ImportError> {
        match self.inputs.get(place) {
            Some(Some(Value::Live(x))) => Ok(x),
            Some(Some(Value::Known(_))) => Err(self.form(format!("input {} is a constant", place + 1))),
            _ => Err(self.form(format!("input {} is missing", place + 1))),
        }
    }

    /// The constant in this place, if there is one.
    pub(super) fn known(&self, place: usize) -> Result<Option<&Rc<Array>>, ImportError> {
        match self.inputs.get(place) {
            Some(Some(Value::Known(array))) => Ok(Some(array)),
            Some(Some(Value::Live(_))) => {
                Err(self.form(format!("input {} depends on the example; it should be a constant", place + 1)))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn constant(&self, place: usize) -> Result<&Rc<Array>, ImportError> {
        self.known(place)?.ok_or_else(|| self.form(format!("input {} is missing", place + 1)))
    }

    pub(super) fn reals(&self, place: usize) -> Result<Vec<f64>, ImportError> {
        let array = self.constant(place)?;
        let numbers =
            array.reals().ok_or_else(|| self.form(format!("input {} has no numbers", place + 1)))?;
        if numbers.iter().any(|number| number.is_nan()) {
            return Err(self.form(format!("input {} holds NaN", place + 1)));
        }
        Ok(numbers)
    }

    /// The numbers of a parameter with these lengths, none of which is NaN or infinite.
    pub(super) fn parameter(&self, place: usize, dims: &[usize]) -> Result<Vec<f64>, ImportError> {
        let array = self.constant(place)?;
        if array.dims != dims {
            return Err(self.form(format!(
                "input {} has the shape {:?}, not {dims:?}",
                place + 1,
                array.dims
            )));
        }
        let numbers = self.reals(place)?;
        if numbers.iter().any(|number| !number.is_finite()) {
            return Err(self.form(format!("input {} holds an infinite number", place + 1)));
        }
        Ok(numbers)
    }

    /// The whole numbers of a constant, if it is given.
    pub(super) fn wholes(&self, place: usize) -> Result<Option<Vec<i64>>, ImportError> {
        let Some(array) = self.known(place)? else { return Ok(None) };
        array.wholes().map(Some).ok_or_else(|| self.form(format!("input {} has no whole numbers", place + 1)))
    }

    pub(super) fn int(&self, name: &str, usual: i64) -> Result<i64, ImportError> {
        Ok(self
            .node
            .attribute(name)?
            .map(|attribute| attribute.int())
            .transpose()?
            .flatten()
            .unwrap_or(usual))
    }

    pub(super) fn float(&self, name: &str, usual: f64) -> Result<f64, ImportError> {
        Ok(self
            .node
            .attribute(name)?
            .map(|attribute| attribute.float())
            .transpose()?
            .flatten()
            .unwrap_or(usual))
    }

    pub(super) fn text(&self, name: &str, usual: &'static str) -> Result<String, ImportError> {
        let text = self.node.attribute(name)?.map(|attribute| attribute.text()).transpose()?.flatten();
        Ok(text.unwrap_or(usual).to_owned())
    }

    pub(super) fn ints(&self, name: &str) -> Result<Option<Vec<i64>>, ImportError> {
        self.node.attribute(name)?.map(|attribute| attribute.ints()).transpose()
    }

    /// Whole numbers that were a setting in earlier versions, and are an input since.
    pub(super) fn ints_or_input(&self, name: &str, place: usize) -> Result<Option<Vec<i64>>, ImportError> {
        if self.is_given(place) { self.wholes(place) } else { self.ints(name) }
    }

    /// An axis of the graph, the examples' not counted, of an activation.
    pub(super) fn own_axis(&self, axis: i64, x: &Activation) -> Result<usize, ImportError> {
        let (dims, is_merged) = x.labels.visible();
        let found = fold::axis(axis, dims.len() + usize::from(!is_merged));
        let found = found.ok_or_else(|| self.form(format!("there is no axis {axis}")))?;
        match found.checked_sub(usize::from(!is_merged)) {
            Some(axis) if !is_merged || axis > 0 => Ok(axis),
            _ => {
                Err(self
                    .form("it works on the axis of the examples, which are independent of each other here"))
            }
        }
    }

    /// The input in this place with its features first in the graph, (C, H, W) or (C), and not (N·T, F).
    pub(super) fn channels_first<A: Scalar>(
        &self,
        place: usize,
        steps: &mut Steps<A>,
    ) -> Result<Activation, ImportError> {
        let x = steps.resolved(self.live(place)?)?;
        if x.labels.is_merged {
            // (N·T, F): the features are the second axis of all.
            return Ok(x);
        }
        let rank = x.labels.dims.len();
        if rank == 0 {
            return Err(self.form("its input has one number an example and no axis"));
        }
        steps.ordered(&x, features_at(0, rank))
    }

    /// The same for an operator on pictures and sequences.
    pub(super) fn picture<A: Scalar>(
        &self,
        place: usize,
        steps: &mut Steps<A>,
    ) -> Result<Activation, ImportError> {
        let x = self.channels_first(place, steps)?;
        if x.labels.is_merged || x.labels.dims.len() < 2 {
            return Err(self.form(format!("an input of shape {:?}, with no places", x.labels.dims)));
        }
        Ok(x)
    }

    /// The input in this place with its features last in the graph.
    pub(super) fn channels_last<A: Scalar>(
        &self,
        place: usize,
        steps: &mut Steps<A>,
    ) -> Result<Activation, ImportError> {
        let x = steps.resolved(self.live(place)?)?;
        let rank = x.labels.dims.len();
        if rank == 0 {
            return Err(self.form("its input has one number an example and no axis"));
        }
        // Whatever order the positions lie in.
        if x.labels.order.last() == Some(&(rank - 1)) {
            Ok(x)
        } else {
            steps.ordered(&x, features_at(rank - 1, rank))
        }
    }

    /// The first input, if it is a constant.
    pub(super) fn inputs_first(&self) -> Option<&Array> {
        match self.inputs.first() {
            Some(Some(Value::Known(array))) => Some(array),
            _ => None,
        }
    }
}
