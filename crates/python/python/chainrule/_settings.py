"""The parameters of the estimators: what they mean, what is allowed, and what the engine makes of them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, Options, StrOptions

from ._threads import threads

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
        How the learning rate of 'sgd', or of `optimizer`, changes.
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
        The improvement of the loss, or of the accuracy or R² on the examples held out, that counts.
    verbose : bool, default=False
        Whether to print the loss of each epoch.
    warm_start : bool, default=False
        Whether `fit` continues from the weights of the last call.
    momentum : float, default=0.9
        The momentum of 'sgd', and of the optimizers 'momentum' and 'nesterov', in [0, 1).
    nesterovs_momentum : bool, default=True
        Whether to use Nesterov's momentum.
    early_stopping : bool, default=False
        Whether to hold out a part of the examples, and stop when the accuracy or R² on them, or the loss 'poisson', no longer improves.
    validation_fraction : float, default=0.1
        The part to hold out.
    beta_1, beta_2 : float, default=0.9 and 0.999
        The decay rates of the moments in Adam and AdamW.
    epsilon : float, default=1e-8
        Keeps the denominator of Adam and AdamW above zero.
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
        Any update rule of Chainrule, such as 'adamw', in place of `solver`; 'sgd' is without momentum.
    schedule : str, default=None
        How the learning rate changes over `max_iter` epochs: 'cosine', 'one-cycle', 'step', 'exponential' or 'plateau'.
    patience : int, default=None
        Stop after this number of epochs without a lower validation loss, and return to the best epoch; in place of
        `n_iter_no_change` and `tol`.
    standardize : bool or 'auto', default='auto'
        Whether to bring the columns of X, and the targets of a squared error, to mean 0 and variance 1 inside the model.
        'auto' leaves X as it is if its largest standard deviation is between 0.2 and 5, and its largest mean at most 10.
    dtype : {'auto', 'float32', 'float64'}, default='auto'
        The precision of training. 'auto' is double where a batch has all examples and X is double, else single.
    threads : int, default=None
        The number of threads; None takes ``OMP_NUM_THREADS`` or all processors. The result does not depend on it.
    on_epoch : callable, default=None
        Called as ``on_epoch(epoch, loss, metric)`` after each epoch, with the accuracy or R² on the examples held out, None without
        them; a true result ends the training."""

_ATTRIBUTES = """loss_ : float
        The loss of the last epoch.
    loss_curve_ : list of float
        The loss of each epoch.
    best_loss_ : float or None
        The lowest loss; None with early stopping.
    validation_scores_ : list of float or None
        The accuracy or R² on the examples held out, after each epoch; None for 'poisson'.
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


def documented(estimator: type) -> type:
    """Fills in what the two estimators share."""
    text = estimator.__doc__ or ""
    estimator.__doc__ = text.replace("%PARAMETERS%", _PARAMETERS).replace("%ATTRIBUTES%", _ATTRIBUTES)
    return estimator


_WORDS = {"logistic": "sigmoid"}


class Settings(BaseEstimator):
    """The parameters that both estimators have."""

    n_outputs_: int

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

    def _loss_name(self) -> str:
        raise NotImplementedError

    def _is_lbfgs(self) -> bool:
        return self.optimizer is None and self.solver == "lbfgs"

    def _watches(self) -> bool:
        """Whether a part of the examples is held out."""
        return not self._is_lbfgs() and bool(self.early_stopping or self.patience)

    def _decline(self) -> Any:
        """How the learning rate falls; that of 'adam' does not, as in scikit-learn."""
        if self.optimizer is None and self.solver != "sgd":
            return "constant"
        return {"invscaling": float(self.power_t)} if self.learning_rate == "invscaling" else self.learning_rate

    def _check_settings(self, incremental: bool) -> None:
        """Refuses settings that would have no effect, unless scikit-learn takes them too."""
        if self.optimizer == "lbfgs":
            raise ValueError("optimizer='lbfgs' is not an update rule: take solver='lbfgs'")
        for name in ("patience", "schedule"):
            if self._is_lbfgs() and getattr(self, name) is not None:
                raise ValueError(f"solver='lbfgs' has no {name}: leave it out, or take solver='adam' or 'sgd'")
        if self.schedule is not None and self._decline() != "constant":
            raise ValueError(
                f"schedule and learning_rate={self.learning_rate!r} both change the learning rate: leave one of them out"
            )
        for name, setting in {"early_stopping": "early_stopping=True", "patience": "patience", "schedule": "schedule"}.items():
            if incremental and getattr(self, name):
                raise ValueError(f"partial_fit does not support {setting}")

    def _network(self) -> str:
        """All layers, in Chainrule's words."""
        last = f"dense {self.n_outputs_}"
        if self.network is not None:
            return f"{self.network}, {last}"
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if isinstance(sizes, Iterable) else [sizes]
        if not all(isinstance(size, Integral) for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be integers, got {sizes}.")
        if any(size <= 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        activation = [] if self.activation == "identity" else [_WORDS.get(self.activation, self.activation)]
        dropout = [f"dropout {float(self.dropout)}"] if self.dropout else []
        layers = [word for size in sizes for word in [f"dense {size}", *activation, *dropout]]
        return ", ".join([*layers, last])

    def _rows_of_a_batch(self, rows: int) -> int:
        return int(min(200 if self.batch_size == "auto" else self.batch_size, rows))

    def _batch(self, rows: int) -> int:
        if self.batch_size != "auto" and self.batch_size > rows:
            warnings.warn("Got `batch_size` larger than the sample size. It is going to be clipped", stacklevel=4)
        return self._rows_of_a_batch(rows)

    def _method(self) -> Any:
        if self._is_lbfgs():
            return "lbfgs"
        momentum = {"mu": float(self.momentum)}
        betas = {"beta1": float(self.beta_1), "beta2": float(self.beta_2), "epsilon": float(self.epsilon)}
        rule = self.optimizer or self.solver
        if self.optimizer is None and self.solver == "sgd" and self.momentum:
            rule = "nesterov" if self.nesterovs_momentum else "momentum"
        own = {"adam": betas, "adamw": betas, "momentum": momentum, "nesterov": momentum}
        return {"rule": {"name": rule, **own.get(rule, {})}}

    def _plan(self, rows: int, incremental: bool) -> str:
        watched = "validation-loss" if self.patience or self._loss_name() == "poisson" else "validation-score"
        plan = {
            "method": self._method(),
            "alpha": float(self.alpha),
            "batch": self._batch(rows),
            "epochs": 1 if incremental else int(self.max_iter),
            "rate": float(self.learning_rate_init),
            "decline": self._decline(),
            "schedule": self.schedule,
            "shuffle": bool(self.shuffle),
            "tol": float(self.tol),
            "n_iter_no_change": int(self.n_iter_no_change) if np.isfinite(self.n_iter_no_change) else None,
            "patience": None if self.patience is None else int(self.patience),
            "watched": watched if self._watches() else "training-loss",
            "max_fun": int(self.max_fun),
            "threads": threads(self.threads),
            "incremental": incremental,
        }
        return json.dumps(plan)
