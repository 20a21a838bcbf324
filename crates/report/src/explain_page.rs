//! A page that follows one example through a network and its error signal back, step by step.
//!
//! Style and script are files beside this one; the numbers are JSON inside the page.

use maud::{Markup, PreEscaped, Render, html};
use serde::Serialize;

use crate::html::{POLICY, document};
use crate::verdict::Verdict;

const STYLE: &str = include_str!("explain_page/page.css");
const SCRIPTS: [&str; 3] = [
    include_str!("explain_page/math.js"),
    include_str!("explain_page/network.js"),
    include_str!("explain_page/page.js"),
];
const TITLE: &str = "The chain rule, number by number";

/// One example through a network and back, as the page draws it. Formulas are written in a small part of TeX.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Walkthrough {
    /// The network in a line.
    pub about: String,
    /// What a trained network says of the example, and what is true.
    #[serde(skip)]
    pub verdict: Option<Verdict>,
    /// Name of the loss.
    pub loss: String,
    /// C at the example.
    pub cost: f64,
    /// The unit of C, where it has one.
    pub unit: Option<String>,
    /// C, and its derivative in the output.
    pub cost_formulas: Vec<String>,
    /// The input.
    pub input: Input,
    /// The target of each unit that is drawn.
    pub target: Vec<f64>,
    /// What each of these units stands for, such as a class; empty if that is not known.
    pub outputs: Vec<String>,
    /// Whether the loss computes the probabilities, so that its derivative is taken in z.
    pub fused: bool,
    /// The layers, from the input's side.
    pub layers: Vec<Layer>,
}

/// The input of the network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Input {
    /// What stands for its values in formulas.
    pub symbol: String,
    /// Its width.
    pub width: usize,
    /// The numbers of the units that are drawn, from 1.
    pub units: Vec<usize>,
    /// Their values.
    pub h: Vec<f64>,
    /// The head of their names, such as `column` or `pixel`.
    pub head: String,
    /// What each of them is in the data; empty if that is not known.
    pub words: Vec<InputWords>,
}

/// What an input is in the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InputWords {
    /// Its column or the place of its pixel.
    pub name: String,
    /// What the data have there, as their file spells it.
    pub value: String,
    /// What the input says of both, such as `colour = red`.
    pub fact: String,
}

/// A dense layer with its activation. All vectors and matrices are cut down to the units that are drawn.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Layer {
    /// What stands for its outputs in formulas.
    pub symbol: String,
    /// Name of its activation.
    pub name: String,
    /// Whether the activation is a softmax.
    pub softmax: bool,
    /// Its width.
    pub width: usize,
    /// The numbers of the units that are drawn, from 1.
    pub units: Vec<usize>,
    /// z = Wᵀ·(outputs of the layer below) + b.
    pub z: Vec<f64>,
    /// Its outputs.
    pub h: Vec<f64>,
    /// g'(z), of an elementwise activation.
    pub slope: Option<Vec<f64>>,
    /// ∂C/∂h.
    pub signal: Vec<f64>,
    /// δ = ∂C/∂z.
    pub delta: Vec<f64>,
    /// b.
    pub bias: Vec<f64>,
    /// W, a row for each unit below.
    pub weight: Vec<Vec<f64>>,
    /// ∂C/∂W, laid out as `weight`.
    pub gradient: Vec<Vec<f64>>,
    /// ∂C/∂b.
    pub bias_gradient: Vec<f64>,
    /// Formulas of the forward pass.
    pub forward: Vec<String>,
    /// Formulas of δ.
    pub back: Vec<String>,
    /// Formulas of the gradient.
    pub outer: Vec<String>,
}

/// The page as HTML.
pub fn explain_page(walkthrough: &Walkthrough) -> String {
    document(&html! {
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (TITLE) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (body(walkthrough.verdict.as_ref()))
                script type="application/json" id="data" { (ScriptJson(walkthrough)) }
                script { (PreEscaped("\"use strict\";\n")) @for script in SCRIPTS { (PreEscaped(script)) } }
            }
        }
    })
}

