"""Writes the ONNX files of other programs that the tests of `onnx/import` read, each with rows and what it makes of them, and state dicts
of PyTorch.

Needs the packages of tests/interop/requirements.txt. Usage: python make.py
"""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import safetensors.torch
import torch
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

HERE = Path(__file__).parent
torch.manual_seed(1)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.SiLU())

    def forward(self, x):
        return x + self.body(x)


def write(name, x, rows, outputs):
    """`rows` and `outputs` as the program takes and gives them: channels last."""
    session = onnxruntime.InferenceSession(HERE / f"{name}.onnx")
    answers = session.run(None, {session.get_inputs()[0].name: x})
    y = next(y for y in reversed(answers) if y.dtype == np.float32)
    numbers = [[[float(number) for number in row] for row in part.reshape(len(x), -1)] for part in (rows(x), outputs(y))]
    (HERE / f"{name}.json").write_text(json.dumps(numbers) + "\n")


def stripped(name):
    """Without what the exporter tells of the machine and of itself."""
    model = onnx.load(HERE / f"{name}.onnx")
    graph = model.graph
    for part in [model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer]:
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    graph.ClearField("value_info")
    onnx.save(model, HERE / f"{name}.onnx")


def channels_last(x):
    return np.moveaxis(x, 1, -1)


def same(x):
    return x


def exported(name, net, x, dynamo):
    with torch.no_grad():
        for _ in range(3):
            net.train()(torch.randn(8, *x.shape[1:]))
    options = {"external_data": False, "verbose": False} if dynamo else {}
    torch.onnx.export(net.eval(), (x,), HERE / f"{name}.onnx", input_names=["x"], dynamo=dynamo, **options)
    stripped(name)


cnn = nn.Sequential(
    nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), Residual(), nn.Flatten(),
    nn.Linear(24, 3),
)
x = torch.randn(3, 2, 6, 4)
exported("torch-cnn", cnn, x, True)
write("torch-cnn", x.numpy(), channels_last, same)

old = nn.Sequential(nn.Linear(5, 6), nn.GELU(), nn.LayerNorm(6), nn.Linear(6, 6), nn.Mish(), nn.Linear(6, 2))
x = torch.randn(4, 5)
exported("torch-old", old, x, False)
write("torch-old", x.numpy(), same, same)

decoder = nn.Sequential(
    nn.Linear(4, 12), nn.ReLU(), nn.Unflatten(1, (3, 2, 2)), nn.ConvTranspose2d(3, 2, 3, 2, 1, 1)
)
x = torch.randn(3, 4)
exported("torch-decoder", decoder, x, False)
write("torch-decoder", x.numpy(), same, channels_last)

x, y = load_iris(return_X_y=True)
names = np.array(["setosa", "versicolor", "virginica"])[y]
classifier = make_pipeline(StandardScaler(), MLPClassifier((4,), activation="tanh", max_iter=100, random_state=1))
classifier.fit(x.astype(np.float32), names)
options = {id(classifier): {"zipmap": False}}
(HERE / "sklearn.onnx").write_bytes(to_onnx(classifier, x[:1].astype(np.float32), options=options).SerializeToString())
write("sklearn", x[::25].astype(np.float32), same, same)

dense = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
state = dense.state_dict()
# A transposed view, half precisions, double, a count, and what a checkpoint has beside the parameters.
state |= {"view": state["0.weight"].t(), "half": state["0.bias"].half(), "brain": state["0.bias"].bfloat16()}
state |= {"double": state["0.bias"].double(), "count": torch.tensor(7), "parameter": nn.Parameter(state["2.bias"])}
optimizer = torch.optim.Adam(dense.parameters())
dense(torch.ones(1, 3)).sum().backward()
optimizer.step()
numbers = {name: tensor.detach().double().flatten().tolist() for name, tensor in state.items()}
torch.save({"epoch": 3, "loss": 0.5, "model_state_dict": state, "optimizer_state_dict": optimizer.state_dict()}, HERE / "checkpoint.pt")
torch.save(dense, HERE / "module.pt")
torch.save(dense.state_dict(), HERE / "plain.pt")
(HERE / "checkpoint.json").write_text(json.dumps(numbers) + "\n")

# Buffers of every integer type, and a tensor that stands for the negative of its storage.
wholes = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]
torch.save({str(dtype).removeprefix("torch."): torch.tensor([0, 1, 1]).to(dtype) for dtype in wholes}, HERE / "integers.pt")
torch.save({"weight": torch.complex(torch.zeros(2), torch.ones(2)).conj().imag}, HERE / "negative.pt")

# The same in shards, with the index that Hugging Face's libraries write.
shards = {
    f"model-{at:05}-of-00002.safetensors": {f"{layer}.{kind}": dense.state_dict()[f"{layer}.{kind}"] for kind in ("weight", "bias")}
    for at, layer in ((1, 0), (2, 2))
}
for name, tensors in shards.items():
    safetensors.torch.save_file(tensors, HERE / name, metadata={"format": "pt"})
size = sum(tensor.numel() * tensor.element_size() for tensor in dense.state_dict().values())
places = {tensor: name for name, tensors in shards.items() for tensor in tensors}
index = {"metadata": {"total_size": size}, "weight_map": dict(sorted(places.items()))}
(HERE / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")

# Numbers of 32 bits and what PyTorch rounds them to: of every size, on ties and beside them, and subnormal ones.
bits = torch.randint(0, 2**31, (400,), dtype=torch.int32)
numbers = torch.cat([bits.view(torch.float32), torch.randn(200), torch.randn(200) * 1e-6, torch.arange(-50, 50) * 2.0**-25])
ties = torch.cat([(torch.arange(1024, 1074) + 0.5) / 1024, (torch.arange(128, 178) + 0.5) / 128])
numbers = torch.cat([numbers, ties, -torch.nextafter(ties, torch.tensor(0.0)), torch.nextafter(ties, torch.tensor(9.0))])
narrow, wide = (numbers[kept] for kept in (numbers.half().isfinite(), numbers.bfloat16().isfinite()))
rounded = {"narrow": narrow, "f16": narrow.half(), "wide": wide, "bf16": wide.bfloat16()}
safetensors.torch.save_file(rounded, HERE / "rounded.safetensors")
