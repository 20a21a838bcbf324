"""The estimators among scikit-learn's other tools, and beside its own perceptrons."""

import pickle
import threading
import time
import warnings

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from chainrule import Model
from chainrule.sklearn import MLPClassifier, MLPRegressor
from common import classifier, quiet  # noqa: F401

X, y = load_iris(return_X_y=True)
WORDS = np.array(["setosa", "versicolor", "virginica"])[y]


@pytest.mark.parametrize(("ours", "theirs"), [(MLPClassifier, TheirClassifier), (MLPRegressor, TheirRegressor)])
def test_parameters_have_the_names_and_defaults_of_scikit_learn(ours, theirs):
    mine = ours().get_params()
    assert {name: mine[name] for name in theirs().get_params()} == theirs().get_params()


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("settings", [{}, {"alpha": 10.0}, {"activation": "logistic"}])
def test_a_full_batch_comes_to_the_loss_of_scikit_learn(solver, settings):
    scaled = StandardScaler().fit_transform(X)
    rounds = {"max_iter": 2000, "tol": 1e-7, "n_iter_no_change": 50, "solver": solver, "alpha": 1.0, "batch_size": len(X)}
    rounds |= {"learning_rate_init": 0.02 if solver == "adam" else 0.2, "random_state": 0, **settings}
    theirs = TheirClassifier(**rounds).fit(scaled, y)
    ours = MLPClassifier(standardize=False, **rounds).fit(scaled, y)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=0.03)
    assert np.abs(ours.predict_proba(scaled) - theirs.predict_proba(scaled)).max() < 0.1


@pytest.mark.parametrize("alpha", [0.0, 5.0])
def test_the_loss_is_that_of_scikit_learn_at_the_same_weights(alpha):
    ours = classifier(alpha=alpha, standardize=False, max_iter=1, batch_size=len(X), solver="sgd", learning_rate_init=1e-12)
    ours.fit(X, y, sample_weight=np.linspace(0.5, 2, len(X)))
    p, w = ours.predict_proba(X)[np.arange(len(X)), y], np.linspace(0.5, 2, len(X))
    penalty = sum((coef**2).sum() for coef in ours.coefs_)
    assert ours.loss_ == pytest.approx(np.average(-np.log(p), weights=w) + 0.5 * alpha * penalty / w.sum(), rel=1e-9)


def test_the_loss_of_a_regression_is_half_the_squared_error():
    features, target = load_diabetes(return_X_y=True)
    target = target / 100
    ours = MLPRegressor(
        alpha=3.0, standardize=False, max_iter=1, batch_size=len(target), solver="sgd", learning_rate_init=1e-12,
        random_state=0,
    ).fit(features, target)
    penalty = sum((coef**2).sum() for coef in ours.coefs_)
    half = 0.5 * ((ours.predict(features) - target) ** 2).mean()
    assert ours.loss_ == pytest.approx(half + 0.5 * 3.0 * penalty / len(target), rel=1e-9)


def test_poisson_is_the_deviance_of_scikit_learn():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 2))
    counts = rng.poisson(np.exp(0.5 * features[:, 0] + 0.2))
    settings = {"loss": "poisson", "solver": "lbfgs", "hidden_layer_sizes": (8,), "alpha": 1.0, "random_state": 0, "max_iter": 500}
    ours, theirs = MLPRegressor(**settings).fit(features, counts), TheirRegressor(**settings).fit(features, counts)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=0.03)
    assert (ours.predict(features) > 0).all()
    with pytest.raises(ValueError, match="y >= 0"):
        ours.fit(features, -counts - 1.0)


def test_coefficients_are_for_inputs_as_they_are_given():
    regressor = MLPRegressor(max_iter=20, activation="tanh", random_state=0)
    features, target = load_diabetes(return_X_y=True)
    predicted = regressor.fit(features * 100 + 5, target).predict(features * 100 + 5)
    (w1, w2), (b1, b2) = regressor.coefs_, regressor.intercepts_
    by_hand = np.tanh((features * 100 + 5) @ w1 + b1) @ w2 + b2
    assert np.allclose(by_hand[:, 0], predicted, rtol=1e-4, atol=1e-3)
    with pytest.raises(AttributeError):
        _ = classifier(network="dense 4, batch-norm, relu").fit(X, y).coefs_


def test_pipelines_searches_and_scores_work():
    pipeline = make_pipeline(StandardScaler(), classifier())
    assert cross_val_score(pipeline, X, WORDS, cv=3).mean() > 0.9
    search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [1e-4, 1.0], "mlpclassifier__dropout": [0.0, 0.1]}, cv=3, n_jobs=2)
    assert search.fit(X, WORDS).best_score_ > 0.9
    assert set(search.predict(X)) <= set(WORDS)


