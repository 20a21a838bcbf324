//! `chainrule evaluate`.

use chainrule::model::Checkpoint;
use chainrule::tensor::Scalar;
use chainrule::train::{Confusion, Evaluation, Metrics, evaluate};
use clap::Args;
use serde_json::json;

use super::data::{DataArgs, Part};
use super::model::{ModelArgs, loss_of};
use super::options::with_dtype;
use crate::failure::{Failure, say};

#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Which part of a known data set; of a table, all rows are taken
    #[arg(long, value_enum, default_value = "test", value_name = "PART")]
    part: Part,
    /// Print one JSON object on stdout and nothing else there
    #[arg(long)]
    json: bool,
}

impl Evaluate {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        with_dtype!(self.model.dtype()?, measure(self))
    }

    fn print(&self, names: &[String], examples: usize, result: &Evaluation) -> Result<(), Failure> {
        if self.json {
            return say!("{}", as_json(names, examples, result));
        }
        say!("examples  {examples}")?;
        say!("loss      {:.5}", result.loss)?;
        match &result.metrics {
            Metrics::Regression(fit) => {
                say!("R²        {:.4}", fit.r_squared())?;
                say!("RMSE      {:.5}", fit.rmse())
            }
            Metrics::Classification(confusion) => print_classes(names, confusion),
        }
    }
}

fn measure<A: Scalar>(args: &Evaluate) -> Result<(), Failure> {
    let Checkpoint { card, theta } = args.model.load::<A>()?;
    let data = args.data.for_model::<A>(&args.model, &card, args.part)?;
    let loss = loss_of(&card)?;
    let encoding = loss.encoding(data.labels().is_some())?;
    let transform = args.model.transform(&card, &data);
    let model = card.architecture.build::<A>(None);
    let result = evaluate(&model, &*loss.build::<A>(0.0), encoding, &transform, &theta, &data)
        .map_err(Failure::run)?;
    args.print(data.class_names(), data.len(), &result)
}

/// One object with every figure.
pub(super) fn as_json(names: &[String], examples: usize, result: &Evaluation) -> serde_json::Value {
    match &result.metrics {
        Metrics::Regression(fit) => {
            json!({ "examples": examples, "loss": result.loss, "r2": fit.r_squared(), "rmse": fit.rmse() })
        }
        Metrics::Classification(confusion) => {
            let classes: Vec<_> = names
                .iter()
                .enumerate()
                .map(|(class, name)| json!({ "name": name, "score": confusion.class(class) }))
                .collect();
            let counts: Vec<Vec<u64>> =
                confusion.counts().outer_iter().map(|row| row.iter().copied().collect()).collect();
            json!({
                "examples": examples,
                "loss": result.loss,
                "accuracy": confusion.accuracy(),
                "top_3": confusion.top(3),
                "top_5": confusion.top(5),
                "macro_f1": confusion.macro_f1(),
                "classes": classes,
                "confusion": counts,
            })
        }
    }
}

fn print_classes(names: &[String], confusion: &Confusion) -> Result<(), Failure> {
    say!("accuracy  {:.4}", confusion.accuracy())?;
    // With five classes or fewer, five guesses cannot fail.
    for k in [3, 5].into_iter().filter(|&k| k < names.len()) {
        say!("top {k}     {:.4}", confusion.top(k))?;
    }
    say!("macro F1  {:.4}\n", confusion.macro_f1())?;
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("class".len());
    say!("{:<width$}  precision  recall      F1  examples", "class")?;
    for (class, name) in names.iter().enumerate() {
        let score = confusion.class(class);
        say!(
            "{name:<width$}  {:>9.4}  {:>6.4}  {:>6.4}  {:>8}",
            score.precision,
            score.recall,
            score.f1,
            score.support
        )?;
    }
    // Wider than this it is no picture any more, and `--json` has the numbers.
    if names.len() <= 20 {
        say!("\nconfusion: true class by row, predicted class by column, in the order above")?;
        for (name, row) in names.iter().zip(confusion.counts().outer_iter()) {
            let cells: Vec<String> = row.iter().map(|count| format!("{count:>5}")).collect();
            say!("{name:<width$} {}", cells.join(" "))?;
        }
    }
    Ok(())
}
