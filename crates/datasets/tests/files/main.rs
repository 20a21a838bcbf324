//! What the readers make of files, and how they refuse those that are damaged.

#[cfg(all(feature = "csv", feature = "images", feature = "parquet"))]
mod agreement;
mod augmentation;
#[cfg(feature = "csv")]
mod columns;
#[cfg(feature = "csv")]
mod csv;
#[cfg(feature = "csv")]
mod dialects;
#[cfg(all(feature = "csv", feature = "images"))]
mod folders;
#[cfg(all(feature = "csv", feature = "images"))]
mod formats;
#[cfg(feature = "csv")]
mod heads;
mod idx;
mod mnist;
#[cfg(feature = "csv")]
mod new_tables;
mod npy;
#[cfg(all(feature = "csv", feature = "images", feature = "parquet"))]
mod parquet;
mod transforms;
#[cfg(all(feature = "csv", feature = "images", feature = "parquet"))]
mod typed;
mod without;
