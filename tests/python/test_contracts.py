"""Rewrites that are not exact: who is asked, what they say, what they do."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import tauto

PIXELS, CHANNELS = 28, 64


@pytest.fixture(scope="module")
def model():
    random = np.random.default_rng(0)
    weights = [numpy_helper.from_array((random.normal(size=(CHANNELS, CHANNELS, 3, 3)) * 0.05).astype(np.float32), name)
               for name in ("v", "w")]
    nodes = [helper.make_node("Conv", ["x", "v"], ["a"], name="first", pads=[1, 1, 1, 1]),
             helper.make_node("Relu", ["a"], ["b"], name="act"),
             helper.make_node("Conv", ["b", "w"], ["y"], name="second", pads=[1, 1, 1, 1])]
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", CHANNELS, "H", "W"]) for name in "xy"]
    graph = helper.make_graph(nodes, "two", shapes[:1], shapes[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


@pytest.fixture
def x():
    return np.random.default_rng(1).normal(size=(2, CHANNELS, PIXELS, PIXELS)).astype(np.float32)


def test_by_default_nothing_changes_results(model):
    assert [e for e in tauto.load(model).ledger() if e["contract"] != "exact"] == []


def test_an_allowed_rewrite_is_a_program_of_its_own(model, x):
    plain, winograd = tauto.load(model), tauto.load(model, allow=["winograd"])
    entries = [e for e in winograd.ledger() if e["contract"] == "rounding"]
    assert [e["sources"] for e in entries] == [["first"], ["second"]]
    y = winograd(x)
    assert y.tobytes() == winograd.run([x], interpret=True)[0].tobytes()
    assert y.tobytes() == winograd.run([x], threads=2)[0].tobytes()
    assert y.tobytes() == np.concatenate([winograd(x[:1]), winograd(x[1:])]).tobytes()
    assert y.tobytes() != plain(x).tobytes()
    np.testing.assert_allclose(y, plain(x), atol=1e-4)


def test_saved_it_keeps_its_ledger_and_its_bits(model, x, tmp_path):
    winograd = tauto.load(model, allow=["winograd"])
    path = tmp_path / "m.tauto"
    winograd.save(str(path))
    again = tauto.load(path)
    assert again(x).tobytes() == winograd(x).tobytes()
    saved = [e["pass"] for e in again.ledger()]
    assert saved.count("winograd") == 2 and "fuse" in saved and "schedule" in saved


def test_what_is_cached_knows_what_was_allowed(model, x, tmp_path, monkeypatch):
    monkeypatch.setenv("TAUTO_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "m.onnx"
    onnx.save(model, path)
    bits = []
    for _ in range(2):
        for allow in ([], ["winograd"]):
            bits.append(tauto.load(path, allow=allow)(x).tobytes())
    assert bits[0] == bits[2] and bits[1] == bits[3] and bits[0] != bits[1]


def test_replays_keep_their_contracts(model, x):
    replays = tauto.load(model).replay([x[:1]], allow=["winograd"])
    rounding = [r for r in replays if not r["exact"]]
    assert len(rounding) == 10 and {r["inputs"] for r in rounding} >= {"captured", "tiny"}
    assert all(r["beyond"] == 0 and not r["why_not"] for r in replays)
    captured = [r for r in rounding if r["inputs"] == "captured"]
    # What is measured stays below what was promised for these inputs, and that below what ranges promise.
    assert all(r["consumed_error"] < r["produced_error"] < r["bound"] < r["range_bound"] < 0.1 for r in captured)


def test_unknown_names_are_refused(model):
    with pytest.raises(tauto.Error, match=r'load: allow: required names of rewrites \(.*winograd.*\), got "fast-math"'):
        tauto.load(model, allow=["fast-math"])
