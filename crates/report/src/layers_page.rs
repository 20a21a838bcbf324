//! A page that follows one example through any network and its error signal back, in pictures layer by layer.

use maud::{Markup, html};

use crate::digits::{grouped, significant};
use crate::html::{cell, note, page, section, table};
use crate::image::Image;
use crate::largest::largest;
use crate::sheet::Sheet;
use crate::verdict::Verdict;

/// One example through a network and back.
#[derive(Debug, Clone, PartialEq)]
pub struct Layers {
    /// The network and its loss in a line.
    pub about: String,
    /// C at the example.
    pub cost: f64,
    /// The unit of C, where it has one.
    pub unit: Option<String>,
    /// What a trained network says, and what is true.
    pub verdict: Option<Verdict>,
    /// Shape of the input.
    pub input: String,
    /// The derivative in the input.
    pub saliency: Option<Saliency>,
    /// The layers in the order of the forward pass.
    pub layers: Vec<LayerPictures>,
    /// The target and the prediction of each output, with names.
    pub outputs: Vec<(String, f64, f64)>,
}

/// ∂C/∂x of a picture, in its own units.
#[derive(Debug, Clone, PartialEq)]
pub struct Saliency {
    /// The derivative with its sign, summed over the channels of a pixel.
    pub gradient: Image,
    /// The same over the picture.
    pub overlay: Image,
}

/// A layer, or layers that are joined.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerPictures {
    /// Where it is, such as `2.body.0`.
    pub path: String,
    /// What it is, in words.
    pub words: String,
    /// How what is inside it is joined.
    pub joins: Option<String>,
    /// Shape of its output.
    pub shape: String,
    /// Its own trainable parameters.
    pub parameters: usize,
    /// Its output and the error signal.
    pub maps: Option<LayerMaps>,
    /// Its filters and their derivatives.
    pub filters: Option<Filters>,
    /// Units of a layer without positions; `None` of one with maps.
    pub units: Option<Units>,
}

/// Units of a layer: those with the largest error signal.
#[derive(Debug, Clone, PartialEq)]
pub struct Units {
    /// Number and name, output and error signal of each.
    pub shown: Vec<(String, f64, f64)>,
    /// How many there are.
    pub total: usize,
}

/// Output and error signal of a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerMaps {
    /// Its output.
    pub output: Sheet,
    /// The error signal ∂C/∂y over the output in grey.
    pub signal: Option<Sheet>,
    /// Maps that are shown, and those that there are.
    pub shown: usize,
    /// How many maps there are.
    pub total: usize,
}

/// Filters of a convolution: a row for each filter, a column for each channel that it sees, or pictures of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Filters {
    /// The weights.
    pub weight: Sheet,
    /// ∂C/∂W.
    pub gradient: Sheet,
    /// What is shown, in words.
    pub about: String,
}

/// The page as HTML.
pub fn layers_page(walk: &Layers) -> String {
    let title = "The chain rule, layer by layer";
    let body = html! {
        header { h1 { (title) } p { (walk.about) } }
        main {
            @if let Some(verdict) = &walk.verdict { (section("What the network says", &verdict.markup())) }
            @if let Some(saliency) = &walk.saliency { (section("What the cost depends on", &saliency.markup())) }
            (section("Forward and back", &html! {
                (note("Each layer with its output y and, over the same numbers in grey, the error signal ∂C/∂y that came back to it: blue \
                       below 0, white at 0, red above, on one scale for all maps of a layer. Read down for the forward pass, and up for \
                       the backward pass."))
                ol.walk {
                    li { h3 { "input " span.soft { (walk.input) } } }
                    @for layer in &walk.layers { (layer.markup()) }
                }
            }))
            (section("Cost", &walk.cost()))
        }
    };
    page(&format!("{title} · chainrule"), &body)
}

impl Layers {
    fn cost(&self) -> Markup {
        const MOST: usize = 12;
        let sizes: Vec<f64> =
            self.outputs.iter().map(|(_, target, output)| target.abs().max(output.abs())).collect();
        let row = |(name, target, output): &(String, f64, f64)| {
            vec![cell(name), cell(&significant(*output)), cell(&significant(*target))]
        };
        let rows: Vec<_> = largest(&sizes, MOST).into_iter().map(|at| row(&self.outputs[at])).collect();
        html! {
            p { "C = " (significant(self.cost)) @if let Some(unit) = &self.unit { " in " (unit) } }
            (table(&["output", "prediction", "target"], &rows))
            @if self.outputs.len() > MOST {
                (note(&format!("{MOST} of {} outputs: those with the largest prediction or target", self.outputs.len())))
             }
        }
    }
}

