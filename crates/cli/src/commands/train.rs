//! `chainrule train`.

mod announce;
mod baseline;
mod card;
mod checkpointer;
mod class_weights;
mod diagnostics;
mod folder;
mod folder_handle;
mod gallery;
mod importance;
mod judged;
mod machine;
mod memory;
mod outcome;
mod prepared;
mod progress;
mod record;
mod resume;
mod run;
pub(crate) mod settings;
mod sparkline;
mod unused;
mod verbosity;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;

use chainrule::datasets::{Augmentation, Dataset};
use chainrule::layers::Stage;
use chainrule::loss::{LossKind, LossSpec};
use chainrule::model::Recipe;
use chainrule::tensor::Scalar;
use chainrule::tensor::kernel::{Choice, choose, chosen};
use chainrule::train::tensors::checksum;
use clap::{ArgAction, Args, ValueEnum as _, ValueHint};
use clap_complete::ArgValueCompleter;

use self::card::usual_network;
use self::class_weights::ClassWeights;
use self::folder::RunFolder;
pub(crate) use self::folder::{LOCK, is_resumable};
use self::run::train;
use self::settings::CommandLine;
use self::verbosity::VerbosityArgs;
use super::complete;
use super::data::{DataArgs, Known, Source, TestPart, sources};
use super::model::model_parser;
use super::network;
use super::optimizer::OptimizerArgs;
use super::options::{
    ANY, Dtype, InitArg, OutputName, ReductionName, Standardize, THREADS, Widths, absolute,
    activation_parser, name_parser, parse_fraction, whole, with_dtype,
};
use crate::failure::Failure;
use crate::headings::{DATA, NETWORK, OUTPUT, TRAINING};
use crate::processes::Processes;

const EXAMPLES: &str = "\
Examples:
  chainrule train docs/examples/iris.csv --target species --out runs/iris
  chainrule train digits --layers 256-128 --validation 0.1 --patience 3 --out runs/digits
  chainrule train --config runs/digits/config.toml --lr 0.003 --out runs/slower
  chainrule train moons --optimizer lbfgs --out runs/moons";

