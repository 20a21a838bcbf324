//! The frame of a page, and the pieces that pages share.

use maud::{Markup, PreEscaped, html};

use crate::plot::Plot;

/// A whole page: no script, and nothing from elsewhere.
pub(crate) fn page(title: &str, body: &Markup) -> String {
    document(&html! {
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(include_str!("page.css"))) }
            }
            body { (body) }
        }
    })
}

/// An element `html` as a file.
pub(crate) fn document(html: &Markup) -> String {
    format!("<!doctype html>\n{}\n", html.0)
}

/// A part of a page under a heading.
pub(crate) fn section(heading: &str, body: &Markup) -> Markup {
    html! { section { h2 { (heading) } (body) } }
}

/// A plot as part of a page.
pub(crate) fn figure(plot: &Plot) -> Markup {
    PreEscaped(plot.to_svg())
}

/// A table that scrolls by itself where the window is narrow.
pub(crate) fn table(head: &[&str], rows: &[Vec<Markup>]) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table {
                thead { tr { @for cell in head { th scope="col" { (cell) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (column, cell) in row.iter().enumerate() {
                                @if column == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Text as a cell of a [`table`].
pub(crate) fn cell(text: &str) -> Markup {
    html! { (text) }
}

/// Name and value, one pair a line.
pub(crate) fn facts<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Markup {
    html! { dl { @for (name, value) in pairs { div { dt { (name) } dd { (value) } } } } }
}

/// A remark in small letters.
pub(crate) fn note(text: &str) -> Markup {
    html! { p.note { (text) } }
}
