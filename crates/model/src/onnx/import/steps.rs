//! What is computed for an example, as a graph of layers, functions and joins: between the operators of the file and the network.

use std::collections::HashMap;
use std::rc::Rc;

use chainrule_layers::Stage;
use chainrule_tensor::ndarray::Array2;
use chainrule_tensor::{Scalar, Shape};

use super::array::Budget;
use super::error::ImportError;
use super::labels::{Labels, Permutation};

/// A value that depends on the example: the step that gives it, and how its axes lie.
#[derive(Debug, Clone)]
pub(super) struct Activation {
    pub(super) step: usize,
    pub(super) labels: Labels,
}

/// One of the steps from the input to the output.
#[derive(Debug)]
pub(super) struct Step<A> {
    pub(super) kind: Kind<A>,
    /// The steps that it takes, all of them earlier ones.
    pub(super) inputs: Vec<usize>,
    /// What an example is after it.
    pub(super) shape: Shape,
    /// The node of the file.
    pub(super) node: usize,
}

#[derive(Debug)]
pub(super) enum Kind<A> {
    Input,
    Layer(Layer<A>),
    Permute(Permutation),
    /// Number by number.
    Pointwise(Function),
    /// The mean over a part of the numbers of an example of this shape, as a normalisation takes it.
    Mean(Group, Shape),
    /// The features side by side.
    Concat,
    /// The positions of each line of a picture by a matrix, (inputs, outputs): a half of a pool.
    Across(Array2<f64>),
}

/// A layer with its numbers.
#[derive(Debug, Clone)]
pub(super) struct Layer<A> {
    pub(super) stage: Stage,
    /// The input that it is described for; `None` where any will do.
    pub(super) input: Option<Shape>,
    /// Its parameters in the order of its layout and in memory's; one number stands for as many as are wanted.
    pub(super) arrays: Vec<Rc<Vec<A>>>,
    /// What is measured in training, likewise.
    pub(super) statistics: Vec<Rc<Vec<A>>>,
    /// The factors and the shifts of y = s·x + t, where the layer is no more than that.
    pub(super) scaling: Option<[Rc<Vec<f64>>; 2]>,
}

impl<A: Scalar> Layer<A> {
    /// A layer without parameters.
    pub(super) fn plain(stage: impl Into<Stage>, input: Option<Shape>) -> Self {
        Self { stage: stage.into(), input, arrays: Vec::new(), statistics: Vec::new(), scaling: None }
    }

    /// With these parameters.
    pub(super) fn with(self, arrays: impl IntoIterator<Item = Vec<f64>>) -> Self {
        Self { arrays: arrays.into_iter().map(converted).collect(), ..self }
    }
}

/// In the number type of the model.
pub(super) fn converted<A: Scalar>(values: Vec<f64>) -> Rc<Vec<A>> {
    Rc::new(values.into_iter().map(A::of).collect())
}

/// A function of numbers: an operator of the file, with its settings.
#[derive(Debug, Clone)]
pub(super) struct Function {
    pub(super) operator: &'static str,
    pub(super) settings: [f64; 2],
    pub(super) arguments: Vec<Argument>,
    /// Whether an input is stretched otherwise than a number of each feature is over all positions.
    pub(super) is_stretched: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Argument {
    /// The step's input in this place.
    Input(usize),
    /// One number, one for each feature, or one for each number of an example, in memory's order.
    Constant(Rc<Vec<f64>>),
}

/// Over what a mean is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// The features of each position.
    Features,
    /// The positions, for each feature.
    Positions,
    /// The positions and the features of each of so many groups.
    Groups(usize),
}

/// The steps, and what an import may take.
#[derive(Debug)]
pub(super) struct Steps<A> {
    list: Vec<Step<A>>,
    /// Numbers that are kept.
    budget: Budget,
    /// Permutations that are there already: by the step and the order.
    permuted: HashMap<(usize, Vec<usize>), Activation>,
    /// The numbers of all these.
    reordered: usize,
    /// The node that is being read.
    pub(super) node: usize,
}

