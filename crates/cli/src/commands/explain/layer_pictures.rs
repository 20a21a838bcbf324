//! The way of an example through any network as a page shows it: maps, filters and error signals as pictures.

use chainrule::tensor::Shape;
use chainrule_report::digits::grouped;
use chainrule_report::image::Image;
use chainrule_report::layers_page::{Filters, LayerMaps, LayerPictures, Layers, Saliency, Units};
use chainrule_report::sheet::{Maps, Sheet, overlay};
use chainrule_report::verdict::Verdict;

use super::outline::{Outline, Parameter, Row};
use crate::commands::pictures::{filter_axes, filter_picture, has_positions, kernels, loudest_channels};

/// Maps of a layer that are drawn at most: fewer of deep networks, whose page would be large.
const MAPS: usize = 16;
const OF_DEEP: usize = 8;
/// Layers of a network that is not deep.
const SHALLOW: usize = 24;
/// Filters that are drawn at most, and channels of each.
const FILTERS: usize = 16;
const CHANNELS: usize = 16;

/// The outline in pictures; `unit` is that of C, and `scale` is how a number of the network changes with one of the example.
pub(super) fn layers(
    outline: &Outline,
    verdict: Option<Verdict>,
    unit: Option<String>,
    names: &[String],
    scale: &[f64],
) -> Layers {
    let most = if outline.rows.len() > SHALLOW { OF_DEEP } else { MAPS };
    let last = outline.rows.last().map(|row| &row.path);
    // The outputs have names, and so have the units of the last layer.
    let of = |row: &Row| if Some(&row.path) == last && row.y.len() == names.len() { names } else { &[] };
    let name = |i: usize| names.get(i).cloned().unwrap_or_else(|| (i + 1).to_string());
    let outputs = outline.target.iter().zip(&outline.prediction).enumerate();
    let picture = verdict.as_ref().and_then(|verdict| verdict.picture.as_ref());
    let saliency = picture.map(|picture| saliency(outline, picture, scale));
    Layers {
        about: about(outline),
        cost: outline.cost,
        unit,
        verdict,
        input: outline.input.to_string(),
        saliency,
        layers: outline
            .rows
            .iter()
            .filter(|row| !row.name.is_path)
            .map(|row| layer(row, most, of(row)))
            .collect(),
        outputs: outputs.map(|(i, (target, prediction))| (name(i), *target, *prediction)).collect(),
    }
}

/// The network and its loss in a line, if it is short.
fn about(outline: &Outline) -> String {
    const FEW: usize = 100;
    let parameters: usize = outline.rows.iter().flat_map(|row| &row.parameters).map(|p| p.values.len()).sum();
    let loss = outline.loss.to_string().replace('-', " ");
    if outline.network.chars().count() <= FEW {
        return format!("{} on {}; {loss}", outline.network, outline.input);
    }
    let layers = outline.rows.iter().filter(|row| !row.parameters.is_empty()).count();
    format!("{layers} layers with {} parameters on {}; {loss}", grouped(parameters), outline.input)
}

/// ∂C/∂x in the unit of the picture, summed over the channels of a pixel.
fn saliency(outline: &Outline, picture: &Image, scale: &[f64]) -> Saliency {
    let channels = outline.x_signal.len() / (picture.width * picture.height).max(1);
    let each: Vec<f64> = outline.x_signal.iter().zip(scale).map(|(signal, scale)| signal * scale).collect();
    let values: Vec<f64> = each.chunks(channels.max(1)).map(|pixel| pixel.iter().sum()).collect();
    Saliency {
        gradient: Image::diverging(picture.width, picture.height, &values),
        overlay: overlay(picture, &values),
    }
}

fn layer(row: &Row, most: usize, names: &[String]) -> LayerPictures {
    // A lone number is no picture.
    let is_drawn = !row.is_view && !row.name.passes_on && row.y.len() > 1;
    let chosen = loudest_channels(row.shape, row.signal.as_ref().unwrap_or(&row.y), most);
    let is_flat = !row.is_view && !has_positions(row.shape);
    let called = |i: usize| names.get(i).map_or_else(String::new, |name| format!(" {name}"));
    let unit = |i: usize| Some((format!("{}{}", i + 1, called(i)), row.y[i], *row.signal.as_ref()?.get(i)?));
    let units = || Units { shown: row.units().into_iter().filter_map(unit).collect(), total: row.y.len() };
    LayerPictures {
        path: row.path.clone(),
        words: if row.is_view {
            format!("{}: the same numbers", row.name.words)
        } else {
            row.name.words.clone()
        },
        joins: row.name.joins.clone(),
        shape: row.shape.to_string(),
        parameters: row.parameters.iter().map(|parameter| parameter.values.len()).sum(),
        maps: is_drawn.then(|| maps(row, &chosen)),
        filters: row.parameters.iter().find_map(|parameter| {
            filters(parameter, &chosen).or_else(|| filters_in_time(parameter, row.shape, &chosen))
        }),
        units: (is_flat && row.signal.is_some()).then(units),
    }
}

