//! Which features of a chain of layers were a picture, and so stand in another order in a file of PyTorch's.

use std::ops::Range;

use chainrule_tensor::{Layout, Scalar, Shape};

use crate::layer::{Layer, Structure};

/// The shape that the features on top of a chain were flattened from, if they still stand in its order.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flattened(Option<Shape>);

impl Flattened {
    /// Takes note of the layer that goes on top, and lets files hold its parameters as PyTorch does where its inputs are a
    /// flattened picture. `nested` are the layouts of the chain, each with the window of the layer; `is_lowest` says that nothing
    /// below computes: data were flattened by whoever made them.
    pub(crate) fn push<A: Scalar>(
        &mut self,
        layer: &dyn Layer<A>,
        is_lowest: bool,
        nested: [(&mut Layout, &Range<usize>); 2],
    ) {
        let (takes, gives) = (layer.input_shape(), layer.output_shape());
        if layer.is_view() {
            let is_flattened = !is_lowest && takes.positions() > 1 && gives.positions() == 1;
            self.0 = is_flattened.then_some(takes);
            return;
        }
        let Some(shape) = self.0 else { return };
        for (layout, window) in nested {
            layout.flattened(window, &shape.axes());
        }
        let keeps_order = layer.affine().is_none() && layer.structure() == Structure::Leaf && takes == gives;
        self.0 = self.0.filter(|_| keeps_order);
    }
}
