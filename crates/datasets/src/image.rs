//! Images: their shape and size, and image files as data.

#[cfg(feature = "images")]
pub(crate) mod decode;
pub(crate) mod decoded;
#[cfg(feature = "images")]
pub(crate) mod folder;
#[cfg(feature = "image-formats")]
mod formats;
pub(crate) mod options;
mod resize;
pub(crate) mod shape;
