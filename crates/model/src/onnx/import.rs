//! Graphs of other programs as networks of the library's layers.
//!
//! | file | contents |
//! |---|---|
//! | `wire`, `message` | the file: messages of protocol buffers, read in place |
//! | `array`, `fold` | constants, and operators on constants |
//! | `labels`, `steps` | values that depend on the example: their axes, and what computes them |
//! | `operators` | the operators of ONNX, by kind |
//! | `pointwise`, `normalisation` | layers that exporters write as several operators |
//! | `structure`, `settle`, `emit` | steps to chains and branches, and these to a network with its numbers |
//! | `ends` | input, output and the names of classes |

mod array;
mod bends;
mod emit;
mod ends;
mod error;
mod fold;
mod labels;
mod message;
mod normalisation;
mod operators;
mod pointwise;
mod settle;
mod steps;
mod structure;
mod wire;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::rc::Rc;

use chainrule_layers::{Architecture, Layer as _};
use chainrule_tensor::{Scalar, Shape};

use self::array::{DOUBLE, Reader};
use self::emit::network;
use self::ends::{Ends, ending, input_transform, pair_of_classes};
pub use self::error::ImportError;
use self::error::quoted;
use self::labels::{Labels, Permutation};
use self::message::{Model, Node, Tensor};
use self::operators::{Operator, Value};
use self::settle::settled;
use self::steps::{Activation, Kind, Steps};
use self::structure::chain;
use crate::checkpoint::Checkpoint;
use crate::model_card::ModelCard;

/// A network that was read from an ONNX file, and how its ends are laid out in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported<A> {
    /// The network with its numbers.
    pub checkpoint: Checkpoint<A>,
    /// The input of the graph.
    pub input: GraphEnd,
    /// The output of the graph that the network gives.
    pub output: GraphEnd,
}

/// An input or an output of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphEnd {
    /// Its name.
    pub name: String,
    /// The lengths of an example's axes in the graph.
    pub dims: Vec<usize>,
    /// Which axis of the graph each axis of the network is: `[1, 2, 0]` for a picture that has its channels first in the graph.
    pub order: Vec<usize>,
    /// What an example is in the network.
    pub shape: Shape,
}

/// Reads the ONNX file at `path`, and the files of its folder that it names, as a network of the library's layers.
///
/// The numbers of a picture or a sequence lie channels last here, as everywhere in the library; [`Imported::input`] says which axes of the
/// graph these are. A parameter that a graph uses twice becomes two, each with the same numbers.
///
/// # Errors
/// If the file cannot be read or is damaged, or an operator of it is none that layers compute: the error names the node, the operator
/// and the version of its operator set.
///
/// ```no_run
/// let imported = chainrule_model::onnx::import::<f32>("theirs.onnx")?;
/// println!("{}", imported.checkpoint.card.architecture);
/// # Ok::<(), chainrule_model::onnx::ImportError>(())
/// ```
pub fn import<A: Scalar>(path: impl AsRef<Path>) -> Result<Imported<A>, ImportError> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(|source| ImportError::Io { path: path.to_owned(), source })?;
    let folder =
        path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    import_bytes(&bytes, folder)
}

/// The same from the contents of a file. Numbers in other files are read from `folder`, or refused.
///
/// # Errors
/// As [`import`].
pub fn import_bytes<A: Scalar>(bytes: &[u8], folder: Option<&Path>) -> Result<Imported<A>, ImportError> {
    let model = Model::parse(bytes)?;
    let ends = Ends::of(&model.graph)?;
    let reader = Reader::new(folder, bytes.len());
    let mut graph = Reading { model: &model, reader: &reader, values: HashMap::new(), batch: ends.batch };
    let mut steps = Steps::<A>::new(bytes.len());
    let labels = Labels::plain(ends.dims.clone());
    let input = steps.push(Kind::Input, Vec::new(), labels)?;
    graph.values.insert(ends.input, Value::Live(input));
    let output = graph.read(ends.output, &mut steps)?;
    if output.labels.is_merged {
        return Err(ImportError::ends(format!(
            "its output {} has a row for each position, and that of a network here one for each example",
            quoted(ends.output)
        )));
    }

    let fault = |node: usize, fault: &str| graph.fault(node, fault);
    let pieces = chain(&steps, output.step, &fault)?;
    let (mut pieces, reordered) = settled(pieces, true, &fault)?;
    let mut shape = Labels::plain(ends.dims.clone()).shape();
    let (mut dims, mut order) = (ends.dims.clone(), (0..ends.dims.len()).collect());
    if let Some(reordered) = reordered {
        shape = reordered.shape;
        // The axes as the graph has them before any of its operators names them anew.
        let Permutation { dims: lengths, from, to } = reordered.permutation;
        dims = from.iter().map(|&axis| lengths[axis]).collect();
        order = to.iter().filter_map(|axis| from.iter().position(|from| from == axis)).collect();
    } else if let Some(channels_first) = ends::lone_channel(&pieces, &dims) {
        (shape, order) = (channels_first.shape(), channels_first.order);
    }
    let input = GraphEnd { name: ends.input.to_owned(), dims, order, shape };
    pair_of_classes(&mut pieces);
    let transform = input_transform(&mut pieces, shape);
    let mut network = network(pieces, shape, &steps, &fault)?;
    let outputs = network.shape;
    let function = ending(&mut network);
    let architecture = Architecture { input: shape, layers: network.layers };
    architecture.validated()?;
    let (theta, statistics) = (network.theta, network.statistics);
    let built = architecture.build::<A>(None);
    if built.layout().len() != theta.len() || built.statistics().len() != statistics.len() {
        return Err(ImportError::ends("its parameters are not as many as those of its network"));
    }
    ends.check_output(architecture.outputs())?;
    let card = ModelCard {
        transform,
        classes: ends::classes(&model, &reader, architecture.outputs())?,
        targets: ends::names(&model, "targets", architecture.outputs()),
        ..ModelCard::new(architecture, function, None)
    };
    let Labels { dims, order, .. } = output.labels;
    let output = GraphEnd { name: ends.output.to_owned(), dims, order, shape: outputs };
    Ok(Imported { checkpoint: Checkpoint { card, theta, statistics }, input, output })
}

