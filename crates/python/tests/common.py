"""What the tests of the estimators share."""

import warnings

import pytest
from sklearn.exceptions import ConvergenceWarning

from chainrule.sklearn import MLPClassifier


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def classifier(**settings):
    return MLPClassifier(**{"max_iter": 60, "learning_rate_init": 0.01, "random_state": 1, **settings})
