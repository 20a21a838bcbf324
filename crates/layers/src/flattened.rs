//! The order of parameters behind a flattened image in files: PyTorch flattens with channels first, this library with channels last.

use chainrule_tensor::{FeatureOrder, Layout, Scalar, Shape};

use crate::layer::{Station, Structure};

/// The tables of a network that say how files hold its numbers.
pub(crate) struct Stored<'a> {
    pub(crate) parameters: &'a mut Layout,
    pub(crate) statistics: &'a mut Layout,
}

impl Stored<'_> {
    /// Orders what the layer at a station has with `axes` axes along one of them.
    fn order<A: Scalar>(&mut self, station: &Station<'_, A>, axes: usize, axis: usize, order: &FeatureOrder) {
        self.parameters.order(&station.window, axes, axis, order);
        self.statistics.order(&station.statistics, axes, axis, order);
    }
}

/// The order in which PyTorch flattens a picture, if it is another than here.
fn flattened(picture: Shape) -> Option<FeatureOrder> {
    Some(FeatureOrder::features_first(picture.positions(), picture.features()))
        .filter(|order| !order.is_same())
}

/// What a chain of layers gives, as far as it has been followed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flattened {
    order: Option<FeatureOrder>,
    /// What files of the fourth format took it for.
    fourth: Option<Shape>,
}

