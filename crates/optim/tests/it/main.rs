//! The tests of the crate from outside, in one program.

mod configurations;
mod descent;
mod lbfgs;
mod rules;
mod zoo;
