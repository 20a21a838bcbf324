mod statistics;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::ArrayRef2;
use serde::{Deserialize, Serialize};

use crate::affine::Affine;
use crate::{Dataset, Error};
use statistics::Statistics;

/// A change of the inputs that is affine in each feature: y = (x − shift) / divisor, with numbers in `f64`.
///
/// In JSON it is an object with a `kind`: `{"kind":"scale","divisor":255.0}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Transform {
    /// y = x / divisor: pixels to \[0, 1\].
    Scale {
        /// What everything is divided by.
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
    /// y = (x − mean) / deviation with one mean and one deviation over all features: the usual one for pixels, which
    /// keeps their contrast.
    GlobalStandardise {
        /// The mean over all features and examples.
        mean: f64,
        /// The standard deviation over all features and examples; 1 if all is constant.
        deviation: f64,
    },
}

/// A [`Transform`] whose numbers are yet to be found in data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// [`Transform::MinMax`].
    MinMax,
    /// [`Transform::Standardise`].
    Standardise,
    /// [`Transform::GlobalStandardise`].
    GlobalStandardise,
}

impl Transform {
    /// (shift, divisor) of a feature.
    fn at(&self, feature: usize) -> (f64, f64) {
        match self {
            Transform::Scale { divisor } => (0.0, *divisor),
            Transform::MinMax { min: shift, range: divisor }
            | Transform::Standardise { mean: shift, deviation: divisor } => {
                (shift[feature], divisor[feature])
            }
            Transform::GlobalStandardise { mean, deviation } => (*mean, *deviation),
        }
    }

    /// The number of features, where it matters; an error if two lists differ or a number is useless.
    fn features(&self) -> Result<Option<usize>, String> {
        let (shift, divisor) = match self {
            Transform::Scale { divisor } => (&[0.0][..], std::slice::from_ref(divisor)),
            Transform::MinMax { min: shift, range: divisor }
            | Transform::Standardise { mean: shift, deviation: divisor } => (&shift[..], &divisor[..]),
            Transform::GlobalStandardise { mean, deviation } => {
                (std::slice::from_ref(mean), std::slice::from_ref(deviation))
            }
        };
        if shift.len() != divisor.len() {
            return Err(format!("{} shifts but {} divisors", shift.len(), divisor.len()));
        }
        if let Some(bad) = shift.iter().find(|shift| !shift.is_finite()) {
            return Err(format!("the shift {bad} is not finite"));
        }
        if let Some(bad) = divisor.iter().find(|divisor| !divisor.is_normal()) {
            return Err(format!("{bad} is no divisor"));
        }
        let each = matches!(self, Transform::MinMax { .. } | Transform::Standardise { .. });
        Ok(each.then_some(shift.len()))
    }
}

/// Transforms, one after the other. Empty, it is the identity.
///
/// It is fitted on the training part alone and kept with the model, so that a prediction sees the same numbers. As all
/// [`Transform`]s are affine in each feature, so is the pipeline: it runs as one subtraction and one product per
/// number, and applying it to a matrix gives the same bits as filling a batch through it. In JSON it is a list.
///
/// ```
/// use chainrule_datasets::{Dataset, Method, Pipeline, Target, Transform};
/// use chainrule_tensor::ndarray::array;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let data = Dataset::new("d", array![[0_u8, 7], [255, 7]], Target::<f64>::numbered(vec![0, 1], 2))?;
/// let pipeline = Pipeline::new().then(Transform::Scale { divisor: 255.0 }).then_fit(Method::Standardise, &data)?;
/// let mut x = array![[255.0_f64, 7.0]];
/// pipeline.apply_in_place(&mut x);
/// assert!((x[(0, 0)] - 1.0).abs() < 1e-12 && x[(0, 1)].abs() < 1e-12);
///
/// let json = serde_json::to_string(&pipeline)?;
/// assert!(json.starts_with(r#"[{"kind":"scale","divisor":255.0},{"kind":"standardise","#));
/// assert_eq!(serde_json::from_str::<Pipeline>(&json)?, pipeline);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Transform>", into = "Vec<Transform>")]
pub struct Pipeline(Vec<Transform>);

impl From<Pipeline> for Vec<Transform> {
    fn from(pipeline: Pipeline) -> Self {
        pipeline.0
    }
}

/// Lists from outside: each number must be usable, and all must speak of the same features.
impl TryFrom<Vec<Transform>> for Pipeline {
    type Error = Error;

    fn try_from(transforms: Vec<Transform>) -> Result<Self, Error> {
        let pipeline = Self(transforms);
        pipeline.check(pipeline.features()?.unwrap_or(0))?;
        Ok(pipeline)
    }
}

impl Pipeline {
    /// The identity.
    pub fn new() -> Self {
        Self::default()
    }

