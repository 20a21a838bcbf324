//! What a text is taken for: its delimiter, its header, the form of its numbers.

use std::fmt::Write;
use std::path::Path;

use chainrule_datasets::{
    Column, Dataset, Dialect, Error, Features, HeaderRow, Pipeline, ReadOptions, Scaling, TableOptions,
    TaskKind, csv,
};
use chainrule_tensor::ndarray::{Array2, array};
use proptest::prelude::*;

pub(crate) fn read_as(text: &str, name: &str, options: &ReadOptions) -> Result<Dataset<f64>, Error> {
    csv::decode(text.as_bytes(), Path::new(name), options)
}

pub(crate) fn read(text: &str) -> Dataset<f64> {
    read_as(text, "t.csv", &ReadOptions::default()).unwrap()
}

fn dialect(data: &Dataset<f64>) -> Dialect {
    data.schema().unwrap().dialect.clone().unwrap()
}

pub(crate) fn raw(data: &Dataset<f64>) -> Array2<f64> {
    data.inputs_through(&Pipeline::new())
}

pub(crate) fn lines(n: usize, line: impl Fn(usize) -> String) -> String {
    (1..=n).fold(String::new(), |mut text, i| {
        writeln!(text, "{}", line(i)).unwrap();
        text
    })
}

#[test]
fn the_numbers_of_the_columns_are_a_header() {
    let data = read(&format!("0,1,2\n{}", lines(40, |i| format!("0.{i},1.{i},{}", i % 2))));
    assert_eq!((data.len(), data.class_names()), (40, &["0".to_owned(), "1".into()][..]));
    assert_eq!(data.feature_names(), ["0", "1"]);
    // Two columns of whole numbers could be data.
    assert_eq!(read("0,1\n1,0\n").len(), 2);
}

#[test]
fn a_word_that_is_no_class_names_the_classes() {
    let text =
        format!("1100,1102,class\n{}", lines(40, |i| format!("{i},{},{}", i * i, ["a", "b", "c"][i % 3])));
    let data = read(&text);
    assert_eq!((data.len(), data.class_names().join(" ")), (40, "a b c".to_owned()));
    assert_eq!(data.feature_names(), ["1100", "1102"]);
    let bare = text.split_once('\n').unwrap().1;
    assert_eq!(read(bare).len(), 40);
    // A table of words alone.
    let words = format!(
        "colour,size,fits\n{}",
        lines(9, |i| ["red,big,yes", "blue,big,no", "red,small,yes"][i % 3].into())
    );
    assert_eq!((read(&words).len(), read(words.split_once('\n').unwrap().1).len()), (9, 9));
}

#[test]
fn the_delimiter_is_the_one_that_makes_the_rows_alike() {
    let tie = lines(40, |i| format!("{i},5;{i},7;{}", ["no", "yes"][i % 2]));
    let data = read(&tie);
    assert_eq!((dialect(&data).delimiter, data.class_names().join(" ")), (';', "no yes".to_owned()));
    assert_eq!(raw(&data).row(1), array![2.5, 2.7]);
    let header = "weight, dry\tlength, wet\tname, full\n";
    let tsv = format!("{header}{}", lines(10, |i| format!("{i}.5\t{i}\t{}", ["x", "y"][i % 2])));
    let data = read_as(&tsv, "t.tsv", &ReadOptions::default()).unwrap();
    assert_eq!((dialect(&data).delimiter, data.feature_names()[0].as_str()), ('\t', "weight, dry"));
    assert_eq!(read_as(&tsv, "t.csv", &ReadOptions::default()).unwrap(), data);
    for (text, delimiter) in [
        ("5.1  3.5 setosa\n6.4  3.2 virginica\n4.9 3.0 setosa\n", ' '),
        ("sep=;\na;b\n1;2\n3;4\n", ';'),
        ("a|b|l|\n1|2|0|\n3|4|1|\n", '|'),
        ("a,b\n1,2\n3,4\n   \n", ','),
        ("a,\"b;c;d\",e\n1,\"x;y;z\",2\n3,\"u;v;w\",4\n", ','),
    ] {
        let data = read(text);
        assert_eq!(dialect(&data).delimiter, delimiter, "{text}");
        assert!((2..4).contains(&data.len()), "{text}: {}", data.len());
    }
}

