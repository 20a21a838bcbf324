//! The frame of a page, and the pieces that pages share.

use maud::{Markup, PreEscaped, html};

use crate::digits::readable;
use crate::plot::{Plot, css};

/// What a page must not do: ask anyone else for anything.
pub(crate) const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/// A whole page, with nothing from elsewhere. Its script shows the numbers of plots under the mouse and sorts tables; without it
/// the page says the same.
pub(crate) fn page(title: &str, body: &Markup) -> String {
    document(&html! {
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(include_str!("page.css"))) (PreEscaped(css())) }
            }
            body { (body) script { (PreEscaped(include_str!("page.js"))) } }
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

/// A plot under a heading, if there is something to draw.
pub(crate) fn chart(heading: &str, plot: &Plot, remark: &str) -> Option<Markup> {
    let body = html! { (plot.figure()) @if !remark.is_empty() { (note(remark)) } };
    plot.has_points().then(|| section(heading, &body))
}

/// A table that scrolls by itself where the window is narrow.
pub(crate) fn table(head: &[&str], rows: &[Vec<Markup>]) -> Markup {
    let table = html! {
        table {
            thead { tr { @for cell in head { (named_head(cell, cell)) } } }
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
    };
    scrolling(&head.join(", "), &table)
}

/// A box that scrolls where its content is wider, and can be reached by the keyboard then: the script of the page takes the tab stop away
/// where nothing scrolls.
pub(crate) fn scrolling(name: &str, content: &Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(name) { (content) } }
}

/// The head of a column that is called after the data: cut where it is long, and whole where the mouse rests.
pub(crate) fn named_head(name: &str, shown: &str) -> Markup {
    html! { th.name scope="col" title=(name) { (shown) } }
}

/// Text as a cell of a [`table`].
pub(crate) fn cell(text: &str) -> Markup {
    breakable(text)
}

/// A text that may break after a slash or a low line, as paths and the names of columns have.
pub(crate) fn breakable(text: &str) -> Markup {
    let parts = html! { @for part in text.split_inclusive(['/', '_']) { (part) @if part.ends_with(['/', '_']) { wbr; } } };
    // A name from right to left does not turn what is beside it around.
    if text.is_ascii() {
        parts
    } else {
        html! { bdi { (parts) } }
    }
}

/// A number with its bar, each in a column of its own, so that the numbers are below each other.
pub(crate) fn bar(share: f64, text: &str) -> Markup {
    html! {
        td { (text) }
        td.bars { span.share style=(format!("--part:{:.3}", share.clamp(0.0, 1.0))) {} }
    }
}

/// Name and value, one pair a line.
pub(crate) fn facts<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Markup {
    html! { dl { @for (name, value) in pairs { div { dt { (name) } (dd(value)) } } } }
}

/// A value with as many digits as anyone reads, and the whole where the mouse rests.
fn dd(value: &str) -> Markup {
    let shown = readable(value);
    html! {
        dd title=[(shown != value).then_some(value)] { (breakable(&shown)) }
    }
}

/// A remark in small letters.
pub(crate) fn note(text: &str) -> Markup {
    html! { p.note { (text) } }
}
