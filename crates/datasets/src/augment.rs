//! Augmentation: another version of each training image in each epoch.

pub(crate) mod augmentation;
pub(crate) mod augmenter;
mod colour;
mod draws;
mod elastic;
pub(crate) mod mix;
mod warp;
pub(crate) mod words;