#[test]
fn the_options_decide_outright() {
    let table = TableOptions {
        delimiter: Some(b'/'),
        comment: Some(b'#'),
        skip_rows: Some(2),
        decimal: Some(','),
        missing: vec!["-99".into()],
        impute: Some(chainrule_datasets::Impute::Mean),
        header: HeaderRow::Absent,
        ..TableOptions::default()
    };
    let text = "made by a machine\nin May, 2024\n# a/b/c\n1,5/2/0\n-99/4/1\n# end\n2,5/NA/1\n";
    let error = read_as(text, "t.csv", &table.clone().into()).unwrap_err().to_string();
    assert!(
        error.contains("t.csv, line 7, column 1 (counted from 0)") && error.contains("\"NA\""),
        "{error}"
    );
    let data = read_as(&text.replace("NA", "6"), "t.csv", &table.into()).unwrap();
    assert_eq!(raw(&data), array![[1.5, 2.0], [2.0, 4.0], [2.5, 6.0]]);
    // The model keeps them, and a new file is read with them.
    let model: ReadOptions =
        TableOptions { schema: data.schema().cloned(), ..TableOptions::default() }.into();
    let new = csv::decode_features::<f64>(b"x\ny\n#\n0,5/-99\n", Path::new("n.csv"), &model).unwrap();
    let mut row = [0.0; 2];
    new.row(0, &mut row);
    assert_eq!(row, [0.5, 4.0]);
}

fn features(text: &str, of: &Dataset<f64>) -> Result<Features<f64>, String> {
    let model = TableOptions { schema: of.schema().cloned(), ..TableOptions::default() }.into();
    csv::decode_features(text.as_bytes(), Path::new("n.csv"), &model).map_err(|error| error.to_string())
}

fn rows(features: &Features<f64>) -> Vec<Vec<f64>> {
    let (n, inputs) = features.dim();
    let row = |i| {
        let mut row = vec![0.0; inputs];
        features.row(i, &mut row);
        row
    };
    (0..n).map(row).collect()
}

#[test]
fn a_new_file_is_read_as_the_training_data_was() {
    let data = read(&format!("0,1,y\n{}", lines(10, |i| format!("{i}.5,{i},{}", i % 2))));
    let error = features("1,0\n4,0\n0,4\n", &data).unwrap_err();
    assert!(
        error.contains("could name the columns or be an example") && error.contains("--header"),
        "{error}"
    );
    assert_eq!(rows(&features("0,1\n4,0\n0,4\n", &data).unwrap()), [[4.0, 0.0], [0.0, 4.0]]);
    assert_eq!(rows(&features("2,7\n4,0\n", &data).unwrap()), [[2.0, 7.0], [4.0, 0.0]]);
    let named = read(&format!("a,b,y\n{}", lines(10, |i| format!("{i}.5,{i},{}", i % 2))));
    assert_eq!(rows(&features("b,a\n1,2\n", &named).unwrap()), [[2.0, 1.0]]);
    assert_eq!(rows(&features("1,2\n3,4\n", &named).unwrap()), [[1.0, 2.0], [3.0, 4.0]]);
    let error = features("A,B\n1,2\n", &named).unwrap_err();
    assert!(error.contains("no column \"a\"") && error.contains("\"A\""), "{error}");
    // A file of one number to a row, for a model of one feature, needs no delimiter.
    let one = read(&format!("x,y\n{}", lines(10, |i| format!("{i}.5,{}", i % 2))));
    assert_eq!(rows(&features("1\n2\n", &one).unwrap()), [[1.0], [2.0]]);
}

