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



def torch_lbfgs(groups):
    # One iteration a step, as many trials as ours, and no convergence test of its own.
    theta = [t for group in groups for t in group["params"]]
    settings = {"tolerance_grad": 0, "tolerance_change": 0, "line_search_fn": "strong_wolfe"}
    return torch.optim.LBFGS(theta, max_iter=1, max_eval=26, history_size=10, **settings)


def of(kind, rate, decay=0.0, **more):
    """An optimizer of PyTorch with its rate and its weight decay."""
    return lambda groups: kind(groups, lr=rate, weight_decay=decay, **more)


SGD, TORCH = torch.optim.SGD, torch.optim
# Under each name: the options of our program, the optimizer in PyTorch, the one in JAX if it has the same. The rates are
# those that `chainrule train` has where none is given.
OPTIMIZERS = {
    "sgd": (("sgd", 0.1, 0), of(SGD, 0.1), jax_optimizers.sgd(0.1)),
    "sgd, decay": (("sgd", 0.1, 0.01), of(SGD, 0.1, 0.01), None),
    "momentum": (("momentum", 0.01, 0), of(SGD, 0.01, momentum=0.9), jax_optimizers.momentum(0.01, 0.9)),
    "nesterov": (
        ("nesterov", 0.01, 0),
        of(SGD, 0.01, momentum=0.9, nesterov=True),
        jax_optimizers.nesterov(0.01, 0.9),
    ),
    "adagrad": (("adagrad", 0.01, 0), of(TORCH.Adagrad, 0.01), None),
    "rmsprop": (("rmsprop", 0.001, 0), of(TORCH.RMSprop, 0.001), None),
    "adam": (("adam", 0.001, 0), of(TORCH.Adam, 0.001), jax_optimizers.adam(0.001)),
    "adam, decay": (("adam", 0.001, 0.01), of(TORCH.Adam, 0.001, 0.01), None),
    "adamw": (("adamw", 0.001, 0.1), of(TORCH.AdamW, 0.001, 0.1), None),
    "lbfgs": (("lbfgs", 1, 0), torch_lbfgs, None),
}


def problems(dtype, seed):
    """What is learned: a convex risk, and two smooth networks; beyond a kink two paths may part on a rounding error."""
    loss = {loss.name: loss for loss in LOSSES}
    return {
        "convex": Network("identity", loss["mean-squared-error"], [6, 3], 40, dtype, [seed, 0]),
        "tanh": Network("tanh", loss["cross-entropy"], [6, 9, 7, 4], 33, dtype, [seed, 1]),
        "silu": Network("silu", loss["mean-squared-error"], [5, 11, 2], 21, dtype, [seed, 2]),
    }


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
    """The same by an optimizer of PyTorch, and over how many steps the two must agree.

    A first-order step asks for the gradient once. L-BFGS asks where it stands and at the end of the full step; where that
    does not do, its line search and ours interpolate differently, both are right, and the paths part. So they do at the
    bottom, where a step changes C by a few roundings, and a line search has nothing to go by.
    """
    model, x, y = network.in_torch()
    theta = list(model.parameters())
    optimizer = make([{"params": theta[::2]}, {"params": theta[1::2], "weight_decay": 0}])

    def cost():
        asked[-1] += 1
        optimizer.zero_grad()
        cost = network.loss.torch(model(x), y)
        cost.backward()
        return cost

    path, asked, costs = [], [], []
    for _ in range(STEPS):
        asked.append(0)
        costs.append(optimizer.step(cost).item())
        arrays = [t.detach().numpy() for t in theta]
        path.append(flat(zip(arrays[::2], arrays[1::2])))
    few = 100 * np.finfo(network.number).eps
    searches = isinstance(optimizer, torch.optim.LBFGS)
    parts = (t for t in range(STEPS - 1) if asked[t] > 2 or costs[t] - costs[t + 1] < few * costs[t])
    return np.stack(path), next(parts, STEPS) if searches else STEPS


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


def compare(program, seed):
    """Rows of the table: the largest differences of each optimizer on each problem."""
    rows = []
    for name, (ours, make, jax_optimizer) in OPTIMIZERS.items():
        for problem in problems("f64", seed):
            row = {"optimizer": name, "problem": problem, "beyond": []}
            for dtype, bar in BARS.items():
                network = problems(dtype, seed)[problem]
                with tempfile.TemporaryDirectory() as folder:
                    path = by_chainrule(program, network, ours, Path(folder))
                theirs, steps = by_torch(network, make)
                found = {"PyTorch": largest(path[:steps], theirs[:steps]), "steps": steps}
                if jax_optimizer:
                    found["JAX"] = largest(path, by_jax(network, jax_optimizer))
                row[dtype] = found
                for peer in found.keys() - {"steps"}:
                    if not found[peer] <= bar:
                        row["beyond"].append(f"{dtype}: {found[peer]:.1e} from {peer} within {steps} steps")
            rows.append(row)
    return rows


def show(rows):
    print("                       |        f64               |        f32")
    print("optimizer    problem   | steps  PyTorch      JAX  | steps  PyTorch      JAX")
    for row in rows:
        def cells(dtype):
            found = row[dtype]
            other = f"{found['JAX']:8.1e}" if "JAX" in found else "       –"
            return f"{found['steps']:5}  {found['PyTorch']:7.1e} {other}"

        end = "BEYOND" if row["beyond"] else "ok"
        print(f"{row['optimizer']:<12} {row['problem']:<8}  | {cells('f64')}  | {cells('f32')}  {end}")
        for line in row["beyond"]:
            print(f"    {line}")
    print(f"bars: {', '.join(f'{bar:.0e} in {dtype}' for dtype, bar in BARS.items())}\n")
