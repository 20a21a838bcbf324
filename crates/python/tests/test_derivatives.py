"""Exact derivatives on numpy vectors."""

import warnings

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize

from chainrule import Model, gauss_newton_vector, hessian, hvp, spectrum, value_and_grad

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


def network(dtype="float64"):
    return Model("dense 4, tanh, dense 2", 3, seed=1, dtype=dtype)


def test_the_gradient_is_that_of_finite_differences():
    model = network()
    value, grad = value_and_grad(model, X, Y)
    objective = model.objective(X, Y)
    assert value == objective.value(model.theta)
    assert np.allclose(grad, approx_fprime(model.theta, objective.value, 1e-6), atol=1e-5)


def test_the_hessian_is_that_of_finite_differences_and_of_its_products():
    model, v = network(), RNG.normal(size=26)
    h, objective = hessian(model, X, Y), model.objective(X, Y)
    step = 1e-5
    difference = [objective.value_and_grad(model.theta + step * unit)[1] - objective.value_and_grad(model.theta - step * unit)[1]
                  for unit in np.eye(26)]
    assert np.allclose(h, np.array(difference) / (2 * step), atol=1e-6)
    assert (h == h.T).all()
    assert np.allclose(hvp(model, X, Y, v), h @ v)
    assert (hvp(model, X, Y, v, theta=model.theta) == hvp(model, X, Y, v)).all()


def test_the_spectrum_is_that_of_the_hessian():
    model = network()
    values = np.linalg.eigvalsh(hessian(model, X, Y))
    assert np.allclose(spectrum(model, X, Y), values)
    assert np.allclose(spectrum(model, X, Y, k=2), values[[0, 1, -2, -1]], atol=1e-5)
    assert (spectrum(model, X, Y, gauss_newton=True) > -1e-9).all()
    g = np.array([gauss_newton_vector(model, X, Y, unit) for unit in np.eye(26)])
    assert np.allclose(np.linalg.eigvalsh(g), spectrum(model, X, Y, gauss_newton=True))


def test_single_precision_is_near_double():
    model = network("float32")
    double = network()
    double.theta = model.theta
    assert np.allclose(value_and_grad(model, X, Y)[1], value_and_grad(double, X, Y)[1], atol=1e-5)


def test_scipy_trains_by_exact_second_derivatives():
    # The example of docs/python.md.
    model = network()
    objective = model.objective(X, Y)
    result = minimize(objective.value_and_grad, model.theta, jac=True, hessp=objective.hvp, method="trust-krylov")
    model.theta = result.x
    assert result.fun < 0.5 * objective.value(objective.theta)
    assert np.abs(objective.value_and_grad(result.x)[1]).max() < 1e-4


def test_vectors_of_any_type_of_number_are_taken():
    model = network("float32")
    problem = model.objective(X, Y)
    single = problem.value(model.theta)
    assert model.theta.dtype == np.float32
    assert single == problem.value(model.theta.astype(np.float64)) == problem.value(list(model.theta))


def test_vectors_of_another_length_are_refused():
    for call in (lambda: value_and_grad(network(), X, Y, np.zeros(3)), lambda: hvp(network(), X, Y, np.zeros(3))):
        with pytest.raises(ValueError, match="26 parameters"):
            call()


def test_a_hessian_that_is_too_large_for_memory_is_refused():
    model = Model("dense 1000, relu, dense 1000", 784)
    objective = model.objective(np.zeros((1, 784)), np.zeros((1, 1000)))
    for call in (objective.hessian, objective.spectrum):
        with pytest.raises(MemoryError, match=r"1786000 parameters needs \d+\.\d GB|for 1786000 parameters needs \d+\.\d GB"):
            call(objective.theta)
    with pytest.raises(MemoryError, match="smaller k"):
        objective.spectrum(objective.theta, 500_000)


def test_eigenvalues_that_have_not_converged_are_counted():
    model = Model("dense 20, tanh, dense 2", 3, dtype="float64")
    with pytest.warns(RuntimeWarning, match=r"^[0-3] of 4 eigenvalues have converged after 10 products"):
        assert len(spectrum(model, X, Y, k=2, products=10)) == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spectrum(model, X, Y, k=2)
    with pytest.raises(ValueError, match="k must be 1"):
        spectrum(model, X, Y, k=0)
