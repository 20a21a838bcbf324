use chainrule_loss::Loss;
use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{ArrayRef2, s};

/// Σₙ wₙ·ℓ(yₙ, tₙ) and its derivatives: a loss on the targets of a batch, each row counted by its weight.
pub(crate) struct Weighted<'a, A: Scalar> {
    loss: &'a dyn Loss<A>,
    target: &'a ArrayRef2<A>,
    /// 1 each where there are none.
    weights: Option<&'a [A]>,
}

impl<'a, A: Scalar> Weighted<'a, A> {
    pub(crate) fn of(loss: &'a dyn Loss<A>, target: &'a ArrayRef2<A>, weights: Option<&'a [A]>) -> Self {
        Self { loss, target, weights }
    }

    pub(crate) fn value(&self, y: &ArrayRef2<A>) -> A {
        let Some(weights) = self.weights else { return self.loss.value(y, self.target) };
        let row = |(n, &w): (usize, &A)| {
            w * self.loss.value(&y.slice(s![n..=n, ..]), &self.target.slice(s![n..=n, ..]))
        };
        weights.iter().enumerate().map(row).sum()
    }

    pub(crate) fn value_and_delta(&self, y: &ArrayRef2<A>, delta: &mut ArrayRef2<A>) -> A {
        let Some(weights) = self.weights else { return self.loss.value_and_delta(y, self.target, delta) };
        let mut row = |(n, &w): (usize, &A)| {
            let row = s![n..=n, ..];
            let mut delta = delta.slice_mut(row);
            let value = self.loss.value_and_delta(&y.slice(row), &self.target.slice(row), &mut delta);
            delta.map_inplace(|delta| *delta *= w);
            w * value
        };
        let mut sum = A::zero();
        for each in weights.iter().enumerate() {
            sum += row(each);
        }
        sum
    }

    pub(crate) fn r_delta(&self, y: &ArrayRef2<A>, r_y: &ArrayRef2<A>, r_delta: &mut ArrayRef2<A>) {
        let Some(weights) = self.weights else { return self.loss.r_delta(y, self.target, r_y, r_delta) };
        for (n, &w) in weights.iter().enumerate() {
            let row = s![n..=n, ..];
            let mut out = r_delta.slice_mut(row);
            self.loss.r_delta(&y.slice(row), &self.target.slice(row), &r_y.slice(row), &mut out);
            out.map_inplace(|r| *r *= w);
        }
    }
}
