//! One example through a network and its error signal back; every number is the engine's.

use chainrule::layers::{Architecture, Layer as _, Point, Stage, Station, TapeKind, Values, leaves};
use chainrule::loss::LossKind;
use chainrule::model::{ModelCard, Output};
use chainrule::ndarray::{Array2, ArrayRef2};
use chainrule::tensor::{Entry, Shape};
use chainrule::train::Weights;

use super::pass::{Pass, wide};
use crate::failure::Failure;

/// What stands on a dense layer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Units {
    /// Nothing: h = z.
    Plain,
    /// h = g(z), unit by unit.
    Pointwise(Stage),
    /// h = softmax(z).
    Softmax,
}

/// A dense layer with its units, at one example.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) units: Units,
    /// W^(l, j, i), `(inputs, outputs)`.
    pub(super) weight: Array2<f64>,
    pub(super) bias: Vec<f64>,
    /// What the layer sees: x, or h of the layer below.
    pub(super) below: Vec<f64>,
    /// z = Wᵀ·below + b.
    pub(super) z: Vec<f64>,
    pub(super) h: Vec<f64>,
    /// g'(z), of pointwise units.
    pub(super) slope: Option<Vec<f64>>,
    /// ∂C/∂h.
    pub(super) signal: Vec<f64>,
    /// δ = ∂C/∂z.
    pub(super) delta: Vec<f64>,
    /// ∂C/∂W = below·δᵀ.
    pub(super) grad_weight: Array2<f64>,
    /// ∂C/∂b = δ.
    pub(super) grad_bias: Vec<f64>,
}

/// The way of one example through a network and back.
#[derive(Debug)]
pub(super) struct Trace {
    pub(super) loss: LossKind,
    /// What the loss has in it.
    pub(super) output: Output,
    /// The type of the numbers of the weights.
    pub(super) dtype: &'static str,
    pub(super) x: Vec<f64>,
    /// One number for each output.
    pub(super) target: Vec<f64>,
    /// h of the last layer, or the probabilities where the loss computes them.
    pub(super) prediction: Vec<f64>,
    pub(super) cost: f64,
    pub(super) layers: Vec<Layer>,
    /// ∂C/∂x.
    pub(super) x_signal: Vec<f64>,
}

/// Where a [`Layer`] stands among the stages of the network.
struct Place {
    dense: usize,
    /// The last stage with an effect of its own: the units, or the dense layer itself.
    top: usize,
    units: Units,
}

/// Dense layers and their units. Dropout passes all on outside training.
fn places(stages: &[Stage]) -> Result<Vec<Place>, Failure> {
    let mut places: Vec<Place> = Vec::new();
    for (place, stage) in stages.iter().enumerate() {
        let units = match stage {
            Stage::Dropout(_) | Stage::DropoutChannels(_) => continue,
            Stage::Dense(_) => {
                places.push(Place { dense: place, top: place, units: Units::Plain });
                continue;
            }
            Stage::Softmax(_) => Some(Units::Softmax),
            other => other.formula().map(|_| Units::Pointwise(other.clone())),
        };
        match (places.last_mut(), units) {
            (Some(layer), Some(units)) if layer.units == Units::Plain => {
                (layer.top, layer.units) = (place, units);
            }
            _ => {
                return Err(Failure::Input(format!(
                    "layer {place}, {stage}: explain takes dense layers, each followed by at most one activation"
                )));
            }
        }
    }
    Ok(places)
}

/// Whether a network is a stack of dense layers and their units, on an input without positions.
pub(super) fn is_stack(architecture: &Architecture) -> bool {
    matches!(architecture.input, Shape::Flat(_)) && places(&architecture.layers).is_ok()
}

/// Forward, δ and backward of one example: `x` and `target` have one row.
///
/// # Errors
/// If the network is not a stack of dense layers and their units.
pub(super) fn trace(
    (card, loss): (&ModelCard, LossKind),
    (weights, dtype): (Weights<'_, f64>, &'static str),
    x: &ArrayRef2<f64>,
    target: &ArrayRef2<f64>,
) -> Result<Trace, Failure> {
    let places = places(&card.architecture.layers)?;
    let pass = Pass::of((card, loss), weights, x, target);
    let walk = Walk { stages: leaves(pass.network()), pass: &pass };
    Ok(Trace {
        loss,
        output: card.output,
        dtype,
        x: wide(x),
        target: wide(target),
        layers: places.iter().map(|place| walk.layer(place)).collect(),
        cost: pass.cost,
        prediction: pass.prediction,
        x_signal: pass.x_signal,
    })
}

/// A pass, and its stages by their places.
struct Walk<'a> {
    pass: &'a Pass<'a>,
    stages: Vec<Station<'a, f64>>,
}

