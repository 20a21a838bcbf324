//! The standard workloads, in the order of the tables.

pub(crate) const WORKLOADS: [&str; 8] = ["W1", "W2", "W3", "W4", "W5b1", "W5b16", "W6b1", "W6b256"];
