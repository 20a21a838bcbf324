//! What training minimises: the risk of a model on a batch, and its derivatives.

pub(crate) mod buffers;
pub(crate) mod division;
mod hessian;
pub(crate) mod risk;
pub(crate) mod sharded;
pub(crate) mod target;
mod weighted;
pub(crate) mod workspace;
