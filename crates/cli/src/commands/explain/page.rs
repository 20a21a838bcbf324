//! The trace as one page that needs nothing from elsewhere: markup, style and script are files beside this one, the
//! numbers are JSON inside it.

use chainrule::model::Output;
use chainrule::ndarray::Array2;
use serde_json::{Value, json};

use super::trace::{Layer, Trace, Units};

/// As many units of a layer as are drawn; an ellipsis stands for the rest.
const UNITS: usize = 10;

const MARKUP: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPTS: [&str; 3] = [include_str!("math.js"), include_str!("network.js"), include_str!("page.js")];

/// The page as text.
pub(super) fn html(trace: &Trace) -> String {
    let mut page = String::new();
    let mut rest = MARKUP;
    // Each slot once, in the order of the markup: what goes in is not looked through for slots again.
    for (slot, content) in [
        ("/* STYLE */", STYLE),
        ("/* DATA */", &for_script(&data(trace))),
        ("/* SCRIPT */", &SCRIPTS.concat()),
    ] {
        let (before, after) = rest.split_once(slot).expect("the markup has a place for each");
        page += before;
        page += content.trim_end();
        rest = after;
    }
    page + rest
}

/// JSON that ends no script element, whatever its strings say.
fn for_script(data: &Value) -> String {
    data.to_string().replace('<', r"\u003c")
}

fn data(trace: &Trace) -> Value {
    let last = trace.layers.len();
    let units = trace.shown(UNITS);
    let layers: Vec<Value> = (1..=last).map(|l| layer(trace, l, (&units[l - 1], &units[l]))).collect();
    json!({
        "about": trace.about(),
        "loss": trace.loss.to_string(),
        "cost": trace.cost,
        "costFormulas": trace.cost_formulas(),
        "input": {
            "symbol": trace.symbol(0), "width": trace.x.len(), "units": numbered(&units[0]),
            "h": of(&trace.x, &units[0]),
        },
        "target": of(&trace.target, &units[last]),
        // Where the loss computes the probabilities, its derivative is taken in z.
        "fused": trace.output != Output::Identity,
        "layers": layers,
    })
}

fn layer(trace: &Trace, l: usize, (below, here): (&[usize], &[usize])) -> Value {
    let layer: &Layer = &trace.layers[l - 1];
    let h = if l == trace.layers.len() { &trace.prediction } else { &layer.h };
    json!({
        "symbol": trace.symbol(l),
        "name": trace.units(l),
        "softmax": layer.units == Units::Softmax,
        "width": layer.z.len(),
        "units": numbered(here),
        "z": of(&layer.z, here),
        "h": of(h, here),
        "slope": layer.slope.as_ref().map(|slope| of(slope, here)),
        "signal": of(&layer.signal, here),
        "delta": of(&layer.delta, here),
        "bias": of(&layer.bias, here),
        "weight": part(&layer.weight, below, here),
        "gradient": part(&layer.grad_weight, below, here),
        "biasGradient": of(&layer.grad_bias, here),
        "forward": trace.forward_formulas(l),
        "back": trace.delta_formulas(l),
        "outer": trace.gradient_formulas(l),
    })
}

/// The lecture counts from 1.
fn numbered(units: &[usize]) -> Vec<usize> {
    units.iter().map(|unit| unit + 1).collect()
}

fn of(values: &[f64], units: &[usize]) -> Vec<f64> {
    units.iter().map(|&i| values[i]).collect()
}

fn part(matrix: &Array2<f64>, rows: &[usize], columns: &[usize]) -> Vec<Vec<f64>> {
    rows.iter().map(|&j| columns.iter().map(|&i| matrix[(j, i)]).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_string_ends_the_script_element() {
        let text = for_script(&json!({ "name": "</script><b>" }));
        assert!(!text.contains('<'), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["name"], "</script><b>");
    }

    #[test]
    fn the_page_asks_nothing_of_the_network() {
        let namespaces = [r#""http://www.w3.org/1998/Math/MathML""#, r#""http://www.w3.org/2000/svg""#];
        for text in [MARKUP, STYLE, SCRIPTS[0], SCRIPTS[1], SCRIPTS[2]] {
            let rest = namespaces.iter().fold(text.to_owned(), |text, name| text.replace(name, ""));
            for word in ["http:", "https:", "//www", "src=", "href=", "@import", "url(", "fetch(", "import("]
            {
                assert!(!rest.contains(word), "{word}");
            }
        }
    }
}
