"""JAX: one jitted call a step, and the whole loop in one scan."""

import math
import os

import common

args = common.command_line("JAX")
# XLA takes the cores it finds; this caps its pool, and the affinity mask that the process was started with caps the rest.
parallel = "true" if args.threads > 1 else "false"
os.environ["XLA_FLAGS"] = (
    f"--xla_cpu_multi_thread_eigen={parallel} intra_op_parallelism_threads={args.threads}"
)
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
from jax import lax

ACTIVATIONS = {"sigmoid": jax.nn.sigmoid, "relu": jax.nn.relu, "tanh": jnp.tanh}
# Steps of one scan: long enough that a call costs nothing beside it.
SCAN = 64


# The shapes of the weights, convolutions as (height, width, inputs, outputs); XLA had no figure for the others within 90 s.
CONVOLUTIONAL = {
    "C1": [(5, 5, 1, 6), (5, 5, 6, 16), (400, 120), (120, 84), (84, 10)],
    "C2": [(3, 3, 1, 32), (3, 3, 32, 64), (9216, 128), (128, 10)],
}


def initial(workload):
    key = jax.random.key(1)
    theta = []
    for shape in CONVOLUTIONAL[workload.network] if workload.picture else workload.layers:
        key, sub = jax.random.split(key)
        weight = jax.random.normal(sub, shape, jnp.float32) / jnp.sqrt(math.prod(shape[:-1]))
        theta.append((weight, jnp.zeros(shape[-1], jnp.float32)))
    return theta


def convolve(x, weight, bias, padding=0):
    pads = [(padding, padding)] * 2
    return lax.conv_general_dilated(x, weight, (1, 1), pads, dimension_numbers=("NHWC", "HWIO", "NHWC")) + bias


def pool(x, start, reduce):
    return lax.reduce_window(x, start, reduce, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def features(workload, theta, x):
    """What the convolutions make of pictures, and the dense layers after them."""
    if workload.network == "C1":
        x = pool(jnp.tanh(convolve(x, *theta[0], padding=2)), 0.0, lax.add) / 4
        x = pool(jnp.tanh(convolve(x, *theta[1])), 0.0, lax.add) / 4
    else:
        x = jax.nn.relu(convolve(jax.nn.relu(convolve(x, *theta[0])), *theta[1]))
        x = pool(x, -jnp.inf, lax.max)
    return x.reshape(len(x), -1), theta[2:]


def forward(workload, theta, x):
    activation = ACTIVATIONS[workload.activation]
    if workload.picture:
        x, theta = features(workload, theta, x)
    for weight, bias in theta[:-1]:
        x = activation(x @ weight + bias)
    weight, bias = theta[-1]
    y = x @ weight + bias
    return y if workload.loss == "cross-entropy" else activation(y)


def cost(workload, theta, x, target):
    y = forward(workload, theta, x)
    if workload.loss == "cross-entropy":
        return -jnp.take_along_axis(jax.nn.log_softmax(y), target[:, None], axis=1).mean()
    return ((y - target) ** 2).sum() / len(y)


def memory(workload, theta):
    zeros = lambda: jax.tree.map(jnp.zeros_like, theta)
    return {"sgd": lambda: (), "momentum": lambda: (zeros(),), "adam": lambda: (zeros(), zeros(), jnp.float32(0))}[
        workload.optimizer
    ]()


def update(workload, theta, state, grad):
    rate = workload.rate
    if workload.optimizer == "sgd":
        return jax.tree.map(lambda w, g: w - rate * g, theta, grad), state
    if workload.optimizer == "momentum":
        (velocity,) = state
        velocity = jax.tree.map(lambda v, g: 0.9 * v + g, velocity, grad)
        return jax.tree.map(lambda w, v: w - rate * v, theta, velocity), (velocity,)
    mean, square, t = state
    t = t + 1
    mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, grad)
    square = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, square, grad)
    scale, root = rate / (1 - 0.9**t), 1 / jnp.sqrt(1 - 0.999**t)
    theta = jax.tree.map(lambda w, m, s: w - scale * m / (jnp.sqrt(s) * root + 1e-8), theta, mean, square)
    return theta, (mean, square, t)


def step(workload, theta, state, x, target):
    grad = jax.grad(lambda theta: cost(workload, theta, x, target))(theta)
    return update(workload, theta, state, grad)


def batches(workload, data):
    """Inputs and targets, `(batches, batch, …)`, on the device."""
    target = data.label if workload.loss == "cross-entropy" else data.one_hot
    cut = lambda a: jnp.asarray(a.reshape(data.batches, workload.batch, *a.shape[1:]))
    x = data.x.transpose(0, 2, 3, 1) if workload.picture else data.x
    return cut(x), cut(target)


def jit(workload, data):
    theta = initial(workload)
    state = memory(workload, theta)
    xs, targets = (list(a) for a in batches(workload, data))
    turn = 0
    if workload.forward_only:
        predict = jax.jit(lambda theta, x: forward(workload, theta, x))

        def run(steps):
            nonlocal turn
            for _ in range(steps):
                y = predict(theta, xs[turn])
                turn = (turn + 1) % data.batches
            y.block_until_ready()

        return run, 1

    one = jax.jit(lambda theta, state, x, t: step(workload, theta, state, x, t), donate_argnums=(0, 1))

    def run(steps):
        nonlocal theta, state, turn
        for _ in range(steps):
            theta, state = one(theta, state, xs[turn], targets[turn])
            turn = (turn + 1) % data.batches
        jax.block_until_ready(theta)

    return run, 1


def scan(workload, data):
    theta = initial(workload)
    state = memory(workload, theta)
    length = min(SCAN if workload.batch > 1 else 16 * SCAN, data.batches)
    xs, targets = batches(workload, data)
    cut = lambda a: [a[i : i + length] for i in range(0, data.batches - length + 1, length)]
    pieces = list(zip(cut(xs), cut(targets)))
    turn = 0

    @jax.jit
    def predict(theta, xs):
        return lax.map(lambda x: forward(workload, theta, x), xs)

    def train(theta, state, xs, targets):
        body = lambda carry, batch: (step(workload, *carry, *batch), None)
        return lax.scan(body, (theta, state), (xs, targets))[0]

    train = jax.jit(train, donate_argnums=(0, 1))

    def run(steps):
        nonlocal theta, state, turn
        for _ in range(steps // length):
            if workload.forward_only:
                y = predict(theta, pieces[turn][0])
            else:
                theta, state = train(theta, state, *pieces[turn])
            turn = (turn + 1) % len(pieces)
        jax.block_until_ready(y if workload.forward_only else theta)

    return run, length


common.main("JAX", {"jit": jit, "scan": scan}, {"jax": jax.__version__}, args, CONVOLUTIONAL)
