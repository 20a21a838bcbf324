//! What is known of the kernels that OpenBLAS runs.

/// What is known of OpenBLAS's kernels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernels {
    /// The library with its version and the way it was built.
    pub library: String,
    /// How it was built to run in parallel: sequentially, on its own threads, or on OpenMP's.
    pub threading: &'static str,
    /// The kind of CPU whose kernels it had chosen.
    pub before: String,
    /// The kind of CPU whose kernels it runs.
    pub after: String,
    /// What was done about them, and why.
    pub switch: Switch,
}

/// What [`init`](super::init) did about OpenBLAS's kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// They suit the CPU.
    NotNeeded,
    /// They were too old, and are not any more.
    Done,
    /// `OPENBLAS_CORETYPE` is the user's word.
    UsersChoice,
    /// `CHAINRULE_OPENBLAS_SWITCH=off`.
    Off,
    /// They are too old, and the library has no way to choose again.
    Impossible,
}
