//! Images: their shape and size, and image files as data.

#[cfg(feature = "images")]
pub(crate) mod decode;
#[cfg(feature = "images")]
pub(crate) mod decoded;
#[cfg(feature = "images")]
pub(crate) mod folder;
#[cfg(feature = "image-formats")]
mod formats;
pub(crate) mod options;
#[cfg(feature = "images")]
pub(crate) mod parts;
#[cfg(feature = "images")]
mod resize;
pub(crate) mod shape;
