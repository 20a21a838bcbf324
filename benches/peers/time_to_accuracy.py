"""The recipe of `benches/src/bin/time-to-accuracy.rs` in PyTorch and in JAX, from the start of the process.

Imports count, as they do for a user. Threads are pinned; the clock is the kernel's record of when the process started.
"""

import argparse
import gzip
import json
import os
import time

parser = argparse.ArgumentParser(description="Measure the time from the start of the process to an accuracy on MNIST.")
parser.add_argument("library", choices=["pytorch", "jax"])
parser.add_argument("--target", type=float, default=0.98)
parser.add_argument("--epochs", type=int, default=4)
parser.add_argument("--rate", type=float, default=4e-3)
parser.add_argument("--batch", type=int, default=128)
parser.add_argument("--network", default="dense 256, relu")
parser.add_argument("--augment", default="")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--deskew", action="store_true")
parser.add_argument("--data-dir", required=True)
args = parser.parse_args()
os.environ.pop("OPENBLAS_CORETYPE", None)
for name in ["OMP", "OPENBLAS", "MKL"]:
    os.environ[f"{name}_NUM_THREADS"] = str(args.threads)

import numpy as np


def seconds_since_start():
    """To a hundredth: the unit of the kernel's record."""
    with open("/proc/self/stat") as stat:
        started = int(stat.read().rsplit(")", 1)[1].split()[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def read(part, kind, offset):
    folder = args.data_dir
    inside = os.path.join(folder, "mnist")
    path = os.path.join(inside if os.path.isdir(inside) else folder, f"{part}-{kind}-ubyte.gz")
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), np.uint8, offset=offset)


def deskewed(images):
    """Each image sheared until its principal axis is vertical: see benches/src/deskew.rs."""
    images = images.reshape(-1, 28, 28)
    place = np.arange(28, dtype=np.float32)
    row, column = images.sum(2), images.sum(1)
    mass = np.maximum(row.sum(1), 1)
    y = place - (row @ place / mass)[:, None]
    xy = ((images @ place - row * (column @ place / mass)[:, None]) * y).sum(1)
    shift = (xy / np.maximum((row * y * y).sum(1), 1))[:, None] * y
    whole = np.floor(shift)
    part = (shift - whole)[:, :, None]
    x = np.arange(28) + whole.astype(np.int32)[:, :, None]

    def ink(x):
        return np.where((x >= 0) & (x < 28), np.take_along_axis(images, np.clip(x, 0, 27), 2), 0)

    return np.round((1 - part) * ink(x) + part * ink(x + 1)).reshape(-1, 784)


def images(part):
    pixels = read(part, "images-idx3", 16).reshape(-1, 784).astype(np.float32)
    return deskewed(pixels) if args.deskew else pixels


x, label = images("train"), read("train", "labels-idx1", 8).astype(np.int64)
x_test, label_test = images("t10k"), read("t10k", "labels-idx1", 8).astype(np.int64)
mean, deviation = x.mean(dtype=np.float64), x.std(dtype=np.float64)
for part in [x, x_test]:
    part -= np.float32(mean)
    part /= np.float32(deviation)
