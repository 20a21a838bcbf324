"""Random networks in PyTorch and in JAX: the same parameters, examples, loss and direction on each side.

A network is dense layers with one activation between them; an output function, if the loss has none in it, stands on
top. The loss is the mean over the rows of a sum over the outputs, except for `mean-squared-error`, which is a mean over
both: so Chainrule defines them. Where PyTorch's own reduction is another, its sum is divided by the rows here.
"""

from dataclasses import dataclass
from typing import Callable

import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

jax.config.update("jax_enable_x64", True)
torch.set_num_threads(1)
VERSIONS = f"PyTorch {torch.__version__}, JAX {jax.__version__}, NumPy {np.__version__}"

# A name of `--activation`: in PyTorch, in JAX.
ACTIVATIONS = {
    "identity": (nn.Identity, lambda z: z),
    "sigmoid": (nn.Sigmoid, jax.nn.sigmoid),
    "tanh": (nn.Tanh, jnp.tanh),
    "relu": (nn.ReLU, jax.nn.relu),
    "leaky-relu": (nn.LeakyReLU, jax.nn.leaky_relu),
    "elu": (nn.ELU, jax.nn.elu),
    "gelu": (nn.GELU, lambda z: jax.nn.gelu(z, approximate=False)),
    "gelu-tanh": (lambda: nn.GELU("tanh"), lambda z: jax.nn.gelu(z, approximate=True)),
    "silu": (nn.SiLU, jax.nn.silu),
    "softplus": (nn.Softplus, jax.nn.softplus),
}

# A name of `--output` where it is a layer of its own: in PyTorch, in JAX.
OUTPUTS = {
    "identity": (None, lambda z: z),
    "sigmoid": (nn.Sigmoid, jax.nn.sigmoid),
    "softmax": (lambda: nn.Softmax(1), lambda z: jax.nn.softmax(z, axis=1)),
}


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
    """A loss under its name in the table, with the options that ask Chainrule for it."""

    name: str
    options: tuple[str, ...]
    target: str
    torch: Callable
    jax: Callable
    top: str = "identity"


def of(loss, output, *more):
    return ("--loss", loss, "--output", output, *more)


SQUARED = torch_a_row(F.mse_loss), a_row(jnp.square)
LOSSES = [
    Loss("cross-entropy", of("cross-entropy", "softmax"), "class", F.cross_entropy, cross_entropy),
    Loss("cross-entropy, soft", of("cross-entropy", "softmax"), "distribution", F.cross_entropy, cross_entropy),
    Loss(
        "cross-entropy, smoothed",
        of("cross-entropy", "softmax", "--label-smoothing", "0.1"),
        "class",
        lambda y, t: F.cross_entropy(y, t, label_smoothing=0.1),
        lambda y, t: cross_entropy(y, t, 0.1),
    ),
    Loss("squared-error", of("squared-error", "identity"), "real", *SQUARED),
    Loss("squared-error of sigmoid", of("squared-error", "sigmoid"), "class", *SQUARED, "sigmoid"),
    Loss("squared-error of softmax", of("squared-error", "softmax"), "class", *SQUARED, "softmax"),
    Loss(
        "mean-squared-error",
        of("mean-squared-error", "identity"),
        "real",
        F.mse_loss,
        lambda y, t: jnp.square(y - t).mean(),
    ),
    Loss(
        "binary-cross-entropy",
        of("binary-cross-entropy", "sigmoid"),
        "share",
        torch_a_row(F.binary_cross_entropy_with_logits),
        logits,
    ),
    Loss("huber", of("huber", "identity"), "real", torch_a_row(F.huber_loss), a_row(huber)),
    Loss("mean-absolute", of("mean-absolute", "identity"), "real", torch_a_row(F.l1_loss), a_row(jnp.abs)),
]