impl Flattened {
    /// Takes note of the layer on top of a chain, and lets files hold its parameters as PyTorch does. What is `below` counts under a
    /// view only.
    pub(crate) fn push<A: Scalar>(
        &mut self,
        below: &[Station<'_, A>],
        top: &Station<'_, A>,
        is_lowest: bool,
        stored: &mut Stored<'_>,
    ) {
        self.push_fourth(top, is_lowest, stored);
        self.order = on_top(below, top, self.order.take(), is_lowest, stored);
    }

    fn push_fourth<A: Scalar>(&mut self, top: &Station<'_, A>, is_lowest: bool, stored: &mut Stored<'_>) {
        let (takes, gives) = (top.layer.input_shape(), top.layer.output_shape());
        if top.layer.is_view() {
            let is_flattened = !is_lowest && takes.positions() > 1 && gives.positions() == 1;
            self.fourth = is_flattened.then_some(takes);
            return;
        }
        let Some(shape) = self.fourth else { return };
        stored.parameters.flattened(&top.window, &shape.axes());
        stored.statistics.flattened(&top.statistics, &shape.axes());
        let keeps =
            top.layer.affine().is_none() && top.layer.structure() == Structure::Leaf && takes == gives;
        self.fourth = self.fourth.filter(|_| keeps);
    }
}

/// The order of what `top` gives, which stands on the layers `below` and takes features in this order. Whatever flattens the data of a
/// network before anything is computed from them (`is_lowest`) has the order of whoever made the data.
fn on_top<A: Scalar>(
    below: &[Station<'_, A>],
    top: &Station<'_, A>,
    order: Option<FeatureOrder>,
    is_lowest: bool,
    stored: &mut Stored<'_>,
) -> Option<FeatureOrder> {
    let layer = top.layer;
    let (takes, gives) = (layer.input_shape(), layer.output_shape());
    let parts = parts_of(top);
    match layer.structure() {
        Structure::Leaf if layer.is_view() => {
            if takes.positions() > 1 {
                return flattened(takes).filter(|_| gives.positions() == 1 && !is_lowest);
            }
            if let Some(wanted) = flattened(gives).filter(|wanted| order.as_ref() != Some(wanted)) {
                give(below, &wanted, stored);
            }
            order.filter(|_| gives.positions() == 1)
        }
        Structure::Leaf if layer.affine().is_some() => {
            if let Some(order) = order.filter(|_| takes.positions() == 1) {
                stored.order(top, 2, 0, &order);
            }
            None
        }
        Structure::Leaf => {
            let order = order.filter(|_| takes == gives && takes.positions() == 1)?;
            stored.order(top, 1, 0, &order);
            Some(order)
        }
        Structure::Chain => {
            let mut order = order;
            for (at, part) in parts.iter().enumerate() {
                let is_lowest = is_lowest && parts[..at].iter().all(|below| below.layer.is_view());
                order = on_top(&parts[..at], part, order, is_lowest, stored);
            }
            order
        }
        Structure::Joined { passed_on } => {
            let is_lowest = is_lowest && !parts.iter().any(computes_on_pictures);
            let orders: Vec<Option<FeatureOrder>> =
                parts.iter().map(|part| on_top(&[], part, order.clone(), is_lowest, stored)).collect();
            let passed = passed_on.then_some(&order);
            let wanted = orders.iter().chain(passed).flatten().next().cloned()?;
            for (part, _) in parts.iter().zip(&orders).filter(|(_, order)| order.as_ref() != Some(&wanted)) {
                give(std::slice::from_ref(part), &wanted, stored);
            }
            Some(wanted)
        }
        Structure::SideBySide => {
            let is_lowest = is_lowest && !parts.iter().any(computes_on_pictures);
            let of = |part: &Station<'_, A>| {
                let order = on_top(&[], part, order.clone(), is_lowest, stored);
                order.unwrap_or_else(|| FeatureOrder::same(part.layer.outputs()))
            };
            let orders: Vec<FeatureOrder> = parts.iter().map(of).collect();
            let together = FeatureOrder::side_by_side(orders);
            Some(together).filter(|order| gives.positions() == 1 && !order.is_same())
        }
        Structure::Repeated => {
            let body = parts.first()?;
            if on_top(&[], body, order.clone(), is_lowest, stored) != order {
                give(&parts, order.as_ref()?, stored);
            }
            order
        }
        Structure::Tied => {
            let order = order.filter(|_| takes.positions() == 1)?;
            // The weight is before the layer in the middle, and the bias of what comes out behind it.
            let middle = &parts.first()?.window;
            let place = |window| Station { window, ..top.clone() };
            stored.order(&place(top.window.start..middle.start), 2, 0, &order);
            stored.order(&place(middle.end..top.window.end), 1, 0, &order);
            Some(order)
        }
    }
}

/// Lets the layers of a chain give features in this order in a file, where they can.
fn give<A: Scalar>(chain: &[Station<'_, A>], order: &FeatureOrder, stored: &mut Stored<'_>) {
    if ordered(chain, order, &mut None) == Given::Ordered {
        ordered(chain, order, &mut Some(stored));
    }
}

/// How far features can be put into an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    /// By what a layer of the chain gives.
    Ordered,
    /// They are handed on through the whole chain.
    HandedOn,
    Impossible,
}

/// Puts what a chain gives into an order, from its top down to the layer that computes it; without tables only asks whether it can be.
fn ordered<A: Scalar>(
    chain: &[Station<'_, A>],
    order: &FeatureOrder,
    stored: &mut Option<&mut Stored<'_>>,
) -> Given {
    for station in chain.iter().rev() {
        let layer = station.layer;
        let (takes, gives) = (layer.input_shape(), layer.output_shape());
        let put = |stored: &mut Option<&mut Stored<'_>>, axes: usize, axis: usize| {
            if let Some(stored) = stored {
                stored.order(station, axes, axis, order);
            }
        };
        let given = match layer.structure() {
            _ if gives.positions() > 1 => Given::Impossible,
            Structure::Leaf if layer.is_view() && takes.positions() == 1 => Given::HandedOn,
            Structure::Leaf if layer.affine().is_some() => {
                put(stored, 2, 1);
                put(stored, 1, 0);
                Given::Ordered
            }
            Structure::Leaf if takes == gives && !layer.is_view() => {
                put(stored, 1, 0);
                Given::HandedOn
            }
            Structure::Chain => ordered(&parts_of(station), order, stored),
            Structure::Joined { passed_on: false } => {
                let each = |part: &Station<'_, A>| ordered(std::slice::from_ref(part), order, stored);
                let all = parts_of(station).iter().map(each).all(|given| given == Given::Ordered);
                if all { Given::Ordered } else { Given::Impossible }
            }
            _ => Given::Impossible,
        };
        if given != Given::HandedOn {
            return given;
        }
    }
    Given::HandedOn
}

fn parts_of<'a, A: Scalar>(station: &Station<'a, A>) -> Vec<Station<'a, A>> {
    let mut parts = Vec::new();
    station.layer.each_part(station, &mut |part| parts.push(part));
    parts
}

/// Whether something in a layer works on the positions of a picture, so that whoever made the data has them as pictures.
fn computes_on_pictures<A: Scalar>(station: &Station<'_, A>) -> bool {
    let layer = station.layer;
    if layer.structure() == Structure::Leaf {
        return !layer.is_view() && layer.input_shape().positions() > 1;
    }
    parts_of(station).iter().any(computes_on_pictures)
}
