//! Where a number that is not finite comes from.

use chainrule_layers::{Layer, Mode, Tape};
use chainrule_tensor::ndarray::{Array2, ArrayRef2};
use chainrule_tensor::{Entry, Scalar, vector};

use crate::run::process_group::ProcessGroup;

/// The first place of the network that holds a number that is not finite: a parameter, the input, or a layer's output.
pub(super) fn culprit<A: Scalar>(model: &dyn Layer<A>, mode: Mode, theta: &[A], x: &ArrayRef2<A>) -> String {
    let bad = |entry: &&Entry| !vector::is_finite(&theta[entry.range()]);
    if let Some(entry) = model.layout().entries().iter().find(bad) {
        return format!("the parameter {}", entry.name);
    }
    if !x.iter().all(|x| x.is_finite()) {
        return "the input".to_owned();
    }
    let (mut x, mut offset) = (x.to_owned(), 0);
    for (place, layer) in model.stages().iter().enumerate() {
        let end = offset + layer.layout().len();
        let mut y = Array2::zeros((x.nrows(), layer.outputs()));
        let tape: &mut Tape<A> = &mut layer.tape(x.nrows());
        layer.forward(mode.inside(place), &theta[offset..end], &x, &mut y, tape);
        if !y.iter().all(|y| y.is_finite()) {
            return format!("the output of layer {place}, {layer:?},");
        }
        (x, offset) = (y, end);
    }
    FINITE.to_owned()
}

/// What is wrong where every number is finite.
const FINITE: &str = "the loss of a finite output";

/// What the first rank has found whose numbers are not all finite.
pub(super) fn culprit_of_all<A: Scalar>(group: &mut dyn ProcessGroup<A>, own: String) -> String {
    let size = group.division().size;
    let words = group.gather(own.as_bytes());
    let found = words.iter().position(|word| word != FINITE.as_bytes()).filter(|_| size > 1);
    found.map_or(own, |rank| {
        format!("{} on rank {rank}", String::from_utf8_lossy(&words[rank]).trim_end_matches(','))
    })
}
