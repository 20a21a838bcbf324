//! Functions with known minima and saddles, each with its exact gradient and Hessian product: what optimizers are tried on.

use chainrule_tensor::Scalar;

use crate::objective::Objective;

/// C(θ) = ½ Σ λᵢ θᵢ²: a bowl whose curvatures are known.
///
/// ```
/// use chainrule_optim::{Objective, testing::Quadratic};
///
/// assert_eq!(Quadratic::new(vec![1.0, 4.0]).value(&[2.0, 1.0]), 4.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Quadratic<A> {
    curvatures: Vec<A>,
}

impl<A: Scalar> Quadratic<A> {
    /// The bowl with the given λ.
    pub fn new(curvatures: Vec<A>) -> Self {
        Self { curvatures }
    }
}

impl<A: Scalar> Objective<A> for Quadratic<A> {
    fn dim(&self) -> usize {
        self.curvatures.len()
    }

    fn value(&mut self, theta: &[A]) -> A {
        A::of(0.5) * self.curvatures.iter().zip(theta).map(|(&c, &t)| c * t * t).sum::<A>()
    }

    fn value_and_grad(&mut self, theta: &[A], grad: &mut [A]) -> A {
        self.hessian_vector(theta, theta, grad);
        self.value(theta)
    }

    fn hessian_vector(&mut self, _: &[A], v: &[A], hv: &mut [A]) {
        for ((hv, &c), &v) in hv.iter_mut().zip(&self.curvatures).zip(v) {
            *hv = c * v;
        }
    }
}

/// C(x, y) = (1 − x)² + 100(y − x²)²: a curved valley with its minimum 0 at (1, 1) (Rosenbrock 1960).
///
/// ```
/// use chainrule_optim::{Objective, testing::Rosenbrock};
///
/// assert_eq!(Rosenbrock.value(&[1.0, 1.0]), 0.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rosenbrock;

/// C(x, y) = a·x² − y²: a saddle at (0, 0), the paper's plainest.
///
/// ```
/// use chainrule_optim::{Objective, testing::Saddle};
///
/// assert_eq!(Saddle(5.0).value(&[1.0, 2.0]), 1.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Saddle(pub f64);

/// C(x, y) = x³ − 3xy²: a saddle whose Hessian vanishes, with room for two legs and a tail.
///
/// ```
/// use chainrule_optim::{Objective, testing::MonkeySaddle};
///
/// assert_eq!(MonkeySaddle.value(&[2.0, 1.0]), 2.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonkeySaddle;

/// [`Objective`] of a function of two numbers from its value, gradient and Hessian (xx, xy, yy).
macro_rules! plane {
    ($name:ty, |$self:ident, $x:ident, $y:ident| $value:expr, $gradient:expr, $hessian:expr) => {
        impl<A: Scalar> Objective<A> for $name {
            fn dim(&self) -> usize {
                2
            }

            fn value(&mut self, theta: &[A]) -> A {
                let ($self, $x, $y) = (&*self, theta[0].as_f64(), theta[1].as_f64());
                let _ = $self;
                A::of($value)
            }

            fn value_and_grad(&mut self, theta: &[A], grad: &mut [A]) -> A {
                let value = self.value(theta);
                let ($self, $x, $y) = (&*self, theta[0].as_f64(), theta[1].as_f64());
                let _ = $self;
                let gradient: [f64; 2] = $gradient;
                grad.copy_from_slice(&gradient.map(A::of));
                value
            }

            fn hessian_vector(&mut self, theta: &[A], v: &[A], hv: &mut [A]) {
                let ($self, $x, $y) = (&*self, theta[0].as_f64(), theta[1].as_f64());
                let _ = ($self, $x, $y);
                let [xx, xy, yy]: [f64; 3] = $hessian;
                let (v_x, v_y) = (v[0].as_f64(), v[1].as_f64());
                hv.copy_from_slice(&[xx * v_x + xy * v_y, xy * v_x + yy * v_y].map(A::of));
            }
        }
    };
}

plane!(
    Rosenbrock,
    |this, x, y| (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2),
    [2.0 * (x - 1.0) - 400.0 * x * (y - x * x), 200.0 * (y - x * x)],
    [2.0 + 1200.0 * x * x - 400.0 * y, -400.0 * x, 200.0]
);
plane!(Saddle, |this, x, y| this.0 * x * x - y * y, [2.0 * this.0 * x, -2.0 * y], [2.0 * this.0, 0.0, -2.0]);
plane!(
    MonkeySaddle,
    |this, x, y| x.powi(3) - 3.0 * x * y * y,
    [3.0 * x * x - 3.0 * y * y, -6.0 * x * y],
    [6.0 * x, -6.0 * y, -6.0 * x]
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::central_difference;
    use chainrule_tensor::difference::{derivative, relative_error};

    #[track_caller]
    fn check(objective: &mut dyn Objective<f64>, theta: [f64; 2]) {
        let (mut grad, mut exact, mut difference) = ([0.0; 2], [0.0; 2], [0.0; 2]);
        objective.value_and_grad(&theta, &mut grad);
        for i in 0..2 {
            let slope = derivative(|e| {
                let mut moved = theta;
                moved[i] += e;
                objective.value(&moved)
            });
            assert!((slope - grad[i]).abs() < 1e-7 * (1.0 + slope.abs()), "∂{i}: {slope} and {}", grad[i]);
        }
        let v = [0.3, -1.1];
        objective.hessian_vector(&theta, &v, &mut exact);
        central_difference(objective, &theta, &v, &mut difference);
        assert!(relative_error(&exact, &difference) < 1e-6, "{exact:?} and {difference:?}");
        assert_eq!(objective.dim(), theta.len());
    }

    #[test]
    fn every_function_has_the_derivatives_it_claims() {
        check(&mut Quadratic::new(vec![1.0, 9.0]), [0.4, -0.7]);
        check(&mut Rosenbrock, [-1.2, 1.0]);
        check(&mut Saddle(5.0), [0.4, -0.7]);
        check(&mut MonkeySaddle, [0.4, -0.7]);
    }
}
