//! `chainrule evaluate`.

use chainrule::datasets::{Label, Target};
use chainrule::tensor::{Pool, Scalar, available_threads};
use chainrule::train::{
    ClassMetrics, Confusion, Evaluation, Metrics, MultiLabelMetrics, RegressionMetrics, evaluate,
};
use chainrule_report::digits::significant;
use chainrule_report::results::{self, Class, ClassFigures, TargetFigures};
use clap::Args;

use super::data::{DataArgs, PartArgs};
use super::loss;
use super::model::{ModelArgs, loss_spec};
use super::options::with_dtype;
use crate::failure::{Failure, outln};
use crate::headings::OUTPUT;

#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    part: PartArgs,
    /// Print one JSON object on stdout and nothing else there
    #[arg(long, help_heading = OUTPUT)]
    json: bool,
}

impl Evaluate {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        with_dtype!(self.model.dtype()?, measure(self))
    }

    fn print(&self, target: &Target, examples: usize, result: &Evaluation) -> Result<(), Failure> {
        if self.json {
            let figures = figures(target, examples, result);
            return outln!("{}", serde_json::to_string(&figures).expect("the figures have string keys"));
        }
        outln!("examples  {examples}")?;
        outln!("loss      {}", significant(result.loss))?;
        match &result.metrics {
            Metrics::Regression(fit) => {
                outln!("R²        {:.4}", fit.r_squared())?;
                outln!("RMSE      {}", significant(fit.rmse()))?;
                outln!("MAE       {}", significant(fit.mae()))?;
                if fit.columns() > 1 {
                    outln!("\n{}", target_table(&targets(target.columns(), fit)))?;
                }
                Ok(())
            }
            Metrics::Classification(confusion) => print_classes(target.classes(), confusion),
            Metrics::MultiLabel(metrics) => {
                outln!("accuracy  {:.4} (all labels of an example)", metrics.accuracy())?;
                outln!("macro F1  {:.4}\n", metrics.macro_f1())?;
                outln!("{}", class_table("label", &labels(target.labels(), metrics)))
            }
        }
    }
}

fn measure<A: Scalar>(args: &Evaluate) -> Result<(), Failure> {
    let checkpoint = args.model.load::<A>()?;
    let card = &checkpoint.card;
    let data = args.data.for_model::<A>(&args.model, card, &args.part)?;
    let loss = loss_spec(card).kind();
    let encoding = loss::encoding(loss, data.target())?;
    let transform = args.model.transform(card, &data);
    let model = card.architecture.build::<A>(None);
    let loss = loss_spec(card).build::<A>();
    let result = Pool::new(available_threads())
        .enter(|| evaluate(&model, &*loss, encoding, &transform, checkpoint.weights(), &data))
        .map_err(Failure::run)?;
    args.print(data.target(), data.len(), &result)
}

/// Every figure.
pub(crate) fn figures(target: &Target, examples: usize, result: &Evaluation) -> results::Evaluation {
    let loss = result.loss;
    match &result.metrics {
        Metrics::Regression(fit) => results::Evaluation::Regression {
            examples,
            loss,
            r2: fit.r_squared(),
            rmse: fit.rmse(),
            mae: Some(fit.mae()),
            targets: if fit.columns() > 1 { targets(target.columns(), fit) } else { Vec::new() },
        },
        Metrics::MultiLabel(metrics) => results::Evaluation::MultiLabel {
            examples,
            loss,
            accuracy: metrics.accuracy(),
            macro_f1: metrics.macro_f1(),
            labels: labels(target.labels(), metrics),
        },
        Metrics::Classification(confusion) => {
            let table = confusion.table();
            results::Evaluation::Classification {
                examples,
                loss,
                accuracy: confusion.accuracy(),
                top_3: confusion.top(3),
                top_5: confusion.top(5),
                macro_f1: confusion.macro_f1(),
                classes: classes(target.classes(), confusion),
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

fn of_class(name: &str, metrics: ClassMetrics) -> Class {
    let ClassMetrics { precision, recall, f1, support } = metrics;
    Class { name: name.to_owned(), score: ClassFigures { precision, recall, f1, support } }
}

fn classes(names: &[String], confusion: &Confusion) -> Vec<Class> {
    names.iter().enumerate().map(|(class, name)| of_class(name, confusion.class(class))).collect()
}

fn labels(labels: &[Label], metrics: &MultiLabelMetrics) -> Vec<Class> {
    labels.iter().enumerate().map(|(at, label)| of_class(&label.name, metrics.label(at))).collect()
}

fn targets(names: &[String], fit: &RegressionMetrics) -> Vec<TargetFigures> {
    let figures = |(column, name): (usize, &String)| TargetFigures {
        name: name.clone(),
        r2: fit.r_squared_of(column),
        rmse: fit.rmse_of(column),
        mae: Some(fit.mae_of(column)),
    };
    names.iter().enumerate().map(figures).collect()
}

/// R², RMSE and MAE of each target.
pub(crate) fn target_table(targets: &[TargetFigures]) -> String {
    let width = width("target", targets.iter().map(|target| target.name.as_str()));
    let mut lines = vec![format!("{:<width$}        R²       RMSE        MAE", "target")];
    for TargetFigures { name, r2, rmse, mae } in targets {
        let mae = mae.map(significant).unwrap_or_default();
        lines.push(format!("{name:<width$}  {r2:>8.4}  {:>9}  {mae:>9}", significant(*rmse)));
    }
    lines.join("\n")
}

/// Precision, recall and F1 of each class or label.
pub(crate) fn class_table(what: &str, classes: &[Class]) -> String {
    let width = width(what, classes.iter().map(|class| class.name.as_str()));
    let mut lines = vec![format!("{what:<width$}  precision  recall      F1  examples")];
    for Class { name, score } in classes {
        let ClassFigures { precision, recall, f1, support } = score;
        lines.push(format!("{name:<width$}  {precision:>9.4}  {recall:>6.4}  {f1:>6.4}  {support:>8}"));
    }
    lines.join("\n")
}

fn width<'a>(head: &str, names: impl Iterator<Item = &'a str>) -> usize {
    names.map(|name| name.chars().count()).max().unwrap_or(0).max(head.len())
}

fn print_classes(names: &[String], confusion: &Confusion) -> Result<(), Failure> {
    outln!("accuracy  {:.4}", confusion.accuracy())?;
    // With five classes or fewer, five guesses cannot fail.
    for k in [3, 5].into_iter().filter(|&k| k < names.len()) {
        outln!("top {k}     {:.4}", confusion.top(k))?;
    }
    outln!("macro F1  {:.4}\n", confusion.macro_f1())?;
    outln!("{}", class_table("class", &classes(names, confusion)))?;
    let width = width("class", names.iter().map(String::as_str));
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
