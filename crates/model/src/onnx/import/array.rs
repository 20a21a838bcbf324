//! Arrays that are known before any example is: parameters, lengths and indices.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use chainrule_tensor::half::half;

use super::error::{ImportError, quoted};
use super::message::Tensor;
use super::wire::{Wire, packed_varints};

/// An array with its numbers in C order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Array {
    pub(super) dims: Vec<usize>,
    pub(super) numbers: Numbers,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Numbers {
    Real(Vec<f64>),
    /// Lengths and indices.
    Whole(Vec<i64>),
    /// Names of classes.
    Text(Vec<String>),
}

/// In the place of a length, the number of examples.
pub(super) const BATCH: i64 = i64::MIN;

impl Array {
    pub(super) fn real(dims: Vec<usize>, numbers: Vec<f64>) -> Self {
        Self { dims, numbers: Numbers::Real(numbers) }
    }

    pub(super) fn whole(dims: Vec<usize>, numbers: Vec<i64>) -> Self {
        Self { dims, numbers: Numbers::Whole(numbers) }
    }

    pub(super) fn len(&self) -> usize {
        match &self.numbers {
            Numbers::Real(numbers) => numbers.len(),
            Numbers::Whole(numbers) => numbers.len(),
            Numbers::Text(texts) => texts.len(),
        }
    }

    /// As real numbers; `None` for text and for the number of examples.
    pub(super) fn reals(&self) -> Option<Vec<f64>> {
        match &self.numbers {
            Numbers::Real(numbers) => Some(numbers.clone()),
            Numbers::Whole(numbers) if !numbers.contains(&BATCH) => {
                Some(numbers.iter().map(|&number| number as f64).collect())
            }
            _ => None,
        }
    }

    /// As whole numbers; `None` for text, and for real numbers that are not whole.
    pub(super) fn wholes(&self) -> Option<Vec<i64>> {
        match &self.numbers {
            Numbers::Whole(numbers) => Some(numbers.clone()),
            Numbers::Real(numbers) if numbers.iter().all(|number| number.fract() == 0.0) => {
                Some(numbers.iter().map(|&number| number as i64).collect())
            }
            _ => None,
        }
    }
}

/// What an import may take beside the file.
#[derive(Debug)]
pub(super) struct Budget {
    left: Cell<usize>,
}

impl Budget {
    pub(super) fn new(numbers: usize) -> Self {
        Self { left: Cell::new(numbers) }
    }

    /// Raises the budget by `numbers`.
    pub(super) fn give(&self, numbers: usize) {
        self.left.set(self.left.get().saturating_add(numbers));
    }

    /// Spends `numbers` of the budget.
    ///
    /// # Errors
    /// If less is left.
    pub(super) fn take(&self, numbers: usize) -> Result<(), ImportError> {
        let left = self.left.get().checked_sub(numbers);
        let too_many = || ImportError::size("its operators use more numbers than the file justifies");
        self.left.set(left.ok_or_else(too_many)?);
        Ok(())
    }
}

// `TensorProto.DataType`.
pub(super) const FLOAT: i64 = 1;
pub(super) const STRING: i64 = 8;
pub(super) const HALF: i64 = 10;
pub(super) const DOUBLE: i64 = 11;
pub(super) const BFLOAT: i64 = 16;

/// Arrays of lengths and indices are short.
const MOST_WHOLE: usize = 1 << 16;

/// Reads the numbers of arrays, those in other files of the folder too.
#[derive(Debug)]
pub(super) struct Reader<'p> {
    /// The folder of the model; `None` where its bytes are not from a file.
    folder: Option<&'p Path>,
    files: RefCell<HashMap<PathBuf, Rc<Vec<u8>>>>,
    /// Numbers that may be decoded.
    budget: Budget,
    /// Bytes of other files that were read since somebody asked.
    unread: Cell<usize>,
}

