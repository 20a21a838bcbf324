//! The same data has the same meaning in every format.

use std::fs;

use chainrule_datasets::{
    Batches, Column, Dataset, Encoding, Pipeline, ReadOptions, Scaling, TableOptions, Target, npy, read,
    read_features, read_pair,
};
use chainrule_tensor::ndarray::{Array2, array};

use crate::formats::{beside, of_model, raw};

fn of(name: &str) -> Dataset<f64> {
    read::<f64>(&beside("pandas", name), &ReadOptions::default()).unwrap().train
}

#[test]
fn every_kind_of_column_is_the_same_in_text_and_in_parquet() {
    let (text, typed) = (of("kinds.csv"), of("kinds.parquet"));
    assert_eq!(raw(&text), raw(&typed));
    assert_eq!(text.target(), typed.target());
    assert_eq!(raw(&text).row(0).to_vec()[6..], [19_753.0, 19_753.25, 19_753.25, 19_753.25, 19_753.25]);
    for (model, new) in [(&text, "kinds.parquet"), (&typed, "kinds.csv")] {
        let features = read_features::<f64>(&beside("pandas", new), &of_model(model.schema())).unwrap();
        assert_eq!(features.transformed(&Pipeline::new(), 0..4), raw(model));
    }
}

#[test]
fn a_column_of_parquet_that_is_not_read_is_refused_or_left_out() {
    let path = beside("pandas", "interval.parquet");
    let error = read::<f64>(&path, &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("column 2 (gap) holds intervals of time") && error.contains("--drop"), "{error}");
    let drop = vec![Column::Name("gap".into()), Column::Name("list".into())];
    let table = TableOptions { drop, ..TableOptions::default() };
    let data = read::<f64>(&path, &table.into()).unwrap().train;
    assert_eq!(raw(&data), array![[0.0], [1.0], [2.0], [3.0]]);
    // A model that does not know the columns never looks at them.
    let new = read_features::<f64>(&path, &of_model(data.schema())).unwrap();
    assert_eq!(new.transformed(&Pipeline::new(), 0..4), raw(&data));
    let small = ReadOptions { max_memory: Some(16), ..of_model(data.schema()) };
    let error = read_features::<f64>(&path, &small).unwrap_err().to_string();
    assert!(error.contains("--max-memory"), "{error}");
}

#[test]
fn the_same_numbers_have_the_same_bits_from_every_format() {
    fn bits(name: &str) -> (Array2<f32>, Target) {
        let data = read::<f32>(&beside("pandas", name), &ReadOptions::default()).unwrap().train;
        let pipeline = Pipeline::fit(&[Scaling::Standardise], &data).unwrap();
        (data.inputs_through(&pipeline), data.target().clone())
    }
    let (x, target) = bits("same.csv");
    assert!(x.column(0).iter().any(|x| x.abs() > 1.0));
    let Target::Real { values, .. } = target else { panic!("numbers") };
    for name in ["same.parquet", "same.npy", "same.npz"] {
        let (other, target) = bits(name);
        assert_eq!(x, other, "{name}");
        assert!(matches!(target, Target::Real { values: others, .. } if others == values), "{name}");
    }
    let stream = ReadOptions { stream: Some(true), ..ReadOptions::default() };
    let data = read::<f32>(&beside("pandas", "same.npy"), &stream).unwrap().train;
    let pipeline = Pipeline::fit(&[Scaling::Standardise], &data).unwrap();
    let mut batches = Batches::new(&data, &pipeline, Encoding::Real, 40);
    assert_eq!(batches.next_batch().unwrap().x(), x);
}

