use chainrule_datasets::{Dataset, Error, Target, moments};
use chainrule_layers::{Dense, Layer, Sequential};
use chainrule_tensor::{Layout, Scalar};

use crate::output::Output;

/// The units of a regression's targets: mean and standard deviation of each. A network learns prices in thousands as readily as
/// shares if it trains on t' = (t − mean) / deviation; afterwards its last layer takes the inverse up,
/// y = deviation·y' + mean.
///
/// Without columns, as for classes, nothing changes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TargetScaling {
    columns: Vec<(f64, f64)>,
}

impl TargetScaling {
    /// That of the targets in `train`, for a network whose last layer's output is the prediction; none where the targets are
    /// classes, or the last layer cannot take it up.
    pub fn of<A: Scalar>(network: &dyn Layer<A>, output: Output, train: &Dataset<A>) -> Self {
        match train.target() {
            Target::Real { values, .. }
                if !train.is_empty() && ends_in_dense(network) && output == Output::Identity =>
            {
                let moments = moments(values, train.weights()).into_iter();
                Self { columns: moments.map(|(mean, deviation)| (mean, deviation.unwrap_or(1.0))).collect() }
            }
            _ => Self::default(),
        }
    }

    /// Whether numbers of this type tell the targets apart, to a hundredth of their deviation: the predictions are in the targets' own
    /// units.
    pub fn is_resolved<A: Scalar>(&self) -> bool {
        self.columns.iter().all(|(mean, deviation)| mean.abs() * A::epsilon().as_f64() <= deviation / 100.0)
    }

    /// Whether the targets stay as they are.
    pub fn is_identity(&self) -> bool {
        self.columns.is_empty()
    }

    /// The same examples with targets of mean 0 and deviation 1.
    ///
    /// # Errors
    /// If a target becomes infinite.
    pub fn scaled<A: Scalar>(&self, data: &Dataset<A>) -> Result<Dataset<A>, Error> {
        let mut scaled = data.clone();
        if let (false, Target::Real { values, names }) = (self.is_identity(), data.target()) {
            let mut values = values.clone();
            for (mut column, (mean, deviation)) in values.columns_mut().into_iter().zip(&self.columns) {
                column.map_inplace(|x| *x = (*x - mean) / deviation);
            }
            scaled.replace_target(Target::Real { values, names: names.clone() })?;
        }
        Ok(scaled)
    }

    /// θ of the network that predicts in the units of the data: W·deviation and b·deviation + mean in the last layer.
    pub fn folded<A: Scalar>(&self, layout: &Layout, theta: &[A]) -> Vec<A> {
        self.mapped(layout, theta, |w, deviation| w * deviation, |b, mean, deviation| b * deviation + mean)
    }

    /// The inverse of [`folded`](Self::folded): θ for the scaled targets, from that of a model.
    pub fn unfolded<A: Scalar>(&self, layout: &Layout, theta: &[A]) -> Vec<A> {
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
        if self.is_identity() {
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

fn ends_in_dense<A: Scalar>(network: &dyn Layer<A>) -> bool {
    match network.downcast::<Sequential<A>>() {
        Some(network) => network.layers().last().is_some_and(ends_in_dense),
        None => network.downcast::<Dense>().is_some(),
    }
}