@pytest.mark.parametrize("settings", [{}, {"batch_size": 32}, {"network": "dense 8, batch-norm, relu"}])
def test_a_copy_continues_as_the_original(settings, tmp_path):
    original = classifier(**settings).fit(X, WORDS)
    joblib.dump(original, tmp_path / "model")
    for copy in (pickle.loads(pickle.dumps(original)), joblib.load(tmp_path / "model")):
        assert (copy.predict_proba(X) == original.predict_proba(X)).all()
        a, b = pickle.loads(pickle.dumps(original)).partial_fit(X, WORDS), copy.partial_fit(X, WORDS)
        assert (a.predict_proba(X) == b.predict_proba(X)).all()
    assert not hasattr(clone(original), "classes_")


def test_the_result_does_not_depend_on_threads():
    features, digit = load_digits(return_X_y=True)
    p = [classifier(threads=threads, max_iter=3).fit(features, digit).predict_proba(features) for threads in (1, 2, 3)]
    assert (p[0] == p[1]).all() and (p[0] == p[2]).all()


def test_partial_fit_moves_on_like_fit():
    whole = classifier(max_iter=1, shuffle=False).fit(X, y)
    parts = classifier(shuffle=False).partial_fit(X, y, classes=[0, 1, 2])
    assert (whole.predict_proba(X) == parts.predict_proba(X)).all()
    for _ in range(60):
        parts.partial_fit(X[::2], y[::2])
    assert parts.score(X, y) > 0.9 and parts.t_ == len(X) + 60 * 75
    with pytest.raises(ValueError, match="classes"):
        classifier().partial_fit(X, y)
    with pytest.raises(ValueError, match="classes"):
        parts.partial_fit(X, y + 1)
    assert not hasattr(classifier(solver="lbfgs"), "partial_fit")


def test_warm_start_continues():
    warm = classifier(warm_start=True, max_iter=5)
    losses = [warm.fit(X, y).loss_ for _ in range(5)]
    assert losses[-1] < 0.7 * losses[0] and len(warm.loss_curve_) == 25
    cold = classifier(max_iter=5)
    assert cold.fit(X, y).loss_ == cold.fit(X, y).loss_


def test_early_stopping_returns_to_the_best_epoch():
    early = classifier(early_stopping=True, max_iter=500, n_iter_no_change=5).fit(X, y)
    assert early.n_iter_ < 500 and early.best_validation_score_ == max(early.validation_scores_)
    patient = classifier(patience=5, max_iter=500, batch_size=16, learning_rate_init=0.05).fit(X, y)
    assert patient.n_iter_ < 500 and patient.score(X, y) > 0.9
    with pytest.raises(ValueError, match="early_stopping"):
        classifier(early_stopping=True).partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="validation set is too small"):
        MLPRegressor(early_stopping=True, validation_fraction=0.001).fit(X, y)


@pytest.mark.parametrize("rate", ["invscaling", "adaptive"])
def test_learning_rates_of_sgd_fall(rate):
    sgd = classifier(solver="sgd", learning_rate=rate, learning_rate_init=0.5, max_iter=400, tol=1e-3, standardize=True)
    sgd.fit(X, y)
    assert np.isfinite(sgd.loss_) and sgd.loss_ < 0.5
    assert rate == "invscaling" or sgd.n_iter_ < 400


@pytest.mark.parametrize("settings", [
    {"optimizer": "adamw"}, {"optimizer": "rmsprop", "schedule": "cosine"}, {"schedule": "one-cycle"}, {"dropout": 0.2},
    {"activation": "gelu"}, {"network": "dense 32, batch-norm, relu, dropout 0.1"}, {"class_weight": "balanced"},
    {"class_weight": {0: 1, 1: 2, 2: 1}}, {"dtype": "float64"}, {"dtype": "float32"},
])
def test_the_settings_beyond_scikit_learn_train(settings):
    assert classifier(**settings).fit(X, y).score(X, y) > 0.9


def test_convolutions_take_images():
    features, digit = load_digits(return_X_y=True)
    network = classifier(network="conv 8 3 padding 1, relu, max-pool 2, flatten", input_shape=(8, 8, 1), max_iter=10, batch_size=50)
    assert network.fit(features, digit).score(features, digit) > 0.95
    with pytest.raises(ValueError, match="flatten"):
        classifier(network="conv 8 3", input_shape=(8, 8, 1)).fit(features, digit)
    with pytest.raises(ValueError, match="input_shape"):
        classifier(input_shape=(7, 8)).fit(features, digit)


