//! Changes of the inputs that are affine in each feature: scaling, standardisation.

mod apply;
mod fit;
pub(crate) mod folded;
pub(crate) mod pipeline;
pub(crate) mod statistics;
pub(crate) mod transforms;
