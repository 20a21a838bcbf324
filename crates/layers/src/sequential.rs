use std::ops::Range;

use chainrule_tensor::ndarray::{Array2, ArrayRef2, ArrayView2, ArrayViewMut2};
use chainrule_tensor::{Layout, Scalar, rows};

use crate::{Affine, Dual, Grad, Layer, Mode, Point, SecondOrder, Tangent, Tape, Units};

/// Layer after layer: y = f_L(… f₂(f₁(x))).
///
/// The builder hands each layer the width of the one below, so that layers which do not fit cannot be written down.
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
    inputs: usize,
    layers: Vec<Box<dyn Layer<A>>>,
    /// The window of θ of each layer.
    slots: Vec<Range<usize>>,
    layout: Layout,
    /// The layers of each step of a pass: one a step.
    single: Vec<Range<usize>>,
    /// The same with an affine layer and the units above it in one step; but at the top δ is the caller's, and no units can
    /// work on it in place.
    joined: Vec<Range<usize>>,
}

const NO_LAYER: &str = "sequential: a network needs a layer";

impl<A: Scalar> Sequential<A> {
    /// A network for inputs of the given width, as yet without a layer.
    pub fn input(width: usize) -> Self {
        Self {
            inputs: width,
            layers: Vec::new(),
            slots: Vec::new(),
            layout: Layout::new(),
            single: Vec::new(),
            joined: Vec::new(),
        }
    }

    /// Puts the layer that `make` builds for the current width on top.
    ///
    /// # Panics
    /// If the layer takes another width after all.
    #[must_use]
    #[track_caller]
    pub fn then<L: Layer<A> + 'static>(mut self, make: impl FnOnce(usize) -> L) -> Self {
        let layer = make(self.width());
        self.push(Box::new(layer));
        self
    }

    /// Puts a layer on top: for architectures that are known at run time only.
    ///
    /// # Panics
    /// If the layer's input width is not the width of the network so far.
    #[track_caller]
    pub fn push(&mut self, layer: Box<dyn Layer<A>>) {
        let (width, place) = (self.width(), self.layers.len());
        assert_eq!(
            layer.inputs(),
            width,
            "sequential: {layer:?} at place {place} does not take {width} inputs"
        );
        self.slots.push(self.layout.nest(&place.to_string(), layer.layout()));
        self.layers.push(layer);
        self.single.push(place..place + 1);
        // What is no longer at the top can be joined.
        if let [.., affine, units] = &mut self.joined[..]
            && affine.len() == 1
            && self.layers[affine.start].affine().is_some()
            && self.layers[units.start].units().is_some()
        {
            affine.end = units.end;
            self.joined.pop();
        }
        self.joined.push(place..place + 1);
    }

    /// The steps that a tape is made for.
    fn steps(&self, tape: &Tape<A>) -> &[Range<usize>] {
        if tape.arrays.len() == 2 * self.last() { &self.single } else { &self.joined }
    }

    /// The units that a step ends with, if an affine layer comes before them.
    fn units(&self, step: &Range<usize>) -> Option<&dyn Units<A>> {
        if step.len() > 1 { self.layers[step.end - 1].units() } else { None }
    }

    /// What each step but the last hands upwards, and downwards: h₁ … h_{S−1}, then δ₁ … δ_{S−1}.
    fn tape_for(&self, steps: &[Range<usize>], batch: usize, children: Vec<Tape<A>>) -> Tape<A> {
        let (_, below) = steps.split_last().expect(NO_LAYER);
        let hidden = below.iter().map(|step| self.layers[step.end - 1].outputs());
        Tape { children, ..Tape::with_widths(batch, hidden.clone().chain(hidden)) }
    }

    fn width(&self) -> usize {
        self.layers.last().map_or(self.inputs, |layer| layer.outputs())
    }

    /// The index of the topmost layer.
    #[track_caller]
    fn last(&self) -> usize {
        self.layers.len().checked_sub(1).expect(NO_LAYER)
    }

    /// Where an error signal stops: at the input if it is wanted there, else at the lowest layer with parameters.
    fn bottom(&self, wants_input: bool) -> usize {
        if wants_input {
            return 0;
        }
        self.slots.iter().position(|slot| !slot.is_empty()).unwrap_or(self.layers.len())
    }
}

