"""Model.memory: weights once, packed once, and a block of what is alive."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import tauto


def test_a_chain_of_layers_holds_its_weights_once_and_two_values():
    random = np.random.default_rng(1)
    nodes, weights, before = [], [], "x"
    for i in range(6):
        weights.append(numpy_helper.from_array(random.normal(size=(256, 256)).astype(np.float32), f"w{i}"))
        nodes += [helper.make_node("MatMul", [before, f"w{i}"], [f"m{i}"]), helper.make_node("Tanh", [f"m{i}"], [f"y{i}"])]
        before = f"y{i}"
    graph = helper.make_graph(nodes, "chain", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 256])],
                              [helper.make_tensor_value_info(before, TensorProto.FLOAT, ["N", 256])], weights)
    model = tauto.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]))
    use = model.memory([np.ones((64, 256), np.float32)])
    assert use["weights"] == 6 * 256 * 256 * 4
    assert use["weights"] <= use["constants"] <= 1.01 * use["weights"]
    assert use["liveness"] == 2 * 64 * 256 * 4
    assert use["liveness"] <= use["block"] <= 1.2 * use["liveness"]
    assert 0 < use["code"] < 1 << 20
    onnx.checker.check_graph(graph)
