"""Writes the folders beside this file: tiny networks with loss, gradient and Hessian product as PyTorch computes them.

    PYTHONPATH=benches/peers python crates/cli/tests/golden/make.py

in the environment of benches/peers/requirements.txt. Each folder has model, x, y and the direction v, what PyTorch makes
of them (gradient, hvp), and case.json with the loss and the options that describe the network to `chainrule grad`.
"""

import json
from pathlib import Path

import numpy as np
import torch
from networks import LOSSES, Network
from safetensors.numpy import save_file

# Activation, loss, widths, rows: every activation and every loss once.
CASES = [
    ("sigmoid", "squared-error of sigmoid", [3, 5, 4, 4, 3, 2], 1),
    ("relu", "cross-entropy", [4, 7, 3], 5),
    ("leaky-relu", "huber", [3, 5, 4, 2], 7),
    ("elu", "cross-entropy, smoothed", [3, 6, 4], 9),
    ("gelu", "cross-entropy, soft", [4, 5, 5, 3], 3),
    ("gelu-tanh", "mean-squared-error", [2, 6, 5, 1], 11),
    ("silu", "binary-cross-entropy", [3, 4, 4, 4, 3], 1),
    ("softplus", "mean-absolute", [3, 5, 2], 7),
    ("tanh", "squared-error of softmax", [3, 4, 3, 4, 3], 5),
    ("identity", "squared-error", [3, 2], 13),
]
# What users save class indices in.
INDICES = (np.int64, np.int32, np.uint8)

for place, (activation, loss, widths, rows) in enumerate(CASES):
    for dtype in ("f64", "f32"):
        network = Network(activation, {one.name: one for one in LOSSES}[loss], widths, rows, dtype, place)
        cost, gradient, hv = network.torch_derivatives()
        folder = Path(__file__).parent / f"{activation}-{dtype}"
        folder.mkdir(exist_ok=True)
        y = network.y.astype(INDICES[place % 3]) if network.y.ndim == 1 else network.y
        np.save(folder / "x.npy", network.x)
        np.save(folder / "y.npy", y)
        save_file(network.named(network.layers), folder / "model.safetensors")
        save_file(network.named(network.direction), folder / "v.safetensors")
        save_file(gradient, folder / "gradient.safetensors")
        save_file(hv, folder / "hvp.safetensors")
        case = {"torch": torch.__version__, "dtype": dtype, "loss": cost, "options": network.options}
        (folder / "case.json").write_text(json.dumps(case, indent=2) + "\n")
