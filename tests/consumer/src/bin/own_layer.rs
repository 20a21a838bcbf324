//! A layer of your own in a Model, its derivatives checked: y = a·x² + x, with a number a for each column.

use chainrule::layers::gradcheck;
use chainrule::prelude::*;

#[derive(Debug)]
struct Bend(Layout, Param<Ix1>);

#[rustfmt::skip]
impl<A: Scalar> Layer<A> for Bend {
    fn input_shape(&self) -> Shape { Shape::Flat(self.0.len()) }
    fn output_shape(&self) -> Shape { Shape::Flat(self.0.len()) }
    fn layout(&self) -> &Layout { &self.0 }
    fn forward(&self, _: Mode<'_, A>, theta: &[A], x: &ArrayRef2<A>, y: &mut ArrayRef2<A>, _: &mut Tape<A>) {
        y.assign(&(x * x * self.1.view(theta) + x));
    }
    fn backward(
        &self, at: Point<'_, A>, delta: &ArrayRef2<A>, delta_x: Option<&mut ArrayRef2<A>>, grad: Option<Grad<'_, A>>, _: &mut Tape<A>,
    ) {
        let slope = (at.x + at.x) * self.1.view(at.theta) + A::one();
        if let Some(delta_x) = delta_x { delta_x.assign(&(slope * delta)); }
        let sums = (delta * at.x * at.x).sum_axis(Axis(0));
        if let Some(grad) = grad { grad.flat.iter_mut().zip(sums).for_each(|(g, sum)| grad.accum.put(g, sum)); }
    }
}

fn bend(n: usize) -> Bend {
    let mut layout = Layout::new();
    let a = layout.push("a", n, Init::Zeros);
    Bend(layout, a)
}
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let check = |case| gradcheck::check::<f64>(&bend(3), &bend(3), case).within(1e-8, 1e-7);
    assert!(gradcheck::cases(1).into_iter().all(check));
    let x = Array2::from_shape_fn((200, 1), |(i, _)| i as f64 / 100.0 - 1.0);
    let data = Dataset::new("parabola", x.clone(), Target::real(x.mapv(|x| x * x + x)))?;
    let mut model = Model::new(Sequential::input(1).then(|shape| bend(shape.size())).then(|n| Dense::new(n, 1)), 1);
    model.fit(&data)?;
    Ok(assert!(model.evaluate(&data)?.metrics.r_squared() > Some(0.99)))
}
