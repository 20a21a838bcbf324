//! For checks: where a network and its loss have their kinks, and a layer with statistics.

use chainrule_layers::gradcheck::near_kink;
use chainrule_layers::{Dual, Grad, Layer, Mode, Point, SecondOrder, Tangent, Tape, TapeKind};
use chainrule_loss::Loss;
use chainrule_tensor::ndarray::{Array2, ArrayRef2};
use chainrule_tensor::rows::{slices, slices_mut};
use chainrule_tensor::{Init, Layout, Shape};

/// Whether, on the examples `x`, neither the network nor the loss comes nearer than `radius` to a kink. A difference
/// quotient across a kink says nothing about a derivative.
///
/// # Panics
/// If `mode` has other statistics than the model.
#[track_caller]
pub fn is_clear_of_kinks(
    (model, loss): (&dyn Layer<f64>, &dyn Loss<f64>),
    mode: Mode<'_, f64>,
    theta: &[f64],
    (x, target): (&ArrayRef2<f64>, &ArrayRef2<f64>),
    radius: f64,
) -> bool {
    mode.assert_fits(model.statistics());
    if near_kink(model, mode, theta, x, radius) {
        return false;
    }
    let mut y = Array2::zeros((x.nrows(), model.outputs()));
    model.forward(mode, theta, x, &mut y, &mut model.tape(TapeKind::Complete, x.nrows()));
    !loss.near_kink(&y, target, radius)
}

/// The simplest layer with statistics: y = x in training, where it tracks the mean of x; y = x − mean in evaluation.
#[derive(Debug)]
pub struct TracksMean {
    layout: Layout,
    statistics: Layout,
}

impl TracksMean {
    /// The share of a batch's mean in the running one.
    pub const MOMENTUM: f64 = 0.25;

    /// For inputs of this shape.
    pub fn new(shape: impl Into<Shape>) -> Self {
        let mut statistics = Layout::new();
        statistics.push("mean", shape.into().size(), Init::Zeros);
        Self { layout: Layout::new(), statistics }
    }
}

impl Layer<f64> for TracksMean {
    fn input_shape(&self) -> Shape {
        Shape::Flat(self.statistics.len())
    }

    fn output_shape(&self) -> Shape {
        Shape::Flat(self.statistics.len())
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn statistics(&self) -> &Layout {
        &self.statistics
    }

    fn tape(&self, _: TapeKind, _: usize) -> Tape<f64> {
        Tape::empty().and_vectors([self.statistics.len()])
    }

    fn forward(
        &self,
        mode: Mode<'_, f64>,
        _: &[f64],
        x: &ArrayRef2<f64>,
        y: &mut ArrayRef2<f64>,
        tape: &mut Tape<f64>,
    ) {
        y.assign(x);
        match mode {
            Mode::Train { .. } => {
                let (mean, rows) = (&mut tape.vectors[0], x.nrows() as f64);
                mean.fill(0.0);
                slices(x).for_each(|x| mean.iter_mut().zip(x).for_each(|(mean, x)| *mean += x / rows));
            }
            Mode::Eval { statistics } => {
                slices_mut(y).for_each(|y| y.iter_mut().zip(statistics).for_each(|(y, mean)| *y -= mean));
            }
        }
    }

    fn backward(
        &self,
        _: Point<'_, f64>,
        delta: &ArrayRef2<f64>,
        delta_x: Option<&mut ArrayRef2<f64>>,
        _: Option<Grad<'_, f64>>,
        _: &mut Tape<f64>,
    ) {
        if let Some(delta_x) = delta_x {
            delta_x.assign(delta);
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<f64>> {
        Some(self)
    }

    fn observe(&self, tape: &Tape<f64>, observed: &mut [f64]) {
        observed.copy_from_slice(&tape.vectors[0]);
    }

    fn track(&self, observed: &[f64], statistics: &mut [f64]) {
        for (mean, batch) in statistics.iter_mut().zip(observed) {
            *mean += Self::MOMENTUM * (batch - *mean);
        }
    }
}

impl SecondOrder<f64> for TracksMean {
    fn r_forward(
        &self,
        _: Point<'_, f64>,
        _: &[f64],
        r_x: Option<&ArrayRef2<f64>>,
        r_y: &mut ArrayRef2<f64>,
        _: Dual<&mut Tape<f64>>,
    ) {
        match r_x {
            Some(r_x) => r_y.assign(r_x),
            None => r_y.fill(0.0),
        }
    }

    fn r_backward(
        &self,
        _: Point<'_, f64>,
        _: Tangent<'_, f64>,
        delta: Dual<&ArrayRef2<f64>>,
        r_delta_x: Option<&mut ArrayRef2<f64>>,
        _: &mut [f64],
        _: Dual<&mut Tape<f64>>,
    ) {
        if let Some(r_delta_x) = r_delta_x {
            r_delta_x.assign(delta.tangent);
        }
    }
}
