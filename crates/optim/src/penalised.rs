use std::ops::Range;

use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::{Entry, Layout, Scalar, vector};

use crate::objective::Objective;
use crate::optimizer::Optimizer;

/// ½λ‖W‖² over the weights of a layout; biases and gains are no part of it.
///
/// A [`Descent`](crate::Descent) has it as a [`Decay`](crate::Decay) before its rule, which is this penalty's gradient; a method that
/// evaluates C itself, such as L-BFGS, is made [`Penalised`].
///
/// ```
/// use chainrule_optim::Penalty;
/// use chainrule_tensor::{Init, Layout};
///
/// let mut layout = Layout::new();
/// layout.push("weight", (2, 1), Init::HeUniform);
/// layout.push("bias", 1, Init::Zeros);
/// assert_eq!(Penalty::on_weights(0.1, &layout).value(&[3.0, 4.0, 100.0]), 0.5 * 0.1 * 25.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Penalty {
    rate: f64,
    ranges: Vec<Range<usize>>,
}

impl Penalty {
    /// The penalty with λ = `rate`.
    pub fn on_weights(rate: f64, layout: &Layout) -> Self {
        let weights = layout.entries().iter().filter(|entry| entry.decayed && entry.trained);
        Self { rate, ranges: weights.map(Entry::range).collect() }
    }

    /// ½λ‖W‖², summed in `f64` from the sums of each weight matrix.
    pub fn value<A: Scalar>(&self, theta: &[A]) -> f64 {
        let squares = |range: &Range<usize>| {
            let w = &theta[range.clone()];
            vector::dot(w, w).as_f64()
        };
        0.5 * self.rate * self.ranges.iter().map(squares).sum::<f64>()
    }

    /// `out` ← `out` + λW, where W are the weights in `v`.
    fn add<A: Scalar>(&self, v: &[A], out: &mut [A]) {
        for range in &self.ranges {
            vector::axpy(A::of(self.rate), &v[range.clone()], &mut out[range.clone()]);
        }
    }
}

/// An optimizer of C(θ) + ½λ‖W‖² for whatever C it is given.
///
/// ```
/// use chainrule_optim::{Lbfgs, Optimizer, Penalised, Penalty, testing::Quadratic};
/// use chainrule_tensor::{Init, Layout};
///
/// let mut layout = Layout::new();
/// layout.push("weight", (1, 1), Init::HeUniform);
/// let mut lbfgs = Penalised::new(Lbfgs::new(1), Penalty::on_weights(2.0, &layout));
/// let mut theta = [1.0_f64];
/// // C = ½θ² and the penalty θ² together: C before the step is 1.5.
/// assert_eq!(lbfgs.step(&mut Quadratic::new(vec![1.0]), &mut theta), 1.5);
/// ```
#[derive(Debug)]
pub struct Penalised<O> {
    optimizer: O,
    penalty: Penalty,
}

impl<O> Penalised<O> {
    /// `optimizer` on objectives with `penalty` added.
    pub fn new(optimizer: O, penalty: Penalty) -> Self {
        Self { optimizer, penalty }
    }
}

impl<A: Scalar, O: Optimizer<A>> Optimizer<A> for Penalised<O> {
    fn step(&mut self, objective: &mut dyn Objective<A>, theta: &mut [A]) -> A {
        self.optimizer.step(&mut Sum { objective, penalty: &self.penalty }, theta)
    }

    fn state(&mut self, visit: &mut dyn FnMut(&str, &mut [A])) {
        self.optimizer.state(visit);
    }

    fn wants_curvature(&self) -> bool {
        self.optimizer.wants_curvature()
    }

    fn learning_rate(&self) -> Option<f64> {
        self.optimizer.learning_rate()
    }

    fn observe(&mut self, loss: f64) {
        self.optimizer.observe(loss);
    }
}

/// C(θ) + ½λ‖W‖².
struct Sum<'a, A> {
    objective: &'a mut dyn Objective<A>,
    penalty: &'a Penalty,
}

impl<A: Scalar> Objective<A> for Sum<'_, A> {
    fn dim(&self) -> usize {
        self.objective.dim()
    }

    fn value(&mut self, theta: &[A]) -> A {
        self.objective.value(theta) + A::of(self.penalty.value(theta))
    }

    fn value_and_grad(&mut self, theta: &[A], grad: &mut [A]) -> A {
        let value = self.objective.value_and_grad(theta, grad);
        self.penalty.add(theta, grad);
        value + A::of(self.penalty.value(theta))
    }

    fn hessian_vector(&mut self, theta: &[A], v: &[A], hv: &mut [A]) {
        self.objective.hessian_vector(theta, v, hv);
        self.penalty.add(v, hv);
    }

    fn gauss_newton_vector(&mut self, theta: &[A], v: &[A], gv: &mut [A]) {
        self.objective.gauss_newton_vector(theta, v, gv);
        self.penalty.add(v, gv);
    }

    fn hessian(&mut self, theta: &[A], h: &mut ArrayRef2<A>) {
        self.objective.hessian(theta, h);
        for i in self.penalty.ranges.iter().flat_map(Clone::clone) {
            h[(i, i)] += A::of(self.penalty.rate);
        }
    }
}

#[cfg(test)]
mod tests {
    use chainrule_tensor::Init;
    use chainrule_tensor::ndarray::Array2;

