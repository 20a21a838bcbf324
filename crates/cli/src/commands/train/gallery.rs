//! Images for a run's page: examples as they are augmented, those that the network misclassifies, and the weights of its first
//! layer.

use chainrule::datasets::{Batches, Dataset, Encoding, Error, Features, ImageShape, Pipeline};
use chainrule::layers::Layer;
use chainrule::model::{ModelCard, predict};
use chainrule::tensor::{Scalar, rows};
use chainrule::train::{Plan, Weights};
use chainrule_report::gallery::{Augmented, AugmentedExample, FirstLayer, Gallery, Mistake, Mistakes};
use chainrule_report::image::Image;

/// Images a section has at most.
const AUGMENTED: usize = 12;
const MISTAKES: usize = 24;
const UNITS: usize = 48;
/// Examples of a streamed file that are searched for mistakes.
const STREAMED: usize = 10_000;

/// The first training examples of the run as its first epoch sees them; `None` if nothing is augmented.
///
/// # Errors
/// If a streamed file can no longer be read.
pub(crate) fn contact_sheet<A: Scalar>(
    train: &Dataset<A>,
    plan: &Plan,
    encoding: Encoding,
) -> Result<Option<Augmented>, Error> {
    let Some(shape) = train.image().filter(|_| !plan.augment.is_none()) else { return Ok(None) };
    // Pairs of neighbours are mixed, so that a few of a batch are what they are in the whole.
    let size = plan.batch.min(AUGMENTED);
    let mut batches = Batches::new(train, &Pipeline::new(), encoding, size).augmented(&plan.augment)?;
    batches.shuffle(plan.seed, 1);
    let (mut batch, mut shown) = (batches.buffer(), Vec::new());
    while shown.len() < AUGMENTED && batches.fill(&mut batch)? {
        let (x, target) = (batch.x(), batch.target());
        let brightest = || x.iter().map(|x| x.as_f64()).fold(f64::MIN_POSITIVE, f64::max);
        let full = train.full_scale().unwrap_or_else(brightest);
        let rows = rows::slices(&x).zip(rows::slices(&target)).zip(batch.indices());
        shown.extend(rows.take(AUGMENTED - shown.len()).map(|((x, target), &example)| AugmentedExample {
            example,
            classes: classes(train, target),
            image: of_numbers(x, shape, full),
        }));
    }
    Ok(Some(Augmented { words: plan.augment.to_string(), shown }))
}

/// The classes of a target, with the share of each if there are several.
fn classes<A: Scalar>(data: &Dataset<A>, target: &[A]) -> String {
    let names = data.class_names();
    match target {
        _ if names.is_empty() => String::new(),
        [class] if names.len() > 1 => names[class.as_f64() as usize].clone(),
        shares => {
            let given = names.iter().zip(shares).filter(|(_, share)| share.as_f64() >= 0.005);
            let of_one = given.clone().count() < 2;
            let text = |(name, share): (&String, &A)| {
                if of_one { name.clone() } else { format!("{name} {:.0} %", 100.0 * share.as_f64()) }
            };
            given.map(text).collect::<Vec<_>>().join(", ")
        }
    }
}

/// The augmented examples, and both parts on the test data if these are images.
pub(crate) fn gallery<A: Scalar>(
    augmented: Option<Augmented>,
    model: &dyn Layer<A>,
    card: &ModelCard,
    weights: Weights<'_, A>,
    test: Option<&Dataset<A>>,
) -> Gallery {
    let Some((test, shape)) = test.and_then(|test| Some((test, test.image()?))) else {
        return Gallery { augmented, ..Gallery::default() };
    };
    // What stays in a file is more than memory holds, or than anyone looks at.
    let few = matches!(test.features(), Features::FileRows(_))
        .then(|| test.select(&(0..test.len().min(STREAMED)).collect::<Vec<_>>()));
    let test = few.as_ref().unwrap_or(test);
    Gallery {
        augmented,
        mistakes: mistakes(model, card, weights, test, shape),
        first_layer: first_layer(model, weights.theta, shape),
    }
}

fn mistakes<A: Scalar>(
    model: &dyn Layer<A>,
    card: &ModelCard,
    weights: Weights<'_, A>,
    test: &Dataset<A>,
    shape: ImageShape,
) -> Option<Mistakes> {
    let labels = test.labels().filter(|_| model.outputs() > 1)?;
    let raw = test.inputs_through(&Pipeline::new());
    let predictions = predict(model, card.output, &card.transform, weights, &raw);
    let mut wrong: Vec<(f64, usize, usize)> = rows::slices(&predictions)
        .zip(labels)
        .enumerate()
        .map(|(example, (row, &truth))| (rows::argmax(row), row, truth as usize, example))
        .filter(|(predicted, _, truth, _)| predicted != truth)
        .map(|(predicted, row, _, example)| (row[predicted].as_f64(), predicted, example))
        .collect();
    let count = wrong.len();
    wrong.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.2.cmp(&b.2)));
    let names = test.class_names();
    let full =
        test.full_scale().unwrap_or_else(|| raw.iter().map(|x| x.as_f64()).fold(f64::MIN_POSITIVE, f64::max));
    let shown = wrong
        .iter()
        .take(MISTAKES)
        .map(|&(output, predicted, example)| Mistake {
            example,
            truth: names[labels[example] as usize].clone(),
            prediction: names[predicted].clone(),
            output,
            image: image(test, example, shape, full),
        })
        .collect();
    Some(Mistakes { count, shown })
}

/// An example, grey or coloured.
fn image<A: Scalar>(data: &Dataset<A>, example: usize, shape: ImageShape, full: f64) -> Image {
    let mut row = vec![A::zero(); data.inputs()];
    data.features().row(example, &mut row);
    of_numbers(&row, shape, full)
}

/// Numbers up to `full` as an image, grey or coloured.
fn of_numbers<A: Scalar>(row: &[A], shape: ImageShape, full: f64) -> Image {
    let bytes: Vec<u8> = row.iter().map(|x| (x.as_f64() / full * 255.0).clamp(0.0, 255.0) as u8).collect();
    let pixels =
        if shape.channels == 3 { bytes } else { bytes.into_iter().step_by(shape.channels).collect() };
    Image { width: shape.width, height: shape.height, pixels }
}

fn first_layer<A: Scalar>(model: &dyn Layer<A>, theta: &[A], shape: ImageShape) -> Option<FirstLayer> {
    let numbers = shape.width * shape.height * shape.channels;
    let entry =
        model.layout().entries().first().filter(|entry| entry.is_weight() && entry.shape[0] == numbers)?;
    let units = entry.shape[1];
    let weight = &theta[entry.range()];
    let shown = (0..units.min(UNITS))
        .map(|unit| {
            // A coloured pixel's weights are shown as their mean.
            let of_pixel = |pixel: usize| {
                let channels =
                    (0..shape.channels).map(|c| weight[(pixel * shape.channels + c) * units + unit]);
                channels.map(Scalar::as_f64).sum::<f64>() / shape.channels as f64
            };
            let values: Vec<f64> = (0..shape.width * shape.height).map(of_pixel).collect();
            Image::diverging(shape.width, shape.height, &values)
        })
        .collect();
    Some(FirstLayer { units, shown })
}
