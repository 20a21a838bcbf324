use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::Array2;

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
        }
    }

    /// Whether there are no examples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether this is classification.
    pub fn is_classes(&self) -> bool {
        matches!(self, Target::Classes { .. })
    }
}

/// Generated names: the prefix and a number from 0.
pub(crate) fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{prefix}{i}")).collect()
}
