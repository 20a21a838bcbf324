use chainrule_tensor::ndarray::Array2;

/// A symmetric matrix taken apart: H = Σᵢ λᵢ·qᵢ·qᵢᵀ.
#[derive(Debug, Clone, PartialEq)]
pub struct Eigen {
    /// λ, ascending.
    pub values: Vec<f64>,
    /// The orthonormal q, one a row, in the order of the values.
    pub vectors: Array2<f64>,
}
