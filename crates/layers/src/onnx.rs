//! The operators of a network, as each layer's file writes them; encoded by whoever makes the file.

use std::collections::HashMap;

use chainrule_tensor::Shape;

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
    /// A real number; in the standard these are `f32`.
    Float(f32),
    /// A word.
    Text(&'static str),
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
    /// In `f32`, whatever the model's are: where an operator asks for it.
    Single(Vec<f32>),
    /// Lengths and indices.
    Whole(Vec<i64>),
}

// `TensorProto.DataType`.
const FLOAT: i64 = 1;
const DOUBLE: i64 = 11;

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

    /// A constant of the current layer.
    pub fn own_tensor(&mut self, name: &str, shape: &[usize], values: OnnxNumbers) -> String {
        let name = format!("{}{name}", self.path);
        self.tensor(&name, shape, values)
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

    /// What `write` makes of `x` in `f32`, back in the model's numbers: for operators that onnxruntime does not have in `f64`.
    pub fn in_single(&mut self, x: &str, write: impl FnOnce(&mut Self, &str) -> String) -> String {
        if !self.double {
            return write(self, x);
        }
        let x = self.cast(x, FLOAT);
        let y = write(self, &x);
        self.cast(&y, DOUBLE)
    }

    /// The parameter of the current layer with this name in `f32`, for an operator of [`in_single`](Self::in_single).
    ///
    /// # Panics
    /// As [`parameter`](Self::parameter).
    #[track_caller]
    pub fn single_parameter(&mut self, name: &str) -> String {
        let value = self.parameter(name);
        if self.double { self.cast(&value, FLOAT) } else { value }
    }

    fn cast(&mut self, x: &str, to: i64) -> String {
        self.apply_with("Cast", &[x], vec![("to", OnnxAttribute::Int(to))])
    }

    /// What `write` makes of the features of each position of `x`, which has the shape `input` and keeps it.
    pub fn by_position(
        &mut self,
        input: Shape,
        x: &str,
        write: impl FnOnce(&mut Self, &str) -> String,
    ) -> String {
        if input.positions() == 1 {
            return write(self, x);
        }
        let x = self.with_width(x, input.features());
        let y = write(self, &x);
        self.with_width(&y, input.size())
    }

    /// `x` with rows of `width` numbers.
    pub fn with_width(&mut self, x: &str, width: usize) -> String {
        self.reshape(x, &[width])
    }

    /// Flat rows `x` of pictures or sequences of this shape as the standard's operators take them: (N, C, H, W) or (N, C, T).
    /// Rows without positions stay (N, C).
    ///
    /// ```
    /// use chainrule_layers::onnx::OnnxWriter;
    /// use chainrule_tensor::Shape;
    ///
    /// let mut onnx = OnnxWriter::new(false, []);
    /// let x = onnx.channels_first("x", Shape::image(4, 5, 3));
    /// let operators: Vec<_> = onnx.nodes().iter().map(|node| node.operator).collect();
    /// assert_eq!((x.as_str(), operators), ("Transpose.1", vec!["Reshape", "Transpose"]));
    /// ```
    pub fn channels_first(&mut self, x: &str, shape: Shape) -> String {
        let mut axes = shape.axes();
        let rank = axes.len() as i64;
        if shape.positions() == 1 || shape.features() == 1 {
            // The order of the numbers is the same.
            axes.rotate_right(1);
            return self.reshape(x, &axes);
        }
        let x = self.reshape(x, &axes);
        let permutation = [0, rank].into_iter().chain(1..rank).collect();
        self.apply_with("Transpose", &[&x], vec![("perm", OnnxAttribute::Ints(permutation))])
    }

    /// The way back: flat rows, channels last, of `x` in the form of [`channels_first`](Self::channels_first).
    pub fn channels_last(&mut self, x: &str, shape: Shape) -> String {
        if shape.positions() == 1 || shape.features() == 1 {
            return self.with_width(x, shape.size());
        }
        let rank = shape.axes().len() as i64;
        let permutation = [0].into_iter().chain(2..=rank).chain([1]).collect();
        let x = self.apply_with("Transpose", &[x], vec![("perm", OnnxAttribute::Ints(permutation))]);
        self.with_width(&x, shape.size())
    }

    /// `x` with any number of examples of these lengths.
    pub fn reshape(&mut self, x: &str, lengths: &[usize]) -> String {
        let words: Vec<_> = lengths.iter().map(ToString::to_string).collect();
        let whole = [-1].into_iter().chain(lengths.iter().map(|&length| length as i64)).collect();
        let name = format!("rows.{}", words.join("x"));
        let shape = self.tensor(&name, &[lengths.len() + 1], OnnxNumbers::Whole(whole));
        self.apply("Reshape", &[x, &shape])
    }
}

/// A picture of the same numbers: a sequence is one line of its steps, and other inputs have one position.
///
/// Operators of ONNX take it, so that none has a case for sequences.
pub(crate) fn picture(shape: Shape) -> Shape {
    match shape {
        Shape::Flat(features) => Shape::image(1, 1, features),
        Shape::Sequence { time, features } => Shape::image(1, time, features),
        image @ Shape::Image { .. } => image,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permutations(onnx: &OnnxWriter) -> Vec<Vec<i64>> {
        let attributes = onnx.nodes().iter().flat_map(|node| &node.attributes);
        attributes
            .map(|(_, value)| match value {
                OnnxAttribute::Ints(permutation) => permutation.clone(),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn the_way_back_undoes_the_way_there() {
        for (shape, there, back) in [
            (Shape::image(4, 5, 3), vec![0, 3, 1, 2], vec![0, 2, 3, 1]),
            (Shape::sequence(4, 3), vec![0, 2, 1], vec![0, 2, 1]),
        ] {
            let mut onnx = OnnxWriter::new(false, []);
            let x = onnx.channels_first("x", shape);
            onnx.channels_last(&x, shape);
            assert_eq!(permutations(&onnx), [there, back]);
            let axes = shape.axes().into_iter().map(|length| length as i64);
            let (_, tensors) = onnx.finish();
            assert_eq!(tensors[0].values, OnnxNumbers::Whole([-1].into_iter().chain(axes).collect()));
            assert_eq!(tensors[1].values, OnnxNumbers::Whole(vec![-1, shape.size() as i64]));
        }
    }

    #[test]
    fn one_channel_or_one_position_needs_no_transposition() {
        for (shape, axes) in [
            (Shape::image(4, 5, 1), vec![-1, 1, 4, 5]),
            (Shape::image(1, 1, 3), vec![-1, 3, 1, 1]),
            (Shape::sequence(4, 1), vec![-1, 1, 4]),
            (Shape::Flat(6), vec![-1, 6]),
        ] {
            let mut onnx = OnnxWriter::new(false, []);
            let x = onnx.channels_first("x", shape);
            onnx.channels_last(&x, shape);
            assert_eq!(onnx.nodes().len(), 2, "{shape}");
            assert_eq!(onnx.finish().1[0].values, OnnxNumbers::Whole(axes));
        }
    }
}
