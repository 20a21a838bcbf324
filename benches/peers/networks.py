"""Random networks in PyTorch and in JAX: the same parameters, examples, loss and direction on each side.

A network is an architecture as Chainrule serialises it. Both peers execute the graph that `chainrule export` makes of it,
and take the loss from the table below. The loss is the mean over the rows of a sum over the outputs, except for
`mean-squared-error`, which is a mean over both: so Chainrule defines them. Where PyTorch's own reduction is another, its
sum is divided by the rows here.
"""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import jax
import jax.numpy as jnp
import numpy as np
import torch
from safetensors.numpy import save_file
from torch.nn import functional as F

from graphs import JAX, TORCH, Graph

jax.config.update("jax_enable_x64", True)
torch.set_num_threads(1)
VERSIONS = f"PyTorch {torch.__version__}, JAX {jax.__version__}, NumPy {np.__version__}"


class Programs:
    """The programs of Chainrule in a folder."""

    def __init__(self, folder):
        self.folder = folder.resolve()

    def run(self, program, *arguments, cwd=None):
        """What it prints."""
        command = [self.folder / program, *map(str, arguments)]
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
        assert done.returncode == 0, f"{program} {arguments[0]}: {done.stderr}"
        return done.stdout

    def tables(self):
        """The names and the serialised forms of what Chainrule has: see `trajectory tables`."""
        return json.loads(self.run("trajectory", "tables"))


def one_hot(y, t):
    """Class indices as rows, where the loss compares numbers."""
    return jnp.eye(y.shape[1], dtype=y.dtype)[t] if t.ndim == 1 else t


def cross_entropy(y, t, smoothing=0.0):
    t = (1 - smoothing) * one_hot(y, t) + smoothing / y.shape[1]
    return -(t * jax.nn.log_softmax(y, axis=1)).sum(axis=1).mean()


def a_row(term):
    """The mean over the rows of the sum over the outputs."""
    return lambda y, t: term(y - one_hot(y, t)).sum(axis=1).mean()


def torch_one_hot(y, t):
    return F.one_hot(t, y.shape[1]).to(y.dtype) if t.dim() == 1 else t


def torch_a_row(sum_of):
    return lambda y, t: sum_of(y, torch_one_hot(y, t), reduction="sum") / len(y)


def logits(y, t):
    return ((1 - t) * jax.nn.softplus(y) + t * jax.nn.softplus(-y)).sum(axis=1).mean()


def huber(d):
    return jnp.where(abs(d) > 1, abs(d) - 0.5, 0.5 * d * d)


@dataclass(frozen=True)
class Loss:
    """A loss in a row of the table: as Chainrule serialises it, and in PyTorch and JAX; `top` is a layer below it."""

    label: str
    spec: dict
    target: str
    torch: Callable
    jax: Callable
    top: str | None = None


CROSS_ENTROPY = F.cross_entropy, cross_entropy
SMOOTHED = (lambda y, t: F.cross_entropy(y, t, label_smoothing=0.1)), (lambda y, t: cross_entropy(y, t, 0.1))
SQUARED = torch_a_row(F.mse_loss), a_row(jnp.square)
MEAN_SQUARED = F.mse_loss, lambda y, t: jnp.square(y - t).mean()
LOGITS = torch_a_row(F.binary_cross_entropy_with_logits), logits
HUBER = torch_a_row(F.huber_loss), a_row(huber)
ABSOLUTE = torch_a_row(F.l1_loss), a_row(jnp.abs)
LOSSES = [
    Loss("cross-entropy", {"name": "cross-entropy"}, "class", *CROSS_ENTROPY),
    Loss("cross-entropy, soft", {"name": "cross-entropy"}, "distribution", *CROSS_ENTROPY),
    Loss("cross-entropy, smoothed", {"name": "cross-entropy", "label-smoothing": 0.1}, "class", *SMOOTHED),
    Loss("squared-error", {"name": "squared-error"}, "real", *SQUARED),
    Loss("squared-error of sigmoid", {"name": "squared-error"}, "class", *SQUARED, "sigmoid"),
    Loss("squared-error of softmax", {"name": "squared-error"}, "class", *SQUARED, "softmax"),
    Loss("mean-squared-error", {"name": "mean-squared-error"}, "real", *MEAN_SQUARED),
    Loss("binary-cross-entropy", {"name": "binary-cross-entropy"}, "share", *LOGITS),
    Loss("huber", {"name": "huber"}, "real", *HUBER),
    Loss("mean-absolute", {"name": "mean-absolute"}, "real", *ABSOLUTE),
]


def check_names(what, chainrule, here):
    """Fails where Chainrule has one that is not compared, or the other way round."""
    chainrule, here = set(chainrule), set(here)
    missing, unknown = sorted(chainrule - here), sorted(here - chainrule)
    assert not missing, f"benches/peers lacks the {what} {', '.join(missing)} of Chainrule"
    assert not unknown, f"benches/peers has the {what} {', '.join(unknown)}, and Chainrule has not"


