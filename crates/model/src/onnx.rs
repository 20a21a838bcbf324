//! A checkpoint as a graph of ONNX: raw input, transform, layers, output function, prediction.

mod proto;

use std::path::Path;

use chainrule_datasets::write_atomic;
use chainrule_tensor::Scalar;
use chainrule_train::tensors::little_endian;
use prost::Message;

use crate::architecture::{Activation, Stage};
use crate::checkpoint::{Checkpoint, CheckpointError, stored, stored_shape};
use crate::output::Output;
use proto::{
    Attribute, DOUBLE, Dimension, FLOAT, INT, IR_VERSION, Kind, Model, Node, OPERATORS, OperatorSet,
    Property, Shape, Tensor, TensorKind, Value,
};

/// Where protocol buffers end.
const LONGEST_ONNX: usize = i32::MAX as usize;

impl<A: Scalar> Checkpoint<A> {
    /// Writes what [`to_onnx`](Self::to_onnx) returns.
    ///
    /// # Errors
    /// If it has 2 GiB or more, where the format ends, or the folder cannot be written to.
    ///
    /// # Panics
    /// As [`to_onnx`](Self::to_onnx).
    pub fn save_onnx(&self, path: &Path) -> Result<(), CheckpointError> {
        let bytes = self.to_onnx();
        if bytes.len() > LONGEST_ONNX {
            return Err(CheckpointError::TooLong { path: path.to_owned(), bytes: bytes.len() });
        }
        write_atomic(path, |file| file.write_all(&bytes))?;
        Ok(())
    }

    /// The model in ONNX, operator set 17: from raw rows `x` of shape `(batch, inputs)`, any number of them, to the
    /// prediction `y`, with the input transform and the output function in the graph and the parameters under the names and
    /// shapes of the checkpoint. The names of the classes are JSON in the metadata, under `classes`.
    ///
    /// Its operators are those that onnxruntime has for both number types; erf alone is taken in `f32`.
    ///
    /// # Panics
    /// If θ is not as long as the architecture says, or the transform is for another number of inputs.
    #[track_caller]
    pub fn to_onnx(&self) -> Vec<u8> {
        let Self { card, theta } = self;
        let layout = card.architecture.layout::<A>();
        assert_eq!(layout.len(), theta.len(), "onnx: the vector has not the layout's length");
        let mut graph = Graph::<A>::new(card.architecture.inputs);
        if !card.transform.is_identity() {
            let (shift, scale) = card.transform.folded::<A>(card.architecture.inputs);
            let shift = graph.tensor("transform.shift", &[shift.len()], &shift);
            let scale = graph.tensor("transform.scale", &[scale.len()], &scale);
            graph.apply("Sub", &[&shift]);
            graph.apply("Mul", &[&scale]);
        }
        for (place, stage) in card.architecture.layers.iter().enumerate() {
            match *stage {
                Stage::Dense { .. } => {
                    let [weight, bias] = ["weight", "bias"].map(|name| {
                        let name = format!("{place}.{name}");
                        let entry = layout.entries().iter().find(|entry| entry.name == name);
                        let entry = entry.expect("a dense layer has a weight and a bias");
                        graph.tensor(&name, &stored_shape(entry), &stored(entry, theta))
                    });
                    graph.apply_with("Gemm", &[&weight, &bias], Some(("transB", 1)));
                }
                Stage::Activation { name } => graph.activation(name),
                Stage::Softmax => graph.apply_with("Softmax", &[], Some(("axis", 1))),
                Stage::Dropout { .. } => {}
            }
        }
        match card.output {
            Output::Identity => {}
            Output::Sigmoid => graph.apply("Sigmoid", &[]),
            Output::Softmax => graph.apply_with("Softmax", &[], Some(("axis", 1))),
        }
        let mut metadata_props = Vec::new();
        if !card.classes.is_empty() {
            let value = serde_json::to_string(&card.classes).expect("names are text");
            metadata_props.push(Property { key: "classes".to_owned(), value });
        }
        let model = Model {
            ir_version: IR_VERSION,
            producer_name: "chainrule".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(graph.finish(card.architecture.outputs())),
            opset_import: vec![OperatorSet { domain: String::new(), version: OPERATORS }],
            metadata_props,
        };
        model.encode_to_vec()
    }
}

/// A chain of operators under construction.
struct Graph<A> {
    proto: proto::Graph,
    /// The value that the last operator wrote.
    current: String,
    numbers: std::marker::PhantomData<A>,
}

impl<A: Scalar> Graph<A> {
    fn new(inputs: usize) -> Self {
        let proto = proto::Graph {
            name: "network".to_owned(),
            input: vec![value::<A>("x", inputs)],
            ..proto::Graph::default()
        };
        Self { proto, current: "x".to_owned(), numbers: std::marker::PhantomData }
    }

    /// A constant of the graph by its name.
    fn tensor(&mut self, name: &str, shape: &[usize], values: &[A]) -> String {
        if !self.proto.initializer.iter().any(|tensor| tensor.name == name) {
            self.proto.initializer.push(Tensor {
                dims: shape.iter().map(|&length| length as i64).collect(),
                data_type: number_type::<A>(),
                name: name.to_owned(),
                raw_data: little_endian(values),
            });
        }
        name.to_owned()
    }

