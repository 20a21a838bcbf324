//! What a build without some of the formats says.

use chainrule_datasets::{ReadOptions, read, read_features};

#[test]
fn a_format_that_is_not_built_in_names_its_feature() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (path, feature, built) in [
        (path("a.csv"), "csv", cfg!(feature = "csv")),
        (path("a.parquet"), "parquet", cfg!(feature = "parquet")),
        (path(""), "images", cfg!(feature = "images")),
    ] {
        let mut errors = vec![read::<f32>(&path, &ReadOptions::default()).unwrap_err().to_string()];
        if feature != "images" {
            errors.push(read_features::<f32>(&path, &ReadOptions::default()).unwrap_err().to_string());
        }
        for error in errors {
            assert_eq!(error.contains(&format!("build with the feature {feature:?}")), !built, "{error}");
        }
    }
}
