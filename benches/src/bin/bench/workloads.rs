//! The standard workloads, in the order of the tables.

pub(crate) const WORKLOADS: [&str; 15] = [
    "W1", "W2", "W3", "W4", "W5b1", "W5b16", "W6b1", "W6b256", "C1", "C2", "C3", "C4", "C1f1", "C2f1",
    "C2f256",
];
