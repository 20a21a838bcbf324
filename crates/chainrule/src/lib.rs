//! Train neural networks on a CPU, with exact first and second derivatives over one flat parameter vector.
//!
//! This crate is the facade of the workspace: it re-exports the other crates under short names, and the usual names in
//! [`prelude`]. There are dense, convolutional, pooling and normalising layers, activations, softmax, dropout, residual blocks, branches
//! and shared weights; there is no recurrence and no attention yet, no GPU, and no autograd graph. `docs/` in the repository describes
//! data, runs, speed and architecture.
//!
//! | module | contents |
//! |---|---|
//! | [`tensor`] | the flat parameter vector, GEMM, initialisers, seeded streams |
//! | [`layers`] | layers with exact first and second derivatives |
//! | [`loss`] | losses |
//! | [`optim`] | update rules, schedules, L-BFGS |
//! | [`datasets`] | digits, MNIST, tables, arrays, images, synthetic data, transforms, augmentation, batches |
//! | [`train`] | the risk of a model on data, the training loop, metrics |
//! | [`model`] | a network with its numbers: training, prediction, files, export; classifier and regressor for arrays |
//! | `curvature` | Hessian spectra, saddle-free Newton, critical points (feature `curvature`) |
//!
//! ```
//! use chainrule::prelude::*;
//!
//! // A network is a description; its parameters are one vector of yours.
//! let model = Sequential::input(2).then(|n| Dense::new(n, 8)).then(Tanh::new).then(|n| Dense::new(n, 2));
//! let mut theta = model.layout().init::<f32>(&mut Rng::new(1));
//!
//! // XOR, as a risk: the mean cross-entropy over four examples.
//! let x = array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
//! let loss = SoftmaxCrossEntropy::default();
//! let mut risk = Risk::new(&model, &loss, &x, &[0_usize, 1, 1, 0]);
//!
//! // An optimizer sees C(θ) and ∇C(θ), and moves θ.
//! let mut lbfgs = Lbfgs::new(theta.len());
//! for _ in 0..50 {
//!     lbfgs.step(&mut risk, &mut theta);
//! }
//! assert!(risk.value(&theta) < 0.01);
//! ```
//!
//! A [`Model`](crate::model::Model) owns the numbers, and a [`Trainer`](crate::model::Trainer) moves them:
//!
//! ```
//! use chainrule::prelude::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let parts = digits::<f32>();
//! let network = Sequential::input(64).then(|n| Dense::new(n, 64)).then(Relu::new).then(|n| Dense::new(n, 10));
//! let mut model = Model::new(network, 1);
//! let task = Task::new(&parts.train);
//! Trainer::new(&task).epochs(20).on_epoch(|e| println!("{} {:.4}", e.epoch, e.train_loss)).fit(&mut model)?;
//! let test = model.evaluate(&parts.test.unwrap())?;
//! assert!(test.metrics.accuracy() > Some(0.95));
//! # Ok(())
//! # }
//! ```
//!
//! To classify rows of arrays:
//!
//! ```
//! use chainrule::prelude::*;
//!
//! # fn main() -> Result<(), chainrule::model::FitError> {
//! let x = array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
//! let y = ["same", "different", "different", "same"];
//! let classifier = Classifier::new([100]).fit(&x, &y)?;
//! assert_eq!(classifier.predict(&array![[0.1, 0.9]]), ["different"]);
//! # Ok(())
//! # }
//! ```
//!
//! The numbered programs in `crates/chainrule/examples` continue from here: `01-vector` is the flat vector and a risk,
//! `02-by-hand` back-propagation without the library, `03-digits` the training loop, `04-layer` a layer of your own,
//! `05-classifier` arrays in one line, `06-curvature` second derivatives, `07-doors` files for PyTorch, NumPy and ONNX,
//! `08-fashion-mnist` a whole run.
//!
//! # Features
//!
//! | feature | default | meaning |
//! |---|---|---|
//! | `openblas` | yes | products run on the system's OpenBLAS |
//! | `openblas-static` | | the same, linked statically |
//! | `accelerate` | | Apple's Accelerate (macOS) |
//! | `intel-mkl` | | Intel's MKL |
//! | `curvature` | yes | Hessian spectra, Newton methods, critical points |
//! | `csv` | yes | tables of text |
//! | `files` | yes | models, snapshots of runs, TensorBoard events, `.npz` and gzipped IDX files |
//! | `images` | yes | folders of PNG and JPEG files |
//! | `image-formats` | yes | WebP, GIF, BMP and TIFF files too |
//! | `zstd` | yes | tables of text compressed by Zstandard |
//! | `onnx` | yes | export of models to ONNX |
//! | `parquet` | yes | tables as Parquet files |
//!
//! With `default-features = false` the crate takes data as arrays only and brings fewer than thirty external crates. Without a BLAS
//! feature, products run on kernels in Rust.

