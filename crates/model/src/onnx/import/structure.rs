//! The steps between two values as a chain of layers and joined branches: a series-parallel graph read backwards.

use std::cell::Cell;

use chainrule_layers::{GlobalAvgPoolSpec, Join};
use chainrule_tensor::{Scalar, Shape};

use super::error::ImportError;
use super::labels::Permutation;
use super::normalisation;
use super::pointwise::{self, scaling};
use super::steps::{Function, Group, Kind, Layer, Steps};

/// A part of a chain.
#[derive(Debug)]
pub(super) enum Piece<A> {
    Layer(Layer<A>),
    /// With the node that asks for it.
    Permute(Permutation, usize),
    Join {
        join: Join,
        branches: Vec<Vec<Piece<A>>>,
        /// What the branches give together.
        output: Shape,
    },
}

/// Layers of a network, and branches inside of branches: a file holds no deeper description.
const MOST: usize = 10_000;
const DEEPEST: usize = 24;

struct Walk<'s, A> {
    steps: &'s Steps<A>,
    /// The last step that every way from the input to a step passes.
    above: Vec<usize>,
    pieces: Cell<usize>,
    /// The error that a step is no layer.
    fault: &'s dyn Fn(usize, &str) -> ImportError,
}

/// The chain from the input to `output`; `fault` makes the error of a step.
pub(super) fn chain<A: Scalar>(
    steps: &Steps<A>,
    output: usize,
    fault: &dyn Fn(usize, &str) -> ImportError,
) -> Result<Vec<Piece<A>>, ImportError> {
    const LONGEST: usize = 20_000;
    if output >= LONGEST {
        return Err(ImportError::size(format!("it has more than {LONGEST} operators on examples")));
    }
    let walk = Walk { steps, above: dominators(steps), pieces: Cell::new(0), fault };
    walk.chain(0, output, 0)
}

/// The immediate dominator of each step; steps come after all that they take.
fn dominators<A: Scalar>(steps: &Steps<A>) -> Vec<usize> {
    let mut above = vec![0; steps.len()];
    for step in 1..steps.len() {
        let mut common: Option<usize> = None;
        for &input in &steps.get(step).inputs {
            common = Some(match common {
                None => input,
                Some(known) => meet(&above, known, input),
            });
        }
        above[step] = common.unwrap_or(0);
    }
    above
}

fn meet(above: &[usize], mut a: usize, mut b: usize) -> usize {
    while a != b {
        if a > b {
            a = above[a];
        } else {
            b = above[b];
        }
    }
    a
}

