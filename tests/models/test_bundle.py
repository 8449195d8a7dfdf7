"""A bundle is believed only as far as its hashes and rules go."""

from __future__ import annotations

import hashlib
import json
import os
import shutil

import numpy as np
import pytest

from streamdetect.bundles.bundle import GENERAL, MAX_MANIFEST_BYTES, Bundle
from streamdetect.bundles.manifest import Manifest
from streamdetect.errors import BundleError

FILES = ("bundle.json", "model.keras", "model.onnx")
MODELS = FILES[1:]


@pytest.fixture
def copy(tmp_path):
    """A copy of the shipped bundle, to be damaged."""
    return shutil.copytree(Bundle.load(GENERAL).path, tmp_path / "bundle")


def edit(bundle, *keys, value):
    """Set one value of bundle.json."""
    manifest = json.loads((bundle / "bundle.json").read_text())
    place = manifest
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    (bundle / "bundle.json").write_text(json.dumps(manifest))


def replace(bundle, name, content):
    """Put another model file in, with its true size and hash."""
    (bundle / name).write_bytes(content)
    entry = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    edit(bundle, "files", name, value=entry)


def refused(path, *said):
    with pytest.raises(BundleError) as caught:
        Bundle.load(path)
    for words in said:
        assert words in str(caught.value)


def test_the_shipped_bundle_loads_by_name_and_by_path(copy):
    named, copied = Bundle.load("general"), Bundle.load(copy)
    assert named.manifest == copied.manifest
    digest = hashlib.sha256((copy / "bundle.json").read_bytes()).hexdigest()
    assert named.fingerprint == copied.fingerprint == digest[:16]


def test_the_shipped_bundle_is_small_and_says_what_it_is():
    bundle = Bundle.load(GENERAL)
    assert sum((bundle.path / name).stat().st_size for name in FILES) < 1 << 20
    assert bundle.manifest.scaling.kind == "sensor"
    assert bundle.manifest.features == ("value",)
    assert bundle.manifest.graph_difference.relative < 1e-4


def holds(whole, part):
    """Tell whether everything in `part` is in `whole`, too."""
    if isinstance(part, dict):
        return all(name in whole and holds(whole[name], part[name]) for name in part)
    return whole == part


def test_what_is_written_is_what_was_read(copy):
    manifest = Bundle.load(copy).manifest
    said = json.loads(manifest.to_bytes())
    read = json.loads((copy / "bundle.json").read_bytes())
    assert Manifest.model_validate_json(manifest.to_bytes()) == manifest
    assert holds(said, read)  # a key that came later stands at its default


def test_any_change_of_the_manifest_changes_the_fingerprint(copy):
    before = Bundle.load(copy).fingerprint
    edit(copy, "created", value="2000-01-01T00:00:00Z")
    assert Bundle.load(copy).fingerprint != before


def test_no_directory(tmp_path):
    refused(tmp_path / "nowhere", "nowhere", "must be the directory of a bundle")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file(copy, name):
    (copy / name).unlink()
    refused(copy, name, "must be a readable plain file")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("place", [0, 100, -1])
def test_one_flipped_bit(copy, name, place):
    content = bytearray((copy / name).read_bytes())
    content[place] ^= 1
    (copy / name).write_bytes(content)
    refused(copy, name, "SHA-256 must be")


@pytest.mark.parametrize("name", MODELS)
def test_a_truncated_file(copy, name):
    (copy / name).write_bytes((copy / name).read_bytes()[:-1])
    refused(copy, name, "SHA-256 must be")


@pytest.mark.parametrize("name", MODELS)
def test_a_file_larger_than_it_was(copy, name):
    with (copy / name).open("ab") as file:
        file.truncate(1 << 40)  # sparse: it would not fit into memory
    refused(copy, name, "must be at most")


@pytest.mark.parametrize("name", FILES)
def test_a_link_is_not_followed(copy, name):
    (copy / name).rename(copy.parent / name)
    (copy / name).symlink_to(copy.parent / name)
    refused(copy, name, "must be a readable plain file")


@pytest.mark.parametrize("name", FILES)
def test_a_pipe_does_not_block(copy, name):
    (copy / name).unlink()
    os.mkfifo(copy / name)
    refused(copy, name, "must be a plain file")


