use chainrule_tensor::{Init, Scalar, Shape};

use crate::activation;
use crate::dense::Dense;
use crate::dropout::Dropout;
use crate::layer::Layer;
use crate::pointwise::{
    Elu, Gelu, GeluTanh, Identity, LeakyRelu, Pointwise, Relu, Sigmoid, Silu, Softplus, Tanh,
};
use crate::sequential::Sequential;
use crate::softmax::Softmax;
use crate::view::{Flatten, Reshape};

/// One layer of the zoo under its name.
#[derive(Debug)]
pub struct Specimen<A: Scalar> {
    /// The name in tables of results.
    pub name: &'static str,
    /// The layer, at a size that can be checked coordinate by coordinate.
    pub layer: Box<dyn Layer<A>>,
}

/// Every layer of the crate, at odd sizes: the one list that all shared checks run over.
///
/// ```
/// assert!(chainrule_layers::zoo::<f32>().iter().any(|specimen| specimen.name == "dense"));
/// ```
pub fn zoo<A: Scalar>() -> Vec<Specimen<A>> {
    fn entry<A: Scalar>(name: &'static str, layer: impl Layer<A> + 'static) -> Specimen<A> {
        Specimen { name, layer: Box::new(layer) }
    }
    vec![
        entry("dense", Dense::new(7, 5)),
        entry("dense, one output", Dense::new(9, 1)),
        entry("dense, wide", Dense::with_init(3, 33, Init::Normal { deviation: 0.7 })),
        entry("dense, on each pixel", Dense::new(Shape::image(3, 2, 4), 5)),
        entry("identity", Identity::new(6)),
        entry("sigmoid", Sigmoid::new(6)),
        entry("tanh", Tanh::new(6)),
        entry("relu", Relu::new(6)),
        entry("leaky-relu", LeakyRelu::new(6)),
        entry("leaky-relu, 0.2", Pointwise::with(6, activation::LeakyRelu { negative_slope: 0.2 })),
        entry("elu", Elu::new(6)),
        entry("elu, α = 0.5", Pointwise::with(6, activation::Elu { alpha: 0.5 })),
        entry("gelu", Gelu::new(6)),
        entry("gelu-tanh", GeluTanh::new(6)),
        entry("silu", Silu::new(6)),
        entry("softplus", Softplus::new(6)),
        entry("softmax", Softmax::new(6)),
        entry("softmax, of each step", Softmax::new(Shape::sequence(3, 4))),
        entry("reshape", Reshape::new(6, Shape::sequence(2, 3))),
        entry("dropout", Dropout::new(11, 0.4)),
        entry("sequential, the lecture's", lecture()),
        entry("sequential, deep", deep()),
        entry("sequential, views", views()),
        entry("sequential, nested", Sequential::input(7).then(|_| deep()).then(Tanh::new).then(|_| on_top())),
    ]
}

/// Sigmoid units throughout, as in the lecture.
fn lecture<A: Scalar>() -> Sequential<A> {
    Sequential::input(5)
        .then(|n| Dense::new(n, 7))
        .then(Sigmoid::new)
        .then(|n| Dense::new(n, 3))
        .then(Sigmoid::new)
}

/// Kinked and smooth activations, dropout and softmax on top of one another.
fn deep<A: Scalar>() -> Sequential<A> {
    Sequential::input(7)
        .then(|n| Dropout::new(n, 0.1))
        .then(|n| Dense::with_init(n, 9, Init::HeNormal))
        .then(Relu::new)
        .then(|n| Dropout::new(n, 0.3))
        .then(|n| Dense::new(n, 6))
        .then(Gelu::new)
        .then(|n| Dense::new(n, 4))
}

/// Views at the bottom, between an affine layer and its activation, and at the top.
fn views<A: Scalar>() -> Sequential<A> {
    Sequential::input(12)
        .then(|n| Reshape::new(n, Shape::image(2, 2, 3)))
        .then(|s| Dense::new(s, 5))
        .then(|s| Reshape::new(s, Shape::sequence(4, 5)))
        .then(Tanh::new)
        .then(|s| Dense::new(s, 2))
        .then(Relu::new)
        .then(Flatten::new)
        .then(|n| Dense::new(n, 3))
        .then(|n| Reshape::new(n, Shape::sequence(3, 1)))
}

fn on_top<A: Scalar>() -> Sequential<A> {
    Sequential::input(4).then(|n| Dense::new(n, 3)).then(Softmax::new)
}
