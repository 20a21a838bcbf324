use std::ops::Range;

use chainrule_tensor::{Init, Scalar, Shape};
use serde::{Deserialize, Serialize};

use crate::layer::Layer;
use crate::onnx::{OnnxAttribute, OnnxWriter, picture};
use crate::pool;
use crate::separable::{AxisMap, Separable, SeparableSpec, write_products};
use crate::spec::{LayerSpec, SpecError};
use crate::window::{Extent, lengths};
use crate::words::{Arguments, WordsError};

/// The means of each channel in as many windows as the output is to have, whatever the size of the input.
///
/// # Shapes
/// x is `(height, width, channels)` or `(time, channels)`; y has the given size and the same channels. No parameters.
///
/// # Gradient
/// Along an axis of n inputs and m outputs,
/// ```text
/// y_o    = Σ xᵢ/n_o for ⌊o·n/m⌋ ≤ i < ⌈(o + 1)·n/m⌉, which are n_o inputs
/// ∂C/∂xᵢ = Σ δ_o/n_o over the outputs o that see i
/// ```
///
/// # References
/// PyTorch's `nn.AdaptiveAvgPool1d` and `nn.AdaptiveAvgPool2d`.
///
/// ```
/// use chainrule_layers::{AdaptiveAvgPool, Layer, Mode, Tape};
/// use chainrule_tensor::{Shape, ndarray::array};
///
/// let mut y = array![[0.0, 0.0, 0.0]];
/// let pool = AdaptiveAvgPool::new(Shape::sequence(4, 1), 3);
/// pool.forward(Mode::EVAL, &[], &array![[1.0, 3.0, 5.0, 7.0]], &mut y, &mut Tape::empty());
/// assert_eq!(y, array![[2.0, 4.0, 6.0]]);
/// ```
pub type AdaptiveAvgPool = Separable<AdaptiveAvgPoolSpec>;

impl AdaptiveAvgPool {
    /// A pool with an output of this size.
    ///
    /// # Panics
    /// If the input has no positions, or the size is 0.
    #[track_caller]
    pub fn new(input: impl Into<Shape>, size: impl Into<Extent>) -> Self {
        Self::with(input, AdaptiveAvgPoolSpec { size: size.into() })
    }
}

/// [`AdaptiveAvgPool`] without its input: `adaptive-avg-pool 3`, `adaptive-avg-pool 2x3`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaptiveAvgPoolSpec {
    /// The positions of y.
    pub size: Extent,
}

impl AdaptiveAvgPoolSpec {
    /// The lengths of the axes of x and of y.
    fn lengths(&self, input: Shape) -> Result<[(usize, usize); 2], SpecError> {
        let [height, width] = lengths(input, &[("size", self.size)])?;
        if self.size.height == 0 || self.size.width == 0 {
            return Err(SpecError::here(format!("an output of size {} from an input of {input}", self.size)));
        }
        let along_height = if matches!(input, Shape::Image { .. }) { self.size.height } else { 1 };
        Ok([(height, along_height), (width, self.size.width)])
    }

    fn built_lengths(&self, input: Shape) -> [(usize, usize); 2] {
        self.lengths(input).expect("a layer that was built fits its input")
    }
}

/// The inputs of `output`.
fn window(inputs: usize, outputs: usize, output: usize) -> Range<usize> {
    let place = |output: usize| output as u128 * inputs as u128;
    let outputs = outputs as u128;
    (place(output) / outputs) as usize..place(output + 1).div_ceil(outputs) as usize
}

impl SeparableSpec for AdaptiveAvgPoolSpec {
    const NAME: &'static str = "AdaptiveAvgPool";

    fn maps(&self, input: Shape) -> [AxisMap; 2] {
        self.built_lengths(input).map(|(inputs, outputs)| {
            let windows = (0..outputs).map(|output| window(inputs, outputs, output));
            AxisMap::new(inputs, windows.map(|window| (window.clone(), [1.0 / window.len() as f64; 2])))
        })
    }
}

impl LayerSpec for AdaptiveAvgPoolSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        layer.downcast().map(|pool: &AdaptiveAvgPool| pool.spec())
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        let [(_, height), (_, width)] = self.lengths(input)?;
        Ok(match input {
            Shape::Image { channels, .. } => Shape::image(height, width, channels),
            other => Shape::sequence(width, other.features()),
        })
    }

    fn build<A: Scalar>(&self, input: Shape, _: Init) -> Box<dyn Layer<A>> {
        Box::new(AdaptiveAvgPool::with(input, *self))
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        Ok(Self { size: arguments.required("the size of its output, such as 3 or 2x3")? })
    }

    fn to_words(&self) -> String {
        self.size.to_string()
    }

    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        let lengths = self.built_lengths(input);
        if lengths.iter().any(|(inputs, outputs)| !inputs.is_multiple_of(*outputs)) {
            return write_products(self, input, x, onnx);
        }
        let kernel = OnnxAttribute::Ints(pool::both(lengths.map(|(inputs, outputs)| inputs / outputs)));
        let attributes = vec![("kernel_shape", kernel.clone()), ("strides", kernel)];
        let [(_, height), (_, width)] = lengths;
        let x = onnx.channels_first(x, picture(input));
        let y = onnx.in_single(&x, |onnx, x| onnx.apply_with("AveragePool", &[x], attributes));
        onnx.channels_last(&y, Shape::image(height, width, input.features()))
    }

    fn specimens() -> Vec<(Shape, Self)> {
        let pool = |input, size: Extent| (input, Self { size });
        vec![
            pool(Shape::image(4, 6, 2), 2.into()),
            pool(Shape::image(1, 1, 3), 1.into()),
            pool(Shape::image(5, 4, 1), (2, 3).into()),
            pool(Shape::image(2, 3, 2), (3, 5).into()),
            pool(Shape::sequence(7, 3), 3.into()),
        ]
    }
}
