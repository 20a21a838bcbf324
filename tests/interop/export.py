"""Exported models in the hands of others: ONNX's checker and onnxruntime, NumPy, safetensors and PyTorch.

Each must give, on raw rows, what `chainrule predict` gives. Usage: python export.py PROGRAM
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors.numpy import load_file
from safetensors.torch import load_file as load_tensors

TOLERANCE = 1e-5
ACTIVATIONS = ["identity", "sigmoid", "tanh", "relu", "leaky-relu", "elu", "gelu", "gelu-tanh", "silu", "softplus"]
NUMBERS = {"f32": np.float32, "f64": np.float64}
# Flags of a run, and the width of its output: each output function, in the loss and as a layer.
ENDS = [
    (["--data", "kinds.csv"], 3),
    (["--data", "kinds.csv", "--loss", "binary-cross-entropy"], 3),
    (["--data", "kinds.csv", "--loss", "squared-error", "--output", "softmax", "--dropout", "0.2"], 3),
    (["--data", "lengths.csv"], 1),
]


def main():
    program = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        x = tables(folder)
        cases = [(activation, number, *ENDS[0]) for activation in ACTIVATIONS for number in NUMBERS]
        cases += [("relu", number, *end) for end in ENDS[1:] for number in NUMBERS]
        worst = {name: max(check(program, folder, x, *case) for case in cases) for name, check in CHECKS.items()}
    for name, error in worst.items():
        print(f"{name:12} {len(cases)} models   largest difference {error:.1e}, allowed {TOLERANCE:.0e}")
    # Written so that a NaN fails too.
    return 0 if all(error <= TOLERANCE for error in worst.values()) else 1


def tables(folder):
    """Columns of very different scales, so that a model without its transform predicts something else."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 4)) * [1.0, 1000.0, 0.01, 5.0] + [0.0, 3000.0, 1.0, -7.0]
    kinds = np.array(["ash", "beech", "oak"])[rng.integers(0, 3, 200)]
    lengths = np.tanh(x[:, 0]) + (x[:, 1] - 3000.0) / 1000.0
    for name, target in [("kinds", kinds), ("lengths", lengths)]:
        rows = [",".join([*(repr(float(cell)) for cell in row), str(t)]) for row, t in zip(x, target)]
        (folder / f"{name}.csv").write_text("\n".join(["a,b,c,d,target", *rows]) + "\n")
    return x


def run(program, folder, *arguments):
    subprocess.run([program, *map(str, arguments)], cwd=folder, check=True, capture_output=True)


def trained(program, folder, x, activation, number, flags, outputs):
    """A small model, and what the program predicts with it; made once for all checks."""
    out = folder / "-".join([activation, number, *(flag.strip("-") for flag in flags)])
    if not out.exists():
        common = ["--layers", "8-6", "--activation", activation, "--dtype", number, "--epochs", 3, "--threads", 1]
        run(program, folder, "train", *flags, *common, "--out", out)
        np.save(out / "x.npy", x.astype(NUMBERS[number]))
        run(program, folder, "predict", out / "last.safetensors", out / "x.npy", "--out", out / "y.npy")
    rows, predictions = np.load(out / "x.npy"), np.load(out / "y.npy")
    assert predictions.shape == (len(rows), outputs) and predictions.dtype == NUMBERS[number]
    assert predictions.std() > 1e-3, "a constant prediction would agree with anything"
    return out, rows, predictions


def check_onnx(program, folder, x, *case):
    out, x, expected = trained(program, folder, x, *case)
    run(program, folder, "export", out / "last.safetensors", "--to", "onnx", "--out", out / "model.onnx")
    model = onnx.load(out / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    names = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert names == ({"classes": ["ash", "beech", "oak"]} if case[3] == 3 else {}), names
    session = onnxruntime.InferenceSession(out / "model.onnx", providers=["CPUExecutionProvider"])
    # The batch axis is free: all rows, some, one.
    return max(np.abs(session.run(["y"], {"x": x[:n]})[0] - expected[:n]).max() for n in (len(x), 7, 1))


def check_npz(program, folder, x, *case):
    out, x, expected = trained(program, folder, x, *case)
    run(program, folder, "export", out / "last.safetensors", "--out", out / "model.npz")
    arrays, stored = np.load(out / "model.npz"), load_file(out / "last.safetensors")
    assert set(arrays) == {*stored, "transform.shift", "transform.scale"}
    assert all(arrays[name].dtype == NUMBERS[case[1]] for name in arrays)
    assert all(np.array_equal(arrays[name], stored[name]) for name in stored)
    if case[0] != "relu":
        return 0.0
    h = (x - arrays["transform.shift"]) * arrays["transform.scale"]
    layers = sorted((int(name.split(".")[0]) for name in arrays if name.endswith(".weight")))
    for layer in layers:
        z = h @ arrays[f"{layer}.weight"].T + arrays[f"{layer}.bias"]
        h = np.maximum(z, 0)
    return np.abs(ended(torch.from_numpy(z), case[2]).numpy() - expected).max()


def check_pytorch(program, folder, x, *case):
    out, x, expected = trained(program, folder, x, *case)
    run(program, folder, "export", out / "last.safetensors", "--out", out / "plain.safetensors")
    if case[0] != "relu":
        return 0.0
    drop = [torch.nn.Dropout(0.2)] if "--dropout" in case[2] else []
    linear = [torch.nn.Linear(*widths) for widths in [(x.shape[1], 8), (8, 6), (6, case[3])]]
    model = torch.nn.Sequential(linear[0], torch.nn.ReLU(), *drop, linear[1], torch.nn.ReLU(), *drop, linear[2])
    model.to(torch.from_numpy(x).dtype).load_state_dict(load_tensors(out / "plain.safetensors"))
    arrays = np.load(out / "model.npz")
    z = model.eval()(torch.from_numpy((x - arrays["transform.shift"]) * arrays["transform.scale"]))
    return np.abs(ended(z, case[2]).detach().numpy() - expected).max()


def ended(z, flags):
    """The output function that belongs to the loss."""
    if "lengths.csv" in flags:
        return z
    return torch.sigmoid(z) if "binary-cross-entropy" in flags else torch.softmax(z, 1)


CHECKS = {"onnxruntime": check_onnx, "numpy": check_npz, "pytorch": check_pytorch}

if __name__ == "__main__":
    sys.exit(main())
