//! The tests of the crate from outside, in one program.

mod containers;
mod harness;
mod joined;
mod stored;
mod windows;
mod zoo;
