//! Predictions of trained models from C: `include/chainrule.h`, a shared library and a static one.
//!
//! ```c
//! ChainruleModel *model = chainrule_load("runs/iris/last.safetensors");
//! float input[4] = {5.0f, 3.0f, 1.6f, 0.2f}, output[3];
//! if (!model || chainrule_predict(model, 1, input, 4, output, 3) != 0)
//!     fprintf(stderr, "%s\n", chainrule_error());
//! chainrule_free(model);
//! ```
//!
//! `examples/predict.c` is a whole program. Each function checks pointers and lengths as far as they can be checked, and a panic ends
//! as an error. The comments of the functions are those of the header, which a test compares with what cbindgen makes of this file.
#![allow(unsafe_code)]
// A comment for readers of C has no sections of rustdoc's.
#![allow(clippy::missing_safety_doc)]

mod fault;
mod model;

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr;
use std::slice;

use chainrule::tensor::Scalar;

use crate::fault::Fault;
pub use crate::model::ChainruleModel;

thread_local! {
    /// Why the last call that failed in this thread did.
    static ERROR: RefCell<Option<CString>> = const { RefCell::new(None) };
}

/// Reads a model file that `chainrule train`, `chainrule import` or the library wrote. The path is text in UTF-8. Returns NULL if that
/// fails. The caller owns the model and releases it with chainrule_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chainrule_load(path: *const c_char) -> *mut ChainruleModel {
    or_error(ptr::null_mut(), || {
        if path.is_null() {
            return Err(Fault::Null("path"));
        }
        // SAFETY: it is no null pointer, and the caller's promise is a text that ends with a zero.
        let path = unsafe { CStr::from_ptr(path) }.to_str()?;
        Ok(Box::into_raw(Box::new(ChainruleModel::load(Path::new(path))?)))
    })
}

/// The number of values in a row of input: the columns of a table, with one for each word of each category, or the pixels of a picture
/// with the channels last. Returns 0 if model is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chainrule_inputs(model: *const ChainruleModel) -> usize {
    // SAFETY: the caller's promise is NULL or a model.
    or_error(0, || Ok(unsafe { borrowed(model) }?.inputs()))
}

/// The number of values in a prediction: a probability for each class, or the numbers of a regression in the units of its targets. A
/// model of two classes may have one output, the probability of the second. Returns 0 if model is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chainrule_outputs(model: *const ChainruleModel) -> usize {
    // SAFETY: the caller's promise is NULL or a model.
    or_error(0, || Ok(unsafe { borrowed(model) }?.outputs()))
}

/// The number of class names. Returns 0 if the outputs are no classes, or model is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chainrule_class_count(model: *const ChainruleModel) -> usize {
    // SAFETY: the caller's promise is NULL or a model.
    or_error(0, || Ok(unsafe { borrowed(model) }?.classes().len()))
}

/// The name of a class in UTF-8, in the order of the outputs. It is valid until chainrule_free. Returns NULL if index is not below
/// chainrule_class_count.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chainrule_class_name(model: *const ChainruleModel, index: usize) -> *const c_char {
    or_error(ptr::null(), || {
        // SAFETY: the caller's promise is NULL or a model.
        let classes = unsafe { borrowed(model) }?.classes();
        let name = classes.get(index).ok_or(Fault::NoClass { index, classes: classes.len() })?;
        Ok(name.as_ptr())
    })
}

/// Predicts rows of raw input, as they come from a file: the model scales them itself. input has input_length values, row after row, and
/// input_length must be rows times chainrule_inputs. output has room for output_length values, at least rows times chainrule_outputs, and
/// may overlap input. Returns 0, or -1 if that fails; output is then unchanged.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chainrule_predict(
    model: *const ChainruleModel,
    rows: usize,
    input: *const f32,
    input_length: usize,
    output: *mut f32,
    output_length: usize,
) -> c_int {
    // SAFETY: the caller's promises.
    or_error(-1, || unsafe { predict(model, rows, (input, input_length), (output, output_length)) })
}

/// As chainrule_predict, for values of 64 bits. A model of 32 bits computes with 32.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chainrule_predict_f64(
    model: *const ChainruleModel,
    rows: usize,
    input: *const f64,
    input_length: usize,
    output: *mut f64,
    output_length: usize,
) -> c_int {
    // SAFETY: the caller's promises.
    or_error(-1, || unsafe { predict(model, rows, (input, input_length), (output, output_length)) })
}

