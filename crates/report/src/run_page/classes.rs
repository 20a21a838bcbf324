//! The classes of a classification: the confusion matrix, and the figures of each class.

use maud::{Markup, html};

use crate::digits::{four_decimals, grouped};
use crate::html::{cell, named_head, note, scrolling, section, table};
use crate::plot::cut_inside;
use crate::results::{Class, predicted, without_figures};

/// Beyond this many classes a confusion matrix is no picture any more.
const CLASSES: usize = 30;
/// With more classes than these the matrix needs the whole width of the page.
const NARROW: usize = 12;
/// Rows of many classes that are shown before one asks for the others, and pairs of classes.
const FIRST: usize = 20;
const PAIRS: usize = 15;

/// The matrix or the most frequent mistakes, and each class.
pub(super) fn of_classes(
    classes: &[Class],
    confusion: &[Vec<u64>],
    pairs: &[(usize, usize, u64)],
    part: &str,
) -> Vec<Markup> {
    let each = section("Each class", &each("class", classes, &predicted(confusion)));
    let pair = |first: Markup| html! { div.pair { (first) (each) } };
    if classes.len() > CLASSES {
        return vec![pair(section("Most frequent mistakes", &mistakes(classes, confusion, pairs, part)))];
    }
    let matrix = section("Confusion matrix", &matrix(classes, confusion, part));
    if classes.len() > NARROW { vec![matrix, each] } else { vec![pair(matrix)] }
}

/// Precision, recall and F1 of each class or label; of many, the worst first.
pub(super) fn each(what: &str, classes: &[Class], predicted: &[u64]) -> Markup {
    let mut counted: Vec<_> =
        classes.iter().enumerate().map(|(at, class)| (class, predicted.get(at).copied())).collect();
    let are_many = classes.len() > CLASSES;
    if are_many {
        counted.sort_by(|a, b| a.0.figures.f1.total_cmp(&b.0.figures.f1));
        // A class without examples says nothing of the network.
        counted.sort_by_key(|(class, _)| class.figures.support == 0);
    }
    let rows: Vec<Vec<Markup>> = counted
        .iter()
        .map(|(class, predicted)| {
            let ratios = class.figures.defined(*predicted).map(|figure| cell(&four_decimals(figure)));
            [&[cell(&class.name)], &ratios[..], &[cell(&grouped(class.figures.support as usize))]].concat()
        })
        .collect();
    let head = [what, "precision", "recall", "F1", "examples"];
    let (first, others) = rows.split_at(if are_many { FIRST } else { rows.len() });
    html! {
        (table(&head, first))
        @if are_many {
            (note(&format!("The {} with the lowest F1 of {}.", first.len(), grouped(rows.len()))))
            details { summary { "The other " (grouped(others.len())) } (table(&head, others)) }
        }
        @if let Some(why) = without_figures(counted.iter().copied()) { (note(&format!("{why}."))) }
    }
}

/// The pairs of classes that are confused most often.
fn mistakes(classes: &[Class], confusion: &[Vec<u64>], pairs: &[(usize, usize, u64)], part: &str) -> Markup {
    let of_table = confusion.iter().enumerate().flat_map(|(truth, row)| {
        row.iter().enumerate().map(move |(predicted, &count)| (truth, predicted, count))
    });
    let mut wrong: Vec<_> = of_table
        .chain(pairs.iter().copied())
        .filter(|&(truth, predicted, count)| truth != predicted && count > 0)
        .collect();
    wrong.sort_by_key(|&(.., count)| std::cmp::Reverse(count));
    if wrong.is_empty() {
        return note(&format!("Every {part} example is classified correctly."));
    }
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "true class" }
                th.words scope="col" { "predicted class" }
                th scope="col" { "examples" }
            } }
            tbody {
                @for &(truth, predicted, count) in wrong.iter().take(PAIRS) {
                    @let all = classes[truth].figures.support.max(1) as usize;
                    tr {
                        th scope="row" { (cell(&classes[truth].name)) }
                        td.kind { (cell(&classes[predicted].name)) }
                        td { (grouped(count as usize)) " of " (grouped(all)) }
                    }
                }
            }
        }
    };
    let which = if wrong.len() > PAIRS {
        format!("The {PAIRS} most frequent of {} mistakes on the {part} data", grouped(wrong.len()))
    } else {
        format!("All pairs of classes that are confused on the {part} data")
    };
    html! {
        (scrolling("Most frequent mistakes", &table))
        (note(&format!("{which}. There are too many classes for a matrix: `chainrule evaluate --json` prints all numbers.")))
    }
}

