use std::ops::Range;

use chainrule_tensor::ndarray::{Array2, ArrayRef2};
use chainrule_tensor::{Layout, Scalar, Shape, rows};

use crate::between::{Step, above, below, downwards};
use crate::flattened::{Flattened, Stored};
use crate::fused::InPlaceActivation;
use crate::layer::{Layer, Station, Structure, Values};
use crate::mode::Mode;
use crate::point::{Grad, Point};
use crate::second_order::{Dual, SecondOrder, Tangent};
use crate::tape::{Tape, TapeKind};

/// Layer after layer: y = f_L(… f₂(f₁(x))).
///
/// The builder hands each layer the shape of what is below, so that layers which do not fit are refused where they are
/// written.
///
/// # Gradient
/// The error signal of a layer's output is what the layer above wrote as ∂C/∂x: δ_{l−1} = (∂f_l/∂x)ᵀ·δ_l, from the
/// top to the bottom.
///
/// # References
/// Rumelhart, Hinton and Williams 1986; LeCun, "A theoretical framework for back-propagation", 1988.
///
/// ```
/// use chainrule_layers::{Dense, Layer, Relu, Sequential};
///
/// let model: Sequential<f32> =
///     Sequential::input(784).then(|n| Dense::new(n, 100)).then(Relu::new).then(|n| Dense::new(n, 10));
/// assert_eq!(model.layout().len(), 784 * 100 + 100 + 100 * 10 + 10);
/// assert_eq!(model.layout().entries()[2].name, "2.weight");
/// ```
#[derive(Debug)]
pub struct Sequential<A: Scalar> {
    input: Shape,
    layers: Vec<Box<dyn Layer<A>>>,
    /// The window of θ of each layer.
    slots: Vec<Range<usize>>,
    layout: Layout,
    /// The window of the statistics of each layer.
    statistics_slots: Vec<Range<usize>>,
    flattened: Flattened,
    statistics: Layout,
    /// One layer a step, with the views above it.
    single: Vec<Step>,
    /// The same with a layer that frees its output and the activation above it in one step; but at the top δ is the caller's, and no
    /// activation can work on it in place.
    joined: Vec<Step>,
}

const NO_LAYER: &str = "sequential: a network needs a layer";

impl<A: Scalar> Sequential<A> {
    /// A network for inputs of the given shape, as yet without a layer.
    pub fn input(shape: impl Into<Shape>) -> Self {
        Self {
            input: shape.into(),
            layers: Vec::new(),
            slots: Vec::new(),
            layout: Layout::new(),
            statistics_slots: Vec::new(),
            flattened: Flattened::default(),
            statistics: Layout::new(),
            single: Vec::new(),
            joined: Vec::new(),
        }
    }

