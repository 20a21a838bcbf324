use chainrule_tensor::ndarray::{Array1, Array2, ArrayRef2, Axis};
use chainrule_tensor::{Scalar, simd};
use serde::{Deserialize, Serialize};

use crate::affine::Affine;
use crate::{Dataset, Error, Features};

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

/// What the fits need to know of each feature.
struct Statistics {
    mean: Array1<f64>,
    /// Σ(x − mean)² / n.
    variance: Array1<f64>,
    min: Array1<f64>,
    max: Array1<f64>,
}

impl Statistics {
    fn of<A: Scalar>(features: &Features<A>) -> Result<Self, Error> {
        let (n, inputs) = features.dim();
        let mut row = vec![A::zero(); inputs];
        match features {
            Features::Bytes(x) => Ok(Self::of_bytes(x)),
            Features::Real(x) => Self::of_rows(n, inputs, |visit| {
                x.outer_iter().for_each(|row| visit(row.to_slice().expect("a data set is laid out by rows")));
                Ok(())
            }),
            Features::Coded(_) => Self::of_rows(n, inputs, |visit| {
                (0..n).for_each(|i| {
                    features.row(i, &mut row);
                    visit(&row);
                });
                Ok(())
            }),
            Features::Stored(stored) => Self::of_rows(n, inputs, |visit| {
                stored.each_block(|_, block| {
                    block.chunks_exact(stored.stride()).for_each(|bytes| {
                        stored.decode(bytes, &mut row);
                        visit(&row);
                    });
                    Ok(())
                })
            }),
        }
    }

    /// Of bytes, whose sums and sums of squares are exact.
    fn of_bytes(x: &Array2<u8>) -> Self {
        /// So many squares of 255 fit into 32 bits.
        const BLOCK: usize = 1 << 16;
        let (n, features) = (x.nrows() as u128, x.ncols());
        let (mut sum, mut square) = (vec![0_u64; features], vec![0_u64; features]);
        let (mut min, mut max) = (vec![u8::MAX; features], vec![u8::MIN; features]);
        let (mut block_sum, mut block_square) = (vec![0_u32; features], vec![0_u32; features]);
        for block in x.axis_chunks_iter(Axis(0), BLOCK) {
            simd::dispatch(|| {
                for row in block.outer_iter() {
                    let row = row.to_slice().expect("a data set is laid out by rows");
                    let sums = block_sum.iter_mut().zip(&mut block_square);
                    for (((&x, (sum, square)), min), max) in row.iter().zip(sums).zip(&mut min).zip(&mut max)
                    {
                        *sum += u32::from(x);
                        *square += u32::from(x) * u32::from(x);
                        *min = x.min(*min);
                        *max = x.max(*max);
                    }
                }
            });
            for (total, part) in [(&mut sum, &mut block_sum), (&mut square, &mut block_square)] {
                for (total, part) in total.iter_mut().zip(part) {
                    *total += u64::from(std::mem::take(part));
                }
            }
        }
        let variance = |(&sum, &square): (&u64, &u64)| {
            let (sum, square) = (u128::from(sum), u128::from(square));
            (n * square - sum * sum) as f64 / (n * n) as f64
        };
        Self {
            mean: sum.iter().map(|&sum| sum as f64 / n as f64).collect(),
            variance: sum.iter().zip(&square).map(variance).collect(),
            min: min.into_iter().map(f64::from).collect(),
            max: max.into_iter().map(f64::from).collect(),
        }
    }

    /// Two passes of `each` through all rows: Σx² − n·mean² would cancel where the mean is large beside the deviation.
    fn of_rows<A: Scalar>(
        n: usize,
        features: usize,
        mut each: impl FnMut(&mut dyn FnMut(&[A])) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let n = n as f64;
        let mut mean = Array1::<f64>::zeros(features);
        let mut min = Array1::from_elem(features, f64::INFINITY);
        let mut max = Array1::from_elem(features, f64::NEG_INFINITY);
        each(&mut |row| {
            for (((&x, mean), min), max) in row.iter().zip(&mut mean).zip(&mut min).zip(&mut max) {
                let x = x.as_f64();
                *mean += x;
                *min = min.min(x);
                *max = max.max(x);
            }
        })?;
        mean /= n;
        let mut variance = Array1::<f64>::zeros(features);
        each(&mut |row| {
            for ((&x, &mean), variance) in row.iter().zip(&mean).zip(&mut variance) {
                *variance += (x.as_f64() - mean).powi(2);
            }
        })?;
        variance /= n;
        // The mean of equal numbers is rounded, so a constant feature can seem to vary by that rounding.
        for ((min, max), (mean, variance)) in min.iter().zip(&max).zip(mean.iter_mut().zip(&mut variance)) {
            if min == max {
                (*mean, *variance) = (*min, 0.0);
            }
        }
        Ok(Self { mean, variance, min, max })
    }

    /// The statistics of (x − shift) / divisor.
    fn mapped(mut self, through: impl Iterator<Item = (f64, f64)>) -> Self {
        for (j, (shift, divisor)) in through.enumerate() {
            let map = |x: f64| (x - shift) / divisor;
            let (a, b) = (map(self.min[j]), map(self.max[j]));
            (self.min[j], self.max[j]) = (a.min(b), a.max(b));
            self.mean[j] = map(self.mean[j]);
            self.variance[j] /= divisor * divisor;
        }
        self
    }

    fn into_transform(self, method: Method) -> Transform {
        // A constant feature, or one that varies less than a float can say, is only shifted.
        let divisor = |x: f64| if x.is_normal() { x } else { 1.0 };
        match method {
            Method::MinMax => {
                let range = (&self.max - &self.min).mapv(divisor).to_vec();
                Transform::MinMax { min: self.min.to_vec(), range }
            }
            Method::Standardise => {
                let deviation = self.variance.mapv(|variance| divisor(variance.sqrt())).to_vec();
                Transform::Standardise { mean: self.mean.to_vec(), deviation }
            }
            Method::GlobalStandardise => {
                // Every feature has the same number of examples: the variance of all is the mean variance within
                // features plus the variance between their means.
                let features = self.mean.len() as f64;
                let mean = self.mean.sum() / features;
                let between = self.mean.mapv(|m| (m - mean).powi(2)).sum() / features;
                let variance = self.variance.sum() / features + between;
                Transform::GlobalStandardise { mean, deviation: divisor(variance.sqrt()) }
            }
        }
    }
}
