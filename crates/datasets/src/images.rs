//! Pictures in files: a folder for each class, PNG and JPEG.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::Array2;
use jpeg_decoder::PixelFormat;
use png::Transformations;

use crate::resize::resampled;
use crate::table::Options;
use crate::{Dataset, Error, Features, ImageShape, Target, read_file};

/// Pixels of a picture at most: its header is not trusted with more memory.
const MOST_PIXELS: usize = 1 << 26;
/// Pixels that a byte of a file can stand for at most: a block of 64 in a JPEG takes two bits or more for each channel,
/// and deflate packs 1,032 bytes into one, of eight pixels each where they are black or white.
const MOST_PIXELS_A_BYTE: usize = 8 * 1_032;
/// Height and width of pictures that are larger, or differ, where nothing else is asked for.
const USUAL_SIDE: usize = 32;
/// A side up to which pictures of one size keep it.
const LARGEST_SIDE: usize = 64;

/// How pictures become examples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Look {
    /// Height and width; if none, what all share where it is at most 64 a side, else 32 by 32.
    pub size: Option<(usize, usize)>,
    /// 1 for grey, 3 for red, green and blue; if none, 3 where a picture has colours.
    pub channels: Option<usize>,
}

/// A decoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its height, width and channels.
    pub shape: ImageShape,
    /// Row by row, and within a pixel channel by channel.
    pub pixels: Vec<u8>,
}

/// Reads the pictures of a folder that has a folder for each class; other files, and names that begin with a dot, are
/// passed over. The pixels are bytes, and full brightness is 255.
///
/// # Errors
/// If a folder or picture cannot be read, or there are no classes with pictures in them.
pub(crate) fn read<A: Scalar>(path: &Path, options: &Options) -> Result<Dataset<A>, Error> {
    let mut classes = Vec::new();
    for folder in listed(path)?.into_iter().filter(|entry| entry.is_dir()) {
        let pictures = pictures_in(&folder)?;
        if !pictures.is_empty() {
            let name =
                folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            classes.push((name, pictures));
        }
    }
    let names: Vec<String> = if options.classes.is_empty() {
        classes.iter().map(|(name, _)| name.clone()).collect()
    } else {
        options.classes.clone()
    };
    let (mut files, mut labels) = (Vec::new(), Vec::new());
    for (name, pictures) in classes {
        let Some(label) = names.iter().position(|known| *known == name) else {
            let fault = format!("{name:?} is none of the classes {}", names.join(", "));
            return Err(Error::format(path, fault, "give it folders with the names of the model's classes"));
        };
        labels.extend(pictures.iter().map(|_| label as u32));
        files.extend(pictures);
    }
    if files.is_empty() {
        let fault = "it has no folder with pictures in it";
        return Err(Error::format(path, fault, "give it a folder of .png or .jpg files for each class"));
    }
    let (features, shape) = stack(&files, options.look)?;
    let stem = path.file_name().map_or_else(|| "images".into(), |name| name.to_string_lossy());
    let data = Dataset::new(stem, features, Target::Classes { labels, names })?;
    Ok(data.with_image(shape)?.with_full_scale(255.0))
}

/// The pictures that a path names, itself or all of a folder, by name.
///
/// # Errors
/// If the folder cannot be read or has none.
pub fn pictures(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let pictures = pictures_in(path)?;
    if pictures.is_empty() {
        return Err(Error::format(path, "it has no pictures in it", "give it .png or .jpg files"));
    }
    Ok(pictures)
}

/// Reads pictures as rows of bytes of one shape.
///
/// # Errors
/// If one cannot be read.
pub fn read_pictures<A: Scalar>(files: &[PathBuf], shape: ImageShape) -> Result<Features<A>, Error> {
    let look = Look { size: Some((shape.height, shape.width)), channels: Some(shape.channels) };
    Ok(stack(files, look)?.0)
}

/// Whether a file is a picture, by its name.
pub fn is_picture(path: &Path) -> bool {
    let known = |extension: &std::ffi::OsStr| {
        ["png", "jpg", "jpeg"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    };
    path.extension().is_some_and(known)
}

fn pictures_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    Ok(listed(folder)?.into_iter().filter(|path| is_picture(path) && path.is_file()).collect())
}

/// What a folder holds, by name.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, Error> {
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
fn stack<A>(files: &[PathBuf], look: Look) -> Result<(Features<A>, ImageShape), Error> {
    let shape = match look {
        Look { size: Some((height, width)), channels: Some(channels) } => {
            ImageShape { height, width, channels }
        }
        _ => common(files, look)?,
    };
    let mut pixels = Vec::new();
    for file in files {
        let picture = decode(&read_file(file)?, file)?.with_channels(shape.channels);
        pixels.extend(resampled(&picture.pixels, picture.shape, shape.height, shape.width));
    }
    let columns = shape.height * shape.width * shape.channels;
    let matrix = Array2::from_shape_vec((files.len(), columns), pixels).expect("each picture has this shape");
    Ok((Features::Bytes(matrix), shape))
}

