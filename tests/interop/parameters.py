"""Parameters as files, both ways: safetensors with PyTorch and with NumPy, .npz with NumPy.

Networks of the program must predict the same elsewhere, and networks of others the same in `chainrule predict`.
Usage: python parameters.py PROGRAM
"""

import json
import sys

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
from torch import nn

import models

MODULES = {
    "identity": nn.Identity,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky-relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "gelu-tanh": lambda: nn.GELU(approximate="tanh"),
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "hardswish": nn.Hardswish,
    "hardtanh": nn.Hardtanh,
    "relu6": nn.ReLU6,
    "mish": nn.Mish,
    "selu": nn.SELU,
    "softsign": nn.Softsign,
    "prelu": nn.PReLU,
}


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def numpy_predictions(arrays, x, flags):
    """The forward pass of a network with ReLU in NumPy and nothing else."""
    h = (x - arrays["transform.shift"]) * arrays["transform.scale"]
    for layer in sorted({int(name.split(".")[0]) for name in arrays if name.endswith(".weight")}):
        z = h @ arrays[f"{layer}.weight"].T + arrays[f"{layer}.bias"]
        h = np.maximum(z, 0)
    if "lengths.csv" in flags:
        return z
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-z)) if "binary-cross-entropy" in flags else softmax(z)


def torch_model(activation, widths, dropout, dtype):
    """An `nn.Sequential` as anybody would write it."""
    layers = [nn.Linear(widths[0], widths[1])]
    for pair in zip(widths[1:], widths[2:]):
        unit = nn.PReLU(pair[0]) if activation == "prelu" else MODULES[activation]()
        layers += [unit, *([nn.Dropout(0.2)] if dropout else []), nn.Linear(*pair)]
    return nn.Sequential(*layers).to(torch.from_numpy(np.zeros(0, dtype)).dtype).eval()


def npz_to_numpy(workshop, *case):
    out, x, expected = workshop.trained(*case)
    workshop.run("export", out / "last.safetensors", "--to", "npz", "--out", out / "model.npz", "--force")
    arrays, stored = np.load(out / "model.npz"), safetensors.numpy.load_file(out / "last.safetensors")
    assert set(arrays) == {*stored, "transform.shift", "transform.scale"}
    assert all(arrays[name].dtype == x.dtype for name in arrays)
    assert all(np.array_equal(arrays[name], stored[name]) for name in stored)
    return models.difference(numpy_predictions(arrays, x, case[2]), expected)


def safetensors_to_pytorch(workshop, *case):
    activation, _, flags, outputs = case
    out, x, expected = workshop.trained(*case)
    workshop.run("export", out / "last.safetensors", "--out", out / "plain.safetensors")
    model = torch_model(activation, [models.INPUTS, *models.WIDTHS, outputs], "--dropout" in flags, x.dtype)
    model.load_state_dict(safetensors.torch.load_file(out / "plain.safetensors"))
    workshop.run("export", out / "last.safetensors", "--out", out / "model.npz", "--force")
    arrays = np.load(out / "model.npz")
    with torch.no_grad():
        z = model(torch.from_numpy((x - arrays["transform.shift"]) * arrays["transform.scale"]))
    if "lengths.csv" not in flags:
        z = torch.sigmoid(z) if "binary-cross-entropy" in flags else torch.softmax(z, 1)
    return models.difference(z.numpy(), expected)


def sixteen_bits_to_pytorch(workshop, dtype, *case):
    """Each parameter is what PyTorch rounds it to, bit for bit."""
    out, x, expected = workshop.trained(*case)
    workshop.run("export", out / "last.safetensors", "--dtype", dtype, "--out", out / f"{dtype}.safetensors")
    exact, rounded = (safetensors.torch.load_file(out / f"{name}.safetensors") for name in ("last", dtype))
    kind = {"f16": torch.float16, "bf16": torch.bfloat16}[dtype]
    assert exact.keys() == rounded.keys()
    assert all(torch.equal(exact[name].to(kind), rounded[name]) for name in exact)
    return 0.0


