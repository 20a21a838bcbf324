//! What the measuring programs share: the networks to measure, their data, a training step as a user of the library
//! writes it, the products of that step alone, and the clock.

pub mod bound;
pub mod clock;
pub mod deskew;
pub mod process;
pub mod separate;
pub mod training;
pub mod workload;
