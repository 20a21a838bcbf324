"""`chainrule export` of models of tables: onnxruntime on raw rows must say what `chainrule predict` says of the file.

Numbers with missing cells, words, dates and decorated numbers go in; the names of classes or labels and the numbers come out. What the
program refuses to predict must make onnxruntime fail.
Usage: python tables.py PROGRAM
"""

import csv
import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

import nets
from imported import Model
from imports import exported, theirs
from models import NUMBERS, Differences, difference

onnxruntime.set_default_logger_severity(4)
OPSETS = range(13, 25)
ROWS = 120
MARKS = ["", "NA", "nan", "?", "Null"]


class Table:
    """Columns by name, as a file spells them and as a graph takes them."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.columns = {}

    def numbers(self, name, mean=0.0, scale=1.0, missing=0.0):
        x = self.rng.normal(mean, scale, ROWS)
        x[self.rng.random(ROWS) < missing] = np.nan
        text = [self.rng.choice(MARKS) if np.isnan(x) else repr(float(x)) for x in x]
        self.columns[name] = (text, x)
        return np.nan_to_num(x, nan=mean) / scale - mean / scale

    def words(self, name, words, missing=0.0):
        codes = self.rng.integers(0, len(words), ROWS)
        codes[: len(words)] = range(len(words))
        text = [words[code] for code in codes]
        gaps = self.rng.random(ROWS) < missing
        gaps[: len(words)] = False
        text = [self.rng.choice(MARKS) if gap else word for gap, word in zip(gaps, text)]
        self.columns[name] = (text, np.array(text, object))
        return codes.astype(float)

    def dates(self, name, times):
        days = self.rng.integers(-30_000, 40_000, ROWS) + (self.rng.integers(0, 24 * 60, ROWS) / 1440 if times else 0.0)
        start = datetime.datetime(1970, 1, 1)
        form = "%Y-%m-%d %H:%M" if times else "%Y-%m-%d"
        text = [(start + datetime.timedelta(minutes=round(day * 1440))).strftime(form) for day in days]
        self.columns[name] = (text, np.asarray(days, np.float64))
        return np.sin(2 * np.pi * days / 365.25)

    def decorated(self, name, form, scale):
        x = np.round(self.rng.normal(0.0, scale, ROWS), 0) + 1000.0
        self.columns[name] = ([form.format(x) for x in x], x)
        return x / scale

    def target(self, name, values):
        self.columns[name] = ([str(value) for value in values], None)

    def write(self, path):
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(self.columns)
            writer.writerows(zip(*(text for text, _ in self.columns.values())))

    def inputs(self):
        return {name: cells.reshape(-1, 1) for name, (_, cells) in self.columns.items() if cells is not None}


def penguins():
    """Classes whose names have blanks; numbers and words with missing cells."""
    table = Table(1)
    z = table.numbers("length of bill (mm)", 44.0, 5.0, missing=0.2) + table.words("island", ["Biscoe", "Dream", "Torgersen"], 0.2)
    z = z + table.numbers("body mass", 4200.0, 800.0, missing=0.1) + table.words("grown", ["no", "yes"])
    table.words("year", ["2007", "2008", "2009"])
    table.target("species", np.array(["Adelie penguin", "Chinstrap, southern", "Gentoo \"penguin\""])[np.digitize(z, [0.5, 2.0])])
    return table, ["--impute", "median", "--categorical", "year"], ["label", "probabilities"]


def two_classes():
    """Numbers alone, in scales that are far apart; columns with the names of outputs."""
    table = Table(2)
    z = table.numbers("label", 1e9, 10.0) + table.numbers("probabilities", 1e-6, 1e-7)
    table.target("y", np.where(z > 0, "1", "0"))
    return table, [], ["label_", "probabilities_"]


def regression():
    """A target far from 0, in f64."""
    table = Table(3)
    z = table.numbers("a", missing=0.3) - table.numbers("b", 5.0, 100.0) + table.words("kind", ["x", "y", "z"], 0.1)
    table.target("price", 250_000.0 + 40_000.0 * z)
    return table, ["--impute", "mean", "--dtype", "f64"], ["variable"]


def targets():
    table = Table(4)
    z, w = table.numbers("a"), table.words("kind", ["left", "right"])
    table.target("price", 3000.0 + 500.0 * z)
    table.target("rent", 20.0 - z * w)
    return table, ["--target", "price,rent"], ["variable"]


def labels():
    table = Table(5)
    z, w = table.numbers("a", missing=0.1), table.words("kind", ["left", "right", "up", "down"])
    table.target("wet", np.where(z > 0.3, "yes", "no"))
    table.target("hot", (w + z > 1.0).astype(int))
    return table, ["--target", "wet,hot", "--impute", "mean"], ["label", "probabilities"]


def dates():
    """Days with and without their cyclic parts, thousands and per cent."""
    table = Table(6)
    z = table.dates("when", True) + table.dates("day", False)
    z = z + table.decorated("sum", "{:,.0f}", 3000.0) + table.decorated("share", "{:.0f} %", 40.0) + table.words("kind", ["a", "b"])
    table.target("y", np.where(z > np.median(z), "high", "low"))
    return table, ["--dates"], ["label", "probabilities"]


def plain_dates():
    table, flags, outputs = dates()
    return table, flags[1:], outputs


def one_output():
    """Classes by one sigmoid each, and squares."""
    table, flags, outputs = penguins()
    return table, [*flags, "--loss", "binary-cross-entropy"], outputs


KINDS = [penguins, two_classes, regression, targets, labels, dates, plain_dates, one_output]


def run(program, *arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return done.stderr


def session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def predicted(program, model, table, folder, *flags):
    """The rows of the program's predictions."""
    out = folder / f"predictions{len(flags)}.csv"
    run(program, "predict", model, table, "--out", out, "--force", *flags)
    with open(out, newline="") as file:
        return list(csv.reader(file))


