//! The example that is explained, as the data have it, and what the network says of it.

use chainrule::datasets::{Dataset, Feature, ImageShape, Input, Label, Pipeline, Schema};
use chainrule::layers::Stage;
use chainrule::model::{ModelCard, Output};
use chainrule::tensor::{Scalar, rows};
use chainrule_report::explain_page::InputWords;
use chainrule_report::image::Image;
use chainrule_report::verdict::{Answer, LabelAnswer, NumberAnswer, Verdict};

use super::input_words::{columns, of_numbers, of_pixels, of_row};
use crate::commands::model::predicts_numbers;
use crate::commands::pictures::picture;

/// What the units of a layer are called, and the head of a column of these names; no names where they are not known.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    pub(super) head: &'static str,
    pub(super) names: Vec<String>,
}

/// Units that are called nothing.
pub(super) static NO_NAMES: Names = Names { head: "", names: Vec::new() };

/// An example in its own units.
#[derive(Debug, Clone)]
pub(super) struct Example {
    /// Where it is from, such as `example 3 of mnist, test part`.
    source: String,
    /// What each number is in the data.
    pub(super) inputs: Vec<InputWords>,
    /// What each number says of its column, such as `colour = red`, the place of each pixel, or the name of each input.
    pub(super) facts: Names,
    /// Its columns, of which a category is one.
    columns: Vec<(String, String)>,
    pub(super) picture: Option<Image>,
    /// How a number of the network changes with one of the data.
    pub(super) scale: Vec<f64>,
    /// The true target, and the one that the user chose, a number for each output.
    truth: Option<Vec<f64>>,
    chosen: Option<Vec<f64>>,
}

impl Example {
    /// An example from numbers in the units of the data and, of a row of a table, from its cells.
    pub(super) fn of<A: Scalar>(
        source: String,
        (raw, cells): (&[A], Option<&[f64]>),
        kind: &Kind,
        transform: &Pipeline,
    ) -> Self {
        let texts = || raw.iter().map(ToString::to_string).collect();
        let (head, inputs, columns) = match (kind.schema.as_ref().zip(cells), kind.image) {
            (_, Some((shape, _))) => ("pixel", of_pixels(shape, texts()), Vec::new()),
            (Some((schema, cells)), None) => ("column", of_row(schema, cells), columns(schema, cells)),
            (None, None) => {
                let inputs = of_numbers(&kind.names, texts());
                let columns = inputs.iter().map(|words| (words.name.clone(), words.value.clone())).collect();
                ("column", inputs, columns)
            }
        };
        let facts = Names { head, names: inputs.iter().map(|words| words.fact.clone()).collect() };
        let (_, scale) = transform.folded::<f64>(raw.len());
        let picture = kind.image.map(|(shape, full)| picture(raw, shape, full));
        Self { source, inputs, facts, columns, picture, scale, truth: None, chosen: None }
    }

    /// The same with the true target and the one that the user chose.
    pub(super) fn with_targets(self, truth: Option<Vec<f64>>, chosen: Option<Vec<f64>>) -> Self {
        Self { truth, chosen, ..self }
    }

    /// What the network says of it; `influence` has a number for each input.
    pub(super) fn verdict(&self, card: &ModelCard, prediction: &[f64], influence: &[f64]) -> Verdict {
        let columns = &self.columns;
        Verdict {
            source: self.source.clone(),
            picture: self.picture.clone(),
            columns: columns.clone(),
            influence: of_columns(card, columns.len(), influence),
            answer: answer(card, prediction, self.truth.as_deref(), self.chosen.as_deref()),
        }
    }
}

/// How much each column moves C, of how much its inputs do: they are summed, since a change of the column is one of all of them.
fn of_columns(card: &ModelCard, columns: usize, influence: &[f64]) -> Vec<f64> {
    if columns == influence.len() {
        return influence.to_vec();
    }
    let Some(Input::Table(schema)) = &card.input else { return Vec::new() };
    if schema.inputs() != influence.len() || schema.features.len() != columns {
        return Vec::new();
    }
    let mut rest = influence;
    let sum = |feature: &Feature| {
        let (own, others) = rest.split_at(feature.kind.inputs());
        rest = others;
        own.iter().sum()
    };
    schema.features.iter().map(sum).collect()
}

