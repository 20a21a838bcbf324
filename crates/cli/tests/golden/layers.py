"""Writes the folders `networks/*` beside this file: small networks of torch.nn with what PyTorch makes of them.

    python crates/cli/tests/golden/layers.py

in the environment of benches/peers/requirements.txt. Each folder has model (the state_dict of an nn.Sequential in evaluation mode, in
f64), x (channels last, one flat row an example), y and the direction v, what PyTorch makes of them (gradient, hvp) by autograd and by central differences of
the gradient, and case.json with the loss and the options that describe the network to `chainrule grad`. A folder that is there is
left alone: PyTorch's next version may round otherwise.
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

torch.set_default_dtype(torch.float64)


class LayerNormOfFeatures(nn.LayerNorm):
    """Over the features of each position, channels first."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Pooled(nn.AdaptiveAvgPool2d):
    """With one row of features, which a linear layer takes."""

    def forward(self, x):
        return super().forward(x).flatten(1)


# Name, the network in words, the same in torch.nn, and the shape of a picture (height, width, channels) or a sequence.
CASES = [
    (
        "conv",
        "conv 6 3x2 stride 2x1 padding 1, tanh, conv 4 3 dilation 2 padding same groups 2, relu, flatten, dense 5, tanh, dense 3",
        lambda: [
            *[nn.Conv2d(2, 6, (3, 2), (2, 1), 1), nn.Tanh(), nn.Conv2d(6, 4, 3, dilation=2, padding="same", groups=2)],
            *[nn.ReLU(), nn.Flatten(), nn.Linear(4 * 4 * 6, 5), nn.Tanh(), nn.Linear(5, 3)],
        ],
        (7, 5, 2),
    ),
    (
        "depthwise",
        "conv 6 3 padding 1 groups 3 no-bias, tanh, conv 6 3 stride 2 groups 6, softplus, conv 5 1, flatten, dropout 0.5, dense 3",
        lambda: [
            *[nn.Conv2d(3, 6, 3, padding=1, groups=3, bias=False), nn.Tanh(), nn.Conv2d(6, 6, 3, 2, groups=6)],
            *[nn.Softplus(), nn.Conv2d(6, 5, 1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(5 * 3 * 2, 3)],
        ],
        (7, 6, 3),
    ),
    (
        "transpose",
        "conv-transpose 4 3 stride 2 padding 1 output-padding 1, tanh, conv-transpose 2 2 groups 2, flatten, dense 3",
        lambda: [
            *[nn.ConvTranspose2d(3, 4, 3, 2, 1, output_padding=1), nn.Tanh(), nn.ConvTranspose2d(4, 2, 2, groups=2)],
            *[nn.Flatten(), nn.Linear(2 * 7 * 9, 3)],
        ],
        (3, 4, 3),
    ),
    (
        "sequence",
        "conv 5 4 stride 2 padding 1, tanh, conv-transpose 3 3, flatten, dense 3",
        lambda: [
            *[nn.Conv1d(2, 5, 4, 2, 1), nn.Tanh(), nn.ConvTranspose1d(5, 3, 3), nn.Flatten(), nn.Linear(3 * 6, 3)],
        ],
        (9, 2),
    ),
    (
        "lenet",
        "conv 3 5 padding 2, tanh, avg-pool 2, conv 4 3, tanh, max-pool 2, flatten, dense 6, tanh, dense 3",
        lambda: [
            *[nn.Conv2d(1, 3, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(3, 4, 3), nn.Tanh()],
            *[nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 6), nn.Tanh(), nn.Linear(6, 3)],
        ],
        (12, 12, 1),
    ),
    (
        "normed",
        "conv 4 3 padding 1 no-bias, batch-norm, relu, conv 6 3, group-norm 3, tanh, layer-norm, global-avg-pool, dense 3",
        lambda: [
            *[nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 6, 3)],
            *[nn.GroupNorm(3, 6), nn.Tanh(), LayerNormOfFeatures(6), Pooled(1), nn.Linear(6, 3)],
        ],
        (5, 6, 2),
    ),
]
ROWS = 5


for place, (name, words, make, shape) in enumerate(CASES):
    folder = Path(__file__).parent / "networks" / name
    if folder.exists():
        continue
    torch.manual_seed(place)
    model = nn.Sequential(*make()).eval()
    for buffer in model.buffers():
        if buffer.dtype.is_floating_point:
            buffer.uniform_(0.5, 1.5)
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    x, target = torch.randn(ROWS, *shape), torch.randint(3, (ROWS,))
    parameters = list(model.parameters())
    v = [torch.randn_like(p) for p in parameters]
    cost = nn.functional.cross_entropy(model(x.movedim(-1, 1)), target)
    gradient = torch.autograd.grad(cost, parameters, create_graph=True)
    product = torch.autograd.grad(sum((g * v).sum() for g, v in zip(gradient, v)), parameters)
    folder.mkdir(parents=True)
    names = [name for name, _ in model.named_parameters()]
    save_file(model.state_dict(), folder / "model.safetensors")
    for file, tensors in [("gradient", gradient), ("hvp", product), ("v", v)]:
        tensors = {name: tensor.detach().contiguous() for name, tensor in zip(names, tensors)}
        save_file(tensors, folder / f"{file}.safetensors")
    np.save(folder / "x.npy", x.reshape(ROWS, -1).numpy())
    np.save(folder / "y.npy", target.numpy())
    case = {"torch": torch.__version__, "dtype": "f64", "loss": cost.item(), "network": words}
    case["input"] = "x".join(map(str, shape))
    (folder / "case.json").write_text(json.dumps(case, indent=2) + "\n")
