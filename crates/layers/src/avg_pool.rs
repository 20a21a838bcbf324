use chainrule_tensor::{Init, Scalar, Shape};
use serde::{Deserialize, Serialize};

use crate::layer::Layer;
use crate::onnx::{OnnxAttribute, OnnxWriter, picture};
use crate::pool::{self, Pool};
use crate::separable::{AxisMap, Separable, SeparableSpec, write_products};
use crate::spec::{LayerSpec, SpecError};
use crate::window::{Axis, Extent, output_shape};
use crate::words::{Arguments, WordsError};

/// The mean of each channel in a window that slides over a picture or a sequence.
///
/// # Shapes
/// x is `(height, width, channels)` or `(time, channels)`, and y has the same channels; its size is that of
/// [`Window`](crate::Window). The border is at most half of the kernel. No parameters.
///
/// # Gradient
/// ```text
/// y_o    = Σ xᵢ/n_o over the inputs i of window o
/// ∂C/∂xᵢ = Σ δ_o/n_o over the windows o that see i
/// ```
/// n_o counts the places of the window in the input and its border or, with `exclude_padding`, in the input only. What a last window
/// has beyond the border, where `ceil` keeps it, does not count.
///
/// # References
/// LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE 86, 1998, §II;
/// PyTorch's `nn.AvgPool1d` and `nn.AvgPool2d`.
///
/// ```
/// use chainrule_layers::{AvgPool, Layer, Mode, Tape};
/// use chainrule_tensor::{Shape, ndarray::array};
///
/// let mut y = array![[0.0, 0.0]];
/// let pool = AvgPool::new(Shape::image(2, 4, 1), 2);
/// let x = array![[1.0, 2.0, 3.0, 0.0, 9.0, 0.0, 0.0, 4.0]];
/// pool.forward(Mode::EVAL, &[], &x, &mut y, &mut Tape::empty());
/// assert_eq!(y, array![[3.0, 1.75]]);
/// ```
pub type AvgPool = Separable<AvgPoolSpec>;

impl AvgPool {
    /// A pool whose windows lie side by side.
    ///
    /// # Panics
    /// If the window does not fit the input.
    #[track_caller]
    pub fn new(input: impl Into<Shape>, kernel: impl Into<Extent>) -> Self {
        Self::with(input, AvgPoolSpec::new(kernel))
    }
}

/// [`AvgPool`] without its input: `avg-pool 2`, `avg-pool 3 stride 2 padding 1 exclude-padding`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AvgPoolSpec {
    /// The size of the window.
    pub kernel: Extent,
    /// From one window to the next; the kernel if it is `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<Extent>,
    /// The zeros on each side.
    #[serde(default = "Extent::zero", skip_serializing_if = "Extent::is_zero")]
    pub padding: Extent,
    /// Whether a last window that hangs over the end is kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ceil: bool,
    /// Whether the zeros are left out of the count: PyTorch's `count_include_pad = False`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclude_padding: bool,
}

impl AvgPoolSpec {
    /// Windows side by side.
    pub fn new(kernel: impl Into<Extent>) -> Self {
        Self::of_pool(Pool::new(kernel.into()), false)
    }

    fn of_pool(Pool { kernel, stride, padding, ceil, .. }: Pool, exclude_padding: bool) -> Self {
        Self { kernel, stride, padding, ceil, exclude_padding }
    }

    fn pool(&self) -> Pool {
        let Self { kernel, stride, padding, ceil, .. } = *self;
        Pool { kernel, stride, padding, dilation: Extent::one(), ceil }
    }

    fn axes(&self, input: Shape) -> [Axis; 2] {
        self.pool().axes(input).expect("a layer that was built fits its input")
    }
}

impl SeparableSpec for AvgPoolSpec {
    const NAME: &'static str = "AvgPool";

    fn maps(&self, input: Shape) -> [AxisMap; 2] {
        self.axes(input).map(|axis| {
            let rows = (0..axis.outputs).map(|output| {
                let seen = axis.seen(output);
                // Places are counted from the beginning of the border.
                let begin = output * axis.stride;
                let end = (begin + axis.kernel).min(axis.inputs + 2 * axis.before);
                let count = if self.exclude_padding { seen.len } else { end - begin };
                (seen.start..seen.start + seen.len, [1.0 / count as f64; 2])
            });
            AxisMap::new(axis.inputs, rows)
        })
    }
}

impl LayerSpec for AvgPoolSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        layer.downcast().map(|pool: &AvgPool| pool.spec())
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        Ok(output_shape(input, self.pool().axes(input)?, input.features()))
    }

    fn build<A: Scalar>(&self, input: Shape, _: Init) -> Box<dyn Layer<A>> {
        Box::new(AvgPool::with(input, *self))
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        let mut exclude_padding = false;
        let pool = Pool::from_words(arguments, |_, arguments| {
            let excludes = arguments.takes("exclude-padding");
            exclude_padding |= excludes;
            Ok(excludes)
        })?;
        Ok(Self::of_pool(pool, exclude_padding))
    }

    fn to_words(&self) -> String {
        self.pool().to_words() + if self.exclude_padding { " exclude-padding" } else { "" }
    }

    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        let axes = self.axes(input);
        // How a window counts that hangs over the border has changed with the version of the operator.
        if axes.iter().any(|axis| axis.after() > axis.before) {
            return write_products(self, input, x, onnx);
        }
        let each = |of: fn(&Axis) -> usize| pool::both(axes.each_ref().map(of));
        let attributes = vec![
            ("kernel_shape", OnnxAttribute::Ints(each(|axis| axis.kernel))),
            ("strides", OnnxAttribute::Ints(each(|axis| axis.stride))),
            ("pads", OnnxAttribute::Ints(each(|axis| axis.before).repeat(2))),
            ("count_include_pad", OnnxAttribute::Int(i64::from(!self.exclude_padding))),
        ];
        let x = onnx.channels_first(x, picture(input));
        let y = onnx.in_single(&x, |onnx, x| onnx.apply_with("AveragePool", &[x], attributes));
        onnx.channels_last(&y, picture(output_shape(input, axes, input.features())))
    }

    fn specimens() -> Vec<(Shape, Self)> {
        let pool = |kernel: usize| Self::new(kernel);
        vec![
            (Shape::image(4, 6, 2), pool(2)),
            (Shape::image(1, 1, 3), pool(1)),
            (Shape::image(5, 4, 1), Self { stride: Some(2.into()), padding: 1.into(), ..pool(3) }),
            (Shape::image(5, 3, 17), Self { ceil: true, ..pool(2) }),
            (
                Shape::image(5, 6, 2),
                Self {
                    stride: Some((3, 2).into()),
                    padding: 1.into(),
                    ceil: true,
                    exclude_padding: true,
                    ..Self::new((2, 3))
                },
            ),
            (Shape::sequence(7, 3), Self { stride: Some(2.into()), ..pool(3) }),
        ]
    }
}
