//! Models in ONNX: a checkpoint as a graph (raw input, transform, layers, output function, prediction), and graphs of other programs as
//! checkpoints.
//!
//! | file | contents |
//! |---|---|
//! | `options` | operator sets, and what goes into a graph |
//! | `columns`, `answers` | around the network: cells of a table to rows of numbers, predictions to names of classes |
//! | `graph`, `proto` | nodes and constants, and the messages that hold them |
//! | `import` | the way back |

mod answers;
mod columns;
mod graph;
mod import;
mod options;
mod proto;

use std::path::Path;

use chainrule_datasets::{Input, write_atomic};
use chainrule_layers::onnx::{OnnxAttribute, OnnxNumbers, OnnxWriter};
use chainrule_tensor::{Entry, Scalar};
use prost::Message;

use self::answers::answers;
pub use self::answers::output_names;
use self::columns::encoded;
pub use self::columns::{ColumnInput, column_inputs};
use self::graph::{GraphBuilder, TABLES, for_opset, matrix, number_type, publish, tensor};
pub use self::import::{GraphEnd, ImportError, Imported, import, import_bytes, is_double};
pub use self::options::{ExportError, OPSETS, OnnxInputs, OnnxOptions, TABLE_OPSET};
use self::proto::{FLOAT, Graph, Model, OperatorSet, Property};
use crate::checkpoint::Checkpoint;
use crate::checkpoint_error::CheckpointError;
use crate::model_card::ModelCard;
use crate::output::Output;

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
        write(path, &self.to_onnx())
    }

    /// Writes what [`to_onnx_with`](Self::to_onnx_with) returns.
    ///
    /// # Errors
    /// As [`to_onnx_with`](Self::to_onnx_with) and [`save_onnx`](Self::save_onnx).
    ///
    /// # Panics
    /// As [`to_onnx`](Self::to_onnx).
    pub fn save_onnx_with(&self, path: &Path, options: OnnxOptions) -> Result<(), ExportError> {
        Ok(write(path, &self.to_onnx_with(options)?)?)
    }

    /// The model in ONNX, operator set 17: from raw rows `x` of shape `(batch, inputs)`, any number of them, to the
    /// prediction `y`, with the input transform and the output function in the graph and the parameters under the names and
    /// shapes of the checkpoint. The names of the outputs are JSON in the metadata: under `classes`, `labels` or, of a regression,
    /// `targets`.
    ///
    /// Its operators are those that onnxruntime has for both number types; erf, average pools and interpolation are computed in `f32`.
    ///
    /// # Panics
    /// If θ is not as long as the architecture says, or the transform is for another number of inputs.
    #[track_caller]
    pub fn to_onnx(&self) -> Vec<u8> {
        let OnnxOptions { opset, .. } = OnnxOptions::default();
        self.encode(self.matrix_graph(opset), OnnxOptions::default())
    }

    /// The model in ONNX for an operator set, and from a matrix or from the columns of the table that it was trained on.
    ///
    /// A graph with columns has an input of shape `(batch, 1)` for each column, under its name: `f64` for numbers, NaN where a cell is
    /// missing, and text for words. The words, what replaces a missing cell and the input transform are in the graph, computed in the order
    /// and precision of a table that is read. Its outputs are those of scikit-learn's exports without `ZipMap`: `label`, the name of the
    /// class or of each label, and `probabilities` (`scores` where they are none), or `variable` of a regression. A word that the model
    /// does not know, a missing cell without a replacement, an infinite number and a prediction that is not finite make onnxruntime fail
    /// with the name of the node that says so.
    ///
    /// What a graph cannot read is a number there: [`column_inputs`] notes dates, which are days since 1970-01-01, and numbers with
    /// separators or signs, which are plain ones.
    ///
    /// # Errors
    /// If there is no writing for the operator set, or the model knows no table.
    ///
    /// # Panics
    /// As [`to_onnx`](Self::to_onnx).
    #[track_caller]
    pub fn to_onnx_with(&self, options: OnnxOptions) -> Result<Vec<u8>, ExportError> {
        options.check()?;
        let graph = match options.inputs {
            OnnxInputs::Matrix => self.matrix_graph(options.opset),
            OnnxInputs::Columns => self.column_graph(options.opset)?,
        };
        Ok(self.encode(graph, options))
    }

    fn encode(&self, graph: Graph, options: OnnxOptions) -> Vec<u8> {
        let card = &self.card;
        let mut metadata_props = Vec::new();
        let labels: Vec<String> = card.labels.iter().map(|label| label.name.clone()).collect();
        for (key, names) in [("classes", &card.classes), ("labels", &labels), ("targets", &card.targets)] {
            if !names.is_empty() {
                let value = serde_json::to_string(names).expect("names are text");
                metadata_props.push(Property { key: key.to_owned(), value });
            }
        }
        let set = |domain: &str, version| OperatorSet { domain: domain.to_owned(), version };
        let mut opset_import = vec![set("", options.opset)];
        if options.inputs == OnnxInputs::Columns {
            opset_import.push(set(TABLES, TABLE_OPSET));
        }
        let model = Model {
            ir_version: options.ir_version(),
            producer_name: "chainrule".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(graph),
            opset_import,
            metadata_props,
        };
        model.encode_to_vec()
    }

    fn writer(&self) -> OnnxWriter {
        // In the graph a flattened picture has its channels last, as here.
        let parameters = self.arrays_as(Entry::storage_as_it_lies).into_iter();
        let parameters = parameters.map(|array| (array.name, (array.shape, doubles(&array.values))));
        OnnxWriter::new(A::NAME == f64::NAME, parameters)
    }

    /// From `x` to `y`.
    fn matrix_graph(&self, opset: i64) -> Graph {
        let card = &self.card;
        let (inputs, outputs) = (card.architecture.inputs(), card.architecture.outputs());
        let mut onnx = self.writer();
        let mut value = "x".to_owned();
        if !card.transform.is_identity() {
            let (shift, scale) = card.transform.folded::<A>(inputs);
            let mut constant = |name: &str, values: &[A]| {
                onnx.tensor(name, &[values.len()], OnnxNumbers::Real(doubles(values)))
            };
            let (shift, scale) = (constant("transform.shift", &shift), constant("transform.scale", &scale));
            value = onnx.apply("Sub", &[&value, &shift]);
            value = onnx.apply("Mul", &[&value, &scale]);
        }
        let value = prediction(card, &value, &mut onnx);
        onnx.apply("Identity", &[&value]);
        plain_graph::<A>(onnx, opset, inputs, outputs)
    }

    /// From the columns of a table to the names of classes or labels, and numbers.
    fn column_graph(&self, opset: i64) -> Result<Graph, ExportError> {
        let card = &self.card;
        let Some(Input::Table(schema)) = &card.input else { return Err(ExportError::NoTable) };
        let mut table = GraphBuilder::default();
        let (input, mut x) = encoded(schema, &mut table);
        let is_double = A::NAME == f64::NAME;
        // As a table is read: a number is one if it is finite in the numbers of the model.
        let raw = if is_double { x.clone() } else { table.cast(&x, FLOAT) };
        x = table.finite::<f64>(&x, &raw, "a cell is missing or infinite, and the model has no value for it");
        if !card.transform.is_identity() {
            let (shift, scale) = card.transform.folded::<f64>(schema.inputs());
            for (operator, numbers) in [("Sub", shift), ("Mul", scale)] {
                let numbers = table.reals(&[numbers.len()], &numbers);
                x = table.apply(operator, &[&x, &numbers], []);
            }
        }
        if !is_double {
            x = table.cast(&x, FLOAT);
        }
        let mut onnx = self.writer();
        let value = prediction(card, &x, &mut onnx);
        let (nodes, tensors) = onnx.finish();
        let (nodes, tensors) = for_opset(nodes, tensors, opset);
        table.nodes.extend(nodes);
        let output = answers::<A>(card, &value, &mut table);
        let mut initializer: Vec<_> = tensors.into_iter().map(tensor::<A>).collect();
        initializer.append(&mut table.constants);
        let mut graph = Graph { name: "network".to_owned(), input, output, node: table.nodes, initializer };
        let inside = graph.input.iter().chain(&graph.output).map(|end| end.name.clone());
        let columns = column_inputs(schema).into_iter().map(|column| column.name);
        let names = outer_names(columns.collect(), output_names(card));
        let ends = inside.zip(names).collect();
        publish(&mut graph, ends);
        Ok(graph)
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    if bytes.len() > LONGEST_ONNX {
        return Err(CheckpointError::TooLong { path: path.to_owned(), bytes: bytes.len() });
    }
    write_atomic(path, |file| file.write_all(bytes))?;
    Ok(())
}

