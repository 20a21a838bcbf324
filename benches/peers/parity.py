"""Are the derivatives and the optimizers of Chainrule those of PyTorch and JAX? Exit code 1 where they are not.

    cargo xtask parity

builds what is compared, installs the peers and runs this; `--help` names the options. Random networks go through
`chainrule grad` and, as the graph that `chainrule export` makes of them, through automatic differentiation: one to five
dense layers with each activation between them, and each layer between two dense ones. Then each optimizer walks 100
full-batch steps from the same start on both sides.

A gradient or Hessian product is judged tensor by tensor: the largest difference over the largest component of the
peer's tensor. θ is judged over the largest component of the whole vector, at the worst of the steps.
"""

import argparse
import itertools
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

import networks
import trajectories
from networks import LOSSES, Network, Programs, check_names, perceptron

# The largest relative difference from PyTorch and JAX that may be.
BARS = {"f64": {"loss": 1e-12, "gradient": 1e-12, "hv": 1e-11}, "f32": {"loss": 1e-5, "gradient": 1e-5, "hv": 1e-4}}
PEERS = {"PyTorch": Network.torch_derivatives, "JAX": Network.jax_derivatives}
# What users save class indices in.
INDICES = itertools.cycle((np.int64, np.int32, np.uint8))


def chainrule_derivatives(programs, network, folder):
    """C, ∇C and ∇²C·v by `chainrule grad`, through files as any other program would."""
    network.save(folder, next(INDICES))
    files = ["--input", "x.npy", "--target", "y.npy", "--hvp", "v.safetensors", "--out", "g.safetensors"]
    command = ["grad", "model.safetensors", *files, "--hvp-out", "hv.safetensors", "--json", "--force"]
    report = json.loads(programs.run("chainrule", *command, cwd=folder))
    assert report["dtype"] == network.dtype, report
    return report["loss"], load_file(folder / "g.safetensors"), load_file(folder / "hv.safetensors")


def difference(ours, theirs):
    """max |a − b| over max |b|; infinite where one side is NaN or has another shape."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if ours.shape != theirs.shape:
        return float("inf")
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    off, scale = abs(ours - theirs).max(), abs(theirs).max()
    relative = 0.0 if off == 0 else off / scale if scale > 0 else float("inf")
    return float(relative) if np.isfinite(relative) else float("inf")


def worst(ours, theirs):
    """The largest difference of two gradients, tensor by tensor."""
    if ours.keys() != theirs.keys():
        return float("inf")
    return max(difference(ours[name], theirs[name]) for name in theirs)


def random_networks(programs, tables, rounds, seed):
    """The name of a layer, and a network with it.

    Every activation under every loss, then the networks that Chainrule lists for each layer, under one loss after the
    other; all of them in both number types, on one row and on an odd number of rows.
    """
    activations = enumerate(tables["activations"])
    kinds = itertools.product(("f64", "f32"), activations, enumerate(LOSSES), (False, True), range(rounds))
    for case, (dtype, (a, activation), (l, loss), batch, _) in enumerate(kinds):
        rng = np.random.default_rng([seed, case])
        # Over the losses, each activation meets each depth both on one row and on many.
        depth = 1 + (a + l + 2 * batch) % 5
        outputs = int(rng.integers(2 if loss.target in ("class", "distribution") else 1, 7))
        widths = [int(rng.integers(1, 13)), *(int(w) for w in rng.integers(1, 17, size=depth - 1)), outputs]
        rows = 2 * int(rng.integers(1, 17)) + 1 if batch else 1
        network = Network(programs, perceptron(activation, widths), loss, rows, dtype, [seed, case, 1])
        yield activation["kind"], network
    kinds = itertools.product(("f64", "f32"), tables["networks"], (1, 7), range(rounds))
    for case, (dtype, listed, rows, _) in enumerate(kinds):
        loss = LOSSES[case % len(LOSSES)]
        yield listed["layer"], Network(programs, listed["architecture"], loss, rows, dtype, [seed, case, 2])


def compare_derivatives(programs, tables, rounds, seed):
    """Rows of the table: the worst differences of each layer in each number type."""
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for layer, network in random_networks(programs, tables, rounds, seed):
            ours = chainrule_derivatives(programs, network, Path(folder))
            key = (network.dtype, layer)
            row = rows.setdefault(key, {"dtype": network.dtype, "layer": layer, "networks": 0, "beyond": []})
            row["networks"] += 1
            for peer, derivatives in PEERS.items():
                theirs = derivatives(network)
                found = (difference(ours[0], theirs[0]), worst(ours[1], theirs[1]), worst(ours[2], theirs[2]))
                for what, off in zip(("loss", "gradient", "hv"), found):
                    column = row.setdefault(peer, {})
                    column[what] = max(column.get(what, 0.0), off)
                    if not off <= BARS[network.dtype][what]:
                        where = f"{network.loss.label}, {len(network.x)} rows, {json.dumps(network.architecture)}"
                        row["beyond"].append(f"{what} is off by {off:.1e} from {peer}: {where}")
    return sorted(rows.values(), key=lambda row: row["dtype"], reverse=True)


def print_derivatives(rows):
    print("                        |           PyTorch            |             JAX")
    print("layer       type  nets  |     loss  gradient        Hv |     loss  gradient        Hv")
    for row in rows:
        cells = [f"{row[peer][what]:8.1e}" for peer in PEERS for what in ("loss", "gradient", "hv")]
        left, right = "  ".join(cells[:3]), "  ".join(cells[3:])
        print(f"{row['layer']:<11} {row['dtype']:<4} {row['networks']:5}  | {left} | {right}  {verdict(row)}")
        for line in row["beyond"]:
            print(f"    {line}")
    bars = [f"loss and gradient {b['gradient']:.0e}, Hv {b['hv']:.0e} in {dtype}" for dtype, b in BARS.items()]
    print(f"bars: {'; '.join(bars)}\n")


def verdict(row):
    return "BEYOND" if row["beyond"] else "ok"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=Path, required=True, help="the folder of chainrule and trajectory")
    parser.add_argument("--rounds", type=int, default=1, help="how often each kind of network is drawn [default: 1]")
    parser.add_argument("--seed", type=int, default=0, help="seed of the networks [default: 0]")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else there")
    args = parser.parse_args()
    programs = Programs(args.programs)
    tables = programs.tables()
    check_names("losses", tables["losses"], (loss.spec["name"] for loss in LOSSES))
    trajectories.check(tables)

    derivatives = compare_derivatives(programs, tables, args.rounds, args.seed)
    if not args.json:
        print_derivatives(derivatives)
    paths = trajectories.compare(programs, args.seed)
    beyond = sum(1 for row in derivatives + paths if row["beyond"])
    if args.json:
        print(json.dumps({"versions": networks.VERSIONS, "derivatives": derivatives, "paths": paths, "beyond": beyond}))
    else:
        trajectories.show(paths)
        counted = sum(row["networks"] for row in derivatives)
        print(f"{counted} networks, {len(paths)} paths, {beyond} rows beyond their bar; {networks.VERSIONS}")
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
