"""ONNX files of other programs in `chainrule import`: they must predict here what they predict there.

ONNX's own cases from PyTorch, with their inputs and outputs; networks in the manner of torchvision's by both of PyTorch's exporters,
through onnxruntime and there and back again; scikit-learn's perceptrons by skl2onnx.
Usage: python imports.py PROGRAM
"""

import contextlib
import io
import logging
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import nets
from imported import Model, Refused, run
from models import TOLERANCE, Differences, difference

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
CASES = Path(onnx.__file__).parent / "backend/test/data/pytorch-converted"
# Of 82; the others slide windows over three axes, or have operators without a layer.
LEAST = 58


def theirs(path, x):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs = session.run(None, {session.get_inputs()[0].name: x})
    return next(y for y in reversed(outputs) if isinstance(y, np.ndarray) and y.dtype == x.dtype).reshape(len(x), -1)


def tensor(path):
    return numpy_helper.to_array(onnx.load_tensor(path))


def converted(program, folder):
    """ONNX's cases from PyTorch: the differences, and why the others are refused."""
    differences, refused = {}, {}
    for case in sorted(CASES.iterdir()):
        path = folder / f"{case.name}.onnx"
        path.write_bytes((case / "model.onnx").read_bytes())
        x, y = (tensor(case / f"test_data_set_0/{end}_0.pb") for end in ("input", "output"))
        try:
            differences[case.name] = difference(Model(program, path).predict(x), y.reshape(len(y), -1))
        except Refused as why:
            refused[case.name] = str(why).split(".onnx: ")[-1]
    return differences, refused


def exported(name, path, dynamo):
    """The network as one of PyTorch's exporters writes it."""
    net, x = nets.made(name)
    options = {"external_data": False, "verbose": False} if dynamo else {"dynamic_axes": {"x": {0: "n"}}}
    if dynamo:
        options["dynamic_shapes"] = ({0: torch.export.Dim("n")},)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        torch.onnx.export(net, (x,), path, input_names=["x"], dynamo=dynamo, **options)
    return x.numpy()


def there_and_back(program, path, x):
    """Imported, exported and imported again: the largest difference to onnxruntime on the first file."""
    expected = theirs(path, x)
    assert expected.std() > 1e-4, "a constant prediction would agree with anything"
    model = Model(program, path)
    again = path.with_stem(path.stem + "-again")
    run(program, "export", model.folder, "--out", again, "--force")
    rows = model.rows(x)
    order = model.output[1]
    lengths = [len(x), *model.output[0]]
    ours = expected.reshape(lengths).transpose(order).reshape(len(x), -1)
    second = Model(program, again)
    return max(
        difference(model.predict(x), expected),
        difference(theirs(again, rows), ours),
        difference(second.predict(rows), ours),
    )


def perceptrons():
    """scikit-learn's, by name: the estimator, the inputs and the targets."""
    iris, kinds = load_iris(return_X_y=True), np.array(["setosa", "versicolor", "virginica"])
    classifier = MLPClassifier((6, 5), max_iter=60, random_state=1)
    return {
        "iris": (classifier, *iris),
        "iris by name": (make_pipeline(StandardScaler(), MLPClassifier((6,), "tanh", max_iter=60, random_state=1)), iris[0], kinds[iris[1]]),
        "breast cancer": (make_pipeline(StandardScaler(), MLPClassifier((6,), "logistic", max_iter=60, random_state=1)), *load_breast_cancer(return_X_y=True)),
        "diabetes": (MLPRegressor(hidden_layer_sizes=(6,), max_iter=60, random_state=1), *load_diabetes(return_X_y=True)),
    }


def learned(program, folder):
    """scikit-learn's perceptrons: differences of what is predicted, in which the classes have their names."""
    for name, (estimator, x, y) in perceptrons().items():
        x = x.astype(np.float32)
        estimator.fit(x, y)
        is_classifier = hasattr(estimator, "predict_proba")
        for zipmap in [True, False] if is_classifier else [None]:
            options = {id(estimator): {"zipmap": zipmap}} if is_classifier else None
            path = folder / f"{name.replace(' ', '-')}-{zipmap}.onnx"
            path.write_bytes(to_onnx(estimator, x[:1], options=options).SerializeToString())
            model = Model(program, path)
            if is_classifier:
                assert f"classes   {', '.join(map(str, estimator.classes_))}" in model.text, model.text
            expected = estimator.predict_proba(x) if is_classifier else estimator.predict(x)
            yield difference(model.predict(x), expected.reshape(len(x), -1))


def main(program):
    table = Differences()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        differences, refused = converted(program, folder)
        table.line("ONNX's cases from PyTorch", list(differences.values()))
        table.fine &= len(differences) >= LEAST
        print(f"refused, of {len(differences) + len(refused)}:")
        for name, why in refused.items():
            print(f"  {name.removeprefix('test_'):36} {why}")
        for dynamo in (False, True):
            found = []
            for name in nets.NETS:
                path = folder / f"{name}-{dynamo}.onnx"
                x = exported(name, path, dynamo)
                found.append(there_and_back(program, path, x))
                if not found[-1] <= TOLERANCE:
                    print(f"  {name}: {found[-1]:.1e}")
            table.line(f"PyTorch, dynamo={dynamo}, there and back", found)
        table.line("scikit-learn by skl2onnx", list(learned(program, folder)))
    table.end()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
