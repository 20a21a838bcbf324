"""Inputs are brought to one scale, whatever their size and spread."""

import numpy as np
import pytest

from chainrule import Model
from chainrule.sklearn import MLPClassifier, MLPRegressor

RNG = np.random.default_rng(0)
SECONDS = 1.7e9 + RNG.uniform(0, 100, (400, 1))
LATE = (SECONDS[:, 0] > 1.7e9 + 50).astype(int)


def fitted(X, y, **settings):
    return MLPClassifier(**{"max_iter": 30, "random_state": 0, **settings}).fit(X, y)


@pytest.mark.parametrize("weight", [None, np.linspace(0, 1, 1000)])
def test_a_constant_column_is_only_shifted(weight):
    # The mean of 1,000 times 0.1 is not 0.1, so that the column seems to vary by 1.4e-15.
    X = np.c_[RNG.normal(size=1000), np.full(1000, 0.1)]
    estimator = MLPClassifier(max_iter=5, standardize=True, random_state=0).fit(X, X[:, 0] > 0, sample_weight=weight)
    assert np.abs(estimator.coefs_[0][1]).max() < 10
    moved = X + [0.0, 1e-9]
    assert np.allclose(estimator.predict_proba(moved), estimator.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("column", [np.resize([99.0, 101.0], 200), np.full(200, 2024.0)])
def test_every_column_counts_in_whether_inputs_are_scaled(column):
    X = np.c_[RNG.normal(size=200), column]
    y = X[:, 0] > 0
    scaled, by_choice = fitted(X, y, standardize=True), fitted(X, y)
    assert (scaled.predict_proba(X) == by_choice.predict_proba(X)).all()
    assert by_choice.score(X, y) > 0.95


def test_inputs_near_one_stay_as_they_are():
    X = np.c_[RNG.normal(size=200), np.ones(200)]
    raw, by_choice = fitted(X, X[:, 0] > 0, standardize=False), fitted(X, X[:, 0] > 0)
    assert (raw.predict_proba(X) == by_choice.predict_proba(X)).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_seconds_since_1970_are_told_apart(dtype):
    model = Model("dense 8, tanh, dense 2", 1, dtype=dtype).fit(SECONDS, LATE, epochs=60, validation=(SECONDS, LATE))
    assert (model.predict(SECONDS) == LATE).mean() > 0.97
    result = model.evaluate(SECONDS, LATE)
    assert result["accuracy"] == (model.predict(SECONDS) == LATE).mean() == model.history_[-1]["validation_score"]
    objective = model.objective(SECONDS, LATE)
    assert objective.value(objective.theta) == pytest.approx(result["loss"], rel=1e-5)
    assert fitted(SECONDS, LATE, max_iter=300, learning_rate_init=0.01, dtype=dtype).score(SECONDS, LATE) > 0.97
    regressor = MLPRegressor(max_iter=300, learning_rate_init=0.01, dtype=dtype, random_state=0)
    assert regressor.fit(SECONDS, SECONDS[:, 0]).score(SECONDS, SECONDS[:, 0]) > 0.97
