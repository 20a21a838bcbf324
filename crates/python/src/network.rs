//! A model with its training, files and state dict.

mod examples;
mod state;
mod training;

use std::path::{Path, PathBuf};

use chainrule::layers::{Architecture, Stage};
use chainrule::loss::LossKind;
use chainrule::model::onnx::{OnnxInputs, OnnxOptions};
use chainrule::model::{Checkpoint, Model, Output};
use chainrule::ndarray::ArrayD;
use chainrule::tensor::{Scalar, Shape};
use numpy::{IntoPyArray, PyArray2, PyReadonlyArray1, PyReadonlyArrayDyn, ToPyArray};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use self::examples::{dataset, features, predictions, target};
use self::state::{decoded, stored};
use self::training::{Report, Training, fit, report};
use crate::faults::{detached, file_error, told, value_error, without_place};
use crate::memory;
use crate::objective::{Objective, Problem};
use crate::signals::Signals;
use crate::threads::shared;

/// A model in one of the number types.
enum Either {
    Single(Box<Model<f32>>),
    Double(Box<Model<f64>>),
}

macro_rules! on {
    ($either:expr, $model:ident => $body:expr) => {
        match $either {
            Either::Single($model) => $body,
            Either::Double($model) => $body,
        }
    };
}

/// A network in words with its numbers.
#[pyclass(module = "chainrule._chainrule")]
pub(crate) struct Network {
    model: Either,
}

/// A row of the summary: the layer, the shape of its output, the number of its parameters.
type SummaryRow = (String, String, usize);

#[pymethods]
impl Network {
    /// A network in words with weights drawn from `seed`.
    #[new]
    fn new(network: &str, input: &str, seed: u64, double: bool) -> PyResult<Self> {
        let shape: Shape = input.parse().map_err(value_error)?;
        let plan = Architecture::parse(shape, network).map_err(value_error)?;
        plan.validated().map_err(value_error)?;
        memory::check(&plan, if double { 8 } else { 4 })?;
        let model = if double {
            Either::Double(Box::new(Model::new(plan.build::<f64>(None), seed)))
        } else {
            Either::Single(Box::new(Model::new(plan.build::<f32>(None), seed)))
        };
        Ok(Self { model })
    }

    /// Reads the contents of a file that `to_bytes` or `chainrule train` wrote; `path` serves the messages.
    #[staticmethod]
    fn from_bytes(bytes: &[u8], path: PathBuf, double: bool) -> PyResult<Self> {
        let model =
            if double { Either::Double(read(bytes, &path)?) } else { Either::Single(read(bytes, &path)?) };
        Ok(Self { model })
    }

