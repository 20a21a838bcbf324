//! Each type of column that Parquet has is read, refused by name, or left out; `tests/parquet/make.py` wrote the files.

use std::fs;
use std::path::Path;

use chainrule_datasets::{
    Column, Error, Parts, Pipeline, ReadOptions, TableOptions, Target, parquet, read, read_features,
};
use chainrule_tensor::ndarray::{Array2, s};

use crate::formats::{beside, of_model, raw};

fn parts(kind: &str, options: &ReadOptions) -> Result<Parts<f64>, Error> {
    read(&beside("parquet", &format!("{kind}.parquet")), options)
}

/// The columns between `x` and the target.
fn columns(kind: &str) -> Array2<f64> {
    let data = parts(kind, &ReadOptions::default()).unwrap().train;
    let all = raw(&data);
    assert_eq!(all.column(0).to_vec(), [1.5, 2.5, 3.5, 4.5], "{kind}");
    assert!(
        matches!(data.target(), Target::Real { values, .. } if values.iter().copied().eq([0.5, 1.5, 2.5, 3.5]))
    );
    all.slice(s![.., 1..]).to_owned()
}

#[test]
fn numbers_and_times_are_read_whatever_their_encoding() {
    let day = 86_400.0;
    let times = [0.25, (12.5 * 3600.0 + 0.5) / day, 0.0, (day - 1.0) / day];
    let decimals = [-0.05, 12.5, 0.0, -1_234_567.25];
    let two_64 = 18_446_744_073_709_551_615_u64 as f64;
    for (kind, expected) in [
        ("decimal-int32", decimals),
        ("decimal-int64", decimals),
        ("decimal-fixed", decimals),
        ("decimal-256", decimals),
        ("time-ms", times),
        ("time-us", times),
        ("time-ns", times),
        // Days since 1970.
        ("int96", [19_753.25, -0.25, 0.0, 11_016.0 + (12.5 * 3600.0 + 15.0) / day]),
        ("float16", [0.5, -2.0, 65_504.0, 0.0]),
        ("unsigned", [0.0, 9_223_372_036_854_775_808.0, two_64, 7.0]),
    ] {
        let found = columns(kind);
        assert_eq!(found.ncols(), 1, "{kind}");
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= 1e-12 * expected.abs(), "{kind}: {found}, {expected}");
        }
    }
    // A category of two words.
    assert_eq!(columns("dictionary").column(0).to_vec(), [1.0, 0.0, 1.0, 0.0]);
}

#[test]
fn other_types_are_refused_by_name_or_left_out() {
    for (kind, name) in [
        ("list", "nested values"),
        ("fixed-list", "nested values"),
        ("struct", "nested values"),
        ("map", "nested values"),
        ("binary", "bytes"),
        ("fixed-binary", "bytes"),
        ("uuid", "UUIDs"),
    ] {
        let error = parts(kind, &ReadOptions::default()).unwrap_err().to_string();
        let told = format!("column 2 (c) holds {name}: leave it out (--drop)");
        assert!(error.contains(&told) && error.contains(&format!("{kind}.parquet")), "{error}");
        let drop = vec![Column::Name("c".into())];
        let data = parts(kind, &TableOptions { drop, ..TableOptions::default() }.into()).unwrap().train;
        assert_eq!(raw(&data).into_iter().collect::<Vec<_>>(), [1.5, 2.5, 3.5, 4.5], "{kind}");
        // Nor does a model that does not know the column look at it.
        let path = beside("parquet", &format!("{kind}.parquet"));
        let new = read_features::<f64>(&path, &of_model(data.schema())).unwrap();
        assert_eq!(new.transformed(&Pipeline::new(), 0..4), raw(&data), "{kind}");
    }
    let error = parts("null", &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("null.parquet") && error.contains("2 (c)"), "{error}");
}

#[test]
fn a_damaged_page_is_an_error_and_no_panic() {
    for name in ["plain", "kinds"] {
        let whole = fs::read(beside("pandas", &format!("{name}.parquet"))).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            for flipped in [0x01, 0x10, 0xff] {
                bytes[at] = whole[at] ^ flipped;
                // Read as another number, or refused.
                let _ = parquet::decode::<f32>(&bytes, Path::new("damaged"), &ReadOptions::default());
            }
        }
    }
}
