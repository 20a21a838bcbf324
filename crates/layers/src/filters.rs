//! What a convolution and a transposed convolution have in common: their filters W and b, and how they are described.

use std::ops::Range;

use chainrule_tensor::conv::{Axis, Convolution, Onto};
use chainrule_tensor::{Accum, Epilogue, Init, Layout, Role, Scalar, Shape, Storage};
use serde::{Deserialize, Serialize};

use crate::onnx::{OnnxAttribute, OnnxWriter};
use crate::spec::SpecError;
use crate::window::{Extent, Padding, Window, named};
use crate::words::{Arguments, WordsError, items};

/// The parameters of a convolution: where they lie, and what they are convolved by.
#[derive(Debug, Clone)]
pub(crate) struct Filters {
    convolution: Convolution,
    pub(crate) layout: Layout,
    weight: Range<usize>,
    bias: Option<Range<usize>>,
    direction: Direction,
}

/// Which way a layer goes through its convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the input to the output.
    Forward,
    /// From the output to the input, as an error signal does.
    Transposed,
}

/// The passes of a layer: x, y and δ are the layer's, which of a transposed convolution change places in the convolution.
impl Filters {
    /// W, of θ or of a direction.
    fn weight<'t, A>(&self, theta: &'t [A]) -> &'t [A] {
        &theta[self.weight.clone()]
    }

    /// b, likewise, as what a product is added to.
    pub(crate) fn bias<'t, A>(&self, theta: &'t [A]) -> Onto<'t, A> {
        self.bias.clone().map_or(Onto::Nothing, |bias| Onto::Bias(&theta[bias]))
    }

    /// y ← x ∗ W + onto.
    pub(crate) fn forward<A: Scalar>(
        &self,
        x: &[A],
        theta: &[A],
        onto: Onto<'_, A>,
        y: &mut [A],
        epilogue: Option<&Epilogue<'_, A>>,
    ) {
        let w = self.weight(theta);
        match self.direction {
            Direction::Forward => self.convolution.forward(x, w, onto, y, epilogue),
            Direction::Transposed => self.convolution.backward_input(x, w, onto, y, epilogue),
        }
    }

    /// ∂x ← ∂C/∂x + onto.
    pub(crate) fn backward<A: Scalar>(
        &self,
        delta: &[A],
        theta: &[A],
        onto: Onto<'_, A>,
        delta_x: &mut [A],
        epilogue: Option<&Epilogue<'_, A>>,
    ) {
        let w = self.weight(theta);
        match self.direction {
            Direction::Forward => self.convolution.backward_input(delta, w, onto, delta_x, epilogue),
            Direction::Transposed => self.convolution.forward(delta, w, onto, delta_x, epilogue),
        }
    }

    /// ∂C/∂W.
    pub(crate) fn weight_gradient<A: Scalar>(&self, x: &[A], delta: &[A], grad: &mut [A], accum: Accum) {
        let grad = &mut grad[self.weight.clone()];
        match self.direction {
            Direction::Forward => self.convolution.backward_weight(x, delta, grad, accum),
            Direction::Transposed => self.convolution.backward_weight(delta, x, grad, accum),
        }
    }

    /// ∂C/∂b = Σ δ, over rows and positions.
    pub(crate) fn bias_gradient<A: Scalar>(&self, delta: &[A], grad: &mut [A], accum: Accum) {
        if let Some(bias) = &self.bias {
            let is_transposed = self.direction == Direction::Transposed;
            self.convolution.backward_bias(delta, is_transposed, &mut grad[bias.clone()], accum);
        }
    }
}

