//! Files as pandas, NumPy and Pillow write them.

use std::fs;
use std::path::{Path, PathBuf};

use chainrule_datasets::{
    Batches, Column, ColumnKind, Dataset, Encoding, Features, HeaderRow, ImageShape, Impute, Parts, Pipeline,
    ReadOptions, Scaling, Schema, TableOptions, Target, csv, decode_image, idx, is_image_file, npy, read,
    read_features, read_images, read_pair, split::HoldOut,
};
use chainrule_tensor::ndarray::{Array2, array};

pub(crate) fn beside(folder: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder).join(name)
}

pub(crate) fn mean() -> ReadOptions {
    TableOptions { impute: Some(Impute::Mean), ..TableOptions::default() }.into()
}

pub(crate) fn of_model(schema: Option<&Schema>) -> ReadOptions {
    TableOptions { schema: schema.cloned(), ..TableOptions::default() }.into()
}

pub(crate) fn raw(data: &Dataset<f64>) -> Array2<f64> {
    data.inputs_through(&Pipeline::new())
}

/// The table of `tests/pandas/make.py`, its missing cells filled with the most frequent word (blue, before red) and the
/// mean: colour=blue, =green, =red, size, count, new=False, =True.
pub(crate) fn expected() -> Array2<f64> {
    array![
        [0.0, 0.0, 1.0, 1.5, 1.0, 0.0, 1.0],
        [1.0, 0.0, 0.0, 2.0, 2.0, 1.0, 0.0],
        [1.0, 0.0, 0.0, 2.5, 3.0, 0.0, 1.0],
        [0.0, 0.0, 1.0, 2.7, 4.0, 0.0, 1.0],
        [0.0, 1.0, 0.0, 3.5, 5.0, 1.0, 0.0],
        [1.0, 0.0, 0.0, 4.0, 6.0, 1.0, 0.0],
    ]
}

#[track_caller]
pub(crate) fn is_the_table(path: &Path) {
    let error = read::<f64>(path, &ReadOptions::default()).unwrap_err().to_string();
    let place = if path.extension().is_some_and(|e| e == "parquet") { "row 3" } else { "line 4" };
    assert!(error.contains(&format!("{place}, column 1 (colour)")), "{error}");
    let data = read::<f64>(path, &mean()).unwrap().train;
    assert!((raw(&data) - expected()).iter().all(|d| d.abs() < 1e-12), "{}: {}", path.display(), raw(&data));
    assert_eq!(data.class_names(), ["coat", "hat"]);
    assert_eq!(data.labels().unwrap(), [1, 0, 1, 1, 0, 0]);
    assert_eq!(data.feature_names()[..4], ["colour=blue", "colour=green", "colour=red", "size"]);
}

#[test]
fn a_table_of_pandas_is_the_same_with_any_delimiter_quotes_and_line_ends() {
    for name in ["comma.csv", "semicolon.csv", "quoted.csv", "tab.tsv"] {
        is_the_table(&beside("pandas", name));
    }
}

#[cfg(feature = "parquet")]
#[test]
fn a_table_of_pyarrow_is_the_same_however_it_is_packed() {
    for name in ["plain", "snappy", "gzip", "zstd", "lz4"] {
        is_the_table(&beside("pandas", &format!("{name}.parquet")));
    }
}

#[test]
fn arrays_of_an_archive_are_features_and_targets_by_their_names() {
    let images = Array2::from_shape_fn((3, 4), |(i, j)| (4 * i + j) as u8);
    let task = ReadOptions { task: chainrule_datasets::TaskKind::Classification, ..ReadOptions::default() };
    let xy = read::<f64>(&beside("pandas", "xy.npz"), &task).unwrap();
    assert_eq!(xy.train.features(), &Features::Bytes(images.clone()));
    assert_eq!(xy.train.image(), Some(ImageShape { height: 2, width: 2, channels: 1 }));
    assert_eq!((xy.train.full_scale(), xy.train.labels()), (Some(255.0), Some(&[1, 0, 1][..])));
    let parts = read::<f64>(&beside("pandas", "parts.npz"), &task).unwrap();
    assert_eq!((parts.train.len(), parts.test.as_ref().unwrap().labels()), (3, Some(&[1][..])));
    let bunch = read::<f64>(&beside("pandas", "bunch.npz"), &task).unwrap().train;
    assert_eq!((raw(&bunch), bunch.labels()), (images.mapv(f64::from), Some(&[1, 0, 1][..])));
    let lone = read::<f64>(&beside("pandas", "lone.npz"), &task).unwrap().train;
    assert_eq!((raw(&lone), lone.labels()), (images.mapv(f64::from), Some(&[1, 0, 1][..])));
}

