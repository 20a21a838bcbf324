use std::fmt;

use chainrule_layers::{Layer, Sequential, Stage};
use chainrule_tensor::{Scalar, Shape};

/// The layers of a network, as a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The shape of the input.
    pub input: Shape,
    /// A row for each layer, bottom first.
    pub rows: Vec<SummaryRow>,
    /// The parameters of all layers.
    pub parameters: usize,
}

/// One layer of a [`Summary`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryRow {
    /// The layer in words, or as it describes itself where it is not of the library.
    pub layer: String,
    /// The shape of its output.
    pub output: Shape,
    /// How many parameters it has.
    pub parameters: usize,
}

impl Summary {
    /// That of a network.
    pub fn of<A: Scalar>(network: &dyn Layer<A>) -> Self {
        let rows = match network.downcast::<Sequential<A>>() {
            Some(network) => network.layers().map(row).collect(),
            None => vec![row(network)],
        };
        Self { input: network.input_shape(), rows, parameters: network.layout().len() }
    }
}

fn row<A: Scalar>(layer: &dyn Layer<A>) -> SummaryRow {
    SummaryRow { layer: Stage::words(layer), output: layer.output_shape(), parameters: layer.layout().len() }
}

/// A line for each layer, and one for the sum.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.layer.chars().count()).fold(5, usize::max);
        writeln!(f, "place  {:<width$}  {:<12}  parameters", "layer", "output")?;
        writeln!(f, "       {:<width$}  {:<12}", "input", self.input.to_string())?;
        for (place, row) in self.rows.iter().enumerate() {
            let output = row.output.to_string();
            writeln!(f, "{place:>5}  {:<width$}  {output:<12}  {:>10}", row.layer, row.parameters)?;
        }
        write!(f, "{} parameters", self.parameters)
    }
}