/// The shape for pictures of which nothing is asked, or not all.
fn common(files: &[PathBuf], look: Look) -> Result<ImageShape, Error> {
    let (mut sizes, mut coloured) = (Vec::new(), false);
    for file in files {
        let picture = decode(&read_file(file)?, file)?;
        coloured |= picture.shape.channels == 3;
        sizes.push((picture.shape.height, picture.shape.width));
    }
    let shared = sizes.iter().all(|size| *size == sizes[0]) && sizes[0].0.max(sizes[0].1) <= LARGEST_SIDE;
    let usual = if shared { sizes[0] } else { (USUAL_SIDE, USUAL_SIDE) };
    let (height, width) = look.size.unwrap_or(usual);
    Ok(ImageShape { height, width, channels: look.channels.unwrap_or(if coloured { 3 } else { 1 }) })
}

/// Decodes a PNG or JPEG file: 8 bits a channel, transparency left out; `path` serves the messages only.
///
/// # Errors
/// If the bytes are no picture of these formats, are damaged, or hold more than 67 million pixels.
pub fn decode(bytes: &[u8], path: &Path) -> Result<Picture, Error> {
    let damaged =
        |fault: String| Error::format(path, fault, "it is damaged or no PNG or JPEG file, get it again");
    if bytes.starts_with(b"\x89PNG") {
        return decode_png(bytes).map_err(damaged);
    }
    if bytes.starts_with(&[0xff, 0xd8]) {
        return decode_jpeg(bytes).map_err(damaged);
    }
    Err(damaged("it begins as neither".to_owned()))
}

fn decode_png(bytes: &[u8]) -> Result<Picture, String> {
    // What the decoder itself may take, beside the pixels.
    let limits = png::Limits { bytes: 1 << 26 };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let (height, width) = (reader.info().height as usize, reader.info().width as usize);
    within_reason(height, width, bytes)?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("it is too large")?];
    let frame = reader.next_frame(&mut pixels).map_err(|error| error.to_string())?;
    pixels.truncate(frame.buffer_size());
    Ok(Picture::new(pixels, height, width, frame.color_type.samples()))
}

fn decode_jpeg(bytes: &[u8]) -> Result<Picture, String> {
    let mut decoder = jpeg_decoder::Decoder::new(Cursor::new(bytes));
    decoder.read_info().map_err(|error| error.to_string())?;
    let info = decoder.info().ok_or("its header cannot be read")?;
    let (height, width) = (usize::from(info.height), usize::from(info.width));
    within_reason(height, width, bytes)?;
    let samples = match info.pixel_format {
        PixelFormat::L8 => 1,
        PixelFormat::RGB24 => 3,
        PixelFormat::L16 => return Err("its grey has sixteen bits".to_owned()),
        PixelFormat::CMYK32 => return Err("its colours are for print".to_owned()),
    };
    let pixels = decoder.decode().map_err(|error| error.to_string())?;
    Ok(Picture::new(pixels, height, width, samples))
}

/// Both formats pack a plain surface to next to nothing, but not to less than this.
fn within_reason(height: usize, width: usize, bytes: &[u8]) -> Result<(), String> {
    let pixels = height.checked_mul(width).filter(|&pixels| pixels <= MOST_PIXELS);
    if pixels.is_none_or(|pixels| pixels / MOST_PIXELS_A_BYTE > bytes.len()) {
        return Err(format!("its header announces {height} x {width} pixels"));
    }
    Ok(())
}

impl Picture {
    /// Without what makes pixels transparent.
    fn new(pixels: Vec<u8>, height: usize, width: usize, samples: usize) -> Self {
        let (pixels, channels) = match samples {
            2 => (pixels.into_iter().step_by(2).collect(), 1),
            4 => (pixels.chunks_exact(4).flat_map(|pixel| &pixel[..3]).copied().collect(), 3),
            n => (pixels, n),
        };
        Self { shape: ImageShape { height, width, channels }, pixels }
    }

    /// In grey, by the luma of ITU-R BT.601 in whole numbers, or in colours.
    fn with_channels(self, channels: usize) -> Self {
        let pixels: Vec<u8> = match (self.shape.channels, channels) {
            (3, 1) => {
                let (pixels, _) = self.pixels.as_chunks();
                let luma = |&[r, g, b]: &[u8; 3]| {
                    let [r, g, b] = [r, g, b].map(u32::from);
                    ((19_595 * r + 38_470 * g + 7_471 * b + (1 << 15)) >> 16) as u8
                };
                pixels.iter().map(luma).collect()
            }
            (1, 3) => self.pixels.iter().flat_map(|&grey| [grey; 3]).collect(),
            _ => self.pixels,
        };
        Self { shape: ImageShape { channels, ..self.shape }, pixels }
    }
}
