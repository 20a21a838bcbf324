//! Tables that fit the terminal.

use crate::terminal::{least_needed, shortened, width};

/// A column of a table.
pub(crate) struct TableColumn {
    head: String,
    cells: Vec<String>,
    /// The higher, the sooner the column is left out; one of rank 0 never is.
    rank: u8,
    /// Words stand to the left, numbers to the right.
    is_words: bool,
    /// Its width where there is room for it.
    least: usize,
    /// Its words are shortened to this width before another column is left out.
    shortest: usize,
}

/// What stands between two columns.
const GAP: &str = "  ";
/// Characters that a shortened word keeps.
const FEWEST: usize = 4;

impl TableColumn {
    /// A column of words.
    pub(crate) fn words(rank: u8, head: &str, cells: impl IntoIterator<Item = String>) -> Self {
        let cells = cells.into_iter().collect();
        Self { head: head.to_owned(), cells, rank, is_words: true, least: 0, shortest: usize::MAX }
    }

    /// A column of numbers.
    pub(crate) fn numbers(rank: u8, head: &str, cells: impl IntoIterator<Item = String>) -> Self {
        Self { is_words: false, ..Self::words(rank, head, cells) }
    }

    /// A column of numbers whose decimal points are below each other.
    pub(crate) fn decimals(rank: u8, head: &str, cells: impl IntoIterator<Item = String>) -> Self {
        Self::numbers(rank, head, at_one_point(&cells.into_iter().collect::<Vec<_>>()))
    }

    /// The same with this width where there is room for it.
    pub(crate) fn at_least(self, least: usize) -> Self {
        Self { least, ..self }
    }

    /// The same with its words shortened, to this width at the most, before another column is left out.
    pub(crate) fn no_shorter_than(self, shortest: usize) -> Self {
        Self { shortest, ..self }
    }

    fn width(&self) -> usize {
        self.cells.iter().map(|cell| width(cell)).max().unwrap_or(0).max(width(&self.head)).max(self.least)
    }

    fn cell(&self, text: &str, width: usize) -> String {
        let text = shortened(text, width);
        if self.is_words { format!("{text:<width$}") } else { format!("{text:>width$}") }
    }
}

/// Numbers of one width, whose decimal points are below each other; what is no number stays as it is.
pub(crate) fn at_one_point(cells: &[String]) -> Vec<String> {
    let is_number = |cell: &&String| cell.parse::<f64>().is_ok();
    let point = |cell: &str| cell.find(['.', 'e']).unwrap_or(cell.len());
    let numbers = || cells.iter().filter(is_number);
    let before = numbers().map(|cell| point(cell)).max().unwrap_or(0);
    let behind = numbers().map(|cell| cell.len() - point(cell)).max().unwrap_or(0);
    let aligned = |cell: &String| {
        let (whole, rest) = cell.split_at(point(cell));
        format!("{whole:>before$}{rest:<behind$}")
    };
    cells.iter().map(|cell| if is_number(&cell) { aligned(cell) } else { cell.clone() }).collect()
}

fn total(columns: &[TableColumn]) -> usize {
    columns.iter().map(|column| column.width() + width(GAP)).sum::<usize>().saturating_sub(width(GAP))
}

/// The lines of a table of at most `room` characters, under a head where a column has one.
///
/// Where it is too wide, columns lose first the space that they do not need, and words the letters that their column can do without; then
/// the columns of the highest rank are left out, and at last words are shortened.
pub(crate) fn table(mut columns: Vec<TableColumn>, room: usize) -> String {
    if total(&columns) > room {
        for column in &mut columns {
            column.least = 0;
        }
    }
    let can_lose = |column: &TableColumn| column.width().saturating_sub(column.shortest);
    while total(&columns) > room.saturating_add(columns.iter().map(can_lose).sum()) {
        let Some(at) = least_needed(columns.iter().map(|column| column.rank)) else { break };
        columns.remove(at);
    }
    let mut widths: Vec<usize> = columns.iter().map(TableColumn::width).collect();
    let mut over = total(&columns).saturating_sub(room);
    for (column, width) in columns.iter().zip(&mut widths) {
        let lost = over.min(can_lose(column));
        (*width, over) = (*width - lost, over - lost);
    }
    let longest = (0..columns.len()).filter(|&at| columns[at].is_words).max_by_key(|&at| widths[at]);
    if let Some(longest) = longest.filter(|_| over > 0) {
        let fewest = FEWEST.min(widths[longest]);
        widths[longest] = widths[longest].saturating_sub(over).max(fewest);
    }
    let line = |text: &dyn Fn(&TableColumn) -> String| {
        let cells = columns.iter().zip(&widths).map(|(column, &width)| column.cell(&text(column), width));
        cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    };
    let rows = columns.iter().map(|column| column.cells.len()).max().unwrap_or(0);
    let has_head = columns.iter().any(|column| !column.head.is_empty());
    let head = has_head.then(|| line(&|column| column.head.clone()));
    let rows = (0..rows).map(|row| line(&|column| column.cells.get(row).cloned().unwrap_or_default()));
    head.into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_layers(room: usize) -> String {
        let cells = |texts: [&str; 2]| texts.map(str::to_owned).to_vec();
        let columns = vec![
            TableColumn::numbers(0, "place", cells(["0", "1"])),
            TableColumn::words(0, "layer", cells(["dense 128", "relu"])).at_least(12),
            TableColumn::words(2, "output", cells(["(N, 128)", "(N, 128)"])),
            TableColumn::numbers(1, "parameters", cells(["8320", "0"])),
        ];
        table(columns, room)
    }

    #[test]
    fn a_column_of_words_is_shortened_before_a_number_is_lost() {
        let columns = || {
            let words = ["conv 16 3 padding 1", "relu"].map(str::to_owned);
            let layer = TableColumn::words(0, "layer", words).no_shorter_than(8);
            vec![layer, TableColumn::numbers(1, "y", ["1".to_owned(), "2".to_owned()])]
        };
        assert_eq!(
            table(columns(), 22),
            "layer                y\nconv 16 3 padding 1  1\nrelu                 2"
        );
        assert_eq!(table(columns(), 15), "layer         y\nconv 16 3 p…  1\nrelu          2");
        assert_eq!(table(columns(), 11), "layer     y\nconv 16…  1\nrelu      2");
        assert_eq!(table(columns(), 10), "layer\nconv 16 3…\nrelu");
    }

    #[test]
    fn decimal_points_are_below_each_other() {
        let cells = ["0", "-11.1037", "1.400e-4", "Rome", "12e9"].map(str::to_owned).to_vec();
        assert_eq!(at_one_point(&cells), ["  0       ", "-11.1037  ", "  1.400e-4", "Rome", " 12e9     "]);
    }

    #[test]
    fn a_narrow_table_loses_space_then_columns_then_letters() {
        let whole = "place  layer         output    parameters\n    0  dense 128     (N, 128)        8320\n    1  relu          (N, 128)           0";
        assert_eq!(of_layers(usize::MAX), whole);
        assert_eq!(of_layers(41), whole);
        assert_eq!(
            of_layers(40),
            "place  layer      output    parameters\n    0  dense 128  (N, 128)        8320\n    1  relu       (N, 128)           0"
        );
        assert_eq!(
            of_layers(30),
            "place  layer      parameters\n    0  dense 128        8320\n    1  relu                0"
        );
        assert_eq!(of_layers(20), "place  layer\n    0  dense 128\n    1  relu");
        assert_eq!(of_layers(12), "place  layer\n    0  dens…\n    1  relu");
    }
}
