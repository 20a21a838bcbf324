use chainrule_tensor::{Init, Scalar, Shape};

use crate::conv::Conv;
use crate::dense::Dense;
use crate::dropout::Dropout;
use crate::layer::Layer;
use crate::norm::BatchNorm;
use crate::pointwise::{Gelu, Relu, Sigmoid, Tanh};
use crate::registry::Stage;
use crate::residual::Residual;
use crate::sequential::Sequential;
use crate::softmax::Softmax;
use crate::view::{Flatten, Reshape};

/// One layer of the zoo under its name.
#[derive(Debug)]
pub struct Specimen<A: Scalar> {
    /// The name in tables of results.
    pub name: String,
    /// The layer, at a size that can be checked coordinate by coordinate.
    pub layer: Box<dyn Layer<A>>,
}

/// Every layer of the table at the sizes that its file names, and compositions of them: the one list that all shared checks
/// run over.
///
/// ```
/// assert!(chainrule_layers::zoo::<f32>().iter().any(|specimen| specimen.name == "dense 5 on 7"));
/// ```
pub fn zoo<A: Scalar>() -> Vec<Specimen<A>> {
    let single = Stage::specimens().into_iter().map(|(input, stage)| {
        let layer = stage.build(input, Init::GlorotUniform);
        Specimen { name: format!("{stage} on {input}"), layer }
    });
    let composed = [
        ("sequential, the lecture's", lecture()),
        ("sequential, deep", deep()),
        ("sequential, views", views()),
        ("sequential, convolutional", convolutional()),
        ("sequential, normalised", normalised()),
        ("sequential, nested", Sequential::input(7).then(|_| deep()).then(Tanh::new).then(|_| on_top())),
    ];
    let composed = composed
        .into_iter()
        .map(|(name, layer)| Specimen { name: name.to_owned(), layer: Box::new(layer) as Box<dyn Layer<A>> });
    single.chain(composed).collect()
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

/// Convolutions joined to activations of both kinds, with a border, a stride and none, under a dense layer.
fn convolutional<A: Scalar>() -> Sequential<A> {
    Sequential::input(Shape::image(6, 5, 2))
        .then(|s| Conv::new(s, 9, 3).padding(1))
        .then(Relu::new)
        .then(|s| Conv::new(s, 4, 3).stride(2).padding(1))
        .then(Tanh::new)
        .then(|s| Conv::new(s, 3, 2))
        .then(Sigmoid::new)
        .then(Flatten::new)
        .then(|n| Dense::new(n, 3))
}

/// Normalisations over the batch, in a container too. They have a large ε and no kinks above them: a normalisation makes more of the
/// step of a difference.
fn normalised<A: Scalar>() -> Sequential<A> {
    let norm = |s: Shape| BatchNorm::with(s, 0.1, 0.5);
    let body = |s: Shape| Sequential::input(s).then(|s| Dense::new(s, 4)).then(norm).then(Tanh::new);
    Sequential::input(Shape::image(2, 3, 2))
        .then(|s| Dense::new(s, 4))
        .then(norm)
        .then(Tanh::new)
        .then(|s| Residual::new(body(s)))
        .then(|s| Dropout::of_channels(s, 0.2))
        .then(Flatten::new)
        .then(|n| Dense::new(n, 3))
}

fn on_top<A: Scalar>() -> Sequential<A> {
    Sequential::input(4).then(|n| Dense::new(n, 3)).then(Softmax::new)
}