fn matrix(classes: &[Class], confusion: &[Vec<u64>], part: &str) -> Markup {
    // The heads of the columns are as narrow as the cells, which no long name is.
    let longest = classes.iter().map(|class| class.name.chars().count()).max().unwrap_or(0);
    let is_numbered = longest > if classes.len() > 8 { 4 } else { 12 };
    let head = |at: usize, name: &str| if is_numbered { (at + 1).to_string() } else { name.to_owned() };
    html! {
        input #counts type="radio" name="matrix" checked;
        label.switch for="counts" { "examples" }
        input #shares type="radio" name="matrix";
        label.switch for="shares" { "% of the true class" }
        (scrolling("Confusion matrix", &html! {
            table.matrix.many[classes.len() > 8] {
                thead { tr { td {} @for (at, class) in classes.iter().enumerate() {
                    (named_head(&class.name, &head(at, &class.name)))
                } } }
                tbody {
                    @for (truth, (class, row)) in classes.iter().zip(confusion).enumerate() {
                        tr {
                            // The ends of long names are what differs.
                            th scope="row" title=(class.name) dir="auto" {
                                @if is_numbered { (truth + 1) " " }
                                (cut_inside(&class.name, 13.0, 135.0))
                            }
                            @for (prediction, &count) in row.iter().enumerate() {
                                td.cell.hit[prediction == truth].miss[prediction != truth]
                                    style=(tint(count, row)) data-share=(percent(count, row)) { @if count > 0 { (grouped(count as usize)) } }
                            }
                        }
                    }
                }
            }
        }))
        (note(&format!("True class by row, predicted class by column, on the {part} data.")))
        @if is_numbered { (note("The columns are numbered as the rows.")) }
    }
}

/// The share of a count in its row as a property of CSS. The root makes rare confusions visible.
fn tint(count: u64, row: &[u64]) -> String {
    format!("--share:{:.3}", share(count, row).sqrt())
}

fn share(count: u64, row: &[u64]) -> f64 {
    count as f64 / row.iter().sum::<u64>().max(1) as f64
}

/// A count as a percentage of the sum of its row; empty for a count of 0.
fn percent(count: u64, row: &[u64]) -> String {
    match 100.0 * share(count, row) {
        0.0 => String::new(),
        share if share < 9.95 => format!("{share:.1}"),
        share => format!("{share:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::ClassFigures;

    #[test]
    fn the_columns_of_many_long_names_are_numbers_with_the_names_as_titles() {
        let score = ClassFigures { precision: 1.0, recall: 1.0, f1: 1.0, support: 1 };
        let of = |name: &str, classes: usize| {
            let classes: Vec<_> =
                (0..classes).map(|i| Class { name: format!("{name}{i}"), figures: score }).collect();
            matrix(&classes, &vec![vec![1; classes.len()]; classes.len()], "test").into_string()
        };
        let long = of("a long name ", 9);
        assert!(
            long.contains("title=\"a long name 8\">9</th>") && long.contains(">9 a long name 8</th>"),
            "{long}"
        );
        for page in [of("a name ", 8), of("c", 9)] {
            assert!(!page.contains("numbered") && !page.contains(">8</th>"), "{page}");
        }
        // Names that begin alike stay different.
        let alike = of("A class whose name has about sixty characters in it, no. ", 3);
        assert!(
            alike.contains("1 A class…") && alike.contains("no. 0<") && alike.contains("no. 2<"),
            "{alike}"
        );
    }

    #[test]
    fn of_many_classes_the_worst_are_first_and_the_others_are_folded() {
        let class = |i: usize| {
            let ratio = i as f64 / 300.0;
            let figures =
                ClassFigures { precision: ratio, recall: ratio, f1: ratio, support: u64::from(i > 0) };
            Class { name: format!("c{i}."), figures }
        };
        let classes: Vec<_> = (0..300).rev().map(class).collect();
        let page =
            of_classes(&classes, &[], &[(7, 9, 3), (1, 1, 5), (2, 0, 8)], "test").remove(0).into_string();
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}: {page}"));
        assert!(place(">c1.<") < place(">c2.<") && place(">c20.<") < place("<details>"));
        assert!(place("<details>") < place(">c21.<") && place(">c299.<") < place(">c0.<"));
        assert!(place(">c297.<") < place(">8 of 1<") && place(">8 of 1<") < place(">3 of 1<"));
        assert!(page.contains("– not defined: no example belongs to it."), "{page}");
    }
}
