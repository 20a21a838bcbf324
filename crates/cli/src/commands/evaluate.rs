//! `chainrule evaluate`.

use chainrule::datasets::{Label, Target};
use chainrule::tensor::{Pool, Scalar, available_threads};
use chainrule::train::{
    ClassMetrics, Confusion, Evaluation, Metrics, MultiLabelMetrics, RegressionMetrics, evaluate,
};
use chainrule_report::digits::{ratio, significant};
use chainrule_report::results::{
    self, Class, ClassFigures, LossUnits, TargetFigures, without_figures, without_r2,
};
use clap::Args;

use super::data::{DataArgs, PartArgs};
use super::loss;
use super::model::{ModelArgs, loss_spec};
use super::options::with_dtype;
use crate::failure::{Failure, escaped, outln, print_json};
use crate::headings::OUTPUT;
use crate::table::{TableColumn, table};
use crate::terminal::{Stream, columns, width};

const EXAMPLES: &str = "\
Examples:
  chainrule train --epochs 2 --out runs/digits
  chainrule evaluate runs/digits
  chainrule evaluate runs/digits --part train --json";

/// Pairs of classes that are listed where the whole matrix is too wide.
const MOST_CONFUSED: usize = 10;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
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

    fn print(
        &self,
        target: &Target,
        examples: usize,
        loss: &LossUnits,
        result: &Evaluation,
    ) -> Result<(), Failure> {
        if self.json {
            return print_json(&figures(target, examples, result));
        }
        let room = columns(Stream::Stdout);
        outln!("examples  {examples}")?;
        outln!("loss      {} ({}, mean over the examples)", significant(result.loss), loss.in_words())?;
        match &result.metrics {
            Metrics::Regression(fit) => {
                let r2 = headline(&result.metrics);
                let why = match fit.columns() {
                    _ if r2.is_nan() => format!(" ({})", without_r2(examples)),
                    1 => String::new(),
                    _ => " (mean over the targets)".to_owned(),
                };
                outln!("R²        {}{why}", ratio(r2))?;
                if fit.columns() > 1 {
                    // Errors of targets in different units have no mean.
                    return outln!("\n{}", target_table(&targets(target.columns(), fit), room));
                }
                outln!("RMSE      {}", significant(fit.rmse()))?;
                outln!("MAE       {}", significant(fit.mae()))
            }
            Metrics::Classification(confusion) => print_classes(target.classes(), confusion, room),
            Metrics::MultiLabel(metrics) => {
                outln!("accuracy  {:.4} (all labels of an example)", metrics.accuracy())?;
                outln!("macro F1  {:.4}\n", metrics.macro_f1())?;
                outln!("{}", class_table("label", &labels(target.labels(), metrics), &[], room))
            }
        }
    }
}

fn measure<A: Scalar>(args: &Evaluate) -> Result<(), Failure> {
    let checkpoint = args.model.load::<A>()?;
    let card = &checkpoint.card;
    let data = args.data.for_model::<A>(&args.model, card, &args.part)?;
    args.data.name_part(&args.part, &data);
    let spec = loss_spec(card);
    let encoding = loss::encoding(spec.kind(), data.target())?;
    let transform = args.model.transform(card, &data);
    let model = card.architecture.build::<A>(None);
    let loss = spec.build::<A>();
    let result = Pool::new(available_threads())
        .enter(|| evaluate(&model, &*loss, encoding, &transform, checkpoint.weights(), &data))
        .map_err(Failure::run)?;
    args.print(data.target(), data.len(), &loss::units(&spec, data.target(), false), &result)
}

/// The accuracy or R², NaN where R² is not defined.
pub(crate) fn headline(metrics: &Metrics) -> f64 {
    metrics.accuracy().or_else(|| metrics.r_squared()).unwrap_or(f64::NAN)
}