def test_a_manifest_past_the_limit(copy):
    (copy / "bundle.json").write_bytes(b" " * (MAX_MANIFEST_BYTES + 1))
    refused(copy, "bundle.json", f"must be at most {MAX_MANIFEST_BYTES} bytes")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_a_manifest_that_is_no_json_object(copy, text):
    (copy / "bundle.json").write_bytes(text)
    refused(copy, "bundle.json")


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("format",), 2),
        (("format",), "1"),
        (("created",), "yesterday"),
        (("time_steps",), 0),
        (("time_steps",), 10**9),
        (("time_steps",), 16.5),
        (("time_steps",), True),
        (("time_steps",), "16"),
        (("features",), []),
        (("features",), [""]),
        (("error",), "rmse"),
        (("architecture", "name"), "../etc"),
        (("architecture", "units"), [0]),
        (("architecture", "dropout"), 1.0),
        (("architecture", "surprise"), 1),
        (("scaling", "kind"), "magic"),
        (("scaling", "surprise"), 1),
        (("scaling", "history"), 0),
        (("training_error", "mean"), float("nan")),
        (("training_error", "mean"), float("inf")),
        (("training_error", "std"), -1.0),
        (("training_error", "std"), None),
        (("training_error", "count"), 0),
        (("training_error", "quantiles", "0.9"), float("nan")),
        (("training_error", "quantiles", "0.123"), 1.0),
        (("training_error", "quantiles"), {"0.5": 1.0}),
        (("training_error", "feature_means"), [1e999]),
        (("training", "learning_rate"), "fast"),
        (("training", "surprise"), 1),
        (("versions", "keras"), 3),
        (("files", "model.onnx", "sha256"), "abc"),
        (("files", "model.onnx", "sha256"), "G" * 64),
        (("files", "model.onnx", "bytes"), 1 << 40),
        (("files", "model.onnx", "bytes"), 0),
        (("files", "../model.onnx"), {"sha256": "0" * 64, "bytes": 1}),
        (("files", "model.h5"), {"sha256": "0" * 64, "bytes": 1}),
        (("surprise",), 1),
    ],
)
def test_a_broken_rule_names_field_and_value(copy, keys, value):
    edit(copy, *keys, value=value)
    refused(copy, "bundle.json: ", keys[-1])


@pytest.mark.parametrize("key", ["format", "features", "scaling", "training_error", "files", "versions"])
def test_a_missing_key(copy, key):
    manifest = json.loads((copy / "bundle.json").read_text())
    del manifest[key]
    (copy / "bundle.json").write_text(json.dumps(manifest))
    refused(copy, f"bundle.json: {key}: ")


@pytest.mark.parametrize(
    ("scaling", "said"),
    [
        ({"kind": "affine", "offset": [], "scale": [], "history": 1}, "1 numbers each"),
        ({"kind": "affine", "offset": [1.0], "scale": [1.0, 2.0], "history": 1}, "1 numbers each"),
        ({"kind": "affine", "offset": [1.0], "scale": [0.0], "history": 1}, "scale must be from"),
        ({"kind": "affine", "offset": [float("nan")], "scale": [1.0], "history": 1}, "finite"),
        ({"kind": "sensor", "offset": [1.0], "scale": [1.0], "history": 1}, "0 numbers each"),
    ],
)
def test_a_scaling_that_does_not_fit(copy, scaling, said):
    edit(copy, "scaling", value=scaling)
    refused(copy, "scaling", said)


def test_parts_that_do_not_fit_each_other(copy):
    edit(copy, "features", value=["a", "b"])
    refused(copy, "feature_means", "must hold 2")
    edit(copy, "features", value=["a", "a"])
    refused(copy, "names must differ")


def test_every_broken_rule_is_named_at_once(copy):
    edit(copy, "time_steps", value=0)
    edit(copy, "error", value="rmse")
    refused(copy, "time_steps", "error")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("scaling", "history"), 10**30),
        (("scaling", "history"), 0),
        (("training_error", "mean"), 1e300),
        (("training_error", "count"), 1 << 60),
        (("training", "seed"), 1 << 70),
        (("training", "max_gap"), 1e30),
        (("architecture", "latent"), 10**30),
        (("graph_difference", "relative"), 1e300),
        (("time_steps",), 10**30),
        (("features",), ["\x1b[2J"]),
    ],
    ids=str,
)
def test_every_number_has_bounds_and_every_name_can_be_printed(copy, path, value):
    edit(copy, *path, value=value)
    with pytest.raises(BundleError, match=r"bundle\.json: ") as caught:
        Bundle.load(copy)
    assert "\x1b" not in str(caught.value)


def test_a_model_is_parsed_only_after_its_hash_held(copy):
    (copy / "model.onnx").write_bytes(b"no graph")
    refused(copy, "SHA-256 must be")
    replace(copy, "model.onnx", b"no graph")
    with pytest.raises(BundleError, match=r"model\.onnx: must be an ONNX model"):
        Bundle.load(copy).reconstructor()


def test_a_model_that_changes_after_loading_is_not_parsed(copy):
    bundle = Bundle.load(copy)
    (copy / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(BundleError, match="SHA-256 must be"):
        bundle.reconstructor()


def test_a_graph_of_another_shape(copy):
    edit(copy, "time_steps", value=Bundle.load(copy).manifest.time_steps + 1)
    with pytest.raises(BundleError, match=r"model\.onnx: must load in onnx"):
        Bundle.load(copy).reconstructor()


def test_the_reconstructor_takes_what_the_manifest_says():
    bundle = Bundle.load(GENERAL)
    windows = np.zeros((3, bundle.manifest.time_steps, 1), dtype=np.float32)
    assert bundle.reconstructor()(windows).shape == windows.shape
