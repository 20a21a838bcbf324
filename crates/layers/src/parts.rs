//! The layers inside a container that is no chain, with their windows of θ and of the statistics.

use std::fmt;
use std::ops::Range;

use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::{Layout, Scalar, rows};

use crate::layer::{Layer, Station, Values};
use crate::mode::Mode;
use crate::point::{Grad, Point};
use crate::second_order::{Dual, SecondOrder, Tangent};
use crate::tape::{Tape, TapeKind};

/// A layer inside a container.
pub(crate) struct Part<A: Scalar> {
    name: String,
    pub(crate) layer: Box<dyn Layer<A>>,
    slot: Range<usize>,
    statistics: Range<usize>,
}

/// All layers inside a container.
pub(crate) struct Parts<A: Scalar> {
    pub(crate) list: Vec<Part<A>>,
    /// The parameters of the container: those of its layers, and what it pushes itself.
    pub(crate) layout: Layout,
    pub(crate) statistics: Layout,
}

/// to ← to + from.
pub(crate) fn add<A: Scalar>(from: &ArrayRef2<A>, to: &mut ArrayRef2<A>) {
    rows::map([from], to, |[from], to| *to += from);
}

impl<A: Scalar> Parts<A> {
    pub(crate) fn new() -> Self {
        Self { list: Vec::new(), layout: Layout::new(), statistics: Layout::new() }
    }

    /// One more layer, with its parameters under `name`.
    pub(crate) fn push(&mut self, name: impl Into<String>, layer: Box<dyn Layer<A>>) {
        let name = name.into();
        let slot = self.layout.nest(&name, layer.layout());
        let statistics = self.statistics.nest(&name, layer.statistics());
        self.list.push(Part { name, layer, slot, statistics });
    }

    /// The layers, in order.
    pub(crate) fn layers(&self) -> impl Iterator<Item = &dyn Layer<A>> {
        self.list.iter().map(|part| part.layer.as_ref())
    }

    pub(crate) fn observe(&self, tapes: &[Tape<A>], observed: &mut [A]) {
        for (part, tape) in self.list.iter().zip(tapes) {
            part.layer.observe(tape, &mut observed[part.statistics.clone()]);
        }
    }

    pub(crate) fn track(&self, observed: &[A], statistics: &mut [A]) {
        for Part { layer, statistics: window, .. } in &self.list {
            layer.track(&observed[window.clone()], &mut statistics[window.clone()]);
        }
    }

    /// A tape for a container with arrays of these widths and one child for each layer.
    pub(crate) fn tape(
        &self,
        kind: TapeKind,
        batch: usize,
        widths: impl IntoIterator<Item = usize>,
    ) -> Tape<A> {
        let children = self.list.iter().map(|part| part.layer.tape(kind, batch)).collect();
        Tape { kind, children, ..Tape::with_widths(batch, widths) }
    }

    pub(crate) fn have_second_order(&self) -> bool {
        self.list.iter().all(|part| part.layer.second_order().is_some())
    }
}

/// A pass over one layer, given θ, the gradient and the direction of the whole container.
impl<A: Scalar> Part<A> {
    /// `place` gives the layer its own random numbers.
    pub(crate) fn forward(
        &self,
        (place, mode): (usize, Mode<'_, A>),
        theta: &[A],
        x: &ArrayRef2<A>,
        y: &mut ArrayRef2<A>,
        tape: &mut Tape<A>,
    ) {
        let mode = mode.inside(place, self.statistics.clone());
        self.layer.forward(mode, &theta[self.slot.clone()], x, y, tape);
    }

    pub(crate) fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        grad: Option<&mut Grad<'_, A>>,
        tape: &mut Tape<A>,
    ) {
        let window = grad.map(|grad| grad.window(self.slot.clone()));
        self.layer.backward(self.inside(at), delta, delta_x, window, tape);
    }

    pub(crate) fn r_forward(
        &self,
        at: Point<'_, A>,
        v: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        tapes: Dual<&mut Tape<A>>,
    ) {
        self.exact().r_forward(self.inside(at), &v[self.slot.clone()], r_x, r_y, tapes);
    }

    pub(crate) fn r_backward(
        &self,
        at: Point<'_, A>,
        along: Tangent<'_, A>,
        delta: Dual<&ArrayRef2<A>>,
        r_delta_x: Option<&mut ArrayRef2<A>>,
        r_grad: &mut [A],
        tapes: Dual<&mut Tape<A>>,
    ) {
        let along = Tangent { v: &along.v[self.slot.clone()], ..along };
        let r_grad = &mut r_grad[self.slot.clone()];
        self.exact().r_backward(self.inside(at), along, delta, r_delta_x, r_grad, tapes);
    }

    /// The station of this layer on a walk through the container.
    pub(crate) fn station<'a>(
        &'a self,
        container: &Station<'a, A>,
        values: Option<Values<'a, A>>,
    ) -> Station<'a, A> {
        container.part(&self.name, self.layer.as_ref(), &self.slot, &self.statistics, values)
    }

    fn inside<'a>(&self, at: Point<'a, A>) -> Point<'a, A> {
        Point { theta: &at.theta[self.slot.clone()], ..at }
    }

    fn exact(&self) -> &dyn SecondOrder<A> {
        self.layer.second_order().expect("a container has a second order only if its layers have")
    }
}

/// Its layers by name.
impl<A: Scalar> fmt::Debug for Parts<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.list.iter().map(|part| (&part.name, &part.layer))).finish()
    }
}
