//! What the columns of a training table are: the target, what is left out, the form of the numbers, the header.

use std::fmt::Write;
use std::path::Path;

use chainrule_datasets::{Column, Dataset, HeaderRow, Pipeline, ReadOptions, TableOptions, TaskKind, csv};

fn read(text: &str, options: impl Into<ReadOptions>) -> Result<Dataset<f64>, String> {
    csv::decode(text.as_bytes(), Path::new("t.csv"), &options.into()).map_err(|error| error.to_string())
}

fn auto(text: &str) -> Result<Dataset<f64>, String> {
    read(text, ReadOptions::default())
}

#[track_caller]
fn refused(text: &str, options: impl Into<ReadOptions>, part: &str) {
    let error = read(text, options).unwrap_err();
    assert!(error.contains(part) && !error.contains('\n'), "{error}");
}

fn column(data: &Dataset<f64>, at: usize) -> Vec<f64> {
    data.inputs_through(&Pipeline::new()).column(at).to_vec()
}

fn lines(n: usize, line: impl Fn(usize) -> String) -> String {
    (1..=n).fold(String::new(), |mut text, i| {
        writeln!(text, "{}", line(i)).unwrap();
        text
    })
}

fn marks(decimal: Option<char>, thousands: Option<char>) -> TableOptions {
    TableOptions { decimal, thousands, ..TableOptions::default() }
}

#[test]
fn whole_numbers_are_classes_whatever_the_marks() {
    let whole = format!("a;y\n{}", lines(40, |i| format!("{i},5;{}", i % 3)));
    for options in
        [marks(None, None), marks(Some(','), None), marks(Some(','), Some('.')), marks(None, Some(' '))]
    {
        let data = read(&whole, options).unwrap();
        assert_eq!(data.class_names(), ["0", "1", "2"]);
    }
    let zeros = format!("a;y\n{}", lines(40, |i| format!("{i},5;{},0", i % 2)));
    for options in [marks(None, None), marks(Some(','), None)] {
        let data = read(&zeros, options).unwrap();
        assert_eq!(
            (data.class_names(), &data.labels().unwrap()[..2]),
            (&["0".to_owned(), "1".into()][..], &[1, 0][..])
        );
        // The same classes are known again.
        let again = ReadOptions {
            target: data.schema().unwrap().target_columns(),
            classes: data.class_names().to_vec(),
            table: TableOptions { schema: data.schema().cloned(), ..TableOptions::default() },
            ..ReadOptions::default()
        };
        assert_eq!(read(&zeros, again).unwrap().labels(), data.labels());
    }
    let names = lines(40, |i| format!("{i},5;0{}", i % 2));
    assert_eq!(read(&names, marks(Some(','), None)).unwrap().class_names(), ["00", "01"]);
    // What is measured is none.
    let euros = lines(40, |i| format!("{i},5;€{}", i % 2));
    assert_eq!(auto(&euros).unwrap().labels(), None);
    let fractions = lines(40, |i| format!("{i},5;{},5", i % 2));
    assert_eq!(auto(&fractions).unwrap().labels(), None);
    // A minus and brackets of another kind are those of numbers.
    let signs = lines(40, |i| format!("{i};{}", ["−1,0", "(2)", "1,5"][i % 3]));
    let data = auto(&signs).unwrap();
    let chainrule_datasets::Target::Real { values, .. } = data.target() else { panic!("numbers") };
    assert_eq!(values.column(0).to_vec()[..3], [-2.0, 1.5, -1.0]);
}

#[test]
fn marks_that_could_be_either_are_what_the_table_says() {
    let quoted = format!("a,b,y\n{}", lines(40, |i| format!("\"0,{:03}\",{i},{}", i * 7, i % 2)));
    assert_eq!(column(&auto(&quoted).unwrap(), 0)[1], 0.014);
    let points = format!("a;b;y\n{}", lines(40, |i| format!("{i},5;{};{}", ["902", "1.101"][i % 2], i % 2)));
    for options in [marks(None, None), marks(Some(','), None), marks(Some(','), Some('.'))] {
        assert_eq!(column(&read(&points, options).unwrap(), 1)[..2], [1101.0, 902.0]);
    }
    refused(&points.replace("902", "9.5"), marks(Some(','), None), "column 2 (b): \"1.101\"");
    refused(
        &points.replace("902", "9.5").replace("1.101", "7"),
        marks(Some(','), None),
        "omit these options",
    );
    let exponents = lines(40, |i| format!("1,{i}E-05;{i}"));
    let regression = || ReadOptions { task: TaskKind::Regression, ..ReadOptions::default() };
    assert!((column(&read(&exponents, regression()).unwrap(), 0)[4] - 1.5e-5).abs() < 1e-20);
    let shown = read(&lines(40, |i| format!("{i}_000;{i}")), marks(None, Some('_'))).unwrap();
    assert!(shown.summary().to_string().contains("thousands _"), "{}", shown.summary());
}

