"""Writes the folders beside this file: tiny networks with loss, gradient and Hessian product as PyTorch computes them.

    PYTHONPATH=benches/peers python crates/cli/tests/golden/make.py FOLDER

in the environment of benches/peers/requirements.txt, with `chainrule` and `trajectory` in FOLDER. Each folder has model,
x, y and the direction v, what PyTorch makes of them (gradient, hvp), and case.json with the loss and the options that
describe the network to `chainrule grad`. A folder that is there is left alone: PyTorch's next version may round otherwise.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from networks import LOSSES, Network, Programs, perceptron
from safetensors.numpy import save_file

# Activation, loss, its options, widths, rows: every activation and every loss once.
CASES = [
    ("sigmoid", "squared-error of sigmoid", "squared-error --output sigmoid", [3, 5, 4, 4, 3, 2], 1),
    ("relu", "cross-entropy", "cross-entropy --output softmax", [4, 7, 3], 5),
    ("leaky-relu", "huber", "huber --output identity", [3, 5, 4, 2], 7),
    ("elu", "cross-entropy, smoothed", "cross-entropy --output softmax --label-smoothing 0.1", [3, 6, 4], 9),
    ("gelu", "cross-entropy, soft", "cross-entropy --output softmax", [4, 5, 5, 3], 3),
    ("gelu-tanh", "mean-squared-error", "mean-squared-error --output identity", [2, 6, 5, 1], 11),
    ("silu", "binary-cross-entropy", "binary-cross-entropy --output sigmoid", [3, 4, 4, 4, 3], 1),
    ("softplus", "mean-absolute", "mean-absolute --output identity", [3, 5, 2], 7),
    ("tanh", "squared-error of softmax", "squared-error --output softmax", [3, 4, 3, 4, 3], 5),
    ("identity", "squared-error", "squared-error --output identity", [3, 2], 13),
    ("prelu", "cross-entropy", "cross-entropy --output softmax", [3, 5, 4, 3], 7),
    ("hardswish", "squared-error", "squared-error --output identity", [3, 6, 4, 2], 9),
    ("hardtanh", "cross-entropy", "cross-entropy --output softmax", [4, 6, 5, 3], 7),
    ("relu6", "huber", "huber --output identity", [3, 7, 4, 2], 11),
    ("mish", "mean-squared-error", "mean-squared-error --output identity", [2, 5, 4, 1], 5),
    ("selu", "cross-entropy", "cross-entropy --output softmax", [3, 5, 5, 4], 9),
    ("softsign", "binary-cross-entropy", "binary-cross-entropy --output sigmoid", [3, 6, 4, 2], 3),
]
# What users save class indices in.
INDICES = (np.int64, np.int32, np.uint8)

programs, losses = Programs(Path(sys.argv[1])), {loss.label: loss for loss in LOSSES}
for place, (activation, loss, options, widths, rows) in enumerate(CASES):
    for dtype in ("f64", "f32"):
        folder = Path(__file__).parent / f"{activation}-{dtype}"
        if folder.exists():
            continue
        folder.mkdir()
        architecture = perceptron({"kind": activation}, widths)
        network = Network(programs, architecture, losses[loss], rows, dtype, place)
        cost, gradient, hv = network.torch_derivatives()
        network.save(folder, INDICES[place % 3])
        # The options describe the network.
        save_file(network.theta, folder / "model.safetensors")
        save_file(gradient, folder / "gradient.safetensors")
        save_file(hv, folder / "hvp.safetensors")
        asked = ["--layers", "-".join(map(str, widths)), "--activation", activation, "--loss", *options.split()]
        case = {"torch": torch.__version__, "dtype": dtype, "loss": cost, "options": asked}
        (folder / "case.json").write_text(json.dumps(case, indent=2) + "\n")