#[test]
fn several_targets_are_the_same_from_every_format() {
    let target = |name: &str, columns: &str| {
        let options = ReadOptions { target: columns.parse().unwrap(), ..ReadOptions::default() };
        read::<f64>(&beside("pandas", name), &options).map(|parts| parts.train)
    };
    let text = target("same.csv", "y,b").unwrap();
    assert_eq!((text.inputs(), text.target().columns()), (2, &["y".to_owned(), "b".to_owned()][..]));
    assert_eq!(target("same.parquet", "y,b").unwrap().target(), text.target());
    let Target::Real { values, .. } = text.target() else { panic!("numbers") };
    let array = target("same.npy", "3,1").unwrap();
    assert!(matches!(array.target(), Target::Real { values: others, .. } if others == values));
    assert_eq!(raw(&array), raw(&text));
    // A table without the targets is read for the model.
    let without = text.schema().unwrap().clone();
    let without = chainrule_datasets::Schema { named: false, ..without };
    let features = chainrule_datasets::csv::decode_features::<f64>(
        b"1.5,2\n3,4\n",
        "n.csv".as_ref(),
        &of_model(Some(&without)),
    );
    assert_eq!(features.unwrap().dim(), (2, 2));

    let labels = target("kinds.csv", "word,switch").unwrap();
    assert_eq!(labels.target().labels()[1].words, ["False", "True"]);
    assert_eq!(target("kinds.parquet", "word,switch").unwrap().target(), labels.target());
    assert!(labels.summary().to_string().ends_with("targets word, switch: 2 labels (a/b, False/True)"));
    let stream = ReadOptions { stream: Some(true), target: "3,1".parse().unwrap(), ..ReadOptions::default() };
    let error = read::<f64>(&beside("pandas", "same.npy"), &stream).unwrap_err().to_string();
    assert!(error.contains("2 are named") && error.contains("--stream=false"), "{error}");
}

#[test]
fn a_streamed_row_that_is_not_finite_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (path, y) = (folder.path().join("x.npy"), folder.path().join("y.npy"));
    let mut x = Array2::<f64>::zeros((40, 2));
    x[(17, 1)] = f64::NAN;
    npy::write(&path, &x).unwrap();
    npy::write(&y, &Array2::<f64>::from_shape_fn((40, 1), |(i, _)| i as f64)).unwrap();
    let options = |stream| ReadOptions { stream: Some(stream), ..ReadOptions::default() };
    assert!(read_pair::<f32>(&path, &y, &options(false)).unwrap_err().to_string().contains("row 17"));
    let data = read_pair::<f32>(&path, &y, &options(true)).unwrap();
    let mut batches = Batches::new(&data, &Pipeline::new(), Encoding::Real, 40);
    let mut batch = batches.buffer();
    let error = batches.fill(&mut batch).unwrap_err().to_string();
    assert!(error.contains("x.npy") && error.contains("row 17"), "{error}");
}

#[cfg(feature = "image-formats")]
#[test]
fn what_is_passed_over_in_a_folder_is_counted_and_an_empty_class_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (class, file) in [("left", "rgb.png"), ("right", "lossless.webp")] {
        fs::create_dir(folder.path().join(class)).unwrap();
        fs::copy(beside("pillow", file), folder.path().join(class).join(file)).unwrap();
        fs::write(folder.path().join(class).join("notes.txt"), "no image").unwrap();
    }
    let data = read::<f32>(folder.path(), &ReadOptions::default()).unwrap().train;
    assert_eq!(
        (data.class_names().join(" "), data.ignored()),
        ("left right".into(), &[(".txt".into(), 2)][..])
    );
    assert_eq!(data.summary().to_string(), "2 images of 6 x 4 x 3; target: 2 classes; ignored: 2 .txt");
    fs::rename(folder.path().join("right/lossless.webp"), folder.path().join("right/a.heic")).unwrap();
    let error = read::<f32>(folder.path(), &ReadOptions::default()).unwrap_err().to_string();
    assert!(
        error.contains("right: the folder of a class has no image") && error.contains("1 .heic, 1 .txt"),
        "{error}"
    );
    let small = ReadOptions { max_memory: Some(100), ..ReadOptions::default() };
    fs::remove_dir_all(folder.path().join("right")).unwrap();
    assert!(read::<f32>(folder.path(), &small).unwrap_err().to_string().contains("--max-memory"));
}

