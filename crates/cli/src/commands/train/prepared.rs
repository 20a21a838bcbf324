//! What a run is made of before anything is written: data, loss and the description of the model.

use std::path::Path;

use chainrule::datasets::{Dataset, Encoding, Error, Parts, split::HoldOut};
use chainrule::layers::Layer;
use chainrule::loss::{Loss, LossKind, LossSpec};
use chainrule::model::{Checkpoint, CheckpointError, Header, ModelCard, Output, ParameterMap, TargetScaling};
use chainrule::tensor::{Aligned, Rng, Scalar};
use chainrule::train::tensors::{checksum, little_endian};
use chainrule::train::{Setup, TrainState, fingerprint};

use super::Train;
use super::card::card;
use super::settings::CommandLine;
use crate::commands::data::TestPart;
use crate::commands::foreign_file::{is_onnx, model_bytes};
use crate::commands::loss;
use crate::commands::model::{load_as, parameter_map};
use crate::failure::Failure;
use crate::processes::Processes;

/// Settings in which the ranks of a run may differ.
const PER_RANK: [&str; 7] =
    ["data", "data-dir", "target", "test", "threads", "log-every", "checkpoint-every"];

pub(super) struct Prepared<A: Scalar> {
    /// The data in their own units.
    pub(super) parts: Parts<A>,
    /// Whether they have a test part of their own.
    pub(super) has_own_test: bool,
    /// What the network is trained on and watched with: targets scaled by `scaling`.
    pub(super) train: Dataset<A>,
    pub(super) validation: Option<Dataset<A>>,
    pub(super) loss: LossKind,
    pub(super) encoding: Encoding,
    pub(super) card: ModelCard,
    pub(super) scaling: TargetScaling,
    /// The [`fingerprint`] of the training data.
    pub(super) data: u64,
    /// Those of the validation and test data; 0 if there are none.
    pub(super) others: [u64; 2],
    /// The model whose weights training starts from.
    pub(super) model: Option<Checkpoint<A>>,
    /// The checksum of its file, and of what a map says of it.
    pub(super) model_file: Option<u64>,
}

/// The file of the model whose weights training starts from.
struct ModelFile<'a> {
    path: &'a Path,
    bytes: Vec<u8>,
    header: Header,
    map: ParameterMap,
}

impl<'a> ModelFile<'a> {
    fn read(path: &'a Path, map: Option<&Path>) -> Result<Self, Failure> {
        let bytes = model_bytes(path)?;
        let header = Header::from_bytes(path, &bytes).map_err(Failure::input)?;
        let map = parameter_map(map)?;
        if header.card.is_some() && !map.is_empty() {
            return Err(Failure::input(CheckpointError::OwnNames { path: path.to_owned() }));
        }
        Ok(Self { path, bytes, header, map })
    }

    fn checksum(&self) -> u64 {
        let of_file = checksum(&self.bytes);
        if self.map.is_empty() {
            return of_file;
        }
        checksum(format!("{of_file:016x}\n{}", self.map).as_bytes())
    }

    /// Lets the loss say what the outputs of a graph without a function on top of them are.
    fn end_in(&mut self, loss: LossKind) {
        if let Some(card) = &mut self.header.card
            && is_onnx(self.path)
            && card.output == Output::Identity
        {
            card.output = loss.spec().output().into();
        }
    }

    /// The model; one of another program has the network of the run.
    fn model<A: Scalar>(&self, card: &ModelCard) -> Result<Checkpoint<A>, Failure> {
        if self.header.card.is_some() {
            return Checkpoint::from_bytes(self.path, &self.bytes).map_err(Failure::input);
        }
        load_as(self.path, &self.bytes, &self.header.prefix, card.clone(), &self.map)
    }
}

