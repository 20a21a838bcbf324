//! Report pages and SVG plots of training runs, from the files in their folders.
//!
//! | module | what is there |
//! |---|---|
//! | [`plot`] | plots as SVG |
//! | [`spectra`] | plots of Hessian spectra and of critical points |
//! | [`digits`] | numbers in words and tables |
//! | [`results`], [`diagnostics`], [`metrics`], [`settings`] | the files of a run as types: written by the program, read by the pages |
//! | [`run`] | the folder of a run |
//! | [`run_page()`], [`comparison_page`] | one run, or several, as HTML |
//! | [`verdict`] | what a network says of an example, and what is true |
//! | [`explain_page()`], [`layers_page()`] | one example through a network and back, as HTML: unit by unit, or in pictures layer by layer |
//!
//! Pages need nothing from elsewhere: style, images, plots and scripts are inside the file.

mod class_figures;
pub mod clock;
pub mod comparison;
pub mod diagnostics;
pub mod digits;
pub mod explain_page;
mod finite;
pub mod gallery;
mod html;
pub mod image;
pub mod largest;
pub mod layers_page;
mod loss_units;
pub mod metrics;
pub mod plot;
pub mod results;
pub mod run;
mod run_page;
pub mod settings;
pub mod sheet;
pub mod spectra;
mod target_figures;
pub mod verdict;

pub use comparison::comparison_page;
pub use explain_page::explain_page;
pub use layers_page::layers_page;
pub use run_page::run_page;