/// Whether the numbers of an ONNX file are those of `f64`, by its input.
///
/// # Errors
/// If it is no ONNX file, or has no input.
pub fn is_double(bytes: &[u8]) -> Result<bool, ImportError> {
    let model = Model::parse(bytes)?;
    Ok(Ends::of(&model.graph)?.kind == DOUBLE)
}

/// The evaluation of a graph, node by node.
struct Reading<'m, 'a> {
    model: &'m Model<'a>,
    reader: &'m Reader<'a>,
    values: HashMap<&'a str, Value>,
    batch: Option<usize>,
}

impl<'a> Reading<'_, 'a> {
    fn opset(&self, node: &Node<'_>) -> i64 {
        self.model.opset(node.domain)
    }

    /// The error that a node is no layer.
    fn fault(&self, node: usize, fault: &str) -> ImportError {
        let node = &self.model.graph.nodes[node];
        let inputs = Vec::new();
        let operator = Operator { node, reader: self.reader, opset: self.opset(node), inputs, batch: None };
        operator.form(fault)
    }

    /// The nodes that `output` depends on.
    fn needed(&self, output: &'a str) -> Result<HashSet<usize>, ImportError> {
        let nodes = &self.model.graph.nodes;
        let mut makers = HashMap::new();
        for (at, node) in nodes.iter().enumerate() {
            for &output in &node.outputs {
                if makers.insert(output, at).is_some() && !output.is_empty() {
                    return Err(ImportError::format(format!("two nodes give the value {}", quoted(output))));
                }
            }
        }
        let (mut needed, mut open) = (HashSet::new(), vec![output]);
        while let Some(name) = open.pop() {
            if let Some(&maker) = makers.get(name)
                && needed.insert(maker)
            {
                open.extend(nodes[maker].inputs.iter().copied());
            }
        }
        Ok(needed)
    }

    /// The value that the network gives, with the steps to it.
    fn read<A: Scalar>(&mut self, output: &'a str, steps: &mut Steps<A>) -> Result<Activation, ImportError> {
        let stored: HashMap<&str, &Tensor<'a>> =
            self.model.graph.initializers.iter().map(|tensor| (tensor.name, tensor)).collect();
        let needed = self.needed(output)?;
        let is_loop = |operator: &str| matches!(operator, "LSTM" | "GRU" | "RNN" | "Loop" | "Scan" | "If");
        // Named first: exporters surround them by operators on lengths that are of no use without them.
        let nodes = self.model.graph.nodes.iter().enumerate();
        let mut loops = nodes.filter(|(at, node)| needed.contains(at) && is_loop(node.operator));
        if let Some((_, node)) = loops.next() {
            return Err(ImportError::Operator {
                node: node.shown(),
                operator: node.operator.to_owned(),
                opset: self.opset(node),
            });
        }
        for (at, node) in self.model.graph.nodes.iter().enumerate().filter(|(at, _)| needed.contains(at)) {
            steps.node = at;
            let mut inputs = Vec::new();
            for &name in &node.inputs {
                inputs.push(match (name, self.values.get(name), stored.get(name)) {
                    ("", ..) => None,
                    (_, Some(value), _) => Some(value.clone()),
                    (_, None, Some(tensor)) => Some(Value::Known(Rc::new(self.reader.read(tensor)?))),
                    (_, None, None) => {
                        return Err(ImportError::Order { node: node.shown(), value: quoted(name) });
                    }
                });
            }
            steps.allow(self.reader.external_bytes());
            let opset = self.opset(node);
            let operator = Operator { node, reader: self.reader, opset, inputs, batch: self.batch };
            let value = operators::read(&operator, steps).map_err(|error| match error {
                // The layer of this operator alone.
                ImportError::Network(error) => operator.form(error.fault),
                other => other,
            })?;
            let Some(&name) = node.outputs.first() else { continue };
            if self.values.insert(name, value).is_some() {
                return Err(ImportError::Order { node: node.shown(), value: quoted(name) });
            }
        }
        match self.values.get(output) {
            Some(Value::Live(output)) => steps.resolved(output),
            _ => {
                Err(ImportError::ends(format!("its output {} does not depend on its input", quoted(output))))
            }
        }
    }
}

#[cfg(test)]
mod tests;