def test_labels_and_several_targets_are_learned():
    features, labels = make_multilabel_classification(300, 10, n_classes=4, random_state=0)
    several = classifier(max_iter=200).fit(features, labels)
    assert several.predict(features).shape == labels.shape and several.predict_proba(features).shape == labels.shape
    assert (several.predict(features) == labels).mean() > 0.9
    features, target = load_diabetes(return_X_y=True)
    both = MLPRegressor(random_state=0).fit(features, np.c_[target, -target])
    assert both.predict(features).shape == (len(target), 2)
    assert np.corrcoef(both.predict(features).T)[0, 1] < -0.9


def test_frames_give_names_and_refuse_categories():
    frame = pd.DataFrame(X, columns=list("abcd"))
    fitted = classifier().fit(frame, pd.Series(WORDS))
    assert list(fitted.feature_names_in_) == list("abcd")
    assert (fitted.predict(frame) == fitted.predict(pl.DataFrame(frame.to_dict("list")))).all()
    with pytest.warns(UserWarning, match="feature names"):
        fitted.predict(X)
    with pytest.raises(ValueError, match="names"):
        fitted.predict(frame[list("dcba")])
    for words in (frame.assign(c=WORDS), frame.assign(c=pd.Categorical(WORDS)), pl.DataFrame({"c": list(WORDS)})):
        with pytest.raises(ValueError, match="column 'c'"):
            classifier().fit(words, y)


@pytest.mark.parametrize(("settings", "message"), [
    ({"alpha": -1}, "alpha"), ({"solver": "magic"}, "solver"), ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes"),
    ({"activation": "magic"}, "magic"), ({"optimizer": "magic"}, "magic"), ({"schedule": "magic"}, "magic"),
    ({"network": "dense"}, "network"), ({"dropout": 1.0}, "dropout"), ({"threads": 0}, "threads"),
    ({"hidden_layer_sizes": (10**9, 10**9)}, "network"), ({"random_state": "a"}, "random_state"),
])
def test_bad_settings_are_refused_by_name(settings, message):
    with pytest.raises(ValueError, match=message):
        classifier(**settings).fit(X, y)


def test_a_network_that_is_too_large_for_memory_is_refused():
    with pytest.raises(MemoryError, match="GB"):
        classifier(hidden_layer_sizes=(10**6, 10**6)).fit(X, y)
    with pytest.raises(MemoryError, match="GB"):
        Model("dense 1000000, relu, dense 1000000", 4)


def test_bad_input_is_refused_in_the_words_of_scikit_learn():
    fitted = classifier().fit(X, y)
    with pytest.raises(ValueError, match="NaN"):
        fitted.predict(np.full((1, 4), np.nan))
    with pytest.raises(ValueError, match="4 features"):
        fitted.predict(np.zeros((1, 5)))
    with pytest.raises(ValueError, match="non-finite"):
        classifier(solver="sgd", learning_rate_init=1e30, standardize=False).fit(X * 1e9, y)
    with pytest.raises(ValueError, match="weight"):
        classifier().fit(X, y, sample_weight=-np.ones(len(X)))
    with pytest.raises(ValueError, match="weight"):
        classifier().fit(X, y, sample_weight=np.zeros(len(X)))


def test_other_threads_run_while_one_trains():
    counted, stop = [0], threading.Event()

    def count():
        while not stop.is_set():
            counted[0] += 1
            time.sleep(0.001)

    counter = threading.Thread(target=count)
    counter.start()
    start = time.perf_counter()
    classifier(max_iter=10, tol=0, threads=1, hidden_layer_sizes=(256, 256)).fit(*load_digits(return_X_y=True))
    seconds = time.perf_counter() - start
    stop.set()
    counter.join()
    assert counted[0] > 50 * seconds


def test_a_callback_sees_each_epoch_and_ends_the_run():
    seen = []
    classifier(on_epoch=lambda epoch, loss, score: seen.append((epoch, loss)) or epoch == 7).fit(X, y)
    assert [epoch for epoch, _ in seen] == list(range(1, 8)) and seen[-1][1] < seen[0][1]

    def fails(*_):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        classifier(on_epoch=fails).fit(X, y)


def test_verbose_prints_what_scikit_learn_prints(capsys):
    classifier(verbose=True, max_iter=2, early_stopping=True).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Iteration 1, loss = ") and lines[1].startswith("Validation score: ")


def test_too_few_epochs_warn():
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        warnings.simplefilter("always")
        classifier(max_iter=2).fit(X, y)


def test_held_out_rows_are_predicted_as_well_as_by_scikit_learn():
    features, digit = load_digits(return_X_y=True)
    train, test, a, b = train_test_split(features, digit, random_state=0, stratify=digit)
    ours = MLPClassifier(random_state=0).fit(train, a).score(test, b)
    assert ours > TheirClassifier(random_state=0).fit(train, a).score(test, b) - 0.01
