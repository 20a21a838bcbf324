//! `chainrule evaluate`.

use chainrule::tensor::Scalar;
use chainrule::train::{ClassMetrics, Confusion, Evaluation, Metrics, evaluate};
use chainrule_report::digits::significant;
use chainrule_report::results::{self, Class, ClassFigures};
use clap::Args;

use super::data::{DataArgs, Part};
use super::loss;
use super::model::{ModelArgs, loss_spec};
use super::options::with_dtype;
use crate::failure::{Failure, outln};
use crate::headings::{DATA, OUTPUT};

#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Part of a built-in data set; of a file, all rows are used
    #[arg(long, value_enum, default_value = "test", value_name = "PART", help_heading = DATA)]
    part: Part,
    /// Print one JSON object on stdout and nothing else there
    #[arg(long, help_heading = OUTPUT)]
    json: bool,
}

impl Evaluate {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        with_dtype!(self.model.dtype()?, measure(self))
    }

    fn print(&self, names: &[String], examples: usize, result: &Evaluation) -> Result<(), Failure> {
        if self.json {
            let figures = figures(names, examples, result);
            return outln!("{}", serde_json::to_string(&figures).expect("the figures have string keys"));
        }
        outln!("examples  {examples}")?;
        outln!("loss      {}", significant(result.loss))?;
        match &result.metrics {
            Metrics::Regression(fit) => {
                outln!("R²        {:.4}", fit.r_squared())?;
                outln!("RMSE      {}", significant(fit.rmse()))
            }
            Metrics::Classification(confusion) => print_classes(names, confusion),
        }
    }
}

fn measure<A: Scalar>(args: &Evaluate) -> Result<(), Failure> {
    let checkpoint = args.model.load::<A>()?;
    let card = &checkpoint.card;
    let data = args.data.for_model::<A>(&args.model, card, args.part)?;
    let loss = loss_spec(card).kind();
    let encoding = loss::encoding(loss, data.labels().is_some())?;
    let transform = args.model.transform(card, &data);
    let model = card.architecture.build::<A>(None);
    let result =
        evaluate(&model, &*loss_spec(card).build::<A>(), encoding, &transform, checkpoint.weights(), &data)
            .map_err(Failure::run)?;
    args.print(data.class_names(), data.len(), &result)
}

/// Every figure.
pub(crate) fn figures(names: &[String], examples: usize, result: &Evaluation) -> results::Evaluation {
    let loss = result.loss;
    match &result.metrics {
        Metrics::Regression(fit) => {
            results::Evaluation::Regression { examples, loss, r2: fit.r_squared(), rmse: fit.rmse() }
        }
        Metrics::Classification(confusion) => {
            let table = confusion.table();
            let class = |(class, name): (usize, &String)| {
                let ClassMetrics { precision, recall, f1, support } = confusion.class(class);
                Class { name: name.clone(), score: ClassFigures { precision, recall, f1, support } }
            };
            results::Evaluation::Classification {
                examples,
                loss,
                accuracy: confusion.accuracy(),
                top_3: confusion.top(3),
                top_5: confusion.top(5),
                macro_f1: confusion.macro_f1(),
                classes: names.iter().enumerate().map(class).collect(),
                confusion_pairs: if table.is_none() { confusion.pairs().collect() } else { Vec::new() },
                confusion: table
                    .iter()
                    .flat_map(|table| table.outer_iter())
                    .map(|row| row.to_vec())
                    .collect(),
            }
        }
    }
}

fn print_classes(names: &[String], confusion: &Confusion) -> Result<(), Failure> {
    outln!("accuracy  {:.4}", confusion.accuracy())?;
    // With five classes or fewer, five guesses cannot fail.
    for k in [3, 5].into_iter().filter(|&k| k < names.len()) {
        outln!("top {k}     {:.4}", confusion.top(k))?;
    }
    outln!("macro F1  {:.4}\n", confusion.macro_f1())?;
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("class".len());
    outln!("{:<width$}  precision  recall      F1  examples", "class")?;
    for (class, name) in names.iter().enumerate() {
        let score = confusion.class(class);
        outln!(
            "{name:<width$}  {:>9.4}  {:>6.4}  {:>6.4}  {:>8}",
            score.precision,
            score.recall,
            score.f1,
            score.support
        )?;
    }
    // Wider than this it is no picture any more, and `--json` has the numbers.
    if let Some(table) = confusion.table().filter(|_| names.len() <= 20) {
        outln!("\nconfusion: true class by row, predicted class by column, in the order above")?;
        for (name, row) in names.iter().zip(table.outer_iter()) {
            let cells: Vec<String> = row.iter().map(|count| format!("{count:>5}")).collect();
            outln!("{name:<width$} {}", cells.join(" "))?;
        }
    }
    Ok(())
}
