//! `chainrule train`.

use std::fmt::{self, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;

use chainrule::datasets::{
    Error, Method, Parts, Pipeline, Search, digits, fashion_mnist, mnist, split::Share, synthetic,
};
use chainrule::layers::Layer;
use chainrule::tensor::{Init, Pool, Rng, Scalar};
use chainrule::train::{
    Activation, Architecture, Callback, Card, Checkpoint, Epoch, Experiment, Plan, Stage, evaluate, fit,
};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::optimizer::OptimizerArgs;
use super::options::{Dtype, LossName, OutputName, Widths, parse_init, parse_share, with_dtype};
use crate::failure::Failure;

/// A data set by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DataName {
    Digits,
    Mnist,
    FashionMnist,
    Spirals,
    Moons,
    Blobs,
    Xor,
}

#[derive(Debug, Args)]
pub(crate) struct Train {
    /// What to train on
    #[arg(long, value_enum, default_value = "digits", value_name = "NAME")]
    data: DataName,
    /// The folder with the files of MNIST or Fashion-MNIST [default: the usual places]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Widths of the layers, such as 784-256-10; the inner ones alone suffice
    #[arg(long, default_value = "128", value_name = "WIDTHS")]
    layers: Widths,
    /// The function of the inner units
    #[arg(long, default_value = "relu", value_name = "NAME")]
    activation: Activation,
    /// The function of the output [default: the one that suits the loss]
    #[arg(long, value_enum, value_name = "NAME")]
    output: Option<OutputName>,
    /// What is minimised [default: cross-entropy]
    #[arg(long, value_enum, value_name = "NAME")]
    loss: Option<LossName>,
    /// How much of the target is spread over all classes, for cross-entropy
    #[arg(long, default_value = "0", value_name = "SHARE", value_parser = parse_share)]
    label_smoothing: f64,
    #[command(flatten)]
    optimizer: OptimizerArgs,
    /// Probability of dropping an inner unit
    #[arg(long, default_value = "0", value_name = "P", value_parser = parse_share)]
    dropout: f64,
    /// How weights begin: auto, zeros, normal:0.01, glorot-uniform, he-normal, orthogonal, sparse, …
    #[arg(long, default_value = "auto", value_name = "INIT")]
    init: String,
    /// Examples a step
    #[arg(long, default_value = "32", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// Passes over the training data
    #[arg(long, default_value_t = 30, value_name = "N")]
    epochs: usize,
    /// Share of the training data that is held out to watch
    #[arg(long, default_value = "0", value_name = "SHARE", value_parser = parse_share)]
    validation: f64,
    /// Epochs to wait for a better validation loss; then the best parameters return
    #[arg(long, value_name = "N")]
    patience: Option<usize>,
    /// Bring every input to mean 0 and variance 1
    #[arg(long)]
    standardize: bool,
    /// Number type
    #[arg(long, value_enum, default_value = "f32", value_name = "TYPE")]
    dtype: Dtype,
    /// Seed of the initial weights, the shuffling and dropout
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Folder of the checkpoint
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object on stdout and nothing else there
    #[arg(long)]
    json: bool,
}

impl fmt::Display for DataName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().expect("no data set is hidden").get_name())
    }
}

/// One line an epoch, on stderr.
struct Lines {
    epochs: usize,
}

impl<A: Scalar> Callback<A> for Lines {
    fn on_epoch(&mut self, epoch: &Epoch, _theta: &[A]) -> ControlFlow<()> {
        let Epoch { epoch: number, train_loss, seconds, examples, .. } = epoch;
        let rate = *examples as f64 / seconds;
        let mut line =
            format!("epoch {number:>3}/{}   loss {train_loss:.5}   {rate:.0} examples/s", self.epochs);
        if let (Some(loss), Some(score)) = (epoch.validation_loss, epoch.validation_score) {
            write!(line, "   validation loss {loss:.5}, score {score:.4}")
                .expect("a string takes every write");
        }
        eprintln!("{line}");
        ControlFlow::Continue(())
    }
}

