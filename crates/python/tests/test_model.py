"""Networks in words."""

import pickle
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits

from chainrule import Model

X, y = load_digits(return_X_y=True)
IMAGES = (X * 15.9).astype(np.uint8).reshape(-1, 8, 8, 1)


def trained(**settings):
    return Model("dense 32, relu, dense 10", 64, seed=1).fit(X[:1000], y[:1000], **{"epochs": 10, **settings})


def test_a_classifier_learns():
    model = trained()
    result = model.evaluate(X[1000:], y[1000:])
    assert result["accuracy"] > 0.88 and result["loss"] < 1
    assert result["accuracy"] == (model.predict(X[1000:]) == y[1000:]).mean()
    assert np.allclose(model.predict_proba(X[:5]).sum(axis=1), 1, atol=1e-5)
    assert len(model.history_) == 10 and model.history_[-1]["train_loss"] < model.history_[0]["train_loss"]


def test_convolutions_take_bytes():
    model = Model("conv 8 3 padding 1, relu, max-pool 2, flatten, dense 10", (8, 8, 1))
    model.fit(IMAGES[:1000], y[:1000], epochs=8, augment="shift 1")
    assert model.evaluate(IMAGES[1000:], y[1000:])["accuracy"] > 0.85
    assert (model.predict(IMAGES[:9]) == model.predict(IMAGES[:9].reshape(9, -1))).all()


def test_words_labels_and_numbers_are_targets():
    words = np.array(["even", "odd"])[y % 2]
    model = Model("dense 16, tanh, dense 2", 64).fit(X, words, epochs=5)
    assert set(model.predict(X)) == {"even", "odd"}
    labels = np.c_[y % 2 == 0, y > 4]
    model = Model("dense 16, tanh, dense 2", 64).fit(X, labels, epochs=5)
    assert model.predict(X).dtype == bool and (model.predict(X) == labels).mean() > 0.8
    features, target = load_diabetes(return_X_y=True)
    model = Model("dense 16, tanh, dense 1", 10, dtype="float64").fit(features, target, epochs=50)
    assert model.evaluate(features, target)["r2"] > 0.4
    with pytest.raises(ValueError, match="probabilities"):
        model.predict_proba(features)


def test_validation_and_patience_return_the_best_epoch():
    model = trained(validation=(X[1000:], y[1000:]), patience=3)
    assert all(epoch["validation_loss"] is not None for epoch in model.history_)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_files_and_pickles_bring_the_model_back(tmp_path, dtype):
    model = Model("dense 8, batch-norm, relu, dense 10", 64, dtype=dtype).fit(X, y, epochs=2)
    model.save(tmp_path / "model.safetensors")
    again = Model.load(tmp_path / "model.safetensors", dtype=dtype)
    assert (again.predict_proba(X) == model.predict_proba(X)).all()
    assert list(again.classes_) == [str(digit) for digit in range(10)]
    copy = pickle.loads(pickle.dumps(model))
    assert (copy.predict(X) == model.predict(X)).all() and copy.history_ == model.history_
    assert model.to_onnx(tmp_path / "model.onnx") == (tmp_path / "model.onnx").read_bytes()
    assert model.to_onnx(opset=13) != model.to_onnx()
    refused = [({"opset": 12}, "operator set 12"), ({"inputs": "columns"}, "table"), ({"inputs": "x"}, "'matrix'")]
    for given, fault in refused:
        with pytest.raises(ValueError, match=fault):
            model.to_onnx(**given)
    with pytest.raises(ValueError, match="checksum|not"):
        broken = bytearray((tmp_path / "model.safetensors").read_bytes())
        broken[-3] ^= 1
        (tmp_path / "broken").write_bytes(broken)
        Model.load(tmp_path / "broken")


def test_a_file_of_arrays_alone_says_how_python_reads_it(tmp_path):
    header = b'{"0.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}'
    (tmp_path / "arrays").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(ValueError, match="load_state_dict"):
        Model.load(tmp_path / "arrays")