impl<A: Scalar> Prepared<A> {
    pub(super) fn new(args: &Train, line: &CommandLine<'_>) -> Result<Self, Failure> {
        if args.map.is_some() && args.from.is_none() {
            return Err(Failure::input("--map is for the model that training starts from: add --from"));
        }
        let mut from =
            args.from.as_deref().map(|from| ModelFile::read(from, args.map.as_deref())).transpose()?;
        let known = from.as_ref().and_then(|from| from.header.card.as_ref());
        let (parts, has_own_test) = parts::<A>(args, known)?;
        if args.patience.is_some() && parts.validation.is_none() {
            return Err(Failure::input("--patience needs validation data: add --validation 0.1"));
        }
        if args.patience == Some(0) {
            return Err(Failure::input(
                "--patience 0 ends a run at its first epoch: give the epochs to wait, such as 5",
            ));
        }
        args.augment.unwrap_or_default().check(&parts.train).map_err(Failure::input)?;
        let of_model = known.and_then(|card| card.loss.as_ref()).map(LossSpec::kind);
        let loss = args.loss.or(of_model).unwrap_or(loss::usual(parts.train.target()));
        let encoding = loss::encoding(loss, parts.train.target())?;
        if let Some(from) = &mut from {
            from.end_in(loss);
        }
        let mut card = card(args, line, loss, &parts, from.as_ref().map(|from| &from.header))?;
        let model = from.as_ref().map(|from| from.model::<A>(&card)).transpose()?;
        let data = fingerprint(&parts.train);
        let others = [&parts.validation, &parts.test].map(|part| part.as_ref().map_or(0, fingerprint));
        if let Some(TestPart::File(file)) = &args.test
            && others[1] == data
        {
            return Err(Failure::Input(format!(
                "--test {}: it has the very examples that the run trains on: give others, or hold out a fraction (--test 0.2)",
                file.display()
            )));
        }
        card.fingerprints = Some([data, others[1]]);
        // The targets of the built-in sets have a fitting scale.
        let scaling = if args.source().is_own() {
            TargetScaling::of(&card.architecture.build::<A>(None), card.output, &parts.train)
        } else {
            TargetScaling::default()
        };
        let scaled = |data| scaling.scaled(data).map_err(Failure::input);
        let train = scaled(&parts.train)?;
        let validation = parts.validation.as_ref().map(scaled).transpose()?;
        Ok(Self {
            parts,
            has_own_test,
            train,
            validation,
            loss,
            encoding,
            card,
            scaling,
            data,
            others,
            model,
            model_file: from.map(|from| from.checksum()),
        })
    }

    /// Whether a validation or test part was cut from the training data.
    pub(super) fn holds_out(&self, args: &Train) -> bool {
        let is_cut = !self.has_own_test && !matches!(args.test, Some(TestPart::File(_)));
        args.validation > 0.0 || is_cut && self.parts.test.is_some()
    }

    /// What is trained, by what and on what.
    pub(super) fn setup<'a>(&'a self, model: &'a dyn Layer<A>, loss: &'a dyn Loss<A>) -> Setup<'a, A> {
        Setup {
            model,
            loss,
            encoding: self.encoding,
            transform: &self.card.transform,
            train: &self.train,
            validation: self.validation.as_ref(),
        }
    }

    /// The parameters before the first step, drawn from the seed or those of a model, and the state of the run.
    pub(super) fn start(&self, network: &dyn Layer<A>, seed: u64) -> (Aligned<A>, TrainState<A>) {
        let mut theta = network.layout().init(&mut Rng::new(seed));
        if let Some(model) = &self.model {
            theta.copy_from_slice(&self.scaling.unfolded(network.layout(), &model.theta));
        }
        let mut state = TrainState::start(network, &theta);
        if let Some(model) = &self.model {
            state.statistics.copy_from_slice(&model.statistics);
            state.best_statistics.copy_from_slice(&model.statistics);
        }
        (theta, state)
    }

    /// Checks that all ranks are about to train the same network on the same data.
    pub(super) fn check_ranks(
        &self,
        args: &Train,
        line: &CommandLine<'_>,
        processes: &Processes,
    ) -> Result<(), Failure> {
        let weights = self.model.as_ref().map_or(0, |model| checksum(&little_endian(&model.theta)));
        let data = format!("{:016x} {:016x?} {weights:016x}", self.data, self.others);
        let known = PER_RANK.map(|key| (key, String::new())).into();
        // A rank that resumes waits for the others in other places than one that begins.
        let settings =
            format!("resume = {}\n{}", args.resume.is_some(), args.settings(self.loss, line, known, &[]));
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

/// Training and test parts, and a validation part if one is asked for; and whether the data have a test part of their own.
fn parts<A: Scalar>(args: &Train, model: Option<&ModelCard>) -> Result<(Parts<A>, bool), Failure> {
    let source = args.source();
    let own = args.data.own_or_known_parts(&source, model)?;
    let has_test = own.test.is_some();
    let parts = args.data.with_test_part(own, &source, args.test.as_ref(), args.seed)?;
    if args.validation == 0.0 {
        return Ok((parts, has_test));
    }
    if parts.validation.is_some() {
        return Err(Failure::Input(format!("{source} has a validation part of its own: omit --validation")));
    }
    let hold_out = HoldOut::Fraction(args.validation);
    let parts = parts.hold_out_validation(hold_out, args.seed).map_err(|error| match error {
        Error::Split { .. } => {
            Failure::Input(format!("{source}: {error}: hold out another fraction (--validation)"))
        }
        other => Failure::input(other),
    })?;
    Ok((parts, has_test))
}