    /// The contents of a file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        on!(&self.model, model => Ok(PyBytes::new(py, &checkpoint(model)?.to_bytes())))
    }

    /// Writes the file, whole or not at all.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        on!(&self.model, model => detached(py, || model.save(&path))?.map_err(|error| PyOSError::new_err(told(&error))))
    }

    /// The model in ONNX, from a matrix or from the columns of the table that it was trained on.
    fn to_onnx<'py>(&self, py: Python<'py>, columns: bool, opset: i64) -> PyResult<Bound<'py, PyBytes>> {
        let inputs = if columns { OnnxInputs::Columns } else { OnnxInputs::Matrix };
        let options = OnnxOptions { opset, inputs };
        on!(&self.model, model => {
            let bytes = checkpoint(model)?.to_onnx_with(options).map_err(value_error)?;
            Ok(PyBytes::new(py, &bytes))
        })
    }

    /// Trains on x and y. What ended the training early, such as Ctrl-C, is in the report, because the model has learned.
    #[pyo3(signature = (x, y, classes, weights, validation, training, on_epoch))]
    fn fit(
        &mut self,
        py: Python<'_>,
        x: &Bound<'_, PyAny>,
        y: &Bound<'_, PyAny>,
        classes: Vec<String>,
        weights: Option<PyReadonlyArray1<'_, f64>>,
        validation: Option<(Bound<'_, PyAny>, Bound<'_, PyAny>)>,
        training: &str,
        on_epoch: Option<Py<PyAny>>,
    ) -> PyResult<Report> {
        let training: Training =
            serde_json::from_str(training).map_err(|error| PyValueError::new_err(without_place(&error)))?;
        let weights = weights.map(|weights| weights.as_array().to_vec());
        let mut signals = Signals::new(on_epoch);
        let history = on!(&mut self.model, model => {
            let mut train = dataset(model, x, target(y, &classes)?)?;
            if let Some(weights) = weights {
                train = train.with_weights(&weights).map_err(value_error)?;
            }
            let validation = match validation {
                Some((x, y)) => Some(dataset(model, &x, target(&y, &classes)?)?),
                None => None,
            };
            detached(py, || fit(model, &train, validation.as_ref(), &training, &mut signals))??
        });
        Ok(report(history, signals.into_result().err()))
    }

    /// The predictions for the rows of x: probabilities, or numbers.
    fn predict<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        threads: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        on!(&self.model, model => {
            let x = features(model, x)?;
            let y = detached(py, || predictions(model, x, threads))?.ok_or_else(undescribed)?;
            Ok(PyArray2::from_owned_array(py, y).into_any())
        })
    }

    /// Loss and score on x and y.
    fn evaluate(
        &self,
        py: Python<'_>,
        x: &Bound<'_, PyAny>,
        y: &Bound<'_, PyAny>,
        classes: Vec<String>,
        threads: usize,
    ) -> PyResult<(f64, f64)> {
        on!(&self.model, model => {
            let data = dataset(model, x, target(y, &classes)?)?;
            let evaluation = detached(py, || shared(threads, data.len(), model.theta().len(), || model.evaluate(&data)))?.map_err(value_error)?;
            Ok((evaluation.loss, evaluation.metrics.headline()))
        })
    }

    /// The loss on x and y as a function of θ.
    #[pyo3(signature = (x, y, classes, loss, threads))]
    fn objective(
        &self,
        x: &Bound<'_, PyAny>,
        y: &Bound<'_, PyAny>,
        classes: Vec<String>,
        loss: Option<&str>,
        threads: usize,
    ) -> PyResult<Objective> {
        let loss =
            loss.map(|name| name.parse::<LossKind>().map(LossKind::spec)).transpose().map_err(value_error)?;
        match &self.model {
            Either::Single(model) => {
                let data = dataset(model, x, target(y, &classes)?)?;
                Problem::new(model, &data, loss, threads)
                    .map(Objective::single)
                    .map_err(PyValueError::new_err)
            }
            Either::Double(model) => {
                let data = dataset(model, x, target(y, &classes)?)?;
                Problem::new(model, &data, loss, threads)
                    .map(Objective::double)
                    .map_err(PyValueError::new_err)
            }
        }
    }

    /// The parameters and statistics by name, in the shapes and order of PyTorch.
    fn state_dict<'py>(&self, py: Python<'py>) -> Vec<(String, Bound<'py, PyAny>)> {
        on!(&self.model, model => stored(model).into_iter().map(|(name, array)| (name, array.into_pyarray(py).into_any())).collect())
    }

    /// Takes the arrays of a state dict, each of which the network has and which are all that it has.
    fn load_state_dict(&mut self, arrays: Vec<(String, PyReadonlyArrayDyn<'_, f64>)>) -> PyResult<()> {
        let arrays: Vec<(String, ArrayD<f64>)> =
            arrays.into_iter().map(|(name, array)| (name, array.as_array().to_owned())).collect();
        on!(&mut self.model, model => {
            let mut checkpoint = checkpoint(model)?;
            let weights = [model.network().layout(), model.network().statistics()];
            let [theta, statistics] = weights.map(|layout| decoded(layout.entries(), &arrays));
            (checkpoint.theta, checkpoint.statistics) = (theta?, statistics?);
            let known = |name: &String| weights.iter().any(|layout| layout.entries().iter().any(|entry| entry.name == *name));
            if let Some((name, _)) = arrays.iter().find(|(name, _)| !known(name)) {
                return Err(PyValueError::new_err(format!("the network has no parameter {name:?}")));
            }
            **model = checkpoint.into();
            Ok(())
        })
    }

    /// θ, flat.
    #[getter]
    fn theta<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        on!(&self.model, model => model.theta().to_pyarray(py).into_any())
    }

    #[setter]
    fn set_theta(&mut self, theta: PyReadonlyArray1<'_, f64>) -> PyResult<()> {
        on!(&mut self.model, model => {
            let (here, given) = (model.theta().len(), theta.as_array().len());
            if here != given {
                return Err(PyValueError::new_err(format!("a vector of {given} numbers for {here} parameters")));
            }
            model.theta_mut().iter_mut().zip(theta.as_array()).for_each(|(to, &from)| *to = Scalar::of(from));
            Ok(())
        })
    }

    /// The layers as rows, and the number of all parameters.
    fn summary(&self) -> (String, Vec<SummaryRow>, usize) {
        let summary = on!(&self.model, model => model.summary());
        let rows = summary.rows.into_iter().map(|row| (row.layer, row.output.to_string(), row.parameters));
        (summary.input.to_string(), rows.collect(), summary.parameters)
    }

    /// The names of the classes; none where the outputs are none.
    #[getter]
    fn classes(&self) -> Vec<String> {
        on!(&self.model, model => model.classes().to_vec())
    }

    /// Whether the outputs are probabilities: a function of the output makes them so.
    #[getter]
    fn gives_probabilities(&self) -> bool {
        let card = on!(&self.model, model => model.card());
        card.is_some_and(|card| {
            card.output != Output::Identity
                || matches!(card.architecture.layers.last(), Some(Stage::Softmax(_) | Stage::Sigmoid(_)))
        })
    }

    /// The names of the labels of a multi-label classification.
    #[getter]
    fn labels(&self) -> Vec<String> {
        let card = on!(&self.model, model => model.card());
        card.map(|card| card.labels.into_iter().map(|label| label.name).collect()).unwrap_or_default()
    }

    /// Whether the network was trained on a loss.
    #[getter]
    fn is_trained(&self) -> bool {
        on!(&self.model, model => model.card()).is_some_and(|card| card.loss.is_some())
    }

    /// The seed of the initial weights, where it is known.
    #[getter]
    fn seed(&self) -> Option<u64> {
        on!(&self.model, model => model.card()).and_then(|card| card.seed)
    }

    /// The axes of the input.
    #[getter]
    fn input_shape(&self) -> Vec<usize> {
        on!(&self.model, model => model.network().input_shape().axes())
    }

    /// The number of outputs.
    #[getter]
    fn outputs(&self) -> usize {
        on!(&self.model, model => model.network().outputs())
    }

    /// The number type of the parameters.
    #[getter]
    fn dtype(&self) -> &'static str {
        match self.model {
            Either::Single(_) => "float32",
            Either::Double(_) => "float64",
        }
    }
}

fn read<A: Scalar>(bytes: &[u8], path: &Path) -> PyResult<Box<Model<A>>> {
    Ok(Box::new(Checkpoint::from_bytes(path, bytes).map_err(file_error)?.into()))
}

fn checkpoint<A: Scalar>(model: &Model<A>) -> PyResult<Checkpoint<A>> {
    model.checkpoint().ok_or_else(undescribed)
}

fn undescribed() -> PyErr {
    PyValueError::new_err("the network has layers that no file describes")
}
