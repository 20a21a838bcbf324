//! What a network says of an example, and what is true.

use maud::{Markup, html};
use serde::Serialize;

use crate::digits::significant;
use crate::html::{bar, cell, note, table};
use crate::image::Image;

/// An example in its own units, and the answer of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Where the example is from, such as `example 3 of mnist, test part`.
    pub source: String,
    /// The example, if it is a picture.
    pub picture: Option<Image>,
    /// Name and value of each column, if it is a row of a table, as the file has them.
    pub columns: Vec<(String, String)>,
    /// The answer.
    pub answer: Answer,
}

/// The answer of a network to an example.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Answer {
    /// A class.
    Class {
        /// The class that it says.
        says: String,
        /// Its output for that class.
        output: f64,
        /// Whether the outputs are probabilities.
        is_probability: bool,
        /// The true class, if it is known.
        truth: Option<String>,
        /// Name and output of each class.
        outputs: Vec<(String, f64)>,
    },
    /// A word for each label.
    Labels {
        /// Name of the label, the word that it says, the probability of the second word, and the true word.
        labels: Vec<(String, String, f64, String)>,
    },
    /// Numbers.
    Numbers {
        /// Name, prediction and true value of each target.
        targets: Vec<(String, f64, f64)>,
    },
}

impl Answer {
    /// Whether it is right, where that is a question.
    ///
    /// ```
    /// use chainrule_report::verdict::Answer;
    ///
    /// let class = |says: &str, truth: Option<&str>| Answer::Class {
    ///     says: says.to_owned(),
    ///     output: 0.986,
    ///     is_probability: true,
    ///     truth: truth.map(str::to_owned),
    ///     outputs: Vec::new(),
    /// };
    /// assert_eq!(class("9", Some("9")).is_right(), Some(true));
    /// assert_eq!(class("9", Some("4")).sentence(), "The network says 9 (98.6 %), and the truth is 4: wrong.");
    /// assert_eq!(class("9", None).sentence(), "The network says 9 (98.6 %).");
    /// ```
    pub fn is_right(&self) -> Option<bool> {
        match self {
            Self::Class { says, truth, .. } => truth.as_ref().map(|truth| truth == says),
            Self::Labels { labels } => Some(labels.iter().all(|(_, says, _, truth)| says == truth)),
            Self::Numbers { .. } => None,
        }
    }

    /// The answer in a sentence, without names of classes that a terminal would obey: those are the caller's to escape.
    pub fn sentence(&self) -> String {
        let end = match self.is_right() {
            Some(true) => ": right",
            Some(false) => ": wrong",
            None => "",
        };
        match self {
            Self::Class { says, output, is_probability, truth, .. } => {
                let how = if *is_probability { percent(*output) } else { format!("output {output:.4}") };
                let truth =
                    truth.as_ref().map_or_else(String::new, |truth| format!(", and the truth is {truth}"));
                format!("The network says {says} ({how}){truth}{end}.")
            }
            Self::Labels { labels } => {
                let each = labels.iter().map(|(name, says, probability, truth)| {
                    let right = if says == truth { String::new() } else { format!(", in truth {truth}") };
                    format!("{name} {says} ({}{right})", percent(*probability))
                });
                format!("The network says {}{end}.", each.collect::<Vec<_>>().join(", "))
            }
            Self::Numbers { targets } => {
                let each = targets.iter().map(|(name, predicted, truth)| {
                    let difference = predicted - truth;
                    let sign = if difference < 0.0 { "−" } else { "+" };
                    format!(
                        "{name} {}, and the truth is {} ({sign}{})",
                        number(*predicted),
                        number(*truth),
                        number(difference.abs())
                    )
                });
                format!("The network says {}.", each.collect::<Vec<_>>().join("; "))
            }
        }
    }
}