#[test]
fn a_new_table_is_read_as_the_model_knows_it() {
    let data = read::<f64>(&beside("pandas", "comma.csv"), &mean()).unwrap().train;
    let model = of_model(data.schema());
    let new = |text: &str| csv::decode_features::<f64>(text.as_bytes(), "new.csv".as_ref(), &model);
    // Other order, other columns, a missing cell, no target.
    let x = new("note,new,size,colour,count\nfine,True,,green,9\n").unwrap();
    let mut row = [0.0; 7];
    x.row(0, &mut row);
    assert_eq!(row, [0.0, 1.0, 0.0, 2.7, 9.0, 0.0, 1.0]);
    let refused = |text: &str| new(text).unwrap_err().to_string();
    assert!(refused("colour,size,count,new\npink,1,2,True\n").contains(
        "line 2, column 1 (colour): \"pink\" is not one of the words that the model knows: blue, green, red"
    ));
    assert!(refused("colour,size,count\nred,1,2\n").contains("no column \"new\""));
    // A table without names is known by its places, with the target or without.
    let bare = csv::decode::<f64>(
        b"7,red,1\n8,blue,2\n",
        "b.csv".as_ref(),
        &ReadOptions { target: Column::Index(0).into(), ..ReadOptions::default() },
    );
    let model: ReadOptions = TableOptions {
        schema: bare.unwrap().schema().cloned(),
        header: HeaderRow::Absent,
        ..Default::default()
    }
    .into();
    for text in ["7,blue,5\n", "blue,5\n"] {
        let x = csv::decode_features::<f64>(text.as_bytes(), "new.csv".as_ref(), &model).unwrap();
        let mut row = [0.0; 3];
        x.row(0, &mut row);
        assert_eq!(row, [1.0, 0.0, 5.0], "{text}");
    }
    // Nor do names tell columns apart of which two have the same.
    let twins = csv::decode::<f64>(b"a,a,b\n1,2,0\n3,4,1\n", "t".as_ref(), &ReadOptions::default()).unwrap();
    let of_twins = of_model(twins.schema());
    let x = csv::decode_features::<f64>(b"a,a\n5,6\n", "t".as_ref(), &of_twins).unwrap();
    let mut row = [0.0; 2];
    x.row(0, &mut row);
    assert_eq!(row, [5.0, 6.0]);
    assert!(
        csv::decode_features::<f64>(b"1,blue,5,6\n", "n".as_ref(), &model)
            .unwrap_err()
            .to_string()
            .contains("4 columns")
    );
}

#[test]
fn imputed_values_are_found_in_the_training_part_alone() {
    let text: String = (0..40)
        .map(|i| if i % 4 == 0 { format!(",{i}.5\n") } else { format!("{},{i}.5\n", i * i) })
        .collect();
    let median: ReadOptions =
        TableOptions { impute: Some(Impute::Median), header: HeaderRow::Absent, ..TableOptions::default() }
            .into();
    let data = csv::decode::<f64>(text.as_bytes(), "t.csv".as_ref(), &median).unwrap();
    let whole = data.schema().unwrap().features[0].fill.unwrap();
    let parts = Parts::from(data)
        .hold_out_test(HoldOut::Fraction(0.3), 1)
        .unwrap()
        .hold_out_validation(HoldOut::Fraction(0.3), 1)
        .unwrap();
    let (test, validation) = (parts.test.unwrap(), parts.validation.unwrap());
    let mut present: Vec<f64> = Vec::new();
    for (i, row) in raw(&parts.train).outer_iter().enumerate() {
        let Target::Real { values, .. } = parts.train.target() else { panic!("numbers") };
        if !(values[(i, 0)] as usize).is_multiple_of(4) {
            present.push(row[0]);
        }
    }
    present.sort_by(f64::total_cmp);
    let n = present.len();
    let own = f64::midpoint(present[(n - 1) / 2], present[n / 2]);
    assert_ne!(own, whole);
    for data in [&parts.train, &test, &validation] {
        assert_eq!(data.schema().unwrap().features[0].fill, Some(own));
    }
}

