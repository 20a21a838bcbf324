"""What the two estimators do alike."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import is_regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from ._chainrule import Learner
from ._settings import Settings
from ._threads import threads

_FLOATS = (np.float64, np.float32)


class Perceptron(Settings):
    """A network that learns by scikit-learn's rules; the subclasses say what a target is."""

    _learner: Learner
    classes_: Any
    n_features_in_: int

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool) -> Any:
        self._validate_params()
        first = not hasattr(self, "_learner") or not (self.warm_start or incremental)
        self._check_settings(incremental)
        _refuse_categories(X)
        X, y = validate_data(
            self, X, y, multi_output=True, y_numeric=is_regressor(self), dtype=_FLOATS, reset=first
        )
        X = np.require(X, requirements="A")
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
        self._take(report, len(X), first, incremental)
        return self

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
        whole = self._is_lbfgs() or self._rows_of_a_batch(len(X)) >= len(X)
        double = self.dtype == "float64" or (self.dtype == "auto" and X.dtype == np.float64 and whole)
        return Learner(json.dumps(design), double)

    def _callback(self) -> Callable[..., Any] | None:
        if not self.verbose:
            return self.on_epoch

        def report(epoch: int, loss: float, metric: float | None) -> Any:
            print(f"Iteration {epoch}, loss = {loss:.8f}")
            if metric is not None:
                print(f"Validation score: {metric:f}")
            return self.on_epoch(epoch, loss, metric) if self.on_epoch is not None else None

        return report

    def _weights(self, y: Any, sample_weight: Any, X: Any) -> Any:
        if sample_weight is None:
            return None
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
        if (weight < 0).any():
            raise ValueError(f"an example has the weight {weight.min():g}, and weights are at least 0")
        return weight

    def _held_out(self, X: Any, target: Any, weight: Any, random_state: Any) -> Any:
        labels = target.reshape(-1) if self._stratifies() else None
        parts = [X, target] if weight is None else [X, target, weight]
        parts = train_test_split(
            *parts, random_state=random_state, test_size=self.validation_fraction, stratify=labels
        )
        if len(parts[1]) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        held_in, held_out = parts[::2], parts[1::2]
        weights = [None, None] if weight is None else [np.ascontiguousarray(part) for part in parts[4:]]
        return (
            held_in[0], np.ascontiguousarray(held_in[1]), weights[0],
            (held_out[0], np.ascontiguousarray(held_out[1]), weights[1]),
        )

    def _take(self, report: dict[str, Any], rows: int, first: bool, incremental: bool) -> None:
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
            scores = [*(self.validation_scores_ or []), *report["scores"]]
            self.validation_scores_ = None if self._loss_name() == "poisson" else scores
            self.best_validation_score_ = max(scores, default=None)
        else:
            self.best_loss_ = min(self.loss_curve_, default=np.inf)
        if report["interrupted"]:
            warnings.warn("Training interrupted by user.", stacklevel=4)
        elif self._is_lbfgs() and not report["converged"]:
            warnings.warn(
                f"lbfgs failed to converge after {epochs} iteration(s): increase max_iter or max_fun, or scale the data",
                ConvergenceWarning, stacklevel=4,
            )
        elif epochs == self.max_iter and not incremental and not report["converged"]:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({epochs}) reached and the optimization hasn't converged yet.",
                ConvergenceWarning, stacklevel=4,
            )

    def _outputs(self, X: Any) -> Any:
        """Probabilities or numbers, in double precision."""
        if "_learner" not in self.__dict__:
            check_is_fitted(self, "_learner")
        # scikit-learn's checks take longer than the network does for one row.
        if (
            type(X) is np.ndarray and X.ndim == 2 and X.dtype in _FLOATS and len(X)
            and X.shape[1] == self.n_features_in_ and X.flags.aligned and "feature_names_in_" not in self.__dict__
        ):
            outputs = self._learner.predict(X, threads(self.threads))
            if outputs is not None:
                return outputs
        _refuse_categories(X)
        X = np.require(validate_data(self, X, dtype=_FLOATS, reset=False), requirements="A")
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
        if self._is_lbfgs():
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

    def _encoded(self, y: Any, reset: bool) -> Any:
        raise NotImplementedError

    def _stratifies(self) -> bool:
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