#[test]
fn the_task_of_an_archive_is_found_on_its_training_part() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    let column = |values: &[f64]| chainrule_tensor::ndarray::Array1::from(values.to_vec()).into_dyn();
    let x = |n: usize, inputs: usize| {
        Array2::<f64>::from_shape_fn((n, inputs), |(i, j)| (i + j) as f64).into_dyn()
    };
    let mut arrays = vec![
        ("x_train".to_owned(), x(4, 2)),
        ("y_train".to_owned(), column(&[0.5, 1.5, 2.0, 2.0])),
        ("x_val".to_owned(), x(2, 2)),
        ("y_val".to_owned(), column(&[1.0, 1.0])),
        ("x_test".to_owned(), x(4, 2)),
        ("y_test".to_owned(), column(&[1.0, 1.0, 2.0, 2.0])),
    ];
    chainrule_datasets::npz::write(&path, &arrays).unwrap();
    let parts = read::<f32>(&path, &ReadOptions::default()).unwrap();
    assert_eq!((parts.train.labels(), parts.test.unwrap().labels()), (None, None));
    assert_eq!(parts.validation.map(|data| data.len()), Some(2));
    arrays[4].1 = x(4, 3);
    chainrule_datasets::npz::write(&path, &arrays).unwrap();
    let error = read::<f32>(&path, &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("an example of x_test has 3 numbers, one of x_train 2"), "{error}");
}

#[test]
fn blank_lines_take_no_memory() {
    let text = format!(
        "{}\n{}\n{}",
        vec!["0.5"; 3_000].join(","),
        vec!["1.5"; 3_000].join(","),
        "\n".repeat(100_000)
    );
    let options = ReadOptions { max_memory: Some(4 << 20), ..ReadOptions::default() };
    let data = chainrule_datasets::csv::decode::<f32>(text.as_bytes(), "t.csv".as_ref(), &options).unwrap();
    assert_eq!((data.len(), data.inputs()), (2, 2_999));
    let small = ReadOptions { max_memory: Some(1 << 16), ..ReadOptions::default() };
    let error =
        chainrule_datasets::csv::decode::<f32>(text.as_bytes(), "t.csv".as_ref(), &small).unwrap_err();
    assert!(error.to_string().contains("--max-memory"), "{error}");
}

#[test]
fn a_category_is_read_again_by_its_own_schema_however_it_spells_numbers() {
    let text = b"x,y\n1,0\n01,1\n1.0,0\n+1,1\n2.50,0\n2.5,1\n";
    let table = TableOptions { categorical: vec![Column::Index(0)], ..TableOptions::default() };
    let data = chainrule_datasets::csv::decode::<f64>(text, "t.csv".as_ref(), &table.into()).unwrap();
    assert_eq!(data.schema().unwrap().input_names(), ["x=01", "x=1", "x=2.5", "x=2.50"]);
    let again = of_model(data.schema());
    let again = chainrule_datasets::csv::decode_features::<f64>(text, "t.csv".as_ref(), &again).unwrap();
    assert_eq!(again.transformed(&Pipeline::new(), 0..6), raw(&data));
    let new = chainrule_datasets::csv::decode_features::<f64>(
        b"x\n1.00\n",
        "n.csv".as_ref(),
        &of_model(data.schema()),
    );
    assert_eq!(new.unwrap().transformed(&Pipeline::new(), 0..1), array![[0.0, 1.0, 0.0, 0.0]]);
}

#[test]
fn texts_of_numpy_are_classes() {
    let data = read::<f64>(&beside("pandas", "texts.npz"), &ReadOptions::default()).unwrap().train;
    assert_eq!(
        (data.class_names().join(" "), data.labels()),
        ("Birne apfel ü".into(), Some(&[1, 0, 1, 2][..]))
    );
    let bytes = read::<f64>(&beside("pandas", "bytes.npz"), &ReadOptions::default()).unwrap().train;
    assert_eq!(bytes.labels(), Some(&[0, 1, 0, 1][..]));
}