/// The first `n` rows of the array below layer `l`, or `otherwise` at the edge.
fn below<'a, A: Scalar>(arrays: &'a [Array2<A>], otherwise: &'a ArrayRef2<A>, n: usize) -> ArrayView2<'a, A> {
    arrays.last().map_or(otherwise.view(), |array| rows::first(array, n))
}

/// The first `n` rows of the array at layer `l`, or `otherwise` at the edge.
fn above<'a, A: Scalar>(arrays: &'a [Array2<A>], otherwise: &'a ArrayRef2<A>, n: usize) -> ArrayView2<'a, A> {
    arrays.first().map_or(otherwise.view(), |array| rows::first(array, n))
}

/// The array that layer `l` writes downwards: the last of `arrays`, or the caller's at the edge, which may be absent.
fn downwards<'a, A: Scalar>(
    arrays: &'a mut [Array2<A>],
    otherwise: &'a mut Option<&mut ArrayRef2<A>>,
    n: usize,
) -> Option<ArrayViewMut2<'a, A>> {
    match arrays.last_mut() {
        Some(array) => Some(rows::first_mut(array, n)),
        None => otherwise.as_deref_mut().map(|array| array.view_mut()),
    }
}

impl<A: Scalar> Layer<A> for Sequential<A> {
    fn inputs(&self) -> usize {
        self.inputs
    }

