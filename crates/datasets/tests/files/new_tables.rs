//! New tables for a model: where they begin, which columns they have, how they spell numbers.

use std::fmt::Write;
use std::path::Path;

use chainrule_datasets::{Dataset, Features, Impute, ReadOptions, TableOptions, csv};

fn train(text: &str, table: TableOptions) -> Dataset<f64> {
    csv::decode(text.as_bytes(), Path::new("t.csv"), &table.into()).unwrap()
}

fn read(text: &str, model: &Dataset<f64>, table: TableOptions) -> Result<Features<f64>, String> {
    let options = TableOptions { schema: model.schema().cloned(), ..table }.into();
    csv::decode_features(text.as_bytes(), Path::new("n.csv"), &options).map_err(|error| error.to_string())
}

fn rows(text: &str, model: &Dataset<f64>) -> Result<Vec<Vec<f64>>, String> {
    rows_with(text, model, TableOptions::default())
}

fn rows_with(text: &str, model: &Dataset<f64>, table: TableOptions) -> Result<Vec<Vec<f64>>, String> {
    let features = read(text, model, table)?;
    let (n, inputs) = features.dim();
    let row = |i| {
        let mut row = vec![0.0; inputs];
        features.row(i, &mut row);
        row
    };
    Ok((0..n).map(row).collect())
}

#[track_caller]
fn refused(text: &str, model: &Dataset<f64>, part: &str) {
    let error = rows(text, model).unwrap_err();
    assert!(error.contains(part) && !error.contains('\n'), "{error}");
}

fn lines(n: usize, line: impl Fn(usize) -> String) -> String {
    (1..=n).fold(String::new(), |mut text, i| {
        writeln!(text, "{}", line(i)).unwrap();
        text
    })
}

#[test]
fn a_new_table_begins_at_its_names_however_many_lines_the_model_skipped() {
    let skip = |lines| TableOptions { skip_rows: Some(lines), ..TableOptions::default() };
    let body = lines(40, |i| format!("1.{i},{i},{}", i % 2));
    let model = train(&format!("A title\nof 2024\na,b,y\n{body}"), skip(2));
    let expected = Ok(vec![vec![1.5, 3.0], vec![1.6, 4.0], vec![1.7, 5.0]]);
    for title in ["", "made in May\n", "A title\nof 2024\n", "one\ntwo\n\nthree\nfour\n"] {
        assert_eq!(rows(&format!("{title}b,a\n3,1.5\n4,1.6\n5,1.7\n"), &model), expected, "{title}");
    }
    assert_eq!(rows("x\ny\n1.5,3\n1.6,4\n1.7,5\n", &model), expected);
    assert_eq!(rows_with("1.5,3\n1.6,4\n1.7,5\n", &model, skip(0)), expected);
    assert_eq!(rows_with("b;a\n3;1.5\n4;1.6\n5;1.7\n", &model, TableOptions::default()), expected);
    refused("1.5,3\n1.6,4\n1.7,5\n", &model, "line 1 could be part of the table");
    refused("x\n1.5,3\n1.6,4\n1.7,5\n", &model, "line 2 could be part of the table");
    refused("b,c\n1.5,3\n1.6,4\n1.7,5\n", &model, "--skip-rows 0");
    // A model without names has the same lines to tell.
    let bare = train(&format!("A title\nof 2024\n{body}"), skip(2));
    assert_eq!(rows("x\ny\n1.5,3\n1.6,4\n1.7,5\n", &bare), expected);
    refused("1.5,3\n1.6,4\n1.7,5\n", &bare, "--skip-rows 0");
}

#[test]
fn the_first_row_of_a_file_without_a_header_stays_an_example() {
    let model = train(&lines(40, |i| format!("{i},{},{}", i % 7, i % 2)), TableOptions::default());
    assert_eq!(rows("30,7\n3,4\n", &model).unwrap().len(), 2);
    for odd in ["3O,7", "1_000,7", "none,7", "a,b"] {
        refused(&format!("{odd}\n3,4\n5,6\n"), &model, "(--header present)");
    }
    refused("1e400,7\n3,4\n5,6\n", &model, "too large");
    let present = TableOptions { header: chainrule_datasets::HeaderRow::Present, ..TableOptions::default() };
    assert_eq!(rows_with("a,b\n3,4\n5,6\n", &model, present).unwrap().len(), 2);
    assert_eq!(rows("x0,x1\n3,4\n", &model), Ok(vec![vec![3.0, 4.0]]));
    // Booleans have other capitals in other programs.
    let flags =
        train(&lines(40, |i| format!("{i},{},{}", ["True", "False"][i % 2], i % 3)), TableOptions::default());
    assert_eq!(rows("3,TRUE\n4,FALSE\n", &flags), Ok(vec![vec![3.0, 0.0, 1.0], vec![4.0, 1.0, 0.0]]));
}

