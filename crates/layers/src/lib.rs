//! Neural network layers with exact first and second derivatives.
//!
//! # Why layers own no numbers
//!
//! A [`Layer`] describes a map (θ, x) → y and its derivatives; θ, the gradient and all memory are the caller's. One
//! model can so serve many threads, each with a gradient of its own, an optimizer is a plain vector loop, and there is
//! no hidden state to reset, tie or forget.
//!
//! # Reading order
//!
//! [`Layer`] is the contract; `dense.rs` is the chain rule for one layer; `sequential.rs` is back-propagation, the chain
//! rule for all of them; [`SecondOrder`] differentiates both once more. [`gradcheck`] proves each of them. `registry.rs` lists all
//! layers; what a program has to know of each beside its derivatives is its [`LayerSpec`], in the layer's own file.
//!
//! ```
//! use chainrule_layers::{Dense, Layer, Mode, Sequential, Tanh, TapeKind};
//! use chainrule_tensor::{Rng, ndarray::Array2};
//!
//! let model = Sequential::input(2).then(|n| Dense::new(n, 3)).then(Tanh::new).then(|n| Dense::new(n, 1));
//! let theta = model.layout().init::<f32>(&mut Rng::new(0));
//! let (x, mut y, mut tape) = (Array2::ones((4, 2)), Array2::zeros((4, 1)), model.tape(TapeKind::Complete, 4));
//! model.forward(Mode::EVAL, &theta, &x, &mut y, &mut tape);
//! assert!(y.iter().all(|y| y.is_finite()));
//! ```

pub mod activation;
mod adaptive_avg_pool;
mod architecture;
mod avg_pool;
mod between;
mod blocks;
mod branches;
mod conv;
mod conv_transpose;
mod dense;
mod dropout;
mod filtered;
mod filters;
mod flattened;
mod fused;
mod global_avg_pool;
pub mod gradcheck;
mod join;
mod layer;
mod max_pool;
mod mode;
mod norm;
pub mod onnx;
mod parts;
mod point;
mod pointwise;
mod pool;
mod prelu;
mod presets;
mod registry;
mod repeat;
mod residual;
mod second_order;
mod separable;
mod sequential;
mod softmax;
pub mod spec;
mod tape;
mod tied;
mod upsample;
mod view;
mod walk;
mod window;
pub mod words;
mod zero_pad;
mod zoo;

pub use adaptive_avg_pool::{AdaptiveAvgPool, AdaptiveAvgPoolSpec};
pub use architecture::Architecture;
pub use avg_pool::{AvgPool, AvgPoolSpec};
pub use branches::{Branches, BranchesSpec};
pub use conv::{Conv, ConvSpec};
pub use conv_transpose::{ConvTranspose, ConvTransposeSpec};
pub use dense::{Dense, DenseSpec};
pub use dropout::{Dropout, DropoutChannelsSpec, DropoutSpec};
pub use filtered::{Filtered, FilteredSpec};
pub use filters::{Direction, FilterSpec};
pub use fused::{Affine, InPlaceActivation};
pub use global_avg_pool::{GlobalAvgPool, GlobalAvgPoolSpec};
pub use join::{Join, JoinError};
pub use layer::{Layer, Station, Structure, Values};
pub use max_pool::{MaxPool, MaxPoolSpec};
pub use mode::Mode;
pub use norm::{
    BatchNorm, BatchNormSpec, Centred, FeatureNorm, FeatureNormKind, GroupNorm, GroupNormSpec,
    InstanceNormSpec, LayerNorm, LayerNormSpec, RmsNorm, RmsNormSpec, RootMeanSquare,
};
pub use point::{Grad, GradObserver, Point};
pub use pointwise::{
    Elu, Gelu, GeluTanh, Hardswish, Hardtanh, Identity, LeakyRelu, Mish, Pointwise, Relu, Relu6, Selu,
    Sigmoid, Silu, Softplus, Softsign, Tanh,
};
pub use prelu::{PRelu, PReluSpec};
pub use presets::{Preset, network_for_pictures};
pub use registry::Stage;
pub use repeat::{Repeat, RepeatSpec};
pub use residual::{Residual, ResidualSpec};
pub use second_order::{Dual, SecondOrder, Tangent};
pub use separable::{AxisMap, Separable, SeparableSpec};
pub use sequential::Sequential;
pub use softmax::{Softmax, SoftmaxSpec};
pub use spec::{LayerSpec, NamedSpec, SpecError, UnitFormula};
pub use tape::{Tape, TapeKind};
pub use tied::{Tied, TiedSpec};
pub use upsample::{Interpolation, Upsample, UpsampleSpec};
pub use view::{Flatten, FlattenSpec, Reshape, ReshapeSpec};
pub use walk::{is_random, least_rows, leaves, walk};
pub use window::{Axis, Extent, Padding, Run, Window};
pub use words::WordsError;
pub use zero_pad::{Sides, ZeroPad, ZeroPadSpec};
pub use zoo::{Specimen, zoo};
