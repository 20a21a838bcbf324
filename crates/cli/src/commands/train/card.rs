//! The description of the model that a run trains: network, loss, inputs.

use chainrule::datasets::{Dataset, Parts, Scaling, Target, counted};
use chainrule::layers::{Architecture, Stage};
use chainrule::loss::LossKind;
use chainrule::model::{CheckpointError, Header, ModelCard, Output};
use chainrule::tensor::Scalar;

use super::Train;
use super::settings::CommandLine;
use crate::commands::data::size;
use crate::commands::loss;
use crate::commands::model::{is_unnamed, label_names, loss_spec, other_pictures};
use crate::commands::network;
use crate::commands::options::Standardize;
use crate::failure::Failure;

/// The model of a run; `model` is the one whose weights it starts from.
///
/// # Errors
/// If the flags do not fit each other, the data or the model.
pub(super) fn card<A: Scalar>(
    args: &Train,
    line: &CommandLine<'_>,
    loss: LossKind,
    parts: &Parts<A>,
    model: Option<&Header>,
) -> Result<ModelCard, Failure> {
    let train = &parts.train;
    let (top, output) = loss::top(loss, args.output, !matches!(train.target(), Target::Real { .. }))?;
    let described = || -> Result<Architecture, Failure> {
        let mut architecture = architecture(args, line, train)?;
        architecture.layers.extend::<Option<Stage>>(top);
        architecture.validated().map_err(Failure::input)?;
        Ok(architecture)
    };
    if let Some(Header { card: None, widths, .. }) = model {
        check_description(args, line, widths.as_deref())?;
    }
    let (architecture, transform) = match model.and_then(|model| model.card.as_ref()) {
        None => {
            let mut transform = train.pixel_scaling();
            // Pixels share one scale already; a model of another program keeps the inputs that it was trained on.
            let is_usual = args.source().is_own() && train.full_scale().is_none() && model.is_none();
            let scaling = match args.standardize {
                Standardize::Channels => Some(Scaling::ChannelStandardise),
                Standardize::True => Some(Scaling::Standardise),
                Standardize::False => is_usual.then_some(Scaling::Standardise),
            };
            if let Some(scaling) = scaling {
                transform = transform.then_fit(scaling, train).map_err(Failure::input)?;
            }
            (described()?, transform)
        }
        Some(model) => {
            let asked = if describes_a_network(args, line) { Some(described()?) } else { None };
            check_model(args, model, asked.as_ref(), train)?;
            // The loss says what the outputs of another program's network are, where no function is on top of them.
            let is_open = is_unnamed(model) && model.output == Output::Identity;
            if output != model.output && !is_open {
                let suited = loss_spec(model).kind();
                return Err(Failure::Input(format!(
                    "--from: the outputs of the model are those of {suited}, and --loss {loss} needs others: take --loss {suited}"
                )));
            }
            (model.architecture.clone(), model.transform.clone())
        }
    };
    let is_softmax =
        output == Output::Softmax || matches!(architecture.layers.last(), Some(Stage::Softmax(_)));
    if is_softmax && architecture.outputs() == 1 {
        return Err(Failure::input(
            "a softmax of one output is 1 for every example: take --output identity for a number, or sigmoid for a share",
        ));
    }
    let mut spec = loss::smoothed(loss.spec(), args.label_smoothing);
    if let Some(weights) = &args.class_weight {
        spec = weights.weigh(&spec, train)?;
    }
    Ok(ModelCard {
        architecture,
        output,
        loss: Some(spec),
        input: train.input(),
        transform,
        classes: train.class_names().to_vec(),
        labels: train.target().labels().to_vec(),
        targets: train.target().columns().to_vec(),
        data: Some(args.source().to_string()),
        seed: Some(args.seed),
        fingerprints: None,
        untrained: None,
    })
}

/// Checks that the flags describe the network of a model of another program, whose file does not.
fn check_description(args: &Train, line: &CommandLine<'_>, widths: Option<&[usize]>) -> Result<(), Failure> {
    if args.init.0.is_some() {
        return Err(Failure::Input("--from: the model keeps its weights: omit --init".to_owned()));
    }
    // A run that began was described.
    if args.config.is_some() || args.resume.is_some() || describes_a_network(args, line) {
        return Ok(());
    }
    let path = args.from.clone().unwrap_or_default();
    let fault = CheckpointError::NoCard { path, widths: widths.map(<[usize]>::to_vec) };
    Err(Failure::Input(format!("--from {fault}")))
}

