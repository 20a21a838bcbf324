//! The sets in MNIST's format: the real ones where they are at hand, small ones of our own everywhere.

use std::path::{Path, PathBuf};

use chainrule_datasets::idx::{self, Idx};
use chainrule_datasets::{DataDirs, Dataset, Features, fashion_mnist, mnist};

const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

fn sum(data: &Dataset<f32>) -> u64 {
    match data.features() {
        Features::Bytes(x) => x.iter().map(|&byte| u64::from(byte)).sum(),
        _ => panic!("pixels are bytes"),
    }
}

fn mean(data: &Dataset<f32>) -> f64 {
    sum(data) as f64 / (data.len() * data.inputs()) as f64
}

#[test]
fn mnist_is_the_one_everybody_knows() {
    let up = ["..", "..", "..", "shared", "data", "mnist"];
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR")].into_iter().chain(up).collect();
    if !folder.is_dir() {
        eprintln!("skipped: MNIST is not at hand");
        return;
    }
    let parts = mnist::<f32>(&DataDirs::only(folder)).unwrap();
    let (train, test) = (parts.train, parts.test.unwrap());
    assert_eq!((train.len(), test.len(), train.inputs(), train.outputs()), (60_000, 10_000, 784, 10));
    assert_eq!(train.labels().unwrap()[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(test.labels().unwrap()[..5], [7, 2, 1, 0, 4]);
    // 0.1307 · 255: the mean that everybody subtracts.
    assert!((mean(&train) - 33.318_421).abs() < 1e-6, "{}", mean(&train));
    assert_eq!(train.class_counts().unwrap(), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    assert_eq!(test.class_counts().unwrap(), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
}

#[test]
fn fashion_mnist_is_the_one_everybody_knows() {
    let Ok(parts) = fashion_mnist::<f32>(&DataDirs::from_env()) else {
        eprintln!("skipped: Fashion-MNIST is not at hand");
        return;
    };
    let (train, test) = (parts.train, parts.test.unwrap());
    assert_eq!((train.len(), test.len()), (60_000, 10_000));
    assert_eq!(train.class_counts().unwrap(), [6000; 10]);
    assert_eq!(train.labels().unwrap()[..5], [9, 0, 0, 3, 0]);
    assert_eq!(train.class_names()[9], "Ankle boot");
    // 0.2860 · 255.
    assert!((mean(&train) - 72.940_353).abs() < 1e-5, "{}", mean(&train));
}

/// Writes a set of so many images and these labels to train on, with the file names that `name` makes.
fn write(folder: &Path, shape: [usize; 3], labels: &[u8], name: impl Fn(&str) -> String) {
    std::fs::create_dir_all(folder).unwrap();
    for (i, file) in FILES.into_iter().enumerate() {
        let idx = if i % 2 == 0 {
            Idx::new(shape.to_vec(), vec![7; shape.iter().product()])
        } else {
            Idx::new(vec![labels.len()], labels.to_vec())
        };
        idx::write(&folder.join(name(file)), &idx).unwrap();
    }
}

#[test]
fn every_spelling_is_found_in_every_place() {
    let spellings: [fn(&str) -> String; 4] = [
        |file| file.to_owned(),
        |file| format!("{file}.gz"),
        |file| file.replace("-idx", ".idx"),
        |file| file.replace("-idx", ".idx") + ".gz",
    ];
    for spelling in spellings {
        for subfolder in ["", "mnist"] {
            let root = tempfile::tempdir().unwrap();
            write(&root.path().join(subfolder), [2, 28, 28], &[3, 9], spelling);
            for search in [
                DataDirs::only(root.path()),
                DataDirs { data_dir: None, folders: vec!["no-such-folder".into(), root.path().to_owned()] },
            ] {
                let train = mnist::<f64>(&search).unwrap().train;
                assert_eq!(train.labels().unwrap(), [3, 9]);
            }
        }
    }
}

#[test]
fn a_folder_that_was_named_is_the_only_one() {
    let (empty, full) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(full.path(), [1, 28, 28], &[1], str::to_owned);
    let search = DataDirs { data_dir: None, folders: vec![full.path().to_owned()] };
    assert!(mnist::<f32>(&search).is_ok());
    let error = mnist::<f32>(&search.or_only(Some(empty.path().to_owned()))).unwrap_err().to_string();
    assert!(error.contains(&empty.path().display().to_string()), "{error}");
    assert!(!error.contains(&full.path().display().to_string()), "{error}");
    assert!(error.contains("t10k-labels-idx1-ubyte") && error.contains("https://"), "{error}");
}

#[test]
fn a_missing_file_is_named_and_another_set_is_not_taken() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("mnist");
    write(&folder, [1, 28, 28], &[1], str::to_owned);
    assert!(fashion_mnist::<f32>(&DataDirs::only(&folder)).is_err());
    std::fs::remove_file(folder.join(FILES[1])).unwrap();
    let error = mnist::<f32>(&DataDirs::only(&folder)).unwrap_err().to_string();
    assert!(error.contains("(without train-labels-idx1-ubyte)"), "{error}");
    assert!(mnist::<f32>(&DataDirs::default()).is_err());
}

#[test]
fn files_that_do_not_fit_are_refused() {
    let refusal = |shape, labels: &[u8]| {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), shape, labels, str::to_owned);
        mnist::<f32>(&DataDirs::only(root.path())).unwrap_err().to_string()
    };
    assert!(refusal([2, 28, 28], &[1, 10]).contains("label 1 is 10, not 0 to 9"));
    assert!(refusal([2, 28, 28], &[1, 1, 1]).contains("3 labels, but"));
    assert!(refusal([2, 14, 56], &[1, 1]).contains("[2, 14, 56], not that of images of 28 x 28"));
}