count = -(-len(x) // args.batch)
steps = args.epochs * count
rng = np.random.default_rng(args.seed)


def layers():
    """Each layer of the network as (name, numbers, shape of its input, shape of its output); images are (rows, columns, channels)."""
    words = f"{args.network}, dense 10"
    shape = (784,) if words.startswith("dense") else (28, 28, 1)
    for layer in words.split(", "):
        name, *numbers = layer.replace("stride ", "").split()
        numbers, inside = [float(n) if "." in n else int(n) for n in numbers], shape
        if name == "conv":
            features, kernel, stride = (*numbers, 1)[:3]
            numbers = [features, kernel, stride]
            shape = (*((n - kernel) // stride + 1 for n in shape[:2]), features)
        elif name == "max-pool":
            shape = (shape[0] // numbers[0], shape[1] // numbers[0], shape[2])
        elif name == "flatten":
            shape = (int(np.prod(shape)),)
        elif name == "dense":
            shape = (numbers[0],)
        yield name, numbers, inside, shape


LAYERS = list(layers())
BLACK = x.min()


def varied(rows):
    """The images of these rows, each moved by whole pixels where `--augment "shift N"` says so."""
    if not args.augment:
        return x[rows]
    name, most = args.augment.split()
    assert name == "shift", args.augment
    most = int(most)
    side = range(2 * most + 1)
    moves = rng.integers(0, len(side), (2, len(rows)))
    ground = np.full((len(rows), 28 + 2 * most, 28 + 2 * most), BLACK)
    ground[:, most : most + 28, most : most + 28] = x[rows].reshape(-1, 28, 28)
    moved = np.empty((len(rows), 28, 28), np.float32)
    for down in side:
        for right in side:
            here = (moves[0] == down) & (moves[1] == right)
            moved[here] = ground[here, down : down + 28, right : right + 28]
    return moved.reshape(-1, 784)


def one_cycle(t):
    """Cosine up to the rate over the first 30 % of the steps, and down to almost nothing: PyTorch's OneCycleLR."""
    low, end, up = args.rate / 25, args.rate / 25e4, 0.3 * steps - 1
    between = lambda a, b, share: b + (a - b) / 2 * (1 + np.cos(np.pi * share))
    return between(low, args.rate, t / up) if t <= up else between(args.rate, end, (t - up) / (steps - 1 - up))


def pytorch():
    import torch
    from torch import nn

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    modules = []
    for at, (name, numbers, inside, outside) in enumerate(LAYERS):
        if name in ["conv", "dense"]:
            kernel = numbers[1:]
            module = nn.Conv2d(inside[2], numbers[0], *kernel) if kernel else nn.Linear(inside[0], numbers[0])
            if at + 1 < len(LAYERS):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
            else:
                nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
        else:
            kinds = {"relu": nn.ReLU, "max-pool": nn.MaxPool2d, "flatten": nn.Flatten, "dropout": nn.Dropout}
            module = kinds[name](*numbers)
        modules.append(module)
    model = nn.Sequential(*modules).to(memory_format=torch.channels_last)
    picture = len(LAYERS[0][2]) == 3
    shaped = lambda x: x.view(-1, 1, 28, 28) if picture else x
    adam = torch.optim.Adam(model.parameters(), lr=args.rate, fused=True)
    labels, x_judge = torch.from_numpy(label), torch.from_numpy(x_test)
    t = 0

    def epoch(order):
        nonlocal t
        model.train()
        for rows in np.split(order, range(args.batch, len(order), args.batch)):
            adam.param_groups[0]["lr"] = float(one_cycle(t))
            adam.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(model(shaped(torch.from_numpy(varied(rows)))), labels[rows]).backward()
            adam.step()
            t += 1

    def predict():
        model.eval()
        with torch.inference_mode():
            # In pieces, as the memory of the first layer's output is many times that of the images.
            return torch.cat([model(shaped(part)).argmax(1) for part in x_judge.split(1000)]).numpy()

    return epoch, predict


def jax():
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    import jax.numpy as jnp
    from jax import lax

    theta = []
    for at, (name, numbers, inside, outside) in enumerate(LAYERS):
        if name not in ["conv", "dense"]:
            continue
        shape = (numbers[1], numbers[1], inside[2], numbers[0]) if name == "conv" else (inside[0], numbers[0])
        inputs, outputs = int(np.prod(shape[:-1])), shape[-1]
        limit = np.sqrt(6 / inputs if at + 1 < len(LAYERS) else 6 / (inputs + outputs))
        theta.append((rng.uniform(-limit, limit, shape).astype(np.float32), np.zeros(outputs, np.float32)))

    def forward(theta, x, key=None):
        x, theta = x.reshape(-1, *LAYERS[0][2]), iter(theta)
        for name, numbers, inside, outside in LAYERS:
            if name == "conv":
                (weight, bias), stride = next(theta), (numbers[2], numbers[2])
                x = lax.conv_general_dilated(x, weight, stride, "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")) + bias
            elif name == "max-pool":
                window = (1, numbers[0], numbers[0], 1)
                x = lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
            elif name == "dense":
                weight, bias = next(theta)
                x = x @ weight + bias
            elif name == "relu":
                x = jax.nn.relu(x)
            elif name == "dropout" and key is not None:
                key, own = jax.random.split(key)
                x = jnp.where(jax.random.bernoulli(own, 1 - numbers[0], x.shape), x / (1 - numbers[0]), 0)
            elif name == "flatten":
                x = x.reshape(-1, *outside)
        return x

    def step(state, batch):
        theta, m, v, t = state
        x, hot, rate = batch
        key = jax.random.fold_in(jax.random.key(args.seed), t)
        cost = lambda theta: -(hot * jax.nn.log_softmax(forward(theta, x, key))).sum() / len(x)
        grad, t = jax.grad(cost)(theta), t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grad)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grad)
        a, b = 1 / (1 - 0.9**t), 1 / (1 - 0.999**t)
        theta = jax.tree.map(lambda w, m, v: w - rate * a * m / (jnp.sqrt(b * v) + 1e-8), theta, m, v)
        return (theta, m, v, t), None

    scan = jax.jit(lambda state, batches: lax.scan(step, state, batches)[0], donate_argnums=0)
    one = jax.jit(lambda state, batch: step(state, batch)[0], donate_argnums=0)
    choose = jax.jit(lambda theta, x: lax.map(lambda x: forward(theta, x).argmax(1), x.reshape(10, -1, 784)).reshape(-1))
    hot = np.eye(10, dtype=np.float32)[label]
    zeros = lambda: jax.tree.map(jnp.zeros_like, theta)
    state, t = (jax.tree.map(jnp.asarray, theta), zeros(), zeros(), jnp.int32(0)), 0

    def epoch(order):
        nonlocal state, t
        rates = np.array([one_cycle(t + i) for i in range(count)], np.float32)
        t += count
        # A scan wants batches of one length; the ragged last one is a step of its own.
        whole = len(x) // args.batch
        rows = order[: whole * args.batch]
        cut = lambda a: a.reshape(whole, args.batch, -1)
        state = scan(state, (cut(varied(rows)), cut(hot[rows]), rates[:whole]))
        if whole < count:
            rest = order[whole * args.batch :]
            state = one(state, (varied(rest), hot[rest], rates[-1]))

    return epoch, lambda: np.asarray(choose(state[0], x_test))


epoch, predict = {"pytorch": pytorch, "jax": jax}[args.library]()
report = {"target": args.target, "seed": args.seed, "seconds": None, "epochs": []}
for number in range(1, args.epochs + 1):
    epoch(rng.permutation(len(x)))
    accuracy, seconds = float((predict() == label_test).mean()), seconds_since_start()
    report["epochs"].append({"epoch": number, "accuracy": accuracy, "seconds": seconds})
    if accuracy >= args.target:
        report["seconds"] = seconds
        break
print(json.dumps(report))
