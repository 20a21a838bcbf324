//! What a model takes: a picture, the columns of a table or numbers, and what they go through.

use chainrule::datasets::{Feature, Input, Schema, Transform, counted};
use chainrule::model::ModelCard;
use chainrule::tensor::Shape;
use chainrule_report::digits::compact;

use crate::failure::{Failure, outln};
use crate::table::{TableColumn, table};
use crate::terminal::{Stream, columns};

/// Columns of a table that are listed at most.
const MOST: usize = 40;

/// The input of the network, its transforms and, of a table, its columns.
pub(super) fn print(card: &ModelCard) -> Result<(), Failure> {
    outln!("input     {}", in_words(card))?;
    let transforms: Vec<String> = card.transform.transforms().iter().map(transform).collect();
    outln!(
        "scaling   {}",
        if transforms.is_empty() { "none".to_owned() } else { transforms.join("; then ") }
    )?;
    match &card.input {
        Some(Input::Table(schema)) => print_columns(schema, card.transform.transforms()),
        _ => Ok(()),
    }
}

fn in_words(card: &ModelCard) -> String {
    let (shape, numbers) = (card.architecture.input, counted(card.architecture.inputs(), "number"));
    match (&card.input, shape) {
        (Some(Input::Image(image)), _) => {
            let image = Shape::image(image.height, image.width, image.channels);
            format!("{image} (height x width x channels), {numbers}")
        }
        (Some(Input::Table(schema)), _) => {
            format!("{} of a table, {numbers}", counted(schema.features.len(), "column"))
        }
        (None, Shape::Flat(_)) => numbers,
        (None, Shape::Image { .. }) => format!("{shape} (height x width x channels), {numbers}"),
        (None, Shape::Sequence { .. }) => format!("{shape} (steps x features), {numbers}"),
    }
}

/// The target columns, each with how its numbers are spelled where they are not plain.
pub(super) fn targets(card: &ModelCard) -> String {
    let known = match &card.input {
        Some(Input::Table(schema)) => &schema.targets[..],
        _ => &[],
    };
    let name =
        |name: &String| match known.iter().find(|target| target.name == *name && !target.form.is_plain()) {
            Some(target) => format!("{name} ({})", target.form),
            None => name.clone(),
        };
    card.targets.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// A transform in words, with its figures: of many features from the least to the largest of them.
fn transform(transform: &Transform) -> String {
    let list = |values: &[f64]| {
        const FEW: usize = 3;
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        match values {
            [] => "none".to_owned(),
            few if few.len() <= FEW => few.iter().copied().map(compact).collect::<Vec<_>>().join(", "),
            _ => format!("{} to {}", compact(least), compact(largest)),
        }
    };
    match transform {
        Transform::Scale { divisor } => format!("divided by {divisor}"),
        Transform::MinMax { min, range } => {
            format!("each number scaled to 0..1: minimum {}, range {}", list(min), list(range))
        }
        Transform::Standardise { mean, deviation } => {
            format!("each number standardised: mean {}, standard deviation {}", list(mean), list(deviation))
        }
        Transform::GlobalStandardise { mean, deviation } => format!(
            "all numbers standardised together: mean {}, standard deviation {}",
            compact(*mean),
            compact(*deviation)
        ),
        Transform::ChannelStandardise { mean, deviation } => {
            format!("each channel standardised: mean {}, standard deviation {}", list(mean), list(deviation))
        }
    }
}

/// The heads of the two figures of a transform that each feature has of its own, and the figures.
type Figures<'a> = ([&'static str; 2], &'a [f64], &'a [f64]);

/// The figures of the last such transform.
fn figures(transforms: &[Transform]) -> Option<Figures<'_>> {
    transforms.iter().rev().find_map(|transform| match transform {
        Transform::MinMax { min, range } => Some((["minimum", "range"], &min[..], &range[..])),
        Transform::Standardise { mean, deviation } => {
            Some((["mean", "deviation"], &mean[..], &deviation[..]))
        }
        _ => None,
    })
}

/// A row for each column: its name, its kind and, of a column that is one number, the figures of its transform; and what a missing cell
/// becomes.
fn print_columns(schema: &Schema, transforms: &[Transform]) -> Result<(), Failure> {
    let all = &schema.features;
    let shown = &all[..all.len().min(MOST)];
    let starts: Vec<usize> = all
        .iter()
        .scan(0, |at, feature| {
            let start = *at;
            *at += feature.kind.inputs();
            Some(start)
        })
        .collect();
    let figure = |values: &[f64]| -> Vec<String> {
        let of = |(feature, &at): (&Feature, &usize)| match (feature.kind.inputs(), values.get(at)) {
            (1, Some(x)) => compact(*x),
            _ => String::new(),
        };
        shown.iter().zip(&starts).map(of).collect()
    };
    let mut lines = vec![
        TableColumn::words(0, "column", shown.iter().map(|feature| feature.name.clone())).no_shorter_than(8),
        TableColumn::words(0, "kind", shown.iter().map(Feature::in_words)).no_shorter_than(8),
    ];
    if let Some((heads, first, second)) = figures(transforms) {
        lines.push(TableColumn::decimals(1, heads[0], figure(first)));
        lines.push(TableColumn::decimals(1, heads[1], figure(second)));
    }
    if shown.iter().any(|feature| feature.fill.is_some()) {
        let cell = |feature: &Feature| feature.fill.map_or_else(String::new, |_| feature.spelled(f64::NAN));
        lines.push(TableColumn::words(2, "", shown.iter().map(cell)));
    }
    outln!("\n{}", table(lines, columns(Stream::Stdout)))?;
    if shown.len() < all.len() {
        outln!("… the first {} of {} columns", shown.len(), all.len())?;
    }
    outln!("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transform_is_said_with_its_figures() {
        let channels = |mean: &[f64], deviation: &[f64]| Transform::ChannelStandardise {
            mean: mean.to_vec(),
            deviation: deviation.to_vec(),
        };
        assert_eq!(transform(&Transform::Scale { divisor: 255.0 }), "divided by 255");
        assert_eq!(
            transform(&channels(&[0.5, 0.25, 0.125], &[1.0, 2.0, 3.0])),
            "each channel standardised: mean 0.5000, 0.2500, 0.1250, standard deviation 1.0000, 2.0000, 3.0000"
        );
        let (min, range) = (vec![3.0, -1.0, 0.0, 7.0], vec![1.0, 1.0, 20.0, 1.0]);
        assert_eq!(
            transform(&Transform::MinMax { min, range }),
            "each number scaled to 0..1: minimum -1.0000 to 7.0000, range 1.0000 to 20.0000"
        );
    }
}
