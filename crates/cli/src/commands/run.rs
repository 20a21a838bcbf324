//! What a training run is made of, beside the training: its settings as a file, its folder, its records.

pub(crate) mod clock;
pub(crate) mod folder;
pub(crate) mod keeper;
pub(crate) mod record;
pub(crate) mod settings;
pub(crate) mod units;
pub(crate) mod watch;
