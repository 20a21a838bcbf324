//! The outputs of a graph with columns: what `chainrule predict` says of a row, in the names of scikit-learn's exports.

use chainrule_tensor::Scalar;

use super::graph::{GraphBuilder, int, ints, number_type, texts, value};
use super::proto::{INT64, TEXT, Value};
use crate::model_card::ModelCard;
use crate::output::Output;

/// The outputs of a model with columns: the names of class or labels, if it has them, and the numbers.
pub fn output_names(card: &ModelCard) -> Vec<&'static str> {
    let is_named = !card.classes.is_empty() || !card.labels.is_empty();
    let numbers = match card.output {
        Output::Sigmoid | Output::Softmax => "probabilities",
        Output::Identity if is_named => "scores",
        Output::Identity => "variable",
    };
    if is_named { vec!["label", numbers] } else { vec![numbers] }
}

/// The outputs by their names inside of the graph, from the prediction of the network.
pub(super) fn answers<A: Scalar>(card: &ModelCard, prediction: &str, graph: &mut GraphBuilder) -> Vec<Value> {
    let outputs = card.architecture.outputs();
    let fault = "the prediction is not finite: the network overflows for this input";
    let numbers = graph.finite::<A>(prediction, prediction, fault);
    let mut ends = Vec::new();
    if !card.classes.is_empty() {
        let code = if outputs == 1 {
            let code = above_half::<A>(&numbers, graph);
            graph.reshape(&code, vec![-1])
        } else {
            graph.apply("ArgMax", &[&numbers], [int("axis", 1), int("keepdims", 0)])
        };
        ends.push(value(&named(&code, &card.classes, graph), TEXT, &[]));
    } else if !card.labels.is_empty() {
        let code = above_half::<A>(&numbers, graph);
        let first = graph.wholes((0..2 * outputs as i64).step_by(2).collect());
        let code = graph.apply("Add", &[&code, &first], []);
        let words: Vec<String> = card.labels.iter().flat_map(|label| label.words.clone()).collect();
        ends.push(value(&named(&code, &words, graph), TEXT, &[outputs]));
    }
    ends.push(value(&numbers, number_type::<A>(), &[outputs]));
    ends
}

/// 1 where a probability is above ½, else 0.
fn above_half<A: Scalar>(x: &str, graph: &mut GraphBuilder) -> String {
    let half = graph.reals(&[], &[A::of(0.5)]);
    let is_above = graph.apply("Greater", &[x, &half], []);
    graph.cast(&is_above, INT64)
}

/// The names of codes.
fn named(code: &str, names: &[String], graph: &mut GraphBuilder) -> String {
    let codes = ints("keys_int64s", (0..names.len() as i64).collect());
    graph.apply_table("LabelEncoder", &[code], [codes, texts("values_strings", names)])
}