#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Train {
    /// The same as --data
    #[arg(value_name = "DATA", add = ArgValueCompleter::new(sources), conflicts_with_all = ["data", "resume"])]
    named: Option<Source>,
    #[command(flatten)]
    data: DataArgs,
    /// Fraction held out for the test, or a file [default: the test part of the data, else 0.2]
    ///
    /// 0 for none. The file has the same columns, or shapes, as that of --data.
    #[arg(long, value_name = "FRACTION|FILE", value_hint = ValueHint::FilePath, help_heading = DATA)]
    test: Option<TestPart>,
    /// Fraction of the training data held out for validation
    ///
    /// At least 0 and below 1.
    #[arg(long, default_value = "0", value_name = "FRACTION", value_parser = parse_fraction, help_heading = DATA)]
    validation: f64,
    /// Standardise every input to mean 0 and variance 1; the inputs of a table always are. With `channels`, all pixels of a channel
    /// of images share one mean and one variance
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true, value_name = "true|false|channels", action = ArgAction::Set, help_heading = DATA, hide_short_help = true)]
    standardize: Standardize,
    /// Widths of the layers, or of the hidden ones alone
    ///
    /// Such as 784-256-10 or 256.
    #[arg(long, default_value = "128", value_name = "WIDTHS", help_heading = NETWORK)]
    layers: Widths,
    /// Network in words, such as "conv 16 3, relu", a published one or a .toml file
    #[arg(long, long_help = network::long_help(), add = ArgValueCompleter::new(complete::network), value_name = "WORDS|FILE", help_heading = NETWORK)]
    network: Option<String>,
    /// Activation of the hidden layers
    #[arg(long, default_value = "relu", value_name = "NAME", value_parser = activation_parser(), help_heading = NETWORK)]
    activation: Stage,
    /// Activation function of the output layer [default: the one that suits the loss]
    #[arg(long, value_enum, value_name = "NAME", help_heading = NETWORK, hide_short_help = true)]
    output: Option<OutputName>,
    /// Dropout probability of hidden units
    ///
    /// At least 0 and below 1.
    #[arg(long, default_value = "0", value_name = "P", value_parser = parse_fraction, help_heading = NETWORK)]
    dropout: f64,
    /// Weight initialisation: auto, zeros, normal:0.01, glorot-uniform, he-normal, orthogonal, sparse, …
    #[arg(long, add = ArgValueCompleter::new(complete::init), default_value = "auto", value_name = "INIT", help_heading = NETWORK, hide_short_help = true)]
    init: InitArg,
    /// Start from the weights of this model (fine-tuning)
    ///
    /// A file or the folder of a run, whose network and input scaling the run takes.
    #[arg(long, value_name = "MODEL", value_parser = model_parser(), help_heading = NETWORK)]
    from: Option<PathBuf>,
    /// Which array of --from, a model of another program, is which parameter: a file of lines `their.name = our.name`, and
    /// `their.name = -` to leave an array out [default: by name, or by shape and order]
    #[arg(long, value_name = "FILE", help_heading = NETWORK, hide_short_help = true)]
    map: Option<PathBuf>,
    /// Floating-point type of parameters and data [default: f32, or f64 where f32 cannot tell the numbers of the target apart]
    #[arg(long, value_enum, value_name = "TYPE", help_heading = NETWORK, hide_short_help = true)]
    dtype: Option<Dtype>,
    /// Loss function [default: cross-entropy for classes, mean-squared-error for numbers]
    #[arg(long, value_parser = name_parser::<LossKind>(LossKind::NAMES), value_name = "NAME", help_heading = TRAINING)]
    loss: Option<LossKind>,
    /// Label smoothing of the cross-entropy: the fraction of the target spread over all classes
    #[arg(long, default_value = "0", value_name = "FRACTION", value_parser = parse_fraction, help_heading = TRAINING, hide_short_help = true)]
    label_smoothing: f64,
    /// Weights of the classes in the loss: balanced, n/(k·n_c) for n_c of n examples and k classes, or a file of `class,weight`
    /// [default: 1 for each]
    #[arg(long, value_name = "balanced|FILE", help_heading = TRAINING, hide_short_help = true)]
    class_weight: Option<ClassWeights>,
    /// Number of passes over the training data [default: as many as make 3000 steps, from 10 to 200]
    ///
    /// With an optimizer that takes all examples for a step, the default is 30.
    #[arg(long, value_name = "N", help_heading = TRAINING, value_parser = whole::<usize>(ANY))]
    epochs: Option<usize>,
    /// Batch size
    #[arg(long, default_value = "32", value_name = "N", value_parser = whole::<u32>(1..=u64::from(u32::MAX)), help_heading = TRAINING)]
    batch: u32,
    /// Vary training images, such as "flip, rotate 10"
    ///
    /// The variations are flip, shift 2, rotate 10, scale 10, shear 5, elastic 34 4, crop 4, cutout 8, brightness 0.2, contrast 0.2,
    /// mixup 0.2, cutmix 1; several with commas between them.
    #[arg(long, add = ArgValueCompleter::new(complete::augment), value_name = "WORDS", help_heading = TRAINING)]
    augment: Option<Augmentation>,
    #[command(flatten)]
    optimizer: OptimizerArgs,
    /// Early stopping after N epochs without a lower validation loss
    ///
    /// The best parameters are restored. It needs --validation.
    #[arg(long, value_name = "N", help_heading = TRAINING, value_parser = whole::<usize>(ANY))]
    patience: Option<usize>,
    /// Seed of the initial weights, the shuffling, dropout and augmentation
    #[arg(long, default_value_t = 0, value_name = "N", help_heading = TRAINING, value_parser = whole::<u64>(ANY))]
    seed: u64,
    /// Threads of each process [default: one for each core]
    #[arg(long, value_name = "N", value_parser = whole::<u16>(THREADS), help_heading = TRAINING)]
    threads: Option<u16>,
    /// Order of summation over a batch: library is the fastest, tree gives the same bits on any number of MPI ranks
    #[arg(long, value_enum, default_value = "library", value_name = "NAME", help_heading = TRAINING, hide_short_help = true)]
    reduction: ReductionName,
    /// Kernels of matrix products: OpenBLAS, register tiles of our own, or the rule of docs/performance.md
    /// [default: CHAINRULE_GEMM of the environment, or auto]
    #[arg(long, value_parser = name_parser::<Choice>(Choice::NAMES), value_name = "NAME", help_heading = TRAINING, hide_short_help = true)]
    gemm: Option<Choice>,
    /// TOML file of settings
    ///
    /// It has a key for each flag; flags on the command line win.
    #[arg(long, value_name = "FILE", help_heading = TRAINING)]
    config: Option<PathBuf>,
    /// Resume the interrupted run in this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "out"], help_heading = TRAINING)]
    resume: Option<PathBuf>,
    /// Folder of the run [default: runs/DATA-DATE]
    ///
    /// The default is numbered if it exists.
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    out: Option<PathBuf>,
    /// Write a checkpoint every N steps [default: at the end of an epoch, at most every 10 s]
    #[arg(long, value_name = "N", value_parser = whole::<u64>(1..=u64::MAX), help_heading = OUTPUT, hide_short_help = true)]
    checkpoint_every: Option<u64>,
    /// Log every N-th step to metrics.jsonl, in addition to every epoch
    #[arg(long, value_name = "N", default_value = "50", value_parser = whole::<u64>(1..=u64::MAX), help_heading = OUTPUT, hide_short_help = true)]
    log_every: u64,
    #[command(flatten)]
    verbosity: VerbosityArgs,
}

