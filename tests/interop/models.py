"""What the scripts of this folder share: small models that the program trained, and what it predicts with them."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

# Of probabilities, and of numbers in units of the largest or 1.
TOLERANCE = 1e-5
NUMBERS = {"f32": np.float32, "f64": np.float64}
INPUTS = 4
WIDTHS = [8, 6]
# Flags of a run, and the width of its output: each output function, in the loss and as a layer, and a regression.
CLASSES = ["ash", "beech", "oak"]
KINDS = (["--data", "kinds.csv"], 3)
ENDS = [
    KINDS,
    (["--data", "kinds.csv", "--loss", "binary-cross-entropy"], 3),
    (["--data", "kinds.csv", "--loss", "squared-error", "--output", "softmax", "--dropout", "0.2"], 3),
    (["--data", "lengths.csv"], 1),
]


def activations(program):
    """The names of the library's activations; its program `trajectory` lies beside the other."""
    tables = subprocess.run([Path(program).with_name("trajectory"), "tables"], check=True, capture_output=True)
    return [activation["kind"] for activation in json.loads(tables.stdout)["activations"]]


def every_case(program):
    """Activation, number type, flags, outputs."""
    cases = [(activation, number, *KINDS) for activation in activations(program) for number in NUMBERS]
    return cases + [("relu", number, *end) for end in ENDS[1:] for number in NUMBERS]


class Workshop:
    """A folder with two tables, in which the program trains each model once."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        rng = np.random.default_rng(1)
        # Columns of very different scales, so that a model without its transform predicts something else.
        x = rng.normal(size=(200, INPUTS)) * [1.0, 1000.0, 0.01, 5.0] + [0.0, 3000.0, 1.0, -7.0]
        kinds = np.array(CLASSES)[rng.integers(0, 3, 200)]
        lengths = np.tanh(x[:, 0]) + (x[:, 1] - 3000.0) / 1000.0
        for name, target in [("kinds", kinds), ("lengths", lengths)]:
            rows = [",".join([*(repr(float(cell)) for cell in row), str(t)]) for row, t in zip(x, target)]
            (folder / f"{name}.csv").write_text("\n".join(["a,b,c,d,target", *rows]) + "\n")
        # To predict: rows far out too, where an exponential of the number type would overflow.
        signs = np.sign(rng.normal(size=(20, INPUTS)))
        far = lambda reach: reach * signs * [1.0, 1000.0, 0.01, 5.0] + [0.0, 3000.0, 1.0, -7.0]
        self.x = {number: np.concatenate([x, far(reach)]) for number, reach in [("f32", 200.0), ("f64", 1000.0)]}

    def run(self, *arguments):
        command = [self.program, *map(str, arguments)]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr}"

    def trained(self, activation, number, flags, outputs):
        """The folder of the run, rows, and the program's predictions for them."""
        out = self.folder / "-".join([activation, number, *(flag.strip("-") for flag in flags)])
        if not out.exists():
            layers = "-".join(map(str, WIDTHS))
            common = ["--layers", layers, "--activation", activation, "--dtype", number, "--epochs", 3, "--threads", 1]
            self.run("train", *flags, *common, "--out", out, "--quiet")
            np.save(out / "x.npy", self.x[number].astype(NUMBERS[number]))
            self.run("predict", out / "last.safetensors", out / "x.npy", "--out", out / "y.npy")
        rows, predictions = np.load(out / "x.npy"), np.load(out / "y.npy")
        assert predictions.shape == (len(rows), outputs) and predictions.dtype == NUMBERS[number]
        assert predictions[:200].std() > 1e-3, "a constant prediction would agree with anything"
        return out, rows, predictions


def difference(theirs, ours):
    """The largest, in units of the larger of 1 and ours; NaN where there is one on either side."""
    theirs, ours = np.asarray(theirs, np.float64), np.asarray(ours, np.float64)
    assert theirs.shape == ours.shape, (theirs.shape, ours.shape)
    return float((np.abs(theirs - ours) / np.maximum(1.0, np.abs(ours))).max())


class Differences:
    """Prints a line for each group of models that were compared, and keeps in mind whether all agree."""

    def __init__(self):
        self.fine = True

    def line(self, name, differences):
        # Written so that a NaN fails too.
        self.fine &= all(difference <= TOLERANCE for difference in differences)
        print(f"{name:44} {len(differences):3} models   largest difference {np.max(differences):.1e}, allowed {TOLERANCE:.0e}")

    def end(self):
        """Ends the program, with 1 where something differed."""
        sys.exit(0 if self.fine else 1)


def main(checks):
    """Runs each check on each of its cases and prints the worst; `python SCRIPT PROGRAM`."""
    table = Differences()
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(Path(sys.argv[1]).resolve(), Path(folder))
        for name, (check, cases) in checks.items():
            table.line(name, [check(workshop, *case) for case in cases])
    table.end()
