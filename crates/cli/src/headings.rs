//! The headings under which `--help` lists the flags.

pub(crate) const DATA: &str = "Data";
pub(crate) const NETWORK: &str = "Network";
pub(crate) const TRAINING: &str = "Training";
pub(crate) const OUTPUT: &str = "Output";