fn body(verdict: Option<&Verdict>) -> Markup {
    html! {
        header { h1 { (TITLE) } p #about {} }
        @if let Some(verdict) = verdict { (verdict.short()) }
        main {
            section.stage aria-label="The network" {
                svg #network role="listbox" aria-label="Weights and units" aria-describedby="keys" {}
                p #abbreviated hidden {}
                nav.player aria-label="Steps" {
                    div.buttons {
                        (button("previous", "Previous step", &[("", "M15 5 8 12l7 7")]))
                        (button(
                            "play",
                            "Play",
                            &[("when-paused", "M8 5v14l11-7z"), ("when-playing", "M8 5v14M16 5v14")],
                        ))
                        (button("next", "Next step", &[("", "m9 5 7 7-7 7")]))
                    }
                    ol #steps {}
                }
            }
            section.lesson aria-labelledby="title" {
                div aria-live="polite" { p.count #count {} h2 #title {} p #caption {} }
                div #formulas {}
                div #numbers {}
            }
            section.chosen aria-label="The chosen weight or unit" aria-live="polite" { div #chosen {} }
            div #printed {}
        }
        footer {
            p #keys {
                kbd { "←" } " " kbd { "→" } " steps, " kbd { "space" } " plays, " kbd { "tab" }
                " reaches the network, where " kbd { "↑" } " " kbd { "↓" } " choose a weight or unit and "
                kbd { "page ↑" } " " kbd { "page ↓" } " the layer. Thick lines are large numbers, dashed lines \
                negative ones."
            }
        }
        noscript { "This page draws the network with a script of its own: allow scripts to see it." }
    }
}

/// A button with an icon: the class and the path of each of its strokes.
fn button(id: &str, label: &str, strokes: &[(&str, &str)]) -> Markup {
    html! {
        button id=(id) type="button" aria-label=(label) {
            svg viewBox="0 0 24 24" aria-hidden="true" {
                @for (class, path) in strokes {
                    path class=[Some(class).filter(|class| !class.is_empty())] d=(path) {}
                }
            }
        }
    }
}

/// JSON that ends no script element, whatever its strings say.
struct ScriptJson<'a, T>(&'a T);

impl<T: Serialize> Render for ScriptJson<'_, T> {
    fn render_to(&self, buffer: &mut String) {
        let text = serde_json::to_string(self.0).expect("the numbers of a page have string keys");
        buffer.push_str(&text.replace('<', r"\u003c"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_string_ends_the_script_element() {
        let name = "</script><b>";
        let text = ScriptJson(&[name]).render().into_string();
        assert!(!text.contains('<'), "{text}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), [name]);
    }

    #[test]
    fn the_page_asks_nothing_of_the_network() {
        let input = Input {
            symbol: "x".to_owned(),
            width: 0,
            units: Vec::new(),
            h: Vec::new(),
            head: "column".to_owned(),
            words: Vec::new(),
        };
        let page = explain_page(&Walkthrough {
            about: String::new(),
            verdict: None,
            loss: String::new(),
            cost: 0.0,
            unit: None,
            cost_formulas: Vec::new(),
            input,
            target: Vec::new(),
            outputs: Vec::new(),
            fused: false,
            layers: Vec::new(),
        });
        let namespaces = [r#""http://www.w3.org/1998/Math/MathML""#, r#""http://www.w3.org/2000/svg""#];
        let rest = namespaces.iter().fold(page, |text, name| text.replace(name, ""));
        for word in ["http:", "https:", "//www", "src=", "href=", "@import", "url(", "fetch(", "import("] {
            assert!(!rest.contains(word), "{word}");
        }
        assert!(rest.contains("chosen"), "the page has its parts");
    }
}
