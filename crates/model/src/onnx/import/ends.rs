//! Where a graph begins and ends: its input, the output that is the prediction, and the names of classes.

use std::rc::Rc;

use chainrule_datasets::{Pipeline, Transform};
use chainrule_layers::{Join, SoftmaxSpec, Stage, activation};
use chainrule_tensor::{Scalar, Shape};

use super::array::{DOUBLE, FLOAT, Numbers, Reader, STRING};
use super::emit::Network;
use super::error::{ImportError, quoted};
use super::labels::Labels;
use super::message::{Graph, Model, Node};
use super::pointwise::tidy;
use super::steps::Layer;
use super::structure::Piece;
use crate::output::Output;

/// The ends of a graph.
#[derive(Debug)]
pub(super) struct Ends<'a> {
    pub(super) input: &'a str,
    /// Its number type.
    pub(super) kind: i64,
    /// The number of examples, where it is fixed.
    pub(super) batch: Option<usize>,
    /// The lengths of an example's axes.
    pub(super) dims: Vec<usize>,
    pub(super) output: &'a str,
    /// How many numbers the file says that an example's output has.
    outputs: Option<usize>,
}

impl<'a> Ends<'a> {
    pub(super) fn of(graph: &Graph<'a>) -> Result<Self, ImportError> {
        let stored: std::collections::HashSet<&str> =
            graph.initializers.iter().map(|tensor| tensor.name).collect();
        let inputs: Vec<_> = graph.inputs.iter().filter(|input| !stored.contains(input.name)).collect();
        if inputs.is_empty() {
            return Err(ImportError::ends("it has no inputs, and a network here has one"));
        }
        let [input] = inputs[..] else {
            return Err(ImportError::ends(format!(
                "it has {} inputs, and a network here has one{}",
                inputs.len(),
                encoder(graph).unwrap_or_default()
            )));
        };
        if ![FLOAT, DOUBLE, 10, 16].contains(&input.kind) {
            let kind = if input.kind == STRING { "text" } else { "no real numbers" };
            let cure = encoder(graph).unwrap_or_default();
            return Err(ImportError::ends(format!("its input {} is {kind}{cure}", quoted(input.name))));
        }
        let shape = input.dims.as_deref().unwrap_or_default();
        let [batch, rest @ ..] = shape else {
            return Err(ImportError::ends(format!("its input {} has no known axes", quoted(input.name))));
        };
        let dims: Option<Vec<usize>> = rest.iter().copied().collect();
        let dims = dims.filter(|dims| !dims.is_empty()).ok_or_else(|| {
            let shown: Vec<String> = shape.iter().map(|length| length.map_or("?".to_owned(), |n| n.to_string())).collect();
            ImportError::ends(format!(
                "its input {} has the shape [{}]: all axes but the first, that of the examples, need a length; export it with fixed sizes",
                quoted(input.name),
                shown.join(", ")
            ))
        })?;
        let (output, outputs) = output(graph)?;
        Ok(Self { input: input.name, kind: input.kind, batch: *batch, dims, output, outputs })
    }

    /// Checks the number of outputs against the file's.
    pub(super) fn check_output(&self, outputs: usize) -> Result<(), ImportError> {
        match self.outputs {
            Some(theirs) if theirs != outputs => Err(ImportError::ends(format!(
                "its output {} has {theirs} numbers by its shape, and {outputs} by its operators",
                quoted(self.output)
            ))),
            _ => Ok(()),
        }
    }
}

/// By which operator a graph encodes the columns of a table, and the cure.
fn encoder(graph: &Graph<'_>) -> Option<String> {
    let encodes = |node: &&Node<'_>| node.domain == "ai.onnx.ml" && node.operator == "OneHotEncoder";
    let are_columns = graph.inputs.iter().all(|input| matches!(input.dims.as_deref(), Some([_, Some(1)])));
    let by = match graph.nodes.iter().find(encodes) {
        Some(node) => format!(" (node {}, {} of {})", node.shown(), node.operator, node.domain),
        None if are_columns => String::new(),
        None => return None,
    };
    Some(format!(
        ": it encodes the columns of a table itself{by}; export it with one matrix as its input (--inputs matrix)"
    ))
}