    /// Puts the layer that `make` builds for the current shape on top. The library's layers take the [`Shape`] as it is; a layer
    /// of your own that takes a number of features is put there by `.then(|shape| Own::new(shape.size()))`.
    ///
    /// # Panics
    /// If the layer takes another shape after all.
    #[must_use]
    #[track_caller]
    pub fn then<L: Layer<A> + 'static>(mut self, make: impl FnOnce(Shape) -> L) -> Self {
        let layer = make(self.shape());
        self.push(Box::new(layer));
        self
    }

    /// Takes the parameters whose names match `pattern` out of training, as [`Layout::freeze`] does: their gradient and their
    /// part of a curvature product are 0, and weight decay leaves them alone.
    ///
    /// # Panics
    /// If no name matches.
    #[must_use]
    #[track_caller]
    pub fn freeze(mut self, pattern: &str) -> Self {
        let found = self.layout.freeze(pattern);
        assert!(found > 0, "sequential: no parameter is called {pattern:?}");
        self
    }

    /// Puts a layer on top: for architectures that are known at run time only. Weights below it for which no initialiser was
    /// chosen begin as suits it.
    ///
    /// # Panics
    /// If the layer's input shape is not the shape of the network so far.
    #[track_caller]
    pub fn push(&mut self, layer: Box<dyn Layer<A>>) {
        let (shape, place) = (self.shape(), self.layers.len());
        let takes = layer.input_shape();
        assert_eq!(
            takes,
            shape,
            "sequential: {layer:?} at place {place} takes an input of shape {takes}, but the network so far gives {shape}{}",
            if takes.size() == shape.size() { ": put Flatten or Reshape between them" } else { "" }
        );
        if let (Some(init), Some(below)) = (layer.usual_init(), self.layers.last_mut()) {
            below.suit(init);
            self.layout.begin_as(&self.slots[place - 1], below.layout());
        }
        self.slots.push(self.layout.nest(&place.to_string(), layer.layout()));
        self.statistics_slots.push(self.statistics.nest(&place.to_string(), layer.statistics()));
        self.layers.push(layer);
        self.order_features();
        self.join_activation();
        for steps in [&mut self.single, &mut self.joined] {
            match steps.last_mut() {
                // Numbers that only change their shape stay where they are.
                Some(step) if self.layers[place].is_view() => step.layers.end = place + 1,
                Some(step) if self.layers[step.work].is_view() => {
                    step.layers.end = place + 1;
                    step.work = place;
                }
                _ => steps.push(Step { layers: place..place + 1, work: place, activation: None }),
            }
        }
    }

    /// Lets files hold the parameters of the layer on top as PyTorch does.
    fn order_features(&mut self) {
        let station = |at: usize| Station {
            path: String::new(),
            layer: self.layers[at].as_ref(),
            window: self.slots[at].clone(),
            statistics: self.statistics_slots[at].clone(),
            values: None,
        };
        let top = self.layers.len() - 1;
        let is_lowest = self.layers[..top].iter().all(|below| below.is_view());
        let below: Vec<_> = if self.layers[top].is_view() { (0..top).map(station).collect() } else { vec![] };
        let mut stored = Stored { parameters: &mut self.layout, statistics: &mut self.statistics };
        self.flattened.push(&below, &station(top), is_lowest, &mut stored);
    }

    /// The layers, bottom first.
    pub fn layers(&self) -> impl Iterator<Item = &dyn Layer<A>> {
        self.layers.iter().map(AsRef::as_ref)
    }

    /// Joins the activation that is topmost to the layer below it, if that frees its output, as another step is about to go on top.
    fn join_activation(&mut self) {
        let place = self.layers.len() - 1;
        if let [.., below, top] = &mut self.joined[..]
            && !self.layers[place].is_view()
            && below.activation.is_none()
            && self.layers[below.work].frees_output()
            && self.layers[top.work].in_place().is_some()
        {
            below.activation = Some(top.work);
            below.layers.end = top.layers.end;
            self.joined.pop();
        }
    }

    /// The steps that a tape is made for.
    fn steps(&self, tape: &Tape<A>) -> &[Step] {
        match tape.kind {
            TapeKind::Complete => &self.single,
            TapeKind::Gradient => &self.joined,
        }
    }

    /// The activation that a step ends with, where it works on the output of the layer before it.
    fn activation(&self, step: &Step) -> Option<&dyn InPlaceActivation<A>> {
        step.activation.and_then(|place| self.layers[place].in_place())
    }

    /// The shape of the output so far.
    fn shape(&self) -> Shape {
        self.layers.last().map_or(self.input, |layer| layer.output_shape())
    }

    /// Where an error signal stops: at the input if it is wanted there, else at the lowest layer with parameters.
    fn bottom(&self, wants_input: bool) -> usize {
        if wants_input {
            return 0;
        }
        self.slots.iter().position(|slot| !slot.is_empty()).unwrap_or(self.layers.len())
    }

    /// Sets what does not move to 0 within the window `slot` of a gradient.
    fn still(&self, slot: &Range<usize>, flat: &mut [A]) {
        for frozen in self.layout.frozen().filter(|frozen| slot.contains(&frozen.start)) {
            flat[frozen].fill(A::zero());
        }
    }

    /// How many steps have an output of their own below the top.
    fn hidden(&self) -> usize {
        self.single.len().checked_sub(1).expect(NO_LAYER)
    }
}

impl<A: Scalar> Layer<A> for Sequential<A> {
    fn input_shape(&self) -> Shape {
        self.input
    }

