//! A walk over a network, by path and shape, with values and error signals where a pass has left them.
//!
//! Diagnostics, summaries, pictures and the dense Hessian look into a network through this and nothing else, so that only a
//! container knows where it keeps what its layers hand to each other.

use chainrule_tensor::Scalar;

use crate::layer::{Layer, Station, Structure};

/// Calls `visit` with the station itself and with each layer inside it, in the order of the forward pass.
///
/// ```
/// use chainrule_layers::{Dense, Sequential, Station, Tanh, walk};
///
/// let inner = || Sequential::<f32>::input(3).then(|n| Dense::new(n, 3)).then(Tanh::new);
/// let network = Sequential::input(2).then(|n| Dense::new(n, 3)).then(|_| inner());
/// let mut paths = Vec::new();
/// walk(Station::network(&network), &mut |station| paths.push(station.path.clone()));
/// assert_eq!(paths, ["", "0", "1", "1.0", "1.1"]);
/// ```
#[expect(clippy::needless_pass_by_value, reason = "a station is made to be walked from")]
pub fn walk<'a, A: Scalar>(station: Station<'a, A>, visit: &mut dyn FnMut(&Station<'a, A>)) {
    visit(&station);
    station.layer.each_part(&station, &mut |part| walk(part, visit));
}

/// Whether the outputs of a network in training depend on a seed, as those of dropout do.
///
/// ```
/// use chainrule_layers::{Dense, Dropout, Sequential, is_random};
///
/// let network = |rate| Sequential::<f32>::input(3).then(|n| Dense::new(n, 3)).then(|n| Dropout::new(n, rate));
/// assert!(is_random(&network(0.1)) && !is_random(&network(0.0)));
/// ```
pub fn is_random<A: Scalar>(network: &dyn Layer<A>) -> bool {
    leaves(Station::network(network)).iter().any(|leaf| leaf.layer.is_random())
}

/// The fewest rows of a batch that all layers of a network take in training, and the first layer that takes no fewer.
///
/// ```
/// use chainrule_layers::{BatchNorm, Dense, Sequential, least_rows};
///
/// let network = Sequential::<f32>::input(3).then(|n| Dense::new(n, 4)).then(BatchNorm::new);
/// let (rows, layer) = least_rows(&network);
/// assert_eq!((rows, layer.path.as_str()), (2, "1"));
/// ```
pub fn least_rows<A: Scalar>(network: &dyn Layer<A>) -> (usize, Station<'_, A>) {
    let leaves = leaves(Station::network(network));
    let most = leaves.iter().map(|leaf| leaf.layer.least_rows()).max().unwrap_or(1);
    let first = leaves.into_iter().find(|leaf| leaf.layer.least_rows() == most);
    (most, first.unwrap_or_else(|| Station::network(network)))
}

/// The layers of a network that contain no others, in the order of the forward pass.
pub fn leaves<A: Scalar>(station: Station<'_, A>) -> Vec<Station<'_, A>> {
    let mut leaves = Vec::new();
    walk(station, &mut |station| {
        if station.layer.structure() == Structure::Leaf {
            leaves.push(station.clone());
        }
    });
    leaves
}
