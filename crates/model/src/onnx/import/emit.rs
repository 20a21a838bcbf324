//! A settled chain as the description of a network, with its numbers in the order of its layout.

use chainrule_layers::{
    BranchesSpec, FlattenSpec, Interpolation, Join, ReshapeSpec, ResidualSpec, SpecError, Stage,
    UpsampleSpec, activation,
};
use chainrule_tensor::{Scalar, Shape};

use super::error::ImportError;
use super::settle::settled;
use super::steps::{Layer, Steps};
use super::structure::Piece;

/// Layers with their numbers.
#[derive(Debug)]
pub(super) struct Network<A> {
    pub(super) layers: Vec<Stage>,
    pub(super) theta: Vec<A>,
    pub(super) statistics: Vec<A>,
    /// What the last layer gives.
    pub(super) shape: Shape,
}

/// The network of a settled chain on inputs of this shape.
pub(super) fn network<A: Scalar>(
    pieces: Vec<Piece<A>>,
    input: Shape,
    steps: &Steps<A>,
    fault: &dyn Fn(usize, &str) -> ImportError,
) -> Result<Network<A>, ImportError> {
    let network = Network { layers: Vec::new(), theta: Vec::new(), statistics: Vec::new(), shape: input };
    let mut writer = Writer { network, steps, fault };
    for piece in pieces {
        writer.write(piece)?;
    }
    Ok(writer.network)
}

struct Writer<'s, A> {
    network: Network<A>,
    steps: &'s Steps<A>,
    fault: &'s dyn Fn(usize, &str) -> ImportError,
}

impl<A: Scalar> Writer<'_, A> {
    fn write(&mut self, piece: Piece<A>) -> Result<(), ImportError> {
        match piece {
            Piece::Layer(layer) => self.layer(layer),
            Piece::Join { join, branches, output } => self.join(join, branches, output),
            Piece::Permute(_, node) => Err((self.fault)(node, "the order of its numbers was not settled")),
        }
    }

    fn stage(&mut self, stage: impl Into<Stage>) -> Result<(), ImportError> {
        let stage = stage.into();
        self.network.shape = stage.output(self.network.shape)?;
        self.network.layers.push(stage);
        Ok(())
    }

    /// The same numbers by this shape.
    fn view(&mut self, wanted: Shape) -> Result<(), ImportError> {
        if wanted == self.network.shape {
            return Ok(());
        }
        // A view of a view is one.
        if let Some(Stage::Reshape(_) | Stage::Flatten(_)) = self.network.layers.last()
            && self.network.layers.len() > 1
        {
            self.network.layers.pop();
        }
        match wanted {
            Shape::Flat(size) if self.network.shape.size() == size => self.stage(FlattenSpec),
            shape => self.stage(ReshapeSpec { shape }),
        }
    }

    fn layer(&mut self, layer: Layer<A>) -> Result<(), ImportError> {
        if let Some(input) = layer.input {
            self.view(input)?;
        }
        let is_by_feature = matches!(
            layer.stage,
            Stage::BatchNorm(_)
                | Stage::LayerNorm(_)
                | Stage::RmsNorm(_)
                | Stage::GroupNorm(_)
                | Stage::PRelu(_)
        );
        let features = self.network.shape.features();
        for array in &layer.arrays {
            if is_by_feature && array.len() == 1 {
                self.steps.take(features)?;
                self.network.theta.extend(std::iter::repeat_n(array[0], features));
            } else {
                self.network.theta.extend_from_slice(array);
            }
        }
        for (place, array) in layer.statistics.iter().enumerate() {
            // The last of a batch normalisation's is a count.
            if place < 2 && array.len() == 1 {
                self.steps.take(features)?;
                self.network.statistics.extend(std::iter::repeat_n(array[0], features));
            } else {
                self.network.statistics.extend_from_slice(array);
            }
        }
        self.stage(layer.stage)
    }

    /// A branch from the shape at hand, which ends in the positions of `output`.
    fn branch(
        &mut self,
        join: Join,
        pieces: Vec<Piece<A>>,
        output: Shape,
    ) -> Result<Vec<Stage>, ImportError> {
        let (pieces, _) = settled(pieces, false, self.fault)?;
        let network = Network {
            layers: Vec::new(),
            theta: Vec::new(),
            statistics: Vec::new(),
            shape: self.network.shape,
        };
        let mut inner = Writer { network, steps: self.steps, fault: self.fault };
        for piece in pieces {
            inner.write(piece)?;
        }
        let (found, positions) = (inner.network.shape, output.positions());
        if join == Join::Concat {
            inner.view(output.with_features(found.size() / positions.max(1)))?;
        } else if found.size() == output.size() {
            inner.view(output)?;
        } else if found.positions() == 1 && found.features() == output.features() {
            // One number a channel, for all positions.
            let (lone, scale) = match output {
                Shape::Image { height, width, channels } => {
                    (Shape::image(1, 1, channels), (height, width).into())
                }
                other => (Shape::sequence(1, other.features()), other.positions().into()),
            };
            inner.view(lone)?;
            inner.stage(UpsampleSpec { scale, mode: Interpolation::Nearest })?;
        }
        if inner.network.shape.with_features(1) != output.with_features(1) {
            let fault = format!("a branch gives {found}, which does not join to {output}");
            return Err(SpecError::here(fault).into());
        }
        self.network.theta.extend(inner.network.theta);
        self.network.statistics.extend(inner.network.statistics);
        Ok(inner.network.layers)
    }

    fn join(&mut self, join: Join, branches: Vec<Vec<Piece<A>>>, output: Shape) -> Result<(), ImportError> {
        if self.network.shape.size() == output.size() && branches.iter().any(Vec::is_empty) {
            self.view(output)?;
        }
        let mut written = Vec::new();
        for branch in branches {
            written.push(self.branch(join, branch, output)?);
        }
        let or_identity =
            |layers: Vec<Stage>| if layers.is_empty() { vec![activation::Identity.into()] } else { layers };
        if join == Join::Sum && written.len() == 2 {
            let [first, second]: [Vec<Stage>; 2] = written.try_into().expect("there are two");
            let spec = match (first.is_empty(), second.is_empty()) {
                (_, true) => ResidualSpec { body: or_identity(first), shortcut: None },
                (true, false) => ResidualSpec { body: second, shortcut: None },
                (false, false) => ResidualSpec { body: first, shortcut: Some(second) },
            };
            return self.stage(spec);
        }
        self.stage(BranchesSpec { join, branches: written.into_iter().map(or_identity).collect() })
    }
}
