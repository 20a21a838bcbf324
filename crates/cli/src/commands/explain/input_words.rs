//! What the numbers of an input are in the data: cells of a row as its file has them, or pixels.

use chainrule::datasets::{ColumnKind, Feature, ImageShape, Schema};
use chainrule_report::explain_page::InputWords;

/// Name and cell of each column of a row as the file has them, behind a date the parts that are inputs too.
pub(super) fn columns(schema: &Schema, cells: &[f64]) -> Vec<(String, String)> {
    let column = |(feature, &cell): (&Feature, &f64)| {
        let parts = feature.date_parts(cell).map_or_else(String::new, |parts| format!(" ({parts})"));
        (feature.name.clone(), feature.spelled(cell) + &parts)
    };
    schema.features.iter().zip(cells).map(column).collect()
}

/// What each input of a network says of its column: `size = 3`, and of the words of a category `colour = red` and `colour ≠ blue`.
pub(super) fn of_row(schema: &Schema, cells: &[f64]) -> Vec<InputWords> {
    let mut names = schema.input_names().into_iter();
    let mut words = Vec::new();
    for (feature, &cell) in schema.features.iter().zip(cells) {
        let (column, spelled) = (&feature.name, feature.spelled(cell));
        let input = |name: String, (value, fact): (String, String)| InputWords { name, value, fact };
        let own = names.by_ref().take(feature.kind.inputs());
        match &feature.kind {
            ColumnKind::Number => {
                words.extend(own.map(|name| input(name, (spelled.clone(), format!("{column} = {spelled}")))));
            }
            ColumnKind::Date { .. } => words.extend(own.enumerate().map(|(part, name)| {
                let of = if part == 0 { "=" } else { "of" };
                let fact = format!("{name} {of} {spelled}");
                input(name, (spelled.clone(), fact))
            })),
            ColumnKind::Category(classes) => {
                let known = if cell.is_nan() { feature.fill.unwrap_or(f64::NAN) } else { cell };
                words.extend(own.zip(classes).enumerate().map(|(code, (_, class))| {
                    let is_it = code as f64 == known;
                    let value = if is_it { spelled.clone() } else { format!("≠ {class}") };
                    let is = if is_it { "=" } else { "≠" };
                    input(column.clone(), (value, format!("{column} {is} {class}")))
                }));
            }
        }
    }
    words
}

/// The place of each number of a picture, row by row and channel by channel within a pixel, and the number.
pub(super) fn of_pixels(shape: ImageShape, values: Vec<String>) -> Vec<InputWords> {
    let channel = |channel: usize| match (shape.channels, ["red", "green", "blue"].get(channel)) {
        (1, _) => String::new(),
        (3, Some(colour)) => format!(", {colour}"),
        _ => format!(", channel {}", channel + 1),
    };
    let place = |i: usize| {
        let pixel = i / shape.channels;
        let (row, column) = (pixel / shape.width + 1, pixel % shape.width + 1);
        format!("row {row}, column {column}{}", channel(i % shape.channels))
    };
    let words = |(i, value): (usize, String)| InputWords { name: place(i), value, fact: place(i) };
    values.into_iter().enumerate().map(words).collect()
}

/// Numbers with their names.
pub(super) fn of_numbers(names: &[String], values: Vec<String>) -> Vec<InputWords> {
    let words =
        |(name, value): (&String, String)| InputWords { name: name.clone(), value, fact: name.clone() };
    names.iter().zip(values).map(words).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use chainrule::datasets::{Features, ReadOptions, csv};

    use super::*;

    #[test]
    fn each_input_says_of_its_column_what_the_file_has() {
        let mut options = ReadOptions::default();
        options.table.date_parts = true;
        let file = "size,share,on,colour,y\n795220197,5.2 %,2024-02-08,red,1\n3,1 %,2024-02-09,blue,2\n";
        let data = csv::decode::<f32>(file.as_bytes(), Path::new("d.csv"), &options).unwrap();
        let Features::Columns(table) = data.features() else { panic!("a table") };
        let (schema, cells) = (table.schema(), table.cells(0));
        let words = of_row(schema, &cells);
        assert_eq!(words.len(), schema.inputs());
        let said: Vec<[&str; 3]> =
            words.iter().map(|words| [&words.name[..], &words.value, &words.fact]).collect();
        assert_eq!(
            said[..2],
            [["size", "795220197", "size = 795220197"], ["share", "5.2 %", "share = 5.2 %"]]
        );
        let date = "2024-02-08 (Thursday, day 39 of 366)";
        assert_eq!(
            said[2..4],
            [
                ["on", "2024-02-08", "on = 2024-02-08"],
                ["on.weekday.sin", "2024-02-08", "on.weekday.sin of 2024-02-08"]
            ]
        );
        let colours = &said[said.len() - 2..];
        assert!(colours.contains(&["colour", "red", "colour = red"]), "{colours:?}");
        assert!(colours.contains(&["colour", "≠ blue", "colour ≠ blue"]), "{colours:?}");
        assert_eq!(columns(schema, &cells)[2], ("on".to_owned(), date.to_owned()));
    }
}