impl<'a> Walk<'a> {
    /// What the passes have left at the stage at `place`.
    fn values(&self, place: usize) -> &Values<'a, f64> {
        self.stages[place].values.as_ref().expect("a walk after both passes")
    }

    /// The output of the stage at `place`.
    fn value(&self, place: usize) -> &ArrayRef2<f64> {
        &self.values(place).y
    }

    /// ∂C/∂(output of the stage at `place`).
    fn signal(&self, place: usize) -> &ArrayRef2<f64> {
        self.values(place).delta.as_ref().expect("a walk after both passes")
    }

    /// Weight and bias of the dense stage at `place`, out of θ or its gradient.
    fn parameters(&self, place: usize, flat: &[f64]) -> (Array2<f64>, Vec<f64>) {
        let named = |name: &str| -> &Entry {
            let name = format!("{place}.{name}");
            let entries = self.pass.model.layout().entries();
            entries.iter().find(|entry| entry.name == name).expect("a dense layer has a weight and a bias")
        };
        let weight = named("weight");
        let values = flat[weight.range()].to_vec();
        let matrix = Array2::from_shape_vec((weight.shape[0], weight.shape[1]), values);
        (matrix.expect("a window has the size of its shape"), flat[named("bias").range()].to_vec())
    }

    /// g'(z): what the units make of an error signal of ones.
    fn slope(&self, place: &Place) -> Vec<f64> {
        let (z, h) = (self.value(place.dense), self.value(place.top));
        let (ones, mut slope) = (Array2::ones(h.dim()), Array2::zeros(h.dim()));
        let units = self.stages[place.top].layer;
        units.backward(
            Point { theta: &self.pass.theta[self.stages[place.top].window.clone()], x: z, y: h },
            &ones,
            Some(&mut slope),
            None,
            &mut units.tape(TapeKind::Complete, 1),
        );
        wide(&slope)
    }

    fn layer(&self, place: &Place) -> Layer {
        let (weight, bias) = self.parameters(place.dense, self.pass.theta);
        let (grad_weight, grad_bias) = self.parameters(place.dense, &self.pass.grad);
        Layer {
            units: place.units.clone(),
            weight,
            bias,
            below: wide(self.values(place.dense).x),
            z: wide(self.value(place.dense)),
            h: wide(self.value(place.top)),
            slope: matches!(place.units, Units::Pointwise(_)).then(|| self.slope(place)),
            signal: wide(self.signal(place.top)),
            delta: wide(self.signal(place.dense)),
            grad_weight,
            grad_bias,
        }
    }
}

impl Layer {
    /// The name of its units.
    pub(super) fn name(&self) -> &'static str {
        match &self.units {
            Units::Plain => "linear",
            Units::Pointwise(activation) => activation.name(),
            Units::Softmax => "softmax",
        }
    }
}

impl Trace {
    /// The widths as on the command line: `2-3-2`.
    pub(super) fn widths(&self) -> String {
        let widths = self.layers.iter().map(|layer| layer.z.len());
        let widths: Vec<_> = std::iter::once(self.x.len()).chain(widths).map(|n| n.to_string()).collect();
        widths.join("-")
    }

    /// The name of the units of layer `l`, from 1, with the function that the loss has in it.
    pub(super) fn units(&self, l: usize) -> &'static str {
        match self.output {
            Output::Sigmoid if l == self.layers.len() => "sigmoid",
            Output::Softmax if l == self.layers.len() => "softmax",
            _ => self.layers[l - 1].name(),
        }
    }

    /// How much each input moves C: x · ∂C/∂x, the change of C to first order where the input goes from 0 to x.
    pub(super) fn influence(&self) -> Vec<f64> {
        influence(&self.x, &self.x_signal)
    }

    /// The network in a line.
    pub(super) fn about(&self) -> String {
        let mut units: Vec<_> = (1..=self.layers.len()).map(|l| self.units(l)).collect();
        units.dedup();
        let loss = self.loss.to_string().replace('-', " ");
        format!("{} network, {} units, {loss}", self.widths(), units.join(" and "))
    }
}

/// x · ∂C/∂x of each input.
pub(super) fn influence(x: &[f64], signal: &[f64]) -> Vec<f64> {
    x.iter().zip(signal).map(|(x, signal)| x * signal).collect()
}

#[cfg(test)]
mod tests {
    use chainrule::layers::{Mode, activation};
    use chainrule::optim::Objective;
    use chainrule::tensor::{Rng, difference};
    use chainrule::train::{Risk, Workspace, gradcheck::is_clear_of_kinks};

    use super::super::super::options::OutputName;
    use super::*;
    use crate::commands::loss;

    const WIDTHS: [usize; 4] = [3, 5, 4, 3];

