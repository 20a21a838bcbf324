"""Chainrule's estimators beside scikit-learn's: the same parameters, data and epochs, run in turns.

Usage: python bench.py [--threads 1] [--rounds 5] [--epochs 5] [--mnist FILE.npz] [--only TEXT] [--json]

MNIST is read from an npz with the arrays `x_train` and `y_train`; without the option it is fetched from OpenML, or left out if that
fails. Each figure is the median of the rounds.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import warnings

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--mnist")
parser.add_argument("--only", default="")
parser.add_argument("--json", action="store_true")
args = parser.parse_args()

# Before numpy is loaded, which reads them once.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(args.threads)

import numpy as np
from sklearn import datasets, neural_network

import chainrule.sklearn

warnings.filterwarnings("ignore")
SIDES = {"chainrule": chainrule.sklearn, "scikit-learn": neural_network}


def mnist():
    """The training images as shares of full brightness, or None where there are none."""
    try:
        if args.mnist:
            file = np.load(args.mnist)
            return file["x_train"].reshape(-1, 784) / 255.0, file["y_train"]
        X, y = datasets.fetch_openml("mnist_784", return_X_y=True, as_frame=False)
        return X[:60_000] / 255.0, y[:60_000].astype(int)
    except (OSError, ValueError) as error:
        print(f"no MNIST: {error}", file=sys.stderr)
        return None


def in_turns(work):
    """The median seconds of each side, which take turns; the first round warms up."""
    seconds = {name: [] for name in SIDES}
    for turn in range(args.rounds + 1):
        for name in SIDES:
            taken = work(name)
            if turn:
                seconds[name].append(taken)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def timed(call, repeats=1):
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def fits(estimator, X, y, epochs, **settings):
    """Both sides with the same parameters for the same number of epochs."""
    settings = {"max_iter": epochs, "tol": 0.0, "n_iter_no_change": epochs + 1, "random_state": 0, **settings}
    made = {name: getattr(side, estimator)(**settings) for name, side in SIDES.items()}
    return in_turns(lambda name: timed(lambda: made[name].fit(X, y))), made


def imports():
    """The seconds that `import chainrule` and `import sklearn.neural_network` take beyond numpy's."""
    code = "import time, numpy; s = time.perf_counter(); import {}; print(time.perf_counter() - s)"
    modules = {"chainrule": "chainrule", "scikit-learn": "sklearn.neural_network"}
    run = [sys.executable, "-c"]
    return in_turns(lambda name: float(subprocess.check_output([*run, code.format(modules[name])])))


def workloads():
    digits, diabetes = datasets.load_digits(return_X_y=True), datasets.load_diabetes(return_X_y=True)
    yield "digits 64-100-10", "MLPClassifier", digits, 10 * args.epochs, {}
    yield "diabetes 10-100-1", "MLPRegressor", diabetes, 20 * args.epochs, {}
    images = mnist() if "mnist" in args.only.lower() or not args.only else None
    if images is not None:
        yield "MNIST 784-100-10", "MLPClassifier", images, args.epochs, {}
        yield "MNIST 784-512-512-10", "MLPClassifier", images, max(1, args.epochs // 5), {"hidden_layer_sizes": (512, 512)}


rows = []


def note(name, seconds):
    ratio = seconds["scikit-learn"] / seconds["chainrule"]
    rows.append({"workload": name, "threads": args.threads, **seconds, "ratio": ratio})
    if not args.json:
        ours, theirs = (f"{seconds[side] * 1e3:.3f} ms" for side in SIDES)
        print(f"| {name} | {ours} | {theirs} | {ratio:.2f} |", flush=True)


if not args.json:
    print(f"{args.threads} thread(s), median of {args.rounds}\n")
    print("| workload | chainrule | scikit-learn | times as fast |\n|---|--:|--:|--:|")
for name, estimator, (X, y), epochs, settings in workloads():
    if args.only.lower() not in name.lower():
        continue
    seconds, made = fits(estimator, X, y, epochs, **settings)
    note(f"{name}: fit, {epochs} epochs", seconds)
    for batch, repeats in ((1, 200), (1000, 20)):
        part = X[:batch]
        predict = in_turns(lambda side: timed(lambda: made[side].predict(part), repeats))
        note(f"{name}: predict {len(part)}", predict)
if not args.only:
    note("import beyond numpy's", imports())
if args.json:
    print(json.dumps(rows))
