"""What the Python peers share: the workloads, their data, the clock and the command line.

A peer defines `variants`: from its name to a function `(workload, data) -> (run, unit)`, where `run(steps)` takes that
many training steps and returns when all are done, and steps come in multiples of `unit`. The workloads and the rates
are those of `benches/src/workload.rs`.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    name: str
    # Of a convolutional network those of an example and of the output; what is between them is known to the peer by the name.
    widths: tuple
    activation: str
    loss: str
    optimizer: str
    batch: int
    forward_only: bool = False
    # (channels, height, width) of a picture.
    picture: tuple = ()

    @property
    def network(self):
        """The name of the network: C2f256 has that of C2."""
        return self.name.partition("f")[0]

    @property
    def layers(self):
        """The pairs of inputs and outputs."""
        return list(zip(self.widths, self.widths[1:]))

    @property
    def rate(self):
        return {"sgd": 1e-2, "momentum": 1e-3, "adam": 1e-4}[self.optimizer]


SMALL, W3 = (64, 32, 10), (784, 512, 512, 10)
MNIST, CIFAR = (784, 10), (3072, 10)
WORKLOADS = {
    w.name: w
    for w in [
        Workload("W1", (784, 100, 10), "sigmoid", "squared-error", "sgd", 32),
        Workload("W2", (784, 256, 128, 10), "relu", "cross-entropy", "momentum", 64),
        Workload("W3", W3, "relu", "cross-entropy", "adam", 128),
        Workload("W4", (784, 2048, 2048, 10), "relu", "cross-entropy", "momentum", 512),
        Workload("W5b1", SMALL, "tanh", "cross-entropy", "sgd", 1),
        Workload("W5b16", SMALL, "tanh", "cross-entropy", "sgd", 16),
        Workload("W6b1", W3, "relu", "cross-entropy", "adam", 1, forward_only=True),
        Workload("W6b256", W3, "relu", "cross-entropy", "adam", 256, forward_only=True),
        Workload("C1", MNIST, "tanh", "cross-entropy", "momentum", 64, picture=(1, 28, 28)),
        Workload("C2", MNIST, "relu", "cross-entropy", "adam", 64, picture=(1, 28, 28)),
        Workload("C3", CIFAR, "relu", "cross-entropy", "momentum", 64, picture=(3, 32, 32)),
        Workload("C4", CIFAR, "relu", "cross-entropy", "momentum", 64, picture=(3, 32, 32)),
        Workload("C1f1", MNIST, "tanh", "cross-entropy", "momentum", 1, forward_only=True, picture=(1, 28, 28)),
        Workload("C2f1", MNIST, "relu", "cross-entropy", "adam", 1, forward_only=True, picture=(1, 28, 28)),
        Workload("C2f256", MNIST, "relu", "cross-entropy", "adam", 256, forward_only=True, picture=(1, 28, 28)),
    ]
}
ROWS = 8192


class Data:
    """Inputs drawn uniformly from [0, 1); of the first inputs, one for each output, the largest is the class."""

    def __init__(self, workload):
        import numpy as np

        inputs, outputs = workload.widths[0], workload.widths[-1]
        # As many bytes as 8,192 rows of 784 numbers have.
        rows = min(ROWS, ROWS * 784 // inputs) // workload.batch * workload.batch
        self.x = np.random.default_rng(0).random((rows, inputs), dtype=np.float32)
        self.label = self.x[:, :outputs].argmax(axis=1)
        self.one_hot = np.eye(outputs, dtype=np.float32)[self.label]
        if workload.picture:
            self.x = self.x.reshape(rows, *workload.picture)
        self.batches = rows // workload.batch


def command_line(peer):
    """The options; threads are pinned before any library that has some is imported."""
    parser = argparse.ArgumentParser(description=f"Measure the training samples per second of {peer}.")
    parser.add_argument("--workload", action="append", choices=WORKLOADS, default=[], help="may be repeated")
    parser.add_argument("--variant", action="append", default=[], help="may be repeated; default: all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="in all rounds together")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="take just so many steps, and measure no time")
    parser.add_argument(
        "--serve",
        action="store_true",
        help="answer each line `WORKLOAD VARIANT SECONDS` on stdin with one round, as one JSON line",
    )
    args = parser.parse_args()
    # Two libraries' threads on one core are slower than one's; a core type chosen for another library is not theirs.
    os.environ.pop("OPENBLAS_CORETYPE", None)
    for name in ["OMP", "OPENBLAS", "MKL", "NUMEXPR"]:
        os.environ[f"{name}_NUM_THREADS"] = str(args.threads)
    return args


def peak_megabytes():
    with open("/proc/self/status") as status:
        kibibytes = next(line.split()[1] for line in status if line.startswith("VmHWM:"))
    return int(kibibytes) * 1024 / 1e6


class Contest:
    """One variant on one workload, warmed up; it knows how many steps fill a second."""

    def __init__(self, make, workload):
        self.workload = workload
        self.run, self.unit = make(workload, Data(workload))
        self.run(self.unit)
        self.pace = None

    def calibrate(self):
        steps, took = self.unit, 0.0
        while took < 0.1:
            start = time.perf_counter()
            self.run(steps)
            took = time.perf_counter() - start
            self.pace, steps = steps / took, 2 * steps

    def round(self, seconds):
        """Samples per second over about so many seconds."""
        if self.pace is None:
            self.calibrate()
        steps = max(1, round(seconds * self.pace / self.unit)) * self.unit
        start = time.perf_counter()
        self.run(steps)
        took = time.perf_counter() - start
        return steps * self.workload.batch / took


def main(peer, variants, versions, args, pictures=()):
    """Runs what the command line asks for, one JSON line for each workload and variant.

    `pictures` names the networks for pictures that the peer has.
    """
    contests = {}

    def contest(name, variant):
        key = (name, variant)
        if key not in contests:
            workload = WORKLOADS[name]
            if workload.picture and workload.network not in pictures:
                raise NotImplementedError("it is not written for this library")
            contests[key] = Contest(variants[variant], workload)
        return contests[key]

    def report(name, variant, measure):
        line = {"peer": f"{peer} {variant}".strip(), "workload": name, "threads": args.threads}
        try:
            line |= measure(contest(name, variant))
        except Exception as error:  # One variant that does not work here must not end the others.
            line["error"] = f"{type(error).__name__}: {error}".splitlines()[0]
        print(json.dumps(line | {"versions": versions, "rss_mb": peak_megabytes()}), flush=True)

    def rounds(contest):
        paces = sorted(contest.round(args.seconds / args.rounds) for _ in range(args.rounds))
        return {"samples_per_s": paces[len(paces) // 2], "lo": paces[0], "hi": paces[-1]}

    def steps(contest):
        contest.run(max(0, args.steps - contest.unit))
        return {"steps": args.steps}

    if args.serve:
        for line in sys.stdin:
            name, variant, seconds = line.split()
            report(name, variant, lambda contest: {"samples_per_s": contest.round(float(seconds))})
        return
    for name in args.workload or WORKLOADS:
        for variant in args.variant or variants:
            report(name, variant, steps if args.steps else rounds)
