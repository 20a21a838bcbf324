//! The number types that have register tiles: a supertrait of `Scalar`, so that this file knows nothing of that trait.
#![cfg_attr(target_arch = "x86_64", allow(unsafe_code))]

#[cfg(target_arch = "x86_64")]
use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use super::product::Product;
#[cfg(target_arch = "x86_64")]
use super::width::Width;

/// The number types that have tiles.
#[cfg(target_arch = "x86_64")]
pub trait Tiled: Sized {
    /// Some rows and columns of C ← α·A·B + β·C.
    ///
    /// # Safety
    /// The CPU has `width`, and the product's matrices are good in the rows and columns.
    #[doc(hidden)]
    #[allow(private_interfaces)]
    unsafe fn tiles(width: Width, product: &Product<'_, Self>, rows: Range<usize>, columns: Range<usize>);
}

/// On this processor products go to the library, and no number type has tiles.
#[cfg(not(target_arch = "x86_64"))]
pub trait Tiled {}
#[cfg(not(target_arch = "x86_64"))]
impl Tiled for f32 {}
#[cfg(not(target_arch = "x86_64"))]
impl Tiled for f64 {}
