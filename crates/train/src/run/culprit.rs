//! Where a number that is not finite comes from.

use chainrule_layers::{Layer, Mode, Stage, Station, TapeKind, leaves};
use chainrule_tensor::ndarray::{Array2, ArrayRef2};
use chainrule_tensor::{Entry, Scalar, vector};

use crate::run::process_group::ProcessGroup;

/// The first place of the network that holds a number that is not finite: a parameter, the input, or a layer's output.
pub(crate) fn culprit<A: Scalar>(
    model: &dyn Layer<A>,
    mode: Mode<'_, A>,
    theta: &[A],
    x: &ArrayRef2<A>,
) -> String {
    let bad = |entry: &&Entry| !vector::is_finite(&theta[entry.range()]);
    if let Some(entry) = model.layout().entries().iter().find(bad) {
        return format!("the parameter {}", entry.name);
    }
    if !x.iter().all(|x| x.is_finite()) {
        return "the input".to_owned();
    }
    // A part of a batch may be empty, which batch normalisation refuses.
    if x.nrows() == 0 {
        return FINITE.to_owned();
    }
    let (mut y, mut tape) =
        (Array2::zeros((x.nrows(), model.outputs())), model.tape(TapeKind::Complete, x.nrows()));
    model.forward(mode, theta, x, &mut y, &mut tape);
    for leaf in leaves(Station::network(model).after_forward(x, &y, &tape)) {
        let values = leaf.values.as_ref().expect("a walk after a forward pass");
        if !values.y.iter().all(|y| y.is_finite()) {
            // A network of one layer has no places.
            let place = if leaf.path.is_empty() { String::new() } else { format!("layer {}, ", leaf.path) };
            return format!("the output of {place}{},", Stage::words(leaf.layer));
        }
    }
    FINITE.to_owned()
}

/// What is wrong where every number is finite.
const FINITE: &str = "the loss of outputs that are finite";

/// What the first rank has found whose numbers are not all finite.
pub(super) fn culprit_of_all<A: Scalar>(group: &mut dyn ProcessGroup<A>, own: String) -> String {
    let size = group.division().size;
    let words = group.gather(own.as_bytes());
    let found = words.iter().position(|word| word != FINITE.as_bytes()).filter(|_| size > 1);
    found.map_or(own, |rank| {
        format!("{} on rank {rank}", String::from_utf8_lossy(&words[rank]).trim_end_matches(','))
    })
}

#[cfg(test)]
mod tests {
    use chainrule_layers::{Dense, Relu, Sequential};

    use super::*;

    #[test]
    fn a_layer_is_named_by_its_place_and_in_the_words_of_the_network() {
        let model =
            Sequential::<f64>::input(2).then(|n| Dense::new(n, 3)).then(Relu::new).then(|n| Dense::new(n, 1));
        let mut theta = vec![1.0; model.layout().len()];
        let x = Array2::from_elem((1, 2), 1e300);
        let place = |theta: &[f64]| culprit(&model, Mode::Train { seed: 0, row: 0 }, theta, &x);
        assert_eq!(place(&theta), FINITE);
        let [.., weights, _] = model.layout().entries() else { panic!("two layers") };
        theta[weights.range()].fill(1e300);
        assert_eq!(place(&theta), "the output of layer 2, dense 1,");
        theta[0] = f64::NAN;
        assert_eq!(place(&theta), "the parameter 0.weight");
    }
}
