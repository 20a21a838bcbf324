//! The tests of the crate from outside, in one program.

mod frozen;
mod lecture;
mod products;
mod statistics;
