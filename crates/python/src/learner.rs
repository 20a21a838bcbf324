//! The engine of the estimators, for both number types.

mod engine;
mod memory;
mod score;
mod settings;
mod terms;
mod watch;

use chainrule::datasets::Target;
use chainrule::tensor::Scalar;
use numpy::{Element, PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2, ToPyArray};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use serde::de::DeserializeOwned;

use self::engine::{Engine, Examples, labels};
use self::settings::{Design, FitPlan, LossName};
use self::watch::Verdict;
use crate::arrays::Rows;
use crate::faults::{detached, value_error, without_place};
use crate::signals::Signals;

/// An engine in one of the number types.
enum Either {
    Single(Box<Engine<f32>>),
    Double(Box<Engine<f64>>),
}

/// `$body` with `$engine` in whichever number type.
macro_rules! on {
    ($either:expr, $engine:ident => $body:expr) => {
        match $either {
            Either::Single($engine) => $body,
            Either::Double($engine) => $body,
        }
    };
}

/// A network that learns by the rules of scikit-learn's perceptrons.
#[pyclass(module = "chainrule._chainrule")]
pub(crate) struct Learner {
    engine: Either,
}

/// How a call of `fit` went.
#[derive(IntoPyObject)]
pub(crate) struct Report {
    losses: Vec<f64>,
    scores: Vec<f64>,
    top: Option<f64>,
    converged: bool,
    interrupted: bool,
    ended: bool,
    steps: u64,
}

/// Inputs, targets and weights of the examples held out.
type Validation<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Option<PyReadonlyArray1<'py, f64>>);

/// The arrays of a learner's state.
type State<'py> = (String, String, Bound<'py, PyAny>, Bound<'py, PyAny>, Vec<Bound<'py, PyAny>>);

#[pymethods]
impl Learner {
    /// A network by its design, in JSON, with weights drawn from its seed.
    #[new]
    fn new(design: &str, double: bool) -> PyResult<Self> {
        let design: Design = read(design)?;
        let network = design.architecture().map_err(PyValueError::new_err)?;
        crate::memory::check(&network, if double { 8 } else { 4 })?;
        let engine = if double {
            Either::Double(Box::new(Engine::new(design).map_err(value_error)?))
        } else {
            Either::Single(Box::new(Engine::new(design).map_err(value_error)?))
        };
        Ok(Self { engine })
    }

