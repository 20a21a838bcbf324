//! The units of a regression's targets: a network learns prices in thousands as readily as shares.

use chainrule::datasets::{Dataset, Parts, Target};
use chainrule::layers::Stage;
use chainrule::model::{ModelCard, Output};
use chainrule::tensor::{Layout, Scalar};

use crate::failure::Failure;

/// Mean and standard deviation of each target of a regression on data of one's own: the network trains on
/// t' = (t − mean) / deviation, and a model is saved with the inverse in its last layer, y = deviation·y' + mean.
#[derive(Debug, Default)]
pub(crate) struct TargetScaling {
    columns: Vec<(f64, f64)>,
}

impl TargetScaling {
    /// Those of the training targets; none where they are classes, or the last layer's output is not the prediction.
    pub(crate) fn of<A: Scalar>(card: &ModelCard, train: &Dataset<A>) -> Self {
        let ends_in_dense = matches!(card.architecture.layers.last(), Some(Stage::Dense(_)));
        match train.target() {
            Target::Real { values, .. } if ends_in_dense && card.output == Output::Identity => {
                let moments = |column: chainrule::ndarray::ArrayView1<'_, f64>| {
                    let n = column.len() as f64;
                    let mean = column.iter().sum::<f64>() / n;
                    let variance = column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
                    let deviation = variance.sqrt();
                    (mean, if deviation.is_normal() { deviation } else { 1.0 })
                };
                Self { columns: values.columns().into_iter().map(moments).collect() }
            }
            _ => Self::default(),
        }
    }

    /// Brings all targets to mean 0 and deviation 1, and returns those from before.
    pub(crate) fn enter<A: Scalar>(&self, parts: &mut Parts<A>) -> Result<Vec<Target>, Failure> {
        if self.columns.is_empty() {
            return Ok(Vec::new());
        }
        let scaled = |target: &Target| match target {
            Target::Real { values, names } => {
                let mut values = values.clone();
                for (mut column, (mean, deviation)) in values.columns_mut().into_iter().zip(&self.columns) {
                    column.map_inplace(|x| *x = (*x - mean) / deviation);
                }
                Target::Real { values, names: names.clone() }
            }
            other @ (Target::Classes { .. } | Target::MultiLabel { .. }) => other.clone(),
        };
        each(parts)
            .map(|data| data.replace_target(scaled(data.target())))
            .collect::<Result<_, _>>()
            .map_err(Failure::input)
    }

    /// Brings back what [`enter`](Self::enter) returned.
    pub(crate) fn leave<A: Scalar>(parts: &mut Parts<A>, before: Vec<Target>) -> Result<(), Failure> {
        for (data, target) in each(parts).zip(before) {
            data.replace_target(target).map_err(Failure::input)?;
        }
        Ok(())
    }

    /// θ of the network that predicts in the units of the data: W·deviation and b·deviation + mean in the last layer.
    pub(crate) fn folded<A: Scalar>(&self, layout: &Layout, theta: &[A]) -> Vec<A> {
        self.mapped(layout, theta, |w, deviation| w * deviation, |b, mean, deviation| b * deviation + mean)
    }

    /// The inverse of [`folded`](Self::folded): θ for the scaled targets, from that of a model.
    pub(crate) fn unfolded<A: Scalar>(&self, layout: &Layout, theta: &[A]) -> Vec<A> {
        self.mapped(layout, theta, |w, deviation| w / deviation, |b, mean, deviation| (b - mean) / deviation)
    }

    /// θ with these functions of the weights and biases of the last layer.
    fn mapped<A: Scalar>(
        &self,
        layout: &Layout,
        theta: &[A],
        weight: impl Fn(f64, f64) -> f64,
        bias: impl Fn(f64, f64, f64) -> f64,
    ) -> Vec<A> {
        let mut theta = theta.to_vec();
        if self.columns.is_empty() {
            return theta;
        }
        let [.., weights, biases] = layout.entries() else { return theta };
        let outputs = self.columns.len();
        for (i, w) in theta[weights.range()].iter_mut().enumerate() {
            *w = A::of(weight(w.as_f64(), self.columns[i % outputs].1));
        }
        for (b, (mean, deviation)) in theta[biases.range()].iter_mut().zip(&self.columns) {
            *b = A::of(bias(b.as_f64(), *mean, *deviation));
        }
        theta
    }
}

fn each<A>(parts: &mut Parts<A>) -> impl Iterator<Item = &mut Dataset<A>> {
    [Some(&mut parts.train), parts.validation.as_mut(), parts.test.as_mut()].into_iter().flatten()
}