class Network:
    """A random network with a batch for it and a direction, in `dtype` ("f32" or "f64")."""

    def __init__(self, activation, loss, widths, rows, dtype, seed):
        rng = np.random.default_rng(seed)
        self.activation, self.loss, self.widths, self.dtype = activation, loss, widths, dtype
        self.number = np.float32 if dtype == "f32" else np.float64
        normal = lambda *shape: rng.standard_normal(shape).astype(self.number)
        pairs = list(zip(widths, widths[1:]))
        # Each layer's weight as PyTorch lays it, (outputs, inputs), and its bias.
        self.layers = [(normal(n, m) / self.number(m) ** 0.5, normal(n) / 4) for m, n in pairs]
        self.direction = [(normal(n, m), normal(n)) for m, n in pairs]
        self.x = normal(rows, widths[0])
        real = normal(rows, widths[-1])
        self.y = {
            "class": rng.integers(widths[-1], size=rows),
            "real": real,
            "share": 1 / (1 + np.exp(-real)),
            "distribution": np.exp(real) / np.exp(real).sum(axis=1, keepdims=True),
        }[loss.target]

    @property
    def options(self):
        return ["--layers", "-".join(map(str, self.widths)), "--activation", self.activation, *self.loss.options]

    def named(self, layers):
        """Arrays of the layers under the names of PyTorch's `nn.Sequential`: every second place is an activation."""
        pairs = zip((f"{2 * l}.{kind}" for l in range(len(layers)) for kind in ("weight", "bias")), sum(layers, ()))
        return {name: np.ascontiguousarray(array) for name, array in pairs}

    def in_torch(self):
        """The network, x and y as PyTorch has them."""
        module, places = ACTIVATIONS[self.activation][0], []
        for inputs, outputs in zip(self.widths, self.widths[1:]):
            places += [nn.Linear(inputs, outputs), module()]
        places.pop()
        if top := OUTPUTS[self.loss.top][0]:
            places.append(top())
        model = nn.Sequential(*places).to(torch.float32 if self.dtype == "f32" else torch.float64)
        model.load_state_dict({name: torch.from_numpy(array) for name, array in self.named(self.layers).items()})
        return model, torch.from_numpy(self.x), torch.from_numpy(self.y)

    def torch_derivatives(self):
        """C, ∇C and ∇²C·v by PyTorch's automatic differentiation, backward twice."""
        model, x, y = self.in_torch()
        theta = list(model.parameters())
        cost = self.loss.torch(model(x), y)
        gradient = torch.autograd.grad(cost, theta, create_graph=True)
        v = [torch.from_numpy(array) for array in sum(self.direction, ())]
        along = sum((g * v).sum() for g, v in zip(gradient, v))
        # A gradient that does not depend on θ has no graph, and a product of zero.
        zeros = [torch.zeros_like(t) for t in theta]
        hv = torch.autograd.grad(along, theta, allow_unused=True) if along.requires_grad else zeros
        hv = [zero if h is None else h for h, zero in zip(hv, zeros)]
        numpy = lambda arrays: dict(zip(self.named(self.layers), (array.detach().numpy() for array in arrays)))
        return cost.item(), numpy(gradient), numpy(hv)

    def jax_cost(self):
        """C as a function of the layers, in JAX."""
        phi, top, loss = ACTIVATIONS[self.activation][1], OUTPUTS[self.loss.top][1], self.loss.jax

        def cost(layers):
            h = self.x
            for l, (weight, bias) in enumerate(layers):
                h = (phi(h) if l else h) @ weight.T + bias
            return loss(top(h), self.y)

        return cost

    def jax_derivatives(self):
        """The same three by JAX: forward over reverse."""

        @jax.jit
        def all_three(layers, v):
            value_and_grad = jax.value_and_grad(self.jax_cost())
            (cost, gradient), (_, hv) = jax.jvp(value_and_grad, (layers,), (v,))
            return cost, gradient, hv

        cost, gradient, hv = all_three(self.layers, self.direction)
        jax.clear_caches()  # The next network is another program.
        return float(cost), self.named(gradient), self.named(hv)
