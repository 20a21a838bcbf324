use std::sync::Arc;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::Array2;

use crate::encoding::Encoding;
use crate::error::Error;
use crate::features::Features;
use crate::finite::all_finite;
use crate::image::shape::ImageShape;
use crate::input::Input;
use crate::split::Split;
use crate::table::schema::Schema;
use crate::target::{Target, numbered};

/// Examples with their targets, names and shapes.
///
/// The features keep the number type of their source; a [`Pipeline`](crate::Pipeline) transforms them when a batch is filled.
///
/// ```
/// use chainrule_datasets::{Dataset, Target};
/// use chainrule_tensor::ndarray::array;
///
/// # fn main() -> Result<(), chainrule_datasets::Error> {
/// let and = Dataset::new("and", array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], Target::numbered(vec![0, 0, 0, 1], 2))?;
/// assert_eq!((and.len(), and.inputs(), and.outputs()), (4, 2, 2));
/// assert_eq!(and.class_counts(), Some(vec![3, 1]));
/// assert_eq!(and.select(&[3]).one_hot(), Some(array![[0.0, 1.0]]));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset<A> {
    /// Shared by clones, which may have other targets.
    features: Arc<Features<A>>,
    target: Target,
    /// How much each example counts; 1 where there are none.
    weights: Option<Vec<A>>,
    about: About,
}

/// What does not depend on which of the examples are chosen.
#[derive(Debug, Clone, Default, PartialEq)]
struct About {
    name: String,
    /// `None` for the generated names `x0`, `x1`, ….
    feature_names: Option<Vec<String>>,
    image: Option<ImageShape>,
    full_scale: Option<f64>,
    /// Kinds of files that were no examples, with their numbers.
    ignored: Vec<(String, usize)>,
    /// Of image files, how many had another size, and of how many.
    resized: (usize, usize),
}

impl<A: Scalar> Dataset<A> {
    /// Examples with their targets.
    ///
    /// # Errors
    /// If the numbers of examples or names differ, a label is beyond the names, or a number is NaN or infinite.
    pub fn new(
        name: impl Into<String>,
        features: impl Into<Features<A>>,
        target: Target,
    ) -> Result<Self, Error> {
        let (name, features) = (name.into(), standard(features.into()));
        check_target::<A>(&name, features.dim().0, &target)?;
        match &features {
            Features::Real(x) => all_finite(&name, "feature", &x.view(), |x| x)?,
            Features::Wide(x) => all_finite(&name, "feature", &x.view(), A::of)?,
            _ => {}
        }
        let features = Arc::new(features);
        Ok(Self { features, target, weights: None, about: About { name, ..About::default() } })
    }

    /// Declares that each row is an image.
    ///
    /// # Errors
    /// If the number of pixels times channels is not the number of inputs.
    pub fn with_image(mut self, shape: ImageShape) -> Result<Self, Error> {
        if shape.numbers() != Some(self.inputs()) {
            let fault = format!("an example has {} numbers, which do not fill {shape:?}", self.inputs());
            return Err(Error::data(self.about.name, fault));
        }
        self.about.image = Some(shape);
        Ok(self)
    }

    /// Names the features.
    ///
    /// # Errors
    /// If the number of names is not the number of features.
    pub fn with_feature_names(mut self, names: Vec<String>) -> Result<Self, Error> {
        if names.len() != self.inputs() {
            let fault = format!("{} names for {} features", names.len(), self.inputs());
            return Err(Error::data(self.about.name, fault));
        }
        self.about.feature_names = Some(names);
        Ok(self)
    }

    /// Says how much each example counts in training: its loss is multiplied by its weight, which is divided by the mean of all, so
    /// that the size of the loss stays. An example of weight 0 teaches nothing.
    ///
    /// # Errors
    /// If there are not as many weights as examples, one is negative or not finite, all are 0, or their sum overflows.
    pub fn with_weights(mut self, weights: &[f64]) -> Result<Self, Error> {
        let fault = |fault: String| Error::data(self.about.name.clone(), fault);
        if weights.len() != self.len() {
            return Err(fault(format!("{} weights for {} examples", weights.len(), self.len())));
        }
        if let Some(weight) = weights.iter().find(|weight| !weight.is_finite() || **weight < 0.0) {
            return Err(fault(format!(
                "an example has the weight {weight}: give numbers that are not negative"
            )));
        }
        let mean = weights.iter().sum::<f64>() / weights.len().max(1) as f64;
        if mean.is_infinite() {
            return Err(fault("the sum of the weights overflows: give smaller ones".to_owned()));
        }
        if mean == 0.0 && !weights.is_empty() {
            return Err(fault("all examples have the weight 0: give one of them more".to_owned()));
        }
        self.weights = Some(weights.iter().map(|weight| A::of(weight / mean)).collect());
        Ok(self)
    }

