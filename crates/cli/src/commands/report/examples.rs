//! Pictures of what a network takes for something else, and of what its first layer looks for.

use chainrule::datasets::{Dataset, Features, ImageShape, Pipeline};
use chainrule::layers::Layer;
use chainrule::model::{ModelCard, predict};
use chainrule::tensor::{Scalar, rows};

use super::page::{escaped, note, section};
use super::picture::{diverging, img};

/// Pictures a section has at most.
const WRONG: usize = 24;
const UNITS: usize = 48;
/// Examples of a file that are looked through.
const STORED: usize = 10_000;

/// Both sections, for data that are images; nothing for others.
pub(crate) fn pictures<A: Scalar>(
    model: &dyn Layer<A>,
    card: &ModelCard,
    theta: &[A],
    test: Option<&Dataset<A>>,
) -> String {
    let Some((test, shape)) = test.and_then(|test| Some((test, test.image()?))) else { return String::new() };
    // What stays in a file is more than memory holds, or than anyone looks at.
    let few = matches!(test.features(), Features::FileRows(_))
        .then(|| test.select(&(0..test.len().min(STORED)).collect::<Vec<_>>()));
    let test = few.as_ref().unwrap_or(test);
    format!("{}{}", most_wrong(model, card, theta, test, shape), weights(model, theta, shape))
}

fn most_wrong<A: Scalar>(
    model: &dyn Layer<A>,
    card: &ModelCard,
    theta: &[A],
    test: &Dataset<A>,
    shape: ImageShape,
) -> String {
    let Some(labels) = test.labels().filter(|_| model.outputs() > 1) else { return String::new() };
    let raw = test.inputs_through(&Pipeline::new());
    let predictions = predict(model, card.output, &card.transform, theta, &raw);
    let mut wrong: Vec<(f64, usize, usize)> = rows::slices(&predictions)
        .zip(labels)
        .enumerate()
        .map(|(example, (row, &truth))| (rows::argmax(row), row, truth as usize, example))
        .filter(|(guess, _, truth, _)| guess != truth)
        .map(|(guess, row, _, example)| (row[guess].as_f64(), guess, example))
        .collect();
    let count = wrong.len();
    wrong.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.2.cmp(&b.2)));
    let names = test.class_names();
    let full =
        test.full_scale().unwrap_or_else(|| raw.iter().map(|x| x.as_f64()).fold(f64::MIN_POSITIVE, f64::max));
    let items: Vec<String> = wrong
        .iter()
        .take(WRONG)
        .map(|&(share, guess, example)| {
            let (truth, guess) = (escaped(&names[labels[example] as usize]), escaped(&names[guess]));
            let alt = format!("example {example}, {truth} taken for {guess}");
            let picture = img((shape.width, shape.height), &pixels(test, example, shape, full), &alt);
            format!("<li>{picture}<b>{truth}</b>, taken for {guess} ({share:.2})</li>\n")
        })
        .collect();
    let items = items.concat();
    if items.is_empty() {
        return section("Most wrong", &note("Every example of the test data was named."));
    }
    let of = note(&format!(
        "The {} of {count} wrong answers on the test data that the network was surest of: true class, answer, its share.",
        count.min(WRONG)
    ));
    section("Most wrong", &format!("<ul class=\"gallery\">\n{items}</ul>\n{of}"))
}

/// The bytes of an example, grey or coloured.
fn pixels<A: Scalar>(data: &Dataset<A>, example: usize, shape: ImageShape, full: f64) -> Vec<u8> {
    let mut row = vec![A::zero(); data.inputs()];
    data.features().row(example, &mut row);
    let bytes: Vec<u8> = row.iter().map(|x| (x.as_f64() / full * 255.0).clamp(0.0, 255.0) as u8).collect();
    if shape.channels == 3 { bytes } else { bytes.into_iter().step_by(shape.channels).collect() }
}

fn weights<A: Scalar>(model: &dyn Layer<A>, theta: &[A], shape: ImageShape) -> String {
    let numbers = shape.width * shape.height * shape.channels;
    let first =
        model.layout().entries().first().filter(|entry| entry.is_weight() && entry.shape[0] == numbers);
    let Some(entry) = first else { return String::new() };
    let units = entry.shape[1];
    let weight = &theta[entry.range()];
    let items: Vec<String> = (0..units.min(UNITS))
        .map(|unit| {
            // A coloured pixel's weights are shown as their mean.
            let of_pixel = |pixel: usize| {
                let channels =
                    (0..shape.channels).map(|c| weight[(pixel * shape.channels + c) * units + unit]);
                channels.map(Scalar::as_f64).sum::<f64>() / shape.channels as f64
            };
            let values: Vec<f64> = (0..shape.width * shape.height).map(of_pixel).collect();
            let limit = values.iter().fold(0.0, |limit: f64, w| limit.max(w.abs()));
            let pixels: Vec<u8> = values.iter().flat_map(|&w| diverging(w, limit)).collect();
            let picture = img((shape.width, shape.height), &pixels, &format!("weights of unit {unit}"));
            format!("<li>{picture}{unit}</li>\n")
        })
        .collect();
    let items = items.concat();
    let of = note(&format!(
        "The incoming weights of {} of {units} units, each on a scale of its own: blue below 0, red above.",
        units.min(UNITS)
    ));
    section("First layer", &format!("<ul class=\"gallery weights\">\n{items}</ul>\n{of}"))
}
