//! Augmentations in words: `shift 2, rotate 10, elastic 34 4`.

use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::str::FromStr;

use chainrule_tensor::registry::{nearest, quoted};
use thiserror::Error;

use super::augmentation::{Augmentation, Elastic};

/// Why a text is no [`Augmentation`].
///
/// ```
/// use chainrule_datasets::Augmentation;
///
/// let error = "flip, rotate 270".parse::<Augmentation>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "`270` is not an angle above 0 and at most 180 degrees, at character 14 of the augmentation, at `270`"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{fault}, at character {} of the augmentation, {}", character(text, at), quoted(text, at))]
pub struct ParseAugmentationError {
    text: String,
    /// Bytes of the text.
    at: Range<usize>,
    fault: String,
}

/// The number of the character at which the fault begins, from 1.
fn character(text: &str, at: &Range<usize>) -> usize {
    text[..at.start].chars().count() + 1
}

impl Augmentation {
    /// The names of all operations, in the order in which they are written.
    pub const NAMES: [&str; 12] = [
        "flip",
        "shift",
        "rotate",
        "scale",
        "shear",
        "elastic",
        "crop",
        "cutout",
        "brightness",
        "contrast",
        "mixup",
        "cutmix",
    ];
}

/// The words of one operation, with their places.
struct Words<'t> {
    text: &'t str,
    name: &'t str,
    at: Range<usize>,
    rest: std::vec::IntoIter<(&'t str, Range<usize>)>,
}

impl<'t> Words<'t> {
    fn error(&self, at: Range<usize>, fault: impl Into<String>) -> ParseAugmentationError {
        ParseAugmentationError { text: self.text.to_owned(), at, fault: fault.into() }
    }

    fn word(&mut self, what: &str) -> Result<(&'t str, Range<usize>), ParseAugmentationError> {
        let missing = self.error(self.at.clone(), format!("`{}` needs {what}", self.name));
        self.rest.next().ok_or(missing)
    }

    /// The next number, above 0 and at most `most`: `what` names it, `unit` follows.
    fn above_0(&mut self, what: &str, most: f64, unit: &str) -> Result<f64, ParseAugmentationError> {
        self.number(&format!("{what} above 0 and at most {most}{unit}"), |x| x > 0.0 && x <= most)
    }

    fn within(
        &mut self,
        what: &str,
        range: RangeInclusive<f64>,
        unit: &str,
    ) -> Result<f64, ParseAugmentationError> {
        let what = format!("{what} from {} to {}{unit}", range.start(), range.end());
        self.number(&what, |x| range.contains(&x))
    }

    fn number(&mut self, what: &str, fits: impl Fn(f64) -> bool) -> Result<f64, ParseAugmentationError> {
        let (word, at) = self.word(what)?;
        let number = word.parse().ok().filter(|&x| fits(x));
        number.ok_or_else(|| self.error(at, format!("`{word}` is not {what}")))
    }

    fn whole(&mut self, what: &str) -> Result<usize, ParseAugmentationError> {
        let what = format!("{what}, a whole number from 1 to {MOST_PIXELS}");
        let (word, at) = self.word(&what)?;
        let number = word.parse().ok().filter(|x| (1..=MOST_PIXELS).contains(x));
        number.ok_or_else(|| self.error(at, format!("`{word}` is not {what}")))
    }
}

/// Beyond the sides of any image that a network takes.
const MOST_PIXELS: usize = 1_000;

impl Augmentation {
    /// Takes up the operation that some words describe.
    fn with(mut self, words: &mut Words<'_>) -> Result<Self, ParseAugmentationError> {
        match words.name {
            "flip" => self.flip = true,
            "shift" => self.shift = words.above_0("a number of pixels", MOST_PIXELS as f64, "")?,
            "rotate" => self.rotate = words.above_0("an angle", 180.0, " degrees")?,
            "scale" => self.scale = words.above_0("a percentage", 90.0, "")?,
            "shear" => self.shear = words.above_0("an angle", 60.0, " degrees")?,
            "elastic" => {
                let alpha = words.above_0("a factor α", 10_000.0, " pixels")?;
                let sigma = words.within("a standard deviation σ", 0.1..=100.0, " pixels")?;
                self.elastic = Some(Elastic { alpha, sigma });
            }
            "crop" => self.crop = words.whole("the pixels of padding")?,
            "cutout" => self.cutout = words.whole("the side of the square")?,
            "brightness" => self.brightness = words.above_0("a number", 10.0, "")?,
            "contrast" => self.contrast = words.above_0("a number", 10.0, "")?,
            "mixup" => self.mixup = words.within("a number α", 0.01..=100.0, "")?,
            "cutmix" => self.cutmix = words.within("a number α", 0.01..=100.0, "")?,
            name => {
                let hint = nearest(name, Augmentation::NAMES)
                    .map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"));
                let fault = format!(
                    "there is no augmentation `{name}`{hint} The words are {}",
                    Augmentation::NAMES.join(", ")
                );
                return Err(words.error(words.at.clone(), fault.replace("` The", "`; the")));
            }
        }
        match words.rest.next() {
            Some((word, at)) => {
                Err(words.error(at, format!("`{word}` is one too many for `{}`", words.name)))
            }
            None => Ok(self),
        }
    }
}

/// Whitespace around an operation and in it is free; an empty text varies nothing.
impl FromStr for Augmentation {
    type Err = ParseAugmentationError;

