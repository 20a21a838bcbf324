//! Tables with types beside tables of text, and archives of arrays, for a model.

use std::path::Path;

use chainrule_datasets::{
    Column, Dataset, Pipeline, ReadOptions, TableOptions, csv, npy, npz, parquet, read, read_features,
    read_pair,
};
use chainrule_tensor::ndarray::Array2;

fn encoded(a: &[String], y: &[String]) -> Vec<u8> {
    let words = |words: &[String]| parquet::Values::Words(words.to_vec());
    parquet::encode(&[("a".to_owned(), words(a)), ("y".to_owned(), words(y))]).unwrap()
}

#[test]
fn texts_of_a_parquet_file_are_read_as_those_of_a_table_of_text() {
    let column =
        |cell: &str| -> Vec<String> { (1..=28).map(|i| cell.replace('#', &format!("{i:02}"))).collect() };
    for cell in ["2024-01-#", "0,#", "#%", "$#.50", "(1.#)", "2024-01-# 06:00 UTC", "k#"] {
        let cells = column(cell).into_iter().zip((0..28).map(|i| (i % 5).to_string()));
        let cells: Vec<(String, String)> = cells.map(|(text, y)| (text.replace("k2", "k1"), y)).collect();
        let (texts, y): (Vec<String>, Vec<String>) = cells.into_iter().unzip();
        let text: String = std::iter::once("a;y\n".to_owned())
            .chain(texts.iter().zip(&y).map(|(text, y)| format!("{text};{y}\n")))
            .collect();
        let bytes = encoded(&texts, &y);
        let options = ReadOptions {
            table: TableOptions {
                categorical: if cell == "k#" { vec![Column::Index(0)] } else { Vec::new() },
                ..TableOptions::default()
            },
            ..ReadOptions::default()
        };
        let of_text = csv::decode::<f64>(text.as_bytes(), Path::new("t.csv"), &options).unwrap();
        let typed = parquet::decode::<f64>(&bytes, Path::new("t.parquet"), &options).unwrap();
        assert_eq!(
            typed.inputs_through(&Pipeline::new()),
            of_text.inputs_through(&Pipeline::new()),
            "{cell}"
        );
        assert_eq!((typed.inputs() == 1, typed.labels()), (cell != "k#", of_text.labels()), "{cell}");
        let forms = |data: &Dataset<f64>| data.schema().unwrap().features[0].form.clone();
        assert_eq!(forms(&typed), forms(&of_text));
    }
    let texts = column("1#,500");
    let bytes = encoded(&texts, &texts);
    let error = parquet::decode::<f64>(&bytes, Path::new("t.parquet"), &ReadOptions::default()).unwrap_err();
    assert!(error.to_string().contains("column 1 (a)") && error.to_string().contains("--decimal"), "{error}");
}

#[test]
fn the_features_of_an_archive_never_hold_the_target() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.npz");
    let lines: Vec<String> = (0..40).map(|i| format!("{},{i},1.{i}", i % 2)).collect();
    let text = lines.join("\n");
    let options = ReadOptions { target: Column::Index(0).into(), ..ReadOptions::default() };
    let model = csv::decode::<f64>(text.as_bytes(), Path::new("t.csv"), &options).unwrap();
    let known: ReadOptions =
        TableOptions { schema: model.schema().cloned(), ..TableOptions::default() }.into();
    let x = |columns| Array2::from_shape_fn((3, columns), |(i, j)| (i + j) as f64).into_dyn();
    for with_y in [false, true] {
        let mut arrays = vec![("x".to_owned(), x(3))];
        if with_y {
            arrays.push(("y".to_owned(), x(1)));
        }
        npz::write(&path, &arrays).unwrap();
        let error = read_features::<f64>(&path, &known).unwrap_err().to_string();
        assert!(error.contains("array x has 3 columns") && error.contains("2 without the target"), "{error}");
        arrays[0].1 = x(2);
        npz::write(&path, &arrays).unwrap();
        assert_eq!(read_features::<f64>(&path, &known).unwrap().dim(), (3, 2));
    }
}

#[test]
fn a_column_of_an_array_is_left_out_or_the_array_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let x = Array2::from_shape_fn((40, 3), |(i, j)| if j == 1 { (i % 2) as f64 } else { (i * 3 + j) as f64 });
    let y = Array2::from_shape_fn((40, 1), |(i, _)| (i % 2) as f64);
    let drop = |column: usize, target: Column| ReadOptions {
        target: target.into(),
        table: TableOptions { drop: vec![Column::Index(column)], ..TableOptions::default() },
        ..ReadOptions::default()
    };
    npy::write(&file("x.npy"), &x).unwrap();
    npy::write(&file("y.npy"), &y).unwrap();
    npz::write(&file("one.npz"), &[("table".to_owned(), x.clone().into_dyn())]).unwrap();
    npz::write(&file("two.npz"), &[("x".to_owned(), x.into_dyn()), ("y".to_owned(), y.into_dyn())]).unwrap();
    for name in ["x.npy", "one.npz"] {
        let data = read::<f64>(&file(name), &drop(2, Column::Last)).unwrap().train;
        assert_eq!((data.inputs(), data.class_names().len()), (1, 2), "{name}");
        let error = read::<f64>(&file(name), &drop(2, Column::Index(2))).unwrap_err().to_string();
        assert!(error.contains("column 2 is the target and is to be left out"), "{error}");
    }
    let error = read::<f64>(&file("two.npz"), &drop(0, Column::Last)).unwrap_err().to_string();
    assert!(error.contains("two.npz: all of its numbers are features"), "{error}");
    let error =
        read_pair::<f64>(&file("x.npy"), &file("y.npy"), &drop(0, Column::Last)).unwrap_err().to_string();
    assert!(error.contains("x.npy: all of its numbers are features"), "{error}");
}
