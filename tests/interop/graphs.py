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


def check(workshop, *case):
    out, x, expected = workshop.trained(*case)
    workshop.run("export", out / "last.safetensors", "--to", "onnx", "--out", out / "model.onnx")
    model = onnx.load(out / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    names = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert names == ({"classes": models.CLASSES} if case[3] == 3 else {}), names
    session = onnxruntime.InferenceSession(out / "model.onnx", providers=["CPUExecutionProvider"])
    # The batch axis is free: all rows, some, one.
    answers = [(session.run(["y"], {"x": x[:n]})[0], expected[:n]) for n in (len(x), 7, 1)]
    assert all(y.dtype == expected.dtype for y, _ in answers)
    return max(models.difference(y, ours) for y, ours in answers)


models.main({"ONNX's checker, then onnxruntime": (check, models.every_case(sys.argv[1]))})