/// Every figure.
pub(crate) fn figures(target: &Target, examples: usize, result: &Evaluation) -> results::Evaluation {
    let loss = result.loss;
    match &result.metrics {
        Metrics::Regression(fit) => results::Evaluation::Regression {
            examples,
            loss,
            r2: headline(&result.metrics),
            rmse: fit.rmse(),
            mae: Some(fit.mae()),
            targets: targets(target.columns(), fit),
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
    Class { name: name.to_owned(), figures: ClassFigures { precision, recall, f1, support } }
}

fn classes(names: &[String], confusion: &Confusion) -> Vec<Class> {
    names.iter().enumerate().map(|(class, name)| of_class(name, confusion.class(class))).collect()
}

fn labels(labels: &[Label], metrics: &MultiLabelMetrics) -> Vec<Class> {
    labels.iter().enumerate().map(|(at, label)| of_class(&label.name, metrics.label(at))).collect()
}

/// The figures of each of several targets; none of a lone one, whose figures are those of the whole.
pub(crate) fn targets(names: &[String], fit: &RegressionMetrics) -> Vec<TargetFigures> {
    let several = if names.len() > 1 { names } else { &[] };
    let figures = |(column, name): (usize, &String)| TargetFigures {
        name: name.clone(),
        r2: if fit.varies(column) { fit.r_squared_of(column) } else { f64::NAN },
        rmse: fit.rmse_of(column),
        mae: Some(fit.mae_of(column)),
    };
    several.iter().enumerate().map(figures).collect()
}

/// R², RMSE and MAE of each target.
pub(crate) fn target_table(targets: &[TargetFigures], room: usize) -> String {
    let lines = vec![
        TableColumn::words(0, "target", targets.iter().map(|target| escaped(&target.name).into_owned())),
        TableColumn::numbers(0, "R²", targets.iter().map(|target| ratio(target.r2))).at_least(8),
        TableColumn::numbers(1, "RMSE", targets.iter().map(|target| significant(target.rmse))).at_least(9),
        TableColumn::numbers(
            2,
            "MAE",
            targets.iter().map(|target| target.mae.map(significant).unwrap_or_default()),
        )
        .at_least(9),
    ];
    table(lines, room)
}

/// Precision, recall and F1 of each class or label, with how often each is predicted, where that is known.
pub(crate) fn class_table(what: &str, classes: &[Class], predicted: &[u64], room: usize) -> String {
    let counted = || classes.iter().enumerate().map(|(at, class)| (class, predicted.get(at).copied()));
    let figures: Vec<[f64; 3]> = counted().map(|(class, named)| class.figures.defined(named)).collect();
    let of = |at: usize| figures.iter().map(move |figures| ratio(figures[at]));
    let lines = vec![
        TableColumn::words(0, what, classes.iter().map(|class| escaped(&class.name).into_owned())),
        TableColumn::numbers(2, "precision", of(0)),
        TableColumn::numbers(1, "recall", of(1)),
        TableColumn::numbers(0, "F1", of(2)),
        TableColumn::numbers(3, "examples", classes.iter().map(|class| class.figures.support.to_string())),
    ];
    let why = without_figures(counted()).map(|why| format!("\n{why}")).unwrap_or_default();
    table(lines, room) + &why
}

fn print_classes(names: &[String], confusion: &Confusion, room: usize) -> Result<(), Failure> {
    outln!("accuracy  {:.4}", confusion.accuracy())?;
    // With five classes or fewer, five guesses cannot fail.
    for k in [3, 5].into_iter().filter(|&k| k < names.len()) {
        outln!("top {k}     {:.4}", confusion.top(k))?;
    }
    outln!("macro F1  {:.4}\n", confusion.macro_f1())?;
    let mut predicted = vec![0; names.len()];
    confusion.pairs().for_each(|(_, class, count)| predicted[class] += count);
    outln!("{}", class_table("class", &classes(names, confusion), &predicted, room))?;
    // Wider than this it is no picture any more, and `--json` has the numbers.
    let Some(counts) = confusion.table().filter(|_| names.len() <= 20) else { return Ok(()) };
    let names: Vec<String> = names.iter().map(|name| escaped(name).into_owned()).collect();
    let of_class = |class: usize| {
        TableColumn::numbers(0, "", counts.column(class).iter().map(ToString::to_string)).at_least(4)
    };
    let each = (0..names.len()).map(of_class);
    let matrix = table([TableColumn::words(0, "", names.clone())].into_iter().chain(each).collect(), room);
    if matrix.lines().all(|line| width(line) <= room) {
        outln!("\nconfusion: true class by row, predicted class by column, in the order above")?;
        return outln!("{matrix}");
    }
    let mut confused: Vec<_> = confusion.pairs().filter(|(class, predicted, _)| class != predicted).collect();
    if confused.is_empty() {
        return Ok(());
    }
    confused.sort_by_key(|&(.., count)| std::cmp::Reverse(count));
    confused.truncate(MOST_CONFUSED);
    let lines = vec![
        TableColumn::words(0, "true class", confused.iter().map(|(class, ..)| names[*class].clone())),
        TableColumn::words(
            0,
            "predicted",
            confused.iter().map(|(_, predicted, _)| names[*predicted].clone()),
        ),
        TableColumn::numbers(0, "examples", confused.iter().map(|(.., count)| count.to_string())),
    ];
    outln!("\nconfused most often:\n{}", table(lines, room))
}