/// The node that gives a value.
fn maker<'g, 'a>(graph: &'g Graph<'a>, name: &str) -> Option<&'g Node<'a>> {
    graph.nodes.iter().find(|node| node.outputs.contains(&name))
}

/// The output that is the prediction: the one of real numbers, beside which scikit-learn has the class.
fn output<'a>(graph: &Graph<'a>) -> Result<(&'a str, Option<usize>), ImportError> {
    let mut found = Vec::new();
    for output in &graph.outputs {
        if [FLOAT, DOUBLE, 10, 16].contains(&output.kind) {
            // The first axis is that of the examples.
            let rest = output.dims.as_deref().and_then(|dims| dims.get(1..));
            let lengths: Option<Vec<usize>> = rest.and_then(|rest| rest.iter().copied().collect());
            let size = lengths.and_then(|lengths| lengths.into_iter().try_fold(1_usize, usize::checked_mul));
            found.push((output.name, size));
        } else if let Some(node) = maker(graph, output.name)
            && node.operator == "ZipMap"
            && let [input, ..] = node.inputs[..]
        {
            // A dictionary of probabilities.
            found.push((input, None));
        }
    }
    match found[..] {
        [output] => Ok(output),
        [] => Err(ImportError::ends("it has no output of real numbers")),
        _ => {
            let names: Vec<String> = found.iter().take(4).map(|output| quoted(output.0)).collect();
            Err(ImportError::ends(format!(
                "it has several outputs ({}), and a network here has one",
                names.join(", ")
            )))
        }
    }
}

/// The names under a key of the metadata, as an export of ours writes them, if there are as many as outputs.
pub(super) fn names(model: &Model<'_>, key: &str, outputs: usize) -> Vec<String> {
    let text = model.metadata.iter().find(|(found, _)| *found == key).map(|(_, text)| *text);
    let names: Vec<String> = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    if names.len() == outputs { names } else { Vec::new() }
}

