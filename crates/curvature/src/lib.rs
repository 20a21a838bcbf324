//! Curvature of a network's loss: Hessian spectra, traces, Newton and saddle-free Newton methods, critical points.
//!
//! # What is here
//!
//! - **Operators**: a symmetric matrix that is known by its products. [`Hessian`] and [`GaussNewton`] of any
//!   [`Objective`](chainrule_optim::Objective), [`OverData`] for the empirical Fisher matrix too, [`DiagonalBlock`] for the
//!   block of one layer, [`dense`] for a small one in memory.
//! - **Spectra**: [`Lanczos`] for both ends with eigenvectors and residuals, [`hutchinson`] and [`hutch_pp`] for
//!   traces with error bars, [`Density`] by stochastic Lanczos quadrature, and [`eigh`], the one door to dense
//!   eigenproblems.
//! - **Optimizers**: [`Newton`] (damped, saddle-free; exact, on Krylov spaces) and [`HessianFree`].
//! - **Critical points**: [`CriticalPointSearch`] and [`examine`]; a [`Survey`] of many.
//!
//! Nothing here knows of layers: networks come as objectives, from `chainrule-train`.
//!
//! # Digits
//!
//! Products are in the number type of θ; projections, eigenproblems and sums in `f64`.
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use chainrule_curvature::{Hessian, Lanczos};
//! use chainrule_optim::testing::Rosenbrock;
//!
//! let mut objective = Rosenbrock;
//! let mut hessian = Hessian::at(&mut objective, &[1.0_f64, 1.0]);
//! let ends = Lanczos::default().run(&mut hessian, &mut |_, _| ControlFlow::Continue(()));
//! assert!((ends.top[0].value - 1001.6).abs() < 0.1 && (ends.bottom[0].value - 0.399).abs() < 1e-3);
//! ```

mod critical;
mod density;
mod eigen;
mod hessian_free;
mod lanczos;
mod newton;
mod operator;
mod registry;
mod survey;
mod trace;
mod two_batches;

pub use critical::{CriticalPointMethod, CriticalPointSearch, PointCurvature, Verdict, examine};
pub use density::Density;
pub use eigen::{Eigen, eigh};
pub use hessian_free::{HessianFree, HessianFreeConfig};
pub use lanczos::{Ends, Krylov, Lanczos, Pair};
pub use newton::{Damping, Newton, NewtonConfig, SaddleFreeNewtonConfig};
pub use operator::{DiagonalBlock, GaussNewton, Hessian, Operator, OverData, dense};
pub use registry::{SecondOrderKind, SecondOrderSpec};
pub use survey::{Survey, SurveyPoint, SurveySummary, correlation, histogram};
pub use trace::{Estimate, hutch_pp, hutchinson};
pub use two_batches::TwoBatches;
