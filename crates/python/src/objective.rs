//! The loss of a network on examples as a function of θ, with its first and second derivatives.

use std::ffi::CString;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use chainrule::curvature::{Lanczos, OverData, dense, eigh};
use chainrule::datasets::Dataset;
use chainrule::layers::{Mode, Sequential};
use chainrule::loss::{Loss, LossSpec};
use chainrule::model::{Model, encoding, usual_loss};
use chainrule::ndarray::Array2;
use chainrule::optim::Objective as _;
use chainrule::tensor::{Pool, Scalar};
use chainrule::train::{Curvature, ShardBuffers, Sharded};
use numpy::{AllowTypeChange, PyArray1, PyArray2, PyArrayLike1};
use pyo3::exceptions::{PyRuntimeWarning, PyValueError};
use pyo3::prelude::*;

use crate::arrays::check_steps;
use crate::faults::detached;
use crate::memory;

/// A network on transformed inputs and encoded targets.
pub(crate) struct Problem<A: Scalar> {
    network: Sequential<A>,
    loss: Box<dyn Loss<A>>,
    x: Array2<A>,
    target: Array2<A>,
    statistics: Vec<A>,
    theta: Vec<A>,
    buffers: Mutex<ShardBuffers<A>>,
    threads: usize,
}

impl<A: Scalar> Problem<A> {
    /// That of `model` on `data`, by `loss` or by the loss that the model was trained on, or else the usual one.
    ///
    /// # Errors
    /// If no file describes the network, or the loss does not take such targets.
    pub(crate) fn new(
        model: &Model<A>,
        data: &Dataset<A>,
        loss: Option<LossSpec>,
        threads: usize,
    ) -> Result<Self, String> {
        let card = model.card().ok_or("the network has layers that no file describes")?;
        let network = card.architecture.build::<A>(None);
        let loss = loss.or(card.loss).map_or_else(|| usual_loss(data.target()), |spec| spec.build());
        let encoding = encoding(loss.target(), data.target()).ok_or("the loss does not take such targets")?;
        let buffers = Mutex::new(ShardBuffers::remembering(&network, data.len()));
        let (x, target) = (data.inputs_through(&card.transform), data.encode(encoding));
        let weights = model.weights();
        let (theta, statistics) = (weights.theta.to_vec(), weights.statistics.to_vec());
        Ok(Self { network, loss, x, target, statistics, theta, buffers, threads })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Sharded<'_, A>) -> T) -> T {
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let (pool, mode) = (Pool::new(self.threads), Mode::Eval { statistics: &self.statistics });
        work(&mut Sharded::new(&self.network, &*self.loss, &self.x, &self.target, mode, &mut buffers, &pool))
    }

    fn value_and_grad(&self, theta: &[A]) -> (f64, Vec<f64>) {
        let mut grad = vec![A::zero(); theta.len()];
        let value = self.with(|risk| risk.value_and_grad(theta, &mut grad));
        (value.as_f64(), wide(&grad))
    }

    fn product(&self, curvature: Curvature, theta: &[A], v: &[A]) -> Vec<f64> {
        let mut out = vec![A::zero(); theta.len()];
        self.with(|risk| match curvature {
            Curvature::Hessian => risk.hessian_vector(theta, v, &mut out),
            _ => risk.product(curvature, theta, v, &mut out),
        });
        wide(&out)
    }

    fn hessian(&self, theta: &[A]) -> Array2<f64> {
        let mut h = Array2::zeros((theta.len(), theta.len()));
        self.with(|risk| risk.hessian(theta, &mut h));
        h.mapv(A::as_f64)
    }