#[test]
fn names_count_where_there_are_names() {
    let table = format!("a,b,n,n,y\n{}", lines(40, |i| format!("{},{},p,q,{}.5", i % 7, i % 5, i % 7 * 9)));
    let drop = TableOptions { drop: vec![Column::Index(2), Column::Index(3)], ..TableOptions::default() };
    let data = read_as(&table, "t.csv", &drop.into()).unwrap();
    let new = |text: &str| rows(&features(text, &data).unwrap());
    assert_eq!(new("a,b,n,n\n6,0,p,q\n"), [[6.0, 0.0]]);
    assert_eq!(new("b,a,n,n\n0,6,p,q\n"), [[6.0, 0.0]]);
    assert_eq!(new("n,b,a\np,0,6\n"), [[6.0, 0.0]]);
    let error = features("a,a,b\n1,2,3\n", &data).unwrap_err();
    assert!(error.contains("2 of its columns have the name \"a\""), "{error}");
    // Nor is a column taken by a name that two have.
    let options = ReadOptions { target: Column::Name("n".into()).into(), ..ReadOptions::default() };
    assert!(read_as(&table, "t.csv", &options).unwrap_err().to_string().contains("several columns"));
    let options = ReadOptions { target: Column::Index(1).into(), ..ReadOptions::default() };
    let error = read_as(
        "1,0,x\n5,6,a\n7,8,b\n",
        "t.csv",
        &ReadOptions {
            table: TableOptions { header: HeaderRow::Present, ..TableOptions::default() },
            ..options
        },
    );
    assert!(error.unwrap_err().to_string().contains("the name of a column and the position of another"));
}

#[test]
fn an_open_quote_is_an_error_with_its_line() {
    let rows = lines(60, |i| format!("{i},{},n", i % 7));
    let error = read_as(&format!("a,b,c\n1,1,\"y\n{rows}"), "t.csv", &ReadOptions::default()).unwrap_err();
    assert!(error.to_string().contains("line 2: a quote opens in this line"), "{error}");
    let data = read(&format!("a,b,c\n{rows}1,2,y\n1,3,y\n"));
    let error = features("a,b\n1,\"2\n3,4\n", &data).unwrap_err();
    assert!(error.contains("n.csv: line 2: a quote opens"), "{error}");
}

#[test]
fn decorated_numbers_are_numbers_where_a_whole_column_has_the_form() {
    let comma = read(&format!("a;p\n{}", lines(40, |i| format!("{i},5;0,{i}"))));
    assert_eq!((comma.labels(), comma.inputs()), (None, 1));
    assert_eq!(raw(&comma)[(1, 0)], 2.5);
    let text = format!(
        "amount,share,price,day,when,y\n{}",
        lines(40, |i| format!(
            "\"{i},010\",{i}.2%,\"${i},010\",2024-01-{:02},{:02}.02.2024 06:00,{i}.5",
            i % 28 + 1,
            i % 28 + 1
        ))
    );
    let data = read(&text);
    assert_eq!((data.inputs(), data.labels()), (5, None));
    assert_eq!(raw(&data).row(1), array![2010.0, 2.2, 2010.0, 19_725.0, 19_756.25]);
    let new =
        features("amount,share,price,day,when\n\"1,000\",5%,$7,1970-01-02,01.01.1970\n", &data).unwrap();
    assert_eq!(rows(&new), [[1000.0, 5.0, 7.0, 1.0, 0.0]]);
    let error =
        features("amount,share,price,day,when\n1.000.0,5%,$7,1970-01-02,01.01.1970\n", &data).unwrap_err();
    assert!(error.contains("line 2, column 1 (amount)"), "{error}");
    let ambiguous = format!("a;p\n{}", lines(40, |i| format!("{i},500;0")));
    let error = read_as(&ambiguous, "t.csv", &ReadOptions::default()).unwrap_err().to_string();
    assert!(
        error.contains("column 1 (a)") && error.contains("--decimal") && error.contains("--thousands"),
        "{error}"
    );
}

#[test]
fn a_column_of_words_that_names_rows_is_refused() {
    let text = format!("name,y\n{}", lines(40, |i| format!("n{i},{}", i % 2)));
    let error = read_as(&text, "t.csv", &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("column 1 (name) has 40 different words in 40 rows"), "{error}");
    assert!(error.contains("--drop") && error.contains("--categorical"), "{error}");
    let categorical = TableOptions { categorical: vec![Column::Index(0)], ..TableOptions::default() };
    assert_eq!(read_as(&text, "t.csv", &categorical.into()).unwrap().inputs(), 40);
}

