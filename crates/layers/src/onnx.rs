//! The operators of a network, as each layer's file writes them; encoded by whoever makes the file.

use std::collections::HashMap;

/// An operator.
#[derive(Debug, Clone, PartialEq)]
pub struct OnnxNode {
    /// Its name in the standard, such as `Gemm`.
    pub operator: &'static str,
    /// The values that it takes.
    pub inputs: Vec<String>,
    /// The value that it gives; its own name too.
    pub output: String,
    /// Its settings.
    pub attributes: Vec<(&'static str, OnnxAttribute)>,
}

/// The setting of an operator.
#[derive(Debug, Clone, PartialEq)]
pub enum OnnxAttribute {
    /// A whole number.
    Int(i64),
    /// Several.
    Ints(Vec<i64>),
}

/// A constant of the graph.
#[derive(Debug, Clone, PartialEq)]
pub struct OnnxTensor {
    /// Its name; a parameter's is that of the checkpoint.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers.
    pub values: OnnxNumbers,
}

/// The numbers of a constant.
#[derive(Debug, Clone, PartialEq)]
pub enum OnnxNumbers {
    /// In the number type of the model.
    Real(Vec<f64>),
    /// Lengths and indices.
    Whole(Vec<i64>),
}

/// A graph under construction: layers name the values they take and get back the names of those they make.
///
/// Every value is a matrix with one example a row, as in memory; a layer that works by position reshapes on its way in and
/// out.
///
/// ```
/// use chainrule_layers::onnx::OnnxWriter;
///
/// let mut onnx = OnnxWriter::new(false, []);
/// let half = onnx.number(0.5);
/// let y = onnx.apply("Mul", &["x", &half]);
/// assert_eq!((y.as_str(), onnx.nodes().len()), ("Mul.0", 1));
/// ```
#[derive(Debug)]
pub struct OnnxWriter {
    double: bool,
    nodes: Vec<OnnxNode>,
    tensors: Vec<OnnxTensor>,
    /// By full name, as a file holds them.
    parameters: HashMap<String, (Vec<usize>, Vec<f64>)>,
    path: String,
}

impl OnnxWriter {
    /// For a network with these parameters, by name, in the shape and order of a file; `double` where its numbers are.
    pub fn new(double: bool, parameters: impl IntoIterator<Item = (String, (Vec<usize>, Vec<f64>))>) -> Self {
        let parameters = parameters.into_iter().collect();
        Self { double, nodes: Vec::new(), tensors: Vec::new(), parameters, path: String::new() }
    }

    /// Whether the model's numbers are `f64`.
    pub fn is_double(&self) -> bool {
        self.double
    }

    /// The operators so far.
    pub fn nodes(&self) -> &[OnnxNode] {
        &self.nodes
    }

    /// The operators and the constants, in the order of their first use.
    pub fn finish(self) -> (Vec<OnnxNode>, Vec<OnnxTensor>) {
        (self.nodes, self.tensors)
    }

    /// Writes the part `name` of a container: its parameters are looked up under that name.
    pub fn inside<T>(&mut self, name: &str, write: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.path += name;
        self.path.push('.');
        let written = write(self);
        self.path.truncate(length);
        written
    }

    /// The parameter of the current layer with this name.
    ///
    /// # Panics
    /// If the layer has none of that name.
    #[track_caller]
    pub fn parameter(&mut self, name: &str) -> String {
        let name = format!("{}{name}", self.path);
        let (shape, values) =
            self.parameters.get(&name).cloned().expect("a layer asks for its own parameters");
        self.tensor(&name, &shape, OnnxNumbers::Real(values))
    }

    /// A constant by its name.
    pub fn tensor(&mut self, name: &str, shape: &[usize], values: OnnxNumbers) -> String {
        if !self.tensors.iter().any(|tensor| tensor.name == name) {
            self.tensors.push(OnnxTensor { name: name.to_owned(), shape: shape.to_vec(), values });
        }
        name.to_owned()
    }

    /// One number.
    pub fn number(&mut self, x: f64) -> String {
        self.tensor(&format!("number.{x}"), &[], OnnxNumbers::Real(vec![x]))
    }

    /// The value that `operator` makes of others.
    pub fn apply(&mut self, operator: &'static str, inputs: &[&str]) -> String {
        self.apply_with(operator, inputs, Vec::new())
    }

    /// The same with settings.
    pub fn apply_with(
        &mut self,
        operator: &'static str,
        inputs: &[&str],
        attributes: Vec<(&'static str, OnnxAttribute)>,
    ) -> String {
        let output = format!("{operator}.{}", self.nodes.len());
        let inputs = inputs.iter().map(|&input| input.to_owned()).collect();
        self.nodes.push(OnnxNode { operator, inputs, output: output.clone(), attributes });
        output
    }

    /// `x` with rows of `width` numbers.
    pub fn with_width(&mut self, x: &str, width: usize) -> String {
        let shape = OnnxNumbers::Whole(vec![-1, width as i64]);
        let shape = self.tensor(&format!("rows.{width}"), &[2], shape);
        self.apply("Reshape", &[x, &shape])
    }
}