/// The names of the classes, where the file has one for each output: in its metadata, or where scikit-learn's converter puts them.
pub(super) fn classes(
    model: &Model<'_>,
    reader: &Reader<'_>,
    outputs: usize,
) -> Result<Vec<String>, ImportError> {
    let own = names(model, "classes", outputs);
    if !own.is_empty() {
        return Ok(own);
    }
    for node in &model.graph.nodes {
        let mut found = Vec::new();
        if node.operator == "ZipMap" {
            for (setting, is_text) in [("classlabels_strings", true), ("classlabels_int64s", false)] {
                if let Some(attribute) = node.attribute(setting)? {
                    found = if is_text {
                        attribute.texts()?.into_iter().map(str::to_owned).collect()
                    } else {
                        attribute.ints()?.iter().map(ToString::to_string).collect()
                    };
                }
            }
        } else if node.operator == "ArrayFeatureExtractor"
            && let Some(tensor) =
                model.graph.initializers.iter().find(|tensor| Some(&tensor.name) == node.inputs.first())
        {
            found = match reader.read(tensor)?.numbers {
                Numbers::Text(texts) => texts,
                Numbers::Whole(numbers) => numbers.iter().map(ToString::to_string).collect(),
                Numbers::Real(numbers) => numbers.iter().map(ToString::to_string).collect(),
            };
        }
        if found.len() == outputs {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// The axes of an input whose first one is its only channel. Nothing moves it behind the others, which lie alike either way: what it is
/// shows in the first layer that needs places or, in front of a flattened input, in the order that such graphs have.
pub(super) fn lone_channel<A: Scalar>(pieces: &[Piece<A>], dims: &[usize]) -> Option<Labels> {
    if dims[0] != 1 || !(2..=3).contains(&dims.len()) {
        return None;
    }
    let channels_first = Labels::channels_first(dims.to_vec());
    let is_first = match first_input(pieces)? {
        Shape::Flat(_) => true,
        places => places == channels_first.shape(),
    };
    is_first.then_some(channels_first)
}

/// The input of the first layer that is described for one.
fn first_input<A: Scalar>(pieces: &[Piece<A>]) -> Option<Shape> {
    pieces.iter().find_map(|piece| match piece {
        Piece::Layer(layer) => layer.input,
        Piece::Join { branches, .. } => branches.iter().find_map(|branch| first_input(branch)),
        Piece::Permute(..) => None,
    })
}

/// y = s·x + t before all layers is the transform of the input; else there is none.
pub(super) fn input_transform<A: Scalar>(pieces: &mut Vec<Piece<A>>, input: Shape) -> Pipeline {
    let none = Pipeline::new();
    if pieces.len() < 2 {
        return none;
    }
    let Some(Piece::Layer(layer)) = pieces.first() else { return none };
    let Some([scales, shifts]) = &layer.scaling else { return none };
    if !scales.iter().all(|&scale| scale > 0.0 && scale.recip().is_finite())
        || !shifts.iter().all(|shift| shift.is_finite())
    {
        return none;
    }
    let mean: Vec<f64> =
        scales.iter().zip(&**shifts).map(|(scale, shift)| tidy(0.0 - shift / scale)).collect();
    let deviation: Vec<f64> = scales.iter().map(|scale| tidy(scale.recip())).collect();
    let transform = match (mean.len(), mean[0], deviation[0]) {
        (1, 0.0, divisor) => Transform::Scale { divisor },
        (1, mean, deviation) => Transform::GlobalStandardise { mean, deviation },
        (width, ..) if width == input.size() => Transform::Standardise { mean, deviation },
        (width, ..) if width == input.features() => Transform::ChannelStandardise { mean, deviation },
        _ => return none,
    };
    pieces.remove(0);
    none.then(transform)
}

/// Takes (1 − σ(z), σ(z)), which scikit-learn's converter makes of two classes, as the softmax of (0, z).
pub(super) fn pair_of_classes<A: Scalar>(pieces: &mut Vec<Piece<A>>) {
    let [.., Piece::Layer(dense), Piece::Layer(sigmoid), Piece::Join { join: Join::Concat, branches, .. }] =
        &mut pieces[..]
    else {
        return;
    };
    let is_one_less = match &branches[..] {
        [first, second] if second.is_empty() => match &first[..] {
            [Piece::Layer(Layer { scaling: Some([scale, shift]), .. })] => {
                scale[..] == [-1.0] && shift[..] == [1.0]
            }
            _ => false,
        },
        _ => false,
    };
    let is_lone = dense.stage == Stage::dense(1) && matches!(dense.input, Some(Shape::Flat(_)));
    if !is_one_less || !is_lone || !matches!(sigmoid.stage, Stage::Sigmoid(_)) {
        return;
    }
    let with_zeros =
        |numbers: &[A]| Rc::new(numbers.iter().flat_map(|&number| [A::zero(), number]).collect::<Vec<A>>());
    dense.arrays = dense.arrays.iter().map(|array| with_zeros(array)).collect();
    dense.stage = Stage::dense(2);
    *sigmoid = Layer::plain(SoftmaxSpec, None);
    pieces.pop();
}

/// A softmax or a sigmoid on top of flat numbers is the function of the output; else there is none.
pub(super) fn ending<A: Scalar>(network: &mut Network<A>) -> Output {
    let is_flat = matches!(network.shape, Shape::Flat(_));
    let output = match network.layers.last() {
        Some(Stage::Softmax(_)) if is_flat => Output::Softmax,
        Some(Stage::Sigmoid(_)) if is_flat => Output::Sigmoid,
        _ => Output::Identity,
    };
    if output != Output::Identity {
        network.layers.pop();
    }
    if network.layers.is_empty() {
        network.layers.push(activation::Identity.into());
    }
    output
}