/// A number as a person writes it.
fn number(x: f64) -> String {
    if x != 0.0 && !(1e-3..1e7).contains(&x.abs()) {
        return significant(x);
    }
    // Eight digits, of which four are after the point.
    let decimals = [1e4, 1e5, 1e6, 1e7].iter().filter(|limit| x.abs() < **limit).count();
    let text = format!("{x:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn percent(share: f64) -> String {
    // What is nearly certain is not certain.
    match 100.0 * share {
        share if (99.95..100.0).contains(&share) => "> 99.9 %".to_owned(),
        share => format!("{share:.1} %"),
    }
}

/// Classes of a table of outputs at most, and columns of an example.
const CLASSES: usize = 10;
const COLUMNS: usize = 24;

impl Verdict {
    /// The verdict for a page.
    pub(crate) fn markup(&self) -> Markup {
        let columns = html! { @if !self.columns.is_empty() { (self.table()) } };
        self.framed(&self.outputs(), &columns)
    }

    /// The verdict in a few lines, for a page that has the numbers elsewhere.
    pub(crate) fn short(&self) -> Markup {
        self.framed(&html! {}, &html! {})
    }

    /// The picture and the sentence, with more beside the picture and below both.
    fn framed(&self, beside: &Markup, below: &Markup) -> Markup {
        let right = self.answer.is_right();
        html! {
            div.verdict {
                @if let Some(picture) = &self.picture { div.example { (picture.markup("the example")) } }
                div {
                    p.says.right[right == Some(true)].wrong[right == Some(false)] { (self.answer.sentence()) }
                    (note(&self.source))
                    (beside)
                }
                (below)
            }
        }
    }

    /// The columns of the example in their own units.
    fn table(&self) -> Markup {
        let rows: Vec<_> =
            self.columns.iter().take(COLUMNS).map(|(name, value)| vec![cell(name), cell(value)]).collect();
        html! {
            div {
                (table(&["column", "value"], &rows))
                @if self.columns.len() > COLUMNS {
                    (note(&format!("The first {COLUMNS} of {} columns.", self.columns.len())))
                }
            }
        }
    }

    /// The largest outputs as bars.
    fn outputs(&self) -> Markup {
        let Answer::Class { outputs, is_probability: true, truth, .. } = &self.answer else {
            return html! {};
        };
        let mut order: Vec<&(String, f64)> = outputs.iter().collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1));
        html! {
            table.outputs {
                tbody {
                    @for (name, output) in order.into_iter().take(CLASSES) {
                        tr {
                            th scope="row" { (name) @if truth.as_ref() == Some(name) { span.soft { " true" } } }
                            (bar(*output, &percent(*output)))
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_labels_are_said_with_their_truth() {
        let targets = vec![("price".to_owned(), 141.5, 150.0), ("rent".to_owned(), 1.0, 1.0)];
        assert_eq!(
            Answer::Numbers { targets }.sentence(),
            "The network says price 141.5, and the truth is 150 (−8.5); rent 1, and the truth is 1 (+0)."
        );
        let large = vec![("price".to_owned(), 163_425.531_2, 162_676.0)];
        assert_eq!(
            Answer::Numbers { targets: large }.sentence(),
            "The network says price 163425.53, and the truth is 162676 (+749.5312)."
        );
        let label =
            |says: &str, p: f64, truth: &str| ("wet".to_owned(), says.to_owned(), p, truth.to_owned());
        let answer = Answer::Labels { labels: vec![label("yes", 0.75, "yes"), label("no", 0.25, "yes")] };
        assert_eq!(answer.is_right(), Some(false));
        assert_eq!(
            answer.sentence(),
            "The network says wet yes (75.0 %), wet no (25.0 %, in truth yes): wrong."
        );
    }

    #[test]
    fn nothing_is_certain_that_is_not() {
        assert_eq!([0.99999, 1.0, 0.5, 0.0].map(percent), ["> 99.9 %", "100.0 %", "50.0 %", "0.0 %"]);
    }

    #[test]
    fn names_cannot_change_the_page() {
        let name = "<b>\"".to_owned();
        let answer = Answer::Class {
            says: name.clone(),
            output: 1.0,
            is_probability: true,
            truth: Some(name.clone()),
            outputs: vec![(name.clone(), 1.0)],
        };
        let verdict =
            Verdict { source: name.clone(), picture: None, columns: vec![(name.clone(), name)], answer };
        let text = verdict.markup().into_string();
        assert!(!text.contains("<b>") && text.contains("&lt;b&gt;"), "{text}");
    }
}
