"""Programs with a mistake: made on demand, told where, gone without."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from test_foreign import convolutions

import tauto

GRAPH = """module g semantics {semantics} func main(%0 "x": f32[N, 40]) -> ("y") {{
  %1 = exp(%0) : f32[N, 40]  # "first"
  %2 = reduce_sum(%1) {{axes: [1], keepdims: 1}} : f32[N, 1]  # "sum"
  %3 = div(%1, %2) : f32[N, 40]  # "last"
  return %3
}}"""


@pytest.fixture(name="model")
def make_model():
    return tauto.parse(GRAPH.format(semantics=tauto.semantics_version))


def test_a_lost_term_is_told_and_noticed(model):
    x = np.linspace(-1, 1, 120, dtype=np.float32).reshape(3, 40)
    want = model(x)
    faulty = tauto._faulty(model, [x], "lost term", 5)
    assert faulty.run([x])[0].tobytes() != want.tobytes()
    site = faulty.site
    assert (site["kind"], site["stage"], site["function"], site["seed"]) == ("lost term", "lowering", "main", 5)
    assert site["sources"] == ["first", "sum", "last"] and site["nodes"] == [1, 2, 3] and "one term short" in site["what"]
    assert tauto._faulty(model, [x], "lost term", 5).site == site
    (result,), values = faulty.probe([x])
    assert result.tobytes() == faulty.run([x])[0].tobytes()
    assert [v["reason"] for v in values if v["value"] is None] == ["its kernel has a fault"] * 2
    assert model(x).tobytes() == want.tobytes()


def test_kinds_have_stages_half_of_them_below_the_schedules():
    kinds = tauto._fault_kinds()
    assert len({name for name, _ in kinds}) == len(kinds) >= 15
    below = [name for name, stage in kinds if stage not in ("lowering", "schedule")]
    assert 2 * len(below) >= len(kinds)


def test_no_place_and_no_such_kind(model):
    x = np.ones((3, 40), np.float32)
    with pytest.raises(tauto.Error, match="fault padding off by one: required a program with a place for it, got none"):
        tauto._faulty(model, [x], "padding off by one", 0)
    with pytest.raises(tauto.Error, match='fault: required one of "missing activation"'):
        tauto._faulty(model, [x], "lost sock", 0)


def dense() -> bytes:
    """x -> three products of 24 x 24 with relu, of which the last row of the second matrix is -0, and a sum of columns."""
    random = np.random.default_rng(8)
    weights = [random.standard_normal((24, 24)).astype(np.float32) / 5 for _ in range(3)]
    weights[1][-1] = np.float32(-0.0)
    nodes = []
    for i in range(3):
        nodes += [helper.make_node("MatMul", [f"x{i}" if i else "x", f"w{i}"], [f"m{i}"], name=f"product {i}"),
                  helper.make_node("Relu", [f"m{i}"], [f"x{i + 1}"], name=f"relu {i}")]
    nodes.append(helper.make_node("ReduceSum", ["x3"], ["y"], name="sum", keepdims=0))
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 24])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [])],
                              [numpy_helper.from_array(w, f"w{i}") for i, w in enumerate(weights)])
    return helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


def hard_inputs(shape: tuple[int, ...]) -> list[np.ndarray]:
    random = np.random.default_rng(21)
    plain = [random.standard_normal(shape).astype(np.float32) for _ in range(6)]
    few = [random.choice(np.float32([0, -0.0, 1, -1, 1e-45, 3e38]), shape) for _ in range(4)]
    rare = [np.where(random.random(shape) < 0.05, random.choice(np.float32([np.nan, np.inf, -np.inf]), shape), x) for x in plain]
    return plain + few + [x.astype(np.float32) for x in rare]


@pytest.mark.parametrize("net", ["dense", "convolutions", "softmax"])
def test_what_is_proved_is_so_and_of_what_differs_a_difference_is_found(net, monkeypatch):
    """The law of a proof: no input tells a mutant that is proved equivalent. Of those that some input tells none is proved."""
    monkeypatch.setenv("TAUTO_CACHE", "off")
    if net == "softmax":
        model, shape = tauto.parse(GRAPH.format(semantics=tauto.semantics_version)), (3, 40)
    else:
        model, shape = tauto.load(dense() if net == "dense" else convolutions()), (1, 24) if net == "dense" else (1, 3, 12, 12)
    inputs = hard_inputs(shape)
    want = [model.run([x], interpret=True)[0].tobytes() for x in inputs]
    proved, told, open_ = [], 0, 0
    for kind, _ in tauto._fault_kinds():
        for seed in range(3):
            try:
                faulty = tauto._faulty(model, [inputs[0]], kind, seed)
            except tauto.Error:
                continue
            found = faulty.prove([inputs[0]])
            differs = any(faulty.run([x])[0].tobytes() != y for x, y in zip(inputs, want))
            where = f"{kind} {seed}: {faulty.site['what']}: {found}"
            assert not (found["proved"] and differs), where
            assert found["reason"] and not (found["proved"] and found["differs"]), where
            proved += [found["reason"].partition(":")[0]] * found["proved"]
            told += differs
            open_ += not found["proved"] and not differs and not found["differs"]
    assert told >= 20 and open_ <= 8, (told, open_, proved)
    if net == "dense":  # reads and writes one memory; the row of zeros of either sign
        assert {"computes the same terms over its argument", "the kernel computes the same terms"} <= set(proved), proved
