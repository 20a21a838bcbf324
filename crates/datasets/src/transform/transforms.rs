use serde::{Deserialize, Serialize};

/// A change of the inputs that is affine in each feature: y = (x − shift) / divisor, with numbers in `f64`.
///
/// In JSON it is an object with a `kind`: `{"kind":"scale","divisor":255.0}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Transform {
    /// y = x / divisor: pixels to \[0, 1\].
    Scale {
        /// The divisor of every feature.
        divisor: f64,
    },
    /// y = (x − min) / range, for each feature: to \[0, 1\] on the data it was fitted on.
    MinMax {
        /// The smallest number of each feature.
        min: Vec<f64>,
        /// Largest minus smallest; 1 for a constant feature.
        range: Vec<f64>,
    },
    /// y = (x − mean) / deviation, for each feature: mean 0 and variance 1 on the data it was fitted on.
    Standardise {
        /// The mean of each feature.
        mean: Vec<f64>,
        /// The standard deviation √(Σ(x − mean)² / n) of each feature; 1 for a constant feature.
        deviation: Vec<f64>,
    },
    /// y = (x − mean) / deviation with one mean and one deviation over all features: usual for pixels, because it keeps
    /// their contrast.
    GlobalStandardise {
        /// The mean over all features and examples.
        mean: f64,
        /// The standard deviation over all features and examples; 1 if all is constant.
        deviation: f64,
    },
    /// y = (x − mean) / deviation with one mean and one deviation for each channel of an image, over all of its pixels.
    ChannelStandardise {
        /// The mean of each channel over all pixels and examples.
        mean: Vec<f64>,
        /// The standard deviation of each channel over all pixels and examples; 1 for a constant one.
        deviation: Vec<f64>,
    },
}

/// A [`Transform`] whose numbers are fitted to data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scaling {
    /// [`Transform::MinMax`].
    MinMax,
    /// [`Transform::Standardise`].
    Standardise,
    /// [`Transform::GlobalStandardise`].
    GlobalStandardise,
    /// [`Transform::ChannelStandardise`], of images.
    ChannelStandardise,
}

impl Transform {
    /// (shift, divisor) of a feature.
    pub(super) fn at(&self, feature: usize) -> (f64, f64) {
        match self {
            Transform::Scale { divisor } => (0.0, *divisor),
            Transform::MinMax { min: shift, range: divisor }
            | Transform::Standardise { mean: shift, deviation: divisor } => {
                (shift[feature], divisor[feature])
            }
            Transform::GlobalStandardise { mean, deviation } => (*mean, *deviation),
            // The channels of a pixel are next to each other.
            Transform::ChannelStandardise { mean, deviation } => {
                (mean[feature % mean.len()], deviation[feature % deviation.len()])
            }
        }
    }

    /// The number of features of which the examples have a multiple.
    pub(super) fn period(&self) -> usize {
        match self {
            Transform::ChannelStandardise { mean, .. } => mean.len(),
            _ => 1,
        }
    }

    /// The number of features, where it matters; an error if two lists differ in length or a number cannot be used.
    pub(super) fn features(&self) -> Result<Option<usize>, String> {
        let (shift, divisor) = match self {
            Transform::Scale { divisor } => (&[0.0][..], std::slice::from_ref(divisor)),
            Transform::MinMax { min: shift, range: divisor }
            | Transform::Standardise { mean: shift, deviation: divisor }
            | Transform::ChannelStandardise { mean: shift, deviation: divisor } => (&shift[..], &divisor[..]),
            Transform::GlobalStandardise { mean, deviation } => {
                (std::slice::from_ref(mean), std::slice::from_ref(deviation))
            }
        };
        if shift.len() != divisor.len() {
            return Err(format!("{} shifts but {} divisors", shift.len(), divisor.len()));
        }
        if self.period() == 0 {
            return Err("an image without channels".to_owned());
        }
        if let Some(bad) = shift.iter().find(|shift| !shift.is_finite()) {
            return Err(format!("the shift {bad} is not finite"));
        }
        if let Some(bad) = divisor.iter().find(|divisor| !divisor.is_normal()) {
            return Err(format!("{bad} cannot be a divisor"));
        }
        let each = matches!(self, Transform::MinMax { .. } | Transform::Standardise { .. });
        Ok(each.then_some(shift.len()))
    }
}
