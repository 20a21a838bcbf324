//! What the pools that slide a window have in common.

use chainrule_tensor::Shape;

use crate::spec::SpecError;
use crate::window::{Axis, Extent, Padding, Window, named};
use crate::words::{Arguments, WordsError};

/// The window of a pool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pool {
    pub(crate) kernel: Extent,
    /// The kernel, if nobody chose it.
    pub(crate) stride: Option<Extent>,
    pub(crate) padding: Extent,
    pub(crate) dilation: Extent,
    pub(crate) ceil: bool,
}

impl Pool {
    /// A pool that nobody chose more of than its kernel.
    pub(crate) fn new(kernel: Extent) -> Self {
        Self { kernel, stride: None, padding: Extent::zero(), dilation: Extent::one(), ceil: false }
    }

    /// The axes of an input under it.
    ///
    /// # Errors
    /// As [`Window::axes`], if the border is larger than half of the window, as in PyTorch, or a window would see the border only.
    pub(crate) fn axes(&self, input: Shape) -> Result<[Axis; 2], SpecError> {
        let Self { kernel, padding, dilation, ceil, .. } = *self;
        if padding.height > kernel.height / 2 || padding.width > kernel.width / 2 {
            return Err(SpecError::here(format!(
                "a padding of {padding} is more than half of the kernel, {kernel}, for an input of {input}"
            )));
        }
        let stride = self.stride.unwrap_or(kernel);
        let axes = Window { kernel, stride, padding: Padding::Each(padding), dilation }.axes(input, ceil)?;
        for axis in axes {
            // No window begins behind the input, so only long steps from the border before it may miss it.
            let from_border = axis.before.div_ceil(axis.stride).min(axis.outputs);
            if axis.dilation > axis.inputs && (0..from_border).any(|output| axis.seen(output).len == 0) {
                return Err(SpecError::here(format!(
                    "with a padding of {padding} and a dilation of {dilation}, a window of {kernel} sees nothing of the input, {input}"
                )));
            }
        }
        Ok(axes)
    }

    /// Reads `2 stride 2 padding 1 ceil`, in any order after the kernel. `more` reads words that the pool has beside these, and says
    /// whether there was one.
    ///
    /// # Errors
    /// If the kernel is missing, or a number cannot be read.
    pub(crate) fn from_words(
        arguments: &mut Arguments<'_, '_>,
        mut more: impl FnMut(&mut Self, &mut Arguments<'_, '_>) -> Result<bool, WordsError>,
    ) -> Result<Self, WordsError> {
        let mut pool = Self::new(arguments.required("the size of its window, such as 2 or 2x3")?);
        loop {
            if let Some(stride) = named(arguments, "stride")? {
                pool.stride = Some(stride);
            } else if let Some(padding) = named(arguments, "padding")? {
                pool.padding = padding;
            } else if arguments.takes("ceil") {
                pool.ceil = true;
            } else if !more(&mut pool, arguments)? {
                return Ok(pool);
            }
        }
    }

    /// What [`from_words`](Self::from_words) reads.
    pub(crate) fn to_words(self) -> String {
        let padding = Some(self.padding).filter(|padding| !padding.is_zero());
        let dilation = Some(self.dilation).filter(|dilation| !dilation.is_one());
        let mut words = vec![self.kernel.to_string()];
        for (name, extent) in [("stride", self.stride), ("padding", padding), ("dilation", dilation)] {
            words.extend(extent.map(|extent| format!("{name} {extent}")));
        }
        words.extend(self.ceil.then(|| "ceil".to_owned()));
        words.join(" ")
    }
}

/// The numbers of an operator of ONNX for the height and the width.
pub(crate) fn both([height, width]: [usize; 2]) -> Vec<i64> {
    vec![height as i64, width as i64]
}