    fn number(&mut self, x: f64) -> String {
        self.tensor(&format!("number.{x}"), &[], &[A::of(x)])
    }

    /// current ← operator(current, others…)
    fn apply(&mut self, operator: &str, others: &[&str]) {
        self.apply_with(operator, others, None);
    }

    fn apply_with(&mut self, operator: &str, others: &[&str], attribute: Option<(&str, i64)>) {
        let name = format!("{operator}.{}", self.proto.node.len());
        let input = std::iter::once(self.current.as_str()).chain(others.iter().copied());
        self.proto.node.push(Node {
            input: input.map(str::to_owned).collect(),
            output: vec![name.clone()],
            name: name.clone(),
            op_type: operator.to_owned(),
            attribute: attribute
                .map(|(name, i)| Attribute { name: name.to_owned(), i, kind: INT })
                .into_iter()
                .collect(),
        });
        self.current = name;
    }

    /// What `operator` makes of the current value; that itself stays current.
    fn branch(&mut self, operator: &str, others: &[&str]) -> String {
        let z = self.current.clone();
        self.apply(operator, others);
        std::mem::replace(&mut self.current, z)
    }

    /// The formulas of `layers::activation`.
    fn activation(&mut self, name: Activation) {
        match name {
            Activation::Identity => {}
            Activation::Sigmoid => self.apply("Sigmoid", &[]),
            Activation::Tanh => self.apply("Tanh", &[]),
            Activation::Relu => self.apply("Relu", &[]),
            Activation::Silu => {
                let gate = self.branch("Sigmoid", &[]);
                self.apply("Mul", &[&gate]);
            }
            Activation::Softplus => {
                let (one, above) = (self.number(1.0), self.branch("Relu", &[]));
                self.apply("Abs", &[]);
                self.apply("Neg", &[]);
                self.apply("Exp", &[]);
                self.apply("Add", &[&one]);
                self.apply("Log", &[]);
                self.apply("Add", &[&above]); //         max(0, z) + ln(1 + e^(−|z|))
            }
            Activation::LeakyRelu => {
                let slope = self.number(0.01);
                let below = self.branch("Mul", &[&slope]);
                self.apply("Max", &[&below]); //         max(z, z/100)
            }
            Activation::Elu => {
                let one = self.number(1.0);
                let above = self.branch("Relu", &[]);
                self.apply("Exp", &[]);
                self.apply("Min", &[&one]);
                self.apply("Sub", &[&one]);
                self.apply("Add", &[&above]); //         max(0, z) + min(e^z, 1) − 1
            }
            Activation::Gelu => {
                let (root, one) = (self.number(std::f64::consts::FRAC_1_SQRT_2), self.number(1.0));
                let (half, z) = (self.number(0.5), self.current.clone());
                self.apply("Mul", &[&root]);
                self.erf();
                self.apply("Add", &[&one]);
                self.apply("Mul", &[&half]);
                self.apply("Mul", &[&z]); //             z·½(1 + erf(z/√2))
            }
            Activation::GeluTanh => {
                let (one, half) = (self.number(1.0), self.number(0.5));
                let (cubic, z) = (self.number(0.044_715), self.current.clone());
                let slope = self.number((2.0 / std::f64::consts::PI).sqrt());
                self.apply("Mul", &[&z]);
                self.apply("Mul", &[&cubic]);
                self.apply("Add", &[&one]);
                self.apply("Mul", &[&z]);
                self.apply("Mul", &[&slope]);
                self.apply("Tanh", &[]);
                self.apply("Add", &[&one]);
                self.apply("Mul", &[&half]);
                self.apply("Mul", &[&z]); //             z·½(1 + tanh(√(2/π)·z(1 + 0.044715 z²)))
            }
        }
    }

    /// onnxruntime has no erf of doubles.
    fn erf(&mut self) {
        let double = number_type::<A>() == DOUBLE;
        if double {
            self.apply_with("Cast", &[], Some(("to", i64::from(FLOAT))));
        }
        self.apply("Erf", &[]);
        if double {
            self.apply_with("Cast", &[], Some(("to", i64::from(DOUBLE))));
        }
    }

    fn finish(mut self, outputs: usize) -> proto::Graph {
        self.apply("Identity", &[]);
        let last = self.proto.node.last_mut().expect("an operator was just added");
        last.output = vec!["y".to_owned()];
        self.proto.output = vec![value::<A>("y", outputs)];
        self.proto
    }
}

fn number_type<A: Scalar>() -> i32 {
    if A::NAME == f64::NAME { DOUBLE } else { FLOAT }
}

/// A matrix with any number of rows.
fn value<A: Scalar>(name: &str, width: usize) -> Value {
    let rows = Dimension { value: None, param: Some("batch".to_owned()) };
    let columns = Dimension { value: Some(width as i64), param: None };
    let shape = Some(Shape { dim: vec![rows, columns] });
    let tensor = Some(TensorKind { elem_type: number_type::<A>(), shape });
    Value { name: name.to_owned(), kind: Some(Kind { tensor }) }
}

#[cfg(test)]
mod tests;
