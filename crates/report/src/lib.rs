//! Plots of training runs, as SVG.

pub mod plot;
