"""`chainrule export --to onnx` in the hands of ONNX's checker and of onnxruntime.

On raw rows the graph must give what `chainrule predict` gives: the input transform and the output function are in it.
Usage: python graphs.py PROGRAM
"""

import json
import sys

import numpy as np
import onnx
import onnxruntime

import models


def check(workshop, *case, opset=17):
    out, x, expected = workshop.trained(*case)
    settings = ["--to", "onnx", "--inputs", "matrix", "--opset", opset, "--force"]
    workshop.run("export", out / "last.safetensors", *settings, "--out", out / "model.onnx")
    model = onnx.load(out / "model.onnx")
    assert model.opset_import[0].version == opset
    onnx.checker.check_model(model, full_check=True)
    names = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert names == ({"classes": models.CLASSES} if case[3] == 3 else {"targets": ["target"]}), names
    session = onnxruntime.InferenceSession(out / "model.onnx", providers=["CPUExecutionProvider"])
    # The batch axis is free: all rows, some, one.
    answers = [(session.run(["y"], {"x": x[:n]})[0], expected[:n]) for n in (len(x), 7, 1)]
    assert all(y.dtype == expected.dtype for y, _ in answers)
    return max(models.difference(y, ours) for y, ours in answers)


def in_every_opset(workshop, *case):
    return max(check(workshop, *case, opset=opset) for opset in range(13, 25))


CASES = models.every_case(sys.argv[1])
models.main({"ONNX's checker, then onnxruntime": (check, CASES), "the same, operator sets 13 to 24": (in_every_opset, CASES)})
