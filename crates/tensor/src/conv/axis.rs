/// One axis of an input under a window that slides over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    /// The length of the input.
    pub inputs: usize,
    /// The length of the output.
    pub outputs: usize,
    /// The inputs that an output sees.
    pub kernel: usize,
    /// From one output to the next.
    pub stride: usize,
    /// From one input of an output to the next.
    pub dilation: usize,
    /// The zeros before the first input.
    pub before: usize,
}

/// The places of an input, evenly spaced, that an output sees; or of an output that see an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The first.
    pub start: usize,
    /// How many.
    pub len: usize,
}

impl Axis {
    /// An axis of one place, which is what a sequence has for a height.
    pub const LONE: Self = Self { inputs: 1, outputs: 1, kernel: 1, stride: 1, dilation: 1, before: 0 };

    /// The input that `output` sees at `tap` of the kernel; `None` in the border.
    #[inline]
    pub fn input(&self, output: usize, tap: usize) -> Option<usize> {
        let place = (output * self.stride + tap * self.dilation).checked_sub(self.before)?;
        (place < self.inputs).then_some(place)
    }

    /// The inputs that `output` sees, in steps of the dilation.
    pub fn seen(&self, output: usize) -> Run {
        let begin = output * self.stride;
        let first = self.before.saturating_sub(begin).div_ceil(self.dilation);
        let start = begin + first * self.dilation - self.before;
        let inside = self.inputs.saturating_sub(start).div_ceil(self.dilation);
        Run { start, len: inside.min(self.kernel.saturating_sub(first)) }
    }

    /// The zeros after the last input that an output sees.
    pub fn after(&self) -> usize {
        let seen = (self.outputs - 1) * self.stride + self.reach() + 1;
        seen.saturating_sub(self.before + self.inputs)
    }

    /// From the first input that an output sees to the last.
    pub(super) fn reach(&self) -> usize {
        (self.kernel - 1) * self.dilation
    }

    /// The length of the input with its border, as far as an output sees it, or as the input goes.
    pub(super) fn bordered(&self) -> usize {
        let seen = (self.outputs - 1) * self.stride + self.reach() + 1;
        if self.before == 0 { seen.max(self.inputs) } else { seen }
    }

    /// Whether the outputs see nothing but inputs.
    pub(super) fn is_inside(&self) -> bool {
        self.before == 0 && self.bordered() == self.inputs
    }
}
