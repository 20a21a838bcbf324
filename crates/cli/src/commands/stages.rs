//! The layers of a network by their paths, in words.

use std::collections::HashMap;

use chainrule::layers::{Architecture, Layer, Stage, Station, Structure, walk};
use chainrule::tensor::{Entry, Scalar};

/// Characters of the name of a layer in a table, at least.
pub(crate) const SHORT_NAME: usize = 9;

/// Whether a terminal of this width has no room for a table of layers with a column headed `parameters`.
pub(crate) fn is_narrow(room: usize) -> bool {
    room < 60
}

/// The head of the column with the number of parameters of each layer.
pub(crate) fn head_of_parameters(room: usize) -> &'static str {
    if is_narrow(room) { "θ" } else { "parameters" }
}

/// A layer, or a path of layers inside one.
#[derive(Debug, Clone)]
pub(crate) struct StageName {
    /// In words, such as `dense 6`, or what a path does.
    pub(crate) words: String,
    /// How what is inside it is joined.
    pub(crate) joins: Option<String>,
    /// Whether it is a path of layers, whose numbers are those of the last layer inside it.
    pub(crate) is_path: bool,
    /// Whether its numbers go straight into a layer that keeps their places, such as an activation: a picture of that one shows the same.
    pub(crate) passes_on: bool,
}

/// Each layer and path by its path in the network.
pub(crate) type StageNames = HashMap<String, StageName>;

/// The names of all layers of a network.
pub(crate) fn stage_names(architecture: &Architecture) -> StageNames {
    let mut names = StageNames::new();
    name_layers(&architecture.layers, "", &mut names);
    names
}

fn name_layers(layers: &[Stage], path: &str, names: &mut StageNames) {
    for (place, stage) in layers.iter().enumerate() {
        let path = if path.is_empty() { place.to_string() } else { format!("{path}.{place}") };
        let inside = |name: &str| format!("{path}.{name}");
        let mut chain = |name: &str, layers: &[Stage]| {
            let words =
                if name.parse::<usize>().is_ok() { format!("branch {name}") } else { name.to_owned() };
            let of_path = StageName { words, joins: None, is_path: true, passes_on: true };
            names.insert(inside(name), of_path);
            name_layers(layers, &inside(name), names);
        };
        let (words, joins) = match stage {
            Stage::Residual(residual) => {
                chain("body", &residual.body);
                if let Some(shortcut) = &residual.shortcut {
                    chain("shortcut", shortcut);
                    ("residual".to_owned(), Some("y = body(x) + shortcut(x)".to_owned()))
                } else {
                    ("residual".to_owned(), Some("y = body(x) + x".to_owned()))
                }
            }
            Stage::Branches(branches) => {
                for (i, branch) in branches.branches.iter().enumerate() {
                    chain(&i.to_string(), branch);
                }
                let joins = format!("y = {} of the {} branches", branches.join, branches.branches.len());
                (format!("branches {}", branches.join), Some(joins))
            }
            Stage::Repeat(repeat) => {
                chain("body", &repeat.body);
                let joins = format!("y = the body applied {} times with the same parameters", repeat.times);
                (format!("repeat {}", repeat.times), Some(joins))
            }
            Stage::Tied(tied) => {
                chain("body", &tied.body);
                let joins = "y = body(x W + b) Wᵀ + c, with one W for both ends".to_owned();
                (format!("tied {}", tied.features), Some(joins))
            }
            other => (other.to_string(), None),
        };
        let passes_on = layers.get(place + 1).is_some_and(Stage::keeps_places);
        names.insert(path, StageName { words, joins, is_path: false, passes_on });
    }
}

/// Whether a parameter belongs to this layer itself and to none inside it.
pub(crate) fn is_own<A: Scalar>(station: &Station<'_, A>, entry: &Entry) -> bool {
    let name = entry.name.strip_prefix(&format!("{}.", station.path));
    station.layer.structure() != Structure::Chain && name.is_some_and(|name| !name.contains('.'))
}

/// A layer of the table of a network.
pub(crate) struct StageRow {
    pub(crate) path: String,
    pub(crate) words: String,
    pub(crate) output: String,
    /// Its own parameters.
    pub(crate) parameters: usize,
}

/// Each layer of a network with the shape of its output and its parameters, in the order of the forward pass.
pub(crate) fn stage_rows<A: Scalar>(network: &dyn Layer<A>, names: &StageNames) -> Vec<StageRow> {
    let (entries, mut rows) = (network.layout().entries(), Vec::new());
    walk(Station::network(network), &mut |station| {
        let Some(name) = names.get(&station.path) else { return };
        let own = entries.iter().filter(|entry| is_own(station, entry)).map(Entry::size);
        rows.push(StageRow {
            path: station.path.clone(),
            words: name.words.clone(),
            output: station.layer.output_shape().to_string(),
            parameters: own.sum(),
        });
    });
    // Layers that share their parameters are met as often as they are applied.
    let mut met = std::collections::HashSet::new();
    rows.retain(|row: &StageRow| met.insert(row.path.clone()));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(input: &str, words: &str) -> Vec<(String, String, String, usize)> {
        let architecture = Architecture::parse(input.parse().unwrap(), words).unwrap();
        let network = architecture.build::<f32>(None);
        let rows = stage_rows(&network, &stage_names(&architecture));
        assert_eq!(rows.iter().map(|row| row.parameters).sum::<usize>(), network.layout().len(), "{words}");
        rows.into_iter().map(|row| (row.path, row.words, row.output, row.parameters)).collect()
    }

    #[test]
    fn a_network_has_a_row_for_each_layer_and_every_parameter_is_in_one() {
        let found =
            rows("6x6x1", "conv 2 3, relu, residual (conv 2 3 padding 1, batch-norm), flatten, dense 3");
        let row = |at: usize| {
            let (path, words, output, parameters) = &found[at];
            (path.as_str(), words.as_str(), output.as_str(), *parameters)
        };
        assert_eq!(row(0), ("0", "conv 2 3", "4x4x2", 20));
        assert_eq!(row(2), ("2", "residual", "4x4x2", 0));
        assert_eq!(row(4).0, "2.body.0");
        assert_eq!(found.last().unwrap().3, 32 * 3 + 3);
        rows(
            "4",
            "branches concat (dense 3, relu) (dense 2), repeat 3 (dense 5, tanh), tied 4 (tanh), dense 2",
        );
    }

    #[test]
    fn what_an_activation_takes_needs_no_picture_of_its_own() {
        let architecture = Architecture::parse(
            "6x6x1".parse().unwrap(),
            "conv 2 3, batch-norm, relu, max-pool 2, flatten, dense 3",
        );
        let names = stage_names(&architecture.unwrap());
        let passes: Vec<bool> = (0..6).map(|place| names[&place.to_string()].passes_on).collect();
        assert_eq!(passes, [true, true, false, false, false, false]);
    }
}