    fn output_shape(&self) -> Shape {
        self.shape()
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn statistics(&self) -> &Layout {
        &self.statistics
    }

    fn observe(&self, tape: &Tape<A>, observed: &mut [A]) {
        for ((layer, slot), tape) in self.layers.iter().zip(&self.statistics_slots).zip(&tape.children) {
            layer.observe(tape, &mut observed[slot.clone()]);
        }
    }

    fn track(&self, observed: &[A], statistics: &mut [A]) {
        for (layer, slot) in self.layers.iter().zip(&self.statistics_slots) {
            layer.track(&observed[slot.clone()], &mut statistics[slot.clone()]);
        }
    }

    /// What each step but the last hands upwards, and downwards: h₁ … h_{S−1}, then δ₁ … δ_{S−1}.
    fn tape(&self, kind: TapeKind, batch: usize) -> Tape<A> {
        let steps = if kind == TapeKind::Complete { &self.single } else { &self.joined };
        let (_, below) = steps.split_last().expect(NO_LAYER);
        let hidden = below.iter().map(|step| self.layers[step.work].outputs());
        let children = self.layers.iter().map(|layer| layer.tape(kind, batch)).collect();
        Tape { kind, children, ..Tape::with_widths(batch, hidden.clone().chain(hidden)) }
    }

    fn forward(
        &self,
        mode: Mode<'_, A>,
        theta: &[A],
        x: &ArrayRef2<A>,
        y: &mut ArrayRef2<A>,
        tape: &mut Tape<A>,
    ) {
        let (n, steps) = (x.nrows(), self.steps(tape));
        let Tape { arrays, children, .. } = tape;
        for (s, step) in steps.iter().enumerate() {
            let (h_below, h_above) = arrays[..steps.len() - 1].split_at_mut(s);
            let input = below(h_below, x, n);
            let mut output = match h_above.first_mut() {
                Some(h) => rows::first_mut(h, n),
                None => y.view_mut(),
            };
            let l = step.work;
            let (layer, theta) = (&self.layers[l], &theta[self.slots[l].clone()]);
            let phi = self.activation(step);
            if let (Some(phi), Some(affine)) = (phi, layer.affine()) {
                affine.forward_into(phi, theta, &input, &mut output);
                continue;
            }
            let mode = mode.inside(l, self.statistics_slots[l].clone());
            layer.forward(mode, theta, &input, &mut output, &mut children[l]);
            if let Some(phi) = phi {
                rows::in_parts(&mut output, &|_, part| phi.apply(part));
            }
        }
    }

    fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        mut delta_x: Option<&mut ArrayRef2<A>>,
        mut grad: Option<Grad<'_, A>>,
        tape: &mut Tape<A>,
    ) {
        let (n, steps) = (at.x.nrows(), self.steps(tape));
        let Tape { arrays, children, .. } = tape;
        let (hidden, deltas) = arrays.split_at_mut(steps.len() - 1);
        let bottom = self.bottom(delta_x.is_some());
        for (s, step) in steps.iter().enumerate().rev().take_while(|(_, step)| step.layers.end > bottom) {
            let (h_below, h_above) = hidden.split_at(s);
            let (delta_below, delta_above) = deltas.split_at_mut(s);
            let l = step.work;
            let slot = self.slots[l].clone();
            let (x, y) = (below(h_below, at.x, n), above(h_above, at.y, n));
            let at = Point { theta: &at.theta[slot.clone()], x: &x, y: &y };
            let delta = above(delta_above, delta, n);
            let mut out = downwards(delta_below, &mut delta_x, n);
            let window = grad.as_mut().map(|grad| grad.window(slot.clone()));
            // Where an activation φ(z) below works in place, what goes on downwards is ∂C/∂z.
            let phi = s.checked_sub(1).and_then(|below| self.activation(&steps[below]));
            let layer = &self.layers[l];
            match (phi, layer.affine(), out.as_deref_mut()) {
                (Some(phi), Some(affine), Some(out)) => {
                    affine.backward_through(phi, at, &delta, out, window);
                }
                (phi, _, mut out) => {
                    layer.backward(at, &delta, out.as_deref_mut(), window, &mut children[l]);
                    if let (Some(phi), Some(out)) = (phi, out) {
                        let x = rows::in_one_piece(at.x);
                        rows::in_parts(out, &|from, part| {
                            phi.apply_slope(&x[from..from + part.len()], part);
                        });
                    }
                }
            }
            if let Some(grad) = &mut grad {
                self.still(&slot, grad.flat);
                grad.complete_from(slot.start);
            }
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        self.layers.iter().all(|layer| layer.second_order().is_some()).then_some(self)
    }

    fn structure(&self) -> Structure {
        Structure::Chain
    }

    fn each_part<'a>(&'a self, station: &Station<'a, A>, visit: &mut dyn FnMut(Station<'a, A>)) {
        for (s, step) in self.single.iter().enumerate() {
            let values = station.values.as_ref().map(|values| {
                let (hidden, deltas) = values.tape.arrays.split_at(self.hidden());
                let n = values.x.nrows();
                let first = |arrays: &'a [Array2<A>], at: usize| rows::first(&arrays[at], n);
                let x = if s == 0 { values.x } else { first(hidden, s - 1) };
                let top = s == self.hidden();
                let y = if top { values.y } else { first(hidden, s) };
                let delta = values.delta.map(|delta| if top { delta } else { first(deltas, s) });
                (x, y, delta, values.tape)
            });
            for l in step.layers.clone() {
                let values = values.map(|(x, y, delta, tape)| Values {
                    // Below the layer that computes there are views of x, above it views of y.
                    x: if l <= step.work { x } else { y },
                    y: if l >= step.work { y } else { x },
                    delta: delta.filter(|_| l >= step.work),
                    tape: &tape.children[l],
                });
                let (layer, name) = (self.layers[l].as_ref(), l.to_string());
                visit(station.part(&name, layer, &self.slots[l], &self.statistics_slots[l], values));
            }
        }
    }
}