    use super::*;
    use crate::decay::Decay;
    use crate::descent::Descent;
    use crate::lbfgs::Lbfgs;
    use crate::objective::central_difference;
    use crate::schedule::Schedule;
    use crate::sgd::Sgd;
    use crate::testing::{Quadratic, Rosenbrock};

    fn layout() -> Layout {
        let mut layout = Layout::new();
        layout.push("weight", (1, 1), Init::HeUniform);
        layout.push("bias", 1, Init::Zeros);
        layout
    }

    #[test]
    fn all_derivatives_are_those_of_the_sum() {
        let (penalty, theta, v) = (Penalty::on_weights(0.7, &layout()), [0.3_f64, -1.1], [1.0, 2.0]);
        let mut sum = Sum { objective: &mut Rosenbrock, penalty: &penalty };
        let (mut grad, mut moved, h) = ([0.0; 2], [0.0; 2], 1e-6);
        sum.value_and_grad(&theta, &mut grad);
        for i in 0..2 {
            moved.copy_from_slice(&theta);
            moved[i] += h;
            let above = sum.value(&moved);
            moved[i] -= 2.0 * h;
            let slope = (above - sum.value(&moved)) / (2.0 * h);
            assert!((slope - grad[i]).abs() < 1e-6 * grad[i].abs().max(1.0), "{i}: {slope}, {}", grad[i]);
        }
        let (mut product, mut expected, mut dense) = ([0.0; 2], [0.0; 2], Array2::zeros((2, 2)));
        central_difference(&mut sum, &theta, &v, &mut expected);
        sum.hessian(&theta, &mut dense);
        for (product, by) in
            [(&mut product, "product"), (&mut [0.0; 2], "Gauss-Newton"), (&mut [0.0; 2], "dense")]
        {
            match by {
                "product" => sum.hessian_vector(&theta, &v, product),
                "Gauss-Newton" => sum.gauss_newton_vector(&theta, &v, product),
                _ => (0..2).for_each(|i| product[i] = dense[(i, 0)] * v[0] + dense[(i, 1)] * v[1]),
            }
            for (a, b) in product.iter().zip(&expected) {
                assert!((a - b).abs() < 1e-4 * b.abs().max(1.0), "{by}: {a}, {b}");
            }
        }
    }

    #[test]
    fn lbfgs_ends_where_the_penalised_minimum_is() {
        // ½(3w² + b²) − with the penalty ½·2·w² the minimum is still 0, but the first value is not.
        let mut objective = Quadratic::new(vec![3.0, 1.0]);
        let mut lbfgs = Penalised::new(Lbfgs::new(2), Penalty::on_weights(2.0, &layout()));
        let mut theta = [1.0_f64, 1.0];
        assert_eq!(lbfgs.step(&mut objective, &mut theta), 0.5 * (3.0 + 1.0) + 1.0);
        for _ in 0..30 {
            lbfgs.step(&mut objective, &mut theta);
        }
        assert!(vector::norm(&theta) < 1e-8, "{theta:?}");
    }

    #[test]
    fn a_descent_on_the_sum_is_one_with_decay_before_its_rule() {
        let rate = || Schedule::constant(0.1);
        let mut penalised = Penalised::new(Descent::new(Sgd, 2, rate()), Penalty::on_weights(0.5, &layout()));
        let mut decayed = Descent::new((Decay::on_weights(0.5, &layout()), Sgd), 2, rate());
        let (mut a, mut b, mut objective) = ([1.0_f64, 2.0], [1.0, 2.0], Quadratic::new(vec![1.0, 4.0]));
        for _ in 0..10 {
            penalised.step(&mut objective, &mut a);
            decayed.step(&mut objective, &mut b);
        }
        assert_eq!(a, b);
        assert_eq!(Optimizer::<f64>::learning_rate(&penalised), Some(0.1));
    }

    /// Remembers what it is asked and told.
    struct Spy {
        curvature: bool,
        observed: f64,
        count: f64,
    }

    impl Optimizer<f64> for Spy {
        fn step(&mut self, objective: &mut dyn Objective<f64>, theta: &mut [f64]) -> f64 {
            assert_eq!(objective.dim(), theta.len());
            objective.value(theta)
        }
        fn state(&mut self, visit: &mut dyn FnMut(&str, &mut [f64])) {
            visit("count", std::slice::from_mut(&mut self.count));
        }
        fn wants_curvature(&self) -> bool {
            self.curvature
        }
        fn observe(&mut self, loss: f64) {
            self.observed = loss;
        }
    }

    #[test]
    fn a_penalised_optimizer_answers_as_the_one_within() {
        for curvature in [false, true] {
            let spy = Spy { curvature, observed: 0.0, count: 3.0 };
            let mut penalised = Penalised::new(spy, Penalty::on_weights(0.5, &layout()));
            assert_eq!(penalised.wants_curvature(), curvature);
            assert_eq!(penalised.learning_rate(), None);
            penalised.observe(0.25);
            penalised.state(&mut |name, numbers| {
                assert_eq!((name, numbers[0]), ("count", 3.0));
                numbers[0] = 4.0;
            });
            assert_eq!((penalised.optimizer.observed, penalised.optimizer.count), (0.25, 4.0));
            // ½(3·4 + 9) and ½·½·4: the bias 3 is no part of the penalty.
            let value = penalised.step(&mut Quadratic::new(vec![3.0, 1.0]), &mut [2.0, 3.0]);
            assert_eq!(value, 10.5 + 1.0);
        }
    }
}
