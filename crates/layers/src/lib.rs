//! Stateless differentiable layers.

mod layer;
mod second_order;
mod tape;

pub use layer::{Layer, Mode, Point};
pub use second_order::{Dual, SecondOrder, Tangent};
pub use tape::Tape;
