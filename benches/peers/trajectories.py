"""The paths of optimizers: 100 full-batch steps from the same start by Chainrule, by PyTorch and, where it has one, by JAX.

Weight decay leaves biases alone in Chainrule, so PyTorch gets them as a parameter group without it.
"""

import json
import subprocess
import tempfile
from pathlib import Path

import jax
import numpy as np
import torch
from jax.example_libraries import optimizers as jax_optimizers
from safetensors.numpy import save_file

from networks import LOSSES, Network

STEPS = 100
# The largest difference of θ over its largest component that may be, at any of the steps.
BARS = {"f64": 1e-9, "f32": 1e-3}

# Under each name: the options of our program, the optimizer in PyTorch, the one in JAX.
OPTIMIZERS = {
    "sgd": (("sgd", 0.1, 0), lambda groups: torch.optim.SGD(groups, lr=0.1), jax_optimizers.sgd(0.1)),
    "sgd, decay": (("sgd", 0.1, 0.01), lambda groups: torch.optim.SGD(groups, lr=0.1, weight_decay=0.01), None),
    "momentum": (
        ("momentum", 0.02, 0),
        lambda groups: torch.optim.SGD(groups, lr=0.02, momentum=0.9),
        jax_optimizers.momentum(0.02, 0.9),
    ),
    "nesterov": (
        ("nesterov", 0.02, 0),
        lambda groups: torch.optim.SGD(groups, lr=0.02, momentum=0.9, nesterov=True),
        jax_optimizers.nesterov(0.02, 0.9),
    ),
    "adagrad": (("adagrad", 0.05, 0), lambda groups: torch.optim.Adagrad(groups, lr=0.05), None),
    "rmsprop": (("rmsprop", 0.005, 0), lambda groups: torch.optim.RMSprop(groups, lr=0.005), None),
    "adam": (("adam", 0.01, 0), lambda groups: torch.optim.Adam(groups, lr=0.01), jax_optimizers.adam(0.01)),
    "adam, decay": (("adam", 0.01, 0.01), lambda groups: torch.optim.Adam(groups, lr=0.01, weight_decay=0.01), None),
    "adamw": (("adamw", 0.01, 0.1), lambda groups: torch.optim.AdamW(groups, lr=0.01, weight_decay=0.1), None),
}


def problems(seed):
    """What is learned: smooth networks, for beyond a kink two paths may part on a rounding error."""
    loss = {loss.name: loss for loss in LOSSES}
    for dtype in ("f64", "f32"):
        yield Network("tanh", loss["cross-entropy"], [6, 9, 7, 4], 33, dtype, [seed, 1])
        yield Network("silu", loss["mean-squared-error"], [5, 11, 2], 21, dtype, [seed, 2])


def flat(layers):
    """Parameters as Chainrule's one vector: each W as (inputs, outputs), then b."""
    return np.concatenate([np.ravel(a) for weight, bias in layers for a in (np.asarray(weight).T, bias)])


def by_chainrule(program, network, optimizer, folder):
    """θ after each step, by the program `trajectory` from a checkpoint with a card of ours."""
    name, rate, decay = optimizer
    units = {"kind": "activation", "name": network.activation}
    places = [place for width in network.widths[1:] for place in ({"kind": "dense", "outputs": width}, units)][:-1]
    card = {
        "architecture": {"inputs": network.widths[0], "layers": places},
        "output": network.loss.options[3],
        "loss": network.loss.name,
    }
    save_file(network.named(network.layers), folder / "start.safetensors", {"chainrule": json.dumps(card)})
    np.save(folder / "x.npy", network.x)
    np.save(folder / "y.npy", network.y)
    files = ["start.safetensors", "--input", "x.npy", "--target", "y.npy", "--out", "path.npy"]
    settings = ["--optimizer", name, "--lr", str(rate), "--weight-decay", str(decay), "--steps", str(STEPS)]
    subprocess.run([program, *files, *settings], cwd=folder, check=True)
    return np.load(folder / "path.npy")


def by_torch(network, make):
    """The same by an optimizer of PyTorch."""
    model, x, y = network.in_torch()
    theta = list(model.parameters())
    optimizer = make([{"params": theta[::2]}, {"params": theta[1::2], "weight_decay": 0}])

    def cost():
        optimizer.zero_grad()
        cost = network.loss.torch(model(x), y)
        cost.backward()
        return cost

    path = []
    for _ in range(STEPS):
        optimizer.step(cost)
        arrays = [t.detach().numpy() for t in theta]
        path.append(flat(zip(arrays[::2], arrays[1::2])))
    return np.stack(path)


def by_jax(network, optimizer):
    """The same by an optimizer of JAX."""
    init, update, theta = optimizer
    gradient, state, path = jax.jit(jax.grad(network.jax_cost())), init(network.layers), []
    for t in range(STEPS):
        state = update(t, gradient(theta(state)), state)
        path.append(flat(theta(state)))
    return np.stack(path)


def largest(ours, theirs):
    """max |a − b| over max |b| of θ, at the worst step."""
    if ours.shape != theirs.shape or not np.isfinite(ours).all() or ours.dtype != theirs.dtype:
        return float("inf")
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    return float((abs(ours - theirs).max(axis=1) / abs(theirs).max(axis=1)).max())
