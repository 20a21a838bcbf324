"""PyTorch: eager, with the fused optimizer, and compiled."""

import common

args = common.command_line("PyTorch")

import torch
from torch import nn

torch.set_num_threads(args.threads)
torch.set_num_interop_threads(1)


def network(workload):
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


def make(fused, compiled):
    def runner(workload, data):
        torch.manual_seed(1)
        model = network(workload)
        xs = torch.from_numpy(data.x).split(workload.batch)
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
}
common.main("PyTorch", variants, {"torch": torch.__version__}, args)
