//! The weight with the largest derivative, and the factors of the chain rule that it is the product of.

use chainrule_report::digits::compact;
use serde_json::{Value, json};

use super::example::Names;
use super::formula::line;
use super::trace::Trace;

/// The weight of a layer with the largest derivative.
pub(super) struct Steepest {
    /// Its layer, from 1.
    layer: usize,
    /// Its row and column in ∂C/∂W, from 0.
    row: usize,
    column: usize,
    pub(super) derivative: f64,
    /// What the derivative is the product of, in Unicode.
    factors: Vec<(String, f64)>,
}

impl Trace {
    /// The value of unit `unit` of layer `l`, from 0, in a formula.
    fn value(&self, l: usize, unit: usize) -> String {
        let symbol = self.symbol(l);
        let (letter, rest) = symbol.split_at(1);
        format!("{letter}_{{{}}}{rest}", unit + 1)
    }

    /// The weight of layer `l` with the largest derivative; `None` where all derivatives are 0.
    pub(super) fn steepest(&self, l: usize) -> Option<Steepest> {
        let layer = &self.layers[l - 1];
        let ((row, column), &derivative) = layer
            .grad_weight
            .indexed_iter()
            .reduce(|best, next| if next.1.abs() > best.1.abs() { next } else { best })
            .filter(|(_, derivative)| **derivative != 0.0)?;
        let unit = column + 1;
        let mut factors = vec![(self.value(l - 1, row), layer.below[row])];
        match &layer.slope {
            Some(slope) => {
                factors.push((format!("g'(z_{{{unit}}}^{{({l})}})"), slope[column]));
                let signal = format!(r"\frac{{∂C}}{{∂{}}}", self.value(l, column));
                factors.push((signal, layer.signal[column]));
            }
            None => factors.push((format!("δ_{{{unit}}}^{{({l})}}"), layer.delta[column])),
        }
        let factors = factors.into_iter().map(|(tex, value)| (line(&tex), value)).collect();
        Some(Steepest { layer: l, row, column, derivative, factors })
    }

    /// The weight of the network with the largest derivative.
    pub(super) fn steepest_of_all(&self) -> Option<Steepest> {
        let each = (1..=self.layers.len()).filter_map(|l| self.steepest(l));
        each.reduce(|best, next| if next.derivative.abs() > best.derivative.abs() { next } else { best })
    }
}

impl Steepest {
    /// Its symbol, W^(l, j, i).
    fn symbol(&self) -> String {
        format!("W^({},{},{})", self.layer, self.row + 1, self.column + 1)
    }

    /// The derivative as the product of its factors, in symbols and in numbers.
    pub(super) fn product(&self) -> String {
        let number = |&(_, x): &(String, f64)| match compact(x) {
            text if text.starts_with('-') => format!("({text})"),
            text => text,
        };
        let joined = |parts: Vec<String>| parts.join(" · ");
        format!(
            "∂C/∂{} = {} = {} = {}",
            self.symbol(),
            joined(self.factors.iter().map(|(symbol, _)| symbol.clone()).collect()),
            joined(self.factors.iter().map(number).collect()),
            compact(self.derivative)
        )
    }

    /// From which unit to which it goes, with what they are called.
    pub(super) fn ends(&self, last: usize, inputs: &Names, outputs: &Names) -> String {
        let input = || inputs.names.get(self.row).map_or_else(String::new, |name| format!(" ({name})"));
        let output = || {
            let name = outputs.names.get(self.column);
            name.map_or_else(String::new, |name| format!(" ({} {name})", outputs.head))
        };
        let from = match self.layer {
            1 => format!("input {}{}", self.row + 1, input()),
            layer => format!("unit {} of layer {}", self.row + 1, layer - 1),
        };
        let called = if self.layer == last { output() } else { String::new() };
        format!("from {from} to unit {} of layer {}{called}", self.column + 1, self.layer)
    }

    /// For machines: `row` and `column` are indices into `grad_weight`.
    pub(super) fn to_json(&self) -> Value {
        let factors: Vec<Value> =
            self.factors.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        json!({
            "layer": self.layer, "row": self.row, "column": self.column, "weight": self.symbol(),
            "derivative": self.derivative, "factors": factors,
        })
    }
}
