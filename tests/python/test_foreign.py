"""Programs with a mistake judged by bounds alone: which node, which stage; and none where there is no mistake."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import tauto

SOFTMAX = """module g semantics {semantics} func main(%0 "x": f32[N, 40]) -> ("y") {{
  %1 = exp(%0) : f32[N, 40]  # "first"
  %2 = reduce_sum(%1) {{axes: [1], keepdims: 1}} : f32[N, 1]  # "sum"
  %3 = div(%1, %2) : f32[N, 40]  # "last"
  return %3
}}"""


def convolutions() -> bytes:
    """x -> Conv -> Relu -> Conv -> y, 16 channels of 12 x 12."""
    random = np.random.default_rng(3)
    weights = [random.standard_normal((16, c, 3, 3)).astype(np.float32) for c in (3, 16)]
    nodes = [helper.make_node("Conv", ["x", "w0", "b"], ["a"], name="one", pads=[1] * 4),
             helper.make_node("Relu", ["a"], ["r"], name="act"),
             helper.make_node("Conv", ["r", "w1"], ["y"], name="two", pads=[1] * 4)]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 12, 12])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 16, 12, 12])],
                              [numpy_helper.from_array(weights[0], "w0"), numpy_helper.from_array(weights[1], "w1"),
                               numpy_helper.from_array(random.standard_normal(16).astype(np.float32), "b")])
    return helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


@pytest.fixture(name="net")
def make_net(monkeypatch):
    monkeypatch.setenv("TAUTO_CACHE", "off")
    return tauto.load(convolutions()), np.random.default_rng(4).standard_normal((1, 3, 12, 12)).astype(np.float32)


# Of each stage one mistake that has a place in the network.
KINDS = ["missing activation", "lost K tail", "lost FMA", "shared register", "wrong sign of a weight", "argument off by an element",
         "dropped last chunk of a thread"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ["any", "ours"])
def test_the_node_and_the_stage_are_named(net, kind, order):
    model, x = net
    faulty = tauto._faulty(model, [x], kind, 2)
    bad = tauto._Judge(order).check(faulty, [x], stage=True)
    site = faulty.site
    assert bad is not None and bad["function"] == site["function"] and bad["node"] in site["nodes"]
    assert bad["ratio"] > 1 and bad["outside"] > 0
    assert bad["stage"] == site["stage"] and bad["kernel"] == site["kernel"]


def test_a_mistake_that_changes_nothing_is_legal(net):
    model, x = net
    faulty = tauto._faulty(model, [x], "doubled activation", 0)   # relu of relu
    judge = tauto._Judge("ours")
    assert judge.check(faulty, [x]) is None and judge.looked == 2   # the two kernels' results: the kernel with the mistake stays as it is


def test_one_judge_sees_many_programs(net):
    """What is known of the values of one is used for the next: it says the same as a fresh judge."""
    model, x = net
    judge = tauto._Judge()
    for seed in range(6):
        for kind in ("lost FMA", "swapped loads", "truncation to bf16"):
            faulty = tauto._faulty(model, [x], kind, seed)
            assert judge.check(faulty, [x]) == tauto._Judge().check(faulty, [x])


def test_a_value_that_is_not_told_is_carried_as_an_interval():
    """The mistake's kernel is three nodes of which only the last is seen."""
    model = tauto.parse(SOFTMAX.format(semantics=tauto.semantics_version))
    x = np.linspace(-1, 1, 120, dtype=np.float32).reshape(3, 40)
    faulty = tauto._faulty(model, [x], "lost term", 5)
    bad = tauto._Judge().check(faulty, [x], stage=True)
    assert (bad["node"], bad["op"], bad["stage"]) == (3, "div", "lowering")
    assert "elements are illegal" in bad["why"]


def test_the_order_is_one_of_two():
    with pytest.raises(tauto.Error, match='judge: required the order "any" or "ours", got "mine"'):
        tauto._Judge("mine")


def test_bodies_of_loops_are_followed():
    """The mistake is in the body of a scan."""
    scan = helper.make_graph(
        [helper.make_node("MatMul", ["s", "w"], ["m"], name="inner"), helper.make_node("Add", ["m", "i"], ["t"], name="sum"),
         helper.make_node("Tanh", ["t"], ["n"], name="tanh"), helper.make_node("Identity", ["n"], ["o"])],
        "body", [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 32]) for n in ("s", "i")],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 32]) for n in ("n", "o")])
    w = np.random.default_rng(1).standard_normal((32, 32)).astype(np.float32) / 6
    graph = helper.make_graph(
        [helper.make_node("Scan", ["s0", "x"], ["last", "all"], num_scan_inputs=1, body=scan, name="scan")], "g",
        [helper.make_tensor_value_info("s0", TensorProto.FLOAT, [1, 32]), helper.make_tensor_value_info("x", TensorProto.FLOAT, [5, 1, 32])],
        [helper.make_tensor_value_info("last", TensorProto.FLOAT, [1, 32]), helper.make_tensor_value_info("all", TensorProto.FLOAT, [5, 1, 32])],
        [numpy_helper.from_array(w, "w")])
    model = tauto.load(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())
    random = np.random.default_rng(2)
    inputs = {"s0": random.standard_normal((1, 32)).astype(np.float32), "x": random.standard_normal((5, 1, 32)).astype(np.float32)}
    faulty = tauto._faulty(model, inputs, "lost K tail", 0)
    bad = tauto._Judge("ours").check(faulty, inputs, stage=True)
    assert bad["function"] == faulty.site["function"] != "main" and bad["node"] in faulty.site["nodes"]
    assert bad["stage"] == "schedule"