    /// Methods fitted one after the other, each on what the earlier ones make of `data`.
    ///
    /// # Errors
    /// If `data` is empty.
    pub fn fit<A: Scalar>(methods: &[Method], data: &Dataset<A>) -> Result<Self, Error> {
        methods.iter().try_fold(Self::new(), |pipeline, &method| pipeline.then_fit(method, data))
    }

    /// This pipeline, then `transform`.
    pub fn then(mut self, transform: Transform) -> Self {
        self.0.push(transform);
        self
    }

    /// This pipeline, then a transform fitted on what the pipeline makes of `data`.
    ///
    /// # Errors
    /// If `data` is empty, or this pipeline is not for its features.
    pub fn then_fit<A: Scalar>(self, method: Method, data: &Dataset<A>) -> Result<Self, Error> {
        self.check(data.inputs())?;
        if data.is_empty() || data.inputs() == 0 {
            return Err(Error::data(data.name(), "there is nothing to fit a transform on: give it examples"));
        }
        let raw = Statistics::of(data.features())?;
        if let Some(feature) = raw.variance.iter().position(|variance| !variance.is_finite()) {
            // Rows that stay in a file are seen here for the first time.
            let fault = format!("feature {feature} holds NaN or infinity: replace it or drop the examples");
            return Err(Error::data(data.name(), fault));
        }
        let through = (0..data.inputs()).map(|feature| self.fold(feature));
        let transform = raw.mapped(through).into_transform(method);
        Ok(self.then(transform))
    }

    /// The transforms, first to last.
    pub fn transforms(&self) -> &[Transform] {
        &self.0
    }

    /// Whether it changes nothing because there is nothing in it.
    pub fn is_identity(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of features it was fitted on; `None` if it serves any.
    ///
    /// # Errors
    /// If a number in it cannot be used.
    pub fn features(&self) -> Result<Option<usize>, Error> {
        let mut features = None;
        for transform in &self.0 {
            let own = transform.features().map_err(|fault| Error::data("input transform", fault))?;
            features = features.or(own);
        }
        Ok(features)
    }

    /// Checks that it can transform examples of so many features.
    ///
    /// # Errors
    /// If it was fitted on another number of features, or a number in it cannot be used.
    pub fn check(&self, inputs: usize) -> Result<(), Error> {
        for transform in &self.0 {
            match transform.features().map_err(|fault| Error::data("input transform", fault))? {
                Some(features) if features != inputs => {
                    let fault =
                        format!("it was fitted on {features} features, not {inputs}: fit it on this data");
                    return Err(Error::data("input transform", fault));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// (shift, divisor) of a feature through all transforms:
    /// ((x − a)/s − b)/t = (x − (a + b·s)) / (s·t).
    fn fold(&self, feature: usize) -> (f64, f64) {
        self.0.iter().fold((0.0, 1.0), |(a, s), transform| {
            let (b, t) = transform.at(feature);
            (a + b * s, s * t)
        })
    }

    /// Shift and scale of each feature, y = (x − shift)·scale, in the numbers that batches and predictions are made with.
    ///
    /// # Panics
    /// If it was fitted on another number of features; [`check`](Self::check) tells beforehand.
    ///
    /// ```
    /// use chainrule_datasets::{Pipeline, Transform};
    ///
    /// let pipeline = Pipeline::new().then(Transform::Scale { divisor: 4.0 });
    /// assert_eq!(pipeline.folded::<f32>(2), (vec![0.0, 0.0], vec![0.25, 0.25]));
    /// ```
    #[track_caller]
    pub fn folded<A: Scalar>(&self, inputs: usize) -> (Vec<A>, Vec<A>) {
        if let Err(error) = self.check(inputs) {
            panic!("{error}");
        }
        let folded = (0..inputs).map(|feature| self.fold(feature));
        folded.map(|(shift, divisor)| (A::of(shift), A::of(1.0 / divisor))).unzip()
    }

    /// x ← the transformed x, one example a row.
    ///
    /// # Panics
    /// If it was fitted on another number of features; [`check`](Self::check) tells beforehand.
    #[track_caller]
    pub fn apply_in_place<A: Scalar>(&self, x: &mut ArrayRef2<A>) {
        let affine = Affine::new(self, x.ncols());
        x.outer_iter_mut().for_each(|mut row| affine.apply(&mut row));
    }

    /// y ← the x whose transform is y, up to rounding.
    ///
    /// # Panics
    /// If it was fitted on another number of features; [`check`](Self::check) tells beforehand.
    #[track_caller]
    pub fn invert_in_place<A: Scalar>(&self, y: &mut ArrayRef2<A>) {
        let affine = Affine::new(self, y.ncols());
        y.outer_iter_mut().for_each(|mut row| affine.invert(&mut row));
    }
}
