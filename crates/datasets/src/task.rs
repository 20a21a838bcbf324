/// The kind of task: what a target column means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TaskKind {
    /// Classification if the cells are words, or whole numbers with at most 20 distinct values that occur at least twice on
    /// average; else regression. Several columns are labels if each has two words, or 0 and 1; else numbers.
    #[default]
    Auto,
    /// Each distinct value is a class.
    Classification,
    /// Each cell is a number.
    Regression,
    /// Each column is a label: 0 and 1, or two words.
    MultiLabel,
}