/// Numbers of an example whose places are listed where they are reordered.
const MOST_REORDERED: usize = 1 << 23;

impl<A: Scalar> Steps<A> {
    /// Of a model with so many bytes, not counting those in other files.
    pub(super) fn new(bytes: usize) -> Self {
        const SLACK: usize = 1 << 22;
        let budget = Budget::new((bytes / size_of::<A>()).saturating_mul(2).saturating_add(SLACK));
        Self { list: Vec::new(), budget, permuted: HashMap::new(), reordered: 0, node: 0 }
    }

    /// Counts so many bytes of other files, too.
    pub(super) fn allow(&self, bytes: usize) {
        self.budget.give((bytes / size_of::<A>()).saturating_mul(2));
    }

    pub(super) fn get(&self, step: usize) -> &Step<A> {
        &self.list[step]
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Takes so many numbers of what the file justifies.
    pub(super) fn take(&self, numbers: usize) -> Result<(), ImportError> {
        self.budget.take(numbers)
    }

    /// One more step.
    pub(super) fn push(
        &mut self,
        kind: Kind<A>,
        inputs: Vec<usize>,
        labels: Labels,
    ) -> Result<Activation, ImportError> {
        const MOST: usize = 50_000;
        if self.list.len() >= MOST {
            return Err(ImportError::size(format!("it has more than {MOST} operators on examples")));
        }
        let size = labels.dims.iter().try_fold(1_usize, |size, &length| size.checked_mul(length));
        if size.is_none_or(|size| size > u32::MAX as usize) {
            return Err(ImportError::size(format!(
                "a value of shape {:?} has more than 2³² numbers",
                labels.dims
            )));
        }
        if let Kind::Layer(layer) = &kind {
            self.take(layer.arrays.iter().map(|array| array.len()).sum())?;
        }
        let step = self.list.len();
        self.list.push(Step { kind, inputs, shape: labels.shape(), node: self.node });
        Ok(Activation { step, labels })
    }

    /// The activation with the axes that the graph sees.
    pub(super) fn resolved(&mut self, x: &Activation) -> Result<Activation, ImportError> {
        if let Some(labels) = x.labels.resolved() {
            return Ok(Activation { step: x.step, labels });
        }
        let seen = x.labels.seen.clone();
        let labels = Labels { seen: None, ..x.labels.clone() };
        let plain = (0..labels.dims.len()).collect();
        let moved = self.ordered(&Activation { step: x.step, labels }, plain)?;
        let labels = Labels { seen, ..moved.labels };
        let labels = labels.resolved().expect("numbers that lie as in the graph have any axes");
        Ok(Activation { step: moved.step, labels })
    }

    /// The activation with this order of its axes in memory.
    pub(super) fn ordered(&mut self, x: &Activation, order: Vec<usize>) -> Result<Activation, ImportError> {
        let x = self.resolved(x)?;
        if x.labels.lie_alike(&order) {
            return Ok(Activation { step: x.step, labels: Labels { order, ..x.labels } });
        }
        let key = (x.step, [x.labels.dims.as_slice(), &order].concat());
        if let Some(known) = self.permuted.get(&key) {
            return Ok(known.clone());
        }
        let size = x.labels.dims.iter().fold(1_usize, |size, &length| size.saturating_mul(length));
        self.reordered = self.reordered.saturating_add(size);
        if size > MOST_REORDERED || self.reordered > 8 * MOST_REORDERED {
            return Err(ImportError::size(format!(
                "it reorders a value of more than {MOST_REORDERED} numbers, or values of more than {} in all",
                8 * MOST_REORDERED
            )));
        }
        let Labels { dims, order: from, .. } = x.labels.clone();
        let permutation = Permutation { dims, from, to: order.clone() };
        let labels = Labels { order, ..x.labels };
        let moved = self.push(Kind::Permute(permutation), vec![x.step], labels)?;
        self.permuted.insert(key, moved.clone());
        Ok(moved)
    }
}
