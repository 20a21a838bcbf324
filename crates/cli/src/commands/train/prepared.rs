//! What a run is made of before anything is written: data, loss and the description of the model.

use chainrule::datasets::{Dataset, Encoding, Parts, Scaling, Target, split::HoldOut};
use chainrule::layers::{Architecture, Stage};
use chainrule::loss::LossKind;
use chainrule::model::ModelCard;
use chainrule::tensor::Scalar;
use chainrule::train::fingerprint;

use super::Train;
use super::settings::CommandLine;
use super::target_scaling::TargetScaling;
use crate::commands::loss;
use crate::commands::network;
use crate::failure::Failure;
use crate::processes::Processes;

/// Settings in which the ranks of a run may differ.
const PER_RANK: [&str; 6] = ["data", "data-dir", "target", "threads", "log-every", "checkpoint-every"];

pub(super) struct Prepared<A: Scalar> {
    /// The data, with targets scaled by `scaling`.
    pub(super) parts: Parts<A>,
    pub(super) loss: LossKind,
    pub(super) encoding: Encoding,
    pub(super) card: ModelCard,
    pub(super) scaling: TargetScaling,
    /// The targets before they were scaled.
    pub(super) targets: Vec<Target>,
    /// The [`fingerprint`] of the training data.
    pub(super) data: u64,
    /// That of the validation data; 0 if there are none.
    validation: u64,
}

impl<A: Scalar> Prepared<A> {
    pub(super) fn new(args: &Train) -> Result<Self, Failure> {
        if args.patience.is_some() && args.validation == 0.0 {
            return Err(Failure::input("--patience needs validation data: add --validation 0.1"));
        }
        let mut parts = parts::<A>(args)?;
        let classes = parts.train.labels().is_some();
        let loss = args.loss.unwrap_or(loss::usual(classes));
        let encoding = loss::encoding(loss, classes)?;
        let card = card(args, loss, &parts)?;
        let data = fingerprint(&parts.train);
        let validation = parts.validation.as_ref().map_or(0, fingerprint);
        // The targets of the built-in sets have a fitting scale.
        let scaling = if args.source().is_own() {
            TargetScaling::of(&card, &parts.train)
        } else {
            TargetScaling::default()
        };
        let targets = scaling.enter(&mut parts)?;
        Ok(Self { parts, loss, encoding, card, scaling, targets, data, validation })
    }

    /// Checks that all ranks are about to train the same network on the same data.
    pub(super) fn check_ranks(
        &self,
        args: &Train,
        line: &CommandLine<'_>,
        processes: &Processes,
    ) -> Result<(), Failure> {
        let data = format!("{:016x} {:016x}", self.data, self.validation);
        let known = PER_RANK.map(|key| (key, String::new())).into();
        // A rank that resumes waits for the others in other places than one that begins.
        let settings =
            format!("resume = {}\n{}", args.resume.is_some(), args.settings(self.loss, line, known));
        let data = processes.first_difference(data.as_bytes());
        let settings = processes.first_difference(settings.as_bytes());
        processes.agree(match (data, settings) {
            (Some(differs), _) => {
                let rank = differs.rank;
                let fault = format!("rank {rank} reads other data than rank 0: give all ranks the same files");
                Err(Failure::Input(fault))
            }
            (None, Some(differs)) => {
                let lines = differs.first.lines().zip(differs.other.lines());
                let (here, there) = lines.into_iter().find(|(first, other)| first != other).unwrap_or_default();
                Err(Failure::Input(format!(
                    "rank {} has another configuration than rank 0: `{there}` instead of `{here}`; start all ranks with the same program and flags",
                    differs.rank
                )))
            }
            (None, None) => Ok(()),
        })
    }
}

/// Training and test parts, and a validation part if one is asked for.
fn parts<A: Scalar>(args: &Train) -> Result<Parts<A>, Failure> {
    let parts = args.data.parts(&args.source(), args.seed)?;
    if args.validation > 0.0 {
        let share = HoldOut::Fraction(args.validation);
        return parts.hold_out_validation(share, args.seed).map_err(Failure::input);
    }
    Ok(parts)
}

/// The network below the function of its output.
fn architecture<A: Scalar>(args: &Train, data: &Dataset<A>) -> Result<Architecture, Failure> {
    let Some(text) = &args.network else {
        let widths = args.layers.complete(data.inputs(), data.outputs())?;
        return Ok(Architecture::perceptron(&widths, args.activation.clone(), args.dropout));
    };
    let of_perceptrons = [
        ("--layers", args.layers.to_string() != "128"),
        ("--activation", args.activation.to_string() != "relu"),
        ("--dropout", args.dropout != 0.0),
    ];
    if let Some((flag, _)) = of_perceptrons.iter().find(|(_, given)| *given) {
        return Err(Failure::Input(format!("--network describes the whole network: leave out {flag}")));
    }
    network::architecture(network::layers(text)?, data)
}

fn card<A: Scalar>(args: &Train, loss: LossKind, parts: &Parts<A>) -> Result<ModelCard, Failure> {
    let mut architecture = architecture(args, &parts.train)?;
    let (top, output) = loss::top(loss, args.output, parts.train.labels().is_some())?;
    architecture.layers.extend::<Option<Stage>>(top);
    architecture.validated().map_err(Failure::input)?;
    let mut transform = parts.train.pixel_scaling();
    // Pixels share one scale already.
    if args.standardize || args.source().is_own() && parts.train.full_scale().is_none() {
        transform = transform.then_fit(Scaling::Standardise, &parts.train).map_err(Failure::input)?;
    }
    Ok(ModelCard {
        architecture,
        output,
        loss: Some(loss::smoothed(loss, args.label_smoothing)),
        input: parts.train.input(),
        transform,
        classes: parts.train.class_names().to_vec(),
        data: Some(args.source().to_string()),
        seed: Some(args.seed),
    })
}