    fn card(activation: impl Into<Stage>, loss: LossKind, output: Option<OutputName>) -> ModelCard {
        let mut architecture = Architecture::perceptron(&WIDTHS, activation, 0.1);
        let (top, output) = loss::top(loss, output, true).unwrap();
        architecture.layers.extend::<Option<Stage>>(top);
        ModelCard::new(architecture, output, Some(loss.spec()))
    }

    /// θ, x and target at which no kink is near.
    fn draw(card: &ModelCard, loss: &dyn chainrule::loss::Loss<f64>) -> (Vec<f64>, Array2<f64>, Array2<f64>) {
        let model = card.architecture.build::<f64>(None);
        let target = Array2::from_shape_vec((1, 3), vec![0.0, 1.0, 0.0]).unwrap();
        (0..50)
            .map(|seed| {
                let rng = &mut Rng::new(seed);
                let theta: Vec<f64> = (0..model.layout().len()).map(|_| rng.normal(0.7)).collect();
                let x = Array2::from_shape_simple_fn((1, 3), || rng.normal(1.0));
                (theta, x, target.clone())
            })
            .find(|(theta, x, target)| {
                is_clear_of_kinks((&model, loss), Mode::EVAL, theta, (x, target), 50.0 * difference::STEP)
            })
            .expect("kinks are rare")
    }

    #[track_caller]
    fn close(ours: &[f64], witness: &[f64], what: &str) {
        let error = difference::relative_error_above(1e-2, ours, witness);
        assert!(error < 1e-8, "{what}: {ours:?} and {witness:?} differ by {error:e}");
    }

    fn check(card: &ModelCard, loss: LossKind) {
        let (what, own) = (format!("{card:?}"), loss.spec().build::<f64>());
        let (theta, x, target) = draw(card, &*own);
        let trace = trace((card, loss), ((&theta).into(), "f64"), &x, &target).unwrap();
        let model = card.architecture.build::<f64>(None);
        let mut workspace = Workspace::new(&model, 1);
        let mut cost = |theta: &[f64], x: &Array2<f64>| {
            Risk::new(&model, &*own, x, &target).within(&mut workspace).value(theta)
        };
        assert_eq!(trace.cost, cost(&theta, &x), "{what}");

        let ours: Vec<f64> = trace
            .layers
            .iter()
            .flat_map(|layer| layer.grad_weight.iter().chain(&layer.grad_bias))
            .copied()
            .collect();
        // A learned slope has a derivative too; the trace follows weights and biases.
        let dense = |stage: &Station<'_, f64>| stage.layer.affine().is_some();
        let followed =
            leaves(Station::network(&model)).into_iter().filter(dense).flat_map(|stage| stage.window);
        let witness: Vec<f64> = followed
            .map(|p| {
                difference::derivative(|e| {
                    let mut theta = theta.clone();
                    theta[p] += e;
                    cost(&theta, &x)
                })
            })
            .collect();
        close(&ours, &witness, &what);

        let witness: Vec<f64> = (0..3)
            .map(|j| {
                difference::derivative(|e| {
                    let mut x = x.clone();
                    x[(0, j)] += e;
                    cost(&theta, &x)
                })
            })
            .collect();
        close(&trace.x_signal, &witness, &what);

        for (l, layer) in trace.layers.iter().enumerate() {
            close(&layer.grad_bias, &layer.delta, "∂C/∂b = δ");
            assert_eq!(layer.below, if l == 0 { &trace.x } else { &trace.layers[l - 1].h }.clone());
            if let Some(slope) = &layer.slope {
                let product: Vec<f64> = slope.iter().zip(&layer.signal).map(|(slope, s)| slope * s).collect();
                close(&layer.delta, &product, "δ = g'(z)·∂C/∂h");
            }
        }
    }

    #[test]
    fn every_derivative_is_that_of_finite_differences() {
        for activation in Stage::activations() {
            for &loss in LossKind::ALL {
                check(&card(activation.clone(), loss, None), loss);
            }
        }
        for output in [OutputName::Softmax, OutputName::Identity] {
            check(&card(activation::Tanh, LossKind::SquaredError, Some(output)), LossKind::SquaredError);
        }
    }

    #[test]
    fn stages_that_do_not_stand_on_a_dense_layer_are_refused() {
        let units: Stage = activation::Relu.into();
        let dense = Stage::dense(2);
        let stages = |stages: &[&Stage]| stages.iter().map(|&stage| stage.clone()).collect::<Vec<_>>();
        assert!(places(&stages(&[&dense, &units, &Stage::dropout(0.5), &dense])).is_ok());
        for stages in [stages(&[&units, &dense]), stages(&[&dense, &units, &units])] {
            assert!(places(&stages).is_err(), "{stages:?}");
        }
    }
}