impl<'p> Reader<'p> {
    pub(super) fn new(folder: Option<&'p Path>, length: usize) -> Self {
        const SLACK: usize = 1 << 24;
        let budget = Budget::new(length.saturating_mul(4).saturating_add(SLACK));
        Self { folder, files: RefCell::default(), budget, unread: Cell::new(0) }
    }

    /// The array with its numbers.
    pub(super) fn read(&self, tensor: &Tensor<'_>) -> Result<Array, ImportError> {
        let Tensor { dims, kind, .. } = tensor;
        let fault = |fault: String| ImportError::Array { array: quoted(tensor.name), fault };
        let size = dims.iter().try_fold(1_usize, |size, &length| size.checked_mul(length));
        let size = size.ok_or_else(|| fault(format!("its shape {dims:?} overflows")))?;
        let is_real = [FLOAT, HALF, DOUBLE, BFLOAT].contains(kind);
        if !is_real && size > MOST_WHOLE {
            return Err(fault(format!(
                "{size} numbers of the type {kind}, which no parameter of a layer has"
            )));
        }
        let external;
        let raw = if tensor.is_external {
            external = self.external(tensor)?;
            Some(&external.0[external.1.clone()])
        } else {
            tensor.raw
        };
        let numbers = match raw {
            Some(raw) => {
                let width = width(*kind)
                    .ok_or_else(|| fault(format!("numbers of the type {kind}, which is not read")))?;
                if Some(raw.len()) != size.checked_mul(width) {
                    return Err(fault(format!("{} bytes for the shape {dims:?}", raw.len())));
                }
                self.budget.take(size)?;
                from_raw(*kind, raw)
            }
            None => self.decoded(tensor, size)?,
        };
        let array = Array { dims: dims.clone(), numbers };
        if array.len() == size {
            Ok(array)
        } else {
            Err(fault(format!("{} numbers for the shape {dims:?}", array.len())))
        }
    }

    /// Numbers that are fields of their own, no more than `size` and one.
    fn decoded(&self, tensor: &Tensor<'_>, size: usize) -> Result<Numbers, ImportError> {
        self.budget.take(size.min(tensor.fields(4).count().max(MOST_WHOLE)))?;
        let (mut real, mut whole, mut text) = (Vec::new(), Vec::new(), Vec::new());
        let (of_fields, kind) = (|number| tensor.fields(number), tensor.kind);
        for field in of_fields(4).chain(of_fields(10)) {
            match field? {
                Wire::Four(bytes) => real.push(f32::from_le_bytes(bytes).into()),
                Wire::Eight(bytes) => real.push(f64::from_le_bytes(bytes)),
                Wire::Bytes(bytes) if kind == DOUBLE => real.extend(eights(bytes, f64::from_le_bytes)),
                Wire::Bytes(bytes) => real.extend(fours(bytes, |four| f64::from(f32::from_le_bytes(four)))),
                Wire::Varint(_) => {}
            }
        }
        for field in of_fields(5).chain(of_fields(7)).chain(of_fields(11)) {
            for number in packed_varints(field?) {
                whole.push(number?);
                if whole.len() > size {
                    break;
                }
            }
        }
        for field in of_fields(6) {
            text.push(String::from_utf8_lossy(field?.bytes()).into_owned());
            if text.len() > MOST_WHOLE {
                break;
            }
        }
        Ok(match kind {
            HALF => Numbers::Real(whole.into_iter().map(|bits| half(bits as u16)).collect()),
            BFLOAT => Numbers::Real(whole.into_iter().map(|bits| bfloat(bits as u16)).collect()),
            FLOAT | DOUBLE => Numbers::Real(real),
            STRING => Numbers::Text(text),
            _ => Numbers::Whole(whole),
        })
    }

