//! Images of training examples as they are augmented, of the examples that a network misclassifies, and of the weights of its
//! first layer.

use maud::{Markup, html};

use crate::digits::grouped;
use crate::html::{note, section};
use crate::image::Image;
use crate::sheet::Sheet;

/// How an example whose number a page shows is followed through the network.
pub(crate) const EXPLAIN: &str =
    "`chainrule explain RUN --example N` shows what the network makes of example N.";

/// The images of a run's page; all parts are absent where the data are no images.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gallery {
    /// Training examples, if they are augmented.
    pub augmented: Option<Augmented>,
    /// Misclassified examples.
    pub mistakes: Option<Mistakes>,
    /// Outputs of layers for some of the mistakes.
    pub feature_maps: Vec<FeatureMaps>,
    /// Weights of the first layer.
    pub first_layer: Option<FirstLayer>,
}

/// A contact sheet of training examples as they are augmented.
#[derive(Debug, Clone, PartialEq)]
pub struct Augmented {
    /// How they are varied, in words.
    pub words: String,
    /// Some of them, as the first epoch sees them.
    pub shown: Vec<AugmentedExample>,
}

/// A training example, augmented.
#[derive(Debug, Clone, PartialEq)]
pub struct AugmentedExample {
    /// Its number in the training data, from 0.
    pub example: usize,
    /// Its classes, with the share of each if there are several; empty for other targets.
    pub classes: String,
    /// The image.
    pub image: Image,
}

/// Misclassified examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Mistakes {
    /// The part of the data that they are of: `test` or `validation`.
    pub part: String,
    /// How many there are in all.
    pub count: usize,
    /// Those with the largest output for the wrong class, largest first.
    pub shown: Vec<Mistake>,
}

/// A misclassified example.
#[derive(Debug, Clone, PartialEq)]
pub struct Mistake {
    /// Its number in its part of the data, from 0.
    pub example: usize,
    /// Its class.
    pub truth: String,
    /// The class that the network predicts.
    pub prediction: String,
    /// The network's output for the predicted class.
    pub output: f64,
    /// The example itself.
    pub image: Image,
}

/// What some layers of a convolutional network make of a misclassified example.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureMaps {
    /// The example.
    pub mistake: Mistake,
    /// Each layer: path and words, shape of its output, and some of its maps.
    pub layers: Vec<(String, String, Sheet)>,
}

/// The incoming weights of units of the first layer, or the filters of a convolution, as images.
#[derive(Debug, Clone, PartialEq)]
pub struct FirstLayer {
    /// Whether they are filters.
    pub are_filters: bool,
    /// Whether the colours of the images are those of the channels.
    pub in_colour: bool,
    /// How many units or filters there are in all.
    pub units: usize,
    /// The weights of the first units.
    pub shown: Vec<Image>,
}

impl Gallery {
    pub(crate) fn markup(&self) -> Markup {
        html! {
            @if let Some(augmented) = &self.augmented { (section("Augmented examples", &augmented.markup())) }
            @if let Some(mistakes) = &self.mistakes { (section("Most confident mistakes", &mistakes.markup())) }
            @if !self.feature_maps.is_empty() { (section("Feature maps of mistakes", &feature_maps(&self.feature_maps))) }
            @if let Some(layer) = &self.first_layer { (section("First layer", &layer.markup())) }
        }
    }
}

impl Augmented {
    fn markup(&self) -> Markup {
        let caption = format!(
            "{} training examples as the first epoch sees them, each with its number and class: {}. Every epoch varies them anew.",
            self.shown.len(),
            self.words
        );
        html! {
            ul.gallery {
                @for AugmentedExample { example, classes, image } in &self.shown {
                    li {
                        (image.markup(&format!("training example {example}, augmented")))
                        (example) @if !classes.is_empty() { ": " b { (classes) } }
                    }
                }
            }
            (note(&caption))
        }
    }
}

