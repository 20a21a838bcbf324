use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};

/// What is to be predicted, for all examples.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Classification: one class per example.
    Classes {
        /// The index of the class of each example.
        labels: Vec<u32>,
        /// The names of the classes; there may be more than occur.
        names: Vec<String>,
    },
    /// Regression: finite numbers, one example per row.
    Real {
        /// The shape is `(examples, outputs)`. They are in `f64`, as they are centred before they are rounded.
        values: Array2<f64>,
        /// The name of each column.
        names: Vec<String>,
    },
    /// Multi-label classification: any number of labels hold for an example.
    MultiLabel {
        /// Whether each label holds; the shape is `(examples, labels)`.
        values: Array2<bool>,
        /// The labels.
        labels: Vec<Label>,
    },
}

/// A label of a multi-label classification: a column of two words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The name of the column.
    pub name: String,
    /// The words where the label does not hold and where it does: `["0", "1"]` or `["no", "yes"]`.
    pub words: [String; 2],
}

impl Target {
    /// Classes called `"0"`, `"1"`, ….
    pub fn numbered(labels: Vec<u32>, classes: usize) -> Self {
        Target::Classes { labels, names: numbered("", classes) }
    }

    /// Numbers whose columns are called `"y0"`, `"y1"`, ….
    #[expect(clippy::needless_pass_by_value, reason = "targets are handed over")]
    pub fn real<A: Scalar>(values: Array2<A>) -> Self {
        let names = numbered("y", values.ncols());
        Target::Real { values: values.mapv(chainrule_tensor::Scalar::as_f64), names }
    }

    /// How many examples there are.
    pub fn len(&self) -> usize {
        match self {
            Target::Classes { labels, .. } => labels.len(),
            Target::Real { values, .. } => values.nrows(),
            Target::MultiLabel { values, .. } => values.nrows(),
        }
    }

    /// The outputs of a network that predicts it: classes, columns or labels.
    pub fn outputs(&self) -> usize {
        match self {
            Target::Classes { names, .. } => names.len(),
            Target::Real { values, .. } => values.ncols(),
            Target::MultiLabel { labels, .. } => labels.len(),
        }
    }

    /// The names of the classes; empty for numbers and labels.
    pub fn classes(&self) -> &[String] {
        match self {
            Target::Classes { names, .. } => names,
            Target::Real { .. } | Target::MultiLabel { .. } => &[],
        }
    }

    /// The labels; empty where there are none.
    pub fn labels(&self) -> &[Label] {
        match self {
            Target::MultiLabel { labels, .. } => labels,
            Target::Classes { .. } | Target::Real { .. } => &[],
        }
    }

    /// The names of the columns of numbers; empty for classes and labels.
    pub fn columns(&self) -> &[String] {
        match self {
            Target::Real { names, .. } => names,
            Target::Classes { .. } | Target::MultiLabel { .. } => &[],
        }
    }

    /// The examples at these indices.
    pub(crate) fn select(&self, indices: &[usize]) -> Self {
        match self {
            Target::Classes { labels, names } => {
                let labels = indices.iter().map(|&i| labels[i]).collect();
                Target::Classes { labels, names: names.clone() }
            }
            Target::Real { values, names } => {
                Target::Real { values: values.select(Axis(0), indices), names: names.clone() }
            }
            Target::MultiLabel { values, labels } => {
                Target::MultiLabel { values: values.select(Axis(0), indices), labels: labels.clone() }
            }
        }
    }

    /// Whether there are no examples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether each example has one class.
    pub fn is_classes(&self) -> bool {
        matches!(self, Target::Classes { .. })
    }
}

/// Generated names: the prefix and a number from 0.
pub(crate) fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{prefix}{i}")).collect()
}
