"""Ctrl-C ends a training within a step."""

import os
import signal
import threading
import time

import numpy as np
import pytest

from chainrule import Model
from chainrule.sklearn import MLPClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20_000, 100)).astype(np.float32)
Y = RNG.integers(0, 10, len(X))


@pytest.fixture(autouse=True)
def _raises():
    """A process that a shell has put into the background ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupted(work):
    """The seconds from the signal to the end of `work`."""
    sent = []

    def send():
        time.sleep(0.5)
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        work()
    finally:
        ended = time.perf_counter()
        thread.join()
    return ended - sent[0]


def test_an_estimator_warns_and_keeps_what_it_has_learned():
    estimator = MLPClassifier(hidden_layer_sizes=(256, 256), max_iter=10_000, tol=0)
    with pytest.warns(UserWarning, match="interrupted"):
        assert interrupted(lambda: estimator.fit(X, Y)) < 2
    assert estimator.predict(X[:1]).shape == (1,)


def test_a_model_raises_keyboard_interrupt():
    model = Model("dense 256, relu, dense 10", 100)

    def train():
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, Y, epochs=10_000)

    assert interrupted(train) < 2
    assert model.predict(X[:1]).shape == (1,)