    /// How much each example counts, 1 on the average; `None` where all count alike.
    pub fn weights(&self) -> Option<&[A]> {
        self.weights.as_deref()
    }

    /// Declares the number that is full brightness: 255 for bytes.
    pub fn with_full_scale(mut self, full_scale: f64) -> Self {
        self.about.full_scale = Some(full_scale);
        self
    }

    /// Records how many of the image files had another size.
    #[cfg(feature = "images")]
    pub(crate) fn with_resized(mut self, resized: usize, files: usize) -> Self {
        self.about.resized = (resized, files);
        self
    }

    /// Of the image files that the examples were read from, how many had another size, and how many there were.
    pub fn resized_files(&self) -> (usize, usize) {
        self.about.resized
    }

    /// Records the files that were passed over, by kind.
    #[cfg(feature = "images")]
    pub(crate) fn with_ignored(mut self, ignored: Vec<(String, usize)>) -> Self {
        self.about.ignored = ignored;
        self
    }

    /// Kinds of files in a folder that are no examples, with the number of each.
    pub fn ignored(&self) -> &[(String, usize)] {
        &self.about.ignored
    }

    /// Replaces the targets and returns the old ones, which stay if the new ones do not fit.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn replace_target(&mut self, target: Target) -> Result<Target, Error> {
        check_target::<A>(&self.about.name, self.len(), &target)?;
        Ok(std::mem::replace(&mut self.target, target))
    }

    /// The same data under another name.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.about.name = name.into();
        self
    }

    /// The name of the data set.
    pub fn name(&self) -> &str {
        &self.about.name
    }

    /// The number of examples.
    pub fn len(&self) -> usize {
        self.target.len()
    }

    /// Whether there are no examples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers per example: the inputs of a network.
    pub fn inputs(&self) -> usize {
        self.features.dim().1
    }

    /// Classes, target columns or labels: the outputs of a network.
    pub fn outputs(&self) -> usize {
        self.target.outputs()
    }

    /// The inputs, not transformed.
    pub fn features(&self) -> &Features<A> {
        &self.features
    }

    /// The targets.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The class of each example; `None` for regression and multi-label classification.
    pub fn labels(&self) -> Option<&[u32]> {
        match &self.target {
            Target::Classes { labels, .. } => Some(labels),
            Target::Real { .. } | Target::MultiLabel { .. } => None,
        }
    }

    /// The names of the classes; empty for regression and multi-label classification.
    pub fn class_names(&self) -> &[String] {
        self.target.classes()
    }

    /// The number of examples of each class; `None` for regression.
    pub fn class_counts(&self) -> Option<Vec<usize>> {
        let mut counts = vec![0; self.outputs()];
        for &label in self.labels()? {
            counts[label as usize] += 1;
        }
        Some(counts)
    }

    /// The name of each input; generated names are `"x0"`, `"x1"`, ….
    pub fn feature_names(&self) -> Vec<String> {
        let of_table = || self.schema().filter(|schema| schema.named).map(Schema::input_names);
        self.about.feature_names.clone().or_else(of_table).unwrap_or_else(|| numbered("x", self.inputs()))
    }

    /// The columns of a table; `None` for other data.
    pub fn schema(&self) -> Option<&Schema> {
        match self.features() {
            Features::Columns(table) => Some(table.schema()),
            _ => None,
        }
    }

    /// Whether the first column of a table has no name and ascending whole numbers, as the index of a data frame that was written
    /// with the columns.
    pub fn counts_rows(&self) -> bool {
        let Features::Columns(table) = self.features() else { return false };
        let Some(first) = table.schema().features.first().filter(|first| first.place == 0) else {
            return false;
        };
        let is_unnamed = first.name.is_empty() || first.name.starts_with("Unnamed:");
        is_unnamed && table.schema().named && self.len() > 1 && table.first_column_ascends()
    }

    /// What a model must know to read another file for it.
    pub fn input(&self) -> Option<Input> {
        // Image files are read as bytes.
        let image = self.about.image.filter(|_| self.about.full_scale == Some(255.0)).map(Input::Image);
        self.schema().cloned().map(Input::Table).or(image)
    }

    /// The shape of the examples, if they are images.
    pub fn image(&self) -> Option<ImageShape> {
        self.about.image
    }

    /// The number that is full brightness, if the format defines one.
    pub fn full_scale(&self) -> Option<f64> {
        self.about.full_scale
    }

    /// The examples at these indices, in this order; an index may repeat.
    ///
    /// # Panics
    /// If an index is out of range.
    #[track_caller]
    pub fn select(&self, indices: &[usize]) -> Self {
        self.with_rows(self.features.select(indices), indices)
    }

    /// The rest and the held-out part of examples in memory, of which the rest keeps the memory of the whole.
    pub(crate) fn divided(self, split: &Split) -> (Self, Self) {
        let features = Arc::unwrap_or_clone(self.features);
        let whole = Self { features: Arc::new(Features::Bytes(Array2::default((0, 0)))), ..self };
        let (rest, held_out) = features.divided(split);
        (whole.with_rows(rest, &split.rest), whole.with_rows(held_out, &split.held_out))
    }

    /// The part of a streamed file in the blocks at these places.
    pub(crate) fn within(&self, places: &[usize]) -> Self {
        let Features::FileRows(rows) = self.features() else { unreachable!("blocks are parts of files") };
        let indices: Vec<usize> = rows.rows_within(places).collect();
        self.with_rows(Features::FileRows(rows.within(places)), &indices)
    }

    /// These features with the targets at these indices.
    fn with_rows(&self, features: Features<A>, indices: &[usize]) -> Self {
        let target = self.target.select(indices);
        let weights = self.weights.as_ref().map(|weights| indices.iter().map(|&i| weights[i]).collect());
        Self { features: Arc::new(features), target, weights, about: self.about.clone() }
    }

    /// The same examples with their features as these numbers, which are no longer on the scale of the format if
    /// `full_scale` is `None`.
    pub(crate) fn with_numbers(&self, x: Array2<A>, full_scale: Option<f64>) -> Self {
        let about = About { full_scale, ..self.about.clone() };
        let (target, weights) = (self.target.clone(), self.weights.clone());
        Self { features: Arc::new(Features::Real(x)), target, weights, about }
    }

    /// Both parts with the imputed values computed from the first.
    pub(crate) fn refitted(mut train: Self, mut other: Self) -> (Self, Self) {
        if let (Features::Columns(train), Features::Columns(other)) =
            (Arc::make_mut(&mut train.features), Arc::make_mut(&mut other.features))
        {
            train.refit();
            other.adopt(train);
        }
        (train, other)
    }

    /// Checks that the classes or labels can be learned: that there are several, and not nearly as many as examples.
    ///
    /// # Errors
    /// If there is one class only, a label holds for all examples or for none, or of 20 or more examples more than four fifths have a class of their own.
    pub fn check_classes(&self) -> Result<(), Error> {
        const FEWEST: usize = 20;
        if let Target::MultiLabel { values, labels } = &self.target {
            let constant = labels.iter().zip(values.columns()).find(|(_, column)| {
                column.first().is_some_and(|first| column.iter().all(|value| value == first))
            });
            return constant.map_or(Ok(()), |(label, column)| {
                let (name, word) = (&label.name, &label.words[usize::from(column[0])]);
                let fault = format!(
                    "the label {name:?} is {word:?} for all {} examples, so there is nothing to learn: leave it out of --target",
                    self.len()
                );
                Err(Error::data(self.name(), fault))
            });
        }
        let Some(counts) = self.class_counts() else { return Ok(()) };
        let (classes, examples) = (counts.iter().filter(|&&count| count > 0).count(), self.len());
        if classes < 2 && examples > 0 {
            let name = self.class_names().first().map_or("", String::as_str);
            let cure = match self.about.image {
                Some(_) => {
                    "give each class of pictures a folder of its own, or name another target (--target)"
                }
                None => "name another target (--target)",
            };
            let fault = format!(
                "all {examples} examples have the class {name:?}, so there is nothing to learn: {cure}"
            );
            return Err(Error::data(self.name(), fault));
        }
        if examples >= FEWEST && 5 * classes > 4 * examples {
            let fault = format!(
                "the target has {classes} classes in {examples} examples, so it names examples: name another target \
                 (--target), or make this a regression (--task regression) if it is a number"
            );
            return Err(Error::data(self.name(), fault));
        }
        Ok(())
    }

    /// The matrix with a 1 at the class of each example and 0 elsewhere; `None` for regression.
    pub fn one_hot(&self) -> Option<Array2<A>> {
        self.target.is_classes().then(|| self.encode(Encoding::OneHot))
    }

    /// All targets in the encoding that a loss takes.
    ///
    /// # Panics
    /// If the encoding does not fit the target.
    #[track_caller]
    pub fn encode(&self, encoding: Encoding) -> Array2<A> {
        let mut encoded = Array2::zeros((self.len(), encoding.columns(&self.target)));
        for (i, row) in encoded.outer_iter_mut().enumerate() {
            encoding.fill(&self.target, i, row.into_slice().expect("a new matrix is row-major"));
        }
        encoded
    }
}

