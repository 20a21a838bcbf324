"""Multilayer perceptrons with the parameters of scikit-learn's, trained by Chainrule.

Change one line of a program that uses scikit-learn::

    from chainrule.sklearn import MLPClassifier, MLPRegressor
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin, is_regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from ._chainrule import Learner
from ._threads import threads

__all__ = ["MLPClassifier", "MLPRegressor"]

_PARAMETERS = """hidden_layer_sizes : int or array-like of int, default=(100,)
        The widths of the hidden layers.
    activation : str, default='relu'
        'identity', 'logistic', 'tanh', 'relu', or any other activation of Chainrule, such as 'gelu'.
    solver : {'lbfgs', 'sgd', 'adam'}, default='adam'
        The optimizer.
    alpha : float, default=0.0001
        Strength of the L2 penalty on the weights, divided by the number of examples of a batch.
    batch_size : int or 'auto', default='auto'
        Examples per step; 'auto' is ``min(200, n_samples)``. L-BFGS takes all.
    learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
        How the learning rate of 'sgd' changes.
    learning_rate_init : float, default=0.001
        The learning rate, or the one it begins with.
    power_t : float, default=0.5
        The exponent of 'invscaling'.
    max_iter : int, default=200
        The most epochs, or iterations of L-BFGS.
    shuffle : bool, default=True
        Whether each epoch takes the examples in a new order.
    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the examples, dropout and the examples held out.
    tol : float, default=1e-4
        The improvement of the loss or score that counts.
    verbose : bool, default=False
        Whether to print the loss of each epoch.
    warm_start : bool, default=False
        Whether `fit` continues from the weights of the last call.
    momentum : float, default=0.9
        The momentum of 'sgd', in [0, 1).
    nesterovs_momentum : bool, default=True
        Whether to use Nesterov's momentum.
    early_stopping : bool, default=False
        Whether to hold out a part of the examples and stop when the score on them no longer improves.
    validation_fraction : float, default=0.1
        The part to hold out.
    beta_1, beta_2 : float, default=0.9 and 0.999
        The decay rates of the moments in Adam.
    epsilon : float, default=1e-8
        Keeps the denominator of Adam above zero.
    n_iter_no_change : int, default=10
        Epochs without an improvement by `tol` that are allowed.
    max_fun : int, default=15000
        The most evaluations of the loss by L-BFGS.
    dropout : float, default=0.0
        The fraction of hidden units that training leaves out.
    network : str, default=None
        The layers below the output in words, such as ``'dense 64, batch-norm, relu'``, in place of `hidden_layer_sizes`,
        `activation` and `dropout`.
    input_shape : tuple of int, default=None
        The shape of a row of X, channels last, for networks with convolutions.
    optimizer : str, default=None
        Any update rule of Chainrule, such as 'adamw', in place of `solver`.
    schedule : str, default=None
        How the learning rate changes over `max_iter` epochs: 'cosine', 'one-cycle', 'step', 'exponential' or 'plateau'.
    patience : int, default=None
        Stop after this number of epochs without a lower validation loss, and return to the best epoch.
    standardize : bool or 'auto', default='auto'
        Whether to bring the columns of X, and the targets of a squared error, to mean 0 and variance 1 inside the model.
        'auto' leaves X as it is if its largest standard deviation is between 0.2 and 5, and its largest mean at most 10.
    dtype : {'auto', 'float32', 'float64'}, default='auto'
        The precision of training. 'auto' is double where a batch has all examples and X is double, else single.
    threads : int, default=None
        The number of threads; None takes ``OMP_NUM_THREADS`` or all processors. The result does not depend on it.
    on_epoch : callable, default=None
        Called as ``on_epoch(epoch, loss, score)`` after each epoch; a true result ends the training."""

_ATTRIBUTES = """loss_ : float
        The loss of the last epoch.
    loss_curve_ : list of float
        The loss of each epoch.
    best_loss_ : float or None
        The lowest loss; None with early stopping.
    validation_scores_ : list of float or None
        The score on the examples held out, after each epoch.
    best_validation_score_ : float or None
        The highest of them.
    coefs_, intercepts_ : list of ndarray
        The weights and biases of each layer, for inputs and targets as they are given.
    n_iter_ : int
        The epochs of the last call.
    t_ : int
        The number of examples seen.
    n_features_in_, feature_names_in_
        The features of X.
    n_layers_, n_outputs_ : int
        The dense layers with the input, and the outputs.
    out_activation_ : str
        The function of the outputs."""


def _documented(estimator: type) -> type:
    """Fills in what the two estimators share."""
    text = estimator.__doc__ or ""
    estimator.__doc__ = text.replace("%PARAMETERS%", _PARAMETERS).replace("%ATTRIBUTES%", _ATTRIBUTES)
    return estimator


_FLOATS = (np.float64, np.float32)
_WORDS = {"logistic": "sigmoid"}


class _BaseMLP(BaseEstimator):
    """What the two estimators have in common."""

    _learner: Learner
    classes_: Any
    n_features_in_: int

    hidden_layer_sizes: Any
    activation: str
    solver: str
    alpha: float
    batch_size: Any
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    verbose: Any
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    dropout: float
    network: str | None
    input_shape: Any
    optimizer: str | None
    schedule: str | None
    patience: int | None
    standardize: bool | str
    dtype: str
    threads: int | None
    on_epoch: Callable[[int, float, float | None], Any] | None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [str],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "network": [str, None],
        "input_shape": ["array-like", None],
        "optimizer": [str, None],
        "schedule": [str, None],
        "patience": [Interval(Integral, 1, None, closed="left"), None],
        "standardize": ["boolean", StrOptions({"auto"})],
        "dtype": [StrOptions({"auto", "float32", "float64"})],
        "threads": [Interval(Integral, 1, None, closed="left"), None],
        "on_epoch": [callable, None],
    }

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool) -> Any:
        self._validate_params()
        first = not hasattr(self, "_learner") or not (self.warm_start or incremental)
        if self._watches() and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        _refuse_categories(X)
        X, y = validate_data(
            self, X, y, multi_output=True, y_numeric=is_regressor(self), dtype=_FLOATS, reset=first
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        target = self._encoded(y, first and not incremental)
        weight = self._weights(y, sample_weight, X)
        random_state = check_random_state(self.random_state)
        learner = self._new_learner(X, target, random_state) if first else self._learner
        validation = None
        if self._watches():
            X, target, weight, validation = self._held_out(X, target, weight, random_state)
        report = learner.fit(X, target, weight, validation, self._plan(len(X), incremental), self._callback())
        self._learner = learner
        self._take(report, len(X), first)
        return self

    def _watches(self) -> bool:
        """Whether a part of the examples is held out."""
        return self.solver != "lbfgs" and bool(self.early_stopping or self.patience)

    def _new_learner(self, X: Any, target: Any, random_state: Any) -> Learner:
        self.n_outputs_ = len(self.classes_) if target.ndim == 1 else target.shape[1]
        shape = [X.shape[1]] if self.input_shape is None else list(self.input_shape)
        if int(np.prod(shape)) != X.shape[1]:
            raise ValueError(f"input_shape {tuple(shape)} does not have the {X.shape[1]} features of X")
        design = {
            "input": "x".join(str(int(axis)) for axis in shape),
            "network": self._network(),
            "outputs": self.n_outputs_,
            "loss": self._loss_name(),
            "seed": int(random_state.randint(np.iinfo(np.int32).max)),
            "standardize": {"auto": "auto", True: "always", False: "never"}[self.standardize],
        }
        whole = self.solver == "lbfgs" or self._batch(len(X)) >= len(X)
        double = self.dtype == "float64" or (self.dtype == "auto" and X.dtype == np.float64 and whole)
        return Learner(json.dumps(design), double)

    def _network(self) -> str:
        """All layers, in Chainrule's words."""
        last = f"dense {self.n_outputs_}"
        if self.network is not None:
            return f"{self.network}, {last}"
        sizes = self.hidden_layer_sizes
        sizes = [int(size) for size in sizes] if isinstance(sizes, Iterable) else [int(sizes)]
        if any(size <= 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        activation = [] if self.activation == "identity" else [_WORDS.get(self.activation, self.activation)]
        dropout = [f"dropout {float(self.dropout)}"] if self.dropout else []
        layers = [word for size in sizes for word in [f"dense {size}", *activation, *dropout]]
        return ", ".join([*layers, last])

    def _batch(self, rows: int) -> int:
        if self.batch_size == "auto":
            return min(200, rows)
        if self.batch_size > rows:
            warnings.warn("Got `batch_size` larger than the sample size. It is going to be clipped", stacklevel=4)
        return int(min(self.batch_size, rows))

    def _method(self) -> Any:
        if self.optimizer is not None:
            return {"rule": {"name": self.optimizer}}
        if self.solver == "lbfgs":
            return "lbfgs"
        if self.solver == "adam":
            betas = {"beta1": float(self.beta_1), "beta2": float(self.beta_2), "epsilon": float(self.epsilon)}
            return {"rule": {"name": "adam", **betas}}
        if not self.momentum:
            return {"rule": {"name": "sgd"}}
        name = "nesterov" if self.nesterovs_momentum else "momentum"
        return {"rule": {"name": name, "mu": float(self.momentum)}}

    def _plan(self, rows: int, incremental: bool) -> str:
        decline: Any = "constant"
        if self.solver == "sgd" and self.learning_rate == "invscaling":
            decline = {"invscaling": float(self.power_t)}
        elif self.solver == "sgd":
            decline = self.learning_rate
        limit = self.patience if self.patience else self.n_iter_no_change
        watched = "validation-loss" if self.patience else "validation-score"
        plan = {
            "method": self._method(),
            "alpha": float(self.alpha),
            "batch": self._batch(rows),
            "epochs": 1 if incremental else int(self.max_iter),
            "rate": float(self.learning_rate_init),
            "decline": decline,
            "schedule": self.schedule,
            "shuffle": bool(self.shuffle),
            "tol": float(self.tol),
            "patience": int(limit) if np.isfinite(limit) else None,
            "watched": watched if self._watches() else "training-loss",
            "max_fun": int(self.max_fun),
            "threads": threads(self.threads),
            "incremental": incremental,
        }
        return json.dumps(plan)

    def _callback(self) -> Callable[..., Any] | None:
        if not self.verbose:
            return self.on_epoch

        def report(epoch: int, loss: float, score: float | None) -> Any:
            print(f"Iteration {epoch}, loss = {loss:.8f}")
            if score is not None:
                print(f"Validation score: {score:f}")
            return self.on_epoch(epoch, loss, score) if self.on_epoch is not None else None

        return report

    def _weights(self, y: Any, sample_weight: Any, X: Any) -> Any:
        if sample_weight is None:
            return None
        return _check_sample_weight(sample_weight, X, dtype=np.float64)

    def _held_out(self, X: Any, target: Any, weight: Any, random_state: Any) -> Any:
        labels = target.reshape(-1) if self._stratifies(target) else None
        parts = [X, target] if weight is None else [X, target, weight]
        parts = train_test_split(
            *parts, random_state=random_state, test_size=self.validation_fraction, stratify=labels
        )
        if len(parts[1]) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        train_weight = None if weight is None else np.ascontiguousarray(parts[4])
        return parts[0], np.ascontiguousarray(parts[2]), train_weight, (parts[1], np.ascontiguousarray(parts[3]))

    def _take(self, report: dict[str, Any], rows: int, first: bool) -> None:
        """The report of a call as scikit-learn's attributes."""
        if first:
            self.loss_curve_, self.t_, self.validation_scores_ = [], 0, None
            self.best_loss_, self.best_validation_score_ = None, None
        epochs = len(report["losses"])
        self.loss_curve_.extend(report["losses"])
        self.loss_ = report["losses"][-1] if epochs else np.inf
        self.n_iter_, self.t_ = epochs, self.t_ + epochs * rows
        self.n_layers_ = self._learner.network.count("dense") + 1
        self.out_activation_ = {
            "softmax": "softmax", "logistic": "logistic", "squared": "identity", "poisson": "exp"
        }[self._loss_name()]
        if self._watches():
            self.validation_scores_ = [*(self.validation_scores_ or []), *report["scores"]]
            self.best_validation_score_ = max(self.validation_scores_, default=None)
        else:
            self.best_loss_ = min(self.loss_curve_, default=np.inf)
        if report["interrupted"]:
            warnings.warn("Training interrupted by user.", stacklevel=4)
        elif self.solver == "lbfgs" and not report["converged"]:
            warnings.warn(
                f"lbfgs failed to converge after {epochs} iteration(s): increase max_iter or max_fun, or scale the data",
                ConvergenceWarning, stacklevel=4,
            )
        elif epochs == self.max_iter and epochs > 1 and not report["converged"]:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({epochs}) reached and the optimization hasn't converged yet.",
                ConvergenceWarning, stacklevel=4,
            )

    def _outputs(self, X: Any) -> Any:
        """Probabilities or numbers, in double precision."""
        if "_learner" not in self.__dict__:
            check_is_fitted(self)
        # scikit-learn's checks take longer than the network does for one row.
        if (
            type(X) is np.ndarray and X.ndim == 2 and X.dtype in _FLOATS and len(X)
            and X.shape[1] == self.n_features_in_ and "feature_names_in_" not in self.__dict__
        ):
            outputs = self._learner.predict(X, threads(self.threads))
            if outputs is not None:
                return outputs
        _refuse_categories(X)
        X = validate_data(self, X, dtype=_FLOATS, reset=False)
        return self._learner.predict(X, threads(self.threads))

    def _coefficients(self, which: int) -> list[np.ndarray]:
        layers = self._learner.coefficients() if "_learner" in self.__dict__ else None
        if layers is None:
            raise AttributeError("only fitted networks of dense layers and activations have coefficients")
        return [layer[which] for layer in layers]

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The weight matrix of each layer, for inputs as they are given."""
        return self._coefficients(0)

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The bias vector of each layer."""
        return self._coefficients(1)

    def _has_steps(self) -> bool:
        if self.solver == "lbfgs":
            raise AttributeError(
                "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
            )
        return True

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "_learner" in state:
            state["_learner"] = state["_learner"].state()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_learner" in state:
            state = {**state, "_learner": Learner.restored(*state["_learner"])}
        super().__setstate__(state)

    # The subclasses say what a target is.
    def _loss_name(self) -> str:
        raise NotImplementedError

    def _encoded(self, y: Any, reset: bool) -> Any:
        raise NotImplementedError

    def _stratifies(self, target: Any) -> bool:
        raise NotImplementedError


