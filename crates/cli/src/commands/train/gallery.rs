//! Images for a run's page: examples as they are augmented, those that the network misclassifies with what its layers make of them,
//! and the weights of its first layer.

use chainrule::datasets::{Batches, Dataset, Encoding, Error, ImageShape, Pipeline};
use chainrule::layers::{Layer, Station, TapeKind, walk};
use chainrule::ndarray::{Array2, Axis};
use chainrule::tensor::{Scalar, Shape, rows};
use chainrule::train::Plan;
use chainrule_report::gallery::{
    Augmented, AugmentedExample, FeatureMaps, FirstLayer, Gallery, Mistake, Mistakes,
};
use chainrule_report::image::Image;
use chainrule_report::sheet::{Maps, Sheet};

use super::judged::{Judged, Trained};
use crate::commands::pictures::{filter, filter_axes, filter_picture, has_positions, picture};
use crate::commands::stages::stage_names;

/// Images a section has at most.
const AUGMENTED: usize = 12;
const MISTAKES: usize = 24;
const UNITS: usize = 48;
/// Mistakes whose feature maps are shown, layers of them, and maps of each.
const MAPPED: usize = 3;
const LAYERS: usize = 4;
const MAPS: usize = 8;

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
            image: picture(x, shape, full),
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

/// The augmented examples, and what can be seen of the network where the test data are images.
pub(super) fn gallery<A: Scalar>(
    augmented: Option<Augmented>,
    trained: &Trained<'_, A>,
    test: Option<&Judged<'_, A>>,
) -> Gallery {
    let Some((test, shape)) = test.and_then(|test| Some((test, test.data.image()?))) else {
        return Gallery { augmented, ..Gallery::default() };
    };
    let mistakes = mistakes(trained, test, shape);
    let first = mistakes.iter().flat_map(|mistakes| &mistakes.shown).take(MAPPED);
    Gallery {
        augmented,
        feature_maps: first.filter_map(|mistake| feature_maps(trained, test, mistake)).collect(),
        mistakes,
        first_layer: first_layer(trained.network, trained.weights.theta, shape),
    }
}

fn mistakes<A: Scalar>(
    trained: &Trained<'_, A>,
    test: &Judged<'_, A>,
    shape: ImageShape,
) -> Option<Mistakes> {
    let data = &test.data;
    let labels = data.labels().filter(|_| trained.network.outputs() > 1)?;
    let mut wrong: Vec<(f64, usize, usize)> = rows::slices(&test.predictions)
        .zip(labels)
        .enumerate()
        .map(|(example, (row, &truth))| (rows::argmax(row), row, truth as usize, example))
        .filter(|(predicted, _, truth, _)| predicted != truth)
        .map(|(predicted, row, _, example)| (row[predicted].as_f64(), predicted, example))
        .collect();
    let count = wrong.len();
    wrong.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.2.cmp(&b.2)));
    let names = data.class_names();
    let raw = |data: &Dataset<A>| data.inputs_through(&Pipeline::new());
    let brightest = || raw(data).iter().map(|x| x.as_f64()).fold(f64::MIN_POSITIVE, f64::max);
    let full = data.full_scale().unwrap_or_else(brightest);
    let shown = wrong
        .iter()
        .take(MISTAKES)
        .map(|&(output, predicted, example)| Mistake {
            example,
            truth: names[labels[example] as usize].clone(),
            prediction: names[predicted].clone(),
            output,
            image: picture(
                raw(&data.select(&[example])).as_slice().expect("a row lies together"),
                shape,
                full,
            ),
        })
        .collect();
    Some(Mistakes { part: test.part.to_owned(), count, shown })
}

/// What some layers with maps make of an example; `None` for a network that has none.
fn feature_maps<A: Scalar>(
    trained: &Trained<'_, A>,
    test: &Judged<'_, A>,
    mistake: &Mistake,
) -> Option<FeatureMaps> {
    let network = trained.network;
    let x: Array2<A> = test.inputs.select(Axis(0), &[mistake.example]);
    let (mut y, mut tape) = (Array2::zeros((1, network.outputs())), network.tape(TapeKind::Complete, 1));
    network.forward(trained.weights.eval(), trained.weights.theta, &x, &mut y, &mut tape);
    let names = stage_names(&trained.card.architecture);
    let mut found = Vec::new();
    walk(Station::network(network).after_forward(&x, &y, &tape), &mut |station| {
        let (Some(values), Some(name)) = (&station.values, names.get(&station.path)) else { return };
        let shape = station.layer.output_shape();
        let is_drawn = !station.layer.is_view() && !name.passes_on && matches!(shape, Shape::Image { .. });
        if is_drawn && has_positions(shape) {
            let y: Vec<f64> = values.y.iter().map(|y| y.as_f64()).collect();
            let chosen: Vec<usize> = (0..shape.features().min(MAPS)).collect();
            let maps = Maps::of(&shape.axes(), &y, &chosen);
            let sheet = Sheet::new(&maps.pictures(), MAPS);
            found.push((format!("{} {}", station.path, name.words), shape.to_string(), sheet));
        }
    });
    // Of many layers some, from the first to the last.
    let last = found.len().checked_sub(1)?;
    let mut kept: Vec<usize> = (0..LAYERS).map(|i| i * last / (LAYERS - 1)).collect();
    kept.dedup();
    let mut place = 0;
    found.retain(|_| {
        place += 1;
        kept.contains(&(place - 1))
    });
    Some(FeatureMaps { mistake: mistake.clone(), layers: found })
}

fn first_layer<A: Scalar>(model: &dyn Layer<A>, theta: &[A], shape: ImageShape) -> Option<FirstLayer> {
    let numbers = shape.width * shape.height * shape.channels;
    let entry = model.layout().entries().first().filter(|entry| entry.is_weight())?;
    let weight = &theta[entry.range()];
    if let Some(axes) = filter_axes(entry).filter(|axes| axes[0] * axes[1] > 1) {
        let [_, _, channels, filters] = axes;
        let picture = |number: usize| filter_picture(&filter(weight, axes, number), axes);
        return Some(FirstLayer {
            are_filters: true,
            in_colour: channels == 3,
            units: filters,
            shown: (0..filters.min(UNITS)).map(picture).collect(),
        });
    }
    if entry.shape[0] != numbers {
        return None;
    }
    let units = entry.shape[1];
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
    Some(FirstLayer { are_filters: false, in_colour: false, units, shown })
}
