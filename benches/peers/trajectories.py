"""The paths of optimizers: 100 full-batch steps from the same start by Chainrule, by PyTorch and, where it has one, by JAX.

Weight decay leaves biases alone in Chainrule, so PyTorch gets them as a parameter group without it.
"""

import itertools
import tempfile
from pathlib import Path
from unittest.mock import patch

import jax
import numpy as np
import torch
from jax.example_libraries import optimizers as jax_optimizers
from torch.optim import lbfgs

from networks import LOSSES, Network, check_names, perceptron

STEPS = 100
# The largest difference of θ over its largest component that may be, at any of the steps.
BARS = {"f64": 1e-12, "f32": 1e-5}
# L-BFGS divides by differences of gradients, which have half of the digits at worst: see `by_torch`.
LBFGS_BARS = {dtype: float(np.sqrt(np.finfo(number).eps)) for dtype, number in (("f64", "f8"), ("f32", "f4"))}


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
    "lbfgs, our lengths": (("lbfgs", 1, 0), torch_lbfgs, None),
}


# What is learned: a convex risk, and two smooth networks; beyond a kink two paths may part on a rounding error. The
# activation, the loss, the widths, the rows.
PROBLEMS = {
    "convex": ("identity", "mean-squared-error", [6, 3], 40),
    "tanh": ("tanh", "cross-entropy", [6, 9, 7, 4], 33),
    "silu": ("silu", "mean-squared-error", [5, 11, 2], 21),
}


def problem(programs, name, dtype, seed):
    activation, label, widths, rows = PROBLEMS[name]
    loss = next(loss for loss in LOSSES if loss.label == label)
    seed = [seed, list(PROBLEMS).index(name)]
    return Network(programs, perceptron({"kind": activation}, widths), loss, rows, dtype, seed)


def flat(network, theta):
    """Parameters of dense layers as Chainrule's one vector: each W as (inputs, outputs), then b."""
    return np.concatenate([np.ravel(np.asarray(theta[name]).T) for name in network.theta])


def named(network, vector):
    """The way back."""
    theta = {}
    for name, array in network.theta.items():
        values, vector = np.split(vector, [array.size])
        theta[name] = np.ascontiguousarray(values.reshape(array.T.shape).T)
    return theta


def groups_of(theta):
    """The weights and the biases."""
    return [t for t in theta.values() if t.ndim == 2], [t for t in theta.values() if t.ndim == 1]


def as_far_as(network, step):
    """A line search that goes as far along its direction as `step` does."""
    step = torch.from_numpy(np.concatenate([np.ravel(array) for array in sum(groups_of(named(network, step)), [])]))

    def search(objective, x, t, d, *_, **__):
        t = float(step @ d / (d @ d))
        return *objective(x, t, d), t, 1

    return search


def by_chainrule(programs, network, optimizer):
    """θ after each step, by the program `trajectory`."""
    name, rate, decay = optimizer
    files = ["model.safetensors", "--input", "x.npy", "--target", "y.npy", "--out", "path.npy"]
    settings = ["--optimizer", name, "--lr", rate, "--weight-decay", decay, "--steps", STEPS]
    with tempfile.TemporaryDirectory() as folder:
        network.save(Path(folder))
        programs.run("trajectory", "walk", *files, *settings, cwd=folder)
        return np.load(Path(folder) / "path.npy")


