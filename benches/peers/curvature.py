"""The dense Hessian of 100-25-10 on random images in PyTorch: the peer of src/bin/curvature.rs.

Prints one JSON object. Usage: curvature.py [EXAMPLES] [THREADS]
"""

import json
import sys
import time

import torch
from torch.func import functional_call, grad, jvp, vmap

examples = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
threads = int(sys.argv[2]) if len(sys.argv) > 2 else 1
torch.set_num_threads(threads)
torch.set_default_dtype(torch.float64)
torch.manual_seed(1)

model = torch.nn.Sequential(torch.nn.Linear(100, 25), torch.nn.Tanh(), torch.nn.Linear(25, 10))
x = torch.rand(examples, 100)
target = torch.randint(0, 10, (examples,))
names = [name for name, _ in model.named_parameters()]
shapes = [p.shape for p in model.parameters()]
sizes = [p.numel() for p in model.parameters()]
theta = torch.cat([p.detach().flatten() for p in model.parameters()])
dim = theta.numel()


def risk(theta):
    parts = theta.split(sizes)
    parameters = {name: part.view(shape) for name, part, shape in zip(names, parts, shapes)}
    return torch.nn.functional.cross_entropy(functional_call(model, parameters, x), target)


def product(v):
    return jvp(grad(risk), (theta,), (v,))[1]


def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


gradient = min(timed(lambda: grad(risk)(theta)) for _ in range(10))
v = torch.randn(dim)
one = min(timed(lambda: product(v)) for _ in range(10))
# All columns at once do not fit into memory: chunks of 16, of which some tell what all take.
chunk = 16
basis = torch.eye(dim)
chunks = min(timed(lambda: vmap(product)(basis[:chunk])) for _ in range(4))
print(json.dumps({
    "torch": torch.__version__, "threads": threads, "examples": examples, "parameters": dim,
    "gradient_s": gradient, "product_in_gradients": one / gradient,
    "columns_s": one * dim, "vmapped_columns_s": chunks * dim / chunk,
}))
