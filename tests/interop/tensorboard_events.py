"""The event files of a run, read by TensorBoard's own EventAccumulator and compared with its metrics.jsonl.

Usage: python tensorboard_events.py PROGRAM
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

# Interrupted once, so that there are two files.
RUNS = [["--epochs", "2", "--validation", "0.2", "--log-every", "10", "--out", "run"], ["--resume", "run", "--epochs", "4"]]


def compare(run):
    events = EventAccumulator(str(run), size_guidance={"scalars": 0})
    events.Reload()
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    epochs = [line for line in lines if line["kind"] == "epoch"]
    steps = [line for line in lines if line["kind"] == "step"]
    assert len(epochs) == 4 and len(steps) > 10, (len(epochs), len(steps))
    seen = set()

    def same(tag, records, value):
        found = [(event.step, event.value) for event in events.Scalars(tag)]
        assert [step for step, _ in found] == [record["step"] for record in records], f"{tag}: other steps"
        for (step, a), b in zip(found, map(value, records)):
            # A scalar is a float there.
            assert abs(a - b) <= 1e-6 * max(1.0, abs(b)), f"{tag} at step {step}: {a} is not {b}"
        seen.add(tag)

    same("loss/train", epochs, lambda record: record["train_loss"])
    same("loss/validation", epochs, lambda record: record["validation_loss"])
    same("accuracy/train", epochs, lambda record: record["train_accuracy"])
    same("accuracy/validation", epochs, lambda record: record["validation_accuracy"])
    same("examples per second", epochs, lambda record: record["examples"] / record["seconds"])
    same("loss/batch", steps, lambda record: record["loss"])
    same("learning rate", steps, lambda record: record["learning_rate"])
    for name in epochs[0]["gradient_norm"]:
        same(f"gradient norm/{name}", lines, lambda record, name=name: record["gradient_norm"][name])
    assert seen == set(events.Tags()["scalars"]), set(events.Tags()["scalars"]) - seen
    return len(epochs), len(steps), len(seen)


def main():
    with tempfile.TemporaryDirectory() as folder:
        for arguments in RUNS:
            subprocess.run([Path(sys.argv[1]).resolve(), "train", *arguments, "--quiet"], cwd=folder, check=True)
        epochs, steps, tags = compare(Path(folder) / "run")
    print(f"TensorBoard: all {tags} tags, over {epochs} epochs and {steps} logged steps, are those of metrics.jsonl")


main()
