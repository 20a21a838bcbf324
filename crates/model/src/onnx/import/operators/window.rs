//! Windows that slide over positions, as the standard describes them.

use chainrule_layers::{Extent, Sides, ZeroPadSpec};
use chainrule_tensor::{Scalar, Shape};

use super::operator::Operator;
use crate::onnx::import::error::ImportError;
use crate::onnx::import::labels::Labels;
use crate::onnx::import::steps::{Activation, Kind, Layer, Steps};

/// The windows of a convolution or a pool, one number for each axis of positions.
#[derive(Debug, Clone)]
pub(super) struct Windows {
    pub(super) kernel: Vec<usize>,
    pub(super) strides: Vec<usize>,
    pub(super) dilations: Vec<usize>,
    /// Before and behind.
    pub(super) pads: [Vec<usize>; 2],
}

impl Windows {
    /// Those of an operator on positions with these lengths.
    pub(super) fn of(
        operator: &Operator<'_, '_>,
        kernel: Vec<usize>,
        lengths: &[usize],
    ) -> Result<Self, ImportError> {
        const WIDEST: i64 = 1 << 24;
        let rank = kernel.len();
        if lengths.len() != rank {
            return Err(
                operator.form(format!("a kernel with {rank} axes for positions with {}", lengths.len()))
            );
        }
        if rank > 2 || rank == 0 {
            return Err(
                operator.form(format!("windows over {rank} axes: there are layers for one and for two"))
            );
        }
        let numbers = |name: &str, usual: usize, count: usize| -> Result<Vec<usize>, ImportError> {
            let Some(ints) = operator.ints(name)?.filter(|ints| !ints.is_empty()) else {
                return Ok(vec![usual; count]);
            };
            let numbers = ints.iter().map(|&int| usize::try_from(int).ok().filter(|_| int <= WIDEST));
            let numbers: Option<Vec<usize>> = numbers.collect();
            let shown = &ints[..ints.len().min(8)];
            numbers
                .filter(|numbers| numbers.len() == count && (usual == 0 || !numbers.contains(&0)))
                .ok_or_else(|| operator.form(format!("{name} of {shown:?}")))
        };
        let (strides, dilations) = (numbers("strides", 1, rank)?, numbers("dilations", 1, rank)?);
        if kernel.iter().any(|&length| length == 0 || length > WIDEST as usize) {
            return Err(operator.form(format!("a kernel of {kernel:?}")));
        }
        let both = numbers("pads", 0, 2 * rank)?;
        let mut windows =
            Self { kernel, strides, dilations, pads: [both[..rank].to_vec(), both[rank..].to_vec()] };
        match operator.text("auto_pad", "NOTSET")?.as_str() {
            "NOTSET" | "" => {}
            "VALID" => windows.pads = [vec![0; rank], vec![0; rank]],
            same @ ("SAME_UPPER" | "SAME_LOWER") => windows.keep_size(lengths, same == "SAME_LOWER"),
            other => return Err(operator.form(format!("auto_pad {other:?}"))),
        }
        Ok(windows)
    }

    /// From the first to the last input of a window, less one.
    pub(super) fn reach(&self, axis: usize) -> usize {
        (self.kernel[axis] - 1) * self.dilations[axis]
    }

    /// As many outputs as there are strides in the input.
    fn keep_size(&mut self, lengths: &[usize], is_lower: bool) {
        for (axis, &length) in lengths.iter().enumerate() {
            let outputs = length.div_ceil(self.strides[axis]);
            let all = (outputs.saturating_sub(1) * self.strides[axis] + self.reach(axis) + 1)
                .saturating_sub(length);
            let before = if is_lower { all.div_ceil(2) } else { all / 2 };
            (self.pads[0][axis], self.pads[1][axis]) = (before, all - before);
        }
    }

    /// How many windows there are along an axis, as the standard counts them.
    pub(super) fn count(&self, axis: usize, length: usize, is_ceil: bool) -> Option<usize> {
        let [before, behind] = [self.pads[0][axis], self.pads[1][axis]];
        let room = (length + before + behind).checked_sub(self.reach(axis) + 1)?;
        let mut outputs = room / self.strides[axis] + 1;
        // No window begins in the border behind.
        if is_ceil
            && !room.is_multiple_of(self.strides[axis])
            && outputs * self.strides[axis] < length + before
        {
            outputs += 1;
        }
        Some(outputs)
    }

    /// With the border before the positions behind them, too.
    pub(super) fn even(&self) -> Self {
        Self { pads: [self.pads[0].clone(), self.pads[0].clone()], ..self.clone() }
    }

    /// Whether the windows are the same with the border before the positions behind them, too.
    pub(super) fn is_even(&self, lengths: &[usize]) -> bool {
        let even = self.even();
        (0..lengths.len())
            .all(|axis| self.count(axis, lengths[axis], false) == even.count(axis, lengths[axis], false))
    }

    pub(super) fn is_symmetric(&self) -> bool {
        self.pads[0] == self.pads[1]
    }

    /// Whether a border is wider than half of a window, which no layer has.
    pub(super) fn is_wide(&self) -> bool {
        self.pads.iter().any(|pads| pads.iter().zip(&self.kernel).any(|(&pad, &kernel)| 2 * pad > kernel))
    }

    /// The border of zeros as a layer of its own.
    pub(super) fn border(&self) -> ZeroPadSpec {
        let [before, behind] = &self.pads;
        let sides = match (&before[..], &behind[..]) {
            (&[top, left], &[bottom, right]) => Sides::Four([left, right, top, bottom]),
            _ => Sides::Two([before[0], behind[0]]),
        };
        ZeroPadSpec { sides }
    }
}

/// One number for each axis, as an extent; of a sequence both are the same.
pub(super) fn extent(lengths: &[usize]) -> Extent {
    match lengths {
        &[height, width] => Extent { height, width },
        _ => Extent::square(lengths[0]),
    }
}

/// Numbers that are kept for each place along the axes, when a layer is built.
const PLACE: usize = 12;

/// The activation behind a layer that changes the positions, and the features to `features`.
pub(super) fn push_windowed<A: Scalar>(
    steps: &mut Steps<A>,
    layer: Layer<A>,
    x: &Activation,
) -> Result<Activation, ImportError> {
    let input = x.labels.shape();
    let output = layer.stage.output(input)?;
    let places = |shape: Shape| match shape {
        Shape::Image { height, width, .. } => height.saturating_add(width),
        other => other.positions(),
    };
    steps.take(places(input).saturating_add(places(output)).saturating_mul(PLACE))?;
    let dims = match output {
        Shape::Image { height, width, channels } => vec![channels, height, width],
        Shape::Sequence { time, features } => vec![features, time],
        Shape::Flat(features) => [vec![features], vec![1; x.labels.dims.len() - 1]].concat(),
    };
    steps.push(Kind::Layer(layer), vec![x.step], Labels::channels_first(dims))
}