#[test]
fn numbers_are_a_category_where_that_is_asked_for_and_columns_can_be_left_out() {
    let table = TableOptions {
        categorical: vec![Column::Name("zip".into())],
        drop: vec![Column::Name("id".into())],
        ..TableOptions::default()
    };
    let options = ReadOptions::from(table);
    let data =
        csv::decode::<f64>(b"id,zip,rent\n1,200,9.5\n2,70,8.5\n3,200,7.5\n", "t".as_ref(), &options).unwrap();
    assert_eq!(raw(&data), array![[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]);
    assert_eq!(
        data.schema().unwrap().features[0].kind,
        ColumnKind::Category(vec!["200".into(), "70".into()])
    );
}

#[test]
fn images_are_what_pillow_sees() {
    let told: serde_json::Value =
        serde_json::from_slice(&fs::read(beside("pillow", "expected.json")).unwrap()).unwrap();
    let told = told.as_object().unwrap();
    assert_eq!(told.len(), 16);
    for (name, told) in told {
        let path = beside("pillow", name);
        #[cfg(not(feature = "image-formats"))]
        if !is_image_file(&path) {
            continue;
        }
        assert!(is_image_file(&path), "{name}");
        let image = decode_image(&fs::read(&path).unwrap(), &path).unwrap();
        let number = |key: &str| told[key].as_u64().unwrap() as usize;
        assert_eq!(
            image.shape,
            ImageShape { height: number("height"), width: number("width"), channels: number("channels") },
            "{name}"
        );
        for (form, height, width, channels) in [
            ("grey", image.shape.height, image.shape.width, 1),
            ("rgb", image.shape.height, image.shape.width, 3),
            ("grey-small", image.shape.height / 2, image.shape.width / 2, 1),
            ("rgb-small", image.shape.height / 2, image.shape.width / 2, 3),
        ] {
            let features =
                read_images::<f64>(std::slice::from_ref(&path), ImageShape { height, width, channels }, None)
                    .unwrap();
            let mut row = vec![0.0; height * width * channels];
            features.row(0, &mut row);
            let theirs: Vec<f64> =
                told[form].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
            // Two decoders of JPEG may differ by a step or two.
            let bar = if name.ends_with("jpg") {
                3.0
            } else if form.ends_with("small") {
                1.0
            } else {
                0.0
            };
            let worst = row.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(row.len() == theirs.len() && worst <= bar, "{name} {form}: {worst}");
        }
    }
}

#[test]
fn a_jpeg_whose_scans_do_not_fit_makes_nothing_panic() {
    // Found by the fuzzer in another decoder.
    let path = beside("found", "scans.jpg");
    if let Ok(image) = decode_image(&fs::read(&path).unwrap(), &path) {
        assert_eq!(image.shape.numbers(), Some(image.pixels.len()));
    }
}

#[test]
fn rows_that_stay_in_their_file_are_the_rows_of_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (n, columns) = (3_001, 7);
    let x = Array2::from_shape_fn((n, columns), |(i, j)| ((i * 31 + j * 7) % 251) as f64 - 100.0);
    npy::write(&folder.path().join("x.npy"), &x).unwrap();
    let bytes: Vec<u8> = x.iter().map(|&x| (x + 100.0) as u8).collect();
    idx::write(&folder.path().join("x.idx"), &idx::Idx::new(vec![n, columns], bytes)).unwrap();
    npy::write(&folder.path().join("y.npy"), &Array2::from_shape_fn((n, 1), |(i, _)| (i % 5) as f64))
        .unwrap();
    let stream = |stream| ReadOptions {
        stream: Some(stream),
        target: Column::Index(3).into(),
        ..ReadOptions::default()
    };
    let target = folder.path().join("y.npy");
    let pair = |name: &str, s| read_pair::<f64>(&folder.path().join(name), &target, &stream(s)).unwrap();
    let lone = |s| read::<f64>(&folder.path().join("x.npy"), &stream(s)).unwrap().train;
    for (stored, memory) in [
        (pair("x.npy", true), pair("x.npy", false)),
        (pair("x.idx", true), pair("x.idx", false)),
        (lone(true), lone(false)),
    ] {
        assert!(matches!(stored.features(), Features::FileRows(_)));
        assert_eq!(stored.target(), memory.target());
        let by_class = (stored.is_split_by_class(), memory.is_split_by_class());
        assert_eq!(by_class, (false, memory.target().is_classes()));
        let pipeline = Pipeline::fit(&[Scaling::Standardise], &memory).unwrap();
        let fitted = Pipeline::fit(&[Scaling::Standardise], &stored).unwrap();
        let (x, own) = (memory.inputs_through(&pipeline), stored.inputs_through(&fitted));
        assert!((&x - &own).iter().all(|d| d.abs() < 1e-12));

        // An epoch has each row once, with its own numbers and target, and begins anywhere with the same bits.
        let encoding = if stored.target().is_classes() { Encoding::OneHot } else { Encoding::Real };
        let mut batches = Batches::new(&stored, &pipeline, encoding, 64);
        batches.shuffle(7, 2);
        let (mut seen, mut third) = (Vec::new(), None);
        while let Some(batch) = batches.next_batch() {
            for (row, &i) in batch.x().outer_iter().zip(batch.indices()) {
                assert_eq!(row, x.row(i));
            }
            seen.extend_from_slice(batch.indices());
            third.get_or_insert_with(|| seen.clone());
            if seen.len() == 3 * 64 {
                third = Some(batch.indices().to_vec());
            }
        }
        batches.shuffle(7, 2);
        batches.seek(2);
        assert_eq!(batches.next_batch().unwrap().indices(), third.unwrap());
        assert!(!seen.is_sorted());
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..n));

        // Parts are blocks of the file, and between them they have all of it.
        let parts = Parts::from(stored).hold_out_test(HoldOut::Fraction(0.2), 1).unwrap();
        let test = parts.test.unwrap();
        assert_eq!(parts.train.len() + test.len(), n);
        let mut rows: Vec<Vec<f64>> = Vec::new();
        for part in [&parts.train, &test] {
            rows.extend(raw(part).outer_iter().map(|row| row.to_vec()));
        }
        let mut all: Vec<Vec<f64>> = raw(&memory).outer_iter().map(|row| row.to_vec()).collect();
        rows.sort_by(|a, b| a.partial_cmp(b).unwrap());
        all.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert_eq!(rows, all);
    }
}

