//! The figures of a class or label.

use serde::{Deserialize, Serialize};

/// A class or label and its figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "StoredClass")]
pub struct Class {
    /// Name of the class or label.
    pub name: String,
    /// Its figures.
    #[serde(flatten)]
    pub figures: ClassFigures,
}

/// A class as a file holds it.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredClass {
    Now {
        name: String,
        #[serde(flatten)]
        figures: ClassFigures,
    },
    /// In files of earlier versions.
    Then { name: String, score: ClassFigures },
}

impl From<StoredClass> for Class {
    fn from(stored: StoredClass) -> Self {
        let (StoredClass::Now { name, figures } | StoredClass::Then { name, score: figures }) = stored;
        Self { name, figures }
    }
}

/// The figures of one class. A ratio whose denominator is 0 counts as 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassFigures {
    /// Fraction of the examples predicted as this class that belong to it.
    pub precision: f64,
    /// Fraction of the examples of this class that were predicted as it.
    pub recall: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Number of examples of this class.
    pub support: u64,
}

impl ClassFigures {
    /// Precision, recall and F1, NaN where one is not defined: all three of a class without examples, and the precision of one that is
    /// never predicted, if it is known how often that is.
    ///
    /// ```
    /// use chainrule_report::results::ClassFigures;
    ///
    /// let rare = ClassFigures { precision: 0.0, recall: 0.0, f1: 0.0, support: 2 };
    /// assert_eq!(rare.defined(Some(1)), [0.0, 0.0, 0.0]);
    /// assert!(rare.defined(Some(0))[0].is_nan() && rare.defined(Some(0))[1] == 0.0);
    /// assert!(ClassFigures { support: 0, ..rare }.defined(None).iter().all(|figure| figure.is_nan()));
    /// ```
    pub fn defined(&self, predicted: Option<u64>) -> [f64; 3] {
        match (self.support, predicted) {
            (0, _) => [f64::NAN; 3],
            (_, Some(0)) => [f64::NAN, self.recall, self.f1],
            _ => [self.precision, self.recall, self.f1],
        }
    }
}

/// Why a class or label has no precision, recall or F1, where one of them has none.
pub fn without_figures<'a>(
    classes: impl IntoIterator<Item = (&'a Class, Option<u64>)>,
) -> Option<&'static str> {
    let (mut absent, mut never) = (false, false);
    for (class, predicted) in classes {
        absent |= class.figures.support == 0;
        never |= class.figures.support > 0 && predicted == Some(0);
    }
    match (absent, never) {
        (true, true) => Some("– not defined: no example belongs to the class, or none is predicted as it"),
        (true, false) => Some("– not defined: no example belongs to it"),
        (false, true) => Some("– not defined: no example is predicted as it"),
        (false, false) => None,
    }
}

/// How many examples are predicted as each class; nothing where that is not known.
pub fn predicted(confusion: &[Vec<u64>]) -> Vec<u64> {
    let classes = confusion.first().map_or(0, Vec::len);
    (0..classes).map(|class| confusion.iter().map(|row| row[class]).sum()).collect()
}
