"""ONNX's generated cases of single operators in `chainrule import`: each is read and predicts what it must, or is refused by name.

A case passes its weights beside the example; here they are constants of the graph, as in the file of a network: the first input is the
example, and axis 0 of it that of the examples. Of several outputs the first is asked for, as of a network.
Usage: python nodes.py PROGRAM
"""

import collections
import re
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test.loader import load_model_tests

from imported import Model, Refused
from models import difference

warnings.simplefilter("ignore")
REAL = {TensorProto.FLOAT: 1e-5, TensorProto.DOUBLE: 1e-5, TensorProto.FLOAT16: 2e-3}
# What the program says of an operator that it does not know.
UNKNOWN = re.compile(r"no layer here computes the operator (\S+) \(opset")


def with_constants(case):
    """The model with one input, its value, the output, and what it may differ by.

    None where the input or the output is no array of finite real numbers, or there is no axis beside that of the examples.
    """
    model, (inputs, outputs) = case.model, case.data_sets[0]
    graph = model.graph
    arrays = [numpy_helper.to_array(x) if isinstance(x, TensorProto) else x for x in inputs]
    if not all(isinstance(x, np.ndarray) for x in arrays) or not arrays:
        return None
    first, *others = list(graph.input)
    kind = first.type.tensor_type
    asked = graph.output[0]
    if {kind.elem_type, asked.type.tensor_type.elem_type} - set(REAL) or len(kind.shape.dim) < 2 or arrays[0].size == 0:
        return None
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    del changed.graph.input[1:]
    del changed.graph.output[1:]
    node = changed.graph.node[0]
    if len(changed.graph.node) == 1 and asked.name in node.output:
        del node.output[list(node.output).index(asked.name) + 1 :]
    for end, array in zip(others, arrays[1:]):
        changed.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array), end.name))
    y = outputs[0]
    y = np.asarray(numpy_helper.to_array(y) if isinstance(y, TensorProto) else y)
    if not np.isfinite(arrays[0].astype(np.float64)).all() or not np.isfinite(y.astype(np.float64)).all():
        return None
    tolerance = max(REAL[kind.elem_type], REAL[asked.type.tensor_type.elem_type])
    # Some cases have their numbers with four digits.
    is_typed = np.abs(y - np.round(y, 4)).max(initial=0.0) < 1e-7 and np.abs(y - np.round(y, 2)).max(initial=0.0) > 1e-7
    return changed, arrays[0], y, max(tolerance, 1e-4 if is_typed else 0.0)


def outcome(program, folder, case):
    """("pass" | "refused" | "wrong" | "no case", what there is to say)."""
    made = with_constants(case)
    if made is None:
        return "no case", ""
    model, x, expected, tolerance = made
    path = folder / f"{case.name}.onnx"
    path.write_bytes(model.SerializeToString())
    number = x.dtype if x.dtype == np.float64 else np.float32
    try:
        y = Model(program, path).predict(x.astype(number))
    except Refused as why:
        return "refused", str(why).split(".onnx: ")[-1]
    except AssertionError as why:
        return "wrong", str(why)
    if expected.shape[:1] != y.shape[:1] or expected.size != y.size:
        return "wrong", f"shape {y.shape}, not {expected.shape}"
    error = difference(y, expected.reshape(len(y), -1))
    return ("pass", error) if error <= tolerance else ("wrong", f"difference {error:.1e}")


def main(program):
    cases = [case for case in load_model_tests(kind="node") if case.data_sets]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda case: outcome(program, Path(folder), case), cases))
    unknown = set()
    found, refused, passed = collections.defaultdict(list), collections.Counter(), collections.Counter()
    for case, (kind, what) in zip(cases, outcomes):
        operator = case.model.graph.node[0].op_type
        if kind == "refused" and (match := UNKNOWN.search(what)):
            unknown.add(match.group(1))
            kind = "unknown"
        found[kind].append((case.name, what))
        if kind == "refused":
            refused[f"{operator}: {re.sub('^node [^,]*, ', '', what)}"] += 1
        if kind == "pass":
            passed[operator] += 1
    for why, count in sorted(refused.items()):
        print(f"  {count:3}  {why}")
    print(f"passed: {', '.join(f'{name} {count}' for name, count in sorted(passed.items()))}")
    for name, what in found["wrong"]:
        print(f"  WRONG {name}: {what}")
    counts = {kind: len(names) for kind, names in found.items()}
    worst = max(what for _, what in found["pass"])
    known = counts["pass"] + counts["refused"] + counts.get("wrong", 0)
    print(
        f"ONNX's cases of nodes: of {len(cases)}, {counts['no case']} have no rows of finite real numbers, {counts['unknown']} have "
        f"one of {len(unknown)} operators without a layer; of the other {known}, {counts['pass']} pass (largest difference {worst:.1e}), "
        f"{counts['refused']} are refused by name, {counts.get('wrong', 0)} are wrong"
    )
    sys.exit(0 if not found["wrong"] and counts["pass"] >= LEAST else 1)


# Passing cases; more is progress.
LEAST = 144


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
