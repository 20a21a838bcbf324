use chainrule_tensor::{Init, Scalar, Shape};
use serde::{Deserialize, Serialize};

use crate::layer::Layer;
use crate::onnx::{OnnxWriter, picture};
use crate::separable::{AxisMap, Separable, SeparableSpec};
use crate::spec::{LayerSpec, SpecError};
use crate::window::lengths;
use crate::words::{Arguments, WordsError};

/// The mean of each channel over all positions, without a place: what a dense layer takes.
///
/// # Shapes
/// x is `(height, width, channels)` or `(time, channels)`; y is flat, `(channels)`. No parameters.
///
/// # Gradient
/// ```text
/// y      = Σᵢ xᵢ/n over all n positions
/// ∂C/∂xᵢ = δ/n
/// ```
///
/// # References
/// Lin, Chen and Yan, "Network in network", ICLR 2014, §3.2.
///
/// ```
/// use chainrule_layers::{GlobalAvgPool, Layer, Mode, Tape};
/// use chainrule_tensor::{Shape, ndarray::array};
///
/// let mut y = array![[0.0, 0.0]];
/// let pool = GlobalAvgPool::new(Shape::image(2, 1, 2));
/// pool.forward(Mode::EVAL, &[], &array![[1.0, 2.0, 3.0, 6.0]], &mut y, &mut Tape::empty());
/// assert_eq!(y, array![[2.0, 4.0]]);
/// ```
pub type GlobalAvgPool = Separable<GlobalAvgPoolSpec>;

impl GlobalAvgPool {
    /// A pool over all positions of an input.
    ///
    /// # Panics
    /// If it has none.
    #[track_caller]
    pub fn new(input: impl Into<Shape>) -> Self {
        Self::with(input, GlobalAvgPoolSpec {})
    }
}

/// [`GlobalAvgPool`] without its input: `global-avg-pool`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlobalAvgPoolSpec {}

impl SeparableSpec for GlobalAvgPoolSpec {
    const NAME: &'static str = "GlobalAvgPool";

    fn maps(&self, input: Shape) -> [AxisMap; 2] {
        let lengths = lengths(input, &[]).expect("a layer that was built fits its input");
        lengths.map(|length| AxisMap::new(length, [(0..length, [1.0 / length as f64; 2])]))
    }
}

impl LayerSpec for GlobalAvgPoolSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        layer.downcast().map(|pool: &GlobalAvgPool| pool.spec())
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        lengths(input, &[])?;
        Ok(Shape::Flat(input.features()))
    }

    fn build<A: Scalar>(&self, input: Shape, _: Init) -> Box<dyn Layer<A>> {
        Box::new(GlobalAvgPool::with(input, *self))
    }

    fn from_words(_: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        Ok(Self {})
    }

    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        let x = onnx.channels_first(x, picture(input));
        let y = onnx.in_single(&x, |onnx, x| onnx.apply("GlobalAveragePool", &[x]));
        onnx.channels_last(&y, Shape::Flat(input.features()))
    }

    fn specimens() -> Vec<(Shape, Self)> {
        [Shape::image(3, 2, 5), Shape::image(1, 1, 2), Shape::image(3, 3, 1), Shape::sequence(7, 3)]
            .map(|input| (input, Self {}))
            .to_vec()
    }
}
