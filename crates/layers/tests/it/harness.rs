//! Layers broken on purpose: each of the harness's checks can fail, and fails for the right fault.

use chainrule_layers::gradcheck::{Case, Report, check};
use chainrule_layers::{Dense, Dual, Grad, Layer, Mode, Point, SecondOrder, Tangent, Tape, TapeKind};
use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::{Accum, Layout, Shape};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    GradientScaled,
    SignalScaled,
    OverwritesGradient,
    TangentScaled,
    ProductScaled,
    ReadsForeignRows,
}

/// A dense layer with one fault.
#[derive(Debug)]
struct Broken(Dense, Fault);

impl Broken {
    fn inner(&self) -> &dyn Layer<f64> {
        &self.0
    }
}

impl Layer<f64> for Broken {
    fn input_shape(&self) -> Shape {
        self.inner().input_shape()
    }
    fn output_shape(&self) -> Shape {
        self.inner().output_shape()
    }
    fn layout(&self) -> &Layout {
        self.inner().layout()
    }
    fn tape(&self, _: TapeKind, batch: usize) -> Tape<f64> {
        Tape::with_widths(batch, [1])
    }
    fn forward(
        &self,
        mode: Mode<'_, f64>,
        theta: &[f64],
        x: &ArrayRef2<f64>,
        y: &mut ArrayRef2<f64>,
        tape: &mut Tape<f64>,
    ) {
        self.inner().forward(mode, theta, x, y, tape);
        if self.1 == Fault::ReadsForeignRows {
            y[(0, 0)] += 0.0 * tape.arrays[0][(0, 0)];
        }
    }
    fn backward(
        &self,
        at: Point<'_, f64>,
        delta: &ArrayRef2<f64>,
        delta_x: Option<&mut ArrayRef2<f64>>,
        mut grad: Option<Grad<'_, f64>>,
        tape: &mut Tape<f64>,
    ) {
        let mut delta_x = delta_x;
        if let (Fault::OverwritesGradient, Some(grad)) = (self.1, &mut grad) {
            grad.accum = Accum::Replace;
        }
        let window = grad.as_mut().map(|grad| grad.window(0..self.layout().len()));
        self.inner().backward(at, delta, delta_x.as_deref_mut(), window, tape);
        match (self.1, delta_x, grad) {
            (Fault::GradientScaled, _, Some(grad)) => grad.flat[1] *= 1.0 + 1e-6,
            (Fault::SignalScaled, Some(delta_x), _) => delta_x[(0, 1)] *= 1.0 + 1e-6,
            _ => {}
        }
    }
    fn second_order(&self) -> Option<&dyn SecondOrder<f64>> {
        Some(self)
    }
}

impl SecondOrder<f64> for Broken {
    fn r_forward(
        &self,
        at: Point<'_, f64>,
        v: &[f64],
        r_x: Option<&ArrayRef2<f64>>,
        r_y: &mut ArrayRef2<f64>,
        tapes: Dual<&mut Tape<f64>>,
    ) {
        self.0.r_forward(at, v, r_x, r_y, tapes);
        if self.1 == Fault::TangentScaled {
            r_y[(0, 0)] *= 1.0 + 1e-5;
        }
    }
    fn r_backward(
        &self,
        at: Point<'_, f64>,
        along: Tangent<'_, f64>,
        delta: Dual<&ArrayRef2<f64>>,
        r_delta_x: Option<&mut ArrayRef2<f64>>,
        r_grad: &mut [f64],
        tapes: Dual<&mut Tape<f64>>,
    ) {
        self.0.r_backward(at, along, delta, r_delta_x, r_grad, tapes);
        if self.1 == Fault::ProductScaled {
            r_grad[0] *= 1.0 + 1e-5;
        }
    }
}

fn report(fault: Fault) -> Report {
    let dense = Dense::new(4, 3);
    let case = Case { rows: 3, capacity: 5, seed: 9, coordinates: 1000 };
    check(&Broken(dense.clone(), fault), &dense, case)
}

#[test]
fn the_whole_layer_passes() {
    assert!(report(Fault::None).within(1e-8, 1e-7));
}

#[test]
fn a_wrong_gradient_is_seen() {
    assert!(report(Fault::GradientScaled).gradient > 1e-7);
}

#[test]
fn a_wrong_error_signal_is_seen() {
    assert!(report(Fault::SignalScaled).gradient > 1e-7);
}

#[test]
fn a_wrong_tangent_breaks_the_adjoint_identity() {
    assert!(report(Fault::TangentScaled).adjoint > 1e-8);
}

#[test]
fn a_wrong_product_differs_from_the_difference_and_is_asymmetric() {
    let report = report(Fault::ProductScaled);
    assert!(report.hessian.unwrap() > 1e-7 && report.symmetry.unwrap() > 1e-7, "{report:?}");
}

#[test]
fn an_overwritten_gradient_is_seen() {
    assert!(report(Fault::OverwritesGradient).accumulation > 1e-2);
}

#[test]
fn memory_read_before_it_is_written_is_seen() {
    assert!(!report(Fault::ReadsForeignRows).within(1.0, 1.0));
}
