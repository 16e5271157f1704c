"""Blame of quantizers and the search for precisions: sums that must add up, programs that must hold."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import tauto


def mlp(tmp_path, relu=True, layers=3, wide=24, classes=5, seed=0):
    random = np.random.default_rng(seed)
    nodes, init, value = [], [], "x"
    for i in range(layers):
        last = i == layers - 1
        out = classes if last else wide
        init += [numpy_helper.from_array((random.normal(size=(wide, out)) / np.sqrt(wide)).astype(np.float32), f"w{i}"),
                 numpy_helper.from_array((random.normal(size=out) * 0.1).astype(np.float32), f"b{i}")]
        nodes.append(helper.make_node("Gemm", [value, f"w{i}", f"b{i}"], [f"g{i}" if not last else "y"], name=f"layer{i}"))
        value = f"g{i}"
        if relu and not last:
            nodes.append(helper.make_node("Relu", [value], [f"r{i}"]))
            value = f"r{i}"
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", wide])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", classes])], init)
    path = tmp_path / "mlp.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def drawn(count, wide=24, seed=1):
    return {"x": np.random.default_rng(seed).normal(size=(count, wide)).astype(np.float32)}


@pytest.mark.parametrize("spec", ["int8", "int4,tensor", "int2,a4", "int1", "int8,dynamic", "bf16", "f16"])
def test_contributions_and_residual_are_the_change(tmp_path, spec):
    path = mlp(tmp_path)
    q = tauto.quantize(path, spec, drawn(50))
    x = drawn(1, seed=3)
    r = q.blame(x, {0: 1.0, 3: -1.0}, steps=64)
    f32, low = tauto.load(path)(x["x"])[0], q.load()(x["x"])[0]
    assert r.source == pytest.approx(float(f32[0]) - float(f32[3]), abs=1e-6)
    assert r.quantized == pytest.approx(float(low[0]) - float(low[3]), abs=1e-6)
    assert sum(c.total for c in r.contributions) + r.residual == pytest.approx(r.quantized - r.source, abs=1e-9)
    assert {c.node for c in r.contributions} == {"layer0", "layer1", "layer2"}
    size = sum(abs(c.total) for c in r.contributions)
    assert abs(r.residual) <= 0.05 * size + 1e-6, r


def test_without_kinks_one_step_is_exact(tmp_path):
    q = tauto.quantize(mlp(tmp_path, relu=False), "int4,a4", drawn(50))
    r = q.blame(drawn(1, seed=4), {1: 1.0}, steps=1)
    assert abs(r.residual) <= 1e-4 * sum(abs(c.total) for c in r.contributions)


def test_one_layer_by_hand(tmp_path):
    path = mlp(tmp_path, layers=1)
    q = tauto.quantize(path, "int4", drawn(50))
    x = drawn(1, seed=5)["x"]
    constants = {i.name: numpy_helper.to_array(i) for i in onnx.load_from_string(q.to_onnx()).graph.initializer}
    s, z = constants["x/scale"], int(constants["x/zero"])
    rounded = ((np.clip(np.rint(x / s) + z, 0, 255) - z) * np.float64(s)).astype(np.float64)
    w = next(numpy_helper.to_array(i) for i in onnx.load(path).graph.initializer if i.name == "w0").astype(np.float64)
    wq = constants["layer0/weights"] * constants["layer0/weight_scale"].astype(np.float64)
    (c,) = q.blame({"x": x}, {2: 1.0}, steps=1).contributions
    assert c.activations == pytest.approx(((rounded - x) @ w)[0, 2], abs=1e-5)
    assert c.weights == pytest.approx((rounded @ (wq - w))[0, 2], abs=0.01)   # with the bias, rounded to an integer


def test_what_is_found_was_run_and_holds(tmp_path):
    path = mlp(tmp_path, layers=5)
    q = tauto.quantize(path, "int2", drawn(50))
    data = drawn(4000, seed=6)
    s = q.search(data, "top1", "flips=40% confidence=95%", timed=False)
    assert s.quantized is not None and s.validations[-1].fresh and s.validations[-1].holds
    assert not any(v.fresh for v in s.validations[:-1])
    truth, found = tauto.load(path)(data["x"]).argmax(1), s.quantized.load()(data["x"]).argmax(1)
    fresh = s.validations[-1].samples                                 # the half that holds whole batches is searched on
    assert int((truth != found)[-fresh:].sum()) == s.validations[-1].flips and 2000 <= fresh < 2064
    assert s.validations[-1].flips / fresh < s.validations[-1].upper <= 0.4
    kept = [n.name for n in s.quantized.nodes if n.precision == "f32"]
    assert sorted(kept) == sorted(s.validations[-1].kept) and 0 < len(kept) < 5
    first = s.validations[0]
    assert first.kept == [] and not first.holds                       # all of them in two bits is too much
    assert "does not hold" in s.report and " fresh " in s.report
    again = q.search(data, "top1", "flips=40% confidence=95%", timed=False)
    assert again.quantized == s.quantized


def test_a_bound_that_nothing_keeps(tmp_path):
    q = tauto.quantize(mlp(tmp_path), "int1", drawn(50))
    s = q.search(drawn(800, seed=6), "top1", "flips=1% confidence=95%", timed=False)
    assert s.quantized is None and "no program with fewer bits holds: f32 stays" in s.report


def test_budgets_that_the_samples_cannot_support(tmp_path):
    q = tauto.quantize(mlp(tmp_path), "int8", drawn(50))
    with pytest.raises(tauto.Error) as error:
        q.search(drawn(500), "top1", "flips=0.1% confidence=95%")
    assert str(error.value) == ("--require: flips <= 0.1 % at 95 % needs at least 5,990 inputs, one half to search on and one to verify on; 500 were given")


def test_mistakes_in_blame(tmp_path):
    q = tauto.quantize(mlp(tmp_path), "int8", drawn(50))
    for kwargs, said in [({"terms": {7: 1.0}}, "blame: terms: required elements from 0 to 4, got 7"),
                         ({"terms": {0: 1.0}, "output": 1}, "blame: output: required less than 1, got 1")]:
        with pytest.raises(tauto.Error) as error:
            q.blame(drawn(1), **kwargs)
        assert str(error.value) == said


def test_slower_nodes_stay_f32_and_the_plan_says_how_much(tmp_path):
    """Measured here, so only what must be true of any measurement."""
    q = tauto.quantize(mlp(tmp_path, wide=256, layers=2), "int8", drawn(50, wide=256), measure=True)
    for node in q.nodes:
        assert node.precision.startswith("int8") or " times as slow as f32 in int8," in node.reason
    with pytest.raises(tauto.Error, match="quantize: measure: required data, got none"):
        tauto.quantize(mlp(tmp_path), "bf16", measure=True)
