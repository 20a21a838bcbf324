//! How good a model is on data.

pub(crate) mod classification;
pub(crate) mod evaluate;
pub(crate) mod measure_statistics;
pub(crate) mod multi_label;
pub(crate) mod regression;
