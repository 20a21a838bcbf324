"""The loss of a model on examples, with exact first and second derivatives, on numpy vectors.

Each function takes the parameters of the model, or the vector `theta` in their place. To evaluate many vectors on the same
examples, make the objective once: ``model.objective(X, y)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._chainrule import Objective
from .model import Model

__all__ = ["gauss_newton_vector", "hessian", "hvp", "spectrum", "value_and_grad"]


def _at(model: Model, X: Any, y: Any, theta: Any) -> tuple[Objective, np.ndarray]:
    objective = model.objective(X, y)
    return objective, objective.theta if theta is None else np.ascontiguousarray(theta, dtype=np.float64)


def value_and_grad(model: Model, X: Any, y: Any, theta: Any = None) -> tuple[float, np.ndarray]:
    """Return the mean loss and its gradient.

    Parameters
    ----------
    model : Model
        The network.
    X, y
        Examples, as in `Model.fit`.
    theta : array-like, default=None
        The parameters; None takes those of the model.

    Returns
    -------
    value : float
        The mean loss.
    grad : ndarray
        Its gradient in all parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule import Model, value_and_grad
    >>> model = Model("dense 1", 1, dtype="float64")
    >>> model.theta = [3.0, 0.0]
    >>> value_and_grad(model, [[2.0]], [1.0])
    (25.0, array([20., 10.]))
    """
    objective, theta = _at(model, X, y, theta)
    return objective.value_and_grad(theta)


def hvp(model: Model, X: Any, y: Any, v: Any, theta: Any = None) -> np.ndarray:
    """Return the product of the Hessian with a vector, exactly.

    Parameters
    ----------
    model : Model
        The network.
    X, y
        Examples, as in `Model.fit`.
    v : array-like
        The vector.
    theta : array-like, default=None
        The parameters; None takes those of the model.

    Returns
    -------
    hv : ndarray
        The product.

    Examples
    --------
    >>> from chainrule import Model, hvp
    >>> hvp(Model("dense 1", 1, dtype="float64"), [[2.0]], [1.0], [1.0, 0.0])
    array([8., 4.])
    """
    objective, theta = _at(model, X, y, theta)
    return objective.hvp(theta, np.ascontiguousarray(v, dtype=np.float64))


def gauss_newton_vector(model: Model, X: Any, y: Any, v: Any, theta: Any = None) -> np.ndarray:
    """Return the product of the Gauss-Newton matrix with a vector.

    Parameters
    ----------
    model : Model
        The network.
    X, y
        Examples, as in `Model.fit`.
    v : array-like
        The vector.
    theta : array-like, default=None
        The parameters; None takes those of the model.

    Returns
    -------
    gv : ndarray
        The product.

    Examples
    --------
    >>> from chainrule import Model, gauss_newton_vector
    >>> gauss_newton_vector(Model("dense 1", 1, dtype="float64"), [[2.0]], [1.0], [1.0, 0.0])
    array([8., 4.])
    """
    objective, theta = _at(model, X, y, theta)
    return objective.gauss_newton_vector(theta, np.ascontiguousarray(v, dtype=np.float64))


def hessian(model: Model, X: Any, y: Any, theta: Any = None) -> np.ndarray:
    """Return the Hessian as a matrix.

    Parameters
    ----------
    model : Model
        The network.
    X, y
        Examples, as in `Model.fit`.
    theta : array-like, default=None
        The parameters; None takes those of the model.

    Returns
    -------
    h : ndarray
        The matrix of second derivatives, exactly symmetric.

    Raises
    ------
    MemoryError
        If it does not fit into memory.

    Examples
    --------
    >>> from chainrule import Model, hessian
    >>> hessian(Model("dense 1", 1, dtype="float64"), [[2.0]], [1.0])
    array([[8., 4.],
           [4., 2.]])
    """
    objective, theta = _at(model, X, y, theta)
    return objective.hessian(theta)


def spectrum(
    model: Model, X: Any, y: Any, k: int | None = None, theta: Any = None, *, gauss_newton: bool = False,
    products: int = 1000,
) -> np.ndarray:
    """Return eigenvalues of the Hessian, ascending.

    Parameters
    ----------
    model : Model
        The network.
    X, y
        Examples, as in `Model.fit`.
    k : int, default=None
        The `k` smallest and the `k` largest, by Lanczos' method; None returns all.
    theta : array-like, default=None
        The parameters; None takes those of the model.
    gauss_newton : bool, default=False
        Take the Gauss-Newton matrix.
    products : int, default=1000
        The products with the matrix after which Lanczos' method ends, with a `RuntimeWarning` if eigenvalues have not converged.

    Returns
    -------
    values : ndarray
        The eigenvalues.

    Raises
    ------
    MemoryError
        If the matrix of all eigenvalues does not fit into memory.

    Examples
    --------
    >>> from chainrule import Model, spectrum
    >>> spectrum(Model("dense 1", 1, dtype="float64"), [[2.0]], [1.0]).round(6) + 0.0
    array([ 0., 10.])
    """
    objective, theta = _at(model, X, y, theta)
    return objective.spectrum(theta, k, gauss_newton, products)
