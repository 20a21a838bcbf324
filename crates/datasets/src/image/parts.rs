//! Folders of image files that are split already: a folder for each part, in it a folder for each class.

use std::path::{Path, PathBuf};

use chainrule_tensor::Scalar;

use super::folder::{self, listed};
use super::options::ImageOptions;
use crate::error::Error;
use crate::options::ReadOptions;
use crate::parts::Parts;

const TRAIN: &[&str] = &["train", "training"];
const VALIDATION: &[&str] = &["val", "valid", "validation"];
const TEST: &[&str] = &["test", "testing"];

/// Reads the images of a folder: its parts, if each of its folders is named as one (`train`, `val`, `test`) and the training part has
/// folders in it; else a folder for each class, all of them training examples.
///
/// # Errors
/// As [`folder::read`]; or if two folders name the same part, or a part has a class that the training part does not have.
pub(crate) fn read<A: Scalar>(path: &Path, options: &ReadOptions) -> Result<Parts<A>, Error> {
    let folders: Vec<PathBuf> = listed(path)?.into_iter().filter(|entry| entry.is_dir()).collect();
    let is_part = |folder: &PathBuf| [TRAIN, VALIDATION, TEST].iter().any(|names| is_named(folder, names));
    let train = one_of(path, &folders, TRAIN)?;
    let Some(train) = train.filter(|_| folders.iter().all(is_part)) else {
        return Ok(folder::read(path, options)?.into());
    };
    if !listed(train)?.iter().any(|entry| entry.is_dir()) {
        return Ok(folder::read(path, options)?.into());
    }
    let name = path.file_name().map_or_else(|| "images".into(), |name| name.to_string_lossy());
    let train = folder::read::<A>(train, options)?.with_name(&*name);
    // The others have the classes and the size of the training images.
    let shape = train.image();
    let known = ReadOptions {
        classes: train.class_names().to_vec(),
        image: shape.map_or(options.image, |shape| ImageOptions {
            size: Some((shape.height, shape.width)),
            channels: Some(shape.channels),
        }),
        ..options.clone()
    };
    let part = |names| {
        let found = one_of(path, &folders, names)?;
        found.map(|found| Ok(folder::read::<A>(found, &known)?.with_name(&*name))).transpose()
    };
    Ok(Parts { train, validation: part(VALIDATION)?, test: part(TEST)? })
}

fn is_named(folder: &Path, names: &[&str]) -> bool {
    folder.file_name().is_some_and(|name| names.iter().any(|known| name.eq_ignore_ascii_case(known)))
}

/// The folder with one of these names.
///
/// # Errors
/// If there are two.
fn one_of<'a>(path: &Path, folders: &'a [PathBuf], names: &[&str]) -> Result<Option<&'a Path>, Error> {
    let mut found = folders.iter().filter(|folder| is_named(folder, names));
    match (found.next(), found.next()) {
        (Some(first), Some(second)) => {
            let fault = format!("{} and {} are the same part", first.display(), second.display());
            Err(Error::format(path, fault, "put them into one folder, or take one away"))
        }
        (first, _) => Ok(first.map(PathBuf::as_path)),
    }
}