#[test]
fn a_gzipped_table_is_read() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv.gz");
    let mut zip =
        flate2::write::GzEncoder::new(fs::File::create(&path).unwrap(), flate2::Compression::best());
    zip.write_all(b"a,b\n1,2.5\n3,4.5\n").unwrap();
    zip.finish().unwrap();
    let data = read::<f64>(&path, &ReadOptions::default()).unwrap().train;
    assert_eq!(raw(&data), array![[1.0], [3.0]]);
    let small = ReadOptions { max_memory: Some(10), ..ReadOptions::default() };
    assert!(read::<f64>(&path, &small).unwrap_err().to_string().contains("--max-memory"));
}

#[cfg(feature = "zstd")]
#[test]
fn a_table_compressed_by_zstandard_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv.zst");
    // What `printf 'a,b\n1,2.5\n3,4.5\n' | zstd` writes.
    fs::write(&path, zstd::encode_all(&b"a,b\n1,2.5\n3,4.5\n"[..], 3).unwrap()).unwrap();
    let data = read::<f64>(&path, &ReadOptions::default()).unwrap().train;
    assert_eq!(raw(&data), array![[1.0], [3.0]]);
    // Zeros that unpack to far more than they are.
    fs::write(&path, zstd::encode_all(&vec![b'0'; 1 << 24][..], 3).unwrap()).unwrap();
    let small = ReadOptions { max_memory: Some(1 << 20), ..ReadOptions::default() };
    assert!(read::<f64>(&path, &small).unwrap_err().to_string().contains("--max-memory"));
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(
        read::<f64>(&path, &ReadOptions::default()).unwrap_err().to_string().contains("cannot be unpacked")
    );
}

#[test]
fn the_features_of_an_archive_are_read_for_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    let x = |first: f64| array![[first, 1.0], [2.0, 3.0]].into_dyn();
    let features = |names: &[&str]| {
        let arrays: Vec<_> =
            names.iter().zip(5_u8..).map(|(name, x0)| ((*name).to_owned(), x(x0.into()))).collect();
        chainrule_datasets::npz::write(&path, &arrays).unwrap();
        read_features::<f64>(&path, &ReadOptions::default())
            .map(|features| features.transformed(&Pipeline::new(), 0..2)[(0, 0)])
            .map_err(|error| error.to_string())
    };
    assert_eq!(features(&["y", "X"]), Ok(6.0));
    assert_eq!(features(&["x_train", "y_train", "x_test", "y_test"]), Ok(7.0));
    assert_eq!(features(&["arr_0"]), Ok(5.0));
    let error = features(&["a", "b"]).unwrap_err();
    assert!(
        error.contains("no features among its arrays a, b") && error.contains("save them as x"),
        "{error}"
    );
}

#[test]
fn a_file_that_shrinks_is_told_and_ends_nothing_but_the_batch() {
    let folder = tempfile::tempdir().unwrap();
    let (x, y) = (folder.path().join("x.npy"), folder.path().join("y.npy"));
    npy::write(&x, &Array2::<f64>::zeros((1_000, 3))).unwrap();
    npy::write(&y, &Array2::<f64>::from_shape_fn((1_000, 1), |(i, _)| i as f64)).unwrap();
    let data =
        read_pair::<f64>(&x, &y, &ReadOptions { stream: Some(true), ..ReadOptions::default() }).unwrap();
    let mut batches = Batches::new(&data, &Pipeline::new(), Encoding::Real, 10);
    fs::File::options().write(true).open(&x).unwrap().set_len(500).unwrap();
    let mut batch = batches.buffer();
    assert!(batches.fill(&mut batch).unwrap_err().to_string().contains("x.npy"));
}