    /// The k largest and the k smallest eigenvalues, or all of them; ascending.
    fn spectrum(&self, curvature: Curvature, theta: &[A], k: Option<usize>, products: usize) -> Spectrum {
        self.with(|risk| {
            let mut operator = OverData::at(risk, theta, curvature);
            let Some(k) = k.filter(|&k| is_part(k, theta.len())) else {
                let values = eigh(&dense(&mut operator)).values;
                return Spectrum { converged: values.len(), values };
            };
            let lanczos = Lanczos { top: k, bottom: k, products, ..Lanczos::default() };
            let ends = lanczos.run(&mut operator, &mut |_, _| ControlFlow::Continue(()));
            let pairs = || ends.bottom.iter().chain(ends.top.iter().rev());
            let values: Vec<f64> = pairs().map(|pair| pair.value).collect();
            let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
            let bar = lanczos.tolerance.max(8.0 * A::epsilon().as_f64()) * largest;
            let converged = pairs().filter(|pair| ends.converged || pair.residual <= bar).count();
            Spectrum { values, converged }
        })
    }

    /// # Errors
    /// A `MemoryError` if the system refuses the memory for the Hessian.
    fn check_hessian(&self) -> PyResult<()> {
        let n = self.theta.len();
        let numbers = n.saturating_mul(n);
        let task = format!("the Hessian of {n} parameters");
        memory::check_numbers(
            numbers,
            size_of::<A>() + size_of::<f64>(),
            &task,
            "take products with it by hvp",
        )
    }

    /// # Errors
    /// A `MemoryError` if the system refuses the memory for all eigenvalues.
    fn check_spectrum(&self, k: Option<usize>) -> PyResult<()> {
        let n = self.theta.len();
        if let Some(k) = k.filter(|&k| is_part(k, n)) {
            // The space of thick restarts, and its Ritz vectors.
            let numbers = k.saturating_mul(4).saturating_add(20).min(n).saturating_mul(n);
            let task = format!("{k} eigenvalues at each end for {n} parameters");
            return memory::check_numbers(numbers, 2 * size_of::<A>(), &task, "take a smaller k");
        }
        // The matrix, its copy and its eigenvectors.
        let task = format!("all eigenvalues for {n} parameters");
        let cure = "give k for the k smallest and the k largest";
        memory::check_numbers(n.saturating_mul(n), 3 * size_of::<f64>(), &task, cure)
    }
}

/// Eigenvalues, and how many of them have converged.
struct Spectrum {
    values: Vec<f64>,
    converged: usize,
}

/// Whether the k smallest and the k largest are fewer than all eigenvalues.
fn is_part(k: usize, dim: usize) -> bool {
    k.saturating_mul(2) < dim
}

fn wide<A: Scalar>(numbers: &[A]) -> Vec<f64> {
    numbers.iter().map(|x| x.as_f64()).collect()
}

enum Either {
    Single(Box<Problem<f32>>),
    Double(Box<Problem<f64>>),
}

/// `$body` with the problem and vectors of numpy in its number type.
macro_rules! on {
    ($either:expr, $problem:ident, [$($vector:ident),*] => $body:expr) => {
        match $either {
            Either::Single($problem) => {
                $(let $vector = narrow::<f32>(&$vector, $problem.theta.len())?;)*
                $body
            }
            Either::Double($problem) => {
                $(let $vector = narrow::<f64>(&$vector, $problem.theta.len())?;)*
                $body
            }
        }
    };
}

fn narrow<A: Scalar>(vector: &Vector<'_>, dim: usize) -> PyResult<Vec<A>> {
    check_steps(vector)?;
    let vector = vector.as_array();
    if vector.len() != dim {
        let given = vector.len();
        return Err(PyValueError::new_err(format!(
            "a vector of {given} numbers for a network of {dim} parameters"
        )));
    }
    Ok(vector.iter().map(|&x| A::of(x)).collect())
}

/// The loss on fixed examples as a function of θ.
#[pyclass(frozen, module = "chainrule._chainrule")]
pub(crate) struct Objective {
    problem: Either,
}

impl Objective {
    pub(crate) fn single(problem: Problem<f32>) -> Self {
        Self { problem: Either::Single(Box::new(problem)) }
    }