    fn outputs(&self) -> usize {
        self.width()
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn tape(&self, batch: usize) -> Tape<A> {
        self.tape_for(&self.single, batch, self.layers.iter().map(|layer| layer.tape(batch)).collect())
    }

    fn gradient_tape(&self, batch: usize) -> Tape<A> {
        let children = self.layers.iter().map(|layer| layer.gradient_tape(batch)).collect();
        self.tape_for(&self.joined, batch, children)
    }

    fn forward(&self, mode: Mode, theta: &[A], x: &ArrayRef2<A>, y: &mut ArrayRef2<A>, tape: &mut Tape<A>) {
        let (n, steps) = (x.nrows(), self.steps(tape));
        let Tape { arrays, children } = tape;
        for (s, step) in steps.iter().enumerate() {
            let (h_below, h_above) = arrays[..steps.len() - 1].split_at_mut(s);
            let input = below(h_below, x, n);
            let mut output = match h_above.first_mut() {
                Some(h) => rows::first_mut(h, n),
                None => y.view_mut(),
            };
            let l = step.start;
            let (layer, theta) = (&self.layers[l], &theta[self.slots[l].clone()]);
            match self.units(step) {
                Some(units) => affine(layer.as_ref()).forward_into(units, theta, &input, &mut output),
                None => layer.forward(mode.inside(l), theta, &input, &mut output, &mut children[l]),
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
        let Tape { arrays, children } = tape;
        let (hidden, deltas) = arrays.split_at_mut(steps.len() - 1);
        let bottom = self.bottom(delta_x.is_some());
        for (s, step) in steps.iter().enumerate().rev().take_while(|(_, step)| step.end > bottom) {
            let (h_below, h_above) = hidden.split_at(s);
            let (delta_below, delta_above) = deltas.split_at_mut(s);
            let l = step.start;
            let slot = self.slots[l].clone();
            let (x, y) = (below(h_below, at.x, n), above(h_above, at.y, n));
            let at = Point { theta: &at.theta[slot.clone()], x: &x, y: &y };
            let delta = above(delta_above, delta, n);
            let mut out = downwards(delta_below, &mut delta_x, n);
            let window = grad.as_mut().map(|grad| grad.window(slot.clone()));
            // Where units φ(z) below work in place, what goes on downwards is ∂C/∂z.
            let units = s.checked_sub(1).and_then(|below| self.units(&steps[below]));
            let layer = &self.layers[l];
            match (units, layer.affine(), out.as_deref_mut()) {
                (Some(units), Some(affine), Some(out)) => {
                    affine.backward_through(units, at, &delta, out, window);
                }
                (units, _, mut out) => {
                    layer.backward(at, &delta, out.as_deref_mut(), window, &mut children[l]);
                    if let (Some(units), Some(out)) = (units, out) {
                        let x = at.x.as_slice().expect("sequential: a tape lies in one piece");
                        rows::in_parts(out, &|from, part| {
                            units.apply_slope(&x[from..from + part.len()], part);
                        });
                    }
                }
            }
            if let Some(grad) = &grad {
                grad.complete_from(slot.start);
            }
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        self.layers.iter().all(|layer| layer.second_order().is_some()).then_some(self)
    }

    fn stages(&self) -> &[Box<dyn Layer<A>>] {
        &self.layers
    }

    fn near_kink(&self, mode: Mode, theta: &[A], x: &ArrayRef2<A>, radius: A) -> bool {
        let mut x = x.to_owned();
        self.layers.iter().zip(&self.slots).enumerate().any(|(place, (layer, slot))| {
            let (mode, theta) = (mode.inside(place), &theta[slot.clone()]);
            let mut y = Array2::zeros((x.nrows(), layer.outputs()));
            layer.forward(mode, theta, &x, &mut y, &mut layer.tape(x.nrows()));
            let near = layer.near_kink(mode, theta, &x, radius);
            x = y;
            near
        })
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
        let (n, last) = (at.x.nrows(), self.last());
        let hidden = &tapes.value.arrays[..last];
        for (l, layer) in self.layers.iter().enumerate() {
            let (h_below, h_above) = hidden.split_at(l);
            let (r_below, r_above) = tapes.tangent.arrays[..last].split_at_mut(l);
            let slot = self.slots[l].clone();
            let (x, y) = (below(h_below, at.x, n), above(h_above, at.y, n));
            let r_input = r_below.last().map(|r| rows::first(r, n));
            let mut r_output = match r_above.first_mut() {
                Some(r) => rows::first_mut(r, n),
                None => r_y.view_mut(),
            };
            exact(layer.as_ref()).r_forward(
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
        let (n, last) = (at.x.nrows(), self.last());
        let (hidden, deltas) = tapes.value.arrays.split_at(last);
        let (r_hidden, r_deltas) = tapes.tangent.arrays.split_at_mut(last);
        for l in (self.bottom(r_delta_x.is_some())..=last).rev() {
            let (h_below, h_above) = hidden.split_at(l);
            let (r_below, r_above) = r_hidden.split_at(l);
            let (r_delta_below, r_delta_above) = r_deltas.split_at_mut(l);
            let slot = self.slots[l].clone();
            let (x, y) = (below(h_below, at.x, n), above(h_above, at.y, n));
            let r_input = r_below.last().map(|r| rows::first(r, n));
            let r_output = above(r_above, along.r_y, n);
            let (value, tangent) =
                (above(&deltas[l..], delta.value, n), above(r_delta_above, delta.tangent, n));
            let mut out = downwards(r_delta_below, &mut r_delta_x, n);
            exact(self.layers[l].as_ref()).r_backward(
                Point { theta: &at.theta[slot.clone()], x: &x, y: &y },
                Tangent { v: &along.v[slot.clone()], r_x: r_input.as_deref().or(along.r_x), r_y: &r_output },
                Dual { value: &value, tangent: &tangent },
                out.as_deref_mut(),
                &mut r_grad[slot],
                Dual { value: &mut tapes.value.children[l], tangent: &mut tapes.tangent.children[l] },
            );
        }
    }
}

/// A layer that was joined with the units above it.
fn affine<A: Scalar>(layer: &dyn Layer<A>) -> &dyn Affine<A> {
    layer.affine().expect("sequential: only affine layers are joined")
}

/// The second order of a layer in a network whose `second_order` has answered.
fn exact<A: Scalar>(layer: &dyn Layer<A>) -> &dyn SecondOrder<A> {
    layer.second_order().expect("sequential: second_order() is None if a layer's is")
}