/// The flags that describe a perceptron, and whether each is at its default.
fn of_perceptrons(args: &Train) -> [(&'static str, bool); 3] {
    [
        ("layers", args.layers.to_string() == "128"),
        ("activation", args.activation.to_string() == "relu"),
        ("dropout", args.dropout == 0.0),
    ]
}

/// Whether the flags say what the network is. A file of settings holds the defaults too.
fn describes_a_network(args: &Train, line: &CommandLine<'_>) -> bool {
    let from_file = args.config.is_some() || args.resume.is_some();
    args.network.is_some()
        || args.output.is_some()
        || of_perceptrons(args).iter().any(|&(flag, usual)| !usual || !from_file && line.has(flag))
}

/// The network in words that a run takes by itself: a convolutional one where the data are pictures and no flag says anything of
/// the network. A file of settings does, as it holds the defaults too.
pub(super) fn usual_network<A: Scalar>(
    args: &Train,
    line: &CommandLine<'_>,
    data: &Dataset<A>,
) -> Option<String> {
    let is_told = args.config.is_some()
        || args.resume.is_some()
        || args.from.is_some()
        || describes_a_network(args, line);
    if is_told { None } else { network::usual(data) }
}

/// The network below the function of its output.
fn architecture<A: Scalar>(
    args: &Train,
    line: &CommandLine<'_>,
    data: &Dataset<A>,
) -> Result<Architecture, Failure> {
    if let Some(words) = usual_network(args, line, data) {
        return network::architecture(network::layers(&words, data.outputs())?, data);
    }
    let Some(text) = &args.network else {
        let widths = args.layers.complete((data.inputs(), data.outputs()), &size(data))?;
        let unused = ["activation", "dropout"].into_iter().find(|id| line.has(id));
        if let Some(id) = unused.filter(|_| widths.len() == 2 && args.resume.is_none()) {
            return Err(Failure::Input(format!(
                "--{id} is for hidden layers, and --layers gives none: omit it, or add a width between the first and the last"
            )));
        }
        return Ok(Architecture::perceptron(&widths, args.activation.clone(), args.dropout));
    };
    if let Some((flag, _)) = of_perceptrons(args).iter().find(|(_, usual)| !usual) {
        return Err(Failure::Input(format!("--network describes the whole network: leave out --{flag}")));
    }
    network::architecture(network::layers(text, data.outputs())?, data)
}

/// Checks that training can start from a model: with the network that the run asks for, if it does, and the same inputs, outputs and
/// classes.
fn check_model<A: Scalar>(
    args: &Train,
    model: &ModelCard,
    asked: Option<&Architecture>,
    train: &Dataset<A>,
) -> Result<(), Failure> {
    let path = args.from.as_deref().expect("there is a model").display();
    let fault = |fault: String| Err(Failure::Input(format!("--from {path}: {fault}")));
    let network = &model.architecture;
    if let Some(asked) = asked.filter(|asked| *asked != network) {
        return fault(format!(
            "the model has the network `{network}` for {} inputs, and the run asks for `{asked}` for {}: omit --layers, --network, \
             --activation, --dropout and --output to train the network of the model",
            network.inputs(),
            asked.inputs()
        ));
    }
    if let Some(other) = other_pictures(model, train.image(), &args.source().to_string()) {
        return fault(other);
    }
    let (inputs, outputs) = (network.inputs(), network.outputs());
    if (inputs, outputs) != (train.inputs(), train.outputs()) {
        return fault(format!(
            "the network `{network}` has {} and {}, but {} has {}: choose data like that of the model",
            counted(inputs, "input"),
            counted(outputs, "output"),
            args.source(),
            size(train)
        ));
    }
    if is_unnamed(model) {
        return check_kept(args);
    }
    if model.classes != train.class_names() {
        let list = |names: &[String]| match names {
            [] => "no classes".to_owned(),
            names => format!("the classes {}", names.join(", ")),
        };
        return fault(format!(
            "the model has {}, but {} has {}: choose data like that of the model",
            list(&model.classes),
            args.source(),
            list(train.class_names())
        ));
    }
    if model.labels != train.target().labels() {
        return fault(format!(
            "the model has the labels {}, but {} has {}: choose data like that of the model",
            label_names(&model.labels),
            args.source(),
            label_names(train.target().labels())
        ));
    }
    let columns = train.target().columns();
    if columns.len() > 1 && !model.targets.is_empty() && model.targets != columns {
        return fault(format!(
            "the model predicts {}, but the targets are {}: name them in the order of the model (--target)",
            model.targets.join(", "),
            columns.join(", ")
        ));
    }
    check_kept(args)
}

/// Refuses flags that would change what a model brings with it.
fn check_kept(args: &Train) -> Result<(), Failure> {
    let kept = [("--standardize", args.standardize != Standardize::False), ("--init", args.init.0.is_some())];
    match kept.iter().find(|(_, given)| *given) {
        Some((flag, _)) => {
            let path = args.from.as_deref().expect("there is a model").display();
            let fault = "the model keeps its weights and its scaling of the inputs";
            Err(Failure::Input(format!("--from {path}: {fault}: omit {flag}")))
        }
        None => Ok(()),
    }
}