class Trained:
    def __init__(self, program, folder, kind, number):
        self.program, self.folder = program, folder / f"{kind.__name__}-{number}"
        self.folder.mkdir()
        self.table, flags, self.outputs = kind()
        self.path = self.folder / "table.csv"
        self.table.write(self.path)
        if "--dtype" not in flags:
            flags = [*flags, "--dtype", number]
        self.model = self.folder / "run"
        run(program, "train", "--data", self.path, *flags, "--layers", "8", "--epochs", 20, "--threads", 1, "--quiet", "--out", self.model)
        self.header, *rows = predicted(program, self.model, self.path, self.folder)
        self.numbers = np.array([row[self.header[0] == "class" :] for row in rows], np.float64)
        assert self.numbers.std() > 1e-3, "a constant prediction would agree with anything"
        self.words = None
        if len(self.outputs) == 2:
            words = np.array(predicted(program, self.model, self.path, self.folder, "--classes")[1:], object)
            assert all(len(np.unique(column)) > 1 for column in words.T), "one class would agree with anything"
            # One class a row, or a word for each label.
            self.words = words[:, 0] if self.header[0] == "class" else words

    def graph(self, *flags):
        out = self.folder / "model.onnx"
        return out, run(self.program, "export", self.model, "--out", out, "--force", *flags)

    def compared(self, path):
        """The largest difference of the numbers; words must be the same."""
        table = self.table.inputs()
        runs = session(path)
        inputs = [end.name for end in runs.get_inputs()]
        assert inputs == list(table), (inputs, list(table))
        assert [end.name for end in runs.get_outputs()] == self.outputs, [end.name for end in runs.get_outputs()]
        worst = 0.0
        for n in (ROWS, 7, 1):
            answers = runs.run(None, {name: cells[:n] for name, cells in table.items()})
            if self.words is not None:
                expected = self.words[:n]
                assert answers[0].shape == expected.shape and (answers[0] == expected).all(), (answers[0], expected)
            worst = max(worst, difference(answers[-1], self.numbers[:n]))
        return worst


def refusals(trained, path):
    """Cells for which the program has no prediction: onnxruntime fails, and names the column of a word."""
    runs, table, count = session(path), trained.table.inputs(), 0
    imputed = imputes(trained.model)
    for name, cells in table.items():
        wrong = [("plum tree", name)] if cells.dtype == object else [(np.inf, "missing or infinite")]
        if cells.dtype != object and not imputed:
            wrong.append((np.nan, "missing or infinite"))
        if cells.dtype == object and not imputed:
            wrong.append(("", name))
        for cell, message in wrong:
            changed = {**table, name: cells.copy()}
            changed[name][3, 0] = cell
            try:
                runs.run(None, changed)
            except Exception as fault:
                assert message in str(fault), fault
                count += 1
            else:
                raise AssertionError(f"{cell!r} in {name} is taken")
    return count


def imputes(model):
    """Whether the model has values for missing cells, by the description in its file."""
    bytes = (model / "last.safetensors").read_bytes()
    header = json.loads(bytes[8 : 8 + int.from_bytes(bytes[:8], "little")])
    card = json.loads(header["__metadata__"]["chainrule"])
    return card["input"]["table"]["impute"] is not None


def notes(trained, text, path):
    """The columns that a graph reads otherwise are named, on the terminal and in the graph."""
    described = {end.name: end.doc_string for end in onnx.load(path).graph.input if end.doc_string}
    for name, note in described.items():
        assert f'input "{name}": {note}' in text, text
    return set(described)


def main(program):
    table = Differences()
    with tempfile.TemporaryDirectory() as folder:
        folder, differences, refused = Path(folder), [], 0
        by_opset = {opset: [] for opset in OPSETS}
        for kind in KINDS:
            for number in NUMBERS:
                trained = Trained(program, folder, kind, number)
                path, text = trained.graph()
                model = onnx.load(path)
                onnx.checker.check_model(model, full_check=True)
                assert (model.ir_version, model.opset_import[0].version) == (8, 17)
                assert "operator set 17, IR version 8" in text, text
                differences.append(trained.compared(path))
                refused += refusals(trained, path)
                noted = notes(trained, text, path)
                assert noted == ({"when", "day", "sum", "share"} if "dates" in kind.__name__ else set()), noted
                for opset in OPSETS:
                    path, text = trained.graph("--opset", opset)
                    assert f"operator set {opset}," in text, text
                    onnx.checker.check_model(onnx.load(path), full_check=True)
                    by_opset[opset].append(trained.compared(path))
        table.line("tables: raw rows in onnxruntime", differences)
        print(f"cells without a prediction: onnxruntime failed on {refused} of {refused}")
        for opset, differences in by_opset.items():
            table.line(f"tables, operator set {opset}", differences)
        # Every operator of the layers, in every set.
        by_opset = {opset: [] for opset in OPSETS}
        for name in nets.NETS:
            path = folder / f"{name}.onnx"
            x = exported(name, path, False)
            model = Model(program, path)
            rows, (lengths, order) = model.rows(x), model.output
            expected = theirs(path, x).reshape(len(x), *lengths).transpose(order).reshape(len(x), -1)
            for opset in OPSETS:
                again = folder / "again.onnx"
                run(program, "export", model.folder, "--out", again, "--opset", opset, "--force")
                onnx.checker.check_model(onnx.load(again), full_check=True)
                by_opset[opset].append(difference(theirs(again, rows), expected))
        for opset, differences in by_opset.items():
            table.line(f"networks, operator set {opset}", differences)
    table.end()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