def test_a_model_of_a_table_is_exported_from_its_columns():
    table = Path(__file__).parents[2] / "cli/tests/earlier/model.safetensors"
    model = Model.load(table)
    columns, matrix = model.to_onnx(inputs="columns"), model.to_onnx()
    # A graph names its inputs: the columns, of which one has words, or x.
    assert all(name in columns for name in (b"width", b"colour", b"red")) and columns != matrix


def test_a_state_dict_has_pytorchs_names_and_order():
    model = Model("dense 3, tanh, dense 2", 4, seed=2)
    state = model.state_dict()
    assert {name: array.shape for name, array in state.items()} == {
        "0.weight": (3, 4), "0.bias": (3,), "2.weight": (2, 3), "2.bias": (2,)
    }
    rows = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    by_hand = np.tanh(rows @ state["0.weight"].T + state["0.bias"]) @ state["2.weight"].T + state["2.bias"]
    assert np.allclose(model.predict(rows), by_hand, atol=1e-5)
    other = Model("dense 3, tanh, dense 2", 4, seed=9)
    other.load_state_dict(state)
    assert (other.theta == model.theta).all()
    with pytest.raises(ValueError, match="2.bias"):
        other.load_state_dict({name: state[name] for name in list(state)[:3]})
    with pytest.raises(ValueError, match="shape"):
        other.load_state_dict({**state, "0.weight": np.zeros((3, 5))})
    with pytest.raises(ValueError, match="extra"):
        other.load_state_dict({**state, "extra": np.zeros(1)})


def test_a_notebook_shows_layers_and_curves():
    model = trained(validation=(X[1000:], y[1000:]))
    shown = model._repr_html_()
    assert "dense 32" in shown and shown.count("<polyline") == 2
    assert repr(model) == "Model('dense 32, relu, dense 10', input_shape=(64,))"


@pytest.mark.parametrize("settings", [
    {"optimizer": "adamw"}, {"optimizer": "lbfgs"}, {"schedule": "cosine"}, {"clip": 1.0}, {"weight_decay": 0.1},
    {"loss": "squared-error"}, {"batch_size": 100}, {"threads": 1}, {"sample_weight": np.ones(1000)},
    {"epochs": np.int64(3), "learning_rate": np.float32(0.01)}, {"optimizer": "lbfgs", "weight_decay": 0.0},
])
def test_settings_train(settings):
    assert np.isfinite(trained(**settings).history_[-1]["train_loss"])


@pytest.mark.parametrize(("call", "message"), [
    (lambda: Model("dense", 4), "dense"), (lambda: Model("dense 2", 0), "shape"), (lambda: Model("dense 2", 4, dtype="int8"), "dtype"),
    (lambda: Model("dense 3", 64).fit(X, y), "dense 10"), (lambda: Model("dense 10", 63).fit(X, y), "shape"),
    (lambda: trained(optimizer="magic"), "magic"), (lambda: trained(schedule="magic"), "magic"),
    (lambda: trained(learning_rate=-1.0), "learning_rate"), (lambda: trained(threads=0), "threads"),
    (lambda: Model("dense 10", 64).fit(X, y[:-1]), "targets"), (lambda: Model("dense 10", 64).fit(X * np.nan, y), "NaN"),
    (lambda: trained(loss="cross-entropy").evaluate(X, y + 100), "class"),
    (lambda: trained(learning_rate=np.nan), "learning_rate"), (lambda: trained(clip=0.0), "clip"), (lambda: trained(clip=np.nan), "clip"),
    (lambda: trained(weight_decay=-0.1), "weight_decay"), (lambda: trained(weight_decay=np.nan), "weight_decay"),
    (lambda: trained(epochs=0), "epochs"), (lambda: trained(batch_size=1.5), "batch_size"),
    (lambda: trained(patience=3), "validation"), (lambda: trained(patience=0, validation=(X, y)), "patience"),
    (lambda: trained(loss="binary-cross-entropy", optimizer="lbfgs", weight_decay=0.1), "weight_decay"),
    (lambda: Model("dense 1", 64).fit(X, y * 1.0, loss="cross-entropy"), 'loss="squared-error"'),
    (lambda: trained(augment="flip"), "leave out augment"), (lambda: trained().evaluate(X * 1e37, y), 'dtype="float64"'),
    (lambda: Model("dense 2", 64).fit(X, np.c_[y > 4, y > 5], loss="cross-entropy"), 'loss="binary-cross-entropy"'),
])
def test_bad_input_is_a_value_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(("name", "value"), [
    ("learning_rate", 0.1), ("schedule", "cosine"), ("weight_decay", 0.1), ("clip", 1.0), ("batch_size", 10),
])
def test_lbfgs_refuses_the_settings_that_it_does_not_have(name, value):
    with pytest.raises(ValueError, match=f"lbfgs.*{name}"):
        trained(optimizer="lbfgs", **{name: value})


