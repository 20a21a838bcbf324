//! The formulas, each written once: in a small part of TeX, which the page typesets and the terminal prints as Unicode.
//!
//! The notation is that of `docs/notation.md`: W^(l, j, i) goes from unit j to unit i of layer l.

use chainrule::layers::{Stage, UnitFormula, activation};
use chainrule::loss::LossKind;
use chainrule::model::Output;

use super::trace::{Trace, Units};

/// g(z) and g'(z) of units that have them.
fn formula(units: &Stage) -> UnitFormula {
    units.formula().expect("pointwise units have a formula")
}

impl Trace {
    /// What stands for the values of layer `l`; 0 is the input.
    pub(super) fn symbol(&self, l: usize) -> String {
        match (l, self.output) {
            (0, _) => "x".to_owned(),
            (l, _) if l < self.layers.len() => format!("h^{{({l})}}"),
            (_, Output::Identity) => "o".to_owned(),
            (_, Output::Sigmoid | Output::Softmax) => "p".to_owned(),
        }
    }

    /// What layer `l` computes, from 1.
    pub(super) fn forward_formulas(&self, l: usize) -> Vec<String> {
        let (below, here) = (self.symbol(l - 1), self.symbol(l));
        let mut formulas = vec![format!("z^{{({l})}} = W^{{({l})T}} {below} + b^{{({l})}}")];
        let top = if l == self.layers.len() { self.output } else { Output::Identity };
        let softmax = r"\frac{e^{z_i}}{\sum_{k} e^{z_k}}";
        formulas.extend(match (&self.layers[l - 1].units, top) {
            (_, Output::Softmax) | (Units::Softmax, _) => vec![format!("{here}_i = {softmax}")],
            (_, Output::Sigmoid) => {
                vec![
                    format!("{here} = g(z^{{({l})}})"),
                    format!("g(z) = {}", formula(&activation::Sigmoid.into()).value),
                ]
            }
            (Units::Plain, Output::Identity) => vec![format!("{here} = z^{{({l})}}")],
            (Units::Pointwise(g), Output::Identity) => {
                vec![format!("{here} = g(z^{{({l})}})"), format!("g(z) = {}", formula(g).value)]
            }
        });
        formulas
    }

    /// C and where the error signal begins.
    pub(super) fn cost_formulas(&self) -> Vec<String> {
        self.loss.spec().formulas().to_vec()
    }

    /// The error signal of layer `l`.
    pub(super) fn delta_formulas(&self, l: usize) -> Vec<String> {
        let (here, above, top) = (self.symbol(l), l + 1, l == self.layers.len());
        let mut formulas = Vec::new();
        if !top {
            formulas.push(format!(
                r"\frac{{∂C}}{{∂h_i^{{({l})}}}} = \sum_{{k}} W^{{({above},i,k)}} δ_k^{{({above})}}"
            ));
        }
        let layer = &self.layers[l - 1];
        let signal = format!(r"\frac{{∂C}}{{∂{here}}}");
        formulas.extend(match &layer.units {
            Units::Plain if top && self.output != Output::Identity => vec![format!("δ^{{({l})}} = p − y")],
            Units::Plain => vec![format!("δ^{{({l})}} = {signal}")],
            Units::Softmax => {
                let fraction = |index: &str| format!(r"\frac{{∂C}}{{∂{here}_{index}}}");
                vec![format!(
                    r"δ_i^{{({l})}} = {here}_i ({} − \sum_{{k}} {here}_k {})",
                    fraction("i"),
                    fraction("k")
                )]
            }
            Units::Pointwise(g) => {
                let literal = if self.is_the_lectures(l) { " = o(1 − o) · 2(o − y)" } else { "" };
                vec![
                    format!("δ^{{({l})}} = g'(z^{{({l})}}) · {signal}{literal}"),
                    format!("g' = {}", formula(g).slope),
                ]
            }
        });
        formulas
    }