#[test]
fn dates_and_negative_numbers_as_people_write_them_are_numbers() {
    for (cell, first) in [
        ("2024.01.#", 19_723.0),
        ("2024-01-# 06:00 UTC", 19_723.25),
        ("2024-01-#T06:00:00Z", 19_723.25),
        ("(#.5)", -1.5),
        ("($#.50)", -1.5),
        ("#E2", 100.0),
        ("# Jan 2024", 19_723.0),
        ("#-JAN-24", 19_723.0),
        ("January #, 2024", 19_723.0),
        ("01/#/24 6:00 PM", 19_723.75),
        ("2024-01-# 6:00 PM", 19_723.75),
    ] {
        let text =
            format!("a;y\n{}", lines(28, |i| format!("{};{}", cell.replace('#', &i.to_string()), i % 2)));
        let data = auto(&text).unwrap();
        assert_eq!((data.inputs(), column(&data, 0)[0]), (1, first), "{cell}");
        let said = data.summary().to_string();
        assert!(!said.contains("thousands") && cell != "(#.5)" || said.contains("in brackets"), "{said}");
    }
}

#[test]
fn months_and_times_of_day_are_numbers() {
    let text =
        lines(60, |i| format!("20{:02}-{:02},{:02}:{:02},{}", i / 12, i % 12 + 1, i % 24, i % 60, i % 2));
    let text = format!("month,at,y\n{text}");
    let data = auto(&text).unwrap();
    assert_eq!(column(&data, 0)[10..12], [11_292.0, 11_323.0]);
    assert_eq!(column(&data, 1)[11], 0.5 + 12.0 / 1440.0);
    let said = data.summary().to_string();
    assert!(said.contains("2 columns: 1 date, 1 time of day"), "{said}");
    // A time has no weekday.
    let dates = TableOptions { date_parts: true, ..TableOptions::default() };
    let names = read(&text, dates).unwrap().schema().unwrap().input_names();
    assert_eq!((names.len(), names.last().map(String::as_str)), (6, Some("at")));
}

#[test]
fn words_that_look_like_numbers_are_told() {
    for cell in ["31.1.#", "#:5", "# Jan", "Jan #", "20# May 1", "# kg", "13 Jan 20# UTC"] {
        let text = format!(
            "d,x,y\n{}",
            lines(60, |i| format!("\"{}\",{i},{}", cell.replace('#', &format!("{}", 10 + i % 15)), i % 2))
        );
        let Ok(data) = auto(&text) else { panic!("{cell}") };
        let said = data.summary().to_string();
        assert!(said.contains("column 1 (d): 15 different words"), "{cell}: {said}");
        assert!(said.contains("--drop") && !said.contains('\n'), "{said}");
    }
    for cell in ["size #", "v#", "type-#a"] {
        let text = format!(
            "d,x,y\n{}",
            lines(60, |i| format!("{},{i},{}", cell.replace('#', &format!("{}", 10 + i % 15)), i % 2))
        );
        assert!(!auto(&text).unwrap().summary().to_string().contains("different words"), "{cell}");
    }
}

#[test]
fn a_first_row_that_could_be_either_is_not_lost() {
    let body = lines(40, |i| format!("{i},{},{}", i % 9, i % 2));
    for odd in ["none,7,1", "3O,7,1", "3,1_000,1", "-,7,9", "unknown,70,3"] {
        refused(&format!("{odd}\n{body}"), ReadOptions::default(), "(--header present or absent)");
        let header = |header| TableOptions { header, ..TableOptions::default() };
        assert_eq!(read(&format!("{odd}\n{body}"), header(HeaderRow::Present)).unwrap().len(), 40);
    }
    // Of scikit-learn's files: the rows, the features and the names of the classes.
    let iris = lines(40, |i| format!("5.{i},3.{i},1.4,0.2,{}", i % 3));
    assert_eq!(auto(&format!("150,4,setosa,versicolor,virginica\n{iris}")).unwrap().len(), 40);
    let missing = TableOptions {
        missing: vec!["none".into()],
        impute: Some(chainrule_datasets::Impute::Mean),
        ..TableOptions::default()
    };
    assert_eq!(read(&format!("none,7,1\n{body}"), missing).unwrap().len(), 41);
    refused(
        &format!("3O,k1\n{}", lines(40, |i| format!("{i},k{}", i % 2))),
        ReadOptions::default(),
        "\"3O\"",
    );
    for names in ["2019,2020,y", "a,b,y", "0,1,y", "1,2,y", "a1,2nd,y", "x,1,2"] {
        assert_eq!(auto(&format!("{names}\n{body}")).unwrap().len(), 40, "{names}");
    }
}