impl<A: Scalar> Walk<'_, A> {
    fn count(&self) -> Result<(), ImportError> {
        self.pieces.set(self.pieces.get() + 1);
        if self.pieces.get() > MOST {
            return Err(ImportError::size(format!("its network has more than {MOST} layers")));
        }
        Ok(())
    }

    /// The layers from the value of `from`, which every way to `to` passes, to that of `to`.
    fn chain(&self, from: usize, to: usize, depth: usize) -> Result<Vec<Piece<A>>, ImportError> {
        let (mut pieces, mut at) = (Vec::new(), to);
        while at != from {
            self.count()?;
            let step = self.steps.get(at);
            let fault = |fault: &str| (self.fault)(step.node, fault);
            match &step.kind {
                Kind::Input => return Err(fault("it does not lead back to the input")),
                Kind::Layer(layer) => {
                    pieces.push(Piece::Layer(layer.clone()));
                    at = step.inputs[0];
                }
                Kind::Permute(permutation) => {
                    pieces.push(Piece::Permute(permutation.clone(), step.node));
                    at = step.inputs[0];
                }
                &Kind::Mean(Group::Positions, input) => {
                    pieces.push(Piece::Layer(Layer::plain(GlobalAvgPoolSpec {}, Some(input))));
                    at = step.inputs[0];
                }
                Kind::Mean(..) => {
                    return Err(fault(
                        "the mean of features is a part of no normalisation that there is a layer for",
                    ));
                }
                Kind::Across(_) => return Err(fault("a product along an axis of positions is no layer")),
                Kind::Concat => at = self.join(Join::Concat, at, depth, &mut pieces)?,
                Kind::Pointwise(function) => {
                    if let Some((layer, earlier)) = pointwise::recognised(self.steps, at, from) {
                        pieces.extend(layer.map(Piece::Layer));
                        at = earlier;
                    } else if let Some((layer, earlier)) = normalisation::recognised(self.steps, at)
                        && earlier >= from
                    {
                        pieces.push(Piece::Layer(layer));
                        at = earlier;
                    } else {
                        at = self.joined(function, at, depth, &mut pieces)?;
                    }
                }
            }
        }
        pieces.reverse();
        Ok(pieces)
    }

    /// A function of several values as a join.
    fn joined(
        &self,
        function: &Function,
        at: usize,
        depth: usize,
        pieces: &mut Vec<Piece<A>>,
    ) -> Result<usize, ImportError> {
        let step = self.steps.get(at);
        let fault = |fault: &str| (self.fault)(step.node, fault);
        if function.is_stretched {
            return Err(fault(
                "it stretches a value along an axis: layers stretch one number of each feature over all positions, and no others",
            ));
        }
        if step.inputs.len() < 2 || step.inputs.len() != function.arguments.len() {
            return Err(fault("the function of single numbers that ends here is none of the activations"));
        }
        match function.operator {
            "Add" | "Sum" | "Sub" => self.join(Join::Sum, at, depth, pieces),
            "Mul" => self.join(Join::Product, at, depth, pieces),
            _ => Err(fault("there is no layer that joins two values so")),
        }
    }

    /// The branches of a join, and the step where they part.
    fn join(
        &self,
        join: Join,
        at: usize,
        depth: usize,
        pieces: &mut Vec<Piece<A>>,
    ) -> Result<usize, ImportError> {
        if depth >= DEEPEST {
            return Err(ImportError::size(format!(
                "branches are more than {DEEPEST} deep inside each other"
            )));
        }
        let from = self.above[at];
        let mut ends = self.signed(at, false);
        // (f + g) − h is one sum.
        while let Some(place) = ends.iter().position(|&(end, _)| self.is_part(join, end, from)) {
            let (end, is_negative) = ends[place];
            ends.splice(place..=place, self.signed(end, is_negative));
            self.count()?;
        }
        let mut branches = Vec::new();
        for (end, is_negative) in ends {
            self.count()?;
            let mut branch = self.chain(from, end, depth + 1)?;
            if is_negative {
                branch.push(Piece::Layer(scaling(vec![-1.0], vec![0.0], None)));
            }
            branches.push(branch);
        }
        pieces.push(Piece::Join { join, branches, output: self.steps.get(at).shape });
        Ok(from)
    }

    /// The inputs of a join, and whether each is taken away instead of added, in a sum that is itself taken away or not.
    fn signed(&self, step: usize, is_negative: bool) -> Vec<(usize, bool)> {
        let step = self.steps.get(step);
        let is_difference = matches!(&step.kind, Kind::Pointwise(Function { operator: "Sub", .. }));
        let signed = |(at, &input): (usize, &usize)| (input, is_negative ^ (is_difference && at == 1));
        step.inputs.iter().enumerate().map(signed).collect()
    }

    /// Whether a step is the same join of values that part at the same place.
    fn is_part(&self, join: Join, step: usize, from: usize) -> bool {
        let known = self.steps.get(step);
        if step == from || self.above[step] != from || known.inputs.len() < 2 {
            return false;
        }
        let is_alike = match &known.kind {
            Kind::Concat => join == Join::Concat,
            Kind::Pointwise(Function { operator, arguments, .. }) => {
                arguments.len() == known.inputs.len()
                    && match join {
                        Join::Sum => ["Add", "Sum", "Sub"].contains(operator),
                        Join::Product => *operator == "Mul",
                        Join::Concat => false,
                    }
            }
            _ => false,
        };
        is_alike
            && pointwise::recognised(self.steps, step, from).is_none()
            && normalisation::recognised(self.steps, step).is_none()
    }
}
