use std::fmt;

use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::{Init, Layout, Scalar, Shape};
use serde::{Deserialize, Serialize};

use crate::layer::Layer;
use crate::mode::Mode;
use crate::onnx::OnnxWriter;
use crate::point::{Grad, Point};
use crate::second_order::{Dual, SecondOrder, Tangent};
use crate::spec::{LayerSpec, SpecError};
use crate::tape::Tape;
use crate::words::{Arguments, WordsError};

/// The same numbers under another shape: y = x.
///
/// A container hands the same array on, so that a view costs nothing.
///
/// # Shapes
/// The shapes of x and y have one size. No parameters.
///
/// # Gradient
/// ```text
/// ∂C/∂x = δ
/// ```
///
/// ```
/// use chainrule_layers::{Dense, Layer, Reshape, Sequential};
/// use chainrule_tensor::Shape;
///
/// let rows: Sequential<f32> =
///     Sequential::input(784).then(|n| Reshape::new(n, Shape::sequence(28, 28))).then(|s| Dense::new(s, 5));
/// assert_eq!(rows.output_shape(), Shape::sequence(28, 5));
/// ```
#[derive(Clone)]
pub struct Reshape {
    input: Shape,
    output: Shape,
    layout: Layout,
}

/// Every number of a picture or a sequence as a feature of one flat example, positions first: y = x.
///
/// ```
/// use chainrule_layers::{Dense, Flatten, Sequential};
/// use chainrule_tensor::Shape;
///
/// let model: Sequential<f32> =
///     Sequential::input(Shape::image(28, 28, 1)).then(Flatten::new).then(|n| Dense::new(n, 10));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Flatten;

impl Reshape {
    /// From one shape to another.
    ///
    /// # Panics
    /// If their sizes differ.
    #[track_caller]
    pub fn new(input: impl Into<Shape>, output: impl Into<Shape>) -> Self {
        let (input, output) = (input.into(), output.into());
        assert_eq!(
            input.size(),
            output.size(),
            "reshape: {input} has {} numbers, {output} has {}",
            input.size(),
            output.size()
        );
        Self { input, output, layout: Layout::new() }
    }
}

impl Flatten {
    /// The view of `input` as one flat example.
    #[expect(clippy::new_ret_no_self, reason = "it is a Reshape that needs no second shape")]
    pub fn new(input: impl Into<Shape>) -> Reshape {
        let input = input.into();
        Reshape::new(input, input.size())
    }
}

impl<A: Scalar> Layer<A> for Reshape {
    fn input_shape(&self) -> Shape {
        self.input
    }

    fn output_shape(&self) -> Shape {
        self.output
    }

    fn is_view(&self) -> bool {
        true
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn forward(&self, _: Mode<'_, A>, _: &[A], x: &ArrayRef2<A>, y: &mut ArrayRef2<A>, _: &mut Tape<A>) {
        y.assign(x);
    }

    fn backward(
        &self,
        _: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        _: Option<Grad<'_, A>>,
        _: &mut Tape<A>,
    ) {
        if let Some(delta_x) = delta_x {
            delta_x.assign(delta);
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        Some(self)
    }
}

impl<A: Scalar> SecondOrder<A> for Reshape {
    fn r_forward(
        &self,
        _: Point<'_, A>,
        _: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        _: Dual<&mut Tape<A>>,
    ) {
        match r_x {
            Some(r_x) => r_y.assign(r_x),
            None => r_y.fill(A::zero()),
        }
    }

    fn r_backward(
        &self,
        _: Point<'_, A>,
        _: Tangent<'_, A>,
        delta: Dual<&ArrayRef2<A>>,
        r_delta_x: Option<&mut ArrayRef2<A>>,
        _: &mut [A],
        _: Dual<&mut Tape<A>>,
    ) {
        if let Some(r_delta_x) = r_delta_x {
            r_delta_x.assign(delta.tangent);
        }
    }
}

impl fmt::Debug for Reshape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reshape({} → {})", self.input, self.output)
    }
}

/// [`Flatten`] in a description: `flatten`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FlattenSpec;

impl LayerSpec for FlattenSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        layer.downcast().filter(|view: &&Reshape| view.output.positions() == 1).map(|_| Self)
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        Ok(Shape::Flat(input.size()))
    }

    fn build<A: Scalar>(&self, input: Shape, _: Init) -> Box<dyn Layer<A>> {
        Box::new(Flatten::new(input))
    }

    fn from_words(_: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        Ok(Self)
    }

    /// Every value of the graph has one flat row an example already.
    fn write_onnx(&self, _: Shape, x: &str, _: &mut OnnxWriter) -> String {
        x.to_owned()
    }

    fn specimens() -> Vec<(Shape, Self)> {
        vec![(Shape::image(2, 3, 2), Self)]
    }
}

/// [`Reshape`] in a description: `reshape 28x28x1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReshapeSpec {
    /// The shape of y.
    pub shape: Shape,
}

impl LayerSpec for ReshapeSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        layer.downcast().map(|view: &Reshape| Self { shape: view.output })
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        if self.shape.checked_size() == Some(input.size()) {
            return Ok(self.shape);
        }
        let fault =
            format!("an input of shape {input} has {} numbers, not those of {}", input.size(), self.shape);
        Err(SpecError::here(fault))
    }

    fn build<A: Scalar>(&self, input: Shape, _: Init) -> Box<dyn Layer<A>> {
        Box::new(Reshape::new(input, self.shape))
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        Ok(Self { shape: arguments.required("a shape, such as 28x28x1")? })
    }

    fn to_words(&self) -> String {
        self.shape.to_string()
    }

    /// Every value of the graph has one flat row an example.
    fn write_onnx(&self, _: Shape, x: &str, _: &mut OnnxWriter) -> String {
        x.to_owned()
    }

    fn specimens() -> Vec<(Shape, Self)> {
        vec![(Shape::Flat(6), Self { shape: Shape::sequence(2, 3) })]
    }
}