def perceptron(activation, widths):
    """Dense layers with an activation between them, as Chainrule serialises them."""
    layers = [layer for n in widths[1:] for layer in ({"kind": "dense", "outputs": n}, activation)]
    return {"input": widths[0], "layers": layers[:-1]}


class Network:
    """A network with random parameters, a batch for it and a direction, in `dtype` ("f32" or "f64")."""

    def __init__(self, programs, architecture, loss, rows, dtype, seed):
        top = [{"kind": loss.top}] if loss.top else []
        self.architecture = {**architecture, "layers": architecture["layers"] + top}
        self.loss, self.dtype = loss, dtype
        self.number = np.float32 if dtype == "f32" else np.float64
        layout = json.loads(programs.run("trajectory", "layout", json.dumps(self.architecture)))
        inputs, outputs, shapes = layout["inputs"], layout["outputs"], layout["parameters"]
        rng = np.random.default_rng(seed)
        normal = lambda *shape: rng.standard_normal(shape).astype(self.number)
        # A matrix is (outputs, inputs), as PyTorch lays it.
        scale = lambda shape: self.number(shape[1]) ** 0.5 if len(shape) == 2 else self.number(4)
        self.theta = {name: normal(*shape) / scale(shape) for name, shape in shapes}
        self.direction = {name: normal(*shape) for name, shape in shapes}
        # A variance is positive, and a count is a whole number.
        begin = {"running_var": lambda shape: np.exp(normal(*shape)), "num_batches_tracked": lambda _: np.int64(3)}
        drawn = lambda name, shape: np.array(begin.get(name.split(".")[-1], lambda shape: normal(*shape))(shape))
        self.statistics = {name: drawn(name, shape) for name, shape in layout["statistics"]}
        self.x = normal(rows, inputs)
        real = normal(rows, outputs)
        self.y = {
            "class": rng.integers(outputs, size=rows),
            "real": real,
            "share": 1 / (1 + np.exp(-real)),
            "distribution": np.exp(real) / np.exp(real).sum(axis=1, keepdims=True),
        }[loss.target]
        with tempfile.TemporaryDirectory() as folder:
            self.save(Path(folder))
            programs.run("chainrule", "export", "model.safetensors", "--out", "model.onnx", cwd=folder)
            self.graph = Graph(Path(folder) / "model.onnx")

    def save(self, folder, index=np.int64):
        """The network with its description, the direction and the batch, class indices in the type `index`."""
        # The loss takes what the last layer gives.
        card = {"architecture": self.architecture, "output": "identity", "loss": self.loss.spec}
        arrays = {**self.theta, **self.statistics}
        save_file(arrays, folder / "model.safetensors", {"chainrule": json.dumps(card)})
        save_file(self.direction, folder / "v.safetensors")
        np.save(folder / "x.npy", self.x)
        np.save(folder / "y.npy", self.y.astype(index) if self.y.ndim == 1 else self.y)

    def torch_cost(self, theta):
        """C at parameters of PyTorch."""
        return self.loss.torch(self.graph(TORCH, theta, torch.from_numpy(self.x)), torch.from_numpy(self.y))

    def torch_theta(self):
        return {name: torch.tensor(array, requires_grad=True) for name, array in self.theta.items()}

    def torch_derivatives(self):
        """C, ∇C and ∇²C·v by PyTorch's automatic differentiation, backward twice."""
        named = self.torch_theta()
        theta, cost = list(named.values()), self.torch_cost(named)
        gradient = torch.autograd.grad(cost, theta, create_graph=True)
        along = sum((g * torch.from_numpy(v)).sum() for g, v in zip(gradient, self.direction.values()))
        # A gradient that does not depend on θ has no graph, and a product of zero.
        zeros = [torch.zeros_like(t) for t in theta]
        hv = torch.autograd.grad(along, theta, allow_unused=True) if along.requires_grad else zeros
        hv = [zero if h is None else h for h, zero in zip(hv, zeros)]
        numpy = lambda arrays: dict(zip(named, (array.detach().contiguous().numpy() for array in arrays)))
        return cost.item(), numpy(gradient), numpy(hv)

    def jax_cost(self, theta):
        """C at parameters of JAX."""
        return self.loss.jax(self.graph(JAX, theta, self.x), self.y)

    def jax_derivatives(self):
        """The same three by JAX: forward over reverse."""

        @jax.jit
        def all_three(theta, v):
            (cost, gradient), (_, hv) = jax.jvp(jax.value_and_grad(self.jax_cost), (theta,), (v,))
            return cost, gradient, hv

        cost, gradient, hv = all_three(self.theta, self.direction)
        jax.clear_caches()  # The next network is another program.
        return float(cost), gradient, hv
