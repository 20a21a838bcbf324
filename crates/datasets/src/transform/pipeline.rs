use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::ArrayRef2;
use serde::{Deserialize, Serialize};

use super::folded::Folded;
use super::transforms::Transform;
use crate::error::Error;

/// Transforms, one after the other; the empty pipeline is the identity.
///
/// It is fitted on the training part alone and kept with the model, so that predictions use the same numbers. As all
/// [`Transform`]s are affine in each feature, so is the pipeline: it runs as one subtraction and one product per
/// number, and applying it to a matrix gives the same bits as filling a batch through it. In JSON it is a list.
///
/// ```
/// use chainrule_datasets::{Dataset, Scaling, Pipeline, Target, Transform};
/// use chainrule_tensor::ndarray::array;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let data = Dataset::<f32>::new("d", array![[0_u8, 7], [255, 7]], Target::numbered(vec![0, 1], 2))?;
/// let pipeline = Pipeline::new().then(Transform::Scale { divisor: 255.0 }).then_fit(Scaling::Standardise, &data)?;
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

    /// This pipeline, then `transform`.
    pub fn then(mut self, transform: Transform) -> Self {
        self.0.push(transform);
        self
    }

    /// The transforms, first to last.
    pub fn transforms(&self) -> &[Transform] {
        &self.0
    }

    /// Whether the pipeline is empty.
    pub fn is_identity(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of the transforms brings the inputs to mean 0 and variance 1.
    pub fn is_standardising(&self) -> bool {
        self.0.iter().any(|transform| {
            matches!(
                transform,
                Transform::Standardise { .. }
                    | Transform::GlobalStandardise { .. }
                    | Transform::ChannelStandardise { .. }
            )
        })
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

    /// Checks that it can transform examples with this number of features.
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
            if !inputs.is_multiple_of(transform.period()) {
                let channels = transform.period();
                let fault = format!(
                    "it is for images with {channels} channels, and {inputs} numbers are none: fit it on this data"
                );
                return Err(Error::data("input transform", fault));
            }
        }
        Ok(())
    }

    /// (shift, divisor) of a feature through all transforms:
    /// ((x − a)/s − b)/t = (x − (a + b·s)) / (s·t).
    pub(super) fn fold(&self, feature: usize) -> (f64, f64) {
        self.0.iter().fold((0.0, 1.0), |(a, s), transform| {
            let (b, t) = transform.at(feature);
            (a + b * s, s * t)
        })
    }

    /// The whole pipeline as one subtraction and one product per feature.
    ///
    /// # Panics
    /// If it was fitted on another number of features.
    #[track_caller]
    pub(crate) fn fold_all<A: Scalar>(&self, inputs: usize) -> Folded<A> {
        if let Err(error) = self.check(inputs) {
            panic!("{error}");
        }
        Folded::new((0..inputs).map(|feature| self.fold(feature)))
    }

    /// Shift and scale of each feature, y = (x − shift)·scale, in the numbers that batches and predictions are made with.
    ///
    /// # Panics
    /// If it was fitted on another number of features; [`check`](Self::check) says so beforehand.
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

    /// x ← the transformed x, one example per row.
    ///
    /// # Panics
    /// If it was fitted on another number of features; [`check`](Self::check) says so beforehand.
    #[track_caller]
    pub fn apply_in_place<A: Scalar>(&self, x: &mut ArrayRef2<A>) {
        if self.0.is_empty() {
            return;
        }
        let folded = self.fold_all(x.ncols());
        x.outer_iter_mut().for_each(|mut row| folded.apply(&mut row));
    }

    /// y ← the x whose transform is y, up to rounding.
    ///
    /// # Panics
    /// If it was fitted on another number of features; [`check`](Self::check) says so beforehand.
    #[track_caller]
    pub fn invert_in_place<A: Scalar>(&self, y: &mut ArrayRef2<A>) {
        let folded = self.fold_all(y.ncols());
        y.outer_iter_mut().for_each(|mut row| folded.invert(&mut row));
    }
}
