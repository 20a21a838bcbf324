"""The graphs that `chainrule export` writes, in PyTorch and in JAX, where they can be differentiated.

The table below has operators of ONNX, which layers are written in; it knows no layer.
"""

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

TORCH, JAX = 0, 1


def both(function):
    return function, function


# An operator: in PyTorch, in JAX. It takes its inputs, and its attributes by name.
OPERATORS = {
    "Abs": (torch.abs, jnp.abs),
    "Add": (torch.add, jnp.add),
    # Erf is taken in f32 for the sake of onnxruntime; here numbers stay as they are.
    "Cast": both(lambda x, to: x),
    "Clip": (torch.clamp, jnp.clip),
    "Concat": (lambda *x, axis: torch.cat(x, axis), lambda *x, axis: jnp.concatenate(x, axis)),
    "Div": (torch.div, jnp.divide),
    "Erf": (torch.erf, jax.scipy.special.erf),
    "Exp": (torch.exp, jnp.exp),
    "Gemm": both(lambda a, b, c, transB=0: a @ (b.T if transB else b) + c),
    "Identity": both(lambda x: x),
    "Log": (torch.log, jnp.log),
    "MatMul": (torch.matmul, jnp.matmul),
    "Max": (torch.maximum, jnp.maximum),
    "Min": (torch.minimum, jnp.minimum),
    "Mul": (torch.mul, jnp.multiply),
    "Neg": (torch.neg, jnp.negative),
    "Relu": (torch.relu, jax.nn.relu),
    "Reshape": both(lambda x, shape: x.reshape(tuple(shape.tolist()))),
    "Sigmoid": (torch.sigmoid, jax.nn.sigmoid),
    "Softmax": (lambda x, axis: torch.softmax(x, axis), lambda x, axis: jax.nn.softmax(x, axis)),
    "Sqrt": (torch.sqrt, jnp.sqrt),
    "Sub": (torch.sub, jnp.subtract),
    "Tanh": (torch.tanh, jnp.tanh),
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
        values = {**tensors, **theta, "x": x}
        for node in self.nodes:
            attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
            operator = OPERATORS[node.op_type][library]
            values[node.output[0]] = operator(*(values[name] for name in node.input), **attributes)
        return values["y"]
