//! `--network`: a network in words, or in a file.

use std::path::Path;

use chainrule::datasets::{Dataset, ImageShape, unreadable};
use chainrule::layers::{Architecture, Preset, Stage, network_for_pictures};
use chainrule::tensor::registry::nearest;
use chainrule::tensor::{Scalar, Shape};
use serde::Deserialize;

use crate::failure::Failure;
use crate::text_file;

/// What a file of layers holds: `[[layers]]` with `kind` and the layer's numbers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    layers: Vec<Stage>,
}

/// Whether the value of `--network` is a file of layers.
pub(crate) fn is_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}

/// The layers of a network: `text` is a path that ends in `.toml`, the name of a published network, which gets this number of
/// `outputs`, or the layers in words.
///
/// # Errors
/// If there is no such file, or it or the text is no network.
pub(crate) fn layers(text: &str, outputs: usize) -> Result<Vec<Stage>, Failure> {
    if let Ok(preset) = text.trim().parse::<Preset>() {
        return layers(&preset.words(outputs), outputs);
    }
    let path = Path::new(text);
    if !is_file(path) {
        return Stage::network(text).map_err(|error| {
            // A name alone may have been meant for one of a whole network.
            if text.contains([',', ' ']) {
                return Failure::Input(format!("--network: {error}"));
            }
            Failure::Input(match nearest(text, Preset::NAMES.iter().copied()) {
                Some(preset) => format!("--network {text}: the network that is most like it is {preset}"),
                None => format!("--network: {error}; whole networks are {}", Preset::NAMES.join(", ")),
            })
        });
    }
    let refused = |fault: String| Failure::Input(format!("--network {text}: {fault}"));
    let contents = text_file::read(path).map_err(|error| refused(unreadable(path, &error, "")))?;
    let file: File = toml::from_str(&contents).map_err(|error| {
        let place = error.span().map_or(1, |span| contents[..span.start].matches('\n').count() + 1);
        refused(format!("line {place}: {}", fault_of(error.message())))
    })?;
    Ok(file.layers)
}

/// A fault of a file of layers, without the names of all of them.
fn fault_of(message: &str) -> String {
    // As serde's derive says it of the enum of layers.
    let unknown = message.strip_prefix("unknown variant `").filter(|_| message.contains("`dense`"));
    match unknown.and_then(|rest| rest.split_once('`')) {
        Some((name, _)) => Stage::unknown(name),
        None => message.to_owned(),
    }
}

/// The layers, for the help of `--network`.
pub(crate) fn long_help() -> String {
    format!(
        "Network in words, such as \"conv 16 3, relu, flatten, dense 10\", a published one ({}), or a .toml file of layers; replaces \
         --layers, --activation and --dropout [default: convolutional for pictures of 16 x 16 pixels or more]\n\n\
         The layers are {}. docs/runs.md describes their numbers, and how networks of several branches are written.",
        Preset::NAMES.join(", "),
        Stage::NAMES.join(", ")
    )
}

/// The value of `--network` without a file: what a run stores must not change with one.
///
/// # Errors
/// If there is no such file, or it is no network.
pub(crate) fn without_file(text: &str) -> Result<String, Failure> {
    if !is_file(Path::new(text)) {
        return Ok(text.to_owned());
    }
    // Only published networks depend on the number of outputs.
    let words: Vec<String> = layers(text, 0)?.iter().map(ToString::to_string).collect();
    Ok(words.join(", "))
}

/// The network of these layers for the examples of `data`, whose pictures keep their shape.
///
/// # Errors
/// If the layers do not fit the data or each other.
pub(crate) fn architecture<A: Scalar>(
    layers: Vec<Stage>,
    data: &Dataset<A>,
) -> Result<Architecture, Failure> {
    let input = input(data);
    let architecture = Architecture { input, layers };
    architecture.validated().map_err(|error| Failure::Input(format!("--network: {error}")))?;
    let model = architecture.build::<f32>(None);
    let output = chainrule::layers::Layer::output_shape(&model);
    if output == Shape::Flat(data.outputs()) {
        return Ok(architecture);
    }
    let cure = if output.positions() > 1 {
        "put `flatten` before the last dense layer"
    } else {
        "end it with that many"
    };
    Err(Failure::Input(format!(
        "--network: {architecture} gives {output} for an input of {input}, but the data has {} outputs: {cure}",
        data.outputs()
    )))
}

/// The convolutional network in words that the program takes for pictures of this size by default.
pub(crate) fn usual<A: Scalar>(data: &Dataset<A>) -> Option<String> {
    network_for_pictures(input(data), data.outputs())
}

/// The shape of an example.
fn input<A: Scalar>(data: &Dataset<A>) -> Shape {
    match data.image() {
        Some(ImageShape { height, width, channels }) => Shape::image(height, width, channels),
        None => Shape::Flat(data.inputs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_what_words_say() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.toml");
        std::fs::write(&path, "[[layers]]\nkind = \"dense\"\noutputs = 8\n\n[[layers]]\nkind = \"leaky-relu\"\nnegative_slope = 0.2\n").unwrap();
        assert_eq!(layers(path.to_str().unwrap(), 1).unwrap(), layers("dense 8, leaky-relu 0.2", 1).unwrap());
        std::fs::write(&path, "[[layers]]\nkind = \"dense\"\noutputs = 8\nbias = 1\n").unwrap();
        let error = layers(path.to_str().unwrap(), 1).unwrap_err();
        assert!(format!("{error:?}").contains("net.toml: line"), "{error:?}");
        assert!(layers("nosuch.toml", 1).is_err());
    }
}
