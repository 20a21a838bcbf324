//! A loss of your own in a Trainer: the log of the hyperbolic cosine, which outliers hardly move.

use chainrule::prelude::*;

#[derive(Debug)]
struct LogCosh;

impl<A: Scalar> Loss<A> for LogCosh {
    fn value(&self, y: &ArrayRef2<A>, target: &ArrayRef2<A>) -> A {
        y.iter().zip(target).map(|(&y, &t)| (y - t).cosh().ln()).sum()
    }

    fn value_and_delta(&self, y: &ArrayRef2<A>, target: &ArrayRef2<A>, delta: &mut ArrayRef2<A>) -> A {
        delta.assign(&(y - target).mapv(A::tanh));
        self.value(y, target)
    }

    fn r_delta(&self, y: &ArrayRef2<A>, t: &ArrayRef2<A>, r_y: &ArrayRef2<A>, r_delta: &mut ArrayRef2<A>) {
        r_delta.assign(&((y - t).mapv(|e| A::one() - e.tanh() * e.tanh()) * r_y));
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let x = Array2::from_shape_fn((200, 1), |(i, _)| i as f32 / 100.0 - 1.0);
    // A line, and every tenth point far off it.
    let y = Array2::from_shape_fn((200, 1), |(i, _)| 2.0 * x[(i, 0)] + if i % 10 == 0 { 20.0 } else { 0.0 });
    let data = Dataset::new("line", x.clone(), Target::real(y))?;
    let task = Task::new(&data).loss(LogCosh);
    let mut model = Model::new(Sequential::input(1).then(|n| Dense::new(n, 1)), 1);
    let history = Trainer::new(&task).epochs(100).fit(&mut model)?;
    let slope = model.predict(&array![[1.0_f32]])[(0, 0)] - model.predict(&array![[0.0]])[(0, 0)];
    println!("slope {slope}, {} epochs", history.epochs.len());
    assert!((slope - 2.0).abs() < 0.2);
    Ok(())
}