impl Train {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let init = parse_init(&self.init)
            .map_err(|fault| Failure::Input(format!("--init {}: {fault}", self.init)))?;
        with_dtype!(self.dtype, train(self, init))
    }

    /// Training and test parts, with a validation part where one is asked for.
    fn parts<A: Scalar>(&self) -> Result<Parts<A>, Error> {
        let search = Search::from_env().or_only(self.data_dir.clone());
        let halves = |make: &dyn Fn(u64) -> chainrule::datasets::Dataset<A>| Parts {
            train: make(1),
            validation: None,
            test: Some(make(2)),
        };
        let parts = match self.data {
            DataName::Digits => digits(),
            DataName::Mnist => mnist(&search)?,
            DataName::FashionMnist => fashion_mnist(&search)?,
            DataName::Spirals => halves(&|seed| synthetic::spirals(1000, 1.0, 0.02, seed)),
            DataName::Moons => halves(&|seed| synthetic::moons(1000, 0.1, seed)),
            DataName::Xor => halves(&|seed| synthetic::xor(1000, 0.1, seed)),
            // The centres come from the seed too, so both parts are cut from one set.
            DataName::Blobs => Parts::from(synthetic::blobs(2000, 4, 2, 0.2, 1))
                .hold_out_test(Share::Fraction(0.5), self.seed)?,
        };
        if self.validation > 0.0 {
            return parts.hold_out_validation(Share::Fraction(self.validation), self.seed);
        }
        Ok(parts)
    }

    fn plan_of_network(&self, loss: LossName, inputs: usize, outputs: usize) -> Result<Card, Failure> {
        let widths = self.layers.complete(inputs, outputs)?;
        let mut architecture = Architecture::perceptron(&widths, self.activation, self.dropout);
        let (top, output) = loss.top(self.output, true)?;
        architecture.layers.extend::<Option<Stage>>(top);
        architecture.validated().map_err(Failure::Input)?;
        Ok(Card {
            architecture,
            output,
            loss: Some(loss.to_string()),
            transform: Pipeline::new(),
            classes: Vec::new(),
            data: Some(self.data.to_string()),
            seed: Some(self.seed),
        })
    }

    fn model_path(&self) -> PathBuf {
        let folder = self.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(self.data.to_string()));
        folder.join("last.safetensors")
    }
}

fn train<A: Scalar>(args: &Train, init: Option<Init>) -> Result<(), Failure> {
    if args.patience.is_some() && args.validation == 0.0 {
        return Err(Failure::input("--patience watches the validation loss: add --validation 0.1"));
    }
    let parts = args.parts::<A>().map_err(Failure::input)?;
    let loss_name = args.loss.unwrap_or(LossName::usual(true));
    let (inputs, outputs) = (parts.train.inputs(), parts.train.outputs());
    let mut card = args.plan_of_network(loss_name, inputs, outputs)?;
    card.transform = parts.train.pixel_scaling();
    if args.standardize {
        card.transform =
            card.transform.then_fit(Method::Standardise, &parts.train).map_err(Failure::input)?;
    }
    card.classes = parts.train.class_names().to_vec();

    let path = args.model_path();
    let folder = path.parent().expect("the checkpoint lies in a folder");
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::Input(format!("--out {}: {error}", folder.display())))?;

    let model = card.architecture.build::<A>(init);
    let loss = loss_name.build::<A>(args.label_smoothing);
    let encoding = loss_name.encoding(true);
    let mut theta = model.layout().init(&mut Rng::new(args.seed));
    let batch = if args.optimizer.wants_full_batch() { parts.train.len() } else { args.batch as usize };
    let plan = Plan { epochs: args.epochs, batch, patience: args.patience, seed: args.seed };
    let per_epoch = parts.train.len().div_ceil(batch) as u64;
    let mut optimizer = args.optimizer.build::<A>(model.layout(), per_epoch * args.epochs as u64);
    let pool = Pool::new(args.threads.map_or_else(chainrule::tensor::available_threads, usize::from));
    let experiment = Experiment {
        model: &model,
        loss: &*loss,
        encoding,
        transform: &card.transform,
        train: &parts.train,
        validation: parts.validation.as_ref(),
    };
    eprintln!(
        "{} · {} · {} parameters · {} training examples",
        args.data,
        card.architecture,
        theta.len(),
        parts.train.len()
    );
    let mut lines = Lines { epochs: args.epochs };
    let history =
        fit(&experiment, &plan, &mut *optimizer, &mut theta, &pool, &mut lines).map_err(Failure::run)?;

    let measure = |data| evaluate(&model, &*loss, encoding, &card.transform, &theta, data);
    let on_train = measure(&parts.train);
    let on_test = parts.test.as_ref().map(measure);
    let seconds: f64 = history.epochs.iter().map(|epoch| epoch.seconds).sum();
    let seen: usize = history.epochs.iter().map(|epoch| epoch.examples).sum();
    let report = json!({
        "data": args.data.to_string(),
        "layers": card.architecture.to_string(),
        "parameters": theta.len(),
        "epochs": history.epochs.len(),
        "seconds": seconds,
        "samples_per_second": seen as f64 / seconds.max(f64::MIN_POSITIVE),
        "train_loss": on_train.loss,
        "train_accuracy": on_train.score(),
        "test_loss": on_test.as_ref().map(|test| test.loss),
        "test_accuracy": on_test.as_ref().map(chainrule::train::Evaluation::score),
        "best_epoch": history.best,
        "seed": args.seed,
        "model": path.display().to_string(),
    });
    Checkpoint { card: card.clone(), theta: theta.clone() }.save(&path).map_err(Failure::run)?;
    if args.json {
        println!("{report}");
    } else {
        println!("training  {seconds:.2} s, loss {:.5}, accuracy {:.4}", on_train.loss, on_train.score());
        if let Some(test) = &on_test {
            println!("test      loss {:.5}, accuracy {:.4}", test.loss, test.score());
        }
        println!("model     {}", path.display());
    }
    Ok(())
}