impl Mistakes {
    fn markup(&self) -> Markup {
        let part = &self.part;
        if self.shown.is_empty() {
            return note(&format!("Every example of the {part} data is classified correctly."));
        }
        let caption = format!(
            "{} of {} misclassified {part} examples, those with the largest output first: number, true class, predicted class, \
             output.{}",
            grouped(self.shown.len()),
            grouped(self.count),
            if part == "test" { format!(" {EXPLAIN}") } else { String::new() }
        );
        html! {
            ul.gallery {
                @for Mistake { example, truth, prediction, output, image } in &self.shown {
                    li {
                        (image.markup(&format!("example {example}, {truth} taken for {prediction}")))
                        (example) ": " b dir="auto" { (truth) } ", taken for " bdi { (prediction) } (format!(" ({output:.2})"))
                    }
                }
            }
            (note(&caption))
        }
    }
}

/// A row for each example, a sheet for each layer.
fn feature_maps(examples: &[FeatureMaps]) -> Markup {
    html! {
        @for FeatureMaps { mistake, layers } in examples {
            @let Mistake { example, truth, prediction, output, image } = mistake;
            div.verdict {
                div.example { (image.markup(&format!("example {example}"))) }
                div {
                    p.says { "Example " (example) ": " (truth) ", taken for " (prediction) (format!(" ({output:.2})")) }
                    ul.sheets {
                        @for (words, shape, sheet) in layers {
                            li { (sheet.markup(&format!("maps of layer {words}"))) b { (words) } ", " (shape) }
                        }
                    }
                }
            }
        }
        (note("Outputs of some layers for the most confident mistakes, the first maps of each: blue below 0, white at 0, red above, on one \
               scale for a layer. `chainrule explain` shows all layers of any example."))
    }
}

impl FirstLayer {
    fn markup(&self) -> Markup {
        let what = if self.are_filters { "filters" } else { "units" };
        let scale = if self.in_colour {
            "the weights of red, green and blue around grey, which is 0"
        } else {
            "blue below 0, red above"
        };
        let caption = format!(
            "The incoming weights of {} of {} {what}, each on its own scale: {scale}.",
            self.shown.len(),
            self.units
        );
        html! {
            ul.gallery.weights {
                @for (unit, image) in self.shown.iter().enumerate() {
                    li { (image.markup(&format!("weights of {} {unit}", what.trim_end_matches('s')))) (unit) }
                }
            }
            (note(&caption))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_class_cannot_change_the_page() {
        let image = Image { width: 1, height: 1, pixels: vec![0] };
        let name = "<script>\"&".to_owned();
        let mistake = Mistake { example: 0, truth: name.clone(), prediction: name, output: 0.5, image };
        let mistakes = Some(Mistakes { part: "test".to_owned(), count: 1, shown: vec![mistake] });
        let gallery = Gallery { mistakes, ..Gallery::default() };
        let text = gallery.markup().into_string();
        assert!(!text.contains("<script>") && text.contains("&lt;script&gt;"), "{text}");
        assert!(text.contains("0, &lt;script&gt;&quot;&amp; taken for"), "{text}");
    }

    #[test]
    fn the_contact_sheet_shows_each_example_with_its_classes() {
        let example = |example: usize, classes: &str| AugmentedExample {
            example,
            classes: classes.to_owned(),
            image: Image { width: 1, height: 1, pixels: vec![example as u8] },
        };
        let shown = vec![example(7, "cat <1>"), example(9, "")];
        let augmented = Some(Augmented { words: "shift 2, flip".to_owned(), shown });
        let text = Gallery { augmented, ..Gallery::default() }.markup().into_string();
        assert_eq!(text.matches("<img").count(), 2);
        for part in
            ["Augmented examples", "training example 7, augmented", "cat &lt;1&gt;", ": shift 2, flip."]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!Gallery::default().markup().into_string().contains("Augmented"));
    }
}