def by_torch(network, make, steps_of=None):
    """The same by an optimizer of PyTorch, and over how many steps the two must agree.

    A first-order step asks for the gradient once. L-BFGS asks where it stands and at the end of the full step; where that
    does not do, its line search and ours interpolate differently, both are right, and the paths part: unless `steps_of`
    is our path, which it then follows, with directions of its own and our step lengths. In any case they part near the
    bottom, at the first step that lowers C by less than √ε of what it was at first: then half of the digits of the
    difference of two gradients, from which the next direction is made, are rounding.
    """
    theta = network.torch_theta()
    weights, biases = groups_of(theta)
    optimizer = make([{"params": weights}, {"params": biases, "weight_decay": 0}])

    def cost():
        asked[-1] += 1
        optimizer.zero_grad()
        cost = network.torch_cost(theta)
        cost.backward()
        return cost

    path, asked, costs = [], [], []
    for t in range(STEPS):
        asked.append(0)
        search = lbfgs._strong_wolfe
        if steps_of is not None:
            search = as_far_as(network, steps_of[t] - (steps_of[t - 1] if t else flat(network, network.theta)))
        with patch.object(lbfgs, "_strong_wolfe", search):
            costs.append(optimizer.step(cost).item())
        path.append(flat(network, {name: t.detach().numpy() for name, t in theta.items()}))
        if steps_of is not None:
            # Back to where we are: on a way of its own, a rounding error grows with every direction built on it.
            with torch.no_grad():
                for name, array in named(network, steps_of[t]).items():
                    theta[name].copy_(torch.from_numpy(array))
    little = np.finfo(network.number).eps ** 0.5 * costs[0]
    searches = isinstance(optimizer, torch.optim.LBFGS)
    parts = (t for t in range(STEPS - 1) if asked[t] > 2 or costs[t] - costs[t + 1] < little)
    return np.stack(path), next(parts, STEPS) if searches else STEPS


def by_jax(network, optimizer):
    """The same by an optimizer of JAX."""
    init, update, theta = optimizer
    gradient, state, path = jax.jit(jax.grad(network.jax_cost)), init(network.theta), []
    for t in range(STEPS):
        state = update(t, gradient(theta(state)), state)
        path.append(flat(network, theta(state)))
    return np.stack(path)


def largest(ours, theirs):
    """max |a − b| over max |b| of θ, at the worst step."""
    if ours.shape != theirs.shape or not np.isfinite(ours).all() or ours.dtype != theirs.dtype:
        return float("inf")
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    return float((abs(ours - theirs).max(axis=1) / abs(theirs).max(axis=1)).max(initial=0.0))


def check(tables):
    """Fails where an optimizer of Chainrule is not compared."""
    check_names("optimizers", tables["optimizers"], (ours[0] for ours, _, _ in OPTIMIZERS.values()))


def compare(programs, seed):
    """Rows of the table: the largest differences of each optimizer on each problem."""
    rows, networks = [], {key: problem(programs, *key, seed) for key in itertools.product(PROBLEMS, BARS)}
    for (name, (ours, make, jax_optimizer)), problem_name in itertools.product(OPTIMIZERS.items(), PROBLEMS):
        row = {"optimizer": name, "problem": problem_name, "beyond": []}
        for dtype, bar in (LBFGS_BARS if "lbfgs" in name else BARS).items():
            network = networks[problem_name, dtype]
            path = by_chainrule(programs, network, ours)
            theirs, steps = by_torch(network, make, path if "our lengths" in name else None)
            found = {"PyTorch": largest(path[:steps], theirs[:steps])}
            if jax_optimizer:
                found["JAX"] = largest(path, by_jax(network, jax_optimizer))
            beyond = [f"{dtype}: {off:.1e} from {peer}" for peer, off in found.items() if not off <= bar]
            ends = [float(network.jax_cost(named(network, theta[-1]))) for theta in (path, theirs)]
            # A convex risk has one bottom, whatever the way down.
            if problem_name == "convex" and not abs(ends[0] - ends[1]) <= BARS[dtype] * ends[1]:
                beyond.append(f"{dtype}: ends at {ends[0]}, and PyTorch at {ends[1]}")
            row["beyond"] += beyond
            row[dtype] = {"steps": steps, "ends": ends, **found}
        rows.append(row)
    return rows


def show(rows):
    print("                              |           f64            |           f32")
    print("optimizer           problem   | steps  PyTorch      JAX  | steps  PyTorch      JAX")
    for row in rows:
        halves = []
        for found in (row["f64"], row["f32"]):
            other = f"{found['JAX']:.1e}" if "JAX" in found else "–"
            halves.append(f"{found['steps']:5}  {found['PyTorch']:7.1e}  {other:>7}")
        end = "BEYOND" if row["beyond"] else "ok"
        print(f"{row['optimizer']:<18}  {row['problem']:<8}  | {halves[0]}  | {halves[1]}  {end}")
        for line in row["beyond"]:
            print(f"    {line}")
    each = [f"{BARS[dtype]:.0e}, L-BFGS {LBFGS_BARS[dtype]:.0e} in {dtype}" for dtype in BARS]
    print(f"bars: {'; '.join(each)}\n")