/// The filters of a convolution: their number, their size, and how they slide.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilterSpec {
    /// The features of y at each place.
    pub outputs: usize,
    /// The size of the kernel.
    pub kernel: Extent,
    /// From one window to the next.
    #[serde(default = "Extent::one", skip_serializing_if = "Extent::is_one")]
    pub stride: Extent,
    /// The border of zeros.
    #[serde(default, skip_serializing_if = "Padding::is_none")]
    pub padding: Padding,
    /// From one number of a window to the next.
    #[serde(default = "Extent::one", skip_serializing_if = "Extent::is_one")]
    pub dilation: Extent,
    /// The groups of channels that do not see each other.
    #[serde(default = "one_group", skip_serializing_if = "is_one_group")]
    pub groups: usize,
    /// Whether there is a b.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub bias: bool,
    /// The positions added behind the output of a transposed convolution.
    #[serde(default = "Extent::zero", skip_serializing_if = "Extent::is_zero")]
    pub output_padding: Extent,
}

fn one_group() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_one_group(groups: &usize) -> bool {
    *groups == 1
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_yes(bias: &bool) -> bool {
    *bias
}

impl FilterSpec {
    /// `outputs` filters of this size, with a bias; stride, dilation and groups are 1, and there is no padding.
    pub fn new(outputs: usize, kernel: impl Into<Extent>) -> Self {
        let kernel = kernel.into();
        Self {
            outputs,
            kernel,
            stride: Extent::one(),
            padding: Padding::NONE,
            dilation: Extent::one(),
            groups: 1,
            bias: true,
            output_padding: Extent::zero(),
        }
    }

    pub(crate) fn window(&self) -> Window {
        Window { kernel: self.kernel, stride: self.stride, padding: self.padding, dilation: self.dilation }
    }

    /// That the groups divide the channels of both sides, and that W can be counted.
    pub(crate) fn check(&self, inputs: usize) -> Result<(), SpecError> {
        const MOST: usize = 1 << 32;
        let (outputs, groups) = (self.outputs, self.groups);
        if outputs == 0 {
            return Err(SpecError::here("a convolution needs an output"));
        }
        if groups == 0 || !inputs.is_multiple_of(groups) || !outputs.is_multiple_of(groups) {
            return Err(SpecError::here(format!(
                "{groups} groups do not divide {inputs} channels into {outputs} outputs"
            )));
        }
        let taps = self.kernel.height.checked_mul(self.kernel.width);
        let all = taps.and_then(|taps| taps.checked_mul(inputs / groups)?.checked_mul(outputs));
        match all {
            Some(all) if all <= MOST => Ok(()),
            _ => Err(SpecError::here(format!(
                "a kernel of {} from {inputs} channels to {outputs} has more than {MOST} weights",
                self.kernel
            ))),
        }
    }

    /// The number of parameters of filters for an input, or of a transposed convolution's, of `channels` channels.
    pub(crate) fn parameters(&self, input: Shape, channels: usize) -> Option<usize> {
        let taps = self.taps(input).iter().try_fold(1_usize, |taps, &n| taps.checked_mul(n))?;
        let weights = taps.checked_mul(channels.checked_div(self.groups)?)?.checked_mul(self.outputs)?;
        weights.checked_add(if self.bias { self.outputs } else { 0 })
    }

    /// The axes of the kernel over a picture or a sequence.
    fn taps(&self, input: Shape) -> Vec<usize> {
        match input {
            Shape::Image { .. } => vec![self.kernel.height, self.kernel.width],
            _ => vec![self.kernel.width],
        }
    }

    /// The filters of a layer that goes through `convolution` in that direction; weights begin as `init` says.
    pub(crate) fn filters(
        &self,
        convolution: Convolution,
        direction: Direction,
        input: Shape,
        init: Init,
    ) -> Filters {
        let [inputs, outputs] = convolution.channels();
        let (mut shape, mut layout) = (self.taps(input), Layout::new());
        // In a file of PyTorch's: outputs, inputs, then the axes of the kernel.
        let axes = shape.len();
        let order: Vec<usize> = [axes + 1, axes].into_iter().chain(0..axes).collect();
        shape.extend([inputs / self.groups, outputs]);
        let role = Role::weight().stored(Storage::permuted(&shape, &order));
        let weight = layout.push_as("weight", &shape[..], init, role).range();
        let bias = self.bias.then(|| layout.push("bias", self.outputs, Init::Zeros).range());
        Filters { convolution, layout, weight, bias, direction }
    }

    /// Reads what follows the name of the layer: `32 3x3 stride 2 padding 1 dilation 2 groups 4 no-bias`.
    pub(crate) fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        let outputs = arguments.required("the number of its outputs")?;
        let mut spec =
            Self::new(outputs, arguments.required::<Extent>("the size of its kernel, such as 3x3")?);
        loop {
            if let Some(stride) = named(arguments, "stride")? {
                spec.stride = stride;
            } else if let Some(padding) = named(arguments, "padding")? {
                spec.padding = padding;
            } else if let Some(dilation) = named(arguments, "dilation")? {
                spec.dilation = dilation;
            } else if let Some(groups) = named(arguments, "groups")? {
                spec.groups = groups;
            } else if let Some(places) = named(arguments, "output-padding")? {
                spec.output_padding = places;
            } else if arguments.takes("no-bias") {
                spec.bias = false;
            } else {
                return Ok(spec);
            }
        }
    }

    pub(crate) fn to_words(self) -> String {
        let mut words = vec![self.outputs.to_string(), self.kernel.to_string()];
        let mut add = |is_usual: bool, name: &str, value: &dyn ToString| {
            if !is_usual {
                words.extend([name.to_owned(), value.to_string()]);
            }
        };
        add(self.stride.is_one(), "stride", &self.stride);
        add(self.padding.is_none(), "padding", &self.padding);
        add(self.dilation.is_one(), "dilation", &self.dilation);
        add(self.groups == 1, "groups", &self.groups);
        add(self.output_padding.is_zero(), "output-padding", &self.output_padding);
        if !self.bias {
            words.push("no-bias".to_owned());
        }
        words.join(" ")
    }

    /// The filters that a specimen names in words.
    pub(crate) fn specimen(words: &str) -> Self {
        let text = format!("conv {words}");
        let items = items(&text).expect("a specimen is a layer");
        Self::from_words(&mut Arguments::of(&text, &items[0])).expect("a specimen is a layer")
    }

    /// The settings of ONNX's `Conv` and `ConvTranspose` for these axes.
    pub(crate) fn onnx_attributes(
        &self,
        input: Shape,
        axes: [Axis; 2],
    ) -> Vec<(&'static str, OnnxAttribute)> {
        let axes = if let Shape::Image { .. } = input { &axes[..] } else { &axes[1..] };
        let each = |of: fn(&Axis) -> usize| axes.iter().map(|axis| of(axis) as i64).collect::<Vec<_>>();
        let after = |axis: &Axis| axis.after();
        let pads = [each(|axis| axis.before), each(after)].concat();
        vec![
            ("kernel_shape", OnnxAttribute::Ints(each(|axis| axis.kernel))),
            ("strides", OnnxAttribute::Ints(each(|axis| axis.stride))),
            ("pads", OnnxAttribute::Ints(pads)),
            ("dilations", OnnxAttribute::Ints(each(|axis| axis.dilation))),
            ("group", OnnxAttribute::Int(self.groups as i64)),
        ]
    }

    /// The operator between two transpositions, as ONNX keeps channels first.
    pub(crate) fn write_onnx(
        &self,
        operator: &'static str,
        attributes: Vec<(&'static str, OnnxAttribute)>,
        (input, output): (Shape, Shape),
        x: &str,
        onnx: &mut OnnxWriter,
    ) -> String {
        let x = onnx.channels_first(x, input);
        // onnxruntime has no convolution of doubles.
        let y = onnx.in_single(&x, |onnx, x| {
            let (weight, bias) =
                (onnx.single_parameter("weight"), self.bias.then(|| onnx.single_parameter("bias")));
            let inputs: Vec<&str> = [x, &weight].into_iter().chain(bias.as_deref()).collect();
            onnx.apply_with(operator, &inputs, attributes)
        });
        onnx.channels_last(&y, output)
    }
}