fn maps(row: &Row, chosen: &[usize]) -> LayerMaps {
    const COLUMNS: usize = 8;
    let axes = row.shape.axes();
    let output = Maps::of(&axes, &row.y, chosen);
    let columns = if matches!(row.shape, Shape::Image { .. }) { COLUMNS } else { 1 };
    let overlaid = row.signal.as_ref().map(|signal| output.overlaid(&Maps::of(&axes, signal, chosen)));
    LayerMaps {
        shown: output.chosen.len(),
        total: output.total,
        output: Sheet::new(&output.pictures(), columns),
        signal: overlaid.map(|pictures| Sheet::new(&pictures, columns)),
    }
}

/// The filters of a convolution over a sequence, as sequences are drawn: a row for each feature, a column for each step.
fn filters_in_time(parameter: &Parameter, shape: Shape, chosen: &[usize]) -> Option<Filters> {
    let (Shape::Sequence { features, .. }, &[steps, channels, count]) =
        (shape, parameter.entry.shape.as_slice())
    else {
        return None;
    };
    if count != features || !parameter.entry.is_weight() {
        return None;
    }
    let shown = &chosen[..chosen.len().min(FILTERS)];
    let sheet = |weight: &[f64]| {
        let limit = weight.iter().fold(0.0, |limit: f64, value| limit.max(value.abs()));
        let picture = |&filter: &usize| {
            let own: Vec<f64> = weight.iter().skip(filter).step_by(count).copied().collect();
            let maps = Maps::of(&[steps, channels], &own, &[]);
            Image::diverging_to(maps.width, maps.height, &maps.values()[0], limit)
        };
        Sheet::new(&shown.iter().map(picture).collect::<Vec<_>>(), FILTERS)
    };
    let few = if shown.len() < count { format!("{} of {count}", shown.len()) } else { count.to_string() };
    let about = format!("{few} filters of {steps} steps, a row for each of {channels} features");
    Some(Filters { weight: sheet(&parameter.values), gradient: sheet(&parameter.gradient), about })
}

/// The filters of a convolution over pictures: of one or three channels as pictures, of more a kernel for each channel.
fn filters(parameter: &Parameter, chosen: &[usize]) -> Option<Filters> {
    let axes = filter_axes(&parameter.entry)?;
    let [height, width, channels, count] = axes;
    if height * width == 1 {
        return None;
    }
    let shown: Vec<usize> = chosen.iter().copied().filter(|&filter| filter < count).take(FILTERS).collect();
    let shown = if shown.is_empty() { (0..count.min(FILTERS)).collect() } else { shown };
    let few = if shown.len() < count { format!("{} of {count}", shown.len()) } else { count.to_string() };
    let is_picture = channels == 1 || channels == 3;
    let sheet = |weight: &[f64]| {
        if is_picture {
            let pictures = shown.iter().map(|&filter| {
                filter_picture(&crate::commands::pictures::filter(weight, axes, filter), axes)
            });
            return Sheet::new(&pictures.collect::<Vec<_>>(), 8);
        }
        Sheet::new(&kernels(weight, axes, &shown, CHANNELS), channels.min(CHANNELS)).small()
    };
    let about = match channels {
        1 => format!("{few} filters of {height}x{width}"),
        3 => format!("{few} filters of {height}x{width}, red, green and blue around grey"),
        _ if channels > CHANNELS => {
            format!(
                "{few} filters of {height}x{width} by row, the first {CHANNELS} of their {channels} channels by column"
            )
        }
        _ => format!("{few} filters of {height}x{width} by row, their {channels} channels by column"),
    };
    Some(Filters { weight: sheet(&parameter.values), gradient: sheet(&parameter.gradient), about })
}