impl<A: Scalar> SecondOrder<A> for Sequential<A> {
    fn r_forward(
        &self,
        at: Point<'_, A>,
        v: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        tapes: Dual<&mut Tape<A>>,
    ) {
        let (n, last) = (at.x.nrows(), self.hidden());
        let hidden = &tapes.value.arrays[..last];
        for (s, step) in self.single.iter().enumerate() {
            let (h_below, h_above) = hidden.split_at(s);
            let (r_below, r_above) = tapes.tangent.arrays[..last].split_at_mut(s);
            let l = step.work;
            let slot = self.slots[l].clone();
            let (x, y) = (below(h_below, at.x, n), above(h_above, at.y, n));
            let r_input = r_below.last().map(|r| rows::first(r, n));
            let mut r_output = match r_above.first_mut() {
                Some(r) => rows::first_mut(r, n),
                None => r_y.view_mut(),
            };
            exact(self.layers[l].as_ref()).r_forward(
                Point { theta: &at.theta[slot.clone()], x: &x, y: &y },
                &v[slot],
                r_input.as_deref().or(r_x),
                &mut r_output,
                Dual { value: &mut tapes.value.children[l], tangent: &mut tapes.tangent.children[l] },
            );
        }
    }

    fn r_backward(
        &self,
        at: Point<'_, A>,
        along: Tangent<'_, A>,
        delta: Dual<&ArrayRef2<A>>,
        mut r_delta_x: Option<&mut ArrayRef2<A>>,
        r_grad: &mut [A],
        tapes: Dual<&mut Tape<A>>,
    ) {
        let (n, last) = (at.x.nrows(), self.hidden());
        let (hidden, deltas) = tapes.value.arrays.split_at(last);
        let (r_hidden, r_deltas) = tapes.tangent.arrays.split_at_mut(last);
        let bottom = self.bottom(r_delta_x.is_some());
        for (s, step) in self.single.iter().enumerate().rev().take_while(|(_, step)| step.layers.end > bottom)
        {
            let (h_below, h_above) = hidden.split_at(s);
            let (r_below, r_above) = r_hidden.split_at(s);
            let (r_delta_below, r_delta_above) = r_deltas.split_at_mut(s);
            let l = step.work;
            let slot = self.slots[l].clone();
            let (x, y) = (below(h_below, at.x, n), above(h_above, at.y, n));
            let r_input = r_below.last().map(|r| rows::first(r, n));
            let r_output = above(r_above, along.r_y, n);
            let (value, tangent) =
                (above(&deltas[s..], delta.value, n), above(r_delta_above, delta.tangent, n));
            let mut out = downwards(r_delta_below, &mut r_delta_x, n);
            exact(self.layers[l].as_ref()).r_backward(
                Point { theta: &at.theta[slot.clone()], x: &x, y: &y },
                Tangent { v: &along.v[slot.clone()], r_x: r_input.as_deref().or(along.r_x), r_y: &r_output },
                Dual { value: &value, tangent: &tangent },
                out.as_deref_mut(),
                &mut r_grad[slot.clone()],
                Dual { value: &mut tapes.value.children[l], tangent: &mut tapes.tangent.children[l] },
            );
            self.still(&slot, r_grad);
        }
    }
}

/// The second order of a layer in a network whose `second_order` has answered.
fn exact<A: Scalar>(layer: &dyn Layer<A>) -> &dyn SecondOrder<A> {
    layer.second_order().expect("sequential: second_order() is None if a layer's is")
}
