"""Model.probe: values inside a run, of random graphs and by every way of naming nodes."""

import os
import sys

import numpy as np
import onnx
import pytest

import tauto

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts"))
import lib_models  # noqa: E402
import lib_probes  # noqa: E402
import lib_random_graphs  # noqa: E402

GRAPH = """module g semantics {semantics} func main(%0 "x": f32[N, 40]) -> ("y") {{
  %1 = exp(%0) : f32[N, 40]  # "first"
  %2 = sin(%1) : f32[N, 40]  # "second"
  %3 = mul(%2, %1) : f32[N, 40]  # "second"
  return %3
}}"""


@pytest.fixture(name="model")
def make_model():
    return tauto.parse(GRAPH.format(semantics=tauto.semantics_version))


def test_values_of_all_nodes_in_one_kernel(model):
    x = np.linspace(-1, 1, 120, dtype=np.float32).reshape(3, 40)
    (result,), values = model.probe([x])
    assert [v["op"] for v in values] == ["exp", "sin", "mul"]
    assert len({v["kernel"] for v in values}) == 1
    assert values[2]["value"].tobytes() == result.tobytes() == model(x).tobytes()
    assert all(v["computed"] is None and v["reason"] == "" for v in values)
    assert lib_probes.complaints(model, [x]) == (3, [])


@pytest.mark.parametrize("nodes, ops", [
    ([2], ["sin"]), (["second"], ["sin", "mul"]), ([("main", 1), "first"], ["exp"]), ([], [])])
def test_nodes_by_number_and_by_source(model, nodes, ops):
    _, values = model.probe([np.ones((2, 40), np.float32)], nodes)
    assert [v["op"] for v in values] == ops


def test_what_has_no_value_says_why(model):
    (_,), (value,) = model.probe([np.ones((2, 40), np.float32)], [0])
    assert value["value"] is None
    assert value["reason"] == "the program does not compute it"


def test_apart_is_another_program_of_the_same_bits(model):
    x = np.linspace(-1, 1, 80, dtype=np.float32).reshape(2, 40)
    (result,), values = model.probe([x], apart=["first"])
    assert result.tobytes() == model(x).tobytes()
    assert len({v["kernel"] for v in values}) == 2


@pytest.mark.parametrize("nodes, message", [
    ([7], "probe: function @main: required a node in 0..3, got 7"),
    (["third"], 'probe: required the name of a node of the model, got "third"'),
    ([("other", 0)], 'probe: required a function of the compiled graph, got "other"')])
def test_unknown_nodes(model, nodes, message):
    with pytest.raises(tauto.Error) as error:
        model.probe([np.ones((2, 40), np.float32)], nodes)
    assert str(error.value) == message


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_random_graphs(first):
    compared = 0
    for seed in range(first, first + 20):
        graph = lib_random_graphs.make(seed)
        try:
            model = tauto.load(graph.model)
            model.run(graph.inputs[0])
        except tauto.Error:
            continue  # the law compares the errors
        values, wrong = lib_probes.complaints(model, graph.inputs[0], threads=1 + seed % 2)
        assert not wrong, f"seed {seed}: {wrong[0]}"
        compared += values
    assert compared > 100


@pytest.mark.parametrize("name", ["blazeface-front", "silero-v5", "oww-embedding", "ppocr-cls", "yolov8n-320"])
def test_public_networks(name):
    model = next(m for m in lib_models.public_models() if m.name == name) if lib_models.public_names() else None
    if model is None or not os.path.exists(model.path):
        pytest.skip("no real models: run `make models` once")
    inputs = lib_models.load_case(model, model.cases[0], onnx.load(model.path))[0]
    values, wrong = lib_probes.complaints(tauto.load(model.path), inputs, threads=2)
    assert values > 20 and not wrong, wrong[:3]