    /// The bytes of a file in the model's folder, and where in it the array is.
    fn external(&self, tensor: &Tensor<'_>) -> Result<(Rc<Vec<u8>>, std::ops::Range<usize>), ImportError> {
        let location = tensor.external("location")?.unwrap_or_default();
        let fault = |fault: &str| ImportError::External {
            array: quoted(tensor.name),
            location: quoted(location),
            fault: fault.to_owned(),
        };
        let path = Path::new(location);
        if location.is_empty() || !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(fault("only files in the model's own folder are read"));
        }
        let folder = self.folder.ok_or_else(|| fault("it was not given with the model"))?;
        let path = folder.join(path);
        let is_inside =
            |path: &Path| Some(path.canonicalize().ok()?.starts_with(folder.canonicalize().ok()?));
        if is_inside(&path) == Some(false) {
            return Err(fault("only files in the model's own folder are read"));
        }
        let known = self.files.borrow().get(&path).cloned();
        let bytes = if let Some(bytes) = known {
            bytes
        } else {
            let bytes =
                std::fs::read(&path).map_err(|source| ImportError::Io { path: path.clone(), source })?;
            self.budget.give(bytes.len().saturating_mul(4));
            self.unread.set(self.unread.get() + bytes.len());
            let bytes = Rc::new(bytes);
            self.files.borrow_mut().insert(path, bytes.clone());
            bytes
        };
        let number = |key: &str, usual: usize| -> Result<usize, ImportError> {
            let text = tensor.external(key)?;
            text.map_or(Ok(usual), |text| {
                text.parse().map_err(|_| fault("its place in the file is no number"))
            })
        };
        let start = number("offset", 0)?;
        let length = number("length", bytes.len().saturating_sub(start))?;
        let end = start.checked_add(length).filter(|&end| end <= bytes.len());
        let end = end.ok_or_else(|| fault("the file is too short"))?;
        Ok((bytes, start..end))
    }

    /// How many bytes of other files were read since the last call.
    pub(super) fn external_bytes(&self) -> usize {
        self.unread.take()
    }
}

/// The bytes of a number of this type.
fn width(kind: i64) -> Option<usize> {
    match kind {
        2 | 3 | 9 => Some(1),
        4 | 5 | HALF | BFLOAT => Some(2),
        FLOAT | 6 | 12 => Some(4),
        7 | DOUBLE | 13 => Some(8),
        _ => None,
    }
}

fn fours<T>(bytes: &[u8], of: impl Fn([u8; 4]) -> T) -> impl Iterator<Item = T> {
    bytes.as_chunks().0.iter().map(move |&four| of(four))
}

fn eights<T>(bytes: &[u8], of: impl Fn([u8; 8]) -> T) -> impl Iterator<Item = T> {
    bytes.as_chunks().0.iter().map(move |&eight| of(eight))
}

/// The upper half of an f32.
fn bfloat(bits: u16) -> f64 {
    f32::from_bits(u32::from(bits) << 16).into()
}

fn from_raw(kind: i64, raw: &[u8]) -> Numbers {
    let twos =
        |of: fn(u16) -> i64| raw.as_chunks().0.iter().map(|&two| of(u16::from_le_bytes(two))).collect();
    let halves =
        |of: fn(u16) -> f64| raw.as_chunks().0.iter().map(|&two| of(u16::from_le_bytes(two))).collect();
    match kind {
        FLOAT => Numbers::Real(fours(raw, |four| f32::from_le_bytes(four).into()).collect()),
        DOUBLE => Numbers::Real(eights(raw, f64::from_le_bytes).collect()),
        HALF => Numbers::Real(halves(half)),
        BFLOAT => Numbers::Real(halves(bfloat)),
        2 | 9 => Numbers::Whole(raw.iter().map(|&byte| byte.into()).collect()),
        3 => Numbers::Whole(raw.iter().map(|&byte| i64::from(byte.cast_signed())).collect()),
        4 => Numbers::Whole(twos(i64::from)),
        5 => Numbers::Whole(twos(|two| i64::from(two.cast_signed()))),
        6 => Numbers::Whole(fours(raw, |four| i32::from_le_bytes(four).into()).collect()),
        12 => Numbers::Whole(fours(raw, |four| u32::from_le_bytes(four).into()).collect()),
        _ => Numbers::Whole(eights(raw, i64::from_le_bytes).collect()),
    }
}