/// The error message of the last call that failed in this thread, in UTF-8; empty if none failed. It is valid until the next call that
/// fails in this thread.
#[unsafe(no_mangle)]
pub extern "C" fn chainrule_error() -> *const c_char {
    let text = |error: &RefCell<Option<CString>>| Some(error.try_borrow().ok()?.as_ref()?.as_ptr());
    ERROR.try_with(text).ok().flatten().unwrap_or(c"".as_ptr())
}

/// Releases a model. Afterwards no thread may use it, nor the names of its classes. Does nothing if model is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chainrule_free(model: *mut ChainruleModel) {
    or_error((), || {
        if !model.is_null() {
            // SAFETY: `chainrule_load` made it of a box, and the caller's promise is that this happens once.
            drop(unsafe { Box::from_raw(model) });
        }
        Ok(())
    });
}

/// The result of `work` or, where it fails or panics, `failed`, with the text of the error for this thread.
fn or_error<T>(failed: T, work: impl FnOnce() -> Result<T, Fault>) -> T {
    let fault = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(result)) => return result,
        Ok(Err(fault)) => fault,
        Err(panic) => Fault::Panic(words(&*panic)),
    };
    // A zero would end the text.
    let text = CString::new(fault.to_string().replace('\0', "\u{fffd}")).unwrap_or_default();
    // The thread may be ending: then nobody asks any more.
    let _ = ERROR.try_with(|error| error.try_borrow_mut().map(|mut error| *error = Some(text)));
    failed
}

/// The words of a panic.
fn words(panic: &dyn Any) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it says no more")
        .to_owned()
}

/// A model of the caller's.
///
/// # Safety
/// The pointer is null, or `chainrule_load` gave it and `chainrule_free` did not take it.
unsafe fn borrowed<'m>(model: *const ChainruleModel) -> Result<&'m ChainruleModel, Fault> {
    // SAFETY: the promise above; nothing changes a model.
    unsafe { model.as_ref() }.ok_or(Fault::Null("model"))
}

/// Predicts rows of the caller's.
///
/// # Safety
/// As [`borrowed`]; each pointer is null or leads to as many numbers as the length beside it says, of which those of the output may be
/// without a value, and no thread changes them meanwhile.
unsafe fn predict<T: Scalar>(
    model: *const ChainruleModel,
    rows: usize,
    (input, input_length): (*const T, usize),
    (output, output_length): (*mut T, usize),
) -> Result<c_int, Fault> {
    // SAFETY: the promise above.
    let model = unsafe { borrowed(model) }?;
    let needed = |width: usize| {
        let bytes = rows.checked_mul(width).and_then(|numbers| numbers.checked_mul(size_of::<T>()));
        let fits = bytes.is_some_and(|bytes| isize::try_from(bytes).is_ok());
        if fits { Ok(rows * width) } else { Err(Fault::TooMany { rows, width }) }
    };
    let (inputs, outputs) = (needed(model.inputs())?, needed(model.outputs())?);
    let lengths = [
        ("input", input_length, inputs, model.inputs(), input_length == inputs),
        ("output", output_length, outputs, model.outputs(), output_length >= outputs),
    ];
    for (what, given, needed, width, fits) in lengths {
        if !fits {
            return Err(Fault::Length { what, given, rows, width, needed });
        }
    }
    if rows == 0 {
        return Ok(0);
    }
    for (what, is_null, is_aligned) in
        [("input", input.is_null(), input.is_aligned()), ("output", output.is_null(), output.is_aligned())]
    {
        if is_null {
            return Err(Fault::Null(what));
        }
        if !is_aligned {
            return Err(Fault::Unaligned(what));
        }
    }
    // SAFETY: it is neither null nor misaligned, has the caller's number of readable values, and their bytes are fewer than isize::MAX.
    // The numbers are read before any is written, so that the output may overlap.
    let predictions = model.predict(rows, unsafe { slice::from_raw_parts(input, inputs) })?;
    // SAFETY: as above; there is room for `output_length` numbers, and the predictions are ours.
    unsafe { ptr::copy_nonoverlapping(predictions.as_ptr(), output, predictions.len().min(outputs)) };
    Ok(0)
}

#[cfg(test)]
mod tests;
