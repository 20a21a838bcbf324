//! Folders of image files: a folder for each class.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::Array2;

use super::decode::decode_within;
use super::options::ImageOptions;
use super::resize::resampled;
use super::shape::ImageShape;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::features::Features;
use crate::file::read_file;
use crate::memory;
use crate::options::ReadOptions;
use crate::table::cells::shortened;
use crate::target::Target;

/// Default height and width of images that are larger, or differ in size.
const USUAL_SIDE: usize = 32;
/// The largest side that images of one size keep by default.
const LARGEST_SIDE: usize = 64;
/// The extensions of images.
const EXTENSIONS: &[&str] = if cfg!(feature = "image-formats") {
    &["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"]
} else {
    &["png", "jpg", "jpeg"]
};
const READ: &str = if cfg!(feature = "image-formats") {
    "give it .png, .jpg, .webp, .gif, .bmp or .tiff files, or take it away"
} else {
    "give it .png or .jpg files, or take it away"
};

/// Reads the images of a folder that has a folder for each class; names that begin with a dot are not seen, and other files
/// are counted by their kind. The pixels are bytes, and full brightness is 255.
///
/// # Errors
/// If a folder or image cannot be read, a folder has no image, or there are no folders.
pub(crate) fn read<A: Scalar>(path: &Path, options: &ReadOptions) -> Result<Dataset<A>, Error> {
    let (mut classes, mut ignored) = (Vec::new(), BTreeMap::new());
    let mut ignore = |files: &[PathBuf]| {
        for file in files {
            *ignored.entry(kind(file)).or_insert(0_usize) += 1;
        }
    };
    for entry in listed(path)? {
        if !entry.is_dir() {
            ignore(&[entry]);
            continue;
        }
        let (images, others): (Vec<PathBuf>, Vec<PathBuf>) =
            listed(&entry)?.into_iter().partition(|path| is_image_file(path) && path.is_file());
        if images.is_empty() {
            let others = counted(&others);
            let found = if others.is_empty() { String::new() } else { format!(", but {others}") };
            let fault = format!("the folder of a class has no image that is read{found}");
            return Err(Error::format(&entry, fault, READ));
        }
        ignore(&others);
        let name = entry.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        classes.push((name, images));
    }
    let names: Vec<String> = if options.classes.is_empty() {
        classes.iter().map(|(name, _)| name.clone()).collect()
    } else {
        options.classes.clone()
    };
    let (mut files, mut labels) = (Vec::new(), Vec::new());
    for (name, images) in classes {
        let Some(label) = names.iter().position(|known| *known == name) else {
            let fault = format!("{name:?} is not one of the classes {}", shortened(&names));
            return Err(Error::format(path, fault, "give it folders with the names of the model's classes"));
        };
        labels.extend(images.iter().map(|_| label as u32));
        files.extend(images);
    }
    if files.is_empty() {
        let fault = "it has no folder with images in it";
        return Err(Error::format(path, fault, "give it a folder of image files for each class"));
    }
    let Stack { features, shape, resized } = stack(path, &files, options.image, options.memory())?;
    let stem = path.file_name().map_or_else(|| "images".into(), |name| name.to_string_lossy());
    let count = files.len();
    let data = Dataset::new(stem, features, Target::Classes { labels, names })?;
    let data = data.with_image(shape)?.with_full_scale(255.0).with_resized(resized, count);
    Ok(data.with_ignored(ignored.into_iter().collect()))
}

/// What a file is, by its name.
fn kind(path: &Path) -> String {
    match path.extension() {
        Some(extension) => format!(".{}", extension.to_string_lossy().to_ascii_lowercase()),
        None if path.is_dir() => "folder".to_owned(),
        None => "without extension".to_owned(),
    }
}

/// How many files there are of each kind.
fn counted(files: &[PathBuf]) -> String {
    let mut kinds = BTreeMap::new();
    for file in files {
        *kinds.entry(kind(file)).or_insert(0_usize) += 1;
    }
    let kinds: Vec<String> = kinds.into_iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    kinds.join(", ")
}

/// The path itself or, if it is a folder, the image files in it, sorted by name, and those of its folders.
///
/// # Errors
/// If the folder cannot be read or has none.
pub fn image_files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut images = images_in(path)?;
    for folder in listed(path)?.into_iter().filter(|entry| entry.is_dir()) {
        images.extend(images_in(&folder)?);
    }
    if images.is_empty() {
        return Err(Error::format(path, "it has no images in it", READ));
    }
    Ok(images)
}

/// Reads images as rows of bytes of one shape; they may take `max_memory` bytes, or half of the machine's memory.
///
/// # Errors
/// If one cannot be read, or they take more memory.
pub fn read_images<A: Scalar>(
    files: &[PathBuf],
    shape: ImageShape,
    max_memory: Option<u64>,
) -> Result<Features<A>, Error> {
    let options = ImageOptions { size: Some((shape.height, shape.width)), channels: Some(shape.channels) };
    Ok(stack(
        files.first().map_or(Path::new("images"), PathBuf::as_path),
        files,
        options,
        max_memory.unwrap_or_else(memory::default_limit),
    )?
    .features)
}

/// Whether a file is an image, by its name.
pub fn is_image_file(path: &Path) -> bool {
    let known =
        |extension: &std::ffi::OsStr| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known));
    path.extension().is_some_and(known)
}

fn images_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    Ok(listed(folder)?.into_iter().filter(|path| is_image_file(path) && path.is_file()).collect())
}

/// The entries of a folder, sorted by name.
pub(super) fn listed(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Read { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Pictures as rows of one shape.
struct Stack<A> {
    features: Features<A>,
    shape: ImageShape,
    /// How many had another size.
    resized: usize,
}

/// The pictures of these files.
fn stack<A>(path: &Path, files: &[PathBuf], options: ImageOptions, limit: u64) -> Result<Stack<A>, Error> {
    let shape = match options {
        ImageOptions { size: Some((height, width)), channels: Some(channels) } => {
            ImageShape { height, width, channels }
        }
        _ => common(files, options, limit)?,
    };
    let needed = shape.numbers().and_then(|numbers| numbers.checked_mul(files.len()));
    memory::check(path, needed.map(|needed| needed as u64), limit)?;
    let (mut pixels, mut resized) = (Vec::new(), 0);
    for file in files {
        let image = decode_within(&read_file(file)?, file, limit)?.with_channels(shape.channels);
        resized += usize::from((image.shape.height, image.shape.width) != (shape.height, shape.width));
        pixels.extend(resampled(&image.pixels, image.shape, shape.height, shape.width));
    }
    let columns = shape.height * shape.width * shape.channels;
    let matrix = Array2::from_shape_vec((files.len(), columns), pixels).expect("each image has this shape");
    Ok(Stack { features: Features::Bytes(matrix), shape, resized })
}

/// The shape of the images where the options leave it open.
fn common(files: &[PathBuf], options: ImageOptions, limit: u64) -> Result<ImageShape, Error> {
    let (mut sizes, mut coloured) = (Vec::new(), false);
    for file in files {
        let image = decode_within(&read_file(file)?, file, limit)?;
        coloured |= image.shape.channels == 3;
        sizes.push((image.shape.height, image.shape.width));
    }
    let shared = sizes.iter().all(|size| *size == sizes[0]) && sizes[0].0.max(sizes[0].1) <= LARGEST_SIDE;
    let usual = if shared { sizes[0] } else { (USUAL_SIDE, USUAL_SIDE) };
    let (height, width) = options.size.unwrap_or(usual);
    Ok(ImageShape { height, width, channels: options.channels.unwrap_or(if coloured { 3 } else { 1 }) })
}
