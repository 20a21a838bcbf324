//! Tables: what they mean, and how their faults are named.

use std::path::Path;

use chainrule_datasets::{
    Column, Dataset, Encoding, Error, HeaderRow, Pipeline, ReadOptions, TableOptions, TaskKind, csv,
};
use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, array};
use proptest::prelude::*;

fn read(text: &str, options: &ReadOptions) -> Result<Dataset<f64>, Error> {
    csv::decode(text.as_bytes(), Path::new("t.csv"), options)
}

fn auto(text: &str) -> Dataset<f64> {
    read(text, &ReadOptions::default()).unwrap()
}

#[track_caller]
fn refusal(text: &str, options: &ReadOptions) -> String {
    let message = read(text, options).unwrap_err().to_string();
    assert!(message.starts_with("t.csv") && !message.contains('\n'), "{message}");
    message
}

#[test]
fn a_header_is_seen() {
    for (text, names, examples) in [
        ("a,b,c\n1,2,3\n", ["a", "b"], 1),
        ("1,2,3\n4,5,6\n", ["x0", "x1"], 2),
        ("1,2,cat\n4,5,dog\n", ["x0", "x1"], 2),
        ("0,1,label\n4,5,6\n", ["0", "1"], 1),
        ("\u{feff}a, b ,c\r\n 1,\"2\", 3\r\n", ["a", "b"], 1),
    ] {
        let data = auto(text);
        assert_eq!(
            (data.feature_names(), data.len()),
            (names.map(str::to_owned).to_vec(), examples),
            "{text}"
        );
    }
    let absent = ReadOptions::from(TableOptions { header: HeaderRow::Absent, ..TableOptions::default() });
    assert!(
        refusal("a,b\n1,2\n", &absent).contains(
            "line 2, column 0 (counted from 0): \"1\" is a number, but the cells above it are words"
        )
    );
}

#[test]
fn a_number_that_is_too_large_is_named_with_its_line_and_column_and_is_no_word() {
    fn refused<A: Scalar>(text: &str, task: TaskKind) -> String {
        let options = ReadOptions { task, ..ReadOptions::default() };
        let data = csv::decode::<A>(text.as_bytes(), Path::new("t.csv"), &options);
        data.unwrap_err().to_string()
    }
    let of_f64 = |text: &str, place: &str, task| {
        let message = refused::<f64>(text, task);
        let is = format!("t.csv, {place}: \"1e999\" is too large for f64, whose largest number is 1.8e308");
        assert!(message.starts_with(&is), "{text}: {message}");
    };
    for task in [TaskKind::Auto, TaskKind::Regression] {
        of_f64("x,y,z\n1e999,2,3.5\n4,5,6.5\n", "line 2, column 1 (x)", task);
        of_f64("1e999,2,3.5\n4,5,6.5\n7,8,9.5\n", "line 1, column 0 (counted from 0)", task);
        of_f64("x,y,z\n1,2,3.5\n4,1e999,6.5\n", "line 3, column 2 (y)", task);
        of_f64("x,y,z\n1,2,1e999\n4,5,6.5\n", "line 2, column 3 (z)", task);
        of_f64("x,y,z\n1,2,3\n4,5,1e999\n", "line 3, column 3 (z)", task);
        for text in ["x,y,z\n1e39,2,3.5\n4,5,6.5\n", "x,y,z\n1,2,1e39\n4,5,6.5\n", "x,y,z\n1,2,1e39\n4,5,6\n"]
        {
            let message = refused::<f32>(text, task);
            let column = if text.contains("1e39,2") { "column 1 (x)" } else { "column 3 (z)" };
            assert!(
                message.contains(&format!("line 2, {column}: \"1e39\" is too large for f32")),
                "{message}"
            );
            assert!(message.ends_with("or train with --dtype f64"), "{message}");
            assert!(csv::decode::<f64>(text.as_bytes(), Path::new("t.csv"), &ReadOptions::default()).is_ok());
        }
    }
    // Names can look like it.
    let hashes = auto("id,k\n7e812,1e999\nab12f,c\n7e812,c\n");
    assert_eq!(
        (hashes.feature_names().len(), hashes.class_names()),
        (2, &["1e999".to_owned(), "c".to_owned()][..])
    );
}

