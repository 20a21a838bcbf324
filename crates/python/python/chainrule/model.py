"""Networks in words, with training, prediction and files."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ._chainrule import Network, Objective
from ._threads import threads as count_threads

__all__ = ["Model"]


class Model:
    """A network in words with its numbers.

    Parameters
    ----------
    network : str
        The layers, such as ``"dense 64, relu, dense 10"``, as ``chainrule train --network`` takes them.
    input_shape : int or tuple of int
        The shape of an example: ``784``, or ``(28, 28, 1)`` for an image, channels last.
    seed : int, default=0
        Determines the initial weights.
    dtype : {'float32', 'float64'}, default='float32'
        The type of the parameters.

    Attributes
    ----------
    classes_ : ndarray or None
        The classes, in the order of the outputs; None where the outputs are none.
    history_ : list of dict
        The loss of each epoch of the last training, with the validation loss, and in ``validation_score`` the accuracy or R².
    theta : ndarray
        All parameters in one vector; it can be set. Before the first training it acts on inputs as they are given; the first training
        scales them, and starts from it.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule import Model
    >>> X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
    >>> model = Model("dense 16, tanh, dense 2", 2, seed=1)
    >>> model.fit(X, ["same", "different", "different", "same"], learning_rate=0.05).predict(X)
    array(['same', 'different', 'different', 'same'], dtype='<U9')
    >>> print(model.summary())
    place  layer     output  parameters
           input          2
        0  dense 16      16          48
        1  tanh          16           0
        2  dense 2        2          34
    82 parameters
    """

    def __init__(self, network: str, input_shape: int | tuple[int, ...], *, seed: int = 0, dtype: str = "float32"):
        axes = (input_shape,) if isinstance(input_shape, (int, np.integer)) else tuple(input_shape)
        shape = "x".join(str(int(axis)) for axis in axes)
        self._network = Network(network, shape, int(seed), _is_double(dtype))
        self.seed = int(seed)
        self.classes_: np.ndarray | None = None
        self.history_: list[dict[str, Any]] = []

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        optimizer: str | None = None,
        learning_rate: float | None = None,
        schedule: str | None = None,
        weight_decay: float | None = None,
        clip: float | None = None,
        loss: str | None = None,
        validation: tuple[Any, Any] | None = None,
        patience: int | None = None,
        sample_weight: Any = None,
        augment: str | None = None,
        seed: int | None = None,
        threads: int | None = None,
        on_epoch: Callable[[int, float, float | None], Any] | None = None,
    ) -> Model:
        """Train the network, from where it is.

        The first training chooses how inputs are scaled: bytes to [0, 1], other numbers to mean 0 and variance 1.

        Where none of `optimizer`, `learning_rate`, `schedule` and `weight_decay` is given, Adam goes through one cycle of learning rates
        that peaks at 0.01, with a weight decay of 1.5 / n_samples. L-BFGS has none of these settings, nor `clip` and `batch_size`.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The examples, each of the input shape or flat; ``uint8`` for pixels.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Words or integers are classes, a matrix of booleans is labels, and floating-point numbers are targets of a regression.
        epochs : int, default=None
            Passes over the examples; None makes 3,000 steps, within 10 to 200 passes.
        batch_size : int, default=None
            Examples per step; None is 32.
        optimizer : str, default=None
            'adam', 'adamw', 'sgd', 'momentum', 'nesterov', 'rmsprop', 'adagrad' or 'lbfgs'; None is Adam.
        learning_rate : float, default=None
            None takes 0.1 for 'sgd', 0.01 for 'momentum', 'nesterov' and 'adagrad', and 0.001 for the others.
        schedule : str, default=None
            'constant', 'cosine', 'one-cycle', 'step', 'exponential' or 'plateau'; None is 'constant'.
        weight_decay : float, default=None
            On weights and not on biases; None takes 0.01 for 'adamw' and 0 for the others.
        clip : float, default=None
            Clip the gradient norm to this value.
        loss : str, default=None
            The name of a loss; None takes the usual one for the targets.
        validation : tuple (X, y), default=None
            Examples to measure after each epoch.
        patience : int, default=None
            Stop after this number of epochs without a lower validation loss, and return to the best epoch; needs `validation`.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each example counts.
        augment : str, default=None
            How images are varied, such as ``"flip, rotate 10"``.
        seed : int, default=None
            Of the shuffling and of dropout; None takes that of the model.
        threads : int, default=None
            None takes ``OMP_NUM_THREADS`` or all processors. The result does not depend on it.
        on_epoch : callable, default=None
            Called as ``on_epoch(epoch, loss, metric)`` with the accuracy or R² on the validation examples, None without them; a true
            result ends the training.

        Returns
        -------
        self : Model
            The trained model.

        Raises
        ------
        ValueError
            If the examples do not fit the network, or the loss becomes infinite.
        KeyboardInterrupt
            On Ctrl-C, within a step; the model keeps what it has learned.
        """
        training = _checked({
            "epochs": epochs, "batch": batch_size, "optimizer": optimizer, "learning_rate": learning_rate,
            "schedule": schedule, "weight_decay": weight_decay, "clip": clip, "patience": patience, "loss": loss,
            "augment": augment, "seed": self.seed if seed is None else int(seed), "threads": count_threads(threads),
        }, validation)
        # The outputs of a trained network mean what they meant.
        classes = self._classes_of(y) if self.classes_ is None else self.classes_
        target, names = _target(y, classes)
        held_out = None
        if validation is not None:
            if not isinstance(validation, (tuple, list)) or len(validation) != 2:
                raise ValueError("validation must be a pair (X, y)")
            held_out = (self._rows(validation[0], "X of validation"), _target(validation[1], classes)[0])
        weights = None if sample_weight is None else np.ascontiguousarray(sample_weight, dtype=np.float64)
        if weights is not None and weights.ndim != 1:
            raise ValueError(f"sample_weight must have one number for each example, got shape {weights.shape}")
        report = self._network.fit(
            self._rows(X), target, names, weights, held_out, json.dumps(training), on_epoch
        )
        self.classes_, self.history_ = classes, report["epochs"]
        if report["error"] is not None:
            raise report["error"]
        return self

    def predict(self, X: Any, *, threads: int | None = None) -> np.ndarray:
        """Predict the class, the labels or the numbers of each example.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The examples.
        threads : int, default=None
            As in `fit`.

        Returns
        -------
        y : ndarray
            Classes of shape (n_samples,); booleans for labels; numbers of shape (n_samples, n_outputs), or (n_samples,)
            for a single output.
        """
        outputs = self._outputs(X, threads)
        if self.classes_ is not None:
            return self.classes_[outputs.argmax(axis=1)]
        if self._network.labels:
            return outputs > 0.5
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def predict_proba(self, X: Any, *, threads: int | None = None) -> np.ndarray:
        """Estimate the probability of each class or label.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The examples.
        threads : int, default=None
            As in `fit`.

        Returns
        -------
        p : ndarray of shape (n_samples, n_outputs)
            The probabilities.

        Raises
        ------
        ValueError
            If the outputs are no probabilities.
        """
        if self.classes_ is None and not self._network.labels:
            raise ValueError("the outputs of this model are numbers, not probabilities: use predict")
        if not self._network.gives_probabilities:
            raise ValueError(
                "the outputs of this model are no probabilities, because its loss does not make them so: "
                "use predict, or train with loss='cross-entropy' or 'binary-cross-entropy'"
            )
        return self._outputs(X, threads)

    def _outputs(self, X: Any, threads: int | None) -> np.ndarray:
        outputs = self._network.predict(self._rows(X), count_threads(threads))
        finite = np.isfinite(outputs).all(axis=1)
        if not finite.all():
            raise ValueError(f"the network overflows for example {int(finite.argmin())} of X")
        return outputs

    def evaluate(self, X: Any, y: Any, *, threads: int | None = None) -> dict[str, float]:
        """Measure the loss, and the accuracy or R².

        Parameters
        ----------
        X, y
            As in `fit`.
        threads : int, default=None
            As in `fit`.

        Returns
        -------
        result : dict
            ``loss``, and ``accuracy`` for classes and labels or ``r2`` for numbers.
        """
        target, names = _target(y, self.classes_)
        loss, metric = self._network.evaluate(self._rows(X), target, names, count_threads(threads))
        return {"loss": loss, "r2" if target.dtype == np.float64 else "accuracy": metric}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as safetensors, which ``chainrule predict`` and PyTorch read too.

        Parameters
        ----------
        path : path-like
            The file; at every moment there is the old one or the new one, whole.
        """
        self._network.save(os.fspath(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, dtype: str = "float32") -> Model:
        """Read a model that `save` or ``chainrule train`` wrote.

        Parameters
        ----------
        path : path-like
            The file.
        dtype : {'float32', 'float64'}, default='float32'
            The type of the parameters in memory.

        Returns
        -------
        model : Model
            The model. Its classes are the names in the file, as strings, and its seed is that of the file.
        """
        with open(path, "rb") as file:
            contents = file.read()
        model = cls.__new__(cls)
        network = Network.from_bytes(contents, os.fspath(path), _is_double(dtype))
        model._network, model.seed, model.history_ = network, network.seed or 0, []
        model.classes_ = np.array(network.classes) if network.classes else None
        return model

    def to_onnx(
        self, path: str | os.PathLike[str] | None = None, *, inputs: str = "matrix", opset: int = 17
    ) -> bytes:
        """Export the model to ONNX.

        Parameters
        ----------
        path : path-like, default=None
            A file to write.
        inputs : {'matrix', 'columns'}, default='matrix'
            What goes into the graph: one matrix with a column for each input of the network, as `predict` takes it, or the cells of the
            table that ``chainrule train`` has trained the model on, one input for each of its columns, words as strings.
        opset : int, default=17
            The operator set of ONNX, 13 to 24.

        Returns
        -------
        onnx : bytes
            The contents of the file.
        """
        if inputs not in ("matrix", "columns"):
            raise ValueError(f"inputs must be 'matrix' or 'columns'. Got {inputs!r} instead.")
        onnx = self._network.to_onnx(inputs == "columns", opset)
        if path is not None:
            with open(path, "wb") as file:
                file.write(onnx)
        return onnx

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return the parameters by name, in the names, shapes and order of PyTorch's ``nn.Sequential``.

        Returns
        -------
        state : dict of ndarray
            Running statistics too.
        """
        return dict(self._network.state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the parameters of `state_dict`, or of a PyTorch network with the same layers.

        Parameters
        ----------
        state : mapping
            Arrays or CPU tensors by name.
        """
        self._network.load_state_dict([(name, np.require(array, np.float64, "A")) for name, array in state.items()])

    def objective(self, X: Any, y: Any, *, loss: str | None = None, threads: int | None = None) -> Objective:
        """Return the mean loss on examples as a function of all parameters.

        Parameters
        ----------
        X, y
            As in `fit`; the inputs are scaled as in the last training.
        loss : str, default=None
            The name of a loss; None takes that of the last training, or the usual one.
        threads : int, default=None
            As in `fit`.

        Returns
        -------
        objective : Objective
            With the methods ``value``, ``value_and_grad``, ``hvp``, ``gauss_newton_vector``, ``hessian`` and ``spectrum``.
        """
        is_decided = self.classes_ is not None or self._network.is_trained
        target, names = _target(y, self.classes_ if is_decided else self._classes_of(y))
        return self._network.objective(self._rows(X), target, names, loss, count_threads(threads))

    @property
    def theta(self) -> np.ndarray:
        """All parameters in one vector."""
        return self._network.theta

    @theta.setter
    def theta(self, theta: Any) -> None:
        self._network.theta = np.ascontiguousarray(theta, dtype=np.float64)

    def summary(self) -> str:
        """Return the layers, the shapes of their outputs and the numbers of their parameters as a table.

        Returns
        -------
        table : str
            One line for each layer.
        """
        shape, rows, parameters = self._network.summary()
        cells = [("place", "layer", "output", "parameters"), ("", "input", shape, "")]
        cells += [(str(place), *row[:2], str(row[2])) for place, row in enumerate(rows)]
        wide = [max(len(row[i]) for row in cells) for i in range(4)]
        lines = [f"{a:>{wide[0]}}  {b:<{wide[1]}}  {c:>{wide[2]}}  {d:>{wide[3]}}".rstrip() for a, b, c, d in cells]
        return "\n".join([*lines, f"{parameters} parameters"])

    def __repr__(self) -> str:
        layers = ", ".join(row[0] for row in self._network.summary()[1])
        return f"Model({layers!r}, input_shape={tuple(self._network.input_shape)})"

    def _repr_html_(self) -> str:
        shape, rows, parameters = self._network.summary()
        cells = "".join(
            f"<tr><td>{place}</td><td>{html.escape(layer)}</td><td>{output}</td><td>{count}</td></tr>"
            for place, (layer, output, count) in enumerate(rows)
        )
        head = "<tr><th>place</th><th>layer</th><th>output</th><th>parameters</th></tr>"
        caption = f"<caption>input {shape}, {parameters} parameters</caption>"
        return f"<table>{caption}{head}{cells}</table>{_curves(self.history_)}"

    def __getstate__(self) -> dict[str, Any]:
        state = {**self.__dict__, "dtype": self._network.dtype}
        state["_network"] = self._network.to_bytes()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        double = _is_double(state.pop("dtype"))
        self.__dict__.update({**state, "_network": Network.from_bytes(state["_network"], "the pickle", double)})

    def _rows(self, X: Any, name: str = "X") -> np.ndarray:
        """The examples as a matrix."""
        if hasattr(X, "toarray"):
            raise ValueError(f"{name} is sparse, and a network takes dense arrays: pass {name}.toarray()")
        X = np.asarray(X)
        shape = tuple(self._network.input_shape)
        if X.shape == shape or X.ndim == 0:
            raise ValueError(f"{name} has shape {X.shape}: an axis of examples comes first, as in {name}[None]")
        if X.shape[1:] != shape and not (X.ndim == 2 and X.shape[1] == np.prod(shape)):
            raise ValueError(f"{name} has shape {X.shape}, and the network takes examples of shape {shape}")
        if X.dtype.kind == "c":
            raise ValueError(f"{name} has complex numbers, and a network takes real ones")
        if X.dtype not in (np.uint8, np.float32, np.float64):
            X = X.astype(np.float64)
        X = X.reshape(len(X), int(np.prod(shape)))
        if X.dtype.kind == "f":
            finite = np.isfinite(X).all(axis=1)
            if not finite.all():
                raise ValueError(f"{name} has NaN or infinity in example {int(finite.argmin())}: replace it or drop the example")
        # The engine steps by whole numbers, which the fields of a packed record do not.
        return np.require(X, requirements="A")

    def _classes_of(self, y: Any) -> np.ndarray | None:
        """The classes of a training on y."""
        y = _column(y)
        if y.ndim != 1 or y.dtype.kind not in "OUSiub":
            return None
        if y.dtype.kind == "S":
            raise ValueError("y has bytes, and classes are words or integers: decode them, as by y.astype(str)")
        classes = np.unique(y)
        # Integers from 0 are indices of the outputs, not all of which must occur.
        counted = y.dtype.kind in "iu" and len(classes) and classes[0] >= 0 and classes[-1] < self._network.outputs
        return np.arange(self._network.outputs) if counted else classes


def _column(y: Any) -> np.ndarray:
    """The targets, where a column of words or integers is one of classes."""
    y = np.asarray(y)
    if y.ndim == 2 and y.dtype.kind in "OUSiu":
        if y.shape[1] != 1:
            raise ValueError(
                f"y has {y.shape[1]} columns of words or integers: pass booleans for labels, floating-point numbers for a regression"
            )
        return y[:, 0]
    return y


def _target(y: Any, classes: np.ndarray | None) -> tuple[np.ndarray, list[str]]:
    """The targets as the engine takes them, and the names of the classes."""
    y = _column(y)
    if classes is not None:
        if y.dtype.kind != classes.dtype.kind and classes.dtype.kind == "U":
            y = y.astype(str)
        unknown = np.setdiff1d(y, classes)
        if len(unknown):
            raise ValueError(
                f"y has the class {unknown[0]!r}, and the classes of the model are {classes}: a new Model learns others"
            )
        # Those of a file are in the order of the outputs, which need not be that of the names.
        order = np.argsort(classes, kind="stable")
        return order[np.searchsorted(classes, y, sorter=order)].astype(np.uint32), [str(name) for name in classes]
    if y.dtype == bool:
        return np.ascontiguousarray(y.reshape(len(y), -1)), []
    return np.ascontiguousarray(y, dtype=np.float64).reshape(len(y), -1), []


def _checked(training: dict[str, Any], validation: Any) -> dict[str, Any]:
    """The settings of a training as plain numbers, none of which is out of range or without effect."""
    for key, name in {"epochs": "epochs", "batch": "batch_size", "patience": "patience"}.items():
        count = training[key]
        if count is None:
            continue
        if not isinstance(count, (int, np.integer)) or count < 1:
            raise ValueError(f"{name} must be an integer of 1 or more, got {count!r}")
        training[key] = int(count)
    for name, zero in {"learning_rate": False, "weight_decay": True, "clip": False}.items():
        number = training[name]
        if number is None:
            continue
        if not np.isfinite(number) or number < 0 or (number == 0 and not zero):
            raise ValueError(f"{name} must be a finite number {'>=' if zero else '>'} 0, got {number!r}")
        training[name] = float(number)
    if training["patience"] is not None and validation is None:
        raise ValueError("patience needs validation data: pass validation=(X, y)")
    if training["optimizer"] == "lbfgs":
        if training["batch"] is not None:
            raise ValueError("optimizer='lbfgs' takes all examples at each step: leave out batch_size")
        for name in ("learning_rate", "schedule", "weight_decay", "clip"):
            if training[name]:
                raise ValueError(
                    f"optimizer='lbfgs' has no {name}: leave it out, or take an optimizer with a learning rate, such as 'adam'"
                )
    return training


def _is_double(dtype: Any) -> bool:
    name = np.dtype(dtype).name
    if name not in ("float32", "float64"):
        raise ValueError(f"dtype must be float32 or float64, got {name}")
    return name == "float64"


def _curves(history: list[dict[str, Any]]) -> str:
    """The losses of the epochs as an SVG picture."""
    width, height = 360.0, 120.0
    lines = []
    values = [e[key] for e in history for key in ("train_loss", "validation_loss") if e[key] is not None]
    if len(history) < 2 or not np.isfinite(values).all():
        return ""
    low, high = min(values), max(values)
    for key, colour in (("train_loss", "#1f77b4"), ("validation_loss", "#ff7f0e")):
        curve = [e[key] for e in history if e[key] is not None]
        if len(curve) < 2:
            continue
        x = np.linspace(4, width - 4, len(curve))
        y = height - 4 - (np.array(curve) - low) / (high - low or 1.0) * (height - 8)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        lines.append(f'<polyline fill="none" stroke="{colour}" points="{points}"><title>{key}</title></polyline>')
    body = "".join(lines)
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}">{body}</svg>'
