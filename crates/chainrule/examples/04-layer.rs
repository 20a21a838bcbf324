//! A layer of your own: its value, its derivative beside it, the proof that the two belong together, and its use.

use chainrule::layers::gradcheck;
use chainrule::prelude::*;
use chainrule::tensor::rows::add_rows;

/// y = x·g: each feature has a gain of its own, which begins at 1.
#[derive(Debug)]
struct Gain {
    layout: Layout,
    gain: Param<Ix1>,
}

impl Gain {
    fn new(width: usize) -> Self {
        let mut layout = Layout::new();
        let gain = layout.push("gain", width, Init::Constant(1.0));
        Self { layout, gain }
    }
}

impl<A: Scalar> Layer<A> for Gain {
    fn input_shape(&self) -> Shape {
        Shape::Flat(self.layout.len())
    }

    fn output_shape(&self) -> Shape {
        Shape::Flat(self.layout.len())
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn forward(&self, _: Mode<'_, A>, theta: &[A], x: &ArrayRef2<A>, y: &mut ArrayRef2<A>, _: &mut Tape<A>) {
        y.assign(x);
        *y *= &*self.gain.view(theta); //                                        y = x·g
    }

    fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        grad: Option<Grad<'_, A>>,
        _: &mut Tape<A>,
    ) {
        if let Some(Grad { flat, accum, .. }) = grad {
            add_rows(&(at.x * delta), &mut self.gain.view_mut(flat), accum); // ∂C/∂g = Σₙ xₙ·δₙ
        }
        if let Some(delta_x) = delta_x {
            delta_x.assign(delta);
            *delta_x *= &*self.gain.view(at.theta); //                           ∂C/∂x = δ·g
        }
    }
}

fn main() {
    // Finite differences, coordinate by coordinate, in several shapes of batches.
    for case in gradcheck::cases(1) {
        let report = gradcheck::check::<f64>(&Gain::new(5), &Gain::new(5), case);
        println!("{report:?}");
        assert!(report.within(1e-8, 1e-8));
    }

    // It stands in a network like any other.
    let model = Sequential::<f32>::input(5)
        .then(|shape| Gain::new(shape.size()))
        .then(|n| Dense::new(n, 2))
        .then(Tanh::new);
    let names: Vec<_> = model.layout().entries().iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["0.gain", "1.weight", "1.bias"]);
    println!("in a network its parameter is {}", names[0]);
}