#[cfg(feature = "curvature")]
pub use chainrule_curvature as curvature;
pub use chainrule_datasets as datasets;
pub use chainrule_layers as layers;
pub use chainrule_loss as loss;
pub use chainrule_model as model;
pub use chainrule_optim as optim;
pub use chainrule_tensor as tensor;
pub use chainrule_tensor::ndarray;
pub use chainrule_train as train;

/// What a program needs for one gradient, one training run, and one layer of its own.
///
/// | for | names |
/// |---|---|
/// | a gradient | a [`Sequential`](crate::layers::Sequential) of layers, a loss, [`Risk`](crate::train::Risk), [`Objective`](crate::optim::Objective) |
/// | a run | a [`Dataset`](crate::datasets::Dataset), [`Model`](crate::model::Model), [`Task`](crate::model::Task), [`Trainer`](crate::model::Trainer) with a [`RuleKind`](crate::optim::RuleKind) and a [`ScheduleKind`](crate::optim::ScheduleKind) |
/// | arrays in one line | [`Classifier`](crate::model::Classifier), [`Regressor`](crate::model::Regressor), [`activation`](crate::layers::activation), [`ClassWeights`](crate::model::ClassWeights) |
/// | a loop of your own | [`TrainingLoop`](crate::train::TrainingLoop) with its [`Setup`](crate::train::Setup), or [`Descent`](crate::optim::Descent) on a [`Risk`](crate::train::Risk) |
/// | a layer | [`Layer`](crate::layers::Layer), [`Layout`](crate::tensor::Layout), [`Param`](crate::tensor::Param), [`Point`](crate::layers::Point), [`Grad`](crate::layers::Grad), [`Tape`](crate::layers::Tape), checked by [`gradcheck`](crate::layers::gradcheck) |
pub mod prelude {
    pub use crate::datasets::{
        Augmentation, DataDirs, Dataset, Encoding, Parts, Pipeline, Target, digits, fashion_mnist, mnist,
        split::HoldOut,
    };
    pub use crate::layers::{
        Architecture, BatchNorm, Dense, Dropout, Dual, Elu, Flatten, Gelu, GeluTanh, Grad, GroupNorm,
        Hardswish, Hardtanh, Identity, Layer, LayerNorm, LeakyRelu, Mish, Mode, Point, Relu, Relu6, Reshape,
        RmsNorm, SecondOrder, Selu, Sequential, Sigmoid, Silu, Softmax, Softplus, Softsign, Tangent, Tanh,
        Tape, TapeKind, activation,
    };
    pub use crate::loss::{
        BinaryCrossEntropy, Huber, Loss, MeanAbsoluteError, SoftmaxCrossEntropy, SquaredError,
    };
    #[cfg(feature = "files")]
    pub use crate::model::Checkpoint;
    pub use crate::model::{
        ClassWeights, Classifier, FitError, FittedClassifier, FittedRegressor, Model, Regressor, Task,
        Trainer, predict,
    };
    pub use crate::ndarray::{Array2, ArrayRef2, Axis, Ix1, array, s};
    pub use crate::optim::{
        Adagrad, Adam, Clip, Decay, Descent, Lbfgs, Momentum, Objective, Optimizer, RmsProp, Rule, RuleKind,
        Schedule, ScheduleKind, Sgd,
    };
    pub use crate::tensor::{Accum, Init, Layout, Param, Pool, Rng, Scalar, Shape};
    pub use crate::train::{
        Epoch, Evaluation, History, Metrics, Plan, Risk, Setup, TrainState, TrainingLoop, Workspace, evaluate,
    };
}