#[test]
fn what_is_no_table_is_refused_with_its_cure() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str, text: &[u8], words: &[&str]| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let error = read::<f32>(&path, &ReadOptions::default()).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)) && !error.contains('\n'), "{error}");
    };
    refused(
        "a.csv",
        b"a,b\nred,1.5\n2,2.5\n",
        &["line 3, column 1 (a)", "\"2\" is a number", "--categorical"],
    );
    refused("a.csv", b"a,b\n,1.5\n,2.5\n", &["line 2, column 1 (a)", "--impute"]);
    let words: Vec<String> = (0..1_001).map(|i| format!("w{i},1.5\n")).collect();
    refused("a.csv", words.concat().as_bytes(), &["1000 different words", "--drop"]);
    refused("a.csv", &b",".repeat(70_000), &["65536"]);
    refused("a.npz", b"PK\x03\x04", &["no archive"]);
    refused("a.parquet", b"PAR1", &["a.parquet"]);
    refused("a.npy", &fs::read(beside("numpy", "bool.npy")).unwrap()[..130], &["announces"]);
    refused("a.idx", &[0, 0, 8, 1, 0, 0, 0, 1, 7], &["no target", "--target"]);
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert!(
        read::<f32>(&empty, &ReadOptions::default())
            .unwrap_err()
            .to_string()
            .contains("no folder with images")
    );
    assert!(
        read_features::<f32>(&folder.path().join("x.xls"), &ReadOptions::default())
            .unwrap_err()
            .to_string()
            .contains("not known by its name")
    );
    let all_missing =
        csv::decode::<f32>(b"a,b\n,1.5\n,2.5\n", "t".as_ref(), &mean()).unwrap_err().to_string();
    assert!(all_missing.contains("column 1 (a) has no cell that is not missing"), "{all_missing}");
    let mut asked = ReadOptions { target: Column::Index(0).into(), ..mean() };
    asked.table.categorical = vec![Column::Index(1)];
    let no_words = csv::decode::<f32>(b"y,", "t".as_ref(), &asked).unwrap_err().to_string();
    assert!(no_words.contains("column 1 (counted from 0) has no cell that is not missing"), "{no_words}");
}
