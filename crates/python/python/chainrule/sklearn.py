"""Multilayer perceptrons with the parameters of scikit-learn's, trained by Chainrule.

Change one line of a program that uses scikit-learn::

    from chainrule.sklearn import MLPClassifier, MLPRegressor
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)

from ._perceptron import Perceptron
from ._settings import documented

__all__ = ["MLPClassifier", "MLPRegressor"]


@documented
class MLPClassifier(ClassifierMixin, Perceptron):
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
        **Perceptron._parameter_constraints,
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

    @available_if(Perceptron._has_steps)
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
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' is not supported for partial_fit, because one batch does not tell how frequent the classes are: "
                "pass the weights as a dict"
            )
        if "_learner" not in self.__dict__:
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            self._set_classes(type_of_target(y), unique_labels(classes))
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

    def _set_classes(self, kind: str, classes: Any) -> None:
        self.classes_ = classes
        if kind.startswith("multilabel"):
            self._kind = "labels"
        else:
            self._kind = "multiclass" if len(classes) > 2 else "binary"

    def _encoded(self, y: Any, reset: bool) -> Any:
        # Each of scikit-learn's looks at a target takes as long as an epoch on a small table.
        kind = type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError("Multioutput target data is not supported: give a column of 0 and 1 for each label")
        if kind in ("binary", "multiclass") and y.ndim == 1:
            found = np.unique(y)
        else:
            check_classification_targets(y)
            found = unique_labels(y)
        if reset or "classes_" not in self.__dict__:
            self._set_classes(kind, found)
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
        if (by_class < 0).any():
            raise ValueError(f"a class has the weight {by_class.min():g}, and weights are at least 0")
        return by_class if weight is None else by_class * weight

    def _stratifies(self) -> bool:
        # scikit-learn holds out by class only where the target is one column.
        return self._kind == "binary"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


@documented
class MLPRegressor(MultiOutputMixin, RegressorMixin, Perceptron):
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
        **Perceptron._parameter_constraints,
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

    @available_if(Perceptron._has_steps)
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

    def _stratifies(self) -> bool:
        return False