#[test]
fn an_empty_last_cell_is_a_missing_one_where_the_model_has_a_column_for_it() {
    let impute = || TableOptions { impute: Some(Impute::Mean), ..TableOptions::default() };
    let first = |table: TableOptions| {
        let options = ReadOptions {
            target: chainrule_datasets::Column::Index(0).into(),
            table,
            ..ReadOptions::default()
        };
        let text = lines(40, |i| format!("{},{i},1.{i},2.{i}", i % 2));
        csv::decode::<f64>(text.as_bytes(), Path::new("t.csv"), &options).unwrap()
    };
    let last = |end: &str| train(&lines(40, |i| format!("{i},1.{i},2.{i},{}{end}", i % 2)), impute());
    for model in [last(""), first(impute())] {
        let known = rows("9,1.5,NA\n9,1.6,NA\n", &model);
        assert_eq!(known.as_ref().unwrap().len(), 2);
        assert_eq!(rows("9,1.5,\n9,1.6,\n", &model), known);
    }
    // An empty cell after the last column is no cell.
    let full = Ok(vec![vec![9.0, 1.5, 2.5], vec![9.0, 1.6, 2.6]]);
    assert_eq!(rows("9,1.5,2.5,,\n9,1.6,2.6,,\n", &last("")), full);
    for end in ["", ",0"] {
        assert_eq!(rows(&format!("9,1.5,2.5{end},\n9,1.6,2.6{end},\n"), &last(",")), full);
    }
    // A training table may end each row with several.
    let model = train(&format!("a,b,y,,\n{}", lines(40, |i| format!("{i},1.{i},{},,", i % 2))), impute());
    assert_eq!(model.feature_names(), ["a", "b"]);
}

#[test]
fn a_file_of_one_column_with_decimal_commas_is_not_cut_at_them() {
    let model =
        train(&format!("a;y\n{}", lines(40, |i| format!("{i},5;{}", i % 2))), TableOptions::default());
    let expected = Ok(vec![vec![1.5], vec![40.5]]);
    assert_eq!(rows("1,5\n40,5\n", &model), expected);
    assert_eq!(rows("a\n1,5\n40,5\n", &model), expected);
    assert_eq!(rows("1,5;0\n40,5;1\n", &model), expected);
    let plain = train(&format!("a;y\n{}", lines(40, |i| format!("{i};{}", i % 2))), TableOptions::default());
    assert_eq!(rows("1,0\n40,1\n", &plain), Ok(vec![vec![1.0], vec![40.0]]));
}

#[test]
fn a_new_column_is_read_in_its_own_form_where_that_is_certain() {
    let model = |cell: &str| {
        train(
            &format!("a;y\n{}", lines(40, |i| format!("{};{}", cell.replace('#', &i.to_string()), i % 2))),
            TableOptions::default(),
        )
    };
    let one = |text: &str, model: &Dataset<f64>, table: TableOptions| {
        rows_with(&format!("a;y\n{text};0\n"), model, table).map(|rows| rows[0][0])
    };
    let free = TableOptions::default;
    let (price, comma, point) = (model("$1#.50"), model("#,5"), model("#.5"));
    assert_eq!(one("$1,234.50", &price, free()), Ok(1234.5));
    assert_eq!(one("1.234,5", &comma, free()), Ok(1234.5));
    assert_eq!(one("1,5", &point, free()), Ok(1.5));
    let new = read("a;y\n$1,234.50;0\n", &price, free()).unwrap();
    let Features::Columns(columns) = new else { panic!("a table") };
    assert_eq!(
        columns.schema().forms_unlike(price.schema().unwrap()),
        ["column 1 (a): read as numbers with thousands comma, $; the training data has numbers with $"]
    );
    let thousands = |mark| TableOptions { thousands: Some(mark), ..free() };
    let decimal = |mark| TableOptions { decimal: Some(mark), ..free() };
    assert_eq!(one("30.500", &point, thousands('.')), Ok(30_500.0));
    assert_eq!(one("30.500", &point, free()), Ok(30.5));
    assert_eq!(one("30_500", &point, thousands('_')), Ok(30_500.0));
    assert_eq!(one("30,500", &point, decimal(',')), Ok(30.5));
    for (cell, model) in [("$1,234", &price), ("1.234", &comma), ("1,234", &point)] {
        let error = one(cell, model, free()).unwrap_err();
        assert!(error.contains("two ways") && error.contains("--decimal or --thousands"), "{error}");
    }
    assert_eq!(one("$1,234", &price, thousands(',')), Ok(1234.0));
    assert_eq!(one("1.234", &comma, decimal('.')), Ok(1.234));
    for cell in ["45%", "€5", "x"] {
        assert!(one(cell, &price, free()).unwrap_err().contains("in the form of the training data ($)"));
    }
    let marked = one("-", &price, free()).unwrap_err();
    assert!(marked.contains("--missing"), "{marked}");
    // The target of a regression too.
    let data = train(&format!("a;y\n{}", lines(40, |i| format!("{i};{i},5"))), free());
    let options = ReadOptions {
        target: data.schema().unwrap().target_columns(),
        task: chainrule_datasets::TaskKind::Regression,
        table: TableOptions { schema: data.schema().cloned(), ..free() },
        ..ReadOptions::default()
    };
    let new = csv::decode::<f64>(b"a;y\n1;1.234,5\n2;3,5\n", Path::new("n.csv"), &options).unwrap();
    let chainrule_datasets::Target::Real { values, .. } = new.target() else { panic!("numbers") };
    assert_eq!((values[(0, 0)], values[(1, 0)]), (1234.5, 3.5));
}