    fn from_str(text: &str) -> Result<Self, ParseAugmentationError> {
        let mut augmentation = Self::default();
        if text.trim().is_empty() {
            return Ok(augmentation);
        }
        let (mut seen, mut start) = (Vec::new(), 0);
        for operation in text.split(',') {
            let mut words = places(operation, start).into_iter();
            let end = start + operation.len();
            let error = |at, fault: String| ParseAugmentationError { text: text.to_owned(), at, fault };
            let Some((name, at)) = words.next() else {
                return Err(error(end..end, "the name of an augmentation is missing".to_owned()));
            };
            if seen.contains(&name) {
                return Err(error(at, format!("`{name}` is there twice")));
            }
            seen.push(name);
            augmentation = augmentation.with(&mut Words { text, name, at, rest: words })?;
            start = end + 1;
        }
        Ok(augmentation)
    }
}

/// The words of a piece of text that begins at `start`, and where they are.
fn places(text: &str, start: usize) -> Vec<(&str, Range<usize>)> {
    let of = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize + start;
    text.split_whitespace().map(|word| (word, of(word)..of(word) + word.len())).collect()
}

impl fmt::Display for Augmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |x: f64| (x > 0.0).then(|| x.to_string());
        let whole = |n: usize| (n > 0).then(|| n.to_string());
        let values = [
            self.flip.then(String::new),
            number(self.shift),
            number(self.rotate),
            number(self.scale),
            number(self.shear),
            self.elastic.map(|Elastic { alpha, sigma }| format!("{alpha} {sigma}")),
            whole(self.crop),
            whole(self.cutout),
            number(self.brightness),
            number(self.contrast),
            number(self.mixup),
            number(self.cutmix),
        ];
        let given =
            Augmentation::NAMES.into_iter().zip(values).filter_map(|(name, value)| Some((name, value?)));
        for (i, (name, value)) in given.enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            let space = if value.is_empty() { "" } else { " " };
            write!(f, "{comma}{name}{space}{value}")?;
        }
        Ok(())
    }
}

impl From<Augmentation> for String {
    fn from(augmentation: Augmentation) -> Self {
        augmentation.to_string()
    }
}

impl TryFrom<String> for Augmentation {
    type Error = ParseAugmentationError;

    fn try_from(text: String) -> Result<Self, ParseAugmentationError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_come_back_in_one_order_and_one_spelling() {
        for (text, again) in [
            ("", ""),
            ("flip", "flip"),
            (" elastic 34   4,rotate 10.0 ,shift 2", "shift 2, rotate 10, elastic 34 4"),
            ("cutmix 1.0, mixup 0.2", "mixup 0.2, cutmix 1"),
            (
                "contrast 0.2, brightness 0.2, cutout 8, crop 4, shear 5, scale 15, flip",
                "flip, scale 15, shear 5, crop 4, cutout 8, brightness 0.2, contrast 0.2",
            ),
        ] {
            let augmentation: Augmentation = text.parse().unwrap();
            assert_eq!(augmentation.to_string(), again);
            assert_eq!(augmentation.is_none(), text.is_empty());
            let json = serde_json::to_string(&augmentation).unwrap();
            assert_eq!(json, format!("{again:?}"));
            assert_eq!(serde_json::from_str::<Augmentation>(&json).unwrap(), augmentation);
        }
    }

    #[test]
    fn a_fault_is_named_with_its_place() {
        for (text, fault) in [
            ("sift 2", "there is no augmentation `sift`; did you mean shift? The words are flip, shift,"),
            ("zzz", "there is no augmentation `zzz`; the words are flip, shift,"),
            ("flip, flip", "`flip` is there twice, at character 7 of the augmentation, at `flip`"),
            (
                "flip,",
                "the name of an augmentation is missing, at character 6 of the augmentation, where it ends",
            ),
            (",flip", "the name of an augmentation is missing, at character 1"),
            ("rotate", "`rotate` needs an angle above 0 and at most 180 degrees, at character 1"),
            ("é 2, rotate ten", "there is no augmentation `é`"),
            ("flip, rotate ten", "`ten` is not an angle above 0 and at most 180 degrees, at character 14"),
            ("elastic 34", "`elastic` needs a standard deviation σ from 0.1 to 100 pixels"),
            ("elastic 34 0", "`0` is not a standard deviation σ from 0.1 to 100 pixels"),
            ("shift 0", "`0` is not a number of pixels above 0 and at most 1000"),
            ("shift nan", "`nan` is not a number of pixels"),
            ("scale inf", "`inf` is not a percentage above 0 and at most 90"),
            ("crop 4.5", "`4.5` is not the pixels of padding, a whole number from 1 to 1000"),
            ("flip 0.5", "`0.5` is one too many for `flip`, at character 6"),
            ("mixup -1", "`-1` is not a number α from 0.01 to 100"),
        ] {
            let error = text.parse::<Augmentation>().unwrap_err().to_string();
            assert!(error.starts_with(fault), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_what_it_reads_is_written_again(
            text in "(flip|shift|rotate|scale|elastic|mixup|crop|,| |é|[0-9.e-]){0,12}|\\PC{0,40}",
        ) {
            match text.parse::<Augmentation>() {
                Ok(read) => prop_assert_eq!(read.to_string().parse(), Ok(read)),
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }
}