/// Batches copy whole rows, so each must be contiguous.
fn standard<A: Scalar>(features: Features<A>) -> Features<A> {
    match features {
        Features::Bytes(x) if !x.is_standard_layout() => Features::Bytes(x.as_standard_layout().into_owned()),
        Features::Real(x) if !x.is_standard_layout() => Features::Real(x.as_standard_layout().into_owned()),
        Features::Wide(x) if !x.is_standard_layout() => Features::Wide(x.as_standard_layout().into_owned()),
        features => features,
    }
}

fn check_target<A: Scalar>(name: &str, examples: usize, target: &Target) -> Result<(), Error> {
    if target.len() != examples {
        let fault = format!("{examples} examples but {} targets: give one to each", target.len());
        return Err(Error::data(name, fault));
    }
    match target {
        Target::Classes { labels, names } => {
            if let Some(at) = labels.iter().position(|&label| label as usize >= names.len()) {
                let fault = format!("example {at} is of class {}, but there are {}", labels[at], names.len());
                return Err(Error::data(name, fault));
            }
            Ok(())
        }
        Target::Real { values, names } => {
            if names.len() != values.ncols() {
                let fault = format!("{} names for {} target columns", names.len(), values.ncols());
                return Err(Error::data(name, fault));
            }
            all_finite(name, "target", &values.view(), A::of)
        }
        Target::MultiLabel { values, labels } if labels.len() != values.ncols() => {
            let fault = format!("{} labels for {} target columns", labels.len(), values.ncols());
            Err(Error::data(name, fault))
        }
        Target::MultiLabel { .. } => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::pipeline::Pipeline;
    use chainrule_tensor::ndarray::array;

    #[test]
    fn what_does_not_fit_is_refused() {
        let x = array![[1.0, 2.0], [3.0, 4.0]];
        let refused = |target| Dataset::new("d", x.clone(), target).unwrap_err().to_string();
        assert!(refused(Target::numbered(vec![0], 2)).contains("2 examples but 1 targets"));
        assert!(refused(Target::numbered(vec![0, 2], 2)).contains("example 1 is of class 2"));
        assert!(refused(Target::real(array![[1.0], [f64::NAN]])).contains("target 0 of example 1 is NaN"));
        let infinite = Dataset::new("d", array![[1.0, f64::INFINITY]], Target::numbered(vec![0], 1));
        assert!(infinite.unwrap_err().to_string().contains("feature 1 of example 0 is inf"));
        let good = Dataset::new("d", x, Target::numbered(vec![0, 1], 2)).unwrap();
        let shape = ImageShape { height: usize::MAX, width: 2, channels: 1 };
        assert!(good.clone().with_image(shape).is_err());
        assert!(good.with_feature_names(vec![]).is_err());
    }

    #[test]
    fn classes_that_cannot_be_learned_are_refused() {
        let data = |labels: Vec<u32>, classes| {
            Dataset::new("d", Array2::<f64>::zeros((labels.len(), 1)), Target::numbered(labels, classes))
                .unwrap()
        };
        let one = data(vec![0; 5], 1).check_classes().unwrap_err().to_string();
        assert!(one.contains("all 5 examples have the class \"0\"") && one.contains("--target"), "{one}");
        let many = data((0..40).collect(), 40).check_classes().unwrap_err().to_string();
        assert!(many.contains("40 classes in 40 examples") && many.contains("--task regression"), "{many}");
        assert!(data(vec![0, 1, 2], 3).check_classes().is_ok());
        assert!(data((0..40).map(|i| i / 2).collect(), 20).check_classes().is_ok());
    }

    #[test]
    fn a_column_major_matrix_is_laid_out_by_rows() {
        let x = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]].reversed_axes();
        let data = Dataset::new("d", x.clone(), Target::numbered(vec![0; 3], 1)).unwrap();
        assert_eq!(data.inputs_through(&Pipeline::new()), x);
    }

    #[test]
    fn selection_keeps_order_repetition_and_names() {
        let target = Target::Real { values: array![[1.0], [2.0]], names: vec!["price".into()] };
        let data = Dataset::new("d", array![[1_u8], [2]], target).unwrap().with_full_scale(4.0);
        let picked = data.select(&[1, 0, 1]);
        assert_eq!(
            picked.materialize(&data.pixel_scaling()).features(),
            &Features::Real(array![[0.5], [0.25], [0.5]])
        );
        assert_eq!(picked.encode(Encoding::Real), array![[2.0], [1.0], [2.0]]);
        assert_eq!((picked.labels(), picked.outputs()), (None, 1));
        assert!(data.select(&[]).is_empty());
    }
}