/// What the inputs of a network are.
#[derive(Debug, Clone, Default)]
pub(super) struct Kind {
    names: Vec<String>,
    schema: Option<Schema>,
    /// The shape of a picture, and the number that is full brightness.
    image: Option<(ImageShape, f64)>,
}

impl Kind {
    pub(super) fn of_data<A: Scalar>(data: &Dataset<A>, brightest: f64) -> Self {
        let full = data.full_scale().unwrap_or(brightest);
        Self {
            names: data.feature_names(),
            schema: data.schema().cloned(),
            image: data.image().map(|shape| (shape, full)),
        }
    }

    /// That of the data a model was trained on.
    pub(super) fn of_model(card: &ModelCard) -> Self {
        let (schema, image) = match &card.input {
            Some(Input::Table(schema)) => (Some(schema.clone()), None),
            Some(Input::Image(shape)) => (None, Some((*shape, 255.0))),
            None => (None, None),
        };
        let named = schema.as_ref().filter(|schema| schema.named).map(Schema::input_names);
        let numbered = || (0..card.architecture.inputs()).map(|i| format!("x{i}")).collect();
        Self { names: named.unwrap_or_else(numbered), schema, image }
    }
}

/// What each output is, where it is known: a class, a label or a target.
pub(super) fn output_names(card: &ModelCard) -> Names {
    let outputs = card.architecture.outputs();
    let labels: Vec<String> = card.labels.iter().map(|label| label.name.clone()).collect();
    let names = [("class", &card.classes), ("label", &labels), ("target", &card.targets)];
    let found = names.into_iter().find(|(_, names)| names.len() == outputs && outputs > 0);
    match (found, card.classes.as_slice()) {
        (Some((head, names)), _) => Names { head, names: names.clone() },
        // A lone output is the probability of the second of two classes.
        (None, [_, second]) if outputs == 1 => Names { head: "class", names: vec![second.clone()] },
        (None, _) => Names::default(),
    }
}

fn answer(card: &ModelCard, prediction: &[f64], truth: Option<&[f64]>, chosen: Option<&[f64]>) -> Answer {
    let Names { names, .. } = output_names(card);
    let name = |i: usize| names.get(i).cloned().unwrap_or_else(|| i.to_string());
    if !card.labels.is_empty() {
        let label = |(i, label): (usize, &Label)| {
            let word = |row: &[f64]| label.words[usize::from(row[i] > 0.5)].clone();
            let [no, yes] = label.words.clone();
            LabelAnswer {
                name: label.name.clone(),
                says: word(prediction),
                truth: truth.map(word),
                target: chosen.map(word),
                outputs: [(no, 1.0 - prediction[i]), (yes, prediction[i])],
            }
        };
        return Answer::Labels { labels: card.labels.iter().enumerate().map(label).collect() };
    }
    if predicts_numbers(card) {
        let target = |i: usize| NumberAnswer {
            name: name(i),
            says: prediction[i],
            truth: truth.map(|truth| truth[i]),
            target: chosen.map(|target| target[i]),
        };
        return Answer::Numbers { targets: (0..prediction.len()).map(target).collect() };
    }
    if let [p] = *prediction {
        // A lone number is the probability of the second of two classes.
        let class = |i: usize| card.classes.get(i).cloned().unwrap_or_else(|| i.to_string());
        let of_row = |row: &[f64]| class(usize::from(row[0] > 0.5));
        let says = usize::from(p > 0.5);
        return Answer::Class {
            says: class(says),
            output: if says == 1 { p } else { 1.0 - p },
            is_probability: true,
            truth: truth.map(of_row),
            target: chosen.map(of_row),
            outputs: vec![(class(0), 1.0 - p), (class(1), p)],
        };
    }
    let says = rows::argmax(prediction);
    let is_probability =
        card.output == Output::Softmax || matches!(card.architecture.layers.last(), Some(Stage::Softmax(_)));
    let of_row = |row: &[f64]| name(rows::argmax(row));
    Answer::Class {
        says: name(says),
        output: prediction[says],
        is_probability,
        truth: truth.map(of_row),
        target: chosen.map(of_row),
        outputs: prediction.iter().enumerate().map(|(i, &p)| (name(i), p)).collect(),
    }
}
