//! The network as a table.

use maud::{Markup, html};

use crate::diagnostics::LayerRow;
use crate::digits::grouped;
use crate::html::{scrolling, section};
use crate::results::Results;

/// Each layer with the shape of its output and its parameters.
pub(super) fn network(results: &Results) -> Option<Markup> {
    let diagnostics = &results.diagnostics;
    if diagnostics.network.is_empty() {
        return None;
    }
    let indent = |layer: &LayerRow| {
        format!("padding-left:{:.1}rem", 0.6 + 0.5 * layer.path.matches('.').count() as f64)
    };
    let body = html! {
        (scrolling("Network", &html! {
            table {
                thead { tr {
                    th scope="col" { "layer" }
                    th.words scope="col" { "what it does" }
                    th scope="col" { "output" }
                    th scope="col" { "parameters" }
                } }
                tbody {
                    tr { th scope="row" {} td.words { "input" } td { (diagnostics.input) } td {} }
                    @for layer in &diagnostics.network {
                        tr {
                            th scope="row" { (layer.path) }
                            td.words style=(indent(layer)) { (layer.words) }
                            td { (layer.output) }
                            td { @if layer.parameters > 0 { (grouped(layer.parameters)) } }
                        }
                    }
                    tr {
                        th scope="row" {}
                        td.words { "all layers" }
                        td {}
                        td { (grouped(results.summary.parameters)) }
                    }
                }
            }
        }))
    };
    Some(section("Network", &body))
}