def test_defaults_are_those_of_the_program():
    usual = trained().history_[-1]["learning_rate"]
    assert usual < 1e-6
    for settings, rate in [({"optimizer": "sgd"}, 0.1), ({"weight_decay": 0.0}, 0.001), ({"learning_rate": 0.02}, 0.02),
                           ({"optimizer": "momentum"}, 0.01)]:
        assert trained(**settings).history_[-1]["learning_rate"] == rate
    # A named optimizer other than AdamW has no weight decay.
    plain, decayed = trained(optimizer="sgd"), trained(optimizer="sgd", weight_decay=0.0)
    assert (plain.theta == decayed.theta).all()
    assert (trained(optimizer="adamw").theta != trained(optimizer="adamw", weight_decay=0.0).theta).any()


def test_a_call_that_fails_or_only_looks_leaves_the_classes():
    features, target = load_diabetes(return_X_y=True)
    model = Model("dense 8, tanh, dense 1", 10).fit(features, target, epochs=5)
    before = model.predict(features)
    model.objective(features, target.astype(int))
    for wrong in (lambda: model.fit(features, target.astype(int)), lambda: model.fit(features[:9], ["a"] * 10)):
        with pytest.raises(ValueError, match="outputs|targets"):
            wrong()
    assert model.classes_ is None and (model.predict(features) == before).all()
    words = Model("dense 2", 64).fit(X, np.array(["even", "odd"])[y % 2], epochs=1)
    with pytest.raises(ValueError, match="a new Model learns others"):
        words.fit(X, y)
    assert set(words.predict(X)) <= {"even", "odd"}
    fresh = Model("dense 10", 64)
    fresh.objective(X, y)
    assert fresh.classes_ is None


def test_a_training_that_a_callback_breaks_off_keeps_its_classes():
    model = Model("dense 2", 64)

    def fails(epoch, loss, metric):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        model.fit(X, np.array(["even", "odd"])[y % 2], on_epoch=fails)
    assert set(model.predict(X)) <= {"even", "odd"} and len(model.history_) == 1


@pytest.mark.parametrize("network", ["dense 8, tanh, dense 1", "dense 8, batch-norm, tanh, dense 1"])
@pytest.mark.parametrize("way", ["pickle", "deepcopy", "file", "state dict"])
def test_a_copy_that_was_not_trained_trains_as_the_original(tmp_path, network, way):
    features, target = load_diabetes(return_X_y=True)
    features = 100 * features + 5
    original = Model(network, 10, seed=3)
    original.save(tmp_path / "model")
    copy = {
        "pickle": lambda: pickle.loads(pickle.dumps(original)), "deepcopy": lambda: deepcopy(original),
        "file": lambda: Model.load(tmp_path / "model"), "state dict": lambda: Model(network, 10, seed=3),
    }[way]()
    if way == "state dict":
        copy.load_state_dict(original.state_dict())
    a, b = (model.fit(features, target, epochs=3) for model in (original, copy))
    assert (a.predict(features) == b.predict(features)).all() and a.history_[-1]["train_loss"] == b.history_[-1]["train_loss"]