#[test]
fn whole_numbers_above_words_are_a_header() {
    let body = lines(40, |i| format!("0.{i},{i},k{}", i % 2));
    for names in ["2019,2020,2021", "1,2,3", "0,1,2"] {
        let data = auto(&format!("{names}\n{body}")).unwrap();
        assert_eq!((data.len(), data.class_names()), (40, &["k0".to_owned(), "k1".into()][..]), "{names}");
    }
    refused(&format!("5,3,7\n{body}"), ReadOptions::default(), "(--header present or absent)");
    assert_eq!(auto(&body).unwrap().len(), 40);
}

#[test]
fn the_target_is_a_column_that_is_not_left_out() {
    let text = format!("a,b,y,note\n{}", lines(40, |i| format!("{i},1.{i},{},free text {i}", i % 2)));
    let drop = |columns: &[&str], target: &str| ReadOptions {
        target: target.parse().unwrap(),
        table: TableOptions {
            drop: columns.iter().map(|column| column.parse().unwrap()).collect(),
            ..TableOptions::default()
        },
        ..ReadOptions::default()
    };
    let data = read(&text, drop(&["note"], "last")).unwrap();
    assert_eq!(
        (data.feature_names(), data.class_names()),
        (vec!["a".to_owned(), "b".into()], &["0".to_owned(), "1".into()][..])
    );
    assert_eq!(read(&text, drop(&["3"], "last")).unwrap(), data);
    assert_eq!(read(&text, drop(&["last"], "last")).unwrap(), data);
    assert_eq!(read(&text, drop(&["y,note"], "last")).unwrap().feature_names(), ["a"]);
    refused(&text, drop(&["y", "note"], "y"), "\"y\" is the target and is to be left out");
    refused(&text, drop(&["a,b,y,note"], "last"), "left out");
    // A name that holds a comma is found as a whole.
    let text = format!("\"a,b\",a,y\n{}", lines(40, |i| format!("{i},1.{i},{}", i % 2)));
    assert_eq!(read(&text, drop(&["a,b"], "last")).unwrap().feature_names(), ["a"]);
    refused(&text, drop(&["a,c"], "last"), "no column c");
    let categorical =
        TableOptions { categorical: vec![Column::Name("a,b".into())], ..TableOptions::default() };
    assert_eq!(read(&text, categorical).unwrap().inputs(), 41);
}

#[test]
fn the_cure_is_that_of_the_fault() {
    let rows = lines(40, |i| format!("{i},1.{i},{}", i % 2));
    refused(&format!("# made by hand\n{rows}"), ReadOptions::default(), "(--comment #)");
    refused(&format!("# made\n# by hand\n{rows}"), ReadOptions::default(), "(--comment #)");
    refused(&format!("made by hand\n{rows}"), ReadOptions::default(), "(--skip-rows N)");
    for marker in ["-", "#N/A"] {
        refused(&format!("a,b,y\n{rows}3,{marker},1\n"), ReadOptions::default(), "(--missing)");
        refused(&format!("a,b,y\n3,{marker},1\n{rows}"), ReadOptions::default(), "(--missing)");
    }
}

#[test]
fn a_table_of_many_columns_is_read_in_time() {
    let n = 60_000;
    let header: Vec<String> = (0..n).map(|i| format!("c{i}")).collect();
    let row: Vec<String> = (0..n).map(|i| format!("{}.5", i % 10)).collect();
    let (header, row) = (header.join(","), row.join(","));
    let text = format!("{header}\n{row}\n{row}\n");
    let start = std::time::Instant::now();
    let model = read(&text, ReadOptions { task: TaskKind::Regression, ..ReadOptions::default() }).unwrap();
    let options = TableOptions { schema: model.schema().cloned(), ..TableOptions::default() };
    let new = csv::decode_features::<f64>(text.as_bytes(), Path::new("n.csv"), &options.into()).unwrap();
    assert_eq!(new.dim(), (2, n - 1));
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
