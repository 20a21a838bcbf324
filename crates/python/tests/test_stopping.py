"""What the estimators watch, when they stop, and which settings they refuse."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.metrics import mean_poisson_deviance
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.utils import check_random_state

from chainrule.sklearn import MLPRegressor
from common import classifier, quiet  # noqa: F401

X, y = load_iris(return_X_y=True)
RNG = np.random.default_rng(0)


def held_out(*arrays, seed=1, stratify=None):
    """What an estimator with this seed holds out."""
    state = check_random_state(seed)
    state.randint(np.iinfo(np.int32).max)
    return train_test_split(*arrays, random_state=state, test_size=0.1, stratify=stratify)[1::2]


def test_a_poisson_regression_keeps_the_epoch_of_the_lowest_loss():
    features = RNG.normal(size=(300, 2))
    counts = RNG.poisson(np.exp(0.8 * features[:, 0] + 1.0))
    watched, target = held_out(features, counts)
    settings = {"loss": "poisson", "early_stopping": True, "n_iter_no_change": np.inf, "learning_rate_init": 0.05, "random_state": 1}
    deviances, metrics = [], []
    for epochs in range(1, 40, 3):
        best = MLPRegressor(max_iter=epochs, on_epoch=lambda *given: metrics.append(given[2]), **settings).fit(features, counts)
        deviances.append(mean_poisson_deviance(target, best.predict(watched)))
        assert best.validation_scores_ is None and best.best_validation_score_ is None and best.best_loss_ is None
    assert deviances == sorted(deviances, reverse=True) and set(metrics) == {None}
    stopped = MLPRegressor(max_iter=500, **{**settings, "n_iter_no_change": 5}).fit(features, counts)
    assert stopped.n_iter_ < 500


@pytest.mark.parametrize("tol", [0.0, 1e-4, 1.0])
def test_patience_counts_epochs_without_a_lower_loss(tol):
    # Steps so short that no parameter changes: the first epoch stays the best.
    still = classifier(patience=3, tol=tol, learning_rate_init=1e-30).fit(X, y)
    assert still.n_iter_ == 4 and len(still.validation_scores_) == 4
    # And so long as each epoch has a lower loss, there is no end.
    assert classifier(patience=1, tol=tol, max_iter=6, learning_rate_init=1e-3).fit(X, y).n_iter_ == 6


def test_a_further_call_ends_on_the_best_epoch_of_all():
    warm = classifier(early_stopping=True, warm_start=True).fit(X, y)
    best, top = warm.predict_proba(X), warm.best_validation_score_
    warm.set_params(learning_rate_init=0.5, max_iter=3).fit(X, y)
    assert max(warm.validation_scores_[-3:]) <= top == warm.best_validation_score_
    assert (warm.predict_proba(X) == best).all()
    other = classifier(warm_start=True, max_iter=5).fit(X, y).set_params(early_stopping=True).fit(X, y)
    assert other.best_validation_score_ == other.score(*held_out(X, y))


LABELS = make_multilabel_classification(200, 4, n_classes=3, random_state=0)
DIABETES = load_diabetes(return_X_y=True)


@pytest.mark.parametrize(("estimator", "features", "target"), [
    (classifier(), X, y), (classifier(network="dense 8, batch-norm, relu"), X, y), (classifier(), X, y > 1),
    (classifier(), *LABELS), (MLPRegressor(random_state=1), *DIABETES),
    (MLPRegressor(random_state=1), DIABETES[0], np.c_[DIABETES[1], DIABETES[1] ** 2]),
])
def test_examples_held_out_count_by_their_weights(estimator, features, target):
    weights = RNG.uniform(0, 1, len(features)) ** 4
    stratify = target if target.dtype == bool else None
    watched, true, weight = held_out(features, target, weights, stratify=stratify)
    for epochs in (1, 7):
        fitted = estimator.set_params(early_stopping=True, max_iter=epochs).fit(features, target, sample_weight=weights)
        assert fitted.best_validation_score_ == pytest.approx(fitted.score(watched, true, sample_weight=weight), rel=1e-5)
        assert len(fitted.validation_scores_) == epochs
    assert fitted.best_validation_score_ != pytest.approx(fitted.score(watched, true), rel=1e-3)
    seen = []
    estimator.set_params(on_epoch=lambda *given: seen.append(given) or len(seen) == 3).fit(features, target, sample_weight=weights)
    assert len(seen) == estimator.n_iter_ == 3 and [given[2] for given in seen] == estimator.validation_scores_
    estimator.set_params(on_epoch=None)


def test_weights_of_classes_count_on_the_examples_held_out():
    weights = {0: 1.0, 1: 5.0, 2: 0.1}
    fitted = classifier(early_stopping=True, class_weight=weights, max_iter=5).fit(X, y)
    watched, true = held_out(X, y)
    weight = np.array([weights[label] for label in true])
    assert fitted.best_validation_score_ == pytest.approx(fitted.score(watched, true, sample_weight=weight))


def test_equal_weights_change_nothing():
    plain, weighted = classifier(early_stopping=True), classifier(early_stopping=True)
    plain.fit(X, y), weighted.fit(X, y, sample_weight=np.ones(len(X)))
    assert plain.validation_scores_ == pytest.approx(weighted.validation_scores_)
    assert (plain.predict_proba(X) == weighted.predict_proba(X)).all()
    plain, weighted = (classifier(patience=3, schedule="plateau", max_iter=30) for _ in range(2))
    plain.fit(X, y), weighted.fit(X, y, sample_weight=np.ones(len(X)))
    assert plain.n_iter_ == weighted.n_iter_ and (plain.predict_proba(X) == weighted.predict_proba(X)).all()


def test_few_examples_of_many_classes_are_held_out_as_by_scikit_learn():
    features, target = RNG.normal(size=(40, 3)), np.arange(40) % 10
    for estimator in (classifier, TheirClassifier):
        estimator(early_stopping=True, max_iter=2).fit(features, target)


@pytest.mark.parametrize(("by_optimizer", "by_solver"), [
    ({"optimizer": "nesterov", "momentum": 0.5}, {"solver": "sgd", "momentum": 0.5}),
    ({"optimizer": "momentum", "momentum": 0.5}, {"solver": "sgd", "momentum": 0.5, "nesterovs_momentum": False}),
    ({"optimizer": "adam", "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}, {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}),
    ({"optimizer": "sgd", "learning_rate": "invscaling"}, {"solver": "sgd", "momentum": 0.0, "learning_rate": "invscaling"}),
    ({"optimizer": "sgd", "learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 2},
     {"solver": "sgd", "momentum": 0.0, "learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 2}),
    ({"optimizer": "adamw", "solver": "lbfgs", "early_stopping": True}, {"optimizer": "adamw", "early_stopping": True}),
])
def test_an_optimizer_has_the_settings_of_a_solver(by_optimizer, by_solver):
    a, b = classifier(**by_optimizer).fit(X, y), classifier(**by_solver).fit(X, y)
    assert (a.predict_proba(X) == b.predict_proba(X)).all() and a.n_iter_ == b.n_iter_
    assert hasattr(a, "partial_fit")


@pytest.mark.parametrize(("settings", "message"), [
    ({"solver": "lbfgs", "patience": 3}, "patience"), ({"solver": "lbfgs", "schedule": "cosine"}, "schedule"),
    ({"solver": "sgd", "learning_rate": "adaptive", "schedule": "cosine"}, "schedule and learning_rate"),
    ({"optimizer": "lbfgs"}, "solver='lbfgs'"),
])
def test_settings_without_effect_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        classifier(**settings).fit(X, y)


@pytest.mark.parametrize(("settings", "message"), [
    ({"patience": 3}, "patience"), ({"early_stopping": True}, "early_stopping=True"), ({"schedule": "cosine"}, "schedule"),
])
def test_partial_fit_names_what_it_does_not_support(settings, message):
    with pytest.raises(ValueError, match=f"partial_fit does not support {message}$"):
        classifier(**settings).partial_fit(X, y, classes=[0, 1, 2])