impl Train {
    /// Trains; the settings of `line` are written to the run's folder.
    pub(crate) fn run(&self, line: &CommandLine<'_>, processes: &Processes) -> Result<(), Failure> {
        processes.agree(choose(self.gemm()).map_err(|error| Failure::Input(format!("--gemm: {error}"))))?;
        let args = processes.agree(self.without_files())?;
        with_dtype!(args.dtype(), train(&args, line, processes))
    }

    /// The same with the defaults for these training examples in place of settings that were not given.
    fn complete<A: Scalar>(&self, line: &CommandLine<'_>, train: &Dataset<A>) -> Self {
        const OF_FULL_BATCHES: usize = 30;
        let examples = train.len();
        let epochs = self.epochs.unwrap_or_else(|| {
            let by_steps = Recipe::epochs(examples, self.batch as usize);
            if self.optimizer.wants_full_batch() { OF_FULL_BATCHES } else { by_steps }
        });
        let is_chosen = OptimizerArgs::CHOICES.iter().any(|id| line.has(id));
        let optimizer = if is_chosen { self.optimizer.clone() } else { self.optimizer.usual(examples) };
        let network = usual_network(self, line, train).or_else(|| self.network.clone());
        Self { epochs: Some(epochs), optimizer, network, ..self.clone() }
    }

    /// The same with the layers of a file in words.
    fn without_files(&self) -> Result<Self, Failure> {
        let network = self.network.as_deref().map(network::without_file).transpose()?;
        Ok(Self { network, ..self.clone() })
    }

    /// The passes over the training data of a run that is complete.
    fn passes(&self) -> usize {
        self.epochs.expect("train: the epochs are known once the data are")
    }

    fn dtype(&self) -> Dtype {
        self.dtype.unwrap_or(Dtype::F32)
    }

    /// The kernels of the run; a resumed one has those that it began with.
    fn gemm(&self) -> Choice {
        self.gemm.unwrap_or_else(chosen)
    }

    fn source(&self) -> Source {
        self.named.clone().or_else(|| self.data.place.data.clone()).unwrap_or(Source::Known(Known::Digits))
    }

    /// The folder of the run, created before hours of training would be in vain.
    fn folder(&self) -> Result<RunFolder, Failure> {
        match &self.resume {
            Some(path) => RunFolder::open(path),
            None => RunFolder::create(self.out.as_deref(), &self.source().to_string()),
        }
    }

    /// The settings of the run as a file that can be used from any folder.
    fn config(&self, loss: LossKind, line: &CommandLine<'_>, schedules: &[usize]) -> String {
        let mut known = vec![("data", self.source().setting())];
        known.extend(self.data.folder_setting(&self.source()).map(|folder| ("data-dir", folder)));
        known.extend(self.data.target_setting().map(|file| ("target", file)));
        known.extend(self.test.as_ref().map(|test| ("test", test.setting())));
        known.extend(self.from.as_deref().map(|model| ("from", absolute(model))));
        known.extend(self.map.as_deref().map(|map| ("map", absolute(map))));
        known.extend(self.class_weight.as_ref().map(|weights| ("class-weight", weights.setting())));
        self.settings(loss, line, known, schedules)
    }

    /// The settings that a resumed run must share with the one that was interrupted; `loss` has the weights of the classes.
    fn fixed(&self, loss: &LossSpec, line: &CommandLine<'_>) -> BTreeMap<String, Option<String>> {
        let mut known = self.resolved(loss.kind());
        if let (Some(_), LossSpec::CrossEntropy(config)) = (&self.class_weight, loss) {
            let bytes: Vec<u8> =
                config.class_weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
            known.push(("class-weight", format!("weights with the checksum {:016x}", checksum(&bytes))));
        }
        // The target of a table is a column; one in a file of its own is compared by its numbers.
        known.extend(self.data.target_setting().map(|_| ("target", "a file".to_owned())));
        line.fixed(&known)
    }

    /// The settings as a file; `known` holds what the command line does not say.
    fn settings(
        &self,
        loss: LossKind,
        line: &CommandLine<'_>,
        mut known: Vec<(&'static str, String)>,
        schedules: &[usize],
    ) -> String {
        known.extend(self.resolved(loss));
        line.settings(&known, schedules)
    }

    /// What the run takes where no flag says anything.
    fn resolved(&self, loss: LossKind) -> Vec<(&'static str, String)> {
        let dtype = self.dtype().to_possible_value().expect("no number type is hidden").get_name().to_owned();
        let all = [("loss", loss.to_string()), ("gemm", self.gemm().to_string()), ("dtype", dtype)];
        let epochs = self.epochs.map(|epochs| ("epochs", epochs.to_string()));
        let augment = self.augment.map(|augmentation| ("augment", augmentation.to_string()));
        let network = self.network.clone().map(|network| ("network", network));
        all.into_iter().chain(epochs).chain(augment).chain(network).chain(self.optimizer.resolved()).collect()
    }
}