impl Saliency {
    fn markup(&self) -> Markup {
        html! {
            ul.gallery.saliency {
                li { (self.gradient.markup("derivative of the cost in each pixel")) b { "∂C/∂x" } }
                li { (self.overlay.markup("derivative of the cost over the picture")) b { "∂C/∂x" } " over the picture" }
            }
            (note("The derivative of the cost in each pixel, in the unit of the picture, summed over its channels: a brighter pixel raises \
                   C where it is red, and lowers it where it is blue (Simonyan, Vedaldi and Zisserman, 2013, with C in place of the \
                   score of a class)."))
        }
    }
}

impl LayerPictures {
    fn markup(&self) -> Markup {
        let depth = self.path.matches('.').count();
        let of = |maps: &LayerMaps| match maps.total {
            1 => String::new(),
            total if maps.shown < total => {
                format!(", {} of {total} maps: those with the largest error signal", maps.shown)
            }
            total => format!(", {total} maps"),
        };
        html! {
            li style=(format!("margin-left:{:.1}rem", 0.8 * depth.min(4) as f64)) {
                h3 {
                    span.path { (self.path) } " " (self.words) " " span.soft { (self.shape) }
                    @if self.parameters > 0 { span.soft { ", " (grouped(self.parameters)) " parameters" } }
                }
                @if let Some(joins) = &self.joins { p.note { (joins) } }
                @if let Some(maps) = &self.maps {
                    ul.sheets.maps {
                        li { (maps.output.markup(&format!("output of layer {}", self.path))) b { "y" } (of(maps)) }
                        @if let Some(signal) = &maps.signal {
                            li { (signal.markup(&format!("error signal of layer {}", self.path))) b { "∂C/∂y" } " over y" }
                        }
                    }
                }
                @if let Some(filters) = &self.filters {
                    ul.sheets.maps {
                        li { (filters.weight.markup(&format!("filters of layer {}", self.path))) b { "W" } ", " (filters.about) }
                        li { (filters.gradient.markup(&format!("derivatives of the filters of layer {}", self.path))) b { "∂C/∂W" } }
                    }
                }
                @if let Some(units) = &self.units { (units.markup()) }
            }
        }
    }
}

impl Units {
    fn markup(&self) -> Markup {
        let row = |(unit, y, signal): &(String, f64, f64)| {
            vec![cell(unit), cell(&significant(*y)), cell(&significant(*signal))]
        };
        let rows: Vec<_> = self.shown.iter().map(row).collect();
        let which = match (self.shown.len(), self.total) {
            (_, 1) => "1 unit".to_owned(),
            (shown, total) if shown < total => {
                format!("{shown} of {total} units: those with the largest error signal")
            }
            (_, total) => format!("{total} units"),
        };
        html! {
            details {
                summary { (which) }
                (table(&["unit", "y", "∂C/∂y"], &rows))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Answer, NumberAnswer};

    #[test]
    fn the_page_shows_each_layer_and_names_cannot_change_it() {
        let image = Image { width: 2, height: 1, pixels: vec![0, 255] };
        let sheet = || Sheet::new(std::slice::from_ref(&image), 1);
        let layer = LayerPictures {
            path: "2.body.0".to_owned(),
            words: "conv 4 3".to_owned(),
            joins: None,
            shape: "26x26x4".to_owned(),
            parameters: 1040,
            maps: Some(LayerMaps { output: sheet(), signal: Some(sheet()), shown: 1, total: 4 }),
            filters: Some(Filters { weight: sheet(), gradient: sheet(), about: "4 filters".to_owned() }),
            units: Some(Units { shown: vec![("3".to_owned(), 0.5, -0.25)], total: 9 }),
        };
        let name = "<i>".to_owned();
        let walk = Layers {
            about: name.clone(),
            cost: 0.5,
            unit: Some(name.clone()),
            verdict: Some(Verdict {
                source: name.clone(),
                picture: Some(image.clone()),
                columns: Vec::new(),
                influence: Vec::new(),
                answer: Answer::Numbers {
                    targets: vec![NumberAnswer {
                        name: name.clone(),
                        says: 1.0,
                        truth: Some(2.0),
                        target: None,
                    }],
                },
            }),
            input: "28x28x1".to_owned(),
            saliency: Some(Saliency { gradient: image.clone(), overlay: image.clone() }),
            layers: vec![layer],
            outputs: vec![(name, 1.0, 2.0)],
        };
        let text = layers_page(&walk);
        assert!(!text.contains("<i>"), "{text}");
        for part in [
            "2.body.0",
            "conv 4 3",
            "26x26x4",
            "1,040 parameters",
            "1 of 4 maps",
            "4 filters",
            "-0.25000",
            "1 of 9 units",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.matches("<img").count(), 7);
    }
}
