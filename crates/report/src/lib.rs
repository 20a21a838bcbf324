//! Report pages and SVG plots of training runs, from the files in their folders.
//!
//! | module | what is there |
//! |---|---|
//! | [`plot`] | plots as SVG |
//! | [`spectra`] | plots of Hessian spectra and of critical points |
//! | [`digits`] | numbers in words and tables |
//! | [`results`], [`metrics`], [`settings`] | the files of a run as types: written by the program, read by the pages |
//! | [`run`] | the folder of a run that has ended |
//! | [`run_page()`], [`comparison_page`] | one run, or several, as HTML |
//! | [`explain_page()`] | one example through a network and back, as HTML |
//!
//! Pages need nothing from elsewhere: style, images, plots and scripts are inside the file.

pub mod clock;
mod comparison;
pub mod digits;
pub mod explain_page;
pub mod gallery;
mod html;
pub mod image;
pub mod metrics;
pub mod plot;
pub mod results;
pub mod run;
mod run_page;
pub mod settings;
pub mod spectra;

pub use comparison::comparison_page;
pub use explain_page::explain_page;
pub use run_page::run_page;