def test_parameters_that_are_set_before_the_first_training_act_on_inputs_as_given():
    model = Model("dense 1", 1, dtype="float64")
    model.theta = [2.0, 1.0]
    assert model.predict([[3.0], [10.0]]).tolist() == [7.0, 21.0]
    # The first training starts from them, on inputs and targets of mean 0 and variance 1.
    model.fit([[3.0], [10.0]], [7.0, 21.0], epochs=1, learning_rate=1e-12)
    assert np.allclose(model.predict([[3.0], [10.0]]), [14 + 7 * (1 - 2), 14 + 7 * (1 + 2)])


def test_a_trained_model_keeps_its_classes_and_their_order():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(12, 4)) * 6
    labels = np.repeat(np.arange(12), 20)
    points = centres[labels] + rng.normal(size=(240, 4))
    model = Model("dense 32, relu, dense 12", 4, seed=1).fit(points, labels, epochs=60)
    again = Model.__new__(Model)
    again.__setstate__(model.__getstate__())
    # Names of a file are words in the order of the outputs: '2' comes before '10'.
    again.classes_ = np.array(again._network.classes)
    assert list(again.classes_) == [str(i) for i in range(12)]
    assert again.evaluate(points, labels) == model.evaluate(points, labels)
    assert (again.predict(points) == model.predict(points).astype(str)).all()
    part = labels < 3
    model.fit(points[part], labels[part], epochs=1, optimizer="sgd", learning_rate=1e-12)
    assert len(model.classes_) == 12 and (model.predict(points) == labels).mean() > 0.9
    with pytest.raises(ValueError, match="a new Model learns others"):
        model.fit(points, labels + 1, epochs=1)


def test_fields_of_packed_records_are_read_as_they_are():
    plain = X[:60].astype(np.float64)
    record = np.zeros(60, dtype=[("id", "i4"), ("x", "f8", (64,))])
    record["x"] = plain
    model = Model("dense 10", 64).fit(plain, y[:60], epochs=2)
    assert (model.predict_proba(record["x"]) == model.predict_proba(plain)).all()
    assert model.evaluate(record["x"], y[:60]) == model.evaluate(plain, y[:60])
    theta = np.zeros(model.theta.size, dtype=[("i", "i4"), ("x", "f8")])
    theta["x"] = model.theta
    objective = model.objective(plain, y[:60])
    assert objective.value(np.ascontiguousarray(theta["x"])) == objective.value(model.theta)


def test_what_is_no_answer_is_no_answer():
    model = Model("dense 10", 64).fit(X[:60], y[:60], epochs=2)
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="NaN or infinity in example 0"):
            model.predict(np.full((1, 64), bad))
    with pytest.raises(ValueError, match="axis of examples"):
        model.predict(X[0])
    assert len(model.predict(X[:0])) == 0
    squared = Model("dense 10", 64).fit(X[:60], y[:60], epochs=2, loss="squared-error")
    with pytest.raises(ValueError, match="no probabilities"):
        squared.predict_proba(X[:1])
    assert (Model("dense 10", 64).fit(X[:60], y[:60, None], epochs=1).classes_ == np.arange(10)).all()
    with pytest.raises(ValueError, match="columns of words or integers"):
        Model("dense 2", 64).fit(X[:60], np.c_[y[:60], y[:60]], epochs=1)
    with pytest.raises(ValueError, match="not finite"):
        Model("dense 2", 4, dtype="float64").objective(np.ones((3, 4)), [0, 1, 1]).spectrum(np.full(10, np.nan))
