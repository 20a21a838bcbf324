//! Files of other programs in the place of model files: ONNX, state dicts of PyTorch's `torch.save`, and those in shards.

use std::path::Path;

use chainrule::datasets::unreadable;
use chainrule::model::onnx::{self, ImportError, Imported};
use chainrule::model::{pt, sharded};
use chainrule::tensor::Scalar;
use chainrule::train::tensors;

use super::options::{Dtype, with_dtype};
use crate::failure::Failure;

/// Whether a file is one in ONNX, by its name.
pub(crate) fn is_onnx(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"))
}

/// The number type of an ONNX file.
pub(crate) fn number_type(path: &Path) -> Result<Dtype, Failure> {
    let bytes = bytes_of(path)?;
    let is_double = onnx::is_double(&bytes).map_err(|error| failure(path, &error))?;
    Ok(if is_double { Dtype::F64 } else { Dtype::F32 })
}

/// The model in an ONNX file.
pub(crate) fn read<A: Scalar>(path: &Path) -> Result<Imported<A>, Failure> {
    onnx::import(path).map_err(|error| failure(path, &error))
}

fn failure(path: &Path, error: &ImportError) -> Failure {
    match error {
        // It names the file itself, which may be another one.
        ImportError::Io { .. } => Failure::input(error),
        _ => Failure::Input(format!("{}: {error}", path.display())),
    }
}

/// Whether a file is one of `torch.save`, by its name.
fn is_of_torch_save(path: &Path) -> bool {
    let is = |ending: &str| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending));
    is("pt") || is("pth")
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|error| Failure::Input(format!("{}: {}", path.display(), unreadable(path, &error, ""))))
}

/// The bytes of a model file; of one in ONNX, those of the same model as this program writes it, and of a state dict of `torch.save` or
/// in shards, those of its safetensors file.
pub(crate) fn model_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    fn bytes<A: Scalar>(path: &Path) -> Result<Vec<u8>, Failure> {
        Ok(read::<A>(path)?.checkpoint.to_bytes())
    }
    if sharded::is_index(path) {
        return sharded::read(path).map_err(Failure::input);
    }
    if is_of_torch_save(path) {
        let bytes = bytes_of(path)?;
        return pt::to_safetensors(&bytes)
            .map_err(|error| Failure::Input(format!("{}: {error}", path.display())));
    }
    if !is_onnx(path) {
        return tensors::read(path).map_err(Failure::input);
    }
    with_dtype!(number_type(path)?, bytes(path))
}