    /// What [`state`](Self::state) returned, as a learner again.
    #[staticmethod]
    fn restored(
        design: &str,
        progress: &str,
        theta: &Bound<'_, PyAny>,
        statistics: &Bound<'_, PyAny>,
        memory: Vec<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let engine = if theta.extract::<PyReadonlyArray1<'_, f64>>().is_ok() {
            Either::Double(Box::new(restored(design, progress, theta, statistics, &memory)?))
        } else {
            Either::Single(Box::new(restored(design, progress, theta, statistics, &memory)?))
        };
        Ok(Self { engine })
    }

    /// Design, progress, θ, statistics and the memory of the optimizer.
    fn state<'py>(&self, py: Python<'py>) -> PyResult<State<'py>> {
        on!(&self.engine, engine => {
            let json = |error: serde_json::Error| PyValueError::new_err(error.to_string());
            let memory = engine.memory.iter().map(|numbers| numbers.to_pyarray(py).into_any());
            Ok((
                serde_json::to_string(&engine.design).map_err(json)?,
                serde_json::to_string(&engine.progress).map_err(json)?,
                engine.theta.to_pyarray(py).into_any(),
                engine.statistics.to_pyarray(py).into_any(),
                memory.collect(),
            ))
        })
    }

    /// Learns from x and y as the plan, in JSON, says.
    fn fit(
        &mut self,
        py: Python<'_>,
        x: &Bound<'_, PyAny>,
        y: &Bound<'_, PyAny>,
        weights: Option<PyReadonlyArray1<'_, f64>>,
        validation: Option<Validation<'_>>,
        plan: &str,
        on_epoch: Option<Py<PyAny>>,
    ) -> PyResult<Report> {
        let plan: FitPlan = read(plan)?;
        let mut signals = Signals::new(on_epoch);
        let weights = weights.map(|weights| weights.as_array().to_vec());
        let outcome = on!(&mut self.engine, engine => {
            let x = Rows::of(x)?;
            let scale = engine.input_scale(|| x.scale(weights.as_deref()));
            let examples = Examples { x: x.to_matrix(scale.as_ref()), target: target(&engine.design, y)?, weights };
            let validation = match validation {
                Some((x, y, weights)) => {
                    let x = Rows::of(&x)?.to_matrix(scale.as_ref());
                    let weights = weights.map(|weights| weights.as_array().to_vec());
                    Some(Examples { x, target: target(&engine.design, &y)?, weights })
                }
                None => None,
            };
            let work = || engine.fit(examples, validation, scale, &plan, &mut signals);
            detached(py, work)?.map_err(value_error)?
        });
        // The estimators end as scikit-learn's do on Ctrl-C, with a warning, also where it comes in a callback.
        let ended = signals.into_result();
        let interrupted = match ended {
            Err(error) if !error.is_instance_of::<pyo3::exceptions::PyKeyboardInterrupt>(py) => {
                return Err(error);
            }
            Err(_) => true,
            Ok(()) => outcome.verdict == Verdict::Interrupted,
        };
        Ok(Report {
            losses: outcome.losses,
            scores: outcome.scores,
            top: outcome.top,
            converged: outcome.verdict == Verdict::Converged,
            interrupted,
            ended: outcome.verdict == Verdict::Ended,
            steps: outcome.steps,
        })
    }

    /// The outputs for the rows of x, in double precision; `None` if a number of x is NaN or infinite.
    fn predict<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        threads: usize,
    ) -> PyResult<Option<Bound<'py, PyArray2<f64>>>> {
        on!(&self.engine, engine => {
            let x = Rows::of(x)?;
            let (given, takes) = (x.columns(), engine.architecture.inputs());
            if given != takes {
                return Err(PyValueError::new_err(format!("X has {given} features, but the network takes {takes}")));
            }
            if !x.is_finite() {
                return Ok(None);
            }
            let x = x.to_matrix(engine.progress.input.as_ref());
            let y = detached(py, || engine.predict(&x, threads))?;
            Ok(Some(numpy::PyArray2::from_owned_array(py, y)))
        })
    }

    /// W and b of each layer of a perceptron; `None` for other networks.
    #[expect(clippy::type_complexity, reason = "a list of pairs, as Python has it")]
    fn coefficients<'py>(
        &self,
        py: Python<'py>,
    ) -> Option<Vec<(Bound<'py, PyArray2<f64>>, Bound<'py, PyArray1<f64>>)>> {
        let layers = on!(&self.engine, engine => engine.coefficients())?;
        let arrays =
            layers.into_iter().map(|(w, b)| (PyArray2::from_owned_array(py, w), PyArray1::from_vec(py, b)));
        Some(arrays.collect())
    }

    /// The number type of the parameters.
    #[getter]
    fn dtype(&self) -> &'static str {
        match self.engine {
            Either::Single(_) => "float32",
            Either::Double(_) => "float64",
        }
    }

    /// The network in words.
    #[getter]
    fn network(&self) -> String {
        on!(&self.engine, engine => engine.architecture.to_string())
    }
}

fn read<T: DeserializeOwned>(json: &str) -> PyResult<T> {
    serde_json::from_str(json).map_err(|error| PyValueError::new_err(without_place(&error)))
}

fn vector<A: Scalar + Element>(numbers: &Bound<'_, PyAny>) -> PyResult<Vec<A>> {
    Ok(numbers.extract::<PyReadonlyArray1<'_, A>>()?.as_array().to_vec())
}

fn restored<A: Scalar + Element>(
    design: &str,
    progress: &str,
    theta: &Bound<'_, PyAny>,
    statistics: &Bound<'_, PyAny>,
    memory: &[Bound<'_, PyAny>],
) -> PyResult<Engine<A>> {
    let memory = memory.iter().map(vector).collect::<PyResult<_>>()?;
    let (theta, statistics) = (vector(theta)?, vector(statistics)?);
    Engine::restored(read(design)?, read(progress)?, &theta, statistics, memory).map_err(value_error)
}

/// Classes as integers, labels as booleans, numbers as they are.
fn target(design: &Design, y: &Bound<'_, PyAny>) -> PyResult<Target> {
    match design.loss {
        LossName::Softmax => {
            let classes = y.extract::<PyReadonlyArray1<'_, u32>>()?.as_array().to_vec();
            Ok(Target::numbered(classes, design.outputs))
        }
        LossName::Logistic => Ok(labels(y.extract::<PyReadonlyArray2<'_, bool>>()?.as_array().to_owned())),
        LossName::Squared | LossName::Poisson => {
            let values = Rows::of(y)?.to_matrix::<f64>(None);
            if values.ncols() != design.outputs {
                return Err(PyTypeError::new_err("y has another number of columns than the network outputs"));
            }
            Ok(Target::real(values))
        }
    }
}
