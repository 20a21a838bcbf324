"""The graphs that `chainrule export` writes, in PyTorch and in JAX, where they can be differentiated.

The table below has operators of ONNX, which layers are written in; it knows no layer.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

TORCH, JAX = 0, 1


def both(function):
    return function, function


def pairs(pads):
    """ONNX's lengths before all axes and after all axes, axis by axis."""
    return list(zip(pads[: len(pads) // 2], pads[len(pads) // 2 :]))


def pad_torch(x, pads, value=0.0):
    # PyTorch begins with the last axis.
    flat = [length for pair in reversed(pairs([int(p) for p in pads])) for length in pair]
    return torch.nn.functional.pad(x, flat, value=float(value))


def pad_jax(x, pads, value=0.0):
    return jnp.pad(x, pairs([int(p) for p in pads]), constant_values=float(value))


def with_bias(y, b):
    return y if b is None else y + b.reshape(1, -1, *(1 for _ in y.shape[2:]))


def conv_torch(x, w, b=None, *, dilations, group, kernel_shape, pads, strides):
    axes = len(kernel_shape)
    convolution = {1: torch.nn.functional.conv1d, 2: torch.nn.functional.conv2d}[axes]
    x = pad_torch(x, [0, 0, *pads[:axes], 0, 0, *pads[axes:]])
    return convolution(x, w, b, strides, 0, dilations, group)


def conv_jax(x, w, b=None, *, dilations, group, kernel_shape, pads, strides):
    options = dict(rhs_dilation=dilations, feature_group_count=group)
    return with_bias(jax.lax.conv_general_dilated(x, w, strides, pairs(pads), **options), b)


def edges(x, w, output_shape, strides, dilations):
    """What comes before and after each axis of the full transposed convolution; negative where it is cut off."""
    sizes = zip(x.shape[2:], w.shape[2:], output_shape, strides, dilations)
    beyond = [s * (n - 1) + d * (k - 1) + 1 - out for n, k, out, s, d in sizes]
    return [(-(total - total // 2), -(total // 2)) for total in beyond]


def conv_transpose_torch(x, w, b=None, *, dilations, group, kernel_shape, output_shape, strides):
    axes = len(kernel_shape)
    convolution = {1: torch.nn.functional.conv_transpose1d, 2: torch.nn.functional.conv_transpose2d}[axes]
    before, after = zip(*edges(x, w, output_shape, strides, dilations))
    y = convolution(x, w, None, strides, 0, 0, group, dilations)
    return with_bias(pad_torch(y, [0, 0, *before, 0, 0, *after]), b)


def conv_transpose_jax(x, w, b=None, *, dilations, group, kernel_shape, output_shape, strides):
    # The gradient of a convolution: that of the turned filters over the input with zeros between its pixels.
    inputs, outputs = w.shape[:2]
    turned = w.reshape(group, inputs // group, outputs, *kernel_shape).swapaxes(1, 2)
    turned = jnp.flip(turned.reshape(group * outputs, inputs // group, *kernel_shape), range(2, w.ndim))
    sides = zip(edges(x, w, output_shape, strides, dilations), kernel_shape, dilations)
    padding = [(before + d * (k - 1), after + d * (k - 1)) for (before, after), k, d in sides]
    options = dict(lhs_dilation=strides, rhs_dilation=dilations, feature_group_count=group)
    ones = (1,) * len(kernel_shape)
    return with_bias(jax.lax.conv_general_dilated(x, turned, ones, padding, **options), b)


def max_torch(x, kernel_shape, strides, dilations, pads):
    x = pad_torch(x, [0, 0, *pads[:2], 0, 0, *pads[2:]], -np.inf)
    return torch.nn.functional.max_pool2d(x, kernel_shape, strides, 0, dilations)


def max_jax(x, kernel_shape, strides, dilations, pads):
    x = pad_jax(x, [0, 0, *pads[:2], 0, 0, *pads[2:]], -np.inf)
    seen = [(n - d * (k - 1) - 1) // s for n, k, s, d in zip(x.shape[2:], kernel_shape, strides, dilations)]

    def tap(i, j):
        places = [slice(t * d, t * d + n * s + 1, s) for t, d, n, s in zip((i, j), dilations, seen, strides)]
        return x[:, :, places[0], places[1]]

    taps = [tap(i, j) for i in range(kernel_shape[0]) for j in range(kernel_shape[1])]
    return functools.reduce(jnp.maximum, taps)


def average_torch(x, kernel_shape, strides, pads=(0, 0, 0, 0), count_include_pad=0):
    return torch.nn.functional.avg_pool2d(x, kernel_shape, strides, list(pads[:2]), False, bool(count_include_pad))


def average_jax(x, kernel_shape, strides, pads=(0, 0, 0, 0), count_include_pad=0):
    window = ((1, 1, *kernel_shape), (1, 1, *strides), ((0, 0), (0, 0), *pairs(pads)))
    total = jax.lax.reduce_window(x, 0.0, jax.lax.add, *window)
    if count_include_pad:
        return total / (kernel_shape[0] * kernel_shape[1])
    return total / jax.lax.reduce_window(jnp.ones_like(x), 0.0, jax.lax.add, *window)


def resize_torch(x, roi, scales, mode, **rest):
    return torch.nn.functional.interpolate(
        x, scale_factor=[float(s) for s in scales[2:]], mode="nearest" if mode == b"nearest" else "bilinear"
    )


def resize_jax(x, roi, scales, mode, **rest):
    scales = [int(s) for s in scales]
    if mode == b"nearest":
        return jnp.repeat(jnp.repeat(x, scales[2], 2), scales[3], 3)
    return jax.image.resize(x, [n * s for n, s in zip(x.shape, scales)], "linear")


# An operator: in PyTorch, in JAX. It takes its inputs, and its attributes by name.
OPERATORS = {
    "Abs": (torch.abs, jnp.abs),
    "Add": (torch.add, jnp.add),
    "AveragePool": (average_torch, average_jax),
    # Erf is taken in f32 for the sake of onnxruntime; here numbers stay as they are.
    "Cast": both(lambda x, to: x),
    "Clip": (torch.clamp, jnp.clip),
    "Concat": (lambda *x, axis: torch.cat(x, axis), lambda *x, axis: jnp.concatenate(x, axis)),
    "Conv": (conv_torch, conv_jax),
    "ConvTranspose": (conv_transpose_torch, conv_transpose_jax),
    "Div": (torch.div, jnp.divide),
    "Erf": (torch.erf, jax.scipy.special.erf),
    "Exp": (torch.exp, jnp.exp),
    "Gemm": both(lambda a, b, c, transB=0: a @ (b.T if transB else b) + c),
    "GlobalAveragePool": both(lambda x: x.mean((2, 3))[:, :, None, None]),
    "Identity": both(lambda x: x),
    "Log": (torch.log, jnp.log),
    "MatMul": (torch.matmul, jnp.matmul),
    "Max": (torch.maximum, jnp.maximum),
    "MaxPool": (max_torch, max_jax),
    "Min": (torch.minimum, jnp.minimum),
    "Mul": (torch.mul, jnp.multiply),
    "Neg": (torch.neg, jnp.negative),
    "Pad": (pad_torch, pad_jax),
    "ReduceMean": (
        lambda x, axes: x.mean(tuple(axes), keepdim=True),
        lambda x, axes: x.mean(tuple(axes), keepdims=True),
    ),
    "Relu": (torch.relu, jax.nn.relu),
    "Reshape": both(lambda x, shape: x.reshape(tuple(shape.tolist()))),
    "Resize": (resize_torch, resize_jax),
    "Sigmoid": (torch.sigmoid, jax.nn.sigmoid),
    "Softmax": (lambda x, axis: torch.softmax(x, axis), lambda x, axis: jax.nn.softmax(x, axis)),
    "Sqrt": (torch.sqrt, jnp.sqrt),
    "Sub": (torch.sub, jnp.subtract),
    "Tanh": (torch.tanh, jnp.tanh),
    "Transpose": (lambda x, perm: x.permute(*perm), lambda x, perm: jnp.transpose(x, perm)),
}


class Graph:
    """The graph in a file, from `x` to `y`."""

    def __init__(self, path):
        graph = onnx.load(path).graph
        self.tensors = {tensor.name: np.array(numpy_helper.to_array(tensor)) for tensor in graph.initializer}
        self.nodes = graph.node
        unknown = sorted({node.op_type for node in graph.node} - OPERATORS.keys())
        assert not unknown, f"benches/peers/graphs.py lacks the operators {', '.join(unknown)} of ONNX"

    def __call__(self, library, theta, x):
        """y in `library`, at parameters and an input of that library."""
        tensors = self.tensors
        if library == TORCH:
            # Lengths stay numbers of Python.
            tensors = {k: torch.from_numpy(t) if t.dtype.kind == "f" else t for k, t in tensors.items()}
        # An input that is left out has no name.
        values = {**tensors, **theta, "x": x, "": None}
        for node in self.nodes:
            attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
            operator = OPERATORS[node.op_type][library]
            values[node.output[0]] = operator(*(values[name] for name in node.input), **attributes)
        return values["y"]