def _refuse_categories(X: Any) -> None:
    """Refuses the columns of a frame that are no numbers, by name."""
    if not (hasattr(X, "columns") and hasattr(X, "dtypes")):
        return
    words = ("category", "string", "str", "categorical", "enum")
    for name, dtype in zip(X.columns, X.dtypes, strict=True):
        kind = str(dtype).lower().split("(")[0]
        if kind in words or (kind == "object" and any(isinstance(value, str) for value in X[name][:100])):
            raise ValueError(
                f"column {name!r} is of type {dtype}, and a network takes numbers: "
                "encode it, for instance by sklearn.preprocessing.OneHotEncoder"
            )


@_documented
class MLPClassifier(ClassifierMixin, _BaseMLP):
    """Multilayer perceptron for classification, with the parameters of scikit-learn's.

    Parameters
    ----------
    %PARAMETERS%
    class_weight : dict, 'balanced' or None, default=None
        How much the examples of each class count.

    Attributes
    ----------
    classes_ : ndarray
        The classes.
    %ATTRIBUTES%

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from chainrule.sklearn import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier(learning_rate_init=0.01, random_state=1).fit(X, y)
    >>> clf.score(X, y) > 0.95
    True
    >>> clf.predict_proba(X[:2]).shape
    (2, 3)
    """

    class_weight: Any
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_BaseMLP._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float = 0.0,
        network: str | None = None,
        input_shape: Any = None,
        optimizer: str | None = None,
        schedule: str | None = None,
        patience: int | None = None,
        class_weight: Any = None,
        standardize: bool | str = "auto",
        dtype: str = "auto",
        threads: int | None = None,
        on_epoch: Callable[[int, float, float | None], Any] | None = None,
    ) -> None:
        settings = dict(locals())
        del settings["self"]
        self.__dict__.update(settings)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPClassifier:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The examples.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Their classes, or a column of 0 and 1 for each label.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each example counts.

        Returns
        -------
        self : MLPClassifier
            The fitted estimator.
        """
        return self._fit(X, y, sample_weight, incremental=False)

    @available_if(_BaseMLP._has_steps)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> MLPClassifier:
        """Train for one epoch, from where the last call ended.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The examples.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Their classes or labels.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each example counts.
        classes : array-like of shape (n_classes,), default=None
            All classes, for the first call.

        Returns
        -------
        self : MLPClassifier
            The fitted estimator.
        """
        if "_learner" not in self.__dict__:
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            self._set_classes(y, unique_labels(classes))
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {self.classes_!r}"
            )
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> np.ndarray:
        """Predict the class, or the labels, of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The examples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            The most probable class, or 1 for each label above one half.
        """
        p = self._outputs(X)
        if self._kind == "multiclass":
            return self.classes_[p.argmax(axis=1)]
        if self._kind == "labels":
            return (p > 0.5).astype(int)
        return self.classes_[(p[:, 0] > 0.5).astype(int)] if len(self.classes_) > 1 else self.classes_.repeat(len(p))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Estimate the probability of each class or label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The examples.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            The probabilities, in the order of `classes_`.
        """
        p = self._outputs(X)
        return np.hstack([1 - p, p]) if self._kind == "binary" else p

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Estimate the logarithm of the probability of each class or label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The examples.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
            ``log(predict_proba(X))``.
        """
        p = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            return np.log(p, out=p)

    def _loss_name(self) -> str:
        return "softmax" if self._kind == "multiclass" else "logistic"

    def _set_classes(self, y: Any, classes: Any) -> None:
        self.classes_ = classes
        if type_of_target(y).startswith("multilabel"):
            self._kind = "labels"
        else:
            self._kind = "multiclass" if len(classes) > 2 else "binary"

    def _encoded(self, y: Any, reset: bool) -> Any:
        check_classification_targets(y)
        if type_of_target(y) == "multiclass-multioutput":
            raise ValueError("Multioutput target data is not supported: give a column of 0 and 1 for each label")
        found = unique_labels(y)
        if reset or "classes_" not in self.__dict__:
            self._set_classes(y, found)
        elif len(np.setdiff1d(found, self.classes_)) or (self.warm_start and len(found) != len(self.classes_)):
            raise ValueError(
                f"`y` has classes {found}, and the network was made for {self.classes_}: "
                "warm_start and partial_fit continue with the same classes"
            )
        if self._kind == "labels":
            return np.ascontiguousarray(y.toarray() if hasattr(y, "toarray") else y, dtype=bool)
        codes = np.searchsorted(self.classes_, y)
        return codes.astype(np.uint32) if self._kind == "multiclass" else (codes == 1).reshape(-1, 1)

    def _weights(self, y: Any, sample_weight: Any, X: Any) -> Any:
        weight = super()._weights(y, sample_weight, X)
        if self.class_weight is None:
            return weight
        by_class = compute_sample_weight(self.class_weight, y)
        return by_class if weight is None else by_class * weight

    def _stratifies(self, target: Any) -> bool:
        return self._kind != "labels"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


@_documented
class MLPRegressor(MultiOutputMixin, RegressorMixin, _BaseMLP):
    """Multilayer perceptron for regression, with the parameters of scikit-learn's.

    Parameters
    ----------
    loss : {'squared_error', 'poisson'}, default='squared_error'
        Half the squared error, or half the Poisson deviance of ``exp(output)``, which requires ``y >= 0``.
    %PARAMETERS%

    Attributes
    ----------
    %ATTRIBUTES%

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from chainrule.sklearn import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = MLPRegressor(learning_rate_init=0.01, max_iter=50, tol=0, random_state=1)
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     r2 = reg.fit(X, y).score(X, y)
    >>> r2 > 0.5
    True
    """

    loss: str
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_BaseMLP._parameter_constraints,
        "loss": [StrOptions({"squared_error", "poisson"})],
    }

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float = 0.0,
        network: str | None = None,
        input_shape: Any = None,
        optimizer: str | None = None,
        schedule: str | None = None,
        patience: int | None = None,
        standardize: bool | str = "auto",
        dtype: str = "auto",
        threads: int | None = None,
        on_epoch: Callable[[int, float, float | None], Any] | None = None,
    ) -> None:
        settings = dict(locals())
        del settings["self"]
        self.__dict__.update(settings)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The examples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each example counts.

        Returns
        -------
        self : MLPRegressor
            The fitted estimator.
        """
        return self._fit(X, y, sample_weight, incremental=False)

    @available_if(_BaseMLP._has_steps)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train for one epoch, from where the last call ended.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The examples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each example counts.

        Returns
        -------
        self : MLPRegressor
            The fitted estimator.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> np.ndarray:
        """Predict the targets of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The examples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predictions, in the units of the targets.
        """
        y = self._outputs(X)
        return y.reshape(-1) if y.shape[1] == 1 else y

    def _loss_name(self) -> str:
        return "poisson" if self.loss == "poisson" else "squared"

    def _encoded(self, y: Any, reset: bool) -> Any:
        y = np.ascontiguousarray(y, dtype=np.float64)
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError("Some value(s) of y are out of the valid range of the loss 'poisson': y >= 0.")
        return y.reshape(len(y), -1)

    def _stratifies(self, target: Any) -> bool:
        return False
