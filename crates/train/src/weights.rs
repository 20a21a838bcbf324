use chainrule_layers::Mode;
use chainrule_tensor::{Aligned, Scalar};

/// The numbers of a trained network: θ and, where it has layers that measure any, the statistics beside it.
///
/// Whatever evaluates a network takes them; θ alone does for a network without statistics.
///
/// ```
/// use chainrule_train::Weights;
///
/// let theta = vec![1.0, 2.0];
/// assert_eq!(Weights::from(&theta), Weights { theta: &[1.0, 2.0], statistics: &[] });
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights<'a, A> {
    /// The parameters, flat, in the layout of [`Layer::layout`](chainrule_layers::Layer::layout).
    pub theta: &'a [A],
    /// The running statistics, in the layout of [`Layer::statistics`](chainrule_layers::Layer::statistics).
    pub statistics: &'a [A],
}

impl<'a, A> Weights<'a, A> {
    /// The mode of a forward pass that predicts with these statistics.
    pub fn eval(self) -> Mode<'a, A> {
        Mode::Eval { statistics: self.statistics }
    }
}

impl<'a, A> From<&'a [A]> for Weights<'a, A> {
    fn from(theta: &'a [A]) -> Self {
        Self { theta, statistics: &[] }
    }
}

impl<'a, A> From<&'a Vec<A>> for Weights<'a, A> {
    fn from(theta: &'a Vec<A>) -> Self {
        Self::from(theta.as_slice())
    }
}

impl<'a, A, const N: usize> From<&'a [A; N]> for Weights<'a, A> {
    fn from(theta: &'a [A; N]) -> Self {
        Self::from(theta.as_slice())
    }
}

impl<'a, A: Scalar> From<&'a Aligned<A>> for Weights<'a, A> {
    fn from(theta: &'a Aligned<A>) -> Self {
        Self::from(&**theta)
    }
}
