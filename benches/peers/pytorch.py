"""PyTorch: eager, with the fused optimizer, and compiled."""

import common

args = common.command_line("PyTorch")

import torch
from torch import nn

torch.set_num_threads(args.threads)
torch.set_num_interop_threads(1)


class Residual(nn.Module):
    def __init__(self, body, shortcut=None):
        super().__init__()
        self.body, self.shortcut = body, shortcut or nn.Identity()

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


def normed(inputs, outputs, kernel, *, stride=1, groups=1):
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs)]


def residual(inputs, outputs):
    stride = 1 if inputs == outputs else 2
    body = [*normed(inputs, outputs, 3, stride=stride), nn.ReLU(), *normed(outputs, outputs, 3)]
    shortcut = None if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride)
    return [Residual(nn.Sequential(*body), shortcut), nn.ReLU()]


def separable(inputs, outputs, stride=1):
    depthwise = normed(inputs, inputs, 3, stride=stride, groups=inputs)
    return [*depthwise, nn.ReLU(), *normed(inputs, outputs, 1), nn.ReLU()]


def pooled(features):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, 10)]


CONVOLUTIONAL = {
    "C1": lambda: [
        *[nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2)],
        *[nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten()],
        *[nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)],
    ],
    "C2": lambda: [
        *[nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10)],
    ],
    "C3": lambda: [
        *[*normed(3, 16, 3), nn.ReLU()],
        *[*residual(16, 16), *residual(16, 32), *residual(32, 64), *pooled(64)],
    ],
    "C4": lambda: [
        *[*normed(3, 32, 3, stride=2), nn.ReLU()],
        *[*separable(32, 64), *separable(64, 128, 2), *separable(128, 128), *pooled(128)],
    ],
}


def network(workload):
    if workload.picture:
        return nn.Sequential(*CONVOLUTIONAL[workload.network]())
    activation = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU, "tanh": nn.Tanh}[workload.activation]
    layers = []
    for inputs, outputs in workload.layers:
        layers += [nn.Linear(inputs, outputs), activation()]
    if workload.loss == "cross-entropy":
        layers.pop()
    return nn.Sequential(*layers)


def optimizer(workload, parameters, fused):
    # `fused=None` lets PyTorch choose: on a CPU that is a loop over the tensors.
    fused = fused or None
    if workload.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=workload.rate, fused=fused)
    momentum = 0.9 if workload.optimizer == "momentum" else 0.0
    return torch.optim.SGD(parameters, lr=workload.rate, momentum=momentum, fused=fused)


def make(fused, compiled, channels_last=False):
    def runner(workload, data):
        torch.manual_seed(1)
        model, x = network(workload), torch.from_numpy(data.x)
        if channels_last:
            if not workload.picture:
                raise NotImplementedError("it has no pictures")
            model, x = model.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
        xs = x.split(workload.batch)
        if workload.loss == "cross-entropy":
            targets = torch.from_numpy(data.label).split(workload.batch)
            distance = nn.functional.cross_entropy
        else:
            targets = torch.from_numpy(data.one_hot).split(workload.batch)
            distance = lambda y, t: ((y - t) ** 2).sum() / len(y)
        turn = 0

        if workload.forward_only:
            predict = torch.compile(model) if compiled else model

            def run(steps):
                nonlocal turn
                with torch.inference_mode():
                    for _ in range(steps):
                        predict(xs[turn])
                        turn = (turn + 1) % data.batches

            return run, 1

        step_of = optimizer(workload, model.parameters(), fused)
        cost = lambda x, target: distance(model(x), target)
        cost = torch.compile(cost) if compiled else cost

        def run(steps):
            nonlocal turn
            for _ in range(steps):
                step_of.zero_grad(set_to_none=True)
                cost(xs[turn], targets[turn]).backward()
                step_of.step()
                turn = (turn + 1) % data.batches

        return run, 1

    return runner


variants = {
    "eager": make(fused=False, compiled=False),
    "fused": make(fused=True, compiled=False),
    "compile": make(fused=True, compiled=True),
    "channels-last": make(fused=True, compiled=False, channels_last=True),
    "compile-channels-last": make(fused=True, compiled=True, channels_last=True),
}
common.main("PyTorch", variants, {"torch": torch.__version__}, args, CONVOLUTIONAL)
