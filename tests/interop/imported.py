"""An ONNX file in the program, for the scripts of this folder."""

import re
import subprocess
from pathlib import Path

import numpy as np


class Refused(Exception):
    """The program does not take a model, and says why."""


def run(program, *arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode == 2:
        raise Refused(done.stderr.strip().splitlines()[-1].removeprefix("error: "))
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return done.stdout


def axes(line):
    """The lengths of an end of a graph, and the order in which its axes lie in the program."""
    lengths, order = re.search(r"\(N, ([\d, ]+)\), here \S+?(?: \(its axes ([\d, ]+)\))?(?:, \w+)?$", line).groups()
    lengths = [int(length) for length in lengths.split(", ")]
    order = [int(axis) for axis in order.split(", ")] if order else range(1, len(lengths) + 1)
    return lengths, [0, *order]


class Model:
    """An ONNX file in the program."""

    def __init__(self, program, path):
        self.program, self.folder = program, Path(path).with_suffix("")
        self.text = run(program, "import", path, "--out", self.folder, "--force")
        lines = {line.split()[0]: line for line in self.text.splitlines()}
        self.input, self.output = axes(lines["input"]), axes(lines["output"])

    def rows(self, x):
        lengths, order = self.input
        return np.ascontiguousarray(x.reshape(len(x), *lengths).transpose(order).reshape(len(x), -1))

    def predict(self, x):
        """In the order of the graph."""
        np.save(self.folder / "x.npy", self.rows(x))
        run(self.program, "predict", self.folder, self.folder / "x.npy", "--out", self.folder / "y.npy", "--force")
        y, (lengths, order) = np.load(self.folder / "y.npy"), self.output
        inner = [len(y), *(lengths[axis - 1] for axis in order[1:])]
        return y.reshape(inner).transpose(np.argsort(order)).reshape(len(y), -1)
