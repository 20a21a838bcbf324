"""How many threads share the work."""

from __future__ import annotations

import os

from ._chainrule import available_threads


def threads(given: int | None) -> int:
    """The number given, or ``OMP_NUM_THREADS``, or all processors.

    What bounds numpy's threads bounds ours: the workers of joblib set it.
    """
    if given is not None:
        if given < 1:
            raise ValueError(f"threads must be 1 or more, got {given}")
        return int(given)
    bound = os.environ.get("OMP_NUM_THREADS", "")
    return min(int(bound), available_threads()) if bound.isdigit() and int(bound) else available_threads()