def shards_of_pytorch(workshop, number):
    """One shard for each layer, with the index that Hugging Face's libraries write."""
    torch.manual_seed(6)
    model = torch_model("tanh", [3, 7, 5, 4], False, models.NUMBERS[number])
    name, places = f"sharded-{number}", {}
    state = model.state_dict()
    for layer in {key.split(".")[0] for key in state}:
        shard = {key: tensor for key, tensor in state.items() if key.startswith(f"{layer}.")}
        safetensors.torch.save_file(shard, workshop.folder / f"{name}-{layer}.safetensors", metadata={"format": "pt"})
        places |= dict.fromkeys(shard, f"{name}-{layer}.safetensors")
    size = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    index = {"metadata": {"total_size": size}, "weight_map": places}
    (workshop.folder / f"{name}.safetensors.index.json").write_text(json.dumps(index))
    x = np.random.default_rng(7).normal(size=(50, 3)).astype(models.NUMBERS[number])
    with torch.no_grad():
        expected = torch.softmax(model(torch.from_numpy(x)), 1).numpy()
    return predicted(workshop, name, x, expected, "3-7-5-4", "tanh", ".safetensors.index.json")


def pytorch_to_safetensors(workshop, activation, number):
    """A network that the program never saw: its own initial weights, and no transform."""
    torch.manual_seed(3)
    model = torch_model(activation, [3, 7, 5, 4], False, models.NUMBERS[number])
    name = f"theirs-{activation}-{number}"
    safetensors.torch.save_file(model.state_dict(), workshop.folder / f"{name}.safetensors")
    x = np.random.default_rng(4).normal(size=(50, 3)).astype(models.NUMBERS[number])
    with torch.no_grad():
        expected = torch.softmax(model(torch.from_numpy(x)), 1).numpy()
    return predicted(workshop, name, x, expected, "3-7-5-4", activation)


def numpy_to_safetensors(workshop, number):
    rng = np.random.default_rng(5)
    arrays = {"0.weight": (7, 3), "0.bias": (7,), "2.weight": (4, 7), "2.bias": (4,)}
    arrays = {name: rng.normal(size=shape).astype(models.NUMBERS[number]) for name, shape in arrays.items()}
    name = f"numpy-{number}"
    safetensors.numpy.save_file(arrays, workshop.folder / f"{name}.safetensors")
    x = rng.normal(size=(50, 3)).astype(models.NUMBERS[number])
    h = np.maximum(x @ arrays["0.weight"].T + arrays["0.bias"], 0)
    expected = softmax(h @ arrays["2.weight"].T + arrays["2.bias"])
    return predicted(workshop, name, x, expected, "3-7-4", "relu")


def predicted(workshop, name, x, expected, layers, activation, ending=".safetensors"):
    np.save(workshop.folder / f"{name}-x.npy", x)
    model = [f"{name}{ending}", "--layers", layers, "--activation", activation]
    workshop.run("predict", *model, f"{name}-x.npy", "--out", f"{name}-y.npy")
    return models.difference(np.load(workshop.folder / f"{name}-y.npy"), expected)


cases = models.every_case(sys.argv[1])
models.main(
    {
        "npz, read by NumPy": (npz_to_numpy, [case for case in cases if case[0] == "relu"]),
        "safetensors, read by PyTorch": (safetensors_to_pytorch, [c for c in cases if "--output" not in c[2]]),
        "safetensors, written by PyTorch": (
            pytorch_to_safetensors,
            [(activation, number) for activation in MODULES for number in models.NUMBERS],
        ),
        "safetensors of 16 bits, read by PyTorch": (
            sixteen_bits_to_pytorch,
            [(dtype, *case) for dtype in ("f16", "bf16") for case in cases if case[0] == "relu" and case[1] == "f32"],
        ),
        "safetensors in shards, written by PyTorch": (shards_of_pytorch, [(number,) for number in models.NUMBERS]),
        "safetensors, written by NumPy": (numpy_to_safetensors, [(number,) for number in models.NUMBERS]),
    }
)
