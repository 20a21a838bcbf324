//! A graph under construction around the network: operators on tables and answers, and what is written of a layer's.

use std::collections::{HashMap, HashSet};

use chainrule_layers::onnx::{OnnxAttribute, OnnxNode, OnnxNumbers, OnnxTensor};
use chainrule_tensor::Scalar;
use chainrule_train::tensors::little_endian;

use super::proto::{
    Attribute, DOUBLE, Dimension, FLOAT, Graph, INT, INT64, INTS, Kind, Node, REAL, STRING, STRINGS, Shape,
    Tensor, TensorKind, Value,
};

/// The domain of the operators for tables and classes.
pub(super) const TABLES: &str = "ai.onnx.ml";

/// Nodes and constants in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct GraphBuilder {
    pub(super) nodes: Vec<Node>,
    pub(super) constants: Vec<Tensor>,
}

impl GraphBuilder {
    /// The value that an operator makes of others.
    pub(super) fn apply(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: impl IntoIterator<Item = Attribute>,
    ) -> String {
        self.push("", operator, inputs, attributes.into_iter().collect())
    }

    /// The same of an operator for tables and classes.
    pub(super) fn apply_table(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: impl IntoIterator<Item = Attribute>,
    ) -> String {
        self.push(TABLES, operator, inputs, attributes.into_iter().collect())
    }

    fn push(&mut self, domain: &str, operator: &str, inputs: &[&str], attribute: Vec<Attribute>) -> String {
        let output = format!("table/{operator}.{}", self.nodes.len());
        self.nodes.push(Node {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![output.clone()],
            name: output.clone(),
            op_type: operator.to_owned(),
            attribute,
            domain: domain.to_owned(),
        });
        output
    }

    /// Gives the last node a name, which a program shows where the node fails.
    pub(super) fn name_last(&mut self, name: String) {
        self.nodes.last_mut().expect("a node was made").name = name;
    }

    /// A constant of real numbers.
    pub(super) fn reals<A: Scalar>(&mut self, shape: &[usize], values: &[A]) -> String {
        let name = format!("table/constant.{}", self.constants.len());
        let values = OnnxNumbers::Real(values.iter().map(|x| x.as_f64()).collect());
        self.constants.push(tensor::<A>(OnnxTensor { name: name.clone(), shape: shape.to_vec(), values }));
        name
    }

    /// A number in `f64`.
    pub(super) fn number(&mut self, x: f64) -> String {
        self.reals(&[], &[x])
    }

    /// A constant row of whole numbers.
    pub(super) fn wholes(&mut self, values: Vec<i64>) -> String {
        let name = format!("table/constant.{}", self.constants.len());
        let (shape, values) = (vec![values.len()], OnnxNumbers::Whole(values));
        self.constants.push(tensor::<f64>(OnnxTensor { name: name.clone(), shape, values }));
        name
    }

    pub(super) fn cast(&mut self, x: &str, to: i32) -> String {
        self.apply("Cast", &[x], [int("to", to.into())])
    }

    pub(super) fn reshape(&mut self, x: &str, lengths: Vec<i64>) -> String {
        let lengths = self.wholes(lengths);
        self.apply("Reshape", &[x, &lengths], [])
    }

    /// `x`, in the numbers `A`; the graph fails where one of them is not finite, with `fault` as the name of the node.
    ///
    /// ONNX has no operator that fails. 1 is no index of an array of one number, and onnxruntime checks each.
    pub(super) fn finite<A: Scalar>(&mut self, x: &str, test: &str, fault: &str) -> String {
        let zero = self.apply("Sub", &[test, test], []);
        let is_bad = self.apply("IsNaN", &[&zero], []);
        let index = self.cast(&is_bad, INT64);
        let only = self.reals(&[1], &[A::zero()]);
        let zero = self.apply("Gather", &[&only, &index], [int("axis", 0)]);
        self.name_last(fault.to_owned());
        self.apply("Add", &[x, &zero], [])
    }
}

pub(super) fn int(name: &str, i: i64) -> Attribute {
    Attribute { name: name.to_owned(), i, kind: INT, ..Attribute::default() }
}

pub(super) fn ints(name: &str, ints: Vec<i64>) -> Attribute {
    Attribute { name: name.to_owned(), ints, kind: INTS, ..Attribute::default() }
}

pub(super) fn texts<'a>(name: &str, texts: impl IntoIterator<Item = &'a String>) -> Attribute {
    let strings = texts.into_iter().map(|text| text.as_bytes().to_vec()).collect();
    Attribute { name: name.to_owned(), strings, kind: STRINGS, ..Attribute::default() }
}

/// A matrix with any number of rows.
pub(super) fn matrix(name: &str, elem_type: i32, width: usize) -> Value {
    value(name, elem_type, &[width])
}

