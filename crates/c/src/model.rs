//! A model for C: its number type is known at run time only.

use std::ffi::CString;
use std::path::Path;

use chainrule::model::{Checkpoint, Header, Model};
use chainrule::ndarray::ArrayView2;
use chainrule::tensor::{Scalar, vector};
use chainrule::train::tensors;

use crate::fault::Fault;

/// A trained model. Several threads may use one at the same time.
#[derive(Debug)]
pub struct ChainruleModel {
    numbers: Numbers,
    classes: Vec<CString>,
    inputs: usize,
    outputs: usize,
}

/// The model in its own number type.
#[derive(Debug)]
enum Numbers {
    F32(Model<f32>),
    F64(Model<f64>),
}

impl ChainruleModel {
    /// Reads a model file.
    pub(crate) fn load(path: &Path) -> Result<Self, Fault> {
        let bytes = tensors::read(path)?;
        let header = Header::from_bytes(path, &bytes)?;
        let card = header.card.ok_or_else(|| Fault::NoDescription(path.to_owned()))?;
        let (inputs, outputs) = (card.architecture.inputs(), card.architecture.outputs());
        let transform = |source| Fault::Transform { path: path.to_owned(), source };
        card.transform.check(inputs).map_err(transform)?;
        let name = |(class, name): (usize, &String)| {
            CString::new(name.as_str()).map_err(|_| Fault::ClassName { path: path.to_owned(), class })
        };
        let classes = card.classes.iter().enumerate().map(name).collect::<Result<_, _>>()?;
        let numbers = if header.dtype == f64::NAME {
            Numbers::F64(Checkpoint::from_bytes(path, &bytes)?.into())
        } else {
            Numbers::F32(Checkpoint::from_bytes(path, &bytes)?.into())
        };
        Ok(Self { numbers, classes, inputs, outputs })
    }

    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    pub(crate) fn classes(&self) -> &[CString] {
        &self.classes
    }

    /// The predictions for some rows, one after the other as the rows are.
    pub(crate) fn predict<T: Scalar>(&self, rows: usize, input: &[T]) -> Result<Vec<T>, Fault> {
        match &self.numbers {
            Numbers::F32(model) => predict(model, (rows, self.inputs), input),
            Numbers::F64(model) => predict(model, (rows, self.inputs), input),
        }
    }
}

/// The same; the numbers of the input are transformed before they are rounded to those of the model.
fn predict<A: Scalar, T: Scalar>(
    model: &Model<A>,
    shape: (usize, usize),
    input: &[T],
) -> Result<Vec<T>, Fault> {
    let x = ArrayView2::from_shape(shape, input).expect("as many numbers as the shape has");
    let y = model.predict_from(&x);
    let y: Vec<T> = y.iter().map(|y| T::of(y.as_f64())).collect();
    let outputs = y.len() / shape.0.max(1);
    let broken = y.chunks_exact(outputs.max(1)).position(|row| !vector::is_finite(row));
    broken.map_or(Ok(y), |row| Err(Fault::NotFinite(row + 1)))
}

/// What threads may share.
const fn is_shared<T: Send + Sync>() {}
const _: () = is_shared::<ChainruleModel>();