    /// The derivative of C in the parameters of layer `l`.
    pub(super) fn gradient_formulas(&self, l: usize) -> Vec<String> {
        let below = self.symbol(l - 1);
        let literal = if self.is_the_lectures(l) {
            format!(" = {below} · (o · (1 − o) · 2(o − y))^T")
        } else {
            String::new()
        };
        vec![
            format!(r"\frac{{∂C}}{{∂W^{{({l})}}}} = {below} · δ^{{({l})T}}{literal}"),
            format!(r"\frac{{∂C}}{{∂b^{{({l})}}}} = δ^{{({l})}}"),
        ]
    }

    /// Sigmoid outputs under the squared error, whose formulas the lecture writes out.
    fn is_the_lectures(&self, l: usize) -> bool {
        l == self.layers.len()
            && self.loss == LossKind::SquaredError
            && self.layers[l - 1].units == Units::Pointwise(activation::Sigmoid.into())
    }
}

/// A formula as one line of Unicode.
pub(super) fn line(tex: &str) -> String {
    let mut out = String::new();
    let mut rest = tex;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix(r"\frac") {
            let (above, after) = argument(after);
            let (below, after) = argument(after);
            out.extend([closed(&line(above)), "/".to_owned(), closed(&line(below))]);
            rest = after;
        } else if let Some(after) = rest.strip_prefix(r"\text") {
            let (words, after) = argument(after);
            out += words;
            rest = after;
        } else if let Some(after) = rest.strip_prefix(r"\sum") {
            out.push('Σ');
            rest = after;
        } else if let Some(after) = rest.strip_prefix(r"\sqrt") {
            let (inside, after) = argument(after);
            out.extend(["√(", &line(inside), ")"]);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('_') {
            let (index, after) = argument(after);
            out += &script('_', &line(index));
            rest = after;
        } else if let Some(after) = rest.strip_prefix('^') {
            let (exponent, after) = argument(after);
            out += &script('^', &line(exponent));
            rest = after;
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// The group or letter at the start of `tex`, and what follows it.
fn argument(tex: &str) -> (&str, &str) {
    if !tex.starts_with('{') {
        return tex.split_at(tex.chars().next().map_or(0, char::len_utf8));
    }
    let mut depth = 0;
    for (at, c) in tex.char_indices() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if depth == 0 {
            return (&tex[1..at], &tex[at + 1..]);
        }
    }
    (&tex[1..], "")
}

/// In brackets, where a fraction of one line needs them.
fn closed(line: &str) -> String {
    if line.contains(' ') { format!("({line})") } else { line.to_owned() }
}

/// Raised or lowered letters, as far as Unicode has them.
fn script(mark: char, line: &str) -> String {
    const RAISED: (&str, &str) = ("0123456789()−Tzu", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁻ᵀᶻᵘ");
    const LOWERED: (&str, &str) = ("0123456789ijk", "₀₁₂₃₄₅₆₇₈₉ᵢⱼₖ");
    let (plain, set) = if mark == '^' { RAISED } else { LOWERED };
    let moved = |c| plain.chars().zip(set.chars()).find_map(|(from, to)| (from == c).then_some(to));
    match line.chars().map(moved).collect::<Option<String>>() {
        Some(script) => script,
        None if line.starts_with('(') || line.chars().count() == 1 => format!("{mark}{line}"),
        None => format!("{mark}({line})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_printed_as_the_notation_has_it() {
        assert_eq!(line(r"g(z) = \frac{1}{1 + e^{−z}}"), "g(z) = 1/(1 + e⁻ᶻ)");
        assert_eq!(line(r"C = \sum_{i} (o_i − y_i)^2"), "C = Σᵢ (oᵢ − yᵢ)²");
        assert_eq!(line(r"\frac{∂C}{∂W^{(2)}} = h^{(1)} · δ^{(2)T}"), "∂C/∂W⁽²⁾ = h⁽¹⁾ · δ⁽²⁾ᵀ");
        assert_eq!(
            line(r"\frac{∂C}{∂h_i^{(1)}} = \sum_{k} W^{(2,i,k)} δ_k^{(2)}"),
            "∂C/∂hᵢ⁽¹⁾ = Σₖ W^(2,i,k) δₖ⁽²⁾"
        );
        assert_eq!(line(r"1\text{ if }z > 0\text{, else }e^z"), "1 if z > 0, else eᶻ");
        assert_eq!(line(r"e^{z_k} \sqrt{2/π}"), "e^(zₖ) √(2/π)");
    }
}
