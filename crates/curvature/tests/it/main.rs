//! The tests of the crate from outside, in one program.

mod critical_points;
mod optimizers;
mod spectra;