#[test]
fn numbers_are_centred_before_they_are_rounded() {
    let text = format!("x,t\n{}", lines(200, |i| format!("{},{}", 1_600_000_000 + i, 1_700_000_000 + i)));
    let regression = ReadOptions { task: TaskKind::Regression, ..ReadOptions::default() };
    let data = csv::decode::<f32>(text.as_bytes(), Path::new("t.csv"), &regression).unwrap();
    let pipeline = Pipeline::fit(&[Scaling::Standardise], &data).unwrap();
    let x = data.inputs_through(&pipeline);
    let deviation = ((200.0_f64 * 200.0 - 1.0) / 12.0).sqrt();
    for (i, row) in x.outer_iter().enumerate() {
        let expected = (i as f64 - 99.5) / deviation;
        assert!((f64::from(row[0]) - expected).abs() < 1e-6, "{i}: {} and {expected}", row[0]);
    }
    let chainrule_datasets::Target::Real { values, .. } = data.target() else { panic!("numbers") };
    assert_eq!(values[(199, 0)], 1_700_000_200.0);
}

#[test]
fn a_column_that_varies_by_rounding_is_constant() {
    let text =
        format!("x,y\n{}", lines(40, |i| format!("{},{}.5", ["0.3", "0.30000000000000004"][i % 2], i)));
    let data = read(&text);
    let pipeline = Pipeline::fit(&[Scaling::Standardise], &data).unwrap();
    assert_eq!(pipeline.folded::<f64>(1).1, [1.0]);
    let tiny = read(&format!("x,y\n{}", lines(40, |i| format!("{i}e-42,{i}.5"))));
    let x = tiny.inputs_through(&Pipeline::fit(&[Scaling::Standardise], &tiny).unwrap());
    assert!(x.iter().all(|x| x.abs() < 2.0) && x[(0, 0)] < -1.0);
    let small = csv::decode::<f32>(
        lines(40, |i| format!("{i}e-42,{i}.5")).as_bytes(),
        Path::new("t.csv"),
        &ReadOptions::default(),
    );
    let small = small.unwrap();
    let x = small.inputs_through(&Pipeline::fit(&[Scaling::Standardise], &small).unwrap());
    assert!(x.iter().all(|x| x.abs() < 2.0) && x[(0, 0)] < -1.0);
}

#[test]
fn a_schema_of_before_is_read() {
    let json =
        r#"{"features":[{"name":"a","place":0,"kind":"number"}],"target":["y",1],"width":2,"named":true}"#;
    let schema: chainrule_datasets::Schema = serde_json::from_str(json).unwrap();
    assert_eq!((schema.dialect, schema.features[0].form.is_plain()), (None, true));
    let data = read("a;y\n1,5;0\n2,5;1\n");
    let again = serde_json::from_str(&serde_json::to_string(data.schema().unwrap()).unwrap()).unwrap();
    assert_eq!(data.schema(), Some(&again));
}

proptest! {
    /// What is found in a text and read again by the dialect that was found is the same.
    #[test]
    fn what_is_sniffed_is_read_again(
        rows in prop::collection::vec(("[a-c]{1,2}", -99.0..99.0_f64, 0_u8..3), 6..40),
        delimiter in prop::sample::select(vec![",", ";", "\t", "|"]), header: bool,
    ) {
        let mut text = String::new();
        if header {
            writeln!(text, "word{delimiter}number{delimiter}class").unwrap();
        }
        for (word, number, class) in &rows {
            writeln!(text, "{word}{delimiter}{number:.2}{delimiter}k{class}").unwrap();
        }
        let Ok(data) = read_as(&text, "t.csv", &ReadOptions::default()) else { return Ok(()) };
        prop_assert_eq!(dialect(&data).delimiter.to_string(), delimiter);
        prop_assert_eq!(data.len(), rows.len());
        let found = dialect(&data);
        let told: ReadOptions = TableOptions {
            delimiter: Some(found.delimiter as u8),
            header: if found.header { HeaderRow::Present } else { HeaderRow::Absent },
            ..TableOptions::default()
        }.into();
        prop_assert_eq!(&read_as(&text, "t.csv", &told).unwrap(), &data);
        let again = features(&text, &data).unwrap();
        prop_assert_eq!(rows_of(&again), raw(&data));
    }
}

fn rows_of(features: &Features<f64>) -> Array2<f64> {
    let rows = rows(features);
    Array2::from_shape_fn(features.dim(), |(i, j)| rows[i][j])
}
