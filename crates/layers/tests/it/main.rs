//! The tests of the crate from outside, in one program.

mod harness;
mod joined;
mod zoo;