#[test]
fn the_target_is_the_column_asked_for() {
    let text = "y,a,b\n10.5,1,2\n20.5,3,4\n";
    for target in [Column::Index(0), Column::Name("y".into())] {
        let data = read(text, &ReadOptions { target: target.into(), ..ReadOptions::default() }).unwrap();
        assert_eq!(data.encode(Encoding::Real), array![[10.5], [20.5]]);
        assert_eq!(data.inputs_through(&Pipeline::new()), array![[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(data.feature_names(), ["a", "b"]);
    }
    for target in [Column::Index(3), Column::Name("z".into())] {
        assert!(
            refusal(text, &ReadOptions { target: target.into(), ..ReadOptions::default() })
                .contains("among y, a, b")
        );
    }
}

#[test]
fn faults_are_named_with_line_and_column() {
    let refused = |text| refusal(text, &ReadOptions::default());
    assert!(
        refused("a,b,c\n1,2,3\n\n1,nan,3\n")
            .contains("t.csv, line 4, column 2 (b): \"nan\" is no finite number")
    );
    assert!(refused("a,b,c\r\n1,2,3\r\n\r\n1,,3\r\n").contains("line 4, column 2"));
    assert!(refused("a,b,c\n\"1\n\",2,3\n1,,3").contains("line 4, column 2"));
    assert!(
        refused("1,2,3\n1,two,3\n")
            .contains("t.csv, line 2, column 1 (counted from 0): \"two\" is no number")
    );
    assert!(refused("1,2,3\n1,,3\n").contains("line 2, column 1 (counted from 0): the cell is empty"));
    assert!(
        refused("1,2,3\n1,2,\n")
            .contains("line 2, column 2 (counted from 0): the cell is empty, and it is the target")
    );
    assert!(refused("1,2,3\n1,2\n").contains("line 2 has 2 cells, the first row 3"));
    assert!(refused("").contains("it is empty"));
    assert!(refused("a,b,c\n").contains("header and nothing else"));
    assert!(refused("1\n2\n").contains("check the delimiter"));
    let regression = ReadOptions { task: TaskKind::Regression, ..ReadOptions::default() };
    assert!(
        refusal("1,2\n1,x\n", &regression)
            .contains("line 2, column 1 (counted from 0): \"x\" is no finite number")
    );
    let not_utf8 = csv::decode::<f32>(b"1,2\n1,\xff\n", Path::new("t.csv"), &ReadOptions::default());
    assert!(not_utf8.unwrap_err().to_string().contains("UTF-8"));
}

#[test]
fn classes_of_a_model_serve_new_data() {
    let options = ReadOptions { classes: vec!["dog".into(), "cat".into()], ..ReadOptions::default() };
    assert_eq!(read("1,cat\n", &options).unwrap().labels().unwrap(), [1]);
    assert!(
        refusal("1,cat\n2,cow\n", &options)
            .contains("line 2, column 1 (counted from 0): \"cow\" is not one of the classes dog, cat")
    );
}

#[test]
fn a_header_with_a_name_twice_is_known_again() {
    let table = TableOptions { header: HeaderRow::Present, ..TableOptions::default() };
    let options = ReadOptions { target: Column::Index(1).into(), table, ..ReadOptions::default() };
    let trained = read("a,kind,a\nred,1,blue\ngreen,2,blue\n", &options).unwrap();
    let schema = trained.schema().unwrap().clone();
    let again = ReadOptions::from(TableOptions { schema: Some(schema), ..TableOptions::default() });
    for text in ["a,kind,a\nred,1,blue\n", "a,a\nred,blue\n", "red,1,blue\n"] {
        let features = csv::decode_features::<f64>(text.as_bytes(), Path::new("t.csv"), &again).unwrap();
        let mut row = [0.0; 3];
        features.row(0, &mut row);
        assert_eq!((features.dim(), row), ((1, 3), [0.0, 1.0, 1.0]), "{text}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let error =
        csv::read_matrix::<f32>(Path::new("no-such.csv"), HeaderRow::Auto, b',').unwrap_err().to_string();
    assert!(error.starts_with("cannot read no-such.csv"), "{error}");
}

fn matrices() -> impl Strategy<Value = Array2<f64>> {
    let number = any::<f64>().prop_filter("finite", |x| x.is_finite());
    prop::collection::vec(prop::array::uniform2(number), 1..20).prop_map(Array2::from)
}

proptest! {
    #[test]
    fn every_number_survives_the_round_trip(x in matrices(), named: bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        csv::write_matrix(&path, if named { &["a", "b"] } else { &[] }, &x).unwrap();
        let back = csv::read_matrix::<f64>(&path, HeaderRow::Auto, b',').unwrap();
        prop_assert_eq!(back.names.len(), if named { 2 } else { 0 });
        prop_assert_eq!(back.values, x);
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[0-9a.,\"\n\r\u{feff} -]{0,60}",
        target in prop_oneof![Just(Column::Last), Just(Column::Index(1)), Just(Column::Name("a".into()))],
    ) {
        let options = ReadOptions { target: target.into(), ..ReadOptions::default() };
        let _ = csv::decode::<f32>(&bytes, Path::new("x"), &options);
        let _ = csv::decode::<f32>(text.as_bytes(), Path::new("x"), &options);
    }
}
