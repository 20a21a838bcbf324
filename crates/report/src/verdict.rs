//! What a network says of an example, and what is true.

mod answer;

use maud::{Markup, html};

pub use self::answer::{Answer, LabelAnswer, NumberAnswer};
use crate::digits::percent;
use crate::html::{bar, cell, note, table};
use crate::image::Image;
use crate::largest::largest;

/// An example in its own units, and the answer of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Where the example is from, such as `example 3 of mnist, test part`.
    pub source: String,
    /// The example, if it is a picture.
    pub picture: Option<Image>,
    /// Name and value of each column, if it is a row of a table, as the file has them.
    pub columns: Vec<(String, String)>,
    /// How much each column moves C; empty where that is not known.
    pub influence: Vec<f64>,
    /// The answer.
    pub answer: Answer,
}

/// Classes of a table of outputs at most, and columns of an example.
const CLASSES: usize = 10;
const COLUMNS: usize = 24;
const COLUMNS_IN_LINES: usize = 12;

impl Verdict {
    /// The verdict for a page.
    pub(crate) fn markup(&self) -> Markup {
        let columns = html! { @if !self.columns.is_empty() { (self.table()) } };
        self.framed(&self.outputs(), &columns)
    }

    /// The verdict in a few lines, for a page that has the numbers elsewhere: the row of a table as its file has it, in the lines of a text.
    pub(crate) fn short(&self) -> Markup {
        let (columns, which) = self.foremost(COLUMNS_IN_LINES);
        let row = html! {
            @if !columns.is_empty() {
                dl.row { @for (name, value) in columns { div { dt { (name) } dd { (value) } } } }
            }
            @if let Some(which) = which { (note(&which)) }
        };
        self.framed(&html! {}, &row)
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

    /// At most `most` columns, in their order: those that move C most, or the first ones where that is not known. Which they are is said in
    /// words where there are more.
    ///
    /// ```
    /// use chainrule_report::verdict::{Answer, Verdict};
    ///
    /// let column = |name: &str| (name.to_owned(), "1".to_owned());
    /// let verdict = Verdict {
    ///     source: "example 0".to_owned(),
    ///     picture: None,
    ///     columns: vec![column("a"), column("b"), column("c")],
    ///     influence: vec![0.5, 0.0, -2.0],
    ///     answer: Answer::Numbers { targets: Vec::new() },
    /// };
    /// let (columns, which) = verdict.foremost(2);
    /// assert_eq!(columns, [&column("a"), &column("c")]);
    /// assert_eq!(which.unwrap(), "2 of 3 columns: those with the largest |x · ∂C/∂x|");
    /// ```
    pub fn foremost(&self, most: usize) -> (Vec<&(String, String)>, Option<String>) {
        let all = self.columns.len();
        if all <= most {
            return (self.columns.iter().collect(), None);
        }
        let (shown, which) = if self.influence.is_empty() {
            ((0..most).collect(), format!("the first {most} of {all} columns"))
        } else {
            let which = format!("{most} of {all} columns: those with the largest |x · ∂C/∂x|");
            (largest(&self.influence, most), which)
        };
        (shown.into_iter().map(|at| &self.columns[at]).collect(), Some(which))
    }

    /// The columns of the example in their own units.
    fn table(&self) -> Markup {
        let (columns, which) = self.foremost(COLUMNS);
        let rows: Vec<_> = columns.into_iter().map(|(name, value)| vec![cell(name), cell(value)]).collect();
        html! {
            div {
                (table(&["column", "value"], &rows))
                @if let Some(which) = which { (note(&which)) }
            }
        }
    }

    /// The largest outputs as bars, or both words of each label.
    fn outputs(&self) -> Markup {
        if let Answer::Labels { labels } = &self.answer {
            return html! {
                table.outputs {
                    tbody {
                        @for LabelAnswer { name, outputs: [_, (word, p)], .. } in labels {
                            tr { th scope="row" { (name) } (bar(*p, &format!("{} for {word}", percent(*p)))) }
                        }
                    }
                }
            };
        }
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
    fn names_cannot_change_the_page() {
        let name = "<b>\"".to_owned();
        let answer = Answer::Class {
            says: name.clone(),
            output: 1.0,
            is_probability: true,
            truth: Some(name.clone()),
            target: Some(name.clone()),
            outputs: vec![(name.clone(), 1.0)],
        };
        let label = LabelAnswer {
            name: name.clone(),
            says: name.clone(),
            truth: None,
            target: None,
            outputs: [(String::new(), 0.0), (name.clone(), 1.0)],
        };
        for answer in [answer, Answer::Labels { labels: vec![label] }] {
            let (source, columns) = (name.clone(), vec![(name.clone(), name.clone())]);
            let verdict = Verdict { source, picture: None, columns, influence: Vec::new(), answer };
            let text = verdict.markup().into_string();
            assert!(!text.contains("<b>") && text.contains("&lt;b&gt;"), "{text}");
        }
    }
}
