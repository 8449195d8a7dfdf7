"""Every architecture has the shape it says, and its compiled graph says what Keras says."""

from __future__ import annotations

import numpy as np
import pytest

from streamdetect.bundles.architecture import Architecture
from streamdetect.errors import BundleError, ConfigError
from streamdetect.training.architectures import RECIPES, build, compilable
from streamdetect.training.export import difference, export
from streamdetect.training.settings import TrainingSettings

SMALL = (6, 4)


@pytest.fixture(scope="module")
def keras():
    pytest.importorskip("tensorflow")
    from streamdetect.bundles.tensorflow import load_keras  # noqa: PLC0415 - after the check that it is there

    return load_keras()


@pytest.fixture(scope="module")
def windows():
    return np.random.default_rng(0).normal(size=(130, 10, 2)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "activation"),
    [(name, activation) for name, recipe in RECIPES.items() for activation in recipe.activations],
)
def test_the_compiled_graph_agrees_with_keras(keras, tmp_path, windows, name, activation):
    keras.utils.set_random_seed(0)
    architecture = Architecture(name, units=SMALL, activation=activation)
    model = build(architecture, 10, 2)
    graph = export(model, tmp_path, compilable(architecture, model))
    found = difference(model, graph, windows)
    assert found.relative < 1e-5
    assert np.allclose(graph(windows), model.predict_on_batch(windows), atol=1e-5)
    rows = np.concatenate([graph(windows[at : at + 1]) for at in range(len(windows))])
    assert np.array_equal(graph(windows), rows)


def test_a_graph_that_differs_is_refused(keras, tmp_path, windows):
    keras.utils.set_random_seed(0)
    architecture = Architecture("dense", units=SMALL)
    graph = export(build(architecture, 10, 2), tmp_path)
    other = build(architecture, 10, 2)  # its own weights
    with pytest.raises(BundleError, match=r"compiled graph: must be within 0\.0001 of Keras"):
        difference(other, graph, windows)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("latent", [0, 3])
def test_the_latent_layer_can_be_cut_out(keras, name, latent):
    model = build(Architecture(name, units=SMALL, latent=latent), 10, 2)
    encoder = keras.Model(model.input, model.get_layer("latent").output)
    shape = encoder(np.zeros((5, 10, 2), dtype=np.float32)).shape
    own = {"conv": (5, 3, 4), "bidirectional": (5, 8)}.get(name, (5, 4))
    assert tuple(shape) == ((5, 3) if latent else own)


@pytest.mark.parametrize("time_steps", [1, 2, 3, 4, 5, 7, 8, 21, 30])
@pytest.mark.parametrize("latent", [0, 3])
def test_conv_takes_any_window(keras, time_steps, latent):
    assert keras is not None
    model = build(Architecture("conv", units=SMALL, latent=latent), time_steps, 2)
    assert model.output_shape == (None, time_steps, 2)


def test_the_recipes(keras):
    assert keras is not None
    parameters = {name: build(Architecture(name), 20, 1).count_params() for name in RECIPES}
    assert parameters["lstm"] == parameters["dropout"] == 49_985  # LSTM(64) → LSTM(64) → Dense(1)
    assert parameters["stacked"] == 62_529  # 64 → 32 → 32 → 64
    model = build(Architecture("dropout"), 30, 1)
    assert [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)] == [0.2, 0.2]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"name": "transformer"}, "name"),
        ({"activation": "elu"}, "activation"),
        ({"name": "lstm", "activation": "linear"}, "activation"),
        ({"units": (64, 0)}, "units"),
        ({"units": (10**6,)}, "units"),
        ({"latent": -1}, "latent"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": float("nan")}, "dropout"),
        ({"kernel": 0}, "kernel"),
    ],
)
def test_an_option_out_of_range(options, field):
    with pytest.raises(ConfigError) as caught:
        TrainingSettings(Architecture(**options))
    assert [problem.path for problem in caught.value.problems] == [f"architecture.{field}"]