    pub(crate) fn double(problem: Problem<f64>) -> Self {
        Self { problem: Either::Double(Box::new(problem)) }
    }
}

/// Numbers of any type, such as the θ of a model in single precision.
type Vector<'py> = PyArrayLike1<'py, f64, AllowTypeChange>;

#[pymethods]
impl Objective {
    /// θ of the model when the objective was made.
    #[getter]
    fn theta<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        let theta = match &self.problem {
            Either::Single(problem) => wide(&problem.theta),
            Either::Double(problem) => wide(&problem.theta),
        };
        PyArray1::from_vec(py, theta)
    }

    /// The mean loss at theta.
    fn value(&self, py: Python<'_>, theta: Vector<'_>) -> PyResult<f64> {
        on!(&self.problem, problem, [theta] => {
            detached(py, || problem.with(|risk| risk.value(&theta).as_f64()))
        })
    }

    /// The mean loss at theta and its gradient.
    fn value_and_grad<'py>(
        &self,
        py: Python<'py>,
        theta: Vector<'py>,
    ) -> PyResult<(f64, Bound<'py, PyArray1<f64>>)> {
        let (value, grad) = on!(&self.problem, problem, [theta] => {
            detached(py, || problem.value_and_grad(&theta))?
        });
        Ok((value, PyArray1::from_vec(py, grad)))
    }

    /// The product of the Hessian at theta with v, exact where every layer has second derivatives.
    fn hvp<'py>(
        &self,
        py: Python<'py>,
        theta: Vector<'py>,
        v: Vector<'py>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        self.product(py, Curvature::Hessian, theta, v)
    }

    /// The product of the Gauss-Newton matrix at theta with v.
    fn gauss_newton_vector<'py>(
        &self,
        py: Python<'py>,
        theta: Vector<'py>,
        v: Vector<'py>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        self.product(py, Curvature::GaussNewton, theta, v)
    }

    /// The Hessian at theta as a matrix.
    fn hessian<'py>(&self, py: Python<'py>, theta: Vector<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let h = on!(&self.problem, problem, [theta] => {
            problem.check_hessian()?;
            detached(py, || problem.hessian(&theta))?
        });
        Ok(PyArray2::from_owned_array(py, h))
    }

    /// The k smallest and the k largest eigenvalues of the Hessian or of the Gauss-Newton matrix, by about so many products with it, or
    /// all of them; ascending.
    #[pyo3(signature = (theta, k=None, gauss_newton=false, products=1000))]
    fn spectrum<'py>(
        &self,
        py: Python<'py>,
        theta: Vector<'py>,
        k: Option<usize>,
        gauss_newton: bool,
        products: usize,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        if k == Some(0) {
            return Err(PyValueError::new_err("k must be 1 or more, or None for all eigenvalues"));
        }
        let curvature = if gauss_newton { Curvature::GaussNewton } else { Curvature::Hessian };
        let Spectrum { values, converged } = on!(&self.problem, problem, [theta] => {
            problem.check_spectrum(k)?;
            let (value, grad) = detached(py, || problem.value_and_grad(&theta))?;
            if !value.is_finite() || grad.iter().any(|x| !x.is_finite()) {
                return Err(PyValueError::new_err("the loss or its gradient is not finite at this theta"));
            }
            detached(py, || problem.spectrum(curvature, &theta, k, products))?
        });
        if converged < values.len() {
            let text = format!(
                "{converged} of {} eigenvalues have converged after {products} products, the others are estimates: allow more products",
                values.len()
            );
            PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), &CString::new(text)?, 1)?;
        }
        Ok(PyArray1::from_vec(py, values))
    }
}

impl Objective {
    fn product<'py>(
        &self,
        py: Python<'py>,
        curvature: Curvature,
        theta: Vector<'py>,
        v: Vector<'py>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let product = on!(&self.problem, problem, [theta, v] => {
            detached(py, || problem.product(curvature, &theta, &v))?
        });
        Ok(PyArray1::from_vec(py, product))
    }
}
