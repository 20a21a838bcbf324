//! Arrays as the examples of a network.

use chainrule::datasets::{Dataset, Features, ImageShape, Label, Pipeline, Target};
use chainrule::model::{Model, predict};
use chainrule::ndarray::Array2;
use chainrule::tensor::{Scalar, Shape};
use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrays::Rows;
use crate::faults::value_error;
use crate::threads::shared;

/// The rows of x for the inputs of a model: bytes, or floating-point numbers.
pub(super) fn features<A: Scalar>(model: &Model<A>, x: &Bound<'_, PyAny>) -> PyResult<Features<A>> {
    let features = match x.extract::<PyReadonlyArray2<'_, u8>>() {
        Ok(bytes) => Features::Bytes(bytes.as_array().as_standard_layout().into_owned()),
        Err(_) => match Rows::of(x)? {
            // Seconds since 1970 in single precision are two minutes apart: such numbers are centred first.
            x @ Rows::Double(_) if A::NAME != <f64 as Scalar>::NAME => Features::Wide(x.to_matrix(None)),
            x => Features::Real(x.to_matrix(None)),
        },
    };
    let (given, takes) = (features.dim().1, model.network().inputs());
    if given != takes {
        return Err(PyValueError::new_err(format!(
            "a row of X has {given} numbers, and the network takes {takes}"
        )));
    }
    Ok(features)
}

/// The predictions for examples; `None` where no file describes the network.
pub(super) fn predictions<A: Scalar>(model: &Model<A>, x: Features<A>, threads: usize) -> Option<Array2<A>> {
    let rows = x.dim().0;
    let x = match x {
        Features::Bytes(bytes) => bytes.mapv(|byte| A::of(f64::from(byte))),
        Features::Real(x) => x,
        wide => {
            let card = model.card()?;
            let (x, plain) = (wide.transformed(&card.transform, 0..rows), Pipeline::new());
            let work = || predict(model.network(), card.output, &plain, model.weights(), &x);
            return Some(shared(threads, rows, model.theta().len(), work));
        }
    };
    Some(shared(threads, rows, model.theta().len(), || model.predict(&x)))
}

pub(super) fn dataset<A: Scalar>(
    model: &Model<A>,
    x: &Bound<'_, PyAny>,
    target: Target,
) -> PyResult<Dataset<A>> {
    let features = features(model, x)?;
    let is_bytes = matches!(features, Features::Bytes(_));
    let (gives, wanted) = (model.network().outputs(), target.outputs());
    if gives != wanted {
        let fault = format!(
            "the network has {gives} outputs, and the targets need {wanted}: end it with `dense {wanted}`"
        );
        return Err(PyValueError::new_err(fault));
    }
    let mut data = Dataset::new("X", features, target).map_err(value_error)?;
    if let Shape::Image { height, width, channels } = model.network().input_shape() {
        data = data.with_image(ImageShape { height, width, channels }).map_err(value_error)?;
    }
    Ok(if is_bytes { data.with_full_scale(255.0) } else { data })
}

/// Classes as integers, labels as booleans, numbers as they are.
pub(super) fn target(y: &Bound<'_, PyAny>, classes: &[String]) -> PyResult<Target> {
    if let Ok(labels) = y.extract::<PyReadonlyArray1<'_, u32>>() {
        return Ok(Target::Classes { labels: labels.as_array().to_vec(), names: classes.to_vec() });
    }
    if let Ok(values) = y.extract::<PyReadonlyArray2<'_, bool>>() {
        let values = values.as_array().to_owned();
        let label = |i: usize| Label { name: i.to_string(), words: ["0".to_owned(), "1".to_owned()] };
        return Ok(Target::MultiLabel { labels: (0..values.ncols()).map(label).collect(), values });
    }
    Ok(Target::real(Rows::of(y)?.to_matrix::<f64>(None)))
}