/// The layers and the output function.
fn prediction(card: &ModelCard, x: &str, onnx: &mut OnnxWriter) -> String {
    let value = card.architecture.write_onnx(x, onnx);
    match card.output {
        Output::Identity => value,
        Output::Sigmoid => onnx.apply("Sigmoid", &[&value]),
        Output::Softmax => onnx.apply_with("Softmax", &[&value], vec![("axis", OnnxAttribute::Int(1))]),
    }
}

/// The names of inputs and outputs, with `_` behind that of an output that a column has.
fn outer_names(mut columns: Vec<String>, outputs: Vec<&str>) -> Vec<String> {
    for output in outputs {
        let mut name = output.to_owned();
        while columns.contains(&name) {
            name.push('_');
        }
        columns.push(name);
    }
    columns
}

/// The graph from `x` to `y`.
fn plain_graph<A: Scalar>(onnx: OnnxWriter, opset: i64, inputs: usize, outputs: usize) -> Graph {
    let (nodes, tensors) = onnx.finish();
    let (mut node, tensors) = for_opset(nodes, tensors, opset);
    let last = node.last_mut().expect("the output is written by an operator");
    (last.name, last.output) = ("y".to_owned(), vec!["y".to_owned()]);
    Graph {
        name: "network".to_owned(),
        input: vec![matrix("x", number_type::<A>(), inputs)],
        output: vec![matrix("y", number_type::<A>(), outputs)],
        node,
        initializer: tensors.into_iter().map(tensor::<A>).collect(),
    }
}

fn doubles<A: Scalar>(values: &[A]) -> Vec<f64> {
    values.iter().map(|value| value.as_f64()).collect()
}

#[cfg(test)]
mod tests;
