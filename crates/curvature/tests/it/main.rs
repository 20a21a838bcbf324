//! The tests of the crate from outside, in one program.

mod critical_points;
mod estimates;
mod hessian_free;
mod krylov;
mod newton;
mod operators;
mod optimizers;
mod scripted;
mod spectra;
mod surveys;
