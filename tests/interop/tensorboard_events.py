"""Reads the event files of a run with TensorBoard's own EventAccumulator and compares them with its metrics.jsonl.

Usage: tensorboard_events.py RUN_FOLDER        Packages: tensorboard
"""

import json
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def main(folder: Path) -> None:
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    epochs = [line for line in lines if line["kind"] == "epoch"]
    steps = [line for line in lines if line["kind"] == "step"]

    def same(tag: str, records: list[dict], value) -> None:
        expected = [(record["step"], value(record)) for record in records]
        found = [(event.step, event.value) for event in events.Scalars(tag)]
        assert [step for step, _ in found] == [step for step, _ in expected], f"{tag}: other steps"
        for (step, a), (_, b) in zip(found, expected):
            assert abs(a - b) <= 1e-6 * max(1.0, abs(b)), f"{tag} at step {step}: {a} is not {b}"

    same("loss/train", epochs, lambda record: record["train_loss"])
    if steps:
        same("loss/batch", steps, lambda record: record["loss"])
    for name in epochs[0]["gradient_norm"]:
        same(f"gradient norm/{name}", lines, lambda record, name=name: record["gradient_norm"][name])
    print(f"{folder}: {len(epochs)} epochs and {len(steps)} steps agree")


main(Path(sys.argv[1]))