/// An array with any number of examples of these lengths.
pub(super) fn value(name: &str, elem_type: i32, lengths: &[usize]) -> Value {
    let rows = Dimension { value: None, param: Some("batch".to_owned()) };
    let lengths = lengths.iter().map(|&length| Dimension { value: Some(length as i64), param: None });
    let shape = Some(Shape { dim: std::iter::once(rows).chain(lengths).collect() });
    let tensor = Some(TensorKind { elem_type, shape });
    Value { name: name.to_owned(), kind: Some(Kind { tensor }), doc_string: String::new() }
}

pub(super) fn number_type<A: Scalar>() -> i32 {
    if A::NAME == f64::NAME { DOUBLE } else { FLOAT }
}

/// The operators and the constants of a network for an operator set. From set 18 on the axes of a mean are a constant.
pub(super) fn for_opset(
    nodes: Vec<OnnxNode>,
    mut tensors: Vec<OnnxTensor>,
    opset: i64,
) -> (Vec<Node>, Vec<OnnxTensor>) {
    let axes_are_input = |node: &OnnxNode| node.operator == "ReduceMean" && opset >= 18;
    let mut written = Vec::with_capacity(nodes.len());
    for mut node in nodes {
        if axes_are_input(&node)
            && let Some(at) = node.attributes.iter().position(|(name, _)| *name == "axes")
            && let (_, OnnxAttribute::Ints(axes)) = node.attributes.remove(at)
        {
            let words: Vec<String> = axes.iter().map(ToString::to_string).collect();
            let name = format!("axes.{}", words.join("x"));
            if !tensors.iter().any(|tensor| tensor.name == name) {
                let (shape, values) = (vec![axes.len()], OnnxNumbers::Whole(axes));
                tensors.push(OnnxTensor { name: name.clone(), shape, values });
            }
            node.inputs.push(name);
        }
        written.push(self::node(node));
    }
    (written, tensors)
}

fn node(node: OnnxNode) -> Node {
    let attributes = node.attributes.into_iter().map(|(name, value)| match value {
        OnnxAttribute::Int(i) => int(name, i),
        OnnxAttribute::Ints(numbers) => ints(name, numbers),
        OnnxAttribute::Float(f) => Attribute { name: name.to_owned(), f, kind: REAL, ..Attribute::default() },
        OnnxAttribute::Text(text) => Attribute {
            name: name.to_owned(),
            s: text.as_bytes().to_vec(),
            kind: STRING,
            ..Attribute::default()
        },
    });
    Node {
        input: node.inputs,
        name: node.output.clone(),
        output: vec![node.output],
        op_type: node.operator.to_owned(),
        attribute: attributes.collect(),
        domain: String::new(),
    }
}

pub(super) fn tensor<A: Scalar>(tensor: OnnxTensor) -> Tensor {
    let (data_type, raw_data) = match tensor.values {
        OnnxNumbers::Real(values) => {
            let values: Vec<A> = values.into_iter().map(A::of).collect();
            (number_type::<A>(), little_endian(&values))
        }
        OnnxNumbers::Single(values) => (FLOAT, little_endian(&values)),
        OnnxNumbers::Whole(values) => (INT64, values.into_iter().flat_map(i64::to_le_bytes).collect()),
    };
    let dims = tensor.shape.iter().map(|&length| length as i64).collect();
    Tensor { dims, data_type, name: tensor.name, raw_data }
}

/// Gives inputs and outputs their names, (inside, outside); what is inside of the graph and has such a name gets another, since columns
/// have any names.
pub(super) fn publish(graph: &mut Graph, ends: Vec<(String, String)>) {
    let mut taken: HashSet<String> = ends.iter().map(|(_, outside)| outside.clone()).collect();
    let made = graph.node.iter().flat_map(|node| &node.output);
    let inner: Vec<String> =
        made.chain(graph.initializer.iter().map(|tensor| &tensor.name)).cloned().collect();
    let mut renamed: HashMap<String, String> = ends.into_iter().collect();
    let known: HashSet<&String> = inner.iter().collect();
    for name in inner.iter().filter(|name| !renamed.contains_key(*name)).collect::<Vec<_>>() {
        if taken.contains(name) {
            let mut other = format!("{name}_");
            while taken.contains(&other) || known.contains(&other) {
                other.push('_');
            }
            taken.insert(other.clone());
            renamed.insert(name.clone(), other);
        }
    }
    let values = graph.node.iter_mut().flat_map(|node| node.input.iter_mut().chain(&mut node.output));
    let names = values.chain(graph.initializer.iter_mut().map(|tensor| &mut tensor.name));
    let ends = graph.input.iter_mut().chain(&mut graph.output).map(|end| &mut end.name);
    for name in names.chain(ends) {
        if let Some(other) = renamed.get(name) {
            name.clone_from(other);
        }
    }
}
